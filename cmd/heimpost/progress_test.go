package main

import (
	"bytes"
	"testing"

	"heimpost/hub"
)

// TestProgressNote: what an action waits for is said, however soon.
func TestProgressNote(t *testing.T) {
	var out bytes.Buffer
	bar := newProgress(&env{err: &out})
	bar.tell(hub.Progress{What: "marko", Note: "waiting"})
	bar.tell(hub.Progress{What: "marko", Done: 1, Total: 2})
	bar.end()
	if got := out.String(); got != "marko: waiting\n" {
		t.Fatalf("%q was shown", got)
	}
}
