package store

import "slices"

// newSnapshot makes a snapshot of chunks, none of which is empty.
func newSnapshot(chunks []*chunk) *Snapshot {
	s := &Snapshot{chunks: chunks, start: make([]int, len(chunks))}
	for i, c := range chunks {
		s.start[i] = s.count
		s.count += c.len()
	}
	return s
}

// with gives a copy of s that has other chunks.
func (s *Snapshot) with(chunks []*chunk) *Snapshot {
	n := newSnapshot(chunks)
	n.UIDNext, n.HighestModSeq, n.Keywords, n.Gone = s.UIDNext, s.HighestModSeq, s.Keywords, s.Gone
	return n
}

// add gives a copy of s with further messages at its end; their UIDs ascend.
func (s *Snapshot) add(entries []Entry) *Snapshot {
	chunks := slices.Clone(s.chunks)
	if n := len(chunks); n > 0 && chunks[n-1].len() < chunkSize {
		last := chunks[n-1]
		take := min(chunkSize-last.len(), len(entries))
		chunks[n-1] = last.grow(entries[:take])
		entries = entries[take:]
	}
	for len(entries) > 0 {
		take := min(chunkSize, len(entries))
		chunks = append(chunks, (&chunk{}).grow(entries[:take]))
		entries = entries[take:]
	}
	return s.with(chunks)
}

// grow gives a copy of c with entries at its end.
func (c *chunk) grow(entries []Entry) *chunk {
	n := c.len() + len(entries)
	g := &chunk{
		uid:    append(make([]uint32, 0, n), c.uid...),
		flags:  append(make([]uint64, 0, n), c.flags...),
		modseq: append(make([]uint64, 0, n), c.modseq...),
		mail:   append(make([]int64, 0, n), c.mail...),
	}
	for _, e := range entries {
		g.uid = append(g.uid, uint32(e.UID))
		g.flags = append(g.flags, uint64(e.Flags))
		g.modseq = append(g.modseq, e.ModSeq)
		g.mail = append(g.mail, e.mail)
	}
	return g
}

// setFlags gives a copy of s in which the messages at indexes, ascending, have
// the flags that change gives and a new mod-sequence, or the old ones if
// modseq is 0.
func (s *Snapshot) setFlags(indexes []int, change func(Flags) Flags, modseq uint64) *Snapshot {
	n := *s
	n.chunks = slices.Clone(s.chunks)
	s.each(indexes, func(c int, at []int) {
		old := s.chunks[c]
		ch := &chunk{uid: old.uid, flags: slices.Clone(old.flags), modseq: slices.Clone(old.modseq), mail: old.mail}
		for _, i := range at {
			i -= s.start[c]
			ch.flags[i] = uint64(change(Flags(ch.flags[i])))
			if modseq != 0 {
				ch.modseq[i] = modseq
			}
		}
		n.chunks[c] = ch
	})
	return &n
}

// remove gives a copy of s without the messages at indexes, ascending.
func (s *Snapshot) remove(indexes []int) *Snapshot {
	left := make([]*chunk, len(s.chunks))
	copy(left, s.chunks)
	s.each(indexes, func(c int, at []int) {
		old := s.chunks[c]
		n := old.len() - len(at)
		ch := &chunk{uid: make([]uint32, 0, n), flags: make([]uint64, 0, n), modseq: make([]uint64, 0, n), mail: make([]int64, 0, n)}
		from := 0
		for _, i := range append(at, s.start[c]+old.len()) {
			to := i - s.start[c]
			ch.uid = append(ch.uid, old.uid[from:to]...)
			ch.flags = append(ch.flags, old.flags[from:to]...)
			ch.modseq = append(ch.modseq, old.modseq[from:to]...)
			ch.mail = append(ch.mail, old.mail[from:to]...)
			from = to + 1
		}
		left[c] = ch
	})
	// Small neighbours become one chunk, so that many expunges do not leave
	// a snapshot of crumbs; what neither changed nor is small stays shared.
	chunks := make([]*chunk, 0, len(left))
	for _, c := range left {
		if c.len() == 0 {
			continue
		}
		if n := len(chunks); n > 0 && chunks[n-1].len()+c.len() <= chunkSize/2 {
			chunks[n-1] = chunks[n-1].join(c)
			continue
		}
		chunks = append(chunks, c)
	}
	return s.with(chunks)
}

// join gives a chunk of the messages of both.
func (c *chunk) join(d *chunk) *chunk {
	return &chunk{
		uid:    slices.Concat(c.uid, d.uid),
		flags:  slices.Concat(c.flags, d.flags),
		modseq: slices.Concat(c.modseq, d.modseq),
		mail:   slices.Concat(c.mail, d.mail),
	}
}

// each calls fn for each chunk that holds some of the indexes, ascending,
// with those.
func (s *Snapshot) each(indexes []int, fn func(c int, at []int)) {
	c := 0
	for len(indexes) > 0 {
		for indexes[0] >= s.start[c]+s.chunks[c].len() {
			c++
		}
		end := s.start[c] + s.chunks[c].len()
		n := 0
		for n < len(indexes) && indexes[n] < end {
			n++
		}
		fn(c, indexes[:n:n])
		indexes = indexes[n:]
	}
}

// entries gives the messages at indexes.
func (s *Snapshot) entries(indexes []int) []Entry {
	out := make([]Entry, 0, len(indexes))
	s.each(indexes, func(c int, at []int) {
		for _, i := range at {
			out = append(out, s.chunks[c].entry(i-s.start[c]))
		}
	})
	return out
}
