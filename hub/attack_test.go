package hub

import (
	"database/sql"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"heimpost/store"
)

// TestSameNameAtOnce: of several who make a person or a box of one name at a
// time, in one process or in two, one succeeds, and what he made works.
func TestSameNameAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	hubs := []*Hub{openHub(t, dir, Options{}), openHub(t, dir, Options{})}
	for _, name := range []string{"marko", "petra", "buero"} {
		var made sync.Map
		var wait sync.WaitGroup
		for i := range 6 {
			wait.Go(func() {
				h := hubs[i%2]
				var err error
				if name == "buero" {
					_, err = Do(ctx, h, BoxAdd, BoxAddParams{Name: name}, nil)
				} else {
					_, err = Do(ctx, h, PersonAdd, PersonAddParams{Name: name, Password: "secret " + name}, nil)
				}
				if err == nil {
					made.Store(i, true)
				}
			})
		}
		wait.Wait()
		n := 0
		made.Range(func(any, any) bool { n++; return true })
		if n != 1 {
			t.Errorf("%s was made %d times", name, n)
		}
		for _, v := range must(t, hubs[0], Verify, NameParams{Name: name}) {
			if v.Error != "" || len(v.Problems) > 0 {
				t.Errorf("%+v", v)
			}
		}
	}
}

// TestRemovedTwice: who removes a box that somebody else has just removed
// leaves a new one of its name alone.
func TestRemovedTwice(t *testing.T) {
	h := newHub(t)
	must(t, h, BoxAdd, BoxAddParams{Name: "buero"})
	old, err := h.box(ctx, h.db, "buero")
	if err != nil {
		t.Fatal(err)
	}
	must(t, h, BoxRemove, NameParams{"buero"})
	must(t, h, BoxAdd, BoxAddParams{Name: "buero"})
	if _, err := h.removeBox(ctx, old, func(*sql.Tx) error { return nil }, func(*session) bool { return false }); !errors.Is(err, KindNotFound) {
		t.Errorf("removed again: %v", err)
	}
	for _, v := range must(t, h, Verify, NameParams{"buero"}) {
		if v.Error != "" {
			t.Error(v.Error)
		}
	}
}

// TestRebuildKeepsRetention: a box whose index was made anew keeps deleted
// mail as long as it was told to, whichever command opens it first.
func TestRebuildKeepsRetention(t *testing.T) {
	h := openHub(t, filepath.Join(t.TempDir(), "data"), Options{})
	must(t, h, BoxAdd, BoxAddParams{Name: "buero", Retain: "3650d"})
	must(t, h, Rebuild, NameParams{"buero"})
	b, err := h.box(ctx, h.db, "buero")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.withBox(ctx, b.ID, func(box *store.Box) error {
		if keeps, err := box.Retain(ctx); err != nil || keeps != 3650*24*time.Hour {
			t.Errorf("deleted mail is kept for %v, %v", keeps, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
