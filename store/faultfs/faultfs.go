// Package faultfs is a store.FS in memory for tests: it fails, kills the
// process or loses power between any two calls.
//
// It knows for each file which bytes, and for each folder which entries, are
// durable. Kill keeps what was done; a power cut keeps what was synced and, of
// the rest, a random part. SQLite's own files lie in the real folder of the
// same name; they are copied at the moment of the crash, so that what a
// running process still does to them afterwards is lost like all else. (What
// SQLite committed counts as durable.)
//
// A test of a crash: let Before call Crash at some call; close the old box,
// whose calls all fail now; call Restart; open the box again.
package faultfs

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"heimpost/store"
)

// ErrCrashed is the outcome of every call between Crash and Restart.
var ErrCrashed = errors.New("the process was killed")

// Call is a call of the file system that is about to be made.
type Call struct {
	N    int    // counts all calls from 1
	Op   string // create, append, open, read, write, sync, …; sql
	Name string // of the file; for sql the statement
}

// FS is a file system in memory. It implements store.FS.
type FS struct {
	mu      sync.Mutex
	root    *node
	ops     []*op // what was done to entries and may not be durable
	calls   int
	before  func(Call) error
	crashed bool
	power   bool
	locks   map[string]*lock
	saved   map[string][]byte // SQLite's files at the crash
	rand    *rand.Rand

	syncAll bool
	noLinks bool
}

var _ store.FS = (*FS)(nil)

// New makes an empty file system; seed decides what survives a power cut.
func New(seed uint64) *FS {
	return &FS{root: newFolder(), locks: map[string]*lock{}, rand: rand.New(rand.NewPCG(seed, seed)), syncAll: true}
}

// Before has fn called before every call, without any lock held; an error that
// it gives is the call's. A write that fails has written half of its bytes.
func (f *FS) Before(fn func(Call) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before = fn
}

// SetSyncAll says whether SyncAll works; it does from the start.
func (f *FS) SetSyncAll(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.syncAll = on
}

// SetLinks says whether there are hard links; there are from the start.
func (f *FS) SetLinks(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.noLinks = !on
}

// Settle makes all durable that is there, without a call: where a test begins.
func (f *FS) Settle() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.syncEverything()
}

// Calls gives the number of calls so far.
func (f *FS) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// enter counts a call and asks Before.
func (f *FS) enter(opName, name string) error {
	f.mu.Lock()
	if f.crashed {
		f.mu.Unlock()
		return &fs.PathError{Op: opName, Path: name, Err: ErrCrashed}
	}
	f.calls++
	c, before := Call{f.calls, opName, name}, f.before
	f.mu.Unlock()
	if before != nil {
		if err := before(c); err != nil {
			return &fs.PathError{Op: opName, Path: name, Err: err}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.crashed {
		return &fs.PathError{Op: opName, Path: name, Err: ErrCrashed}
	}
	return nil
}

// Statement is asked by a box before each statement on its index.
func (f *FS) Statement(query string) error { return f.enter("sql", query) }

// begin is enter that leaves the lock held when there is no error.
func (f *FS) begin(opName, name string) error {
	if err := f.enter(opName, name); err != nil {
		return err
	}
	f.mu.Lock()
	return nil
}

// sqlite reports whether a name is one of SQLite's files, which are real.
func sqlite(name string) bool {
	base := filepath.Base(name)
	return strings.HasPrefix(base, "index.db") || strings.HasPrefix(base, "search.db")
}

// split gives a name's levels.
func split(name string) []string {
	name = strings.Trim(path.Clean(filepath.ToSlash(name)), "/")
	if name == "" || name == "." {
		return nil
	}
	return strings.Split(name, "/")
}

// find gives what has a name, as the running process sees it.
func (f *FS) find(name string) *node {
	n := f.root
	for _, level := range split(name) {
		if n = n.entries[level]; n == nil {
			return nil
		}
	}
	return n
}

// place gives the folder and the last level of a name.
func (f *FS) place(opName, name string) (dir *node, base string, err error) {
	dir, base = f.find(filepath.Dir(name)), filepath.Base(name)
	if dir == nil || dir.entries == nil {
		return nil, "", &fs.PathError{Op: opName, Path: name, Err: fs.ErrNotExist}
	}
	return dir, base, nil
}

func (f *FS) Create(name string) (store.File, error) {
	if err := f.begin("create", name); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	dir, base, err := f.place("create", name)
	if err != nil {
		return nil, err
	}
	if dir.entries[base] != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	n := &node{modTime: time.Now()}
	f.do(change{dir, base, n})
	return &file{fs: f, name: name, n: n, writes: true}, nil
}

func (f *FS) Append(name string) (store.File, error) {
	if err := f.begin("append", name); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	dir, base, err := f.place("append", name)
	if err != nil {
		return nil, err
	}
	n := dir.entries[base]
	if n == nil {
		n = &node{modTime: time.Now()}
		f.do(change{dir, base, n})
	}
	return &file{fs: f, name: name, n: n, writes: true}, nil
}

func (f *FS) Open(name string) (store.File, error) {
	if err := f.begin("open", name); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	n := f.find(name)
	if n == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &file{fs: f, name: name, n: n}, nil
}

// Rename may have been done where Before makes it fail.
func (f *FS) Rename(from, to string) error {
	err := f.enter("rename", from)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil && (f.crashed || f.rand.IntN(2) == 0) {
		return err
	}
	return errors.Join(err, f.rename(from, to))
}

func (f *FS) rename(from, to string) error {
	if sqlite(from) {
		return os.Rename(from, to)
	}
	dir, base, err := f.place("rename", from)
	if err != nil {
		return err
	}
	toDir, toBase, err := f.place("rename", to)
	if err != nil {
		return err
	}
	n := dir.entries[base]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	if toDir.entries[toBase] == n {
		return nil // two names of one file: POSIX leaves both
	}
	f.do(change{dir, base, nil}, change{toDir, toBase, n})
	return nil
}

func (f *FS) Link(from, to string) error {
	if err := f.begin("link", to); err != nil {
		return err
	}
	defer f.mu.Unlock()
	n := f.find(from)
	if n == nil {
		return &fs.PathError{Op: "link", Path: from, Err: fs.ErrNotExist}
	}
	dir, base, err := f.place("link", to)
	if err != nil {
		return err
	}
	if f.noLinks {
		return &fs.PathError{Op: "link", Path: to, Err: errors.ErrUnsupported}
	}
	if dir.entries[base] != nil {
		return &fs.PathError{Op: "link", Path: to, Err: fs.ErrExist}
	}
	f.do(change{dir, base, n})
	return nil
}

func (f *FS) Remove(name string) error {
	if err := f.begin("remove", name); err != nil {
		return err
	}
	defer f.mu.Unlock()
	if sqlite(name) {
		return os.Remove(name)
	}
	dir, base, err := f.place("remove", name)
	if err != nil {
		return err
	}
	n := dir.entries[base]
	if n == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	if len(n.entries) > 0 {
		return &fs.PathError{Op: "remove", Path: name, Err: errors.New("folder not empty")}
	}
	f.do(change{dir, base, nil})
	return nil
}

func (f *FS) MkdirAll(name string) error {
	if err := f.begin("mkdir", name); err != nil {
		return err
	}
	defer f.mu.Unlock()
	n := f.root
	for _, level := range split(name) {
		next := n.entries[level]
		if next == nil {
			next = newFolder()
			f.do(change{n, level, next})
		} else if next.entries == nil {
			return &fs.PathError{Op: "mkdir", Path: name, Err: syscall.ENOTDIR}
		}
		n = next
	}
	return nil
}

func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.begin("readdir", name); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	dir := f.find(name)
	if dir == nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	if dir.entries == nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: syscall.ENOTDIR}
	}
	var out []fs.DirEntry
	for base, n := range dir.entries {
		out = append(out, fs.FileInfoToDirEntry(n.info(base)))
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out, nil
}

func (f *FS) Stat(name string) (fs.FileInfo, error) {
	if err := f.begin("stat", name); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	if sqlite(name) {
		return os.Stat(name)
	}
	n := f.find(name)
	if n == nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return n.info(filepath.Base(name)), nil
}

func (f *FS) SyncDir(name string) error {
	if err := f.begin("syncdir", name); err != nil {
		return err
	}
	defer f.mu.Unlock()
	dir := f.find(name)
	if dir == nil || dir.entries == nil {
		return &fs.PathError{Op: "syncdir", Path: name, Err: fs.ErrNotExist}
	}
	f.syncEntries(dir)
	return nil
}

func (f *FS) OpenSync(name string) (store.Syncer, error) {
	if err := f.enter("opensync", name); err != nil {
		return nil, err
	}
	return syncer{f, name}, nil
}

type syncer struct {
	f    *FS
	name string
}

func (s syncer) SyncAll() (bool, error) {
	err := s.f.enter("syncall", s.name)
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	switch {
	case s.f.crashed:
		return true, err
	case !s.f.syncAll:
		return false, err
	case err != nil:
		s.f.root.failBelow()
		return true, err
	}
	s.f.syncEverything()
	return true, nil
}

func (s syncer) Close() error { return nil }

// Lock also makes the real folder, in which SQLite's own files lie.
func (f *FS) Lock(name string) (io.Closer, error) {
	if err := f.begin("lock", name); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	if f.locks[name] != nil {
		return nil, store.ErrLocked
	}
	dir, base, err := f.place("lock", name)
	if err != nil {
		return nil, err
	}
	if dir.entries[base] == nil {
		f.do(change{dir, base, &node{modTime: time.Now()}})
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, err
	}
	l := &lock{f, name}
	f.locks[name] = l
	return l, nil
}

type lock struct {
	f    *FS
	name string
}

func (l *lock) Close() error {
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	if l.f.locks[l.name] == l {
		delete(l.f.locks, l.name)
	}
	return nil
}
