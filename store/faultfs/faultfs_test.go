package faultfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"heimpost/store"
)

func must(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t rapid.TB, f *FS, name, text string, sync bool) {
	t.Helper()
	w, err := f.Append(name)
	must(t, err)
	_, err = io.WriteString(w, text)
	must(t, err)
	if sync {
		must(t, w.Sync())
	}
	must(t, w.Close())
}

func read(f store.FS, name string) string {
	r, err := f.Open(name)
	if err != nil {
		return "-"
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// TestPowerCut: over many cuts, what was synced is always there, what was not
// is sometimes lost and sometimes not.
func TestPowerCut(t *testing.T) {
	seen := map[string]map[string]bool{}
	for seed := range uint64(200) {
		f := New(seed)
		must(t, f.MkdirAll("/d/e"))
		must(t, f.SyncDir("/"))
		must(t, f.SyncDir("/d"))
		write(t, f, "/d/synced", "old", true)
		write(t, f, "/d/moved", "moved", true)
		write(t, f, "/d/gone", "gone", true)
		must(t, f.SyncDir("/d"))
		write(t, f, "/d/synced", "new", false)
		write(t, f, "/d/entry", "entry", true) // its folder is not synced
		must(t, f.Rename("/d/moved", "/d/e/moved"))
		must(t, f.Remove("/d/gone"))
		write(t, f, "/d/e/late", "late", true)
		must(t, f.Link("/d/synced", "/d/e/link"))
		f.Crash(true)
		if _, err := f.Stat("/d"); !errors.Is(err, ErrCrashed) {
			t.Fatal(err)
		}
		f.Restart()
		for _, name := range []string{"/d/synced", "/d/entry", "/d/moved", "/d/e/moved", "/d/gone", "/d/e/late", "/d/e/link"} {
			if seen[name] == nil {
				seen[name] = map[string]bool{}
			}
			seen[name][read(f, name)] = true
		}
		if (read(f, "/d/moved") == "-") == (read(f, "/d/e/moved") == "-") {
			t.Fatal("a rename was half done")
		}
	}
	for name, want := range map[string]string{
		"/d/synced": "old old\x00\x00\x00 oldn oldne oldnew", "/d/entry": "- entry", "/d/moved": "- moved", "/d/e/moved": "- moved",
		"/d/gone": "- gone", "/d/e/late": "- late", "/d/e/link": "- old old\x00\x00\x00 oldn oldne oldnew",
	} {
		var got []string
		for s := range seen[name] {
			got = append(got, s)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s was %q, want %q", name, got, want)
		}
	}
}

func TestSyncAllAndKill(t *testing.T) {
	for _, power := range []bool{false, true} {
		f := New(1)
		must(t, f.MkdirAll("/a/b"))
		write(t, f, "/a/b/c", "text", false)
		s, err := f.OpenSync("/a")
		must(t, err)
		if power {
			if done, err := s.SyncAll(); !done || err != nil {
				t.Fatal(done, err)
			}
		}
		f.Crash(power)
		f.Restart()
		if got := read(f, "/a/b/c"); got != "text" {
			t.Errorf("%q", got)
		}
	}
}

func TestErrors(t *testing.T) {
	f := New(1)
	must(t, f.MkdirAll("/a"))
	w, err := f.Create("/a/b")
	must(t, err)
	broken := errors.New("broken")
	f.Before(func(c Call) error {
		if c.Op == "write" {
			return broken
		}
		return nil
	})
	if n, err := io.WriteString(w, "1234"); n != 2 || !errors.Is(err, broken) || read(f, "/a/b") != "12" {
		t.Error(n, err)
	}
	l, err := f.Lock("/a/lock")
	if err == nil {
		_, err = f.Lock("/a/lock")
	}
	if !errors.Is(err, store.ErrLocked) {
		t.Error(err)
	}
	must(t, l.Close())
}

// TestLikeTheSystems: without faults it does what the system's does.
func TestLikeTheSystems(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "faultfs")
		must(t, err)
		defer os.RemoveAll(dir)
		mem := New(1)
		must(t, mem.MkdirAll(dir))
		name := func() string {
			return filepath.Join(dir, rapid.SampledFrom([]string{"a", "b", "d/a", "d/b", "d/e/a", "d", "d/e"}).Draw(t, "name"))
		}
		both := func(do func(store.FS) string) {
			if got, want := do(mem), do(store.OSFS); got != want {
				t.Fatalf("%s, the system's says %s", got, want)
			}
		}
		class := func(err error) string {
			switch {
			case err == nil:
				return "ok"
			case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
				return "missing"
			}
			return "error"
		}
		t.Repeat(map[string]func(*rapid.T){
			"create": func(t *rapid.T) {
				n := name()
				both(func(f store.FS) string {
					w, err := f.Create(n)
					if err == nil {
						io.WriteString(w, "created")
						w.Close()
					}
					return class(err)
				})
			},
			"append": func(t *rapid.T) {
				n := name()
				if s, err := mem.Stat(n); err == nil && s.IsDir() {
					return
				}
				both(func(f store.FS) string {
					w, err := f.Append(n)
					if err == nil {
						io.WriteString(w, "more")
						w.Close()
					}
					return class(err)
				})
			},
			"rename": func(t *rapid.T) {
				from, to := name(), name()
				for _, n := range []string{from, to} {
					if s, err := mem.Stat(n); err == nil && s.IsDir() {
						return
					}
				}
				both(func(f store.FS) string { return class(f.Rename(from, to)) })
			},
			"link": func(t *rapid.T) {
				from, to := name(), name()
				if s, err := mem.Stat(from); err == nil && s.IsDir() {
					return
				}
				both(func(f store.FS) string { return class(f.Link(from, to)) })
			},
			"remove": func(t *rapid.T) {
				n := name()
				both(func(f store.FS) string { return class(f.Remove(n)) })
			},
			"mkdir": func(t *rapid.T) {
				n := name()
				if s, err := mem.Stat(n); err == nil && !s.IsDir() {
					return
				}
				both(func(f store.FS) string { return class(f.MkdirAll(n)) })
			},
			"": func(t *rapid.T) {
				both(func(f store.FS) string {
					var out []string
					var walk func(string)
					walk = func(n string) {
						entries, err := f.ReadDir(n)
						if err != nil {
							out = append(out, class(err))
						}
						for _, e := range entries {
							path := filepath.Join(n, e.Name())
							if e.IsDir() {
								out = append(out, path)
								walk(path)
								continue
							}
							s, err := f.Stat(path)
							out = append(out, fmt.Sprint(path, read(f, path), s.Size(), err))
						}
					}
					walk(dir)
					return strings.Join(out, "\n")
				})
			},
		})
	})
}
