package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// deletedName is the folder of what was expunged and stays restorable.
const deletedName = "deleted"

// keptFile is a mail file in deleted/DAY/, or on its way there.
type keptFile struct {
	mailFileName // as it was in mail/
	day          string
}

func (d *disk) dayDir(day string) string { return filepath.Join(d.dir, deletedName, day) }

// keptPath gives a deleted mail's place on the disk.
func (d *disk) keptPath(k keptFile) string {
	return filepath.Join(d.dayDir(k.day), string(k.mailbox)+"-"+k.base())
}

// parseKept reads the name of a file in deleted/DAY/.
func parseKept(day, name string) (k keptFile, ok bool) {
	id, rest, _ := strings.Cut(name, "-")
	if !ID(id).Valid() {
		return k, false
	}
	k.day = day
	k.mailFileName, ok = parseBase(ID(id), rest)
	return k, ok
}

// keep moves mails' files to their days' folders, durably: the file has its
// new name for good before it loses the old one.
func (d *disk) keep(files []keptFile) error {
	days := map[string]bool{}
	for _, k := range files {
		days[k.day] = true
	}
	for day := range days {
		if err := d.makeDay(day); err != nil {
			return err
		}
	}
	var errs []error
	var moved []mailFileName
	for _, k := range files {
		start := time.Now()
		from, to := d.path(k.mailFileName), d.keptPath(k)
		err := d.fs.Link(from, to)
		if err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
			err = d.fs.Rename(from, to) // the file system has no links
		}
		if err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
			continue
		}
		// One that is not there was moved before, but maybe not for good.
		moved = append(moved, k.mailFileName)
		d.giveWay(start)
	}
	for day := range days {
		if err := d.fs.SyncDir(d.dayDir(day)); err != nil {
			return errors.Join(append(errs, err)...)
		}
	}
	return errors.Join(append(errs, d.removeEach(moved, d.giveWay))...)
}

// makeDay makes a day's folder, durably.
func (d *disk) makeDay(day string) error {
	dir := d.dayDir(day)
	if _, err := d.fs.Stat(dir); err == nil {
		return nil
	}
	if err := d.fs.MkdirAll(dir); err != nil {
		return err
	}
	if err := d.fs.SyncDir(filepath.Dir(dir)); err != nil {
		return err
	}
	return d.fs.SyncDir(d.dir)
}

// removeKept removes deleted mails' files from their days' folders, durably,
// and days' folders that are empty. A file that was not moved there yet has a
// row of table gc of its own.
func (d *disk) removeKept(files []keptFile) error {
	days := map[string]bool{}
	var errs []error
	for _, k := range files {
		days[k.day] = true
		if err := d.fs.Remove(d.keptPath(k)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	for day := range days {
		if err := d.fs.SyncDir(d.dayDir(day)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		d.removeEmptyDay(day)
	}
	return errors.Join(errs...)
}

// removeEmptyDay removes a day's folder that holds no mail. If it stays, it
// does no harm.
func (d *disk) removeEmptyDay(day string) {
	entries, err := d.fs.ReadDir(d.dayDir(day))
	if err != nil || slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !isKeptMailbox(e.Name()) }) {
		return
	}
	for _, e := range entries {
		d.fs.Remove(filepath.Join(d.dayDir(day), e.Name()))
	}
	d.fs.Remove(d.dayDir(day))
}

// removeKeptLater removes deleted mails' files in the background.
func (d *disk) removeKeptLater(files []keptFile, done func()) {
	d.work.do(func() {
		if d.removeKept(files) == nil {
			done()
		}
	})
}

// keepMailbox moves the mailbox.json of a mailbox that is deleted to a day's
// folder, for a rebuild. Nothing else needs it.
func (d *disk) keepMailbox(id ID, day string) {
	d.fs.Rename(filepath.Join(d.mailDir(id), mailboxFileName), filepath.Join(d.dayDir(day), string(id)+keptMailbox))
	d.fs.SyncDir(d.dayDir(day)) // before the folder goes for good
}

// keptMailbox is the end of its name there.
const keptMailbox = ".json"

func isKeptMailbox(name string) bool {
	id, ok := strings.CutSuffix(name, keptMailbox)
	return ok && ID(id).Valid()
}

// findKept lists the files of UIDs of a mailbox in a day's folder.
func (d *disk) findKept(id ID, runs []span, day string) (out []keptFile, err error) {
	err = d.eachKept(day, func(k keptFile) {
		if k.mailbox == id && inSpans(runs, k.uid) {
			out = append(out, k)
		}
	}, nil)
	return out, err
}

// eachKept calls take for each deleted mail of a day, and other, if not nil,
// for what else is there.
func (d *disk) eachKept(day string, take func(keptFile), other func(path string)) error {
	entries, err := d.fs.ReadDir(d.dayDir(day))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		k, ok := parseKept(day, e.Name())
		switch {
		case ok && !e.IsDir():
			take(k)
		case isKeptMailbox(e.Name()):
		case other != nil:
			other(filepath.Join(d.dayDir(day), e.Name()))
		}
	}
	return nil
}

// days lists the days' folders, and calls other, if not nil, for what else is
// in deleted/.
func (d *disk) days(other func(path string)) (out []string, err error) {
	entries, err := d.fs.ReadDir(filepath.Join(d.dir, deletedName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if at, err := time.Parse(time.DateOnly, e.Name()); err == nil && e.IsDir() && dayOf(at) == e.Name() {
			out = append(out, e.Name())
		} else if other != nil {
			other(filepath.Join(d.dir, deletedName, e.Name()))
		}
	}
	return out, nil
}

// keptAt calls open with the places where a deleted mail's file may be, until
// it is found: it may be moved from the first to the second meanwhile.
func (d *disk) keptAt(k keptFile, open func(path string) error) error {
	var err error
	for _, path := range []string{d.keptPath(k), d.path(k.mailFileName), d.keptPath(k)} {
		if err = open(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// openKept opens a deleted mail's file.
func (d *disk) openKept(k keptFile) (f MailFile, err error) {
	err = d.keptAt(k, func(path string) (err error) {
		f, err = d.openPath(path, k.mailFileName)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrExpunged
	}
	return f, err
}

// restore gives a deleted mail's file a name in a mailbox again; the old one
// stays until it is removed.
func (d *disk) restore(k keptFile, to mailFileName) (dir string, err error) {
	err = d.keptAt(k, func(path string) (err error) {
		dir, err = d.linkPath(path, to)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("the file of a deleted message is missing: %w", ErrDamaged)
	}
	return dir, err
}
