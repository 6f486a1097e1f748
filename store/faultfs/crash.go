package faultfs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Crash kills the process, or with power cuts its power: from now on every
// call fails, and nothing counts that is done to SQLite's files. Before may
// call it.
func (f *FS) Crash(power bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.crashed {
		return
	}
	f.crashed, f.power = true, power
	f.saved = map[string][]byte{}
	for name := range f.locks {
		f.save(filepath.Dir(name))
	}
}

// Crashed reports whether Crash was called.
func (f *FS) Crashed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.crashed
}

// databases lists SQLite's files in a real folder.
func databases(dir string) []string {
	var out []string
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		panic(err) // a test's own folder
	}
	for _, e := range entries {
		if sqlite(e.Name()) && filepath.Ext(e.Name()) != ".db-shm" {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out
}

// save remembers SQLite's files in a folder as they are. The log comes last:
// what a database has got from it, it still has.
func (f *FS) save(dir string) {
	f.saved[dir] = nil
	for _, name := range databases(dir) {
		b, err := os.ReadFile(name)
		if err == nil {
			f.saved[name] = b
		} else if !errors.Is(err, fs.ErrNotExist) {
			panic(err)
		}
	}
}

// Restart starts the machine again after Crash: what survived is there. The
// boxes of before must be closed.
func (f *FS) Restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.crashed {
		return
	}
	for name, b := range f.saved {
		if b == nil && !sqlite(name) {
			for _, old := range append(databases(name), filepath.Join(name, "index.db-shm"), filepath.Join(name, "search.db-shm")) {
				if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
					panic(err)
				}
			}
		}
	}
	for name, b := range f.saved {
		if b != nil {
			if err := os.WriteFile(name, b, 0o600); err != nil {
				panic(err)
			}
		}
	}
	if f.power {
		f.losePower()
	}
	clear(f.locks)
	f.crashed, f.saved = false, nil
}

// losePower keeps what is durable and a random part of the rest.
func (f *FS) losePower() {
	for _, o := range f.ops {
		if o.durable || f.rand.IntN(2) == 0 {
			o.keep()
		}
	}
	f.ops = nil
	f.survive(f.root, map[*node]bool{})
}

func (f *FS) survive(n *node, seen map[*node]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	if n.entries == nil {
		if n.unsaved {
			n.data = f.torn(n)
			n.durable, n.unsaved = n.data, false
		}
		return
	}
	clear(n.entries)
	for base, e := range n.kept {
		n.entries[base] = e
		f.survive(e, seen)
	}
}

// torn gives what the disk may hold of a file that was not synced.
func (f *FS) torn(n *node) []byte {
	old, all := len(n.durable), len(n.data)
	switch f.rand.IntN(4) {
	case 0:
		return n.durable
	case 1:
		if n.lost {
			return n.durable
		}
		return n.data
	case 2: // its length got through, its bytes did not
		return append(bytes.Clone(n.durable), make([]byte, all-old)...)
	}
	return n.data[:old+f.rand.IntN(all-old+1)]
}
