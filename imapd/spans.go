package imapd

import (
	"sort"
	"sync"

	"github.com/emersion/go-imap/v2"

	"heimpost/store"
)

// span is the messages lo ≤ i < hi of a snapshot.
type span struct{ lo, hi int }

// spans is a set of messages of a snapshot by their indexes: ascending, apart
// from each other, none empty. A mailbox's result sets are mostly a few runs,
// whatever their size.
type spans []span

// answered holds the memory of results that were answered, for the next ones:
// fresh memory costs more than looking through a mailbox does.
var answered sync.Pool // of *spans

// newSpans gives an empty set, if possible with memory for many spans.
func newSpans() spans {
	if s, ok := answered.Get().(*spans); ok {
		return (*s)[:0]
	}
	return nil
}

// keptSpans are the bounds of memory that is worth to be kept.
const (
	keptSpansMin = 1 << 8
	keptSpansMax = 1 << 16
)

// release gives up a set that nobody looks at any more.
func (s spans) release() {
	if keptSpansMin <= cap(s) && cap(s) <= keptSpansMax {
		answered.Put(&s)
	}
}

// push adds index i, which is above all that are there.
func (s *spans) push(i int) { s.add(i, i+1) }

// add adds lo ≤ i < hi, where lo is not below the last span's beginning.
func (s *spans) add(lo, hi int) {
	if lo >= hi {
		return
	}
	if k := len(*s) - 1; k >= 0 && lo <= (*s)[k].hi {
		(*s)[k].hi = max((*s)[k].hi, hi)
		return
	}
	*s = append(*s, span{lo, hi})
}

// tidy brings spans that stand in any order, and may overlap, into order.
func (s spans) tidy() spans {
	sort.Slice(s, func(i, j int) bool { return s[i].lo < s[j].lo })
	out := s[:0]
	for _, sp := range s {
		out.add(sp.lo, sp.hi)
	}
	return out
}

// count gives the number of messages.
func (s spans) count() int {
	c := 0
	for _, sp := range s {
		c += sp.hi - sp.lo
	}
	return c
}

// contains reports whether index i is in the set.
func (s spans) contains(i int) bool {
	j := sort.Search(len(s), func(j int) bool { return s[j].hi > i })
	return j < len(s) && s[j].lo <= i
}

// or gives what is in s or in t.
func (s spans) or(t spans) spans {
	if len(s) == 0 {
		return t
	}
	if len(t) == 0 {
		return s
	}
	out := make(spans, 0, len(s)+len(t))
	for len(s) > 0 || len(t) > 0 {
		if len(t) == 0 || len(s) > 0 && s[0].lo <= t[0].lo {
			out.add(s[0].lo, s[0].hi)
			s = s[1:]
		} else {
			out.add(t[0].lo, t[0].hi)
			t = t[1:]
		}
	}
	return out
}

// and gives what is in s and in t.
func (s spans) and(t spans) spans {
	var out spans
	for len(s) > 0 && len(t) > 0 {
		out.add(max(s[0].lo, t[0].lo), min(s[0].hi, t[0].hi))
		if s[0].hi < t[0].hi {
			s = s[1:]
		} else {
			t = t[1:]
		}
	}
	return out
}

// without gives what is in s but not in t.
func (s spans) without(t spans) spans {
	var out spans
	for _, sp := range s {
		for len(t) > 0 && t[0].hi <= sp.lo {
			t = t[1:]
		}
		lo := sp.lo
		for _, cut := range t {
			if cut.lo >= sp.hi {
				break
			}
			out.add(lo, min(cut.lo, sp.hi))
			lo = max(lo, cut.hi)
		}
		out.add(lo, sp.hi)
	}
	return out
}

// uids gives the messages as a set of UIDs, ascending. Neighbours in the
// mailbox become one range even where UIDs between them were never used or
// are gone: such UIDs are passed over wherever a set is used.
func (s spans) uids(of *store.Snapshot) imap.UIDSet {
	set := make(imap.UIDSet, 0, len(s))
	for _, sp := range s {
		set = append(set, imap.UIDRange{Start: of.At(sp.lo).UID, Stop: of.At(sp.hi - 1).UID})
	}
	return set
}

// exactUIDs gives the messages as a set of UIDs that holds no others: for
// answers.
func (s spans) exactUIDs(of *store.Snapshot) imap.UIDSet {
	var set imap.UIDSet
	for _, sp := range s {
		for _, e := range of.Range(sp.lo, sp.hi) {
			addUID(&set, e.UID)
		}
	}
	return set
}

// spansOf gives the messages of a snapshot that an ascending set names.
func spansOf(of *store.Snapshot, uids imap.UIDSet) spans {
	var out spans
	for _, r := range uids {
		lo, _ := of.Search(r.Start)
		hi, found := of.Search(r.Stop)
		if found {
			hi++
		}
		out.add(lo, hi)
	}
	return out
}

// everything gives all messages of a snapshot.
func everything(of *store.Snapshot) spans {
	var out spans
	out.add(0, of.Len())
	return out
}

// blockSize is how many messages are looked at together: a multiple of what
// the store reads at a time.
const blockSize = 4096

// blocks calls fn for the messages of a set in order, some at a time, with
// their indexes. What fn gets is used again for the next block.
func (s spans) blocks(of *store.Snapshot, fn func(index []int, block []store.Entry) error) error {
	index := make([]int, 0, min(blockSize, s.count()))
	block := make([]store.Entry, 0, cap(index))
	flush := func() error {
		if len(block) == 0 {
			return nil
		}
		err := fn(index, block)
		index, block = index[:0], block[:0]
		return err
	}
	for _, sp := range s {
		for i, e := range of.Range(sp.lo, sp.hi) {
			index, block = append(index, i), append(block, e)
			if len(block) == blockSize {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	return flush()
}

// changedSince gives the messages whose mod-sequence is above n.
func (s spans) changedSince(of *store.Snapshot, n uint64) spans {
	var out spans
	if n >= of.HighestModSeq {
		return out
	}
	for _, sp := range s {
		for i, e := range of.Range(sp.lo, sp.hi) {
			if e.ModSeq > n {
				out.push(i)
			}
		}
	}
	return out
}

// places gives those messages that have the places lo ≤ p < hi in the set.
func (s spans) places(lo, hi int) spans {
	var out spans
	at := 0
	for _, sp := range s {
		n := sp.hi - sp.lo
		out.add(sp.lo+min(max(lo-at, 0), n), sp.lo+min(max(hi-at, 0), n))
		at += n
	}
	return out
}
