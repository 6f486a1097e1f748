package store

import (
	"iter"
	"sort"

	"github.com/emersion/go-imap/v2"
)

// Entry is one message of a mailbox as a Snapshot holds it.
type Entry struct {
	UID    imap.UID
	Flags  Flags
	ModSeq uint64
	mail   int64 // row of its mail in the index
}

// chunkSize is how many messages a chunk holds at most: what a change of one
// flag copies (28 bytes each), and the grain at which Diff skips what is equal.
const chunkSize = 512

// chunk is an immutable run of messages in ascending UID order.
type chunk struct {
	uid    []uint32
	flags  []uint64
	modseq []uint64
	mail   []int64
}

func (c *chunk) len() int { return len(c.uid) }

func (c *chunk) entry(i int) Entry {
	return Entry{UID: imap.UID(c.uid[i]), Flags: Flags(c.flags[i]), ModSeq: c.modseq[i], mail: c.mail[i]}
}

// Snapshot is a mailbox at one moment as one view sees it. It is immutable
// and cheap: snapshots share the chunks that did not change between them.
type Snapshot struct {
	chunks []*chunk
	start  []int // start[i] is the index of the first message of chunks[i]
	count  int

	UIDNext       imap.UID // RFC 3501 §2.3.1.1; the next UID is at least this
	HighestModSeq uint64   // RFC 7162 §3.1.2.1
	Keywords      Keywords
	Gone          bool // the mailbox was deleted
}

// Len gives the number of messages.
func (s *Snapshot) Len() int { return s.count }

// At gives the message at index i, 0 ≤ i < Len: sequence number i+1 in a
// session that knows exactly this snapshot.
func (s *Snapshot) At(i int) Entry {
	c := sort.SearchInts(s.start, i+1) - 1
	return s.chunks[c].entry(i - s.start[c])
}

// Search gives the index of the first message whose UID is at least uid, and
// whether it is uid itself.
func (s *Snapshot) Search(uid imap.UID) (i int, found bool) {
	c := sort.Search(len(s.chunks), func(c int) bool {
		u := s.chunks[c].uid
		return u[len(u)-1] >= uint32(uid)
	})
	if c == len(s.chunks) {
		return s.count, false
	}
	u := s.chunks[c].uid
	j := sort.Search(len(u), func(j int) bool { return u[j] >= uint32(uid) })
	return s.start[c] + j, u[j] == uint32(uid)
}

// Range iterates over the messages lo ≤ i < hi with their indexes.
func (s *Snapshot) Range(lo, hi int) iter.Seq2[int, Entry] {
	return func(yield func(int, Entry) bool) {
		lo, hi := max(lo, 0), min(hi, s.count)
		if lo >= hi {
			return
		}
		c := sort.SearchInts(s.start, lo+1) - 1
		for i := lo; i < hi; c++ {
			ch := s.chunks[c]
			for j := i - s.start[c]; j < ch.len() && i < hi; j++ {
				if !yield(i, ch.entry(j)) {
					return
				}
				i++
			}
		}
	}
}

// All iterates over all messages with their indexes.
func (s *Snapshot) All() iter.Seq2[int, Entry] { return s.Range(0, s.count) }

// Flagged calls run for those of the messages lo ≤ i < hi that have a flag of
// bits, or (not) have none: as runs of indexes, ascending.
func (s *Snapshot) Flagged(lo, hi int, bits Flags, not bool, run func(lo, hi int)) {
	lo, hi = max(lo, 0), min(hi, s.count)
	if lo >= hi {
		return
	}
	for c := sort.SearchInts(s.start, lo+1) - 1; c < len(s.chunks) && s.start[c] < hi; c++ {
		at := s.start[c]
		flags := s.chunks[c].flags[:min(s.chunks[c].len(), hi-at)]
		for i := max(lo-at, 0); i < len(flags); i++ {
			from := i
			for i < len(flags) && (flags[i]&uint64(bits) != 0) != not {
				i++
			}
			if from < i {
				run(at+from, at+i)
			}
		}
	}
}

// Change is one difference between two snapshots.
type Change struct {
	Old, New Entry // Old.UID is 0 for a new message, New.UID is 0 for one that is gone
}

// Diff calls emit for each message that differs between two snapshots of one
// mailbox, in ascending UID order: gone, new, or with another mod-sequence.
// Chunks that both share cost nothing. emit returns false to stop.
func Diff(old, new *Snapshot, emit func(Change) bool) {
	o, n := cursor{s: old}, cursor{s: new}
	for {
		for o.whole() && n.whole() && o.s.chunks[o.c] == n.s.chunks[n.c] {
			o.c++
			n.c++
		}
		oe, ook := o.peek()
		ne, nok := n.peek()
		var ch Change
		switch {
		case !ook && !nok:
			return
		case !nok || ook && oe.UID < ne.UID:
			ch.Old = oe
			o.next()
		case !ook || ne.UID < oe.UID:
			ch.New = ne
			n.next()
		default:
			o.next()
			n.next()
			if oe == ne {
				continue
			}
			ch.Old, ch.New = oe, ne
		}
		if !emit(ch) {
			return
		}
	}
}

// cursor walks a snapshot's messages in order.
type cursor struct {
	s    *Snapshot
	c, i int
}

// whole reports whether the cursor stands at the start of a chunk.
func (k *cursor) whole() bool { return k.i == 0 && k.c < len(k.s.chunks) }

func (k *cursor) peek() (Entry, bool) {
	if k.c >= len(k.s.chunks) {
		return Entry{}, false
	}
	return k.s.chunks[k.c].entry(k.i), true
}

func (k *cursor) next() {
	if k.i++; k.i == k.s.chunks[k.c].len() {
		k.c, k.i = k.c+1, 0
	}
}
