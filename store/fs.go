package store

import (
	"io"
	"io/fs"
)

// FS is what a box does with files and folders, apart from SQLite's own. The
// operating system's is OSFS; tests put one in between that fails, kills the
// process or loses power between any two calls. Names are absolute paths.
type FS interface {
	// Create opens a new file for writing, mode 0600; it must not exist.
	Create(name string) (File, error)
	// Append opens or creates a file for writing at its end, mode 0600.
	Append(name string) (File, error)
	Open(name string) (File, error)
	// Rename replaces what has the name to.
	Rename(from, to string) error
	// Link makes a hard link, or an error where the file system has none.
	Link(from, to string) error
	// Remove removes a file or an empty folder.
	Remove(name string) error
	// MkdirAll makes folders, mode 0700.
	MkdirAll(name string) error
	ReadDir(name string) ([]fs.DirEntry, error)
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes the entries of a folder durable.
	SyncDir(name string) error
	// OpenSync opens the file system of folder name for SyncAll.
	OpenSync(name string) (Syncer, error)
	// Lock takes a file as a lock that no other process gets until it is
	// closed or this process ends (ErrLocked).
	Lock(name string) (io.Closer, error)
}

// Syncer makes a whole file system durable at once.
type Syncer interface {
	// SyncAll makes everything durable that was written to the file system.
	// Errors of what was written since OpenSync, or since the last SyncAll,
	// are told once. done is false where this cannot be relied on (other than
	// Linux ≥ 5.17 with ext4, xfs or btrfs): then nothing was promised and
	// files must be synced one by one.
	SyncAll() (done bool, err error)
	io.Closer
}

// File is an open file of an FS.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer
	Sync() error
	// StartSync hints that a Sync follows: writing may begin.
	StartSync()
	// StartRead hints that the first n octets will be read: reading may begin.
	// It reports whether there was anything to read that is not in memory.
	StartRead(n int64) bool
	Stat() (fs.FileInfo, error)
}
