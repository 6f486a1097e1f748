package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/pop3fetch/pop3d"
)

// kills is how many times a sweep kills the program.
func kills(t *testing.T, usual int) int {
	if n, err := strconv.Atoi(os.Getenv("HEIMPOST_KILLS")); err == nil {
		return n
	}
	if soak() {
		return 250
	}
	if testing.Short() {
		return usual / 4
	}
	return usual
}

// seeded gives random numbers that can be had again.
func seeded(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("HEIMPOST_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("HEIMPOST_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// subjects counts the mails of a mailbox by subject.
func (s *server) subjects(mailbox string) map[string]int {
	s.w.t.Helper()
	c := s.login("marko", "secret", nil)
	defer c.Close()
	if _, err := c.Select(mailbox, &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		s.w.t.Fatal(err)
	}
	var all imap.SeqSet
	all.AddRange(1, 0)
	mails, err := c.Fetch(all, &imap.FetchOptions{Envelope: true}).Collect()
	if err != nil {
		s.w.t.Fatal(err)
	}
	out := map[string]int{}
	for _, m := range mails {
		out[m.Envelope.Subject]++
	}
	return out
}

// The drain is killed at every step of the protocol, and at moments between
// them: each mail arrives exactly once, and nothing is deleted at the provider
// that is not stored.
func TestKilledDrain(t *testing.T) {
	random := seeded(t)
	var mu sync.Mutex
	var victim *exec.Cmd // the fetch that runs
	left := 0            // commands until it is killed
	var after time.Duration
	drop := pop3d.NewMaildrop("marko@example.org", "pw")
	port := provider(t, pop3d.Options{Script: func(int) pop3d.Script {
		return pop3d.Script{On: func(c *pop3d.Command) {
			mu.Lock()
			defer mu.Unlock()
			if victim == nil || c.Verb == "" {
				return
			}
			if left--; left == 0 {
				process := victim.Process
				if after == 0 {
					process.Kill()
				} else {
					time.AfterFunc(after, func() { process.Kill() })
				}
			}
		}}
	}}, drop)
	w := newWorld(t)
	w.household(drop, port, "--keep", "never")

	var arrived []string
	deliver := func(n int) {
		for range n {
			subject := fmt.Sprint("mail-", len(arrived))
			arrived = append(arrived, subject)
			drop.Deliver(mail(subject))
		}
	}
	const some = 6
	deliver(some)
	step, killed := 1, 0
	for want := kills(t, 36); killed < want; step++ {
		c := w.command("", "fetch")
		mu.Lock()
		victim, left, after = c, step, time.Duration(random.Int64N(int64(8*time.Millisecond)))
		if random.IntN(3) == 0 {
			after = 0
		}
		if err := c.Start(); err != nil {
			mu.Unlock()
			t.Fatal(err)
		}
		mu.Unlock()
		c.Wait()
		mu.Lock()
		reached := left <= 0
		victim = nil
		mu.Unlock()
		if c.ProcessState.ExitCode() == -1 {
			killed++
		}
		if !reached { // the round has fewer steps: begin anew, with new mail
			step = 0
			deliver(some)
		} else if random.IntN(4) == 0 {
			deliver(1)
		}
		if t.Failed() {
			return
		}
	}
	w.run("fetch")
	s := w.serve()
	got := s.subjects("INBOX")
	for _, subject := range arrived {
		if got[subject] != 1 {
			t.Errorf("%s is there %d times", subject, got[subject])
		}
	}
	if len(got) != len(arrived) || len(drop.Held()) != 0 {
		t.Errorf("%d mails here, %d of %d at the provider", len(got), len(drop.Held()), len(arrived))
	}
	s.stop()
	w.verify()
	t.Logf("killed %d times, %d mails", killed, len(arrived))
}

// The hub is killed while clients append: what was answered with OK is there
// exactly once, what was not at most once.
func TestKilledAppend(t *testing.T) {
	random := seeded(t)
	w := newWorld(t)
	w.runIn("secret\n", "person", "add", "marko", "--password-stdin")
	const clients = 3
	var mu sync.Mutex
	answered := map[string]bool{}
	n := kills(t, 12)
	for round := range n {
		s := w.serve()
		life := time.Duration(random.Int64N(int64(60 * time.Millisecond)))
		var ready, wg sync.WaitGroup
		ready.Add(clients)
		for client := range clients {
			wg.Go(func() {
				c, err := s.tryLogin("marko", "secret", nil)
				ready.Done()
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				for i := 0; ; i++ {
					subject := fmt.Sprintf("r%d-c%d-%d", round, client, i)
					mu.Lock()
					answered[subject] = false
					mu.Unlock()
					if tryAppend(c, "INBOX", subject) != nil {
						return // killed
					}
					mu.Lock()
					answered[subject] = true
					mu.Unlock()
				}
			})
		}
		ready.Wait()
		time.AfterFunc(life, func() { s.cmd.Process.Kill() })
		wg.Wait()
		<-s.done
		if t.Failed() {
			return
		}
	}
	s := w.serve()
	got := s.subjects("INBOX")
	stored, asked := 0, 0
	for subject, ok := range answered {
		if ok {
			asked++
		}
		stored += got[subject]
		if n := got[subject]; n > 1 || ok && n != 1 {
			t.Errorf("%s (answered: %v) is there %d times", subject, ok, n)
		}
		delete(got, subject)
	}
	if len(got) > 0 {
		t.Errorf("mails that nobody appended: %v", got)
	}
	s.stop()
	w.verify()
	t.Logf("killed %d times; %d appends answered, %d stored", n, asked, stored)
}
