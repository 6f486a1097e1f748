package pop3fetch

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"heimpost/pop3fetch/pop3d"
	"heimpost/store/faultfs"
)

// sweeps are faults that come at one step of a round: at a call of the store's
// file system, a statement on its index, or a command that the provider gets.
var sweeps = []struct {
	name string
	// at says whether a step can go wrong so; op is that of a faultfs.Call, or
	// "pop3" for a command.
	at func(op, name string) bool
	// strike lets it go wrong, and gives the error of a call.
	strike func(w *world) error
	// every is how many steps apart the fault comes outside of soaks.
	every int
}{
	{"killed", anyStep, func(w *world) error { w.fs.Crash(false); return nil }, 9},
	{"power cut", anyStep, func(w *world) error { w.fs.Crash(true); return nil }, 9},
	{"disk full", changes, func(*world) error { return syscall.ENOSPC }, 4},
	{"disk error", changes, func(*world) error { return syscall.EIO }, 4},
	{"SQLite error", statements, func(*world) error { return syscall.EIO }, 4},
}

func anyStep(string, string) bool { return true }

// changes are the calls that can fail for want of space or by a bad disk.
func changes(op, _ string) bool {
	for _, c := range changing {
		if op == c {
			return true
		}
	}
	return false
}

// statements are those that can fail: what ends a transaction that failed
// always works.
func statements(op, name string) bool {
	return op == "sql" && !strings.HasPrefix(name, "ROLLBACK") && !strings.HasPrefix(name, "RELEASE") && !strings.HasPrefix(name, "PRAGMA")
}

// TestEveryStep lets one round, which retrieves, compares and deletes in
// several batches, go wrong at each of its steps, one after another. Afterwards
// every mail is stored once, and at no time was one deleted at the provider
// that was not.
func TestEveryStep(t *testing.T) {
	in := memDir(t)
	for i, s := range sweeps {
		t.Run(s.name, func(t *testing.T) {
			every, worlds := s.every, 1
			switch {
			case os.Getenv("HEIMPOST_SOAK") != "":
				every, worlds = 1, 4
			case testing.Short(), raceEnabled:
				every *= 8
			}
			for world := range worlds {
				run := func(n int) (steps int) {
					steps, wrong := oneStep(in, uint64(10*world+i), n, s.at, s.strike)
					if wrong != "" {
						t.Errorf("%s at step %d of world %d: %s", s.name, n, world, wrong)
					}
					return steps
				}
				total, runs := run(0), 0
				for n := 1 + int(time.Now().UnixNano()%int64(every)); n <= total && !t.Failed(); n += every {
					run(n)
					runs++
				}
				t.Logf("%d of %d steps", runs, total)
				if total < 20 {
					t.Errorf("only %d steps", total)
				}
			}
		})
	}
}

// oneStep runs a world in which the n-th step of a round goes wrong; 0: none.
// It gives how many steps the round had.
func oneStep(in string, seed uint64, n int, at func(op, name string) bool, strike func(*world) error) (steps int, wrong string) {
	w, err := newWorld(in, 1_000_000+seed)
	if err != nil {
		return 0, err.Error()
	}
	defer w.end()
	defer func() {
		if p := recover(); p != nil {
			text, is := p.(failure)
			if !is {
				panic(p)
			}
			wrong = string(text) + "\n  " + strings.Join(w.log, "\n  ")
		}
	}()
	more := func(mails int) {
		for goal := len(w.want) + mails; len(w.want) < goal; {
			w.deliver()
		}
	}
	w.drop.Gmail, w.drop.Session = false, 0
	w.hub.account.Keep, w.hub.account.User = 1, w.drop.User
	more(3)
	w.round(nil)
	w.safe()
	w.advance(48 * time.Hour)
	more(5)
	w.hub.account.Keep = KeepNever
	var mu sync.Mutex // steps come from several goroutines
	step := func(op, name string) (error, bool) {
		mu.Lock()
		defer mu.Unlock()
		if !at(op, name) {
			return nil, false
		}
		if steps++; steps != n {
			return nil, false
		}
		w.logf("step %d: %s %s", n, op, name)
		return strike(w), true
	}
	w.fs.Before(func(c faultfs.Call) error {
		err, _ := step(c.Op, c.Name)
		if err != nil {
			err = fmt.Errorf("injected: %w", err)
		}
		return err
	})
	w.round(&fault{name: "step", on: func(c *pop3d.Command) bool {
		_, struck := step("pop3", c.Verb)
		if struck {
			c.Vanish()
		}
		return struck
	}})
	w.safe()
	w.settle()
	o := &outcome{seed: seed}
	w.judge(o)
	if o.failed() {
		return steps, o.String() + strings.Join(w.log, "\n  ")
	}
	return steps, ""
}
