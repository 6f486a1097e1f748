package faultfs

import (
	"errors"
	"io"
	"io/fs"
	"time"
)

// node is a file or a folder.
type node struct {
	data    []byte
	durable []byte // data when it was last synced
	unsaved bool   // data was written since then
	lost    bool   // a sync failed: what was not durable then never becomes so
	untold  bool   // and the next Sync of the file tells it
	modTime time.Time

	entries map[string]*node // of a folder, as the process sees them
	kept    map[string]*node // of a folder: those that are durable
}

func newFolder() *node {
	return &node{entries: map[string]*node{}, kept: map[string]*node{}, modTime: time.Now()}
}

// change gives a name in a folder to a node; nil takes it away.
type change struct {
	dir  *node
	base string
	to   *node
}

// op is changes that become durable together: a rename is never half done.
type op struct {
	changes []change
	durable bool
}

// do makes changes as one op.
func (f *FS) do(changes ...change) {
	for _, c := range changes {
		c.apply(c.dir.entries)
	}
	f.ops = append(f.ops, &op{changes: changes})
}

func (c change) apply(entries map[string]*node) {
	if c.to == nil {
		delete(entries, c.base)
	} else {
		entries[c.base] = c.to
	}
}

// syncEntries makes durable what was done in a folder.
func (f *FS) syncEntries(dir *node) {
	for _, o := range f.ops {
		for _, c := range o.changes {
			o.durable = o.durable || c.dir == dir
		}
	}
	f.compact()
}

// syncEverything makes all durable.
func (f *FS) syncEverything() {
	for _, o := range f.ops {
		o.durable = true
	}
	f.compact()
	f.root.syncBelow()
}

func (n *node) syncBelow() {
	n.sync()
	for _, e := range n.entries {
		e.syncBelow()
	}
}

func (n *node) sync() {
	if n.unsaved && !n.lost {
		n.durable, n.unsaved = n.data, false
	}
}

// failBelow loses what is not durable, as an error of the disk does.
func (n *node) failBelow() {
	if n.unsaved && !n.lost {
		n.lost, n.untold = true, true
	}
	for _, e := range n.entries {
		e.failBelow()
	}
}

var errLost = errors.New("input/output error")

// compact takes ops that are durable, and wait for none before them, into what
// folders keep.
func (f *FS) compact() {
	for len(f.ops) > 0 && f.ops[0].durable {
		f.ops[0].keep()
		f.ops = f.ops[1:]
	}
}

func (o *op) keep() {
	for _, c := range o.changes {
		c.apply(c.dir.kept)
	}
}

func (n *node) info(base string) fs.FileInfo {
	return info{base, int64(len(n.data)), n.modTime, n.entries != nil}
}

type info struct {
	name    string
	size    int64
	modTime time.Time
	dir     bool
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) ModTime() time.Time { return i.modTime }
func (i info) IsDir() bool        { return i.dir }
func (i info) Sys() any           { return nil }
func (i info) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o700
	}
	return 0o600
}

// file is an open file.
type file struct {
	fs     *FS
	name   string
	n      *node
	at     int64
	writes bool
	closed bool
}

func (f *file) begin(op string) error {
	if err := f.fs.begin(op, f.name); err != nil {
		return err
	}
	if f.closed {
		f.fs.mu.Unlock()
		return &fs.PathError{Op: op, Path: f.name, Err: fs.ErrClosed}
	}
	return nil
}

func (f *file) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.at)
	f.at += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

func (f *file) ReadAt(p []byte, at int64) (int, error) {
	if err := f.begin("read"); err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	if f.n.entries != nil {
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: errors.New("is a folder")}
	}
	if at >= int64(len(f.n.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.n.data[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) Write(p []byte) (int, error) {
	err := f.begin("write")
	if err != nil {
		f.fs.mu.Lock()
		if f.fs.crashed || f.closed || !f.writes {
			f.fs.mu.Unlock()
			return 0, err
		}
		p = p[:len(p)/2]
	}
	defer f.fs.mu.Unlock()
	if !f.writes {
		return 0, &fs.PathError{Op: "write", Path: f.name, Err: fs.ErrPermission}
	}
	if !f.n.unsaved {
		// What is durable keeps its bytes: writing goes on behind them.
		f.n.data = f.n.data[:len(f.n.data):len(f.n.data)]
		f.n.unsaved = true
	}
	f.n.data = append(f.n.data, p...)
	f.n.modTime = time.Now()
	return len(p), err
}

func (f *file) Sync() error {
	err := f.fs.enter("sync", f.name)
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	switch {
	case f.fs.crashed:
	case f.closed:
		err = &fs.PathError{Op: "sync", Path: f.name, Err: fs.ErrClosed}
	case err != nil:
		f.n.lost, f.n.untold = f.n.unsaved, false
	case f.n.untold:
		f.n.untold = false
		err = &fs.PathError{Op: "sync", Path: f.name, Err: errLost}
	default:
		f.n.sync()
	}
	return err
}

func (f *file) StartSync() {}

func (f *file) StartRead(int64) bool { return false }

func (f *file) Stat() (fs.FileInfo, error) {
	if err := f.begin("fstat"); err != nil {
		return nil, err
	}
	defer f.fs.mu.Unlock()
	return f.n.info(f.name), nil
}

func (f *file) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return &fs.PathError{Op: "close", Path: f.name, Err: fs.ErrClosed}
	}
	f.closed = true
	return nil
}
