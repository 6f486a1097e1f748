package store

import (
	"cmp"
	"maps"
	"slices"
)

// An overlay is what single persons and devices have of their own on a
// mailbox's messages (design: views). All of it is few rows beside the common
// arrays; a Snapshot through a lens (lens.go) is made of both.
//
//   - The common \Seen says that somebody has read the message. Where \Seen is
//     private, a row says for whom it is unread all the same; so who comes
//     later starts from what anybody has read, and switching private \Seen off
//     needs only the rows to go.
//   - A device that deletes only here has its own \Deleted, hides what it
//     expunges, and what it moves to Trash is an entry in its scope.
//   - What is older than a device's window is hidden likewise.
//
// An overlay is never changed in place.
type overlay struct {
	rows   map[ID]privateRows // by person or device
	hidden map[ID]hiddenRanges
	scoped []scoped // ascending by UID
}

// bits of a privateRow.
const (
	rowUnread  = 1 << iota // a person's: not read, though somebody has read it
	rowDeleted             // a device's \Deleted
)

// privateRow is what one person or device has of its own on a message.
type privateRow struct {
	uid    uint32
	bits   uint8
	modSeq uint64
}

// privateRows ascend by UID.
type privateRows []privateRow

// why a range of UIDs is in a device's hiddenRanges.
type why uint8

const (
	shownAgain   why = iota // it is visible, with a mod-sequence of its own
	hiddenHere              // expunged on the device
	beyondWindow            // older than the device's window
	anyHidden    = hiddenHere
)

// hiddenRange is a run of UIDs that a device does not see, or sees again.
type hiddenRange struct {
	lo, hi uint32
	why    why
	modSeq uint64
}

// hiddenRanges ascend and do not overlap.
type hiddenRanges []hiddenRange

// scoped is an entry that exists for one device only.
type scoped struct {
	uid    uint32
	device ID
}

// noOverlay is that of a mailbox on which nobody has anything of his own.
var noOverlay = &overlay{}

// clone gives a copy whose maps may be changed.
func (o *overlay) clone() *overlay {
	c := &overlay{rows: maps.Clone(o.rows), hidden: maps.Clone(o.hidden), scoped: o.scoped}
	if c.rows == nil {
		c.rows = map[ID]privateRows{}
	}
	if c.hidden == nil {
		c.hidden = map[ID]hiddenRanges{}
	}
	return c
}

// within gives the rows of UIDs lo-hi.
func (r privateRows) within(lo, hi uint32) privateRows {
	i, _ := slices.BinarySearchFunc(r, lo, func(p privateRow, uid uint32) int { return cmp.Compare(p.uid, uid) })
	j, found := slices.BinarySearchFunc(r[i:], hi, func(p privateRow, uid uint32) int { return cmp.Compare(p.uid, uid) })
	if found {
		j++
	}
	return r[i : i+j]
}

// bits gives the bits of a message; 0 where there is no row.
func (r privateRows) bits(uid uint32) uint8 {
	if at := r.within(uid, uid); len(at) > 0 {
		return at[0].bits
	}
	return 0
}

// with gives rows in which those of more, ascending, replace or add; a
// mod-sequence never falls.
func (r privateRows) with(more privateRows) privateRows {
	out := make(privateRows, 0, len(r)+len(more))
	for len(r) > 0 && len(more) > 0 {
		switch c := cmp.Compare(r[0].uid, more[0].uid); {
		case c < 0:
			out, r = append(out, r[0]), r[1:]
		case c > 0:
			out, more = append(out, more[0]), more[1:]
		default:
			more[0].modSeq = max(more[0].modSeq, r[0].modSeq)
			out, r, more = append(out, more[0]), r[1:], more[1:]
		}
	}
	return append(append(out, r...), more...)
}

// without gives the rows of other UIDs than those of entries, which ascend.
func (r privateRows) without(gone []Entry) privateRows {
	out := make(privateRows, 0, len(r))
	for _, p := range r {
		for len(gone) > 0 && uint32(gone[0].UID) < p.uid {
			gone = gone[1:]
		}
		if len(gone) == 0 || uint32(gone[0].UID) != p.uid {
			out = append(out, p)
		}
	}
	return out
}

// within gives the ranges that touch UIDs lo-hi.
func (h hiddenRanges) within(lo, hi uint32) hiddenRanges {
	i, _ := slices.BinarySearchFunc(h, lo, func(r hiddenRange, uid uint32) int { return cmp.Compare(r.hi, uid) })
	j := i
	for j < len(h) && h[j].lo <= hi {
		j++
	}
	return h[i:j]
}

// with gives ranges in which the runs, ascending, are as news says.
func (h hiddenRanges) with(runs []span, news why, modSeq uint64) hiddenRanges {
	out := make(hiddenRanges, 0, len(h)+len(runs))
	add := func(r hiddenRange) {
		if n := len(out) - 1; n >= 0 && out[n].hi+1 == r.lo && out[n].why == r.why && out[n].modSeq == r.modSeq {
			out[n].hi = r.hi
			return
		}
		out = append(out, r)
	}
	for _, run := range runs {
		for len(h) > 0 && h[0].hi < run.lo {
			add(h[0])
			h = h[1:]
		}
		var rest hiddenRanges // what reaches beyond the run
		for len(h) > 0 && h[0].lo <= run.hi {
			r := h[0]
			h = h[1:]
			if r.lo < run.lo {
				add(hiddenRange{r.lo, run.lo - 1, r.why, r.modSeq})
			}
			if r.hi > run.hi {
				rest = hiddenRanges{{run.hi + 1, r.hi, r.why, r.modSeq}}
			}
		}
		add(hiddenRange{run.lo, run.hi, news, modSeq})
		h = append(rest, h...)
	}
	for _, r := range h {
		add(r)
	}
	return out
}

// scopedWithin gives the scoped entries of UIDs lo-hi.
func (o *overlay) scopedWithin(lo, hi uint32) []scoped {
	i, _ := slices.BinarySearchFunc(o.scoped, lo, func(s scoped, uid uint32) int { return cmp.Compare(s.uid, uid) })
	j := i
	for j < len(o.scoped) && o.scoped[j].uid <= hi {
		j++
	}
	return o.scoped[i:j]
}

// scope gives the device for which alone a message exists; "" for everybody.
func (o *overlay) scope(uid uint32) ID {
	if at := o.scopedWithin(uid, uid); len(at) > 0 {
		return at[0].device
	}
	return ""
}

// without gives the overlay of a mailbox that entries, ascending, have left.
// Hidden ranges stay: they say what a device was told to be gone.
func (o *overlay) without(gone []Entry) *overlay {
	if len(o.rows) == 0 && len(o.scoped) == 0 {
		return o
	}
	c := o.clone()
	for who, rows := range c.rows {
		c.rows[who] = rows.without(gone)
	}
	left := make([]scoped, 0, len(o.scoped))
	for _, s := range o.scoped {
		if _, found := slices.BinarySearchFunc(gone, s.uid, func(e Entry, uid uint32) int { return cmp.Compare(uint32(e.UID), uid) }); !found {
			left = append(left, s)
		}
	}
	c.scoped = left
	return c
}
