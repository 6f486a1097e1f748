package hub

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"heimpost/store"
)

// writeFile makes a file of mode 0600 durably: complete or not at all. An
// existing one is replaced only where that is wanted.
func writeFile(path string, content []byte, replace bool) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		f.Close()
		os.Remove(f.Name()) // where it was not renamed
	}()
	if _, err = f.Write(content); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if replace {
		err = os.Rename(f.Name(), path)
	} else if err = os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		// No hard links here: the last step of two commands at once may
		// then overwrite, which the check before makes unlikely.
		if _, err = os.Lstat(path); err == nil {
			err = fs.ErrExist
		} else {
			err = os.Rename(f.Name(), path)
		}
	}
	if err != nil {
		return err
	}
	return store.OSFS.SyncDir(dir)
}
