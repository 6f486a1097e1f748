package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
)

// restoreAtOnce is how many deleted mails go into one transaction.
const restoreAtOnce = 256

// deletedRow is a deleted message with what its deletion knows of it.
type deletedRow struct {
	id   int64
	mail int64
	keptFile
	flags Flags
	*deletionRow
}

// deletionRow is a row of table deletion.
type deletionRow struct {
	id       int64
	mailbox  ID
	place    int64
	name     string // of the mailbox then
	use      imap.MailboxAttr
	keywords Keywords
}

// Restore puts deleted mails back, each into the mailbox that it was deleted
// from, under a new UID with the flags that it had. A mailbox that is gone is
// made again. It gives those of the ids that name no deleted mail.
func (b *Box) Restore(ctx context.Context, who Actor, ids []int64) (missing []int64, err error) {
	return b.eachDeleted(ctx, ids, func(t *tx, rows []deletedRow) error { return t.restore(rows, who) })
}

// Purge removes deleted mails for good. It gives those of the ids that name no
// deleted mail.
func (b *Box) Purge(ctx context.Context, who Actor, ids []int64) (missing []int64, err error) {
	return b.eachDeleted(ctx, ids, func(t *tx, rows []deletedRow) error {
		for _, some := range byDeletion(rows) {
			if err := t.record(deed{who: who, action: "purged", place: some[0].place, name: some[0].name,
				uids: uidsOfDeleted(some), mail: some[0].mail, count: len(some)}); err != nil {
				return err
			}
		}
		return t.purge(rows)
	})
}

// eachDeleted runs fn, in transactions, with the deleted mails that ids name.
func (b *Box) eachDeleted(ctx context.Context, ids []int64, fn func(*tx, []deletedRow) error) (missing []int64, err error) {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	for some := range slices.Chunk(slices.Compact(ids), restoreAtOnce) {
		var left []int64
		err := b.writer.do(ctx, &request{mails: len(some), run: func(t *tx) error {
			rows, err := t.deletedRows("d.id IN (SELECT value FROM json_each(?))", idList(some))
			if err != nil {
				return err
			}
			left = slices.DeleteFunc(slices.Clone(some), func(id int64) bool {
				return slices.ContainsFunc(rows, func(r deletedRow) bool { return r.id == id })
			})
			if len(rows) == 0 {
				return nil
			}
			return fn(t, rows)
		}})
		if err != nil {
			return nil, err
		}
		missing = append(missing, left...)
	}
	return missing, nil
}

// deletedRows gives deleted mails, those of one deletion together by UID.
func (t *tx) deletedRows(where string, args ...any) (out []deletedRow, err error) {
	rows, err := t.w.conn.QueryContext(context.Background(), `
		SELECT d.id, d.uid, d.mail, d.flags, x.id, x.at, x.mailbox, x.place, x.name, x.specialuse, x.keywords, m.date, m.zone, m.size, m.hash
		FROM deleted d JOIN deletion x ON x.id=d.deletion JOIN mail m ON m.id=d.mail WHERE `+where+` ORDER BY x.id, d.uid`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var last *deletionRow
	for rows.Next() {
		var r deletedRow
		var x deletionRow
		var at, flags, seconds int64
		var keywords sql.RawBytes
		var zone int
		hash := r.hash[:0]
		if err := rows.Scan(&r.id, &r.uid, &r.mail, &flags, &x.id, &at, &x.mailbox, &x.place, &x.name, &x.use, &keywords,
			&seconds, &zone, &r.size, &hash); err != nil {
			return nil, err
		}
		if last == nil || last.id != x.id {
			x.keywords = keywordsOf(keywords)
			last = &x
		}
		copy(r.hash[:], hash)
		r.flags, r.date, r.day = Flags(flags), dateIn(seconds, zone), dayOf(time.Unix(at, 0))
		r.deletionRow, r.keptFile.mailbox = last, last.mailbox
		out = append(out, r)
	}
	return out, rows.Err()
}

// byDeletion parts rows by their deletions.
func byDeletion(rows []deletedRow) (out [][]deletedRow) {
	for i, r := range rows {
		if i == 0 || rows[i-1].deletionRow != r.deletionRow {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], r)
	}
	return out
}

func uidsOfDeleted(rows []deletedRow) (uids imap.UIDSet) {
	for _, r := range rows {
		uids.AddNum(imap.UID(r.uid))
	}
	return uids
}

func (t *tx) restore(rows []deletedRow, who Actor) error {
	for _, some := range byDeletion(rows) {
		if err := t.restoreInto(some, who); err != nil {
			return err
		}
	}
	return t.forgetDeleted(rows)
}

// restoreInto puts mails of one deletion back into their mailbox.
func (t *tx) restoreInto(rows []deletedRow, who Actor) error {
	x := rows[0].deletionRow
	m, err := t.restoreTarget(x, who)
	if err != nil {
		return err
	}
	s := *t.state(m)
	entries := make([]Entry, len(rows))
	for i, r := range rows {
		entries[i] = Entry{Flags: r.flags &^ FlagDeleted}
	}
	flags, err := t.translate(m, &s, entries, x.keywords)
	if errors.Is(err, ErrKeywordLimit) {
		flags, err = func(f Flags) Flags { return f & (1<<firstKeyword - 1) }, nil
	}
	if err != nil {
		return err
	}
	first, err := t.giveUIDs(m, &s, len(rows))
	if err != nil {
		return err
	}
	now := t.b.now()
	dates := make([]int64, len(rows))
	var read []uint32
	for i, r := range rows {
		e := &entries[i]
		e.UID, e.Flags, e.ModSeq, e.mail = imap.UID(first)+imap.UID(i), flags(e.Flags), s.modSeq, r.mail
		if err := t.restoreFile(r.keptFile, m, e.UID); err != nil {
			return err
		}
		if err := t.insertEntry(m, *e, now, ""); err != nil {
			return err
		}
		dates[i] = r.date.Unix()
		if e.Flags&FlagSeen != 0 {
			read = append(read, uint32(e.UID))
		}
	}
	last := s.uidNext - 1
	if err := t.addRefs(selection{"mailbox=? AND uid BETWEEN ? AND ?", []any{m.row, first, last}}, 1); err != nil {
		return err
	}
	if s.snap != nil {
		s.snap = s.snap.add(entries)
	}
	if err := t.unreadForOthers(m, &s, who.Person, read); err != nil {
		return err
	}
	if err := t.hideOld(m, &s, uidsOf(entries), dates); err != nil {
		return err
	}
	t.set(m, s)
	t.logNew(m, entries, s.keywords)
	uids := setOf([]span{{first, last}})
	t.events = append(t.events, Event{Kind: "restored", Mailbox: m.id, MailboxName: s.name, Actor: who, UIDs: uids})
	return t.record(deed{who: who, action: "restored", place: m.row, name: s.name, uids: uids, mail: rows[0].mail, count: len(rows),
		source: x.place, sourceName: x.name, sourceUIDs: uidsOfDeleted(rows)})
}

// restoreTarget gives the mailbox that mails were deleted from, wherever it is
// now, else the one of its name, else a new one.
func (t *tx) restoreTarget(x *deletionRow, who Actor) (*mailbox, error) {
	for _, n := range t.folders().list {
		if n.id == x.mailbox {
			return n.mailbox, nil
		}
	}
	if m := t.folders().names[x.name]; m != nil {
		return m, nil
	}
	m, err := t.createWithParents(x.name, x.use)
	if errors.Is(err, ErrSpecialUse) { // another one has it now
		m, err = t.createWithParents(x.name, "")
	}
	if err != nil {
		return nil, err
	}
	return m, t.mailboxEvent(who, "created", m, x.name)
}

// purge removes deleted mails for good.
func (t *tx) purge(rows []deletedRow) error {
	if err := t.forgetDeleted(rows); err != nil {
		return err
	}
	mails := make([]int64, len(rows))
	for i, r := range rows {
		mails[i] = r.mail
	}
	return t.dropMails("SELECT value FROM json_each(?)", idList(mails))
}

// forgetDeleted deletes the rows of deleted mails, and their files after the
// commit.
func (t *tx) forgetDeleted(rows []deletedRow) error {
	ids, deletions := make([]int64, len(rows)), []int64{}
	files := make([]keptFile, len(rows))
	for i, r := range rows {
		ids[i], files[i] = r.id, r.keptFile
		if n := len(deletions); n == 0 || deletions[n-1] != r.deletionRow.id {
			deletions = append(deletions, r.deletionRow.id)
		}
	}
	if err := t.exec("DELETE FROM deleted WHERE id IN (SELECT value FROM json_each(?))", idList(ids)); err != nil {
		return err
	}
	if err := t.exec(`DELETE FROM deletion WHERE id IN (SELECT value FROM json_each(?)) AND NOT EXISTS (SELECT 1 FROM deleted WHERE deletion=deletion.id)`,
		idList(deletions)); err != nil {
		return err
	}
	return t.collectKept(files)
}

// Expire removes for good what was deleted longer ago than is to be kept, and
// says how many mails that were. An open box does it by itself now and then.
func (b *Box) Expire(ctx context.Context) (n int, err error) { return b.expireAt(ctx, b.now()) }

func (b *Box) expireAt(ctx context.Context, now time.Time) (n int, err error) {
	retain, err := b.Retain(ctx)
	if err != nil {
		return 0, err
	}
	before := now.Add(-retain).Unix()
	for some := 1; some > 0; n += some {
		err := b.writer.do(ctx, &request{mails: restoreAtOnce, run: func(t *tx) error {
			rows, err := t.deletedRows(`d.id IN (SELECT d.id FROM deletion x JOIN deleted d ON d.deletion=x.id WHERE x.at<? LIMIT ?)`, before, restoreAtOnce)
			if some = len(rows); err != nil || some == 0 {
				return err
			}
			return t.purge(rows)
		}})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
