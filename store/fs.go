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
	Rename(from, to string) error
	// Link makes a hard link, or an error where the file system has none.
	Link(from, to string) error
	Remove(name string) error
	Truncate(name string, size int64) error
	MkdirAll(name string) error
	ReadDir(name string) ([]fs.DirEntry, error)
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes the entries of a folder durable.
	SyncDir(name string) error
	// SyncAll makes everything durable that was written to the file system
	// of folder name since OpenSync. done is false where this cannot be
	// relied on (other than Linux ≥ 5.17 with ext4, xfs or btrfs): then
	// nothing was promised and files must be synced one by one.
	SyncAll(name string) (done bool, err error)
}

// File is an open file of an FS.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer
	Sync() error
	Stat() (fs.FileInfo, error)
}
