package store

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// What was expunged or deleted goes in the background, after the commit. A
// row of table gc remembers it until its absence is durable: a file that came
// back after a power cut would be one that nobody names.

// remove removes mails' files, durably.
func (d *disk) remove(names []mailFileName) error { return d.removeEach(names, func(time.Time) {}) }

// removeEach likewise; rest is called after each file.
func (d *disk) removeEach(names []mailFileName, rest func(time.Time)) error {
	dirs := map[string]bool{}
	var errs []error
	for _, n := range names {
		start, path := time.Now(), d.path(n)
		if err := d.fs.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
			continue
		}
		dirs[filepath.Dir(path)] = true
		rest(start)
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
		if d.removeEach(names, d.giveWay) == nil {
			done()
		}
	})
}

// giveWay is called after a piece of background work that began at start:
// while somebody waits for the writer it rests, so that the files of what was
// deleted do not keep others from the disk.
func (d *disk) giveWay(start time.Time) {
	if d.busy != nil && d.busy() {
		time.Sleep(15 * min(time.Since(start), time.Millisecond))
	}
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
	d.work.do(func() { d.removeMailbox(id, done) })
}

// removeMailbox removes a mailbox's folder, durably.
func (d *disk) removeMailbox(id ID, done func()) {
	dir, gone := d.mailDir(id), filepath.Join(d.tmpDir(), string(id))
	err := errors.Join(d.removeAll(gone), d.removeAll(dir))
	if err == nil {
		err = d.fs.SyncDir(filepath.Dir(dir))
	}
	if err == nil && done != nil {
		done()
	}
}

// takeLater takes away, in the background, the files of messages that left a
// mailbox: some are kept in their days' folders, the others removed.
func (d *disk) takeLater(keep []keptFile, names []mailFileName, done func()) {
	d.work.do(func() {
		if errors.Join(d.keep(keep), d.removeEach(names, d.giveWay)) == nil {
			done()
		}
	})
}

// takeFolderLater does likewise with a mailbox's folder. Only when what is to
// be kept has left it, it goes.
func (d *disk) takeFolderLater(id ID, keep []keptFile, done func()) {
	if len(keep) == 0 {
		d.removeMailboxLater(id, done)
		return
	}
	d.work.do(func() {
		if d.keep(keep) == nil {
			last := slices.MaxFunc(keep, func(a, b keptFile) int { return strings.Compare(a.day, b.day) })
			d.keepMailbox(id, last.day)
			d.removeMailbox(id, done)
		}
	})
}

// collectLeft takes away, in the background, what a row of table gc names: the
// files of these UIDs of a mailbox, or all of it ("*"), or in a day's folder.
// What is among keep is kept.
func (d *disk) collectLeft(l leftFiles, keep []keptFile, done func()) {
	switch {
	case l.day != "":
		d.work.do(func() {
			files, err := d.findKept(l.mailbox, parseSpans(l.uids), l.day)
			if err == nil && d.removeKept(files) == nil {
				done()
			}
		})
	case l.uids == "*":
		d.takeFolderLater(l.mailbox, keep, done)
	default:
		d.work.do(func() {
			uids := parseSpans(l.uids)
			var some []keptFile
			for _, k := range keep {
				if inSpans(uids, k.uid) {
					some = append(some, k)
				}
			}
			err := d.keep(some)
			if err == nil {
				var names []mailFileName
				if names, err = d.find(l.mailbox, uids); err == nil {
					err = d.remove(names)
				}
			}
			if err == nil {
				err = d.syncShards(l.mailbox, uids)
			}
			if err == nil {
				done()
			}
		})
	}
}

// syncShards makes durable what was taken out of the shards of UIDs in runs,
// also by a process that did not come to do it.
func (d *disk) syncShards(id ID, runs []span) error {
	for _, r := range runs {
		shards, err := d.shardsBetween(id, r.lo/shardSize, r.hi/shardSize)
		if err != nil {
			return err
		}
		for _, s := range shards {
			if err := d.fs.SyncDir(filepath.Join(d.mailDir(id), shard(s*shardSize))); err != nil {
				return err
			}
		}
	}
	return nil
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
