package store

import (
	"slices"
	"sync"

	"github.com/emersion/go-imap/v2"
)

// lens is what a view looks through at a mailbox: whose rows apply. The zero
// lens sees everything but the entries of single devices.
type lens struct {
	person ID   // whose \Seen; "" where it is common
	device ID   // whose hidden messages and scope; "" where it has none
	here   bool // \Deleted is the device's own
}

// lens gives what an actor looks through at a mailbox with a special use.
func (p *policy) lens(who Actor, use imap.MailboxAttr) (l lens) {
	if p.privateIn(use) && p.readers[who.Person] {
		l.person = who.Person
	}
	if d, ok := p.devices[who.Device]; ok {
		l.device, l.here = who.Device, d.Here
	}
	return l
}

// own gives the flags that are private through a lens.
func (l lens) own() (f Flags) {
	if l.person != "" {
		f |= FlagSeen
	}
	if l.here {
		f |= FlagDeleted
	}
	return f
}

// lensed remembers a mailbox's snapshots through lenses, so that all sessions
// of one device share one, and that a change costs only the chunks it touched.
type lensed struct {
	mu     sync.Mutex
	byLens map[lens]*derived
}

// maxLenses bounds how many are remembered for a mailbox.
const maxLenses = 256

// derived is a snapshot through a lens and what it was made of.
type derived struct {
	base   *Snapshot
	over   *overlay
	snap   *Snapshot
	chunks map[*chunk]derivedChunk
}

// derivedChunk is a chunk through a lens and what it was made of.
type derivedChunk struct {
	out            *chunk // may be empty
	scoped         []scoped
	hidden         hiddenRanges
	person, device privateRows
}

// same reports whether both were made of the same.
func (d derivedChunk) same(e derivedChunk) bool {
	return slices.Equal(d.scoped, e.scoped) && slices.Equal(d.hidden, e.hidden) &&
		slices.Equal(d.person, e.person) && slices.Equal(d.device, e.device)
}

// plain reports whether a lens shows a mailbox as it is.
func (l lens) plain(o *overlay) bool {
	return !l.here && len(o.scoped) == 0 && len(o.rows[l.person]) == 0 && len(o.rows[l.device]) == 0 && len(o.hidden[l.device]) == 0
}

// through gives a mailbox's snapshot in state s as a lens shows it.
func (m *mailbox) through(l lens, s *state) *Snapshot {
	if s.snap == nil || s.snap.Gone || l.plain(s.over) {
		return s.snap
	}
	m.lensed.mu.Lock()
	defer m.lensed.mu.Unlock()
	old := m.lensed.byLens[l]
	if old != nil && old.base == s.snap && old.over == s.over {
		return old.snap
	}
	d := derive(l, s.snap, s.over, old)
	if m.lensed.byLens == nil || len(m.lensed.byLens) >= maxLenses {
		m.lensed.byLens = map[lens]*derived{}
	}
	m.lensed.byLens[l] = d
	return d.snap
}

// derive makes a snapshot through a lens; chunks that are made of what they
// were made of before are the same ones.
func derive(l lens, base *Snapshot, o *overlay, old *derived) *derived {
	d := &derived{base: base, over: o, chunks: make(map[*chunk]derivedChunk, len(base.chunks))}
	chunks := make([]*chunk, 0, len(base.chunks))
	for _, c := range base.chunks {
		lo, hi := c.uid[0], c.uid[len(c.uid)-1]
		e := derivedChunk{
			scoped: o.scopedWithin(lo, hi), hidden: o.hidden[l.device].within(lo, hi),
			person: o.rows[l.person].within(lo, hi), device: o.rows[l.device].within(lo, hi),
		}
		if old != nil {
			if before, ok := old.chunks[c]; ok && before.same(e) {
				e.out = before.out
			}
		}
		if e.out == nil {
			e.out = c.through(l, e)
		}
		d.chunks[c] = e
		if e.out.len() > 0 {
			chunks = append(chunks, e.out)
		}
	}
	d.snap = base.with(chunks)
	return d
}

// through gives a chunk as a lens shows it; itself where that is the same.
func (c *chunk) through(l lens, e derivedChunk) *chunk {
	if len(e.scoped) == 0 && len(e.hidden) == 0 && len(e.person) == 0 && len(e.device) == 0 && !(l.here && c.has(FlagDeleted)) {
		return c
	}
	out := &chunk{}
	var entries []Entry
	for i := range c.len() {
		entry := c.entry(i)
		uid := uint32(entry.UID)
		for len(e.scoped) > 0 && e.scoped[0].uid < uid {
			e.scoped = e.scoped[1:]
		}
		if len(e.scoped) > 0 && e.scoped[0].uid == uid && e.scoped[0].device != l.device {
			continue
		}
		for len(e.hidden) > 0 && e.hidden[0].hi < uid {
			e.hidden = e.hidden[1:]
		}
		if len(e.hidden) > 0 && e.hidden[0].lo <= uid {
			if e.hidden[0].why >= anyHidden {
				continue
			}
			entry.ModSeq = max(entry.ModSeq, e.hidden[0].modSeq)
		}
		if l.here {
			entry.Flags &^= FlagDeleted
		}
		for len(e.person) > 0 && e.person[0].uid < uid {
			e.person = e.person[1:]
		}
		if len(e.person) > 0 && e.person[0].uid == uid {
			if e.person[0].bits&rowUnread != 0 {
				entry.Flags &^= FlagSeen
			}
			entry.ModSeq = max(entry.ModSeq, e.person[0].modSeq)
		}
		for len(e.device) > 0 && e.device[0].uid < uid {
			e.device = e.device[1:]
		}
		if len(e.device) > 0 && e.device[0].uid == uid {
			if l.here && e.device[0].bits&rowDeleted != 0 {
				entry.Flags |= FlagDeleted
			}
			entry.ModSeq = max(entry.ModSeq, e.device[0].modSeq)
		}
		entries = append(entries, entry)
	}
	return out.grow(entries)
}

// has reports whether any message of the chunk has a flag.
func (c *chunk) has(f Flags) bool {
	for _, v := range c.flags {
		if Flags(v)&f != 0 {
			return true
		}
	}
	return false
}
