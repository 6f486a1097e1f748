package store

import (
	"slices"
	"strconv"
)

// This file is where a transaction changes overlays. Of a mailbox that is not
// loaded only the rows in the index change: its overlay loads with it.

// look gives a mailbox's state with its messages, and both as an actor sees
// them.
func (t *tx) look(m *mailbox, who Actor) (s state, snap *Snapshot, l lens, err error) {
	if s, err = t.loaded(m); err != nil {
		return s, nil, l, err
	}
	l = t.rules().lens(who, s.use)
	return s, m.through(l, t.state(m)), l, nil
}

// rules gives the policy as this transaction sees it.
func (t *tx) rules() *policy {
	for at := t; at != nil; at = at.parent {
		if at.policy != nil {
			return at.policy
		}
	}
	return t.b.policy.Load()
}

// base gives the indexes in the common snapshot of entries seen through a lens.
func (s *state) base(seen []Entry) []int { return s.snap.find(setOf(spans(seen))) }

// setRows gives one person or device a row with bits for each of the UIDs,
// ascending; a row's mod-sequence never falls.
func (t *tx) setRows(m *mailbox, s *state, who ID, uids []uint32, bits uint8, modSeq uint64) error {
	if len(uids) == 0 {
		return nil
	}
	actor, err := t.actor(who)
	if err != nil {
		return err
	}
	if err := t.exec(`INSERT INTO private(mailbox, actor, uid, bits, modseq) SELECT ?, ?, value, ?, ? FROM json_each(?) WHERE true
		ON CONFLICT DO UPDATE SET bits=excluded.bits, modseq=max(modseq, excluded.modseq)`,
		m.row, actor, bits, int64(modSeq), jsonList(uids)); err != nil {
		return err
	}
	t.logRead(m, who, uids, bits)
	if s.snap == nil {
		return nil
	}
	news := make(privateRows, len(uids))
	for i, uid := range uids {
		news[i] = privateRow{uid, bits, modSeq}
	}
	over := s.over.clone()
	over.rows[who] = over.rows[who].with(news)
	s.over = over
	return nil
}

// clearRows takes the bits of rows and leaves their mod-sequences: nothing
// changes for their owner.
func (t *tx) clearRows(m *mailbox, s *state, who ID, uids []uint32) error {
	if len(uids) == 0 {
		return nil
	}
	actor, err := t.actor(who)
	if err != nil {
		return err
	}
	if err := t.exec("UPDATE private SET bits=0 WHERE mailbox=? AND actor=? AND uid IN (SELECT value FROM json_each(?))",
		m.row, actor, jsonList(uids)); err != nil {
		return err
	}
	t.logRead(m, who, uids, 0)
	rows := slices.Clone(s.over.rows[who])
	for i := range rows {
		if _, found := slices.BinarySearch(uids, rows[i].uid); found {
			rows[i].bits = 0
		}
	}
	over := s.over.clone()
	over.rows[who] = rows
	s.over = over
	return nil
}

// dropRows takes the rows of a person or device from a mailbox.
func (t *tx) dropRows(m *mailbox, s *state, who ID) error {
	actor, err := t.actor(who)
	if err != nil {
		return err
	}
	if err := t.exec("DELETE FROM private WHERE mailbox=? AND actor=?", m.row, actor); err != nil || s.snap == nil {
		return err
	}
	var unread []uint32
	for _, r := range s.over.rows[who] {
		if r.bits&rowUnread != 0 {
			unread = append(unread, r.uid)
		}
	}
	t.logRead(m, who, unread, 0)
	over := s.over.clone()
	delete(over.rows, who)
	s.over = over
	return nil
}

// hide says of runs of UIDs, ascending, whether and why a device sees them;
// the mailbox is loaded.
func (t *tx) hide(m *mailbox, s *state, device ID, runs []span, w why) error {
	if len(runs) == 0 {
		return nil
	}
	actor, err := t.actor(device)
	if err != nil {
		return err
	}
	old := s.over.hidden[device]
	ranges := old.with(runs, w, s.modSeq)
	lo, hi := runs[0].lo, runs[len(runs)-1].hi
	// Neighbours may have been joined: compare a little around the runs.
	for _, r := range old {
		if r.hi+1 >= lo && r.lo <= hi {
			lo, hi = min(lo, r.lo), max(hi, r.hi)
		}
	}
	if lo > 0 {
		lo--
	}
	hi++
	before, after := old.within(lo, hi), ranges.within(lo, hi)
	for _, r := range before {
		if err := t.exec("DELETE FROM hidden WHERE mailbox=? AND device=? AND lo=?", m.row, actor, r.lo); err != nil {
			return err
		}
	}
	for _, r := range after {
		if err := t.insertHidden(m, actor, r); err != nil {
			return err
		}
	}
	switch w {
	case hiddenHere:
		t.logOwn(m, device, ownHidden, runs)
	case shownAgain:
		t.logOwn(m, device, ownShown, runs)
	}
	over := s.over.clone()
	over.hidden[device] = ranges
	s.over = over
	return nil
}

func (t *tx) insertHidden(m *mailbox, actor int64, r hiddenRange) error {
	return t.exec("INSERT OR REPLACE INTO hidden(mailbox, device, lo, hi, why, modseq) VALUES(?, ?, ?, ?, ?, ?)",
		m.row, actor, r.lo, r.hi, int(r.why), int64(r.modSeq))
}

// hideOld hides newly arrived messages from the devices whose windows end
// after their dates.
func (t *tx) hideOld(m *mailbox, s *state, uids []uint32, seconds []int64) error {
	for id, d := range t.rules().devices {
		if d.cutoff == 0 {
			continue
		}
		var runs []span
		for i, uid := range uids {
			switch {
			case seconds[i] >= d.cutoff:
			case len(runs) > 0 && runs[len(runs)-1].hi+1 == uid:
				runs[len(runs)-1].hi = uid
			default:
				runs = append(runs, span{uid, uid})
			}
		}
		if len(runs) == 0 {
			continue
		}
		if s.snap != nil {
			if err := t.hide(m, s, id, runs, beyondWindow); err != nil {
				return err
			}
			continue
		}
		actor, err := t.actor(id)
		if err != nil {
			return err
		}
		for _, r := range runs { // above all others: nothing to be joined with
			if err := t.insertHidden(m, actor, hiddenRange{r.lo, r.hi, beyondWindow, s.modSeq}); err != nil {
				return err
			}
		}
	}
	return nil
}

// unreadForOthers marks newly arrived messages, which who brings as read, as
// unread for everybody else.
func (t *tx) unreadForOthers(m *mailbox, s *state, who ID, uids []uint32) error {
	p := t.rules()
	if len(uids) == 0 || who == "" || !p.privateIn(s.use) {
		return nil
	}
	for r := range p.readers {
		if r != who {
			if err := t.setRows(m, s, r, uids, rowUnread, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyUnread gives copies, whose UIDs are those of sources in order, the rows
// that tell for whom a message is unread.
func (t *tx) copyUnread(from *state, to *mailbox, s *state, sources, copies []Entry) error {
	p := t.rules()
	if !p.privateIn(from.use) || !p.privateIn(s.use) {
		return nil
	}
	for r := range p.readers {
		var uids []uint32
		for i, e := range sources {
			if from.over.rows[r].bits(uint32(e.UID))&rowUnread != 0 {
				uids = append(uids, uint32(copies[i].UID))
			}
		}
		if err := t.setRows(to, s, r, uids, rowUnread, 0); err != nil {
			return err
		}
	}
	return nil
}

// addScoped remembers for which device alone a new entry exists.
func (s *state) addScoped(uid uint32, device ID) {
	if s.snap == nil || device == "" {
		return
	}
	over := s.over.clone()
	over.scoped = append(slices.Clip(over.scoped), scoped{uid, device})
	s.over = over
}

// jsonList writes numbers as a JSON array.
func jsonList(numbers []uint32) string {
	list := []byte{'['}
	for i, n := range numbers {
		if i > 0 {
			list = append(list, ',')
		}
		list = strconv.AppendUint(list, uint64(n), 10)
	}
	return string(append(list, ']'))
}
