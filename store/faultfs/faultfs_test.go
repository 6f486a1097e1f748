package faultfs

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"heimpost/store"
)

var _ store.FS = (*FS)(nil)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write makes a file and syncs it if it shall.
func write(t *testing.T, f *FS, name, text string, sync bool) {
	t.Helper()
	h, err := f.Create(name)
	must(t, err)
	_, err = h.Write([]byte(text))
	must(t, err)
	if sync {
		must(t, h.Sync())
	}
	must(t, h.Close())
}

// TestPowerCut: what was made durable is always there, what was not is there
// sometimes, in every combination.
func TestPowerCut(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(300) {
		root := t.TempDir()
		f, err := New(root, seed)
		must(t, err)
		at := func(name string) string { return filepath.Join(root, name) }
		must(t, f.MkdirAll(at("a/b")))
		must(t, f.SyncDir(root))
		write(t, f, at("a/durable"), "durable", true)
		write(t, f, at("a/bytes"), "bytes", false)
		write(t, f, at("old"), "old", true)
		must(t, f.SyncDir(root))
		must(t, f.SyncDir(at("a")))
		write(t, f, at("a/name"), "name", true) // its name is not durable
		write(t, f, at("new"), "new", true)
		must(t, f.Rename(at("new"), at("old")))
		must(t, f.Remove(at("a/durable")))
		to := filepath.Join(t.TempDir(), "after")
		f.Arm(Plan{Power: true, To: to, Stop: func(c Call) bool { return c.Kind == "stat" }})
		if _, err := f.Stat(root); err != ErrStopped || !f.Stopped() {
			t.Fatal(err)
		}
		must(t, f.StopError())
		if err := f.Remove(at("old")); err != ErrStopped {
			t.Fatal("a call after the end succeeded")
		}
		read := func(name string) string {
			b, err := os.ReadFile(filepath.Join(to, name))
			if err != nil {
				return "-"
			}
			return string(b)
		}
		seen["old "+read("old")]++
		seen["new "+read("new")]++
		seen["name "+read("a/name")]++
		seen["durable "+read("a/durable")]++
		if len(read("a/bytes")) == 5 {
			seen["bytes all"]++
		}
		if _, err := os.Stat(filepath.Join(to, "a/b")); err != nil {
			seen["b gone"]++
		}
	}
	var keys []string
	for k := range seen {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	want := []string{"bytes all", "durable -", "durable durable", "name -", "name name", "new -", "old new", "old old"}
	if !slices.Equal(keys, want) {
		t.Errorf("%v", seen)
	}
}

func TestKillKeepsAll(t *testing.T) {
	root := t.TempDir()
	f, err := New(root, 1)
	must(t, err)
	write(t, f, filepath.Join(root, "x"), "text", false)
	to := filepath.Join(t.TempDir(), "after")
	stopped := false
	f.Arm(Plan{To: to, OnStop: func() { stopped = true }, Stop: func(c Call) bool { return c.N == 2 }})
	f.Stat(root)
	f.Stat(root)
	if b, err := os.ReadFile(filepath.Join(to, "x")); string(b) != "text" || err != nil || !stopped {
		t.Errorf("%q, %v", b, err)
	}
}

func TestFailures(t *testing.T) {
	root := t.TempDir()
	f, err := New(root, 1)
	must(t, err)
	name := filepath.Join(root, "x")
	h, err := f.Create(name)
	must(t, err)
	defer h.Close()
	f.Arm(Plan{Fail: func(c Call) error {
		if c.N == 1 || c.Kind == "sync" {
			return syscall.ENOSPC
		}
		return nil
	}})
	if n, err := h.Write([]byte("12345678")); n != 4 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%d, %v", n, err)
	}
	if err := h.Sync(); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	f.Arm(Plan{})
	must(t, h.Sync())
	must(t, f.SyncDir(root))
	if f.durable[name].synced != 0 {
		t.Error("a Sync after a failed one made durable what was lost")
	}
	if err := f.Statement("COMMIT"); err != nil || f.Calls() != 3 {
		t.Error(err, f.Calls())
	}
}

// TestBox runs a box on it.
func TestBox(t *testing.T) {
	root := filepath.Join(t.TempDir(), "box")
	f, err := New(root, 1)
	must(t, err)
	must(t, store.CreateBox(root, store.NewID(), store.Options{FS: f}))
	b, err := store.OpenBox(t.Context(), root, store.Options{FS: f})
	must(t, err)
	must(t, b.Close())
	if f.Calls() < 20 || len(f.durable) < 7 {
		t.Errorf("%d calls, %d files", f.Calls(), len(f.durable))
	}
}
