package store

import (
	"context"
	"math"
	"slices"
)

// slide moves each device's window to today: what has become older leaves its
// view, what a wider window lets in comes back, unless it may only slide
// forward. It gives the devices to which something came back.
func (t *tx) slide(both bool) (back []ID, err error) {
	p := t.rules().clone()
	now := t.b.now()
	for id, d := range p.devices {
		cutoff := d.cutoffAt(now)
		if cutoff == d.cutoff || cutoff < d.cutoff && !both {
			continue
		}
		came := false
		for _, n := range t.folders().list {
			if cutoff > d.cutoff {
				err = t.hideBetween(n.mailbox, id, d.cutoff, cutoff)
			} else {
				var some bool
				some, err = t.showFrom(n.mailbox, id, cutoff)
				came = came || some
			}
			if err != nil {
				return nil, err
			}
		}
		if came {
			back = append(back, id)
		}
		d.cutoff = cutoff
		p.devices[id] = d
		if err := t.keepDevice(id, d); err != nil {
			return nil, err
		}
	}
	t.policy = p
	return back, nil
}

// hideBetween hides from a device what is older than cutoff; what is older
// than before is hidden already.
func (t *tx) hideBetween(m *mailbox, device ID, before, cutoff int64) error {
	if before == 0 {
		before = math.MinInt64
	}
	uids, err := t.uidsBetween(m, before, cutoff)
	if err != nil || len(uids) == 0 {
		return err
	}
	s, err := t.loaded(m)
	if err != nil {
		return err
	}
	var visible []uint32
	for _, uid := range uids {
		if at := s.over.hidden[device].within(uid, uid); len(at) == 0 || at[0].why < anyHidden {
			visible = append(visible, uid)
		}
	}
	if len(visible) == 0 {
		return nil
	}
	if err := t.giveModSeq(m, &s); err != nil {
		return err
	}
	if err := t.hide(m, &s, device, s.snap.runs(visible), beyondWindow); err != nil {
		return err
	}
	t.set(m, s)
	return nil
}

// showFrom shows a device again what its window had hidden and is not older
// than cutoff.
func (t *tx) showFrom(m *mailbox, device ID, cutoff int64) (some bool, err error) {
	s, err := t.loaded(m)
	if err != nil {
		return false, err
	}
	if len(s.over.hidden[device]) == 0 {
		return false, nil
	}
	if cutoff == 0 {
		cutoff = math.MinInt64
	}
	uids, err := t.uidsBetween(m, cutoff, math.MaxInt64)
	if err != nil {
		return false, err
	}
	var hidden []uint32
	for _, uid := range uids {
		if at := s.over.hidden[device].within(uid, uid); len(at) > 0 && at[0].why == beyondWindow {
			hidden = append(hidden, uid)
		}
	}
	return t.show(m, s, device, hidden)
}

// show makes a device see messages again, with a new mod-sequence.
func (t *tx) show(m *mailbox, s state, device ID, uids []uint32) (some bool, err error) {
	if len(uids) == 0 {
		return false, nil
	}
	if err := t.giveModSeq(m, &s); err != nil {
		return false, err
	}
	if err := t.hide(m, &s, device, runsOf(uids), shownAgain); err != nil {
		return false, err
	}
	t.set(m, s)
	return true, nil
}

// uidsBetween gives the UIDs of messages whose INTERNALDATE is in [from, to).
func (t *tx) uidsBetween(m *mailbox, from, to int64) (uids []uint32, err error) {
	rows, err := t.w.conn.QueryContext(context.Background(),
		"SELECT e.uid FROM entry e JOIN mail m ON m.id=e.mail WHERE e.mailbox=? AND m.date>=? AND m.date<? ORDER BY e.uid", m.row, from, to)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var uid uint32
		if err := rows.Scan(&uid); err != nil {
			return nil, err
		}
		uids = append(uids, uid)
	}
	return uids, rows.Err()
}

// runsOf gives UIDs, ascending, as runs of consecutive numbers.
func runsOf(uids []uint32) []span {
	var out []span
	for _, u := range uids {
		if n := len(out); n > 0 && out[n-1].hi+1 == u {
			out[n-1].hi = u
			continue
		}
		out = append(out, span{u, u})
	}
	return out
}

// runs gives UIDs of messages as runs that may span UIDs which no message of
// the snapshot has: so a window over 20 years is a few ranges.
func (s *Snapshot) runs(uids []uint32) []span {
	var out []span
	last := -2
	for _, i := range s.find(setOf(runsOf(uids))) {
		uid := uint32(s.At(i).UID)
		if i == last+1 {
			out[len(out)-1].hi = uid
		} else {
			out = append(out, span{uid, uid})
		}
		last = i
	}
	return out
}

// ShowAll brings back what a device hid by deleting it; what is older than its
// window stays away for that reason alone. Its clients must connect anew when
// it gives true: messages with old UIDs have appeared.
func (b *Box) ShowAll(ctx context.Context, device ID) (back bool, err error) {
	err = b.writer.do(ctx, &request{run: func(t *tx) error {
		for _, n := range t.folders().list {
			some, err := t.showDeleted(n.mailbox, device)
			if err != nil {
				return err
			}
			back = back || some
		}
		return nil
	}})
	return back, err
}

func (t *tx) showDeleted(m *mailbox, device ID) (some bool, err error) {
	s, err := t.loaded(m)
	if err != nil {
		return false, err
	}
	var deleted []uint32
	for _, r := range s.over.hidden[device] {
		if r.why != hiddenHere {
			continue
		}
		for _, e := range s.snap.entries(s.snap.find(setOf([]span{{r.lo, r.hi}}))) {
			deleted = append(deleted, uint32(e.UID))
		}
	}
	var older []uint32
	if cutoff := t.rules().devices[device].cutoff; cutoff != 0 && len(deleted) > 0 {
		if older, err = t.uidsBetween(m, math.MinInt64, cutoff); err != nil {
			return false, err
		}
	}
	var beyond, within []uint32
	for _, uid := range deleted {
		if _, is := slices.BinarySearch(older, uid); is {
			beyond = append(beyond, uid)
		} else {
			within = append(within, uid)
		}
	}
	if err := t.hide(m, &s, device, runsOf(beyond), beyondWindow); err != nil {
		return false, err
	}
	if len(beyond) > 0 {
		t.logOwn(m, device, ownShown, runsOf(beyond)) // a rebuild knows no window
		t.set(m, s)
	}
	return t.show(m, s, device, within)
}

// DropDevice forgets a device that was revoked: what it had of its own goes,
// the entries that existed for it alone as well, never anybody else's.
func (b *Box) DropDevice(ctx context.Context, device ID) error {
	return b.writer.do(ctx, &request{run: func(t *tx) error {
		for _, n := range t.folders().list {
			if err := t.dropDeviceIn(n.mailbox, device); err != nil {
				return err
			}
		}
		actor, err := t.actor(device)
		if err != nil {
			return err
		}
		p := t.rules().clone()
		delete(p.devices, device)
		t.policy = p
		return t.exec("DELETE FROM device WHERE device=?", actor)
	}})
}

func (t *tx) dropDeviceIn(m *mailbox, device ID) error {
	s, err := t.loaded(m)
	if err != nil {
		return err
	}
	var own []uint32
	for _, e := range s.over.scoped {
		if e.device == device {
			own = append(own, e.uid)
		}
	}
	if len(own) > 0 {
		if _, err := t.expunge(m, s.snap.find(setOf(runsOf(own))), Actor{Device: device}); err != nil {
			return err
		}
		s = *t.state(m)
	}
	if len(s.over.rows[device]) == 0 && len(s.over.hidden[device]) == 0 {
		return nil
	}
	if err := t.dropRows(m, &s, device); err != nil {
		return err
	}
	actor, err := t.actor(device)
	if err != nil {
		return err
	}
	if err := t.exec("DELETE FROM hidden WHERE mailbox=? AND device=?", m.row, actor); err != nil {
		return err
	}
	t.logOwn(m, device, ownShown, []span{{1, s.uidNext - 1}})
	over := s.over.clone()
	delete(over.hidden, device)
	s.over = over
	t.set(m, s)
	return nil
}
