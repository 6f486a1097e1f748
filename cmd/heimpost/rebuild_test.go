package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"heimpost/pop3fetch/pop3d"
)

// The index from the files alone.
func TestRebuild(t *testing.T) {
	drop := pop3d.NewMaildrop("marko@example.org", "pw")
	for i := range 120 {
		drop.Deliver(mail(fmt.Sprint("mail-", i)))
	}
	w := newWorld(t)
	w.household(drop, provider(t, pop3d.Options{}, drop))
	w.run("fetch")
	s := w.serve()
	want := bodies(t, s.login("marko", "secret", nil), "INBOX")
	w.fails(1, "stop it", "", "rebuild", "marko")
	s.stop()
	if err := os.Remove(filepath.Join(w.dir, "boxes", "marko", "index.db")); err != nil {
		t.Error(err)
	}
	os.Remove(filepath.Join(w.dir, "boxes", "marko", "search.db")) // where there is one
	w.fails(1, "rebuild", "", "verify", "marko")
	if out := w.run("rebuild", "marko"); !strings.Contains(out, "120 messages") {
		t.Error(out)
	}
	w.verify()
	s = w.serve()
	if got := bodies(t, s.login("marko", "secret", nil), "INBOX"); !slices.Equal(got, want) {
		t.Errorf("%d mails are not the %d from before", len(got), len(want))
	}
	s.stop()
	var again []map[string]any
	w.json(&again, "fetch")
	if again[0]["retrieved"] != 0.0 {
		t.Errorf("mails came twice: %v", again)
	}
}

// TestOlderIndex: an older index put back by hand beside newer mails is told
// of everywhere, and until a rebuild takes them in nothing is fetched, nothing
// deleted at the provider, and nothing set aside.
func TestOlderIndex(t *testing.T) {
	drop := pop3d.NewMaildrop("marko@example.org", "pw")
	w := newWorld(t)
	w.household(drop, provider(t, pop3d.Options{}, drop), "--keep", "never")
	index := filepath.Join(w.dir, "boxes", "marko", "index.db")
	fetch := func(n int) {
		t.Helper()
		for range n {
			drop.Deliver(mail(fmt.Sprint("mail-", len(drop.All()))))
		}
		w.run("fetch")
	}
	fetch(3)
	old, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	fetch(4) // and the provider has them no more
	if err := os.WriteFile(index, old, 0o600); err != nil {
		t.Fatal(err)
	}
	drop.Deliver(mail("waiting"))

	s := w.serve()
	w.fails(1, "heimpost rebuild marko", "", "fetch")
	if n := len(drop.Held()); n != 1 {
		t.Errorf("the provider holds %d mails, want 1", n)
	}
	w.fails(1, "heimpost rebuild", "", "verify")
	var status struct{ Boxes []struct{ Error string } }
	w.json(&status, "status")
	if text := status.Boxes[0].Error; !strings.Contains(text, "newer than index.db: 4") || !strings.Contains(text, "heimpost rebuild marko") {
		t.Errorf("status says %q", text)
	}
	if _, err := s.tryLogin("marko", "secret", nil); err == nil {
		t.Error("a login to a box that cannot be opened")
	}
	s.stop()
	if log := s.logged(); !strings.Contains(log, "a box cannot be opened") || !strings.Contains(log, "heimpost rebuild marko") {
		t.Errorf("serve says:\n%s", log)
	}
	if out := w.run("rebuild", "marko"); !strings.Contains(out, "7 messages") || strings.Contains(out, "set aside") {
		t.Error(out)
	}
	fetch(0)
	w.verify()
	s = w.serve()
	if got := bodies(t, s.login("marko", "secret", nil), "INBOX"); len(got) != 8 {
		t.Errorf("%d mails, want 8", len(got))
	}
	s.stop()
}
