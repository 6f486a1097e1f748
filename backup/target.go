package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"heimpost/store"
)

const (
	markerName    = "heimpost-backup.json"
	readmeName    = "README.txt"
	lockName      = "lock"
	mailsName     = "mails"
	snapshotsName = "snapshots"
	tmpName       = "tmp"
)

// version is the version of the layout; a newer one is refused.
const version = 1

// Errors that callers tell apart. Their texts are for people.
var (
	ErrInUse     = errors.New("another backup or restore is using this folder: try again when it has ended")
	ErrNotEmpty  = errors.New("the folder is not empty and holds no backup of Heimpost: give a folder of its own, such as one named heimpost-backup in it")
	ErrNoBackup  = errors.New("there is no backup of Heimpost in this folder")
	ErrOthers    = errors.New("this folder holds the backup of another hub: give a folder of its own")
	ErrNoneYet   = errors.New("no backup in this folder was ever completed")
	ErrNoSuch    = errors.New("there is no such snapshot")
	errLinked    = errors.New("this is no ordinary file or folder; links are not followed")
	errUnlocked  = errors.New("the folder cannot be locked")
	errIncorrect = errors.New("the file is damaged")
)

// marker is heimpost-backup.json.
type marker struct {
	Version int      `json:"version"`
	Hub     store.ID `json:"hub"`
}

// Target is an open target.
type Target struct {
	fs     store.FS
	dir    string
	lock   io.Closer // nil where the file system has none
	sync   store.Syncer
	hub    store.ID
	mails  map[store.Content]bool // true: a snapshot names it
	wait   []placed               // mails whose bytes are not durable yet
	bytes  int64                  // of those
	copied Copied
}

// Copied counts the mails that were brought into a target.
type Copied struct {
	Mails int
	Bytes int64
}

// Is reports whether a folder holds a backup, of whatever hub.
func Is(f store.FS, dir string) (bool, error) {
	_, err := f.Stat(filepath.Join(dir, markerName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Create opens a target of hub for writing, and makes it in an empty folder.
// The folder's parent must exist: a disk that is not there is not replaced by
// a folder.
func Create(f store.FS, dir string, hub store.ID) (_ *Target, err error) {
	t := &Target{fs: f, dir: dir, hub: hub, mails: map[store.Content]bool{}}
	entries, err := f.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := f.Stat(filepath.Dir(dir)); err != nil {
			return nil, fmt.Errorf("%s is not there: is the disk connected? (%w)", filepath.Dir(dir), err)
		}
		if err := f.MkdirAll(dir); err != nil {
			return nil, err
		}
		if err := t.syncDir(filepath.Dir(dir)); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	has := func(name string) bool {
		return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name })
	}
	if !has(markerName) && slices.ContainsFunc(entries, isForeign) {
		return nil, ErrNotEmpty
	}
	if err := t.take(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Close())
		}
	}()
	if has(markerName) {
		if err := t.readMarker(); err != nil {
			return nil, err
		}
		if t.hub != hub {
			return nil, ErrOthers
		}
	}
	if !has(markerName) { // first: from here on what is in it is ours
		if err := t.mark(); err != nil {
			return nil, err
		}
	}
	if err := t.Discard(); err != nil {
		return nil, err
	}
	for _, name := range []string{mailsName, snapshotsName, tmpName} {
		if err := t.folder(name); err != nil {
			return nil, err
		}
	}
	if t.sync, err = f.OpenSync(dir); err != nil {
		return nil, err
	}
	return t, t.look()
}

// isForeign reports whether something in a folder is not left by a Create that
// was cut short, nor what systems put on every disk.
func isForeign(e fs.DirEntry) bool {
	switch e.Name() {
	case lockName, readmeName, readmeName + newSuffix, markerName + newSuffix, "System Volume Information", "$RECYCLE.BIN", "lost+found":
		return false
	}
	return !strings.HasPrefix(e.Name(), ".")
}

// Open opens a target for reading.
func Open(f store.FS, dir string) (_ *Target, err error) {
	t := &Target{fs: f, dir: dir, mails: map[store.Content]bool{}}
	if err := t.readMarker(); errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoBackup
	} else if err != nil {
		return nil, err
	}
	// A disk that cannot be written needs no lock.
	if err := t.take(); errors.Is(err, ErrInUse) {
		return nil, err
	}
	if err := t.look(); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// take takes the lock. Some network folders have none: then a Target goes on
// without and removes nothing.
func (t *Target) take() (err error) {
	if entry, err := t.entry("", lockName); err == nil && !entry.Type().IsRegular() {
		return fmt.Errorf("%s: %w", lockName, errLinked)
	}
	t.lock, err = t.fs.Lock(t.path(lockName))
	switch {
	case errors.Is(err, store.ErrLocked):
		return ErrInUse
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.ENOLCK):
		return nil
	}
	return err
}

// Close frees the target. What was not committed is left for the next run.
func (t *Target) Close() error {
	var errs []error
	for _, p := range t.wait {
		errs = append(errs, p.file.Close())
	}
	t.wait = nil
	if t.sync != nil {
		errs = append(errs, t.sync.Close())
	}
	if t.lock != nil {
		errs = append(errs, t.lock.Close())
		t.lock = nil
	}
	return errors.Join(errs...)
}

// Discard removes what is not complete, to give its space back.
func (t *Target) Discard() error { return t.removeAll(tmpName) }

func (t *Target) path(names ...string) string {
	return filepath.Join(append([]string{t.dir}, names...)...)
}

// entry gives what a folder holds under a name, without following a link.
func (t *Target) entry(dir, name string) (fs.DirEntry, error) {
	entries, err := t.fs.ReadDir(t.path(dir))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Name() == name {
			return e, nil
		}
	}
	return nil, &fs.PathError{Op: "open", Path: t.path(dir, name), Err: fs.ErrNotExist}
}

// folder makes a folder of the target, which must not be a link.
func (t *Target) folder(name string) error {
	e, err := t.entry("", name)
	if errors.Is(err, fs.ErrNotExist) {
		return t.fs.MkdirAll(t.path(name))
	}
	if err == nil && !e.IsDir() {
		err = fmt.Errorf("%s: %w", t.path(name), errLinked)
	}
	return err
}

func (t *Target) readMarker() error {
	e, err := t.entry("", markerName)
	if err != nil {
		return err
	}
	if !e.Type().IsRegular() {
		return fmt.Errorf("%s: %w", markerName, errLinked)
	}
	var m marker
	if err := t.readJSON(t.path(markerName), &m); err != nil {
		return err
	}
	if m.Version > version {
		return fmt.Errorf("the backup: %w", store.ErrNewerVersion)
	}
	t.hub = m.Hub
	return nil
}

// mark makes the folder a target.
func (t *Target) mark() error {
	text := readme
	if runtime.GOOS == "windows" {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	if err := t.writeFile(t.path(readmeName), []byte(text)); err != nil {
		return err
	}
	b, err := json.MarshalIndent(marker{version, t.hub}, "", "\t")
	if err != nil {
		return err
	}
	return t.writeFile(t.path(markerName), append(b, '\n'))
}

// newSuffix is the name's end of a file that is to replace another.
const newSuffix = ".new"

// writeFile replaces a file; when it returns the file is durable.
func (t *Target) writeFile(path string, content []byte) error {
	if err := t.fs.Remove(path + newSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := t.fs.Create(path + newSuffix)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = sync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := t.fs.Rename(path+newSuffix, path); err != nil {
		return err
	}
	return t.syncDir(filepath.Dir(path))
}

// maxJSON bounds what is read of a JSON file.
const maxJSON = 16 << 20

func (t *Target) readJSON(path string, v any) error {
	f, err := t.fs.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxJSON))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w (%v)", filepath.Base(path), errIncorrect, err)
	}
	return nil
}

// sync makes a file durable. Some network folders cannot be told to: there it
// is durable when it is closed, or never.
func sync(f store.File) error { return unlessUnknown(f.Sync()) }

func (t *Target) syncDir(dir string) error { return unlessUnknown(t.fs.SyncDir(dir)) }

// unlessUnknown drops the error of a file system that does not know what it
// was asked.
func unlessUnknown(err error) error {
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTTY) {
		return nil
	}
	return err
}

// removeAll removes a file or a folder of the target with all that is in it.
// A link is removed, not followed.
func (t *Target) removeAll(names ...string) error {
	path := t.path(names...)
	e, err := t.entry(filepath.Join(names[:len(names)-1]...), names[len(names)-1])
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return t.removeEntry(filepath.Dir(path), e)
}

func (t *Target) removeEntry(dir string, e fs.DirEntry) error {
	path := filepath.Join(dir, e.Name())
	if e.IsDir() {
		entries, err := t.fs.ReadDir(path)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := t.removeEntry(path, e); err != nil {
				return err
			}
		}
	}
	if err := t.fs.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
