package store

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

// What was expunged or deleted goes in the background, after the commit. A
// row of table gc remembers it until its absence is durable: a file that came
// back after a power cut would be one that nobody names.

// remove removes mails' files, durably.
func (d *disk) remove(names []mailFileName) error {
	dirs := map[string]bool{}
	var errs []error
	for _, n := range names {
		path := d.path(n)
		if err := d.fs.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
			continue
		}
		dirs[filepath.Dir(path)] = true
	}
	for dir := range dirs {
		if err := d.fs.SyncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// removeLater removes files in the background; done is called when their
// absence is durable. What cannot be removed is tried again at the next start.
func (d *disk) removeLater(names []mailFileName, done func()) {
	d.work.do(func() {
		if d.remove(names) == nil {
			done()
		}
	})
}

// removeMailboxLater takes a mailbox's folder out of mail/ and removes it in
// the background, likewise.
func (d *disk) removeMailboxLater(id ID, done func()) {
	dir, gone := d.mailDir(id), filepath.Join(d.tmpDir(), string(id))
	d.shardMu.Lock()
	for s := range d.shards {
		if strings.HasPrefix(s, dir+string(filepath.Separator)) {
			delete(d.shards, s)
		}
	}
	d.shardMu.Unlock()
	// Where it cannot be renamed (a reader has a file open on Windows) it is
	// removed where it is.
	d.fs.Rename(dir, gone)
	d.work.do(func() {
		err := errors.Join(d.removeAll(gone), d.removeAll(dir))
		if err == nil {
			err = d.fs.SyncDir(filepath.Dir(dir))
		}
		if err == nil && done != nil {
			done()
		}
	})
}

// collectLeft removes in the background what a row of table gc names: the
// files of these UIDs of a mailbox, or all of it.
func (d *disk) collectLeft(id ID, uids string, done func()) {
	if uids == "*" {
		d.removeMailboxLater(id, done)
		return
	}
	d.work.do(func() {
		names, err := d.find(id, parseSpans(uids))
		if err == nil && d.remove(names) == nil {
			done()
		}
	})
}

// find lists the mail files of UIDs in runs, which ascend.
func (d *disk) find(id ID, runs []span) ([]mailFileName, error) {
	var out []mailFileName
	last := int64(-1)
	for _, r := range runs {
		shards, err := d.shardsBetween(id, r.lo/shardSize, r.hi/shardSize)
		if err != nil {
			return nil, err
		}
		for _, s := range shards {
			if int64(s) <= last {
				continue
			}
			last = int64(s)
			err := d.eachMail(id, s, func(n mailFileName) {
				if inSpans(runs, n.uid) {
					out = append(out, n)
				}
			}, nil)
			if err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}
