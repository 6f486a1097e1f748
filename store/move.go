package store

import (
	"context"

	"github.com/emersion/go-imap/v2"
)

// Move moves messages likewise, within one box in one transaction (RFC 6851);
// into another box it copies durably before it removes.
func (m *Mailbox) Move(ctx context.Context, uids imap.UIDSet, dest *View, name string) (Copied, error) {
	if dest.o.ReadOnly || m.v.o.ReadOnly {
		return Copied{}, ErrReadOnly
	}
	name, err := cleanName(name)
	if err != nil {
		return Copied{}, err
	}
	if dest.b != m.v.b {
		return m.moveAcross(ctx, uids, dest, name)
	}
	var done Copied
	err = m.v.change(ctx, func(t *tx) error {
		to, err := t.mailbox(name)
		if err != nil {
			return err
		}
		s, seen, l, err := t.look(m.m, m.v.o.Actor)
		if err != nil {
			return err
		}
		entries := seen.entries(seen.find(uids))
		if scope := t.scopeIn(l, to); scope != "" && t.state(m.m).use != imap.MailboxAttrTrash {
			done, err = t.trashHere(m.m, l, entries, to, m.v.o.Actor)
			return err
		}
		done, err = t.move(m.m, s.base(entries), to, m.v.o.Actor)
		return err
	})
	return done, err
}

// move moves the messages at indexes of from's present snapshot.
func (t *tx) move(from *mailbox, at []int, to *mailbox, who Actor) (Copied, error) {
	src, err := t.loaded(from)
	if err != nil {
		return Copied{}, err
	}
	if err := src.refuseAny(src.snap.entries(at)); err != nil {
		return Copied{}, err
	}
	done, err := t.copy(from, at, to, "", "moved", who)
	if err != nil || len(at) == 0 {
		return done, err
	}
	s := t.state(from)
	t.logMoved(from, to, done)
	t.events = append(t.events, Event{Kind: "expunged", Mailbox: from.id, MailboxName: s.name, Actor: who,
		UIDs: setOf(spans(s.snap.entries(at)))})
	return done, t.remove(from, at, nil)
}

// trashHere moves messages to Trash on a device that deletes only here: they
// lie there for it alone and are hidden where they were. It is one deed.
func (t *tx) trashHere(from *mailbox, l lens, entries []Entry, to *mailbox, who Actor) (Copied, error) {
	s, err := t.loaded(from)
	if err != nil || len(entries) == 0 {
		return Copied{UIDValidity: to.uidValidity}, err
	}
	done, err := t.copy(from, s.base(entries), to, l.device, "hidden", who)
	if err != nil {
		return done, err
	}
	own, common := s.over.split(entries, l.device)
	for _, sel := range s.snap.selections(from.row, s.base(common)) {
		if err := t.addRefs(sel, 1); err != nil {
			return done, err
		}
	}
	if len(own) > 0 { // they leave for good; their mails go along
		t.logMoved(from, to, done.only(own))
		if err := t.remove(from, s.base(own), nil); err != nil {
			return done, err
		}
	}
	return done, t.hideHere(from, l.device, common, who)
}

// moveAcross copies durably into another box, then removes what was copied.
func (m *Mailbox) moveAcross(ctx context.Context, uids imap.UIDSet, dest *View, name string) (Copied, error) {
	here := m.v.b.policy.Load().lens(m.v.o.Actor, m.m.state.Load().use).here && dest.isTrash(name)
	if err := m.m.state.Load().refuse(); err != nil && !here {
		return Copied{}, err
	}
	done, err := m.copyAcross(ctx, uids, dest, name)
	if err != nil || len(done.Source) == 0 {
		return done, err
	}
	// From here on the copies stand: the rest is not given up half-way.
	err = m.v.change(context.WithoutCancel(ctx), func(t *tx) error {
		_, seen, l, err := t.look(m.m, m.v.o.Actor)
		if err != nil {
			return err
		}
		if !dest.isTrash(name) {
			l.here = false // filing: the mail leaves this place for everybody
		}
		return t.discard(m.m, l, seen.entries(seen.find(imap.UIDSetNum(done.Source...))), m.v.o.Actor)
	})
	return done, err
}

// isTrash reports whether a mailbox has the special use \Trash.
func (v *View) isTrash(name string) bool {
	m := v.b.tree.Load().names[name]
	return m != nil && m.state.Load().use == imap.MailboxAttrTrash
}

// only gives what became of some of the messages, which ascend.
func (c Copied) only(entries []Entry) Copied {
	some := Copied{UIDValidity: c.UIDValidity}
	for i, uid := range c.Source {
		if len(entries) > 0 && entries[0].UID == uid {
			some.Source, some.Dest = append(some.Source, uid), append(some.Dest, c.Dest[i])
			entries = entries[1:]
		}
	}
	return some
}
