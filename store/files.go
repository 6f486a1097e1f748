package store

import (
	"database/sql"
	"strconv"
	"sync"

	"github.com/emersion/go-imap/v2"
)

// This file is where a transaction touches files. What it does to them before
// the commit it can undo; what cannot be undone waits until after it.

// place gives an incoming mail its name in a mailbox's folder.
func (t *tx) place(m *mailbox, in *Incoming, uid imap.UID) error {
	name := mailFileName{m.id, uint32(uid), fileInfo{date: in.Date, size: in.size, hash: in.Hash()}}
	t.files = append(t.files, name) // a rename that fails may be done all the same
	dir, err := t.b.disk.place(in, name)
	if err != nil {
		return err
	}
	t.syncDir(dir)
	return nil
}

// linkBeside is from how many files on links are made beside the statements.
const linkBeside = 64

// link gives mails' files second names, for copies. The transaction may go on
// with its statements; wait tells when all have their names.
func (t *tx) link(names [][2]mailFileName) (wait func() error) {
	for _, n := range names {
		t.files = append(t.files, n[1])
	}
	var err error
	dirs := map[string]bool{}
	run := func() {
		for _, n := range names {
			var dir string
			if dir, err = t.b.disk.link(n[0], n[1]); err != nil {
				return
			}
			dirs[dir] = true
		}
	}
	var running sync.WaitGroup
	if len(names) >= linkBeside {
		running.Go(run)
	} else {
		run()
	}
	return func() error {
		running.Wait()
		for dir := range dirs {
			t.syncDir(dir)
		}
		return err
	}
}

// restoreFile gives a deleted mail's file a name in a mailbox again.
func (t *tx) restoreFile(k keptFile, to *mailbox, uid imap.UID) error {
	name := mailFileName{to.id, uint32(uid), k.fileInfo}
	t.files = append(t.files, name)
	dir, err := t.b.disk.restore(k, name)
	if err != nil {
		return err
	}
	t.syncDir(dir)
	return nil
}

// unplace removes, durably, the files that a transaction placed in vain. What
// cannot be removed now is left to the next transaction.
func (w *writer) unplace(files []mailFileName) {
	if len(files) > 0 && w.b.disk.remove(files) != nil {
		w.left = append(w.left, files...)
	}
}

// collectLeftFiles gives files that could not be removed at once a row that
// remembers them: their UIDs are burned, and an index that counts above them
// would not know them for orphans.
func (t *tx) collectLeftFiles() error {
	left := t.w.left
	if len(left) == 0 {
		return nil
	}
	uids := map[ID]*imap.UIDSet{}
	for _, f := range left {
		if uids[f.mailbox] == nil {
			uids[f.mailbox] = new(imap.UIDSet)
		}
		uids[f.mailbox].AddNum(imap.UID(f.uid))
	}
	var rows []int64
	for id, set := range uids {
		row, err := t.collectRow(id, set.String(), "")
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	t.commit = append(t.commit, func() {
		t.w.left = nil
		t.b.disk.removeLater(left, func() {
			for _, r := range rows {
				t.b.collected(r)
			}
		})
	})
	return nil
}

// createFolder makes a mailbox's folder.
func (t *tx) createFolder(m *mailbox, s *state) (err error) {
	if m.file, err = t.b.disk.createMailbox(m.id, s.name, s.use, m.uidValidity); err != nil {
		return err
	}
	m.file.state = t.b.stateOf(m)
	t.undo = append(t.undo, func() { t.removeFolder(m, nil) })
	return nil
}

// renameFolder writes a mailbox's new name into its mailbox.json.
func (t *tx) renameFolder(m *mailbox, s *state) error {
	old := t.state(m).name
	t.undo = append(t.undo, func() { m.file.rename(old) }) // at the next start the index's name goes before
	return m.file.rename(s.name)
}

// collect takes away the files of messages that left a mailbox, after the
// commit and in the background: those that the deletion keeps go to its day's
// folder. A row remembers it until it is done.
func (t *tx) collect(m *mailbox, d *deletion, files map[uint32]fileInfo, uids imap.UIDSet) error {
	id, err := t.collectRow(m.id, uids.String(), "")
	if err != nil {
		return err
	}
	kept, err := t.keptIn(d, files)
	if err != nil {
		return err
	}
	names := make([]mailFileName, 0, len(files))
	for uid, f := range files {
		names = append(names, mailFileName{m.id, uid, f})
	}
	keep := make([]keptFile, 0, len(kept))
	for uid, f := range kept {
		keep = append(keep, keptFile{mailFileName{m.id, uid, f}, d.day})
	}
	t.commit = append(t.commit, func() { t.b.disk.takeLater(keep, names, func() { t.b.collected(id) }) })
	return nil
}

// collectFolder takes away the folder of a deleted mailbox likewise.
func (t *tx) collectFolder(m *mailbox) error {
	id, err := t.collectRow(m.id, "*", "")
	if err != nil {
		return err
	}
	// Those of earlier deletions, too: they may not all have left it.
	keep, err := t.keptFiles("x.mailbox=?", m.id)
	if err != nil {
		return err
	}
	t.commit = append(t.commit, func() {
		m.file.drop()
		t.b.disk.takeFolderLater(m.id, keep, func() { t.b.collected(id) })
	})
	return nil
}

// collectKept removes deleted mails' files likewise.
func (t *tx) collectKept(files []keptFile) error {
	type folder struct {
		mailbox ID
		day     string
	}
	uids := map[folder]*imap.UIDSet{}
	for _, k := range files {
		at := folder{k.mailbox, k.day}
		if uids[at] == nil {
			uids[at] = new(imap.UIDSet)
		}
		uids[at].AddNum(imap.UID(k.uid))
	}
	var rows []int64
	for at, set := range uids {
		row, err := t.collectRow(at.mailbox, set.String(), at.day)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	t.commit = append(t.commit, func() {
		t.b.disk.removeKeptLater(files, func() {
			for _, r := range rows {
				t.b.collected(r)
			}
		})
	})
	return nil
}

func (t *tx) removeFolder(m *mailbox, done func()) {
	m.file.drop()
	t.b.disk.removeMailboxLater(m.id, done)
}

func (t *tx) collectRow(mailbox ID, uids, day string) (id int64, err error) {
	err = t.row("INSERT INTO gc(mailbox, uids, day) VALUES(?, ?, ?) RETURNING id", mailbox, uids, day).Scan(&id)
	return id, err
}

// collected forgets what a gc row remembers: its files are gone. Its row goes
// along with the next transaction.
func (b *Box) collected(row int64) {
	b.writer.mu.Lock()
	defer b.writer.mu.Unlock()
	b.writer.collected = append(b.writer.collected, row)
}

// forgetCollected deletes the rows of files that are gone.
func (t *tx) forgetCollected() error {
	t.w.mu.Lock()
	rows := t.w.collected
	t.w.collected = nil
	t.w.mu.Unlock()
	if len(rows) == 0 {
		return nil
	}
	list := []byte{'['}
	for _, r := range rows {
		list = append(strconv.AppendInt(list, r, 10), ',')
	}
	list[len(list)-1] = ']'
	t.undo = append(t.undo, func() {
		for _, r := range rows {
			t.b.collected(r)
		}
	})
	return t.exec("DELETE FROM gc WHERE id IN (SELECT value FROM json_each(?))", string(list))
}

// openMail opens a message's file.
func (b *Box) openMail(m *mailbox, uid imap.UID, f fileInfo) (MailFile, error) {
	return b.disk.openMail(mailFileName{m.id, uint32(uid), f})
}

// logNew writes into the mailbox's state.log, once they are committed, that
// there are new messages, which ascend, and their flags; they have none where
// none are written.
func (t *tx) logNew(m *mailbox, entries []Entry, words Keywords) {
	var flagged []Entry
	for _, e := range entries {
		if e.Flags != 0 {
			flagged = append(flagged, e)
		}
	}
	if len(flagged) > 0 {
		t.logFlags(m, flagged, words)
	}
	if n := len(entries); n > 0 {
		next := uint32(entries[n-1].UID) + 1
		t.commit = append(t.commit, func() { m.file.logNext(next) })
	}
}

// logFlags writes the flags of messages into the mailbox's state.log, once
// they are committed.
func (t *tx) logFlags(m *mailbox, entries []Entry, words Keywords) {
	t.commit = append(t.commit, func() { m.file.logFlags(entries, words) })
}

// logOwn writes likewise what messages are for a person or a device alone.
func (t *tx) logOwn(m *mailbox, who ID, is ownKind, runs []span) {
	if len(runs) > 0 {
		t.commit = append(t.commit, func() { m.file.logOwn(who, is, setOf(runs)) })
	}
}

// logRead writes likewise for whom messages are unread, or not any more.
func (t *tx) logRead(m *mailbox, who ID, uids []uint32, bits uint8) {
	if _, isDevice := t.rules().devices[who]; isDevice {
		return
	}
	is := ownRead
	if bits&rowUnread != 0 {
		is = ownUnread
	}
	t.logOwn(m, who, is, runsOf(uids))
}

// keepScoped remembers on the disk, before the commit, which new entries exist
// for one device only: a rebuild must show them to nobody else, also when
// state.log, which says to whom, is lost.
func (t *tx) keepScoped(m *mailbox, entries []Entry, scopes []ID) error {
	byDevice := map[ID]*imap.UIDSet{}
	var all imap.UIDSet
	for i, e := range entries {
		if scopes[i] == "" {
			continue
		}
		if byDevice[scopes[i]] == nil {
			byDevice[scopes[i]] = new(imap.UIDSet)
		}
		byDevice[scopes[i]].AddNum(e.UID)
		all.AddNum(e.UID)
	}
	if len(all) == 0 {
		return nil
	}
	for device, uids := range byDevice {
		t.commit = append(t.commit, func() { m.file.logScope(device, *uids) })
	}
	return m.file.addScoped(all, func() (left imap.UIDSet, err error) {
		err = each(t.w.conn, "SELECT uid FROM entry WHERE mailbox=? AND scope<>0 ORDER BY uid", m.row, func(rows *sql.Rows) error {
			var uid uint32
			err := rows.Scan(&uid)
			left.AddNum(imap.UID(uid))
			return err
		})
		return left, err
	})
}

// logExpunged writes likewise that messages were expunged.
func (t *tx) logExpunged(m *mailbox, gone []Entry) {
	t.commit = append(t.commit, func() { m.file.logExpunged(setOf(spans(gone))) })
}

// logMoved writes likewise that messages went into another mailbox.
func (t *tx) logMoved(from, to *mailbox, moved Copied) {
	t.commit = append(t.commit, func() { from.file.logMoved(to.id, moved) })
}

// logUIDL writes likewise a provider's row: always into INBOX's, which is
// never deleted.
func (t *tx) logUIDL(u UIDL) {
	if m := t.folders().names[inbox]; m != nil {
		t.commit = append(t.commit, func() { m.file.logUIDL(u) })
	}
}
