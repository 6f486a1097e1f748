package store

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openSync opens the file system of a folder for syncfs where that tells
// errors and waits for the disk: from Linux 5.17 on, on file systems that do
// it right. The descriptor is opened before anything is written, because
// errors from before it are not told to it.
func openSync(name string) (Syncer, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(name, &s); err != nil || !syncfsKnown(int64(s.Type)) || !kernelAtLeast(5, 17) {
		return noSyncAll{}, nil
	}
	d, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return syncfs{d}, nil
}

func syncfsKnown(fsType int64) bool {
	return fsType == unix.EXT4_SUPER_MAGIC || fsType == unix.XFS_SUPER_MAGIC || fsType == unix.BTRFS_SUPER_MAGIC
}

// kernelAtLeast reports whether the running kernel is at least major.minor.
func kernelAtLeast(major, minor int) bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	var haveMajor, haveMinor int
	if n, _ := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &haveMajor, &haveMinor); n != 2 {
		return false
	}
	return haveMajor > major || haveMajor == major && haveMinor >= minor
}

type syncfs struct{ d *os.File }

func (s syncfs) SyncAll() (bool, error) {
	for {
		if err := unix.Syncfs(int(s.d.Fd())); err != unix.EINTR {
			return true, err
		}
	}
}

func (s syncfs) Close() error { return s.d.Close() }

// startSync begins to write a file's pages and does not wait for them.
func startSync(f *os.File) {
	unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE) // a hint: Sync tells the errors
}

// startRead begins to read a file's pages and does not wait for them.
func startRead(f *os.File, n int64) bool {
	var first [1]byte
	if n, _ := unix.Preadv2(int(f.Fd()), [][]byte{first[:]}, 0, unix.RWF_NOWAIT); n == 1 {
		return false
	}
	return unix.Fadvise(int(f.Fd()), 0, n, unix.FADV_WILLNEED) == nil // a hint: Read tells the errors
}
