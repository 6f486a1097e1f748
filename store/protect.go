package store

import (
	"context"
	"fmt"
)

// A protected mailbox keeps its mails whatever a client does: nothing is
// expunged from it or moved out of it, and it is neither deleted nor renamed.
// What a device hides for itself alone is hidden all the same.

// SetProtected protects the mailboxes of these names and no others
// (ErrNoMailbox).
func (b *Box) SetProtected(ctx context.Context, names []string) error {
	if b.isProtected(names) {
		return nil
	}
	wanted := map[*mailbox]bool{}
	return b.writer.do(ctx, &request{run: func(t *tx) error {
		for _, name := range names {
			name, err := cleanName(name)
			if err != nil {
				return err
			}
			m, err := t.mailbox(name)
			if err != nil {
				return err
			}
			wanted[m] = true
		}
		for _, n := range t.folders().list {
			s := *t.state(n.mailbox)
			if s.protected == wanted[n.mailbox] {
				continue
			}
			s.protected = wanted[n.mailbox]
			if err := t.exec("UPDATE mailbox SET protected=? WHERE id=?", s.protected, n.row); err != nil {
				return err
			}
			t.set(n.mailbox, s)
		}
		return nil
	}})
}

// isProtected reports whether the mailboxes of these names are protected and no
// others: then nothing is written, so that it is no hindrance that nothing can.
func (b *Box) isProtected(names []string) bool {
	wanted := map[*mailbox]bool{}
	for _, name := range names {
		m, err := b.mailbox(name)
		if err != nil {
			return false
		}
		wanted[m] = true
	}
	for _, n := range b.tree.Load().list {
		if n.state.Load().protected != wanted[n.mailbox] {
			return false
		}
	}
	return true
}

// refuse gives ErrProtected if the mailbox is protected.
func (s *state) refuse() error {
	if s.protected {
		return fmt.Errorf("%s: %w", s.name, ErrProtected)
	}
	return nil
}

// refuseAny gives ErrProtected if the mailbox is protected and one of the
// messages is everybody's.
func (s *state) refuseAny(entries []Entry) error {
	for _, e := range entries {
		if s.over.scope(uint32(e.UID)) == "" {
			return s.refuse()
		}
	}
	return nil
}
