package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"
)

// RebuildReport is the outcome of Rebuild.
type RebuildReport struct {
	Mailboxes int
	Messages  int
	UIDLs     int
	Deleted   int      // mails that can be restored
	SetAside  []string // files that are no mails of ours, or damaged, now in orphans/
}

// Rebuild makes the index of the box in dir anew from its folders mail/ and
// deleted/ alone: mailboxes, UIDVALIDITY, UIDs and dates exactly, flags,
// keywords and UIDL rows up to the last synced state.log; of deleted mail who
// deleted it is lost, and its flags. In doubt it brings a mail back. The
// old index is replaced only when the new one is complete. It takes the box's
// lock (ErrLocked).
func Rebuild(ctx context.Context, dir string, o Options, progress func(done, total int)) (_ *RebuildReport, err error) {
	o = o.withDefaults()
	d, err := openDisk(ctx, dir, o)
	if err != nil {
		return nil, fmt.Errorf("box %s: %w", filepath.Base(dir), err)
	}
	defer func() {
		if err = errors.Join(err, d.close()); err != nil {
			err = fmt.Errorf("box %s: %w", filepath.Base(dir), err)
		}
	}()
	r := &rebuilder{ctx: ctx, d: d, progress: progress}
	if err := r.build(o); err != nil {
		return nil, errors.Join(diskError(indexError(err)), removeDatabase(d.fs, r.path(newIndexFile)))
	}
	if err := r.putInPlace(); err != nil {
		return nil, diskError(err)
	}
	return &r.report, nil
}

const (
	newIndexFile = indexFile + newSuffix
	oldIndexFile = indexFile + ".old"
)

// rebuilder is a running Rebuild.
type rebuilder struct {
	ctx      context.Context
	d        *disk
	progress func(done, total int)
	report   RebuildReport

	t         *tx
	mailboxes []*foundMailbox
	strange   map[string]string // what is to be set aside → its new name
	deletions map[keptFrom]int64
	done      int
	total     int
}

// rebuildBatch is how many mails are read at a time, rebuildCommit how many
// are committed at a time.
const (
	rebuildBatch  = 64
	rebuildCommit = 2048
)

func (r *rebuilder) path(name string) string { return filepath.Join(r.d.dir, name) }

// build makes the new index beside the old one.
func (r *rebuilder) build(o Options) (err error) {
	r.strange, r.deletions = map[string]string{}, map[keptFrom]int64{}
	path := r.path(newIndexFile)
	if err := removeDatabase(r.d.fs, path); err != nil {
		return err
	}
	b := &Box{disk: r.d, now: o.Now}
	if b.index, err = openIndex(path); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.index.close()) }()
	b.tree.Store(newTree(map[string]*mailbox{}, nil))
	b.writer = newWriter(b, b.index.write)
	r.t = &tx{b: b, w: b.writer, states: map[*mailbox]*state{}}
	if err := r.findMailboxes(); err != nil {
		return err
	}
	// Until it is complete nobody looks at it: no sync is needed before.
	if err := r.t.exec("PRAGMA synchronous=OFF"); err != nil {
		return err
	}
	if err := r.begin(); err != nil {
		return err
	}
	for _, m := range r.mailboxes {
		if err := r.fill(m); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
	}
	if err := r.complete(); err != nil {
		return err
	}
	if err := r.commit(); err != nil {
		return err
	}
	// This makes the file durable, with all that was written before.
	if err := r.t.exec("PRAGMA synchronous=FULL"); err != nil {
		return err
	}
	// As after an unclean stop, all state logs are written anew when the box is
	// opened: INBOX may be another mailbox now, and its log has no UIDL rows.
	if err := r.t.exec("UPDATE meta SET value=0 WHERE key='clean'"); err != nil {
		return err
	}
	return r.t.exec("PRAGMA wal_checkpoint(TRUNCATE)")
}

func (r *rebuilder) begin() error  { return r.t.exec("BEGIN IMMEDIATE") }
func (r *rebuilder) commit() error { return r.t.exec("COMMIT") }

// fill makes a mailbox with all its messages.
func (r *rebuilder) fill(m *foundMailbox) error {
	if err := r.insertMailbox(m); err != nil {
		return err
	}
	was, err := r.d.foldLog(m.id, m.uids)
	if err != nil {
		return err
	}
	for _, u := range was.uidls {
		if err := r.t.setUIDL(u); err != nil {
			return err
		}
	}
	last := uint32(0)
	scoped := parseSpans(m.Scoped)
	flags := map[int32]Flags{}
	for _, s := range m.shards {
		names, err := r.shardNames(m, s)
		if err != nil {
			return err
		}
		for batch := range slices.Chunk(names, rebuildBatch) {
			if err := r.ctx.Err(); err != nil {
				return err
			}
			for i, mail := range r.readAll(batch) {
				if mail.err != nil {
					return mail.err
				}
				name := batch[i]
				if mail.damaged || name.uid == last {
					r.setAside(r.d.path(name), string(m.id)+"-"+name.base())
					continue
				}
				at, _ := slices.BinarySearch(m.uids, name.uid)
				// Of a message that existed for one device, nobody knows which,
				// nobody is to see more than that it can be restored.
				lost := was.scope[at] == "" && inSpans(scoped, name.uid)
				if lost || r.isGone(was, at) {
					if err := r.wentAway(m, name, mail, lost || was.gone[at]); err != nil {
						return err
					}
					continue
				}
				if err := r.vanish(m, last+1, name.uid-1); err != nil {
					return err
				}
				if err := r.insert(m, name, mail, r.flagsOf(m, was, at, flags), was.scope[at]); err != nil {
					return err
				}
				last = name.uid
			}
			if err := r.step(len(batch)); err != nil {
				return err
			}
		}
	}
	if err := r.insertOwn(m, was); err != nil {
		return err
	}
	return r.vanish(m, last+1, m.state.uidNext-1)
}

// step counts files that are done.
func (r *rebuilder) step(n int) error {
	before := r.done / rebuildCommit
	r.done += n
	if r.progress != nil {
		r.progress(r.done, r.total)
	}
	if r.done/rebuildCommit == before {
		return nil
	}
	if err := r.commit(); err != nil {
		return err
	}
	return r.begin()
}

// setAside remembers what is to go into orphans/ when the index is complete.
func (r *rebuilder) setAside(path, name string) { r.strange[path] = name }

// wentAway is called for the file of a message that was expunged or moved and
// that had no time to go: it goes when the box is next opened. What was
// expunged can be restored.
func (r *rebuilder) wentAway(m *foundMailbox, n mailFileName, mail readMail, expunged bool) error {
	if expunged {
		if err := r.insertDeleted(keptFile{n, dayOf(r.t.b.now())}, mail); err != nil {
			return err
		}
	}
	_, err := r.t.collectRow(m.id, fmt.Sprint(n.uid), "")
	return err
}

// insert makes a message; copies of one mail share its row.
func (r *rebuilder) insert(m *foundMailbox, n mailFileName, mail readMail, flags Flags, scope ID) error {
	id, err := r.sameMail(n)
	if err != nil {
		return err
	}
	if id != 0 {
		err = r.t.exec("UPDATE mail SET refs=refs+1 WHERE id=?", id)
	} else {
		r.t.w.nextMail++
		id = r.t.w.nextMail
		err = r.t.insertMail(id, mail.cold)
	}
	if err != nil {
		return err
	}
	r.report.Messages++
	return r.t.insertEntry(m.mailbox, Entry{UID: imapUID(n.uid), Flags: flags, ModSeq: m.state.modSeq, mail: id}, mail.saved, scope)
}

// vanish says of UIDs that they were given and are not there. They get the
// mailbox's new mod-sequence, so that each client hears of all of them.
func (r *rebuilder) vanish(m *foundMailbox, lo, hi uint32) error {
	if hi < lo || lo == 0 {
		return nil
	}
	return r.t.exec("INSERT INTO vanished(mailbox, modseq, lo, hi) VALUES(?, ?, ?, ?)", m.row, int64(m.state.modSeq), lo, hi)
}

// complete makes what the folder did not say: a mailbox that every box has,
// subscriptions (everybody has all mailboxes, so that nothing is hidden).
func (r *rebuilder) complete() error {
	if err := r.completeTree(); err != nil {
		return err
	}
	if err := r.fillDeleted(); err != nil {
		return err
	}
	if err := r.t.exec("INSERT INTO meta(key, value) VALUES('rebuilt', ?)", r.t.w.nextMail); err != nil {
		return err
	}
	r.report.Mailboxes = len(r.t.folders().list)
	return r.t.row("SELECT count(*) FROM uidl").Scan(&r.report.UIDLs)
}

func (r *rebuilder) completeTree() error {
	if len(r.mailboxes) == 0 {
		return r.t.createFirst()
	}
	for _, m := range r.mailboxes {
		if err := r.t.createParents(m.Name); err != nil {
			return err
		}
	}
	if r.t.folders().names[inbox] == nil {
		if _, err := r.t.create(inbox, ""); err != nil {
			return err
		}
	}
	for _, n := range r.t.folders().list {
		if err := r.t.subscribe("", n.name, true); err != nil {
			return err
		}
	}
	return nil
}

// putInPlace puts the new index in the old one's place. Until the old one is
// away nothing is lost; from then on, if it is cut short, OpenBox asks for a
// rebuild.
func (r *rebuilder) putInPlace() error {
	for _, m := range r.mailboxes {
		if err := m.file.exact(m.state.uidNext-1, m.state.modSeq); err != nil {
			return err
		}
	}
	for _, path := range sortedKeys(r.strange) {
		to, err := r.d.orphan(path, r.strange[path])
		if err != nil {
			return err
		}
		r.report.SetAside = append(r.report.SetAside, to)
	}
	if err := r.d.fs.Rename(r.path(indexFile), r.path(oldIndexFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := r.d.fs.SyncDir(r.d.dir); err != nil {
		return err
	}
	// An old log would be taken for the new index's; the text index names
	// mails by rows that are others now.
	for _, name := range []string{indexFile, searchFile} {
		if err := removeDatabase(r.d.fs, r.path(name)); err != nil {
			return err
		}
	}
	if err := r.d.fs.SyncDir(r.d.dir); err != nil {
		return err
	}
	if err := r.d.fs.Rename(r.path(newIndexFile), r.path(indexFile)); err != nil {
		return err
	}
	if err := r.d.fs.SyncDir(r.d.dir); err != nil {
		return err
	}
	return removeDatabase(r.d.fs, r.path(oldIndexFile))
}

// removeDatabase removes a database's files.
func removeDatabase(f FS, path string) error {
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := f.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// readMail is what was read of a mail's file.
type readMail struct {
	cold
	saved   time.Time
	damaged bool  // it has not the bytes that its name promises
	err     error // it could not be read
}
