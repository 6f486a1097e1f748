package main

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"heimpost/peertest"
	"heimpost/pop3fetch/pop3d"
)

// injected are system calls at which strace lets the program go wrong, and
// how.
var injected = []struct {
	name, calls string
	faults      []string
}{
	{"write", "write,pwrite64", []string{"signal=KILL", "error=ENOSPC", "error=EIO"}},
	{"sync", "fsync,fdatasync,syncfs", []string{"signal=KILL", "error=EIO"}},
	{"rename", "rename,renameat,renameat2,link,linkat", []string{"signal=KILL", "error=ENOSPC", "error=EIO"}},
	{"open", "openat", []string{"signal=KILL", "error=ENOSPC", "error=EMFILE"}},
	{"read", "read,pread64", []string{"signal=KILL", "error=EIO"}},
	{"lock", "fcntl,flock,ftruncate,unlink,unlinkat", []string{"signal=KILL", "error=EIO"}},
}

// TestInjected drains with the built binary while strace kills it at random
// system calls or lets them fail: each mail arrives exactly once, and none is
// deleted at the provider that is not stored.
func TestInjected(t *testing.T) {
	strace := peertest.Need(t, "strace")
	if out, err := exec.Command(strace, "-f", "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		t.Skipf("SKIPPED, NOT TESTED: strace may not trace here: %v: %s", err, out)
	}
	random := seeded(t)
	drop := pop3d.NewMaildrop("marko@example.org", "pw")
	port := provider(t, pop3d.Options{}, drop)
	w := worldIn(t, filepath.Join(peertest.MemDir(t), "data"))
	w.household(drop, port, "--keep", "never")
	arrived, came := 0, map[string]int{}
	runs := kills(t, 24)
	for range runs {
		for range 1 + random.IntN(4) {
			drop.Deliver(mail(fmt.Sprint("mail-", arrived)))
			arrived++
		}
		call := injected[random.IntN(len(injected))]
		fault := call.faults[random.IntN(len(call.faults))]
		// strace counts per thread, so small numbers reach most threads.
		when := 1 + random.IntN([]int{4, 20, 60}[random.IntN(3)])
		c := w.command("", "fetch")
		c.Args = append([]string{strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + call.calls,
			"-e", fmt.Sprintf("inject=%s:%s:when=%d", call.calls, fault, when), binary}, c.Args[1:]...)
		c.Path = strace
		var exit *exec.ExitError
		switch out, err := c.CombinedOutput(); {
		case err == nil:
			came["nothing was noticed"]++
		case errors.As(err, &exit) && exit.ExitCode() == -1:
			came["killed"]++
		case errors.As(err, &exit):
			came["it said what was wrong"]++
			if call.name != "write" && len(strings.TrimSpace(string(out))) == 0 {
				t.Errorf("%s at %s: exit code %d without a word", fault, call.name, exit.ExitCode())
			}
			if strings.Contains(string(out), "goroutine ") {
				t.Errorf("%s at %s %d: %.3000s", fault, call.name, when, out)
			}
		default:
			t.Fatal(err)
		}
	}
	w.run("fetch")
	s := w.serve()
	got := s.subjects("INBOX")
	for i := range arrived {
		if n := got[fmt.Sprint("mail-", i)]; n != 1 {
			t.Errorf("mail-%d is there %d times", i, n)
		}
	}
	if len(got) != arrived || len(drop.Held()) != 0 {
		t.Errorf("%d mails here, %d of %d at the provider", len(got), len(drop.Held()), arrived)
	}
	s.stop()
	w.verify()
	t.Logf("%d runs: %v; %d mails", runs, came, arrived)
}
