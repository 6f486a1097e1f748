package imapd

import (
	"slices"

	"github.com/emersion/go-imap/v2"

	"heimpost/store"
)

// ascending gives a client's set in order and without overlaps; "*" is last.
func ascending(set imap.UIDSet, last imap.UID) imap.UIDSet {
	out := make(imap.UIDSet, 0, len(set))
	for _, r := range set {
		if r.Start == 0 {
			r.Start = last
		}
		if r.Stop == 0 {
			r.Stop = last
		}
		if r.Start > r.Stop {
			r.Start, r.Stop = r.Stop, r.Start
		}
		if r.Start > 0 {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b imap.UIDRange) int { return int(int64(a.Start) - int64(b.Start)) })
	joined := out[:0]
	for _, r := range out {
		if k := len(joined) - 1; k >= 0 && int64(r.Start) <= int64(joined[k].Stop)+1 {
			joined[k].Stop = max(joined[k].Stop, r.Stop)
			continue
		}
		joined = append(joined, r)
	}
	return joined
}

// common gives the UIDs that are in both of two ascending sets.
func common(a, b imap.UIDSet) imap.UIDSet {
	var out imap.UIDSet
	for len(a) > 0 && len(b) > 0 {
		if lo, hi := max(a[0].Start, b[0].Start), min(a[0].Stop, b[0].Stop); lo <= hi {
			out = append(out, imap.UIDRange{Start: lo, Stop: hi})
		}
		if a[0].Stop < b[0].Stop {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return out
}

// minus gives the UIDs of an ascending set that are not in another such one.
func minus(a, b imap.UIDSet) imap.UIDSet {
	var out imap.UIDSet
	for _, r := range a {
		for len(b) > 0 && b[0].Stop < r.Start {
			b = b[1:]
		}
		for _, cut := range b {
			if cut.Start > r.Stop {
				break
			}
			if cut.Start > r.Start {
				out = append(out, imap.UIDRange{Start: r.Start, Stop: cut.Start - 1})
			}
			if r.Start = cut.Stop + 1; r.Start == 0 || r.Start > r.Stop {
				break
			}
		}
		if r.Start <= r.Stop && r.Start > 0 {
			out = append(out, r)
		}
	}
	return out
}

// absent gives the UIDs of an ascending set that a snapshot does not have.
func absent(set imap.UIDSet, from *store.Snapshot) imap.UIDSet {
	var out imap.UIDSet
	for _, r := range set {
		i, _ := from.Search(r.Start)
		for _, e := range from.Range(i, from.Len()) {
			if e.UID > r.Stop {
				break
			}
			if e.UID > r.Start {
				out = append(out, imap.UIDRange{Start: r.Start, Stop: e.UID - 1})
			}
			r.Start = e.UID + 1
		}
		if r.Start <= r.Stop && r.Start > 0 {
			out = append(out, r)
		}
	}
	return out
}

// addUID adds a UID above all that are there to a set.
func addUID(set *imap.UIDSet, uid imap.UID) {
	if k := len(*set) - 1; k >= 0 && (*set)[k].Stop+1 == uid {
		(*set)[k].Stop = uid
		return
	}
	*set = append(*set, imap.UIDRange{Start: uid, Stop: uid})
}
