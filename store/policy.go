package store

import (
	"context"
	"database/sql"
	"maps"
	"time"

	"github.com/emersion/go-imap/v2"
)

// Policy says what the persons and devices of a box have of their own. It is
// kept in the index; the hub sets it when something changes.
type Policy struct {
	// PrivateSeen: what one person has read stays unread for the others,
	// save in Sent and Drafts.
	PrivateSeen bool
	// Readers are the persons that have access. Who comes later starts from
	// what anybody has read.
	Readers []ID
	// Devices that see the box in a way of their own. One that is missing
	// goes on as it is, without rule or window, until DropDevice.
	Devices map[ID]DevicePolicy
}

// DevicePolicy is the rule and the window of a device.
type DevicePolicy struct {
	Here bool // what it deletes goes on it alone
	Days int  // it sees messages of so many days; 0: all
}

// policy is a Policy in force. It is never changed in place.
type policy struct {
	private bool
	readers map[ID]bool
	devices map[ID]device
}

type device struct {
	DevicePolicy
	cutoff int64 // unix seconds: what is older was hidden; 0: nothing
}

// cutoffAt gives where a device's window begins at a time: with a whole day.
func (d device) cutoffAt(now time.Time) int64 {
	if d.Days == 0 {
		return 0
	}
	return now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -d.Days).Unix()
}

// privateIn reports whether \Seen is private in a mailbox of a special use.
// Sent and Drafts stay common: nobody wants to read there what others wrote.
func (p *policy) privateIn(use imap.MailboxAttr) bool {
	return p.private && use != imap.MailboxAttrSent && use != imap.MailboxAttrDrafts
}

func (p *policy) clone() *policy {
	return &policy{p.private, maps.Clone(p.readers), maps.Clone(p.devices)}
}

// is reports whether a policy is in force and no window has to slide: then
// nothing is written, so that it is no hindrance that nothing can.
func (p *policy) is(want Policy, now time.Time) bool {
	readers, devices := map[ID]bool{}, map[ID]DevicePolicy{}
	for _, id := range want.Readers {
		readers[id] = true
	}
	for id, d := range p.devices {
		devices[id] = d.DevicePolicy
		if d.cutoff != d.cutoffAt(now) || d.DevicePolicy != want.Devices[id] {
			return false
		}
	}
	for id, d := range want.Devices {
		if devices[id] != d {
			return false
		}
	}
	return p.private == want.PrivateSeen && maps.Equal(p.readers, readers)
}

// loadPolicy reads the policy from the index.
func loadPolicy(c *sql.Conn) (*policy, error) {
	p := &policy{readers: map[ID]bool{}, devices: map[ID]device{}}
	err := each(c, "SELECT value FROM meta WHERE key=?", "privateseen", func(rows *sql.Rows) error { return rows.Scan(&p.private) })
	if err != nil {
		return nil, err
	}
	err = each(c, "SELECT a.actor FROM reader r JOIN actor a ON a.id=r.person WHERE r.person<>?", 0, func(rows *sql.Rows) error {
		var id ID
		err := rows.Scan(&id)
		p.readers[id] = true
		return err
	})
	if err != nil {
		return nil, err
	}
	err = each(c, "SELECT a.actor, d.here, d.days, d.cutoff FROM device d JOIN actor a ON a.id=d.device WHERE d.device<>?", 0, func(rows *sql.Rows) error {
		var id ID
		var d device
		err := rows.Scan(&id, &d.Here, &d.Days, &d.cutoff)
		p.devices[id] = d
		return err
	})
	return p, err
}

// SetPolicy puts a policy in force and brings the windows to today. It gives
// the devices to which hidden mail came back: their clients must connect anew,
// for messages with old UIDs have appeared.
func (b *Box) SetPolicy(ctx context.Context, want Policy) (back []ID, err error) {
	if b.policy.Load().is(want, b.now()) {
		return nil, nil
	}
	err = b.writer.do(ctx, &request{run: func(t *tx) (err error) {
		if err := t.setPrivate(want); err != nil {
			return err
		}
		if err := t.setDevices(want.Devices); err != nil {
			return err
		}
		back, err = t.slide(true)
		return err
	}})
	return back, err
}

// Slide brings the devices' windows to today's date. It is called once a day.
// A window never slides back, whatever the clock says: then old UIDs would
// appear in running sessions.
func (b *Box) Slide(ctx context.Context) error {
	windows := false
	for _, d := range b.policy.Load().devices {
		windows = windows || d.Days > 0
	}
	if !windows {
		return nil
	}
	return b.writer.do(ctx, &request{run: func(t *tx) error { _, err := t.slide(false); return err }})
}

// setPrivate switches private \Seen and brings the readers up to date.
func (t *tx) setPrivate(want Policy) error {
	p := t.rules().clone()
	readers := map[ID]bool{}
	for _, id := range want.Readers {
		readers[id] = true
	}
	var err error
	switch {
	case p.private && !want.PrivateSeen:
		err = t.commonSeen(p)
	case p.private:
		for id := range p.readers {
			if !readers[id] && err == nil {
				err = t.forgetUnread(id)
			}
		}
		for id := range readers {
			if !p.readers[id] && err == nil {
				err = t.welcome(id)
			}
		}
	}
	if err != nil {
		return err
	}
	p.private, p.readers = want.PrivateSeen, readers
	if err := t.exec("DELETE FROM reader"); err != nil {
		return err
	}
	for id := range readers {
		actor, err := t.actor(id)
		if err != nil {
			return err
		}
		if err := t.exec("INSERT INTO reader(person) VALUES(?)", actor); err != nil {
			return err
		}
	}
	t.policy = p
	return t.exec("UPDATE meta SET value=? WHERE key='privateseen'", want.PrivateSeen)
}

// forgetUnread makes a person who has no access any more one who has read what
// anybody has, and so begins if the access is given back. The rows stay, for a
// mod-sequence never falls.
func (t *tx) forgetUnread(person ID) error {
	return t.eachWithRows("a.actor=? AND p.bits<>0", person, func(m *mailbox, s *state) error {
		var unread []uint32
		for _, r := range s.over.rows[person] {
			if r.bits != 0 {
				unread = append(unread, r.uid)
			}
		}
		return t.setRows(m, s, person, unread, 0, s.modSeq)
	})
}

// welcome gives new mod-sequences to all that a person sees who has had access
// before: what the others did to \Seen meanwhile was not counted for him.
func (t *tx) welcome(person ID) error {
	var known bool
	if err := t.row("SELECT EXISTS(SELECT 1 FROM actor WHERE actor=?)", person).Scan(&known); err != nil || !known {
		return err
	}
	some := map[int64]bool{}
	for _, n := range t.folders().list {
		use := t.state(n.mailbox).use
		some[n.row] = use != imap.MailboxAttrSent && use != imap.MailboxAttrDrafts
	}
	return t.eachOf(some, func(m *mailbox, s *state) error {
		var uids []uint32
		for _, e := range s.snap.All() {
			uids = append(uids, uint32(e.UID))
		}
		return t.setRows(m, s, person, uids, 0, s.modSeq)
	})
}

// commonSeen drops all persons' rows: from now on read is what anybody has
// read. Messages that change for somebody, or whose mod-sequence would fall
// for somebody, get a new one.
func (t *tx) commonSeen(p *policy) error {
	return t.eachWithRows("a.actor NOT IN (SELECT a.actor FROM device d JOIN actor a ON a.id=d.device) AND 1=?", 1, func(m *mailbox, s *state) error {
		var persons []ID
		var uids imap.UIDSet
		for id, rows := range s.over.rows {
			if _, isDevice := p.devices[id]; isDevice {
				continue
			}
			persons = append(persons, id)
			for _, r := range rows {
				if i, found := s.snap.Search(imap.UID(r.uid)); found && (r.bits != 0 || r.modSeq > s.snap.At(i).ModSeq) {
					uids.AddNum(imap.UID(r.uid))
				}
			}
		}
		if err := t.commonFlags(m, s, s.snap.find(uids), FlagsAdd, 0, 0, s.modSeq); err != nil {
			return err
		}
		for _, id := range persons {
			if err := t.dropRows(m, s, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachWithRows changes, with one new mod-sequence each, the mailboxes in which
// there are private rows p of somebody a.
func (t *tx) eachWithRows(where string, arg any, change func(*mailbox, *state) error) error {
	have := map[int64]bool{}
	err := each(t.w.conn, "SELECT DISTINCT p.mailbox FROM private p JOIN actor a ON a.id=p.actor WHERE "+where, arg, func(rows *sql.Rows) error {
		var row int64
		err := rows.Scan(&row)
		have[row] = true
		return err
	})
	if err != nil {
		return err
	}
	return t.eachOf(have, change)
}

// eachOf changes mailboxes, by their rows, with one new mod-sequence each.
func (t *tx) eachOf(rows map[int64]bool, change func(*mailbox, *state) error) error {
	for _, n := range t.folders().list {
		if !rows[n.row] {
			continue
		}
		s, err := t.loaded(n.mailbox)
		if err != nil {
			return err
		}
		if err := t.giveModSeq(n.mailbox, &s); err != nil {
			return err
		}
		if err := change(n.mailbox, &s); err != nil {
			return err
		}
		t.set(n.mailbox, s)
	}
	return nil
}

// setDevices brings the devices' rules up to date.
func (t *tx) setDevices(want map[ID]DevicePolicy) error {
	p := t.rules().clone()
	rules := maps.Clone(want)
	if rules == nil {
		rules = map[ID]DevicePolicy{}
	}
	for id := range p.devices {
		rules[id] = want[id] // none: no rule, no window
	}
	for id, rule := range rules {
		d, known := p.devices[id]
		if !known && rule == (DevicePolicy{}) {
			continue
		}
		if d.Here != rule.Here {
			if err := t.switchDeleted(id); err != nil {
				return err
			}
		}
		d.DevicePolicy = rule
		p.devices[id] = d
		if err := t.keepDevice(id, d); err != nil {
			return err
		}
	}
	t.policy = p
	return nil
}

// switchDeleted gives new mod-sequences, for a device, to messages that lose
// or get \Deleted when it becomes the device's own or the common one. Its own
// begins with nothing.
func (t *tx) switchDeleted(device ID) error {
	actor, err := t.actor(device)
	if err != nil {
		return err
	}
	some := map[int64]bool{}
	err = each(t.w.conn, `SELECT mailbox FROM entry WHERE flags & 8 <> 0 UNION SELECT mailbox FROM private WHERE actor=? AND bits<>0`, actor, func(rows *sql.Rows) error {
		var row int64
		err := rows.Scan(&row)
		some[row] = true
		return err
	})
	if err != nil {
		return err
	}
	return t.eachOf(some, func(m *mailbox, s *state) error {
		var uids []uint32
		own := s.over.rows[device]
		for _, e := range s.snap.All() {
			if e.Flags&FlagDeleted != 0 || own.bits(uint32(e.UID)) != 0 {
				uids = append(uids, uint32(e.UID))
			}
		}
		return t.setRows(m, s, device, uids, 0, s.modSeq)
	})
}

func (t *tx) keepDevice(id ID, d device) error {
	actor, err := t.actor(id)
	if err != nil {
		return err
	}
	return t.exec("INSERT OR REPLACE INTO device(device, here, days, cutoff) VALUES(?, ?, ?, ?)", actor, d.Here, d.Days, d.cutoff)
}
