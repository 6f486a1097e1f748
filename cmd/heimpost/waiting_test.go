package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"heimpost/pop3fetch/pop3d"
)

// lockedBuffer is what a running command has printed so far.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Without serve, a command that finds a box taken says so and waits.
func TestCommandWaitsForAnother(t *testing.T) {
	hold, called := make(chan struct{}), make(chan struct{})
	var once sync.Once
	drop := pop3d.NewMaildrop("marko@example.org", "pw")
	drop.Deliver(mail("one"))
	port := provider(t, pop3d.Options{Script: func(int) pop3d.Script {
		return pop3d.Script{On: func(c *pop3d.Command) {
			if c.Verb == "RETR" {
				c.Hold = hold
				once.Do(func() { close(called) })
			}
		}}
	}}, drop)
	w := newWorld(t)
	w.household(drop, port)
	first := w.command("", "fetch")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	<-called
	// What needs no box goes on.
	if out := w.run("person", "list"); !strings.Contains(out, "marko") {
		t.Error(out)
	}
	second := w.command("", "verify")
	said := &lockedBuffer{}
	second.Stderr = said
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(30 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); !strings.Contains(said.String(), "waiting for another heimpost command that uses box marko"); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("verify does not say that it waits: %s", said)
		}
	}
	close(hold)
	if err := first.Wait(); err != nil {
		t.Error(err)
	}
	if err := second.Wait(); err != nil {
		t.Errorf("%v: %s", err, said)
	}
}
