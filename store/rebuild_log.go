package store

import (
	"slices"

	"github.com/emersion/go-imap/v2"
)

// foldedLog is what a state.log says in the end of the messages whose files
// are there; the slices go with their UIDs.
type foldedLog struct {
	flags []int32 // index of names; -1: nothing was said
	names [][]imap.Flag
	gone  []bool
	moved []movedTo
	scope []ID // the device for which alone it exists
	// by person or device
	unread, hidden map[ID][]bool
	uidls          []UIDL
}

// movedTo says where a message went.
type movedTo struct {
	mailbox ID // "": nowhere
	uid     uint32
}

// foldLog reads a mailbox's state.log.
func (d *disk) foldLog(id ID, uids []uint32) (*foldedLog, error) {
	f := &foldedLog{
		flags: make([]int32, len(uids)), gone: make([]bool, len(uids)),
		moved: make([]movedTo, len(uids)), scope: make([]ID, len(uids)),
		unread: map[ID][]bool{}, hidden: map[ID][]bool{},
	}
	for i := range f.flags {
		f.flags[i] = -1
	}
	known := map[string]int32{}
	rows := map[uidlKey]int{}
	err := d.readLog(id, func(r *logRecord) {
		switch {
		case r.Flags != nil:
			key := flagsKey(r.Flags.Names)
			n, seen := known[key]
			if !seen {
				n = int32(len(f.names))
				known[key] = n
				f.names = append(f.names, r.Flags.Names)
			}
			eachOf(uids, parseSpans(r.Flags.UIDs), func(i, _ int) { f.flags[i] = n })
		case r.Gone != "":
			eachOf(uids, parseSpans(r.Gone), func(i, _ int) { f.gone[i] = true })
		case r.Moved != nil:
			as := parseSpans(r.Moved.As)
			eachOf(uids, parseSpans(r.Moved.UIDs), func(i, n int) {
				if uid, ok := nthUID(as, n); ok {
					f.moved[i] = movedTo{r.Moved.To, uid}
				}
			})
		case r.Scope != nil:
			eachOf(uids, parseSpans(r.Scope.UIDs), func(i, _ int) { f.scope[i] = r.Scope.Device })
		case r.Own != nil:
			of := f.unread
			if r.Own.Is == ownHidden || r.Own.Is == ownShown {
				of = f.hidden
			}
			if of[r.Own.Who] == nil {
				of[r.Own.Who] = make([]bool, len(uids))
			}
			is := r.Own.Is == ownUnread || r.Own.Is == ownHidden
			eachOf(uids, parseSpans(r.Own.UIDs), func(i, _ int) { of[r.Own.Who][i] = is })
		case r.UIDL != nil:
			u := r.UIDL.row()
			key := uidlKey{u.Address, u.UID, u.Ordinal}
			i, seen := rows[key]
			if !seen {
				i = len(f.uidls)
				rows[key] = i
				f.uidls = append(f.uidls, u)
			}
			f.uidls[i] = u
		}
	})
	return f, err
}

type uidlKey struct {
	address, uid string
	ordinal      int
}

// flagsKey names a set of flags.
func flagsKey(names []imap.Flag) string {
	key := ""
	for _, n := range names {
		key += string(n) + " "
	}
	return key
}

// eachOf calls fn for each of uids, which ascend, that is in runs: its index,
// and its place among all UIDs of the runs.
func eachOf(uids []uint32, runs []span, fn func(i, n int)) {
	before := 0
	for _, r := range runs {
		i, _ := slices.BinarySearch(uids, r.lo)
		for ; i < len(uids) && uids[i] <= r.hi; i++ {
			fn(i, before+int(uids[i]-r.lo))
		}
		before += int(r.hi-r.lo) + 1
	}
}

// nth gives the n-th UID of runs.
func nthUID(runs []span, n int) (uint32, bool) {
	for _, r := range runs {
		if size := int(r.hi-r.lo) + 1; n < size {
			return r.lo + uint32(n), true
		} else {
			n -= size
		}
	}
	return 0, false
}

// isGone reports whether the message at an index was expunged, or moved to
// where it is now. One that was moved to where nothing is comes back.
func (r *rebuilder) isGone(was *foldedLog, at int) bool {
	if was.gone[at] {
		return true
	}
	to := was.moved[at]
	if to.mailbox == "" {
		return false
	}
	for _, m := range r.mailboxes {
		if m.id == to.mailbox {
			_, there := slices.BinarySearch(m.uids, to.uid)
			return there
		}
	}
	return false
}

// flagsOf gives the flags that a message had; a keyword for which there is no
// room is left out.
func (r *rebuilder) flagsOf(m *foundMailbox, was *foldedLog, at int, known map[int32]Flags) Flags {
	n := was.flags[at]
	if n < 0 {
		return 0
	}
	if f, seen := known[n]; seen {
		return f
	}
	var flags Flags
	s := *m.state
	for _, name := range was.names[n] {
		if bits, err := r.t.bits(m.mailbox, &s, []imap.Flag{name}, true); err == nil {
			flags |= bits
		}
	}
	r.t.set(m.mailbox, s)
	m.state = r.t.states[m.mailbox]
	known[n] = flags
	return flags
}

// insertOwn makes what single persons and devices had of their own on a
// mailbox's messages.
func (r *rebuilder) insertOwn(m *foundMailbox, was *foldedLog) error {
	for who, is := range was.unread {
		uids := picked(m.uids, is)
		if len(uids) == 0 {
			continue
		}
		actor, err := r.t.actor(who)
		if err != nil {
			return err
		}
		if err := r.t.exec(`INSERT INTO private(mailbox, actor, uid, bits, modseq) SELECT mailbox, ?, uid, ?, 0 FROM entry
			WHERE mailbox=? AND flags & 1 AND uid IN (SELECT value FROM json_each(?))`, actor, rowUnread, m.row, jsonList(uids)); err != nil {
			return err
		}
	}
	for who, is := range was.hidden {
		for _, run := range runsOf(picked(m.uids, is)) {
			actor, err := r.t.actor(who)
			if err != nil {
				return err
			}
			if err := r.t.insertHidden(m.mailbox, actor, hiddenRange{run.lo, run.hi, hiddenHere, m.state.modSeq}); err != nil {
				return err
			}
		}
	}
	return nil
}

// picked gives those UIDs for which is says so.
func picked(uids []uint32, is []bool) (out []uint32) {
	for i, uid := range uids {
		if is[i] {
			out = append(out, uid)
		}
	}
	return out
}
