package faultfs

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// remains makes folder to hold what is there when the machine runs again.
// f.mu is held.
func (f *FS) remains(to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, dir := range slices.Sorted(maps.Keys(f.dirs)) {
		if !f.stays(dir) {
			continue
		}
		if err := os.MkdirAll(f.in(to, dir), 0o700); err != nil {
			return err
		}
	}
	for path, n := range f.files() {
		data := n.data
		if f.plan.Power {
			data = f.torn(n)
		}
		if err := os.WriteFile(f.in(to, path), data, 0o600); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	for _, name := range []string{"index.db", "index.db-wal"} {
		b, err := os.ReadFile(filepath.Join(f.root, name))
		if os.IsNotExist(err) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), b, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *FS) in(to, path string) string { return to + strings.TrimPrefix(path, f.root) }

// stays decides whether a folder is there afterwards.
func (f *FS) stays(dir string) bool { return !f.plan.Power || f.dirs[dir] || f.rand.IntN(2) == 0 }

// files decides which files are there afterwards: the durable names, and of
// every change that is not durable yet, one or the other.
func (f *FS) files() map[string]*inode {
	if !f.plan.Power {
		return f.names
	}
	out := maps.Clone(f.durable)
	for _, path := range slices.Sorted(maps.Keys(f.names)) {
		if f.names[path] != f.durable[path] && f.rand.IntN(2) == 0 {
			out[path] = f.names[path]
		}
	}
	for _, path := range slices.Sorted(maps.Keys(f.durable)) {
		if f.names[path] == nil && f.rand.IntN(2) == 0 {
			delete(out, path)
		}
	}
	return out
}

// torn gives a file's content afterwards: what is durable, and of the rest a
// part, of which some blocks may never have reached the disk.
func (f *FS) torn(n *inode) []byte {
	rest := len(n.data) - n.synced
	if rest == 0 {
		return n.data
	}
	end := n.synced + f.rand.IntN(rest+1)
	out := slices.Clone(n.data[:end])
	if f.rand.IntN(2) == 0 {
		clear(out[n.synced+f.rand.IntN(end-n.synced+1):])
	}
	return out
}
