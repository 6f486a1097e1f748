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
		s, err := t.loaded(m.m)
		if err != nil {
			return err
		}
		done, err = t.move(m.m, s.snap.find(uids), to, m.v.o.Actor)
		return err
	})
	return done, err
}

// move moves the messages at indexes of from's present snapshot.
func (t *tx) move(from *mailbox, at []int, to *mailbox, who Actor) (Copied, error) {
	done, err := t.copy(from, at, to, "moved", who)
	if err != nil || len(at) == 0 {
		return done, err
	}
	s := t.state(from)
	t.logMoved(from, to, done)
	t.events = append(t.events, Event{Kind: "expunged", Mailbox: from.id, MailboxName: s.name, Actor: who,
		UIDs: setOf(spans(s.snap.entries(at)))})
	return done, t.remove(from, at, false)
}

// moveAcross copies durably into another box, then removes what was copied.
func (m *Mailbox) moveAcross(ctx context.Context, uids imap.UIDSet, dest *View, name string) (Copied, error) {
	done, err := m.copyAcross(ctx, uids, dest, name)
	if err != nil || len(done.Source) == 0 {
		return done, err
	}
	// From here on the copies stand: the rest is not given up half-way.
	err = m.v.change(context.WithoutCancel(ctx), func(t *tx) error {
		s, err := t.loaded(m.m)
		if err != nil {
			return err
		}
		_, err = t.expunge(m.m, s.snap.find(imap.UIDSetNum(done.Source...)), m.v.o.Actor)
		return err
	})
	return done, err
}
