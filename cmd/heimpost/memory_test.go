package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"testing"
	"time"

	"heimpost/pop3fetch/pop3d"
	"heimpost/pop3fetch/pop3d/mailgen"
)

// most gives the most memory that the process has ever had resident.
func (s *server) most() int64 {
	s.w.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.w.t.Fatal(err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		s.w.t.Fatalf("no VmHWM in %s", status)
	}
	n, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		s.w.t.Fatal(err)
	}
	return n << 10
}

// TestLargestMailInLittleMemory: a mail of 150 MB is drained and indexed for
// the search in less than 64 MiB of the hub's memory, and served in little
// more; so is, in a soak, a text of that size that has no end of line.
func TestLargestMailInLittleMemory(t *testing.T) {
	switch {
	case runtime.GOOS != "linux":
		t.Skip("the kernel here does not tell what a process has used at most")
	case testing.Short():
		t.Skip("it takes a while")
	}
	const size, limit = 150_000_000, 64 << 20
	mails := map[string][]byte{"attachment": mailgen.Big(size, 5)}
	if soak() {
		mails["one long line"] = append([]byte("Subject: long\r\n\r\n"), bytes.Repeat([]byte("lang wie nie "), size/13)...)
	}
	for name, mail := range mails {
		t.Run(name, func(t *testing.T) {
			drop := pop3d.NewMaildrop("marko@example.org", "pw")
			held := drop.Deliver(mail)
			port := provider(t, pop3d.Options{}, drop)
			w := newWorld(t)
			w.household(drop, port, "--keep", "never")
			s := w.serve()
			start := s.most()
			w.run("fetch")
			drained := s.most()
			deadline := time.Now().Add(3 * time.Minute)
			for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
				var st struct {
					SearchPending int `json:"search_pending"`
				}
				if w.json(&st, "status"); st.SearchPending == 0 {
					tick.Stop()
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("the search does not come to an end with it")
				}
			}
			indexed := s.most()
			got := hashes(t, s.login("marko", "secret", nil))
			if len(got) != 1 || got[0] != sha256.Sum256(held.Bytes) || len(drop.Held()) != 0 {
				t.Errorf("%d mails came, %d are left", len(got), len(drop.Held()))
			}
			served := s.most()
			t.Logf("%d octets; most memory (VmHWM) when started %.1f MiB, drained %.1f, indexed %.1f, served %.1f", held.Size,
				mib(start), mib(drained), mib(indexed), mib(served))
			if indexed >= limit || served >= limit*3/2 {
				t.Error("that is too much")
			}
			s.stop()
		})
	}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }
