package store

import (
	"context"
	"database/sql"
	"maps"
	"slices"

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

// privateIn reports whether \Seen is private in a mailbox of a special use.
// Sent and Drafts stay common: nobody wants to read there what others wrote.
func (p *policy) privateIn(use imap.MailboxAttr) bool {
	return p.private && use != imap.MailboxAttrSent && use != imap.MailboxAttrDrafts
}

func (p *policy) clone() *policy {
	return &policy{p.private, maps.Clone(p.readers), maps.Clone(p.devices)}
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
	err = b.writer.do(ctx, &request{run: func(t *tx) (err error) {
		if err := t.setPrivate(want); err != nil {
			return err
		}
		if err := t.setDevices(want.Devices); err != nil {
			return err
		}
		back, err = t.slide()
		return err
	}})
	return back, err
}

// Slide brings the devices' windows to today's date. It is called once a day.
func (b *Box) Slide(ctx context.Context) error {
	windows := false
	for _, d := range b.policy.Load().devices {
		windows = windows || d.Days > 0
	}
	if !windows {
		return nil
	}
	return b.writer.do(ctx, &request{run: func(t *tx) error { _, err := t.slide(); return err }})
}

// setPrivate switches private \Seen and brings the readers up to date.
func (t *tx) setPrivate(want Policy) error {
	p := t.rules().clone()
	leaving := map[ID]bool{} // whose rows go
	for id := range p.readers {
		if !slices.Contains(want.Readers, id) || !want.PrivateSeen {
			leaving[id] = true
		}
	}
	if !want.PrivateSeen && p.private {
		// From now on read is what anybody has read.
		if err := t.commonSeen(p.readers); err != nil {
			return err
		}
	}
	p.private = want.PrivateSeen
	for id := range leaving {
		for _, n := range t.folders().list {
			s, err := t.loaded(n.mailbox)
			if err != nil {
				return err
			}
			if len(s.over.rows[id]) == 0 {
				continue
			}
			if err := t.dropRows(n.mailbox, &s, id); err != nil {
				return err
			}
			t.set(n.mailbox, s)
		}
	}
	p.readers = map[ID]bool{}
	if err := t.exec("DELETE FROM reader"); err != nil {
		return err
	}
	for _, id := range want.Readers {
		actor, err := t.actor(id)
		if err != nil {
			return err
		}
		if err := t.exec("INSERT OR IGNORE INTO reader(person) VALUES(?)", actor); err != nil {
			return err
		}
		p.readers[id] = true
	}
	t.policy = p
	return t.exec("UPDATE meta SET value=? WHERE key='privateseen'", want.PrivateSeen)
}

// commonSeen gives a new mod-sequence to all messages that were unread for
// somebody though somebody else had read them.
func (t *tx) commonSeen(readers map[ID]bool) error {
	for _, n := range t.folders().list {
		s, err := t.loaded(n.mailbox)
		if err != nil {
			return err
		}
		unread := imap.UIDSet{}
		for id := range readers {
			for _, r := range s.over.rows[id] {
				if r.bits&rowUnread != 0 {
					unread.AddNum(imap.UID(r.uid))
				}
			}
		}
		at := s.snap.find(unread)
		if len(at) == 0 {
			continue
		}
		if err := t.giveModSeq(n.mailbox, &s); err != nil {
			return err
		}
		for _, sel := range s.snap.selections(n.row, at) {
			if err := t.exec("UPDATE entry SET modseq=? WHERE "+sel.where, append([]any{s.modSeq}, sel.args...)...); err != nil {
				return err
			}
		}
		s.snap = s.snap.setFlags(at, func(f Flags) Flags { return f }, s.modSeq)
		t.set(n.mailbox, s)
	}
	return nil
}

// setDevices brings the devices' rules up to date.
func (t *tx) setDevices(want map[ID]DevicePolicy) error {
	p := t.rules().clone()
	for id, d := range p.devices {
		d.DevicePolicy = want[id] // none: no rule, no window
		p.devices[id] = d
	}
	for id, rule := range want {
		d := p.devices[id]
		d.DevicePolicy = rule
		if rule != (DevicePolicy{}) {
			p.devices[id] = d
		}
	}
	for id, d := range p.devices {
		if err := t.keepDevice(id, d); err != nil {
			return err
		}
	}
	t.policy = p
	return nil
}

func (t *tx) keepDevice(id ID, d device) error {
	actor, err := t.actor(id)
	if err != nil {
		return err
	}
	return t.exec("INSERT OR REPLACE INTO device(device, here, days, cutoff) VALUES(?, ?, ?, ?)", actor, d.Here, d.Days, d.cutoff)
}
