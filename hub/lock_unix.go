//go:build !windows

package hub

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// tryLock takes the lock, alone or shared with others, or answers errHeld.
func tryLock(f *os.File, alone bool) error {
	how := unix.LOCK_SH
	if alone {
		how = unix.LOCK_EX
	}
	err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return errHeld
	}
	return err
}

func unlock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_UN) }

// diskFree gives the octets that may still be written in a folder.
func diskFree(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}

// ownedByUs reports whether a file belongs to the user who asks.
func ownedByUs(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Getuid() && info.Mode().Perm()&0o077 == 0
}

// sameDisk reports whether two folders, or their parents where they are not
// there yet, lie in one file system.
func sameDisk(a, b string) bool {
	disk := func(dir string) (uint64, bool) {
		info, err := os.Stat(dir)
		if err != nil {
			info, err = os.Stat(filepath.Dir(dir))
		}
		if err != nil {
			return 0, false
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return 0, false
		}
		return uint64(st.Dev), true
	}
	x, ok1 := disk(a)
	y, ok2 := disk(b)
	return ok1 && ok2 && x == y
}
