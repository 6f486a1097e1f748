// Package faultfs is a file system for tests of what a box promises: calls of
// it fail, the process seems to be killed, or the power goes, between any two
// of them. It works on a real folder and remembers what of it is durable: a
// file's bytes after Sync, a folder's entries after SyncDir.
package faultfs

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"heimpost/store"
)

// Call is a call of the file system, or a statement of the index.
type Call struct {
	N    int    // counted from 1 since Arm
	Kind string // create, append, open, write, sync, rename, link, remove, mkdir, readdir, stat, syncdir, syncall, sql
	Name string // of the file; for sql: the statement
}

// Plan says what goes wrong. The zero Plan lets everything succeed.
type Plan struct {
	// Fail, if not nil, gives the error of a call. A write that fails has
	// written half, a rename that fails is done or not.
	Fail func(Call) error
	// Stop, if not nil, says that the process ends at this call, before it is
	// done. From then on every call fails with ErrStopped.
	Stop func(Call) bool
	// Power: it ends because the power goes; what is not durable is gone in
	// parts. Otherwise it is killed, and the system keeps what was written.
	Power bool
	// To is the folder that is made to hold the box as it is after Stop.
	To string
	// OnStop is called when the process ends, before anything else; nothing
	// may reach the outside world from then on.
	OnStop func()
}

// ErrStopped is what every call returns after the process has ended.
var ErrStopped = errors.New("faultfs: the process has ended")

// FS is the file system of one folder. SQLite's files in it are taken to be
// durable as far as they are committed.
type FS struct {
	root    string
	stopped atomic.Bool
	calls   atomic.Int64

	mu      sync.Mutex
	plan    Plan
	rand    *rand.Rand
	n       int
	names   map[string]*inode // files as they are
	durable map[string]*inode // files as they are after a power cut
	dirs    map[string]bool   // folders; true: durable
	stopErr error             // making To failed
}

// inode is a file's content.
type inode struct {
	data   []byte
	synced int  // so much of data is durable
	lost   bool // a Sync failed: what was not durable then never becomes so
}

// New makes the file system of a folder; what is in it is durable. Chance
// (what a power cut leaves) follows the seed.
func New(root string, seed uint64) (*FS, error) {
	f := &FS{root: root, rand: rand.New(rand.NewPCG(seed, 0xfa017)), names: map[string]*inode{}, durable: map[string]*inode{}, dirs: map[string]bool{root: true}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // the box is still to be made
		case err != nil:
			return err
		case d.IsDir():
			f.dirs[path] = true
			return nil
		case sqlite(path):
			return nil
		}
		b, err := os.ReadFile(path)
		f.names[path] = &inode{data: b, synced: len(b)}
		f.durable[path] = f.names[path]
		return err
	})
	return f, err
}

// sqlite reports whether a file is not ours to look after.
func sqlite(path string) bool {
	base := filepath.Base(path)
	return base == "lock" || strings.HasPrefix(base, "index.db") || strings.HasPrefix(base, "search.db")
}

// Arm puts a plan into force and counts calls anew.
func (f *FS) Arm(p Plan) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan, f.n = p, 0
}

// Calls tells how many calls there were since Arm.
func (f *FS) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// Stopped reports whether the process has ended.
func (f *FS) Stopped() bool { return f.stopped.Load() }

// StopError tells what went wrong when Plan.To was made.
func (f *FS) StopError() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stopErr
}

// enter counts a call and says what becomes of it. f.mu is held.
func (f *FS) enter(kind, name string) error {
	if f.stopped.Load() {
		return ErrStopped
	}
	f.n++
	c := Call{f.n, kind, name}
	if f.plan.Stop != nil && f.plan.Stop(c) {
		f.stopped.Store(true)
		if f.plan.OnStop != nil {
			f.plan.OnStop()
		}
		if f.plan.To != "" {
			f.stopErr = f.remains(f.plan.To)
		}
		return ErrStopped
	}
	if f.plan.Fail != nil {
		return f.plan.Fail(c)
	}
	return nil
}

// Statement is asked by a box before each statement on its index.
func (f *FS) Statement(query string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.enter("sql", query)
}

// Create is store.FS.
func (f *FS) Create(name string) (store.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter("create", name); err != nil {
		return nil, err
	}
	file, err := store.OSFS.Create(name)
	if err != nil {
		return nil, err
	}
	f.names[name] = &inode{}
	return &handle{File: file, fs: f, name: name, inode: f.names[name]}, nil
}

// Append is store.FS.
func (f *FS) Append(name string) (store.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter("append", name); err != nil {
		return nil, err
	}
	file, err := store.OSFS.Append(name)
	if err != nil {
		return nil, err
	}
	if f.names[name] == nil {
		f.names[name] = &inode{}
	}
	return &handle{File: file, fs: f, name: name, inode: f.names[name]}, nil
}

// Open is store.FS.
func (f *FS) Open(name string) (store.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter("open", name); err != nil {
		return nil, err
	}
	return store.OSFS.Open(name)
}

// Rename is store.FS.
func (f *FS) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	fail := f.enter("rename", from)
	if fail != nil && (f.stopped.Load() || f.rand.IntN(2) == 0) {
		return fail
	}
	if err := store.OSFS.Rename(from, to); err != nil {
		return errors.Join(fail, err)
	}
	if n, is := f.names[from]; is {
		f.names[to] = n
		delete(f.names, from)
		return fail
	}
	f.move(from, to)
	return fail
}

// move renames a folder with all that is in it.
func (f *FS) move(from, to string) {
	inside := func(path string) (string, bool) {
		rest, is := strings.CutPrefix(path, from)
		return to + rest, is && (rest == "" || rest[0] == filepath.Separator)
	}
	for path, n := range f.names {
		if next, is := inside(path); is {
			delete(f.names, path)
			f.names[next] = n
		}
	}
	for path := range f.dirs {
		if next, is := inside(path); is {
			f.dirs[next] = false
		}
	}
}

// Link is store.FS.
func (f *FS) Link(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter("link", from); err != nil {
		return err
	}
	err := store.OSFS.Link(from, to)
	if err == nil {
		f.names[to] = f.names[from]
	}
	return err
}

// Remove is store.FS.
func (f *FS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter("remove", name); err != nil {
		return err
	}
	err := store.OSFS.Remove(name)
	if err == nil {
		delete(f.names, name)
	}
	return err
}

// MkdirAll is store.FS.
func (f *FS) MkdirAll(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter("mkdir", name); err != nil {
		return err
	}
	err := store.OSFS.MkdirAll(name)
	for dir := name; err == nil && len(dir) > len(f.root); dir = filepath.Dir(dir) {
		f.dirs[dir] = f.dirs[dir]
	}
	return err
}

// ReadDir is store.FS.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter("readdir", name); err != nil {
		return nil, err
	}
	return store.OSFS.ReadDir(name)
}

// Stat is store.FS.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter("stat", name); err != nil {
		return nil, err
	}
	return store.OSFS.Stat(name)
}

// SyncDir is store.FS.
func (f *FS) SyncDir(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter("syncdir", name); err != nil {
		return err
	}
	in := func(path string) bool { return filepath.Dir(path) == name }
	for path := range f.durable {
		if in(path) && f.names[path] == nil {
			delete(f.durable, path)
		}
	}
	for path, n := range f.names {
		if in(path) {
			f.durable[path] = n
		}
	}
	for path := range f.dirs {
		if in(path) {
			f.dirs[path] = true
		}
	}
	return nil
}

// OpenSync is store.FS.
func (f *FS) OpenSync(string) (store.Syncer, error) { return syncer{f}, nil }

type syncer struct{ f *FS }

// SyncAll makes all durable; after it has failed once, nobody knows what is.
func (s syncer) SyncAll() (bool, error) {
	f := s.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter("syncall", f.root); err != nil {
		for _, n := range f.names {
			n.lost = n.lost || n.synced < len(n.data) && !f.stopped.Load()
		}
		return true, err
	}
	for _, n := range f.names {
		n.sync()
	}
	f.durable = make(map[string]*inode, len(f.names))
	for path, n := range f.names {
		f.durable[path] = n
	}
	for path := range f.dirs {
		f.dirs[path] = true
	}
	return true, nil
}

func (s syncer) Close() error { return nil }

// Lock is store.FS.
func (f *FS) Lock(name string) (io.Closer, error) { return store.OSFS.Lock(name) }

// handle is an open file that can be written.
type handle struct {
	store.File
	fs    *FS
	name  string
	inode *inode
}

func (h *handle) Write(p []byte) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	fail := h.fs.enter("write", h.name)
	if fail != nil {
		if h.fs.stopped.Load() {
			return 0, fail
		}
		p = p[:len(p)/2]
	}
	n, err := h.File.Write(p)
	h.inode.data = append(h.inode.data, p[:n]...)
	return n, errors.Join(fail, err)
}

func (h *handle) Sync() error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.fs.enter("sync", h.name); err != nil {
		h.inode.lost = h.inode.lost || !h.fs.stopped.Load()
		return err
	}
	h.inode.sync()
	return nil
}

// sync makes a file's bytes durable. What a failed Sync has left behind stays
// in memory only, and the next Sync knows nothing of it (as on Linux).
func (n *inode) sync() {
	if !n.lost {
		n.synced = len(n.data)
	}
}
