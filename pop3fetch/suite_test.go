package pop3fetch

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// failedOnce are seeds of schedules that once failed, with what they found.
var failedOnce = map[string]uint64{
	"orphans come back after a second power cut":    585,
	"a failure is remembered of what is stored":     683,
	"an expunged mail's file comes back after that": 847,
	"a reply that nobody asked for begins a mail":   9255,
}

// TestSchedules runs random schedules of deliveries, faults at the provider,
// on the way, on the disk and in the index, of kills and power cuts, against
// the model: in the end every mail is stored exactly once with equal bytes,
// and what was deleted at the provider is a subset of it.
//
//	HEIMPOST_SEED=n       runs the schedule with that seed, alone
//	HEIMPOST_SCHEDULES=n  runs so many, from that seed or the first
func TestSchedules(t *testing.T) {
	first, n := uint64(1), 1000
	switch {
	case os.Getenv("HEIMPOST_SOAK") != "":
		n = 10_000
	case testing.Short(), raceEnabled:
		n = 60
	}
	if seed := os.Getenv("HEIMPOST_SEED"); seed != "" {
		var err error
		if first, err = strconv.ParseUint(seed, 10, 64); err != nil {
			t.Fatal(err)
		}
		n = 1
	}
	if many := os.Getenv("HEIMPOST_SCHEDULES"); many != "" {
		var err error
		if n, err = strconv.Atoi(many); err != nil {
			t.Fatal(err)
		}
	}
	runSchedules(t, first, n)
}

// TestSchedulesThatFailed runs each seed that ever failed.
func TestSchedulesThatFailed(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(failedOnce)) {
		t.Run(name, func(t *testing.T) { runSchedules(t, failedOnce[name], 1) })
	}
}

func runSchedules(t *testing.T, first uint64, n int) {
	in := memDir(t)
	seeds := make(chan uint64)
	outcomes := make(chan *outcome)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for seed := range seeds {
				outcomes <- schedule(in, seed)
			}
		})
	}
	go func() {
		for i := range n {
			seeds <- first + uint64(i)
		}
		close(seeds)
		workers.Wait()
		close(outcomes)
	}()
	var sum outcome
	sum.injected = map[string]int{}
	failed := 0
	for o := range outcomes {
		sum.rounds += o.rounds
		sum.delivered += o.delivered
		sum.lost += o.lost
		sum.twice += o.twice
		sum.changed += o.changed
		sum.retrieved += o.retrieved
		for name, k := range o.injected {
			if !strings.HasPrefix(name, "connection ") {
				sum.injected[name] += k
			}
		}
		if n == 1 {
			t.Log(strings.Join(o.log, "\n"))
		}
		if o.failed() {
			if failed++; failed <= 5 {
				t.Errorf("%v", o)
			}
		}
	}
	faults := 0
	var kinds []string
	for _, name := range slices.Sorted(maps.Keys(sum.injected)) {
		faults += sum.injected[name]
		kinds = append(kinds, fmt.Sprintf("%s %d", name, sum.injected[name]))
	}
	t.Logf("seeds %d to %d: %d schedules, %d rounds, %d faults injected (%s)", first, first+uint64(n)-1, n, sum.rounds, faults, strings.Join(kinds, ", "))
	t.Logf("%d mails delivered, lost %d, duplicated %d, changed %d; %d schedules failed", sum.delivered, sum.lost, sum.twice, sum.changed, failed)
}
