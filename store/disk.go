package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// disk is a box's folder: all that is done to its files.
type disk struct {
	fs   FS
	dir  string
	max  int64 // octets of one mail
	lock io.Closer

	sync     Syncer
	syncMu   sync.Mutex
	syncErrs atomic.Int64 // how often SyncAll failed

	boxMu sync.Mutex
	box   boxFile

	shardMu sync.Mutex
	shards  map[string]bool // folders whose own entries are durable

	work *worker
	logs *logKeeper
	busy func() bool // nil, or whether somebody waits for the writer
}

const (
	boxFileName = "box.json"
	lockName    = "lock"
	mailDirName = "mail"
	tmpDirName  = "tmp"
	orphansName = "orphans"
)

// boxVersion is the version of the folder's layout; a newer one is refused.
const boxVersion = 1

// boxFile is box.json.
type boxFile struct {
	Version int           `json:"version"`
	ID      ID            `json:"id"`
	Names   map[ID]string `json:"names,omitempty"` // labels of persons and devices
}

// createDisk makes a box's folder; box.json comes last, so that a folder
// without one is no box.
func createDisk(dir string, id ID, o Options) error {
	if !id.Valid() {
		return fmt.Errorf("%.50q is not an id", id)
	}
	d := &disk{fs: o.FS, dir: dir}
	if err := d.checkUnused(); err != nil {
		return diskError(err)
	}
	if err := d.fs.MkdirAll(d.tmpDir()); err != nil {
		return diskError(err)
	}
	lock, err := d.fs.Lock(filepath.Join(dir, lockName))
	if err != nil {
		return diskError(err)
	}
	defer lock.Close()
	for _, parent := range []string{filepath.Join(dir, mailDirName), filepath.Dir(dir)} {
		if err := d.fs.SyncDir(parent); err != nil {
			return diskError(err)
		}
	}
	return d.writeJSON(filepath.Join(dir, boxFileName), boxFile{Version: boxVersion, ID: id})
}

// checkUnused reports an error if the folder holds anything but what a making
// that was cut short has left.
func (d *disk) checkUnused() error {
	for dir, may := range map[string][]string{
		d.dir:                             {lockName, mailDirName, boxFileName + newSuffix},
		filepath.Join(d.dir, mailDirName): {tmpDirName},
	} {
		entries, err := d.fs.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			if !slices.Contains(may, e.Name()) {
				return fmt.Errorf("the folder %s is not empty", d.dir)
			}
		}
	}
	return nil
}

// openDisk takes the lock of a box's folder and reads box.json.
func openDisk(ctx context.Context, dir string, o Options) (_ *disk, err error) {
	d := &disk{fs: o.FS, dir: dir, max: o.MaxMessage, shards: map[string]bool{}}
	if _, err := d.fs.Stat(filepath.Join(dir, boxFileName)); errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotABox
	}
	if d.lock, err = d.takeLock(ctx, o); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(diskError(err), d.close())
		}
	}()
	if err := d.readJSON(filepath.Join(dir, boxFileName), &d.box); err != nil {
		return nil, err
	}
	if d.box.Version > boxVersion {
		return nil, fmt.Errorf("%w (the folder's version is %d, this program knows %d)", ErrNewerVersion, d.box.Version, boxVersion)
	}
	if err := d.fs.MkdirAll(d.tmpDir()); err != nil {
		return nil, err
	}
	if err := d.cleanTmp(); err != nil {
		return nil, err
	}
	if d.sync, err = d.fs.OpenSync(dir); err != nil {
		return nil, err
	}
	d.work = startWorker()
	d.logs = startLogKeeper()
	return d, nil
}

// lockPoll is how often a lock that is taken is tried again.
const lockPoll = 100 * time.Millisecond

// takeLock takes the box's lock, and waits for it as the options say.
func (d *disk) takeLock(ctx context.Context, o Options) (io.Closer, error) {
	path := filepath.Join(d.dir, lockName)
	lock, err := d.fs.Lock(path)
	if !errors.Is(err, ErrLocked) || o.LockWait <= 0 {
		return lock, err
	}
	if o.OnWait != nil {
		o.OnWait()
	}
	end := time.NewTimer(o.LockWait)
	defer end.Stop()
	poll := time.NewTicker(lockPoll)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-end.C:
			return nil, ErrLocked
		case <-poll.C:
		}
		if lock, err := d.fs.Lock(path); !errors.Is(err, ErrLocked) {
			return lock, err
		}
	}
}

// stop ends the background work and syncs the state logs. Its error says that
// they do not hold all.
func (d *disk) stop() error {
	d.work.stop()
	return d.logs.stop()
}

// close frees the lock; it stops what was not stopped.
func (d *disk) close() error {
	var errs []error
	if d.work != nil {
		d.stop() // whoever needs its error has called it
	}
	if d.sync != nil {
		errs = append(errs, d.sync.Close())
	}
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}

func (d *disk) id() ID { return d.box.ID }

// setNames adds labels to box.json.
func (d *disk) setNames(names map[ID]string) error {
	d.boxMu.Lock()
	defer d.boxMu.Unlock()
	box := d.box
	box.Names = make(map[ID]string, len(d.box.Names)+len(names))
	changed := false
	for id, name := range d.box.Names {
		box.Names[id] = name
	}
	for id, name := range names {
		if old, had := box.Names[id]; !had || old != name {
			box.Names[id], changed = name, true
		}
	}
	if !changed {
		return nil
	}
	if err := d.writeJSON(filepath.Join(d.dir, boxFileName), box); err != nil {
		return err
	}
	d.box = box
	return nil
}

// names gives the labels of box.json.
func (d *disk) names() map[ID]string {
	d.boxMu.Lock()
	defer d.boxMu.Unlock()
	return maps.Clone(d.box.Names)
}

func (d *disk) mailDir(id ID) string { return filepath.Join(d.dir, mailDirName, string(id)) }
func (d *disk) tmpDir() string       { return filepath.Join(d.dir, mailDirName, tmpDirName) }

// newSuffix is the name's end of a file that is to replace another.
const newSuffix = ".new"

// writeFile replaces a file so that after a crash it is the old or the new
// one, and returns when it is the new one for good.
func (d *disk) writeFile(path string, write func(io.Writer) error) error {
	next := path + newSuffix
	err := d.fs.Remove(next)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return diskError(err)
	}
	f, err := d.fs.Create(next)
	if err != nil {
		return diskError(err)
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = d.fs.Rename(next, path)
	}
	if err != nil {
		d.fs.Remove(next) // what remains is removed before the next write
		return diskError(err)
	}
	return diskError(d.fs.SyncDir(filepath.Dir(path)))
}

func (d *disk) writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		return err
	}
	return d.writeFile(path, func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}

// maxJSON bounds what is read of box.json and mailbox.json.
const maxJSON = 16 << 20

var errDamagedJSON = errors.New("the file is damaged")

func (d *disk) readJSON(path string, v any) error {
	f, err := d.fs.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxJSON))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w (%v)", filepath.Base(path), errDamagedJSON, err)
	}
	return nil
}

// removeAll removes a file or a folder with all that is in it.
func (d *disk) removeAll(path string) error {
	entries, err := d.fs.ReadDir(path)
	if err == nil {
		for _, e := range entries {
			p := filepath.Join(path, e.Name())
			if e.IsDir() {
				err = d.removeAll(p)
			} else {
				err = d.fs.Remove(p)
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	} else if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	// A file has no entries: Remove tells whether it can be removed.
	if err := d.fs.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// cleanTmp removes what the last run left under tmp/.
func (d *disk) cleanTmp() error {
	entries, err := d.fs.ReadDir(d.tmpDir())
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := d.removeAll(filepath.Join(d.tmpDir(), e.Name())); err != nil {
			return err
		}
	}
	return nil
}
