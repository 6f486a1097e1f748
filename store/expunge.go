package store

import (
	"context"

	"github.com/emersion/go-imap/v2"
)

// Expunge removes the messages that are flagged \Deleted, only those within
// uids if it is not nil (RFC 4315 §2.1), and gives their UIDs.
func (m *Mailbox) Expunge(ctx context.Context, uids imap.UIDSet) (gone imap.UIDSet, err error) {
	err = m.v.change(ctx, func(t *tx) error {
		s, err := t.loaded(m.m)
		if err != nil {
			return err
		}
		var at []int
		if uids == nil {
			for i, e := range s.snap.All() {
				if e.Flags&FlagDeleted != 0 {
					at = append(at, i)
				}
			}
		} else {
			for _, i := range s.snap.find(uids) {
				if s.snap.At(i).Flags&FlagDeleted != 0 {
					at = append(at, i)
				}
			}
		}
		gone, err = t.expunge(m.m, at, m.v.o.Actor)
		return err
	})
	return gone, err
}

// expunge removes the messages at indexes of a mailbox's present snapshot and
// tells that they were deleted.
func (t *tx) expunge(m *mailbox, at []int, who Actor) (imap.UIDSet, error) {
	if len(at) == 0 {
		return nil, nil
	}
	s, err := t.loaded(m)
	if err != nil {
		return nil, err
	}
	gone := s.snap.entries(at)
	uids := setOf(spans(gone))
	if err := t.record(who, "deleted", s.name, uids, gone[0].mail, len(gone)); err != nil {
		return nil, err
	}
	t.logExpunged(m, gone)
	t.events = append(t.events, Event{Kind: "expunged", Mailbox: m.id, MailboxName: s.name, Actor: who, UIDs: uids})
	return uids, t.remove(m, at, true)
}

// remove takes the messages at indexes out of a mailbox; drop says that the
// references to their mails go with them.
func (t *tx) remove(m *mailbox, at []int, drop bool) error {
	s, err := t.loaded(m)
	if err != nil {
		return err
	}
	if err := t.giveModSeq(m, &s); err != nil {
		return err
	}
	gone := s.snap.entries(at)
	files := make(map[uint32]fileInfo, len(gone))
	for _, sel := range s.snap.selections(m.row, at) {
		if err := t.fileInfos(sel, files); err != nil {
			return err
		}
		if drop {
			if err := t.dropMails(sel); err != nil {
				return err
			}
		}
		if err := t.exec("DELETE FROM entry WHERE "+sel.where, sel.args...); err != nil {
			return err
		}
	}
	for _, r := range spans(gone) {
		if err := t.exec("INSERT INTO vanished(mailbox, modseq, lo, hi) VALUES(?, ?, ?, ?)", m.row, s.modSeq, r.lo, r.hi); err != nil {
			return err
		}
	}
	if err := t.collect(m, files, setOf(spans(gone))); err != nil {
		return err
	}
	s.snap = s.snap.remove(at)
	t.set(m, s)
	return nil
}

// Vanished gives the UIDs that left the mailbox after mod-sequence since
// (RFC 7162 §3.2.5).
func (m *Mailbox) Vanished(ctx context.Context, since uint64) (imap.UIDSet, error) {
	rows, err := m.v.b.index.read.QueryContext(ctx,
		"SELECT lo, hi FROM vanished WHERE mailbox=? AND modseq>? ORDER BY lo", m.m.row, int64(min(since, 1<<63-1)))
	if err != nil {
		return nil, indexError(err)
	}
	defer rows.Close()
	var runs []span
	for rows.Next() {
		var r span
		if err := rows.Scan(&r.lo, &r.hi); err != nil {
			return nil, indexError(err)
		}
		if n := len(runs); n > 0 && runs[n-1].hi+1 == r.lo {
			runs[n-1].hi = r.hi
			continue
		}
		runs = append(runs, r)
	}
	return setOf(runs), indexError(rows.Err())
}
