package store

import (
	"strconv"

	"github.com/emersion/go-imap/v2"
)

// find gives the indexes of those messages of a snapshot that a set names,
// ascending and each once, whatever the order in the set.
func (s *Snapshot) find(uids imap.UIDSet) []int {
	var out []int
	next, ordered := 0, true
	for _, r := range uids {
		if r.Start == 0 || r.Stop < r.Start {
			continue // '*' has no meaning without a session
		}
		lo, _ := s.Search(r.Start)
		if lo < next {
			ordered = false
		}
		for i, e := range s.Range(lo, s.count) {
			if e.UID > r.Stop {
				break
			}
			out = append(out, i)
			next = i + 1
		}
	}
	if !ordered {
		return s.find(normalSet(uids))
	}
	return out
}

// normalSet gives the set in ascending order, without overlaps.
func normalSet(uids imap.UIDSet) imap.UIDSet {
	var out imap.UIDSet
	for _, r := range uids {
		if r.Start == 0 || r.Stop < r.Start {
			continue
		}
		out.AddRange(r.Start, r.Stop)
	}
	return out
}

// span is a run of UIDs lo-hi.
type span struct{ lo, hi uint32 }

// spans gives the UIDs of entries, which ascend, as runs of consecutive numbers.
func spans(entries []Entry) []span {
	var out []span
	for _, e := range entries {
		u := uint32(e.UID)
		if n := len(out); n > 0 && out[n-1].hi+1 == u {
			out[n-1].hi = u
			continue
		}
		out = append(out, span{u, u})
	}
	return out
}

// setOf makes an IMAP set of runs.
func setOf(runs []span) imap.UIDSet {
	out := make(imap.UIDSet, 0, len(runs))
	for _, r := range runs {
		out = append(out, imap.UIDRange{Start: imap.UID(r.lo), Stop: imap.UID(r.hi)})
	}
	return out
}

// selection is a condition on table entry that picks messages of a mailbox.
type selection struct {
	where string
	args  []any
}

// rangesAtMost is up to how many runs a statement for each run is faster than
// one statement for a JSON list of all UIDs.
const rangesAtMost = 4

// selections picks the messages at indexes of a snapshot: by ranges where few
// of them hold exactly these messages, else by a list.
func (s *Snapshot) selections(mailbox int64, indexes []int) []selection {
	var out []selection
	for i := 0; i < len(indexes); {
		j := i + 1
		for j < len(indexes) && indexes[j] == indexes[j-1]+1 {
			j++
		}
		if len(out) == rangesAtMost {
			list := []byte{'['}
			for _, e := range s.entries(indexes) {
				list = strconv.AppendUint(list, uint64(e.UID), 10)
				list = append(list, ',')
			}
			list[len(list)-1] = ']'
			return []selection{{"mailbox=? AND uid IN (SELECT value FROM json_each(?))", []any{mailbox, string(list)}}}
		}
		out = append(out, selection{"mailbox=? AND uid BETWEEN ? AND ?",
			[]any{mailbox, uint32(s.At(indexes[i]).UID), uint32(s.At(indexes[j-1]).UID)}})
		i = j
	}
	return out
}
