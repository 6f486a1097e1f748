package store

import (
	"context"
	"strconv"

	"github.com/emersion/go-imap/v2"
)

// Expunge removes the messages that are flagged \Deleted, only those within
// uids if it is not nil (RFC 4315 §2.1), and gives their UIDs. On a device that
// deletes only here they are hidden instead.
func (m *Mailbox) Expunge(ctx context.Context, uids imap.UIDSet) (gone imap.UIDSet, err error) {
	err = m.v.change(ctx, func(t *tx) error {
		_, seen, l, err := t.look(m.m, m.v.o.Actor)
		if err != nil {
			return err
		}
		var out []Entry
		if uids == nil {
			for _, e := range seen.All() {
				if e.Flags&FlagDeleted != 0 {
					out = append(out, e)
				}
			}
		} else {
			for _, i := range seen.find(uids) {
				if e := seen.At(i); e.Flags&FlagDeleted != 0 {
					out = append(out, e)
				}
			}
		}
		gone = setOf(spans(out))
		return t.discard(m.m, l, out, m.v.o.Actor)
	})
	return gone, err
}

// discard takes messages out of the view of who looks through a lens: for
// good, or for its device alone.
func (t *tx) discard(m *mailbox, l lens, out []Entry, who Actor) error {
	s, err := t.loaded(m)
	if err != nil {
		return err
	}
	hide := out
	if !l.here {
		hide = nil
	} else {
		out, hide = s.over.split(out, l.device)
	}
	if err := s.refuseAny(out); err != nil {
		return err
	}
	if _, err := t.expunge(m, s.base(out), who); err != nil {
		return err
	}
	if len(hide) == 0 {
		return nil
	}
	if err := t.hideHere(m, l.device, hide, who); err != nil {
		return err
	}
	return t.record(deed{who: who, action: "hidden", place: m.row, name: s.name, uids: setOf(spans(hide)), mail: hide[0].mail, count: len(hide)})
}

// split tells the entries that exist for a device alone from the common ones.
func (o *overlay) split(entries []Entry, device ID) (own, common []Entry) {
	for _, e := range entries {
		if o.scope(uint32(e.UID)) == device {
			own = append(own, e)
		} else {
			common = append(common, e)
		}
	}
	return own, common
}

// hideHere hides messages on the device that deleted them.
func (t *tx) hideHere(m *mailbox, device ID, hide []Entry, who Actor) error {
	if len(hide) == 0 {
		return nil
	}
	s, err := t.loaded(m)
	if err != nil {
		return err
	}
	if err := t.giveModSeq(m, &s); err != nil {
		return err
	}
	if err := t.hide(m, &s, device, spans(hide), hiddenHere); err != nil {
		return err
	}
	// When it comes back it is not deleted.
	if err := t.clearRows(m, &s, device, uidsOf(hide)); err != nil {
		return err
	}
	t.set(m, s)
	t.events = append(t.events, Event{Kind: "hidden", Mailbox: m.id, MailboxName: s.name, Actor: who, UIDs: setOf(spans(hide))})
	return nil
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
	if err := t.record(deed{who: who, action: "deleted", place: m.row, name: s.name, uids: uids, mail: gone[0].mail, count: len(gone)}); err != nil {
		return nil, err
	}
	t.logExpunged(m, gone)
	t.events = append(t.events, Event{Kind: "expunged", Mailbox: m.id, MailboxName: s.name, Actor: who, UIDs: uids})
	d, err := t.beginDeletion(m, &s, who)
	if err != nil {
		return nil, err
	}
	if err := t.remove(m, at, d); err != nil {
		return nil, err
	}
	return uids, t.endDeletion(d)
}

// remove takes the messages at indexes out of a mailbox: as a deletion, or
// because they have moved (nil).
func (t *tx) remove(m *mailbox, at []int, d *deletion) error {
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
		if d != nil {
			if err := t.dropEntries(d, sel); err != nil {
				return err
			}
		}
		if err := t.exec("DELETE FROM entry WHERE "+sel.where, sel.args...); err != nil {
			return err
		}
		if len(s.over.rows) > 0 {
			if err := t.exec("DELETE FROM private WHERE "+sel.where, sel.args...); err != nil {
				return err
			}
		}
	}
	s.over = s.over.without(gone)
	if err := t.vanish(m, &s, spans(gone)); err != nil {
		return err
	}
	if err := t.collect(m, d, files, setOf(spans(gone))); err != nil {
		return err
	}
	before := s.snap
	s.snap = s.snap.remove(at)
	t.set(m, s)
	if s.use != imap.MailboxAttrDrafts {
		return nil
	}
	for _, sel := range before.selections(m.row, at) {
		if err := t.undrafted(sel.where, sel.args...); err != nil {
			return err
		}
	}
	return nil
}

// vanish notes that UIDs have left a mailbox with its present mod-sequence.
func (t *tx) vanish(m *mailbox, s *state, runs []span) error {
	list := []byte{'['}
	for i, r := range runs {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(strconv.AppendUint(list, uint64(r.lo), 10), ',')
		list = strconv.AppendUint(list, uint64(r.hi), 10)
	}
	// Of the list's elements, each even one is a lo and the next one its hi.
	return t.exec(`INSERT INTO vanished(mailbox, modseq, lo, hi) SELECT ?, ?, lo, hi
		FROM (SELECT key, value AS lo, lead(value) OVER (ORDER BY key) AS hi FROM json_each(?)) WHERE key%2=0`,
		m.row, s.modSeq, string(append(list, ']')))
}

// Vanished gives the UIDs that left the mailbox, as this view sees it, after
// mod-sequence since (RFC 7162 §3.2.5).
func (m *Mailbox) Vanished(ctx context.Context, since uint64) (imap.UIDSet, error) {
	rows, err := m.v.b.index.read.QueryContext(ctx, `
		SELECT lo, hi FROM vanished WHERE mailbox=?1 AND modseq>?2
		UNION ALL
		SELECT h.lo, h.hi FROM hidden h JOIN actor a ON a.id=h.device
		WHERE h.mailbox=?1 AND a.actor=?3 AND h.why>=?4 AND h.modseq>?2
		ORDER BY 1`, m.m.row, int64(min(since, 1<<63-1)), m.v.o.Actor.Device, int(anyHidden))
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
		// Both may tell of the same UID: hidden first, expunged later.
		if n := len(runs); n > 0 && r.lo <= runs[n-1].hi+1 {
			runs[n-1].hi = max(runs[n-1].hi, r.hi)
			continue
		}
		runs = append(runs, r)
	}
	return setOf(runs), indexError(rows.Err())
}
