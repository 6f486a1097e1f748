// Command compare lets the same provider go wrong in the same ways before
// Heimpost, fetchmail, getmail6 and mpop, and counts for each how many mails
// were lost and how many came more than once.
//
//	scripts/go run ./bench/compare [-json]
//
// Each schedule is a fresh maildrop: mail is fetched, more arrives, one round
// goes wrong, and then rounds follow in which nothing does. Every schedule runs
// once with mail deleted at the provider and once with mail kept there.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"text/tabwriter"
)

// tally is what became of the mails of some schedules.
type tally struct {
	Program   string `json:"program"`
	Fault     string `json:"fault,omitempty"`
	Schedules int    `json:"schedules"`
	Mails     int    `json:"mails"`
	Lost      int    `json:"lost"`       // neither here nor at the provider, or here in pieces only
	Twice     int    `json:"duplicated"` // copies beyond the first
	Damaged   int    `json:"damaged"`    // copies that are not what was sent
	Left      int    `json:"left"`       // not fetched, though every round since went well
	Hung      int    `json:"hung"`       // rounds that did not end by themselves
}

func (t *tally) add(o tally) {
	t.Schedules += o.Schedules
	t.Mails += o.Mails
	t.Lost += o.Lost
	t.Twice += o.Twice
	t.Damaged += o.Damaged
	t.Left += o.Left
	t.Hung += o.Hung
}

func main() {
	deliver := flag.String("mda", "", "deliver standard input into this Maildir: what fetchmail calls")
	program := flag.String("heimpost", "", "the built program; empty: build it")
	asJSON := flag.Bool("json", false, "print JSON")
	flag.Parse()
	if *deliver != "" {
		if err := mda(*deliver); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(75) // EX_TEMPFAIL
		}
		return
	}
	if err := run(*program, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(program string, asJSON bool) error {
	work, err := os.MkdirTemp("", "hpcompare")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.Chmod(work, 0o755); err != nil { // getmail delivers as another user
		return err
	}
	if program == "" {
		program = filepath.Join(work, "heimpost")
		if out, err := exec.Command("go", "build", "-tags", "sqlite_fts5", "-o", program, "./cmd/heimpost").CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w: %s", err, out)
		}
	}
	programs, err := fetchers(program)
	if err != nil {
		return err
	}
	type job struct{ p, s int }
	all := schedules()
	jobs := make(chan job)
	results := map[job]tally{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed error
	for range 2 {
		wg.Go(func() {
			for j := range jobs {
				t, err := all[j.s].run(programs[j.p], filepath.Join(work, fmt.Sprintf("%d-%d", j.p, j.s)))
				mu.Lock()
				if err != nil {
					failed = errors.Join(failed, fmt.Errorf("%s, %s: %w", programs[j.p].name, all[j.s].fault, err))
				}
				results[j] = t
				mu.Unlock()
			}
		})
	}
	for s := range all {
		for p := range programs {
			jobs <- job{p, s}
		}
	}
	close(jobs)
	wg.Wait()
	if failed != nil {
		return failed
	}
	var sums, parts []tally
	for p, program := range programs {
		sum := tally{Program: program.name}
		byFault := map[string]*tally{}
		var order []string
		for s, schedule := range all {
			t := results[job{p, s}]
			sum.add(t)
			if byFault[schedule.fault] == nil {
				byFault[schedule.fault] = &tally{Program: program.name, Fault: schedule.fault}
				order = append(order, schedule.fault)
			}
			byFault[schedule.fault].add(t)
		}
		sums = append(sums, sum)
		for _, fault := range order {
			parts = append(parts, *byFault[fault])
		}
	}
	if asJSON {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		return out.Encode(append(sums, parts...))
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "program\tschedules\tmails\tlost\tduplicated\tdamaged\tnot fetched\trounds hung\t")
	for _, t := range sums {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", t.Program, t.Schedules, t.Mails, t.Lost, t.Twice, t.Damaged, t.Left, t.Hung)
	}
	w.Flush()
	fmt.Println("\nnot fetched: still at the provider after two good rounds. Heimpost leaves a message that broke a session alone for an hour.")
	fmt.Println("\nwhere it was not right: lost / duplicated / damaged / not fetched")
	w = tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, t := range parts {
		if t.Lost+t.Twice+t.Damaged+t.Left > 0 {
			fmt.Fprintf(w, "%s\t%s\t%d / %d / %d / %d\tof %d mails\n", t.Program, t.Fault, t.Lost, t.Twice, t.Damaged, t.Left, t.Mails)
		}
	}
	return w.Flush()
}
