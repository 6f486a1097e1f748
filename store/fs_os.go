package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// OSFS is the operating system's file system.
var OSFS FS = osFS{}

type osFS struct{}

func (osFS) Create(name string) (File, error) {
	return osOpen(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func (osFS) Append(name string) (File, error) {
	return osOpen(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND)
}

func (osFS) Open(name string) (File, error) { return osOpen(name, os.O_RDONLY) }

func osOpen(name string, flag int) (File, error) {
	f, err := openShared(name, flag)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Rename(from, to string) error               { return renameDurable(from, to) }
func (osFS) Link(from, to string) error                 { return os.Link(from, to) }
func (osFS) Remove(name string) error                   { return os.Remove(name) }
func (osFS) MkdirAll(name string) error                 { return os.MkdirAll(name, 0o700) }
func (osFS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (osFS) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }
func (osFS) SyncDir(name string) error                  { return syncDir(name) }
func (osFS) OpenSync(name string) (Syncer, error)       { return openSync(name) }

func (osFS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// osFile is a file of OSFS. On macOS, Go's Sync already is F_FULLFSYNC.
type osFile struct{ *os.File }

func (f osFile) StartSync()             { startSync(f.File) }
func (f osFile) StartRead(n int64) bool { return startRead(f.File, n) }

// noSyncAll is the Syncer of file systems without a reliable syncfs.
type noSyncAll struct{}

func (noSyncAll) SyncAll() (bool, error) { return false, nil }
func (noSyncAll) Close() error           { return nil }

// diskError gives a full disk the name that callers know.
func diskError(err error) error {
	if err != nil && isNoSpace(err) && !errors.Is(err, ErrNoSpace) {
		return fmt.Errorf("%w (%v)", ErrNoSpace, err)
	}
	return err
}
