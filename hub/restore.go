package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"heimpost/backup"
	"heimpost/store"
)

// RestoreParams are those of Restore.
type RestoreParams struct {
	Target   string // a backup's folder, absolute
	Snapshot string // the beginning of its name; "": the latest
	// WhatIsLeft restores a snapshot that is not whole without what it lacks.
	WhatIsLeft bool
}

// Restored is the outcome of Restore.
type Restored struct {
	Data     string       `json:"data"`
	Snapshot string       `json:"snapshot"`
	Time     time.Time    `json:"time"`
	Boxes    []backup.Box `json:"boxes"`
	Missing  []string     `json:"missing"` // with WhatIsLeft: what was left out
}

// BackupSnapshot is a snapshot that can be restored.
type BackupSnapshot struct {
	Snapshot string       `json:"snapshot"`
	Time     time.Time    `json:"time"`
	Boxes    []backup.Box `json:"boxes"`
	Missing  int          `json:"missing"`
	Error    string       `json:"error,omitempty"`
}

// partFolder is where a restore puts all together in the data folder; what
// completeFile says in it stands there, and only has to be moved up.
const (
	partFolder   = "restore.part"
	completeFile = "complete.json"
)

// unrestored refuses a data folder in which a restore was cut short.
func unrestored(dir string) error {
	part := filepath.Join(dir, partFolder)
	if _, err := os.Lstat(part); err == nil {
		// An empty folder is what a restore leaves that had come to its end.
		if _, err := os.Lstat(filepath.Join(dir, dbFile)); err == nil && os.Remove(part) == nil {
			return nil
		}
		return newError("", "a restore into %s was cut short: run heimpost restore again with this folder", dir)
	}
	return nil
}

// BackupSnapshots lists the snapshots in a backup's folder, the oldest first.
func BackupSnapshots(target string) ([]BackupSnapshot, error) {
	t, err := backup.Open(store.OSFS, target)
	if err != nil {
		return nil, targetError(target, err)
	}
	defer t.Close()
	all, err := t.Snapshots()
	if err != nil {
		return nil, targetError(target, err)
	}
	out := []BackupSnapshot{}
	for _, s := range all {
		b := BackupSnapshot{Snapshot: s.Name, Time: s.Time, Boxes: s.Boxes, Missing: len(s.Missing)}
		if s.Err != nil {
			b.Error = s.Err.Error()
		}
		out = append(out, b)
	}
	return out, nil
}

// Restore makes a data folder of a backup. The folder must be empty or not be
// there; nothing in it is of any use until all is there.
func Restore(ctx context.Context, dir string, p RestoreParams, o Options, tell func(Progress)) (out Restored, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return out, err
	}
	if err := apart(dir, p.Target); err != nil {
		return out, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return out, fmt.Errorf("the data folder %s cannot be made: %w", dir, err)
	}
	if err := checkEmpty(dir); err != nil {
		return out, err
	}
	o.Serve, o.Wait = true, 0
	lock, err := lockData(ctx, dir, o)
	if err != nil {
		return out, err
	}
	defer lock.Close()
	part := filepath.Join(dir, partFolder)
	if text, err := os.ReadFile(filepath.Join(part, completeFile)); err == nil && json.Unmarshal(text, &out) == nil {
		return out, moveUp(dir) // the last run did not come to it
	}
	if err := os.RemoveAll(part); err != nil {
		return out, err
	}
	t, err := backup.Open(store.OSFS, p.Target)
	if err != nil {
		return out, targetError(p.Target, err)
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	s, err := t.Find(p.Snapshot)
	if err != nil {
		return out, targetError(p.Target, err)
	}
	if err := os.Mkdir(part, 0o700); err != nil {
		return out, err
	}
	out, err = restoreInto(ctx, part, s, p.WhatIsLeft, o, tell)
	if err != nil {
		return out, errors.Join(restoreError(dir, err), os.RemoveAll(part))
	}
	out.Data = dir
	text, err := json.Marshal(out)
	if err != nil {
		return out, err
	}
	if err := writeFile(filepath.Join(part, completeFile), text, true); err != nil {
		return out, err
	}
	return out, moveUp(dir)
}

// checkEmpty refuses a folder that holds anything but what a restore that was
// cut short has left.
func checkEmpty(dir string) error {
	if unrestored(dir) != nil {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch e.Name() {
		case lockFile, "lost+found":
		default:
			return newError(KindExists, "the folder %s is not empty, and a restore writes over nothing: give a new folder with --data, or move that one away", dir)
		}
	}
	return nil
}

// restoreInto restores a snapshot into a folder and checks it.
func restoreInto(ctx context.Context, part string, s *backup.Snapshot, whatIsLeft bool, o Options, tell func(Progress)) (out Restored, err error) {
	out = Restored{Snapshot: s.Name, Time: s.Time, Boxes: s.Boxes, Missing: []string{}}
	total := 0
	for _, b := range s.Boxes {
		total += b.Messages + b.Deleted
	}
	missing, lost, err := s.Restore(ctx, part, func(done int, bytes int64) {
		tell(Progress{What: "restore", Done: done, Total: total, Bytes: bytes})
	})
	if err != nil {
		return out, err
	}
	for _, m := range missing {
		where := ""
		if m.Box != "" {
			where = "box " + m.Box + ": "
		}
		out.Missing = append(out.Missing, where+m.File+": "+m.Text)
	}
	if len(missing) > 0 && !whatIsLeft {
		return out, incomplete(s.Name, out.Missing)
	}
	if _, err := os.Stat(filepath.Join(part, dbFile)); err != nil {
		return out, newError("", "the snapshot %s has lost hub.db and cannot be restored: take another one (heimpost restore TARGET --list)", s.Name)
	}
	for i, b := range s.Boxes {
		tell(Progress{What: "checking", Done: i, Total: len(s.Boxes)})
		problems, err := restoredBox(ctx, filepath.Join(part, "boxes", b.Name), s.Time, lost[b.Name], o)
		if err != nil {
			return out, fmt.Errorf("box %s: %w", b.Name, err)
		}
		for _, p := range problems {
			text := fmt.Sprintf("box %s: %s %s: %s", b.Name, p.Mailbox, filepath.Base(p.File), p.Text)
			if !whatIsLeft {
				return out, incomplete(s.Name, []string{text})
			}
			if len(missing) == 0 {
				out.Missing = append(out.Missing, text)
			}
		}
	}
	return out, nil
}

// restoredBox makes the box in a folder ready, and checks files and index
// against each other; the files' bytes were compared when they were written. A
// lost index is made anew.
func restoredBox(ctx context.Context, dir string, taken time.Time, lost []store.Content, o Options) ([]store.Problem, error) {
	so := store.Options{Now: o.Now, MaxMessage: o.MaxMessage}
	if _, err := os.Stat(filepath.Join(dir, store.BackupIndex)); errors.Is(err, fs.ErrNotExist) {
		if _, err := store.Rebuild(ctx, dir, so, nil); err != nil {
			return nil, err
		}
	}
	if err := store.PrepareRestored(ctx, dir, taken, lost, so); err != nil {
		return nil, err
	}
	box, err := store.OpenBox(ctx, dir, so)
	if err != nil {
		return nil, err
	}
	r, err := box.Verify(ctx, store.VerifyOptions{})
	if err = errors.Join(err, box.Close()); err != nil {
		return nil, err
	}
	return r.Problems, nil
}

// shownMissing is how many of the things that are missing an error names.
const shownMissing = 5

func incomplete(name string, missing []string) error {
	shown := missing[:min(len(missing), shownMissing)]
	more := ""
	if n := len(missing) - len(shown); n > 0 {
		more = fmt.Sprintf("; and %d more", n)
	}
	return newError("", "the snapshot %s is not whole: %s%s\nNothing was restored. Take another snapshot (--list shows them), or restore without these: --what-is-left",
		name, strings.Join(shown, "; "), more)
}

func restoreError(dir string, err error) error {
	if store.NoSpace(err) {
		return fmt.Errorf("there is no space left for the restored mail in %s (%w)", dir, err)
	}
	return err
}

// moveUp gives a complete restore its place.
func moveUp(dir string) error {
	part := filepath.Join(dir, partFolder)
	entries, err := os.ReadDir(part)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != completeFile {
			if err := os.Rename(filepath.Join(part, e.Name()), filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	for _, d := range []string{part, dir} {
		if err := store.OSFS.SyncDir(d); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	return store.OSFS.SyncDir(dir)
}
