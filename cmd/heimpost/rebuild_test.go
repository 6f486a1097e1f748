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
