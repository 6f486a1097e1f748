package store

import (
	"context"
	"sync"

	"github.com/emersion/go-imap/v2"
)

// Status is the outcome of View.Status.
type Status struct {
	ID            ID
	Messages      int
	Unseen        int
	Recent        int
	Deleted       int
	UIDNext       imap.UID
	UIDValidity   uint32
	HighestModSeq uint64
	Size          int64 // octets of all messages; only if asked for
}

// counts are a mailbox's numbers at a moment, remembered until it changes.
type counts struct {
	at     *state // the moment
	lens   lens
	recent uint32 // the lowest \Recent UID then
	sized  bool
	Status
}

// Status gives the counts of a mailbox, as the view sees it, without opening it
// for a session.
func (v *View) Status(ctx context.Context, name string, size bool) (Status, error) {
	m, err := v.b.mailbox(name)
	if err != nil {
		return Status{}, err
	}
	l := v.b.policy.Load().lens(v.o.Actor, m.state.Load().use)
	if l != (lens{}) {
		if err := v.b.load(ctx, m); err != nil {
			return Status{}, err
		}
	}
	s, recent := m.state.Load(), m.recent.Load()
	if c := m.counted.Load(); c != nil && c.at == s && c.lens == l && c.recent == recent && (c.sized || !size) {
		return c.Status, nil
	}
	c := &counts{at: s, lens: l, recent: recent, sized: size}
	c.ID, c.UIDNext, c.HighestModSeq, c.UIDValidity = m.id, imap.UID(s.uidNext), s.modSeq, m.uidValidity
	if s.snap != nil {
		c.count(m.through(l, s))
	} else if err := v.b.count(ctx, m, c); err != nil {
		return Status{}, err
	}
	if size {
		if c.Size, err = v.b.size(ctx, m, l); err != nil {
			return Status{}, err
		}
	}
	if m.state.Load() == s { // else the index was ahead of s
		m.counted.Store(c)
	}
	return c.Status, nil
}

// size gives the octets of the messages that a lens shows.
func (b *Box) size(ctx context.Context, m *mailbox, l lens) (n int64, err error) {
	err = b.index.read.QueryRowContext(ctx, `
		SELECT coalesce(sum(m.size), 0) FROM entry e JOIN mail m ON m.id=e.mail
		WHERE e.mailbox=?1 AND (e.scope=0 OR e.scope=(SELECT id FROM actor WHERE actor=?2))
		AND NOT EXISTS (SELECT 1 FROM hidden h WHERE h.mailbox=?1 AND h.device=(SELECT id FROM actor WHERE actor=?2)
			AND e.uid BETWEEN h.lo AND h.hi AND h.why>=?3)`, m.row, l.device, int(anyHidden)).Scan(&n)
	return n, indexError(err)
}

// count counts a loaded mailbox.
func (c *counts) count(s *Snapshot) {
	c.Messages = s.Len()
	for _, ch := range s.chunks {
		for i, f := range ch.flags {
			if Flags(f)&FlagSeen == 0 {
				c.Unseen++
			}
			if Flags(f)&FlagDeleted != 0 {
				c.Deleted++
			}
			if ch.uid[i] >= c.recent {
				c.Recent++
			}
		}
	}
}

// count counts a mailbox that is not loaded, in one statement that sees one
// moment; after an unclean stop the counters in memory are ahead of it.
func (b *Box) count(ctx context.Context, m *mailbox, c *counts) error {
	var next uint32
	var modSeq uint64
	err := b.index.read.QueryRowContext(ctx, `
		SELECT b.uidnext, b.modseq, count(e.uid), coalesce(sum(e.flags & ? = 0), 0), coalesce(sum(e.flags & ? != 0), 0), coalesce(sum(e.uid >= ?), 0)
		FROM mailbox b LEFT JOIN entry e ON e.mailbox=b.id AND e.scope=0 WHERE b.id=?`,
		int(FlagSeen), int(FlagDeleted), c.recent, m.row).Scan(&next, &modSeq, &c.Messages, &c.Unseen, &c.Deleted, &c.Recent)
	c.UIDNext, c.HighestModSeq = max(c.UIDNext, imap.UID(next)), max(c.HighestModSeq, modSeq)
	return indexError(err)
}

// totals are what a box holds, remembered until something changes: whoever
// looks at the status asks every few seconds.
type totals struct {
	mu       sync.Mutex // one counts, the others take what he found
	known    bool
	at       uint64 // the box's changes when counting began
	messages int
	bytes    int64
}

// Stats gives the number of messages in all mailboxes and the octets of the
// distinct mails among them.
func (b *Box) Stats(ctx context.Context) (messages int, bytes int64, err error) {
	t := &b.totals
	t.mu.Lock()
	defer t.mu.Unlock()
	now := b.changes.Load()
	if t.known && t.at == now {
		return t.messages, t.bytes, nil
	}
	t.known = false
	err = b.index.read.QueryRowContext(ctx,
		"SELECT (SELECT count(*) FROM entry), (SELECT coalesce(sum(size), 0) FROM mail WHERE refs>0)").Scan(&t.messages, &t.bytes)
	if err != nil {
		return 0, 0, indexError(err)
	}
	t.known, t.at = true, now
	return t.messages, t.bytes, nil
}
