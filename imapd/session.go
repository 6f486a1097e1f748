package imapd

import (
	"fmt"
	"sort"

	"github.com/emersion/go-imap/v2"

	"heimpost/store"
)

// session is the selected mailbox of a connection: what its client was told
// of it. A message's sequence number is its place, from 1, among the messages
// of told and ghosts together, in the order of UIDs.
type session struct {
	mbox     *store.Mailbox
	readOnly bool
	told     *store.Snapshot
	// ghosts are messages that are gone but that the client has not been told
	// of, ascending by UID: no EXPUNGE was allowed so far (RFC 3501 §7.4.1).
	ghosts []store.Entry
	// recent are the UIDs that this session alone sees as \Recent.
	recent imap.UIDSet
	// saved is the result of the last SEARCH with RETURN (SAVE), ascending (RFC
	// 5182).
	saved imap.UIDSet
	// contexts are searches whose client hears how their results change.
	contexts []*searchContext
	// names remembers flags as the client sees them.
	names map[store.Flags]string
}

// exists gives the number of messages as the client counts them.
func (s *session) exists() int { return s.told.Len() + len(s.ghosts) }

// seq gives the sequence number of the message e at index i of s.told.
func (s *session) seq(i int, e store.Entry) uint32 {
	return uint32(i + s.ghostsBelow(e.UID) + 1)
}

// seqs gives messages of s.told as a set of sequence numbers.
func (s *session) seqs(of spans) imap.SeqSet {
	var set imap.SeqSet
	add := func(lo, hi uint32) {
		if k := len(set) - 1; k >= 0 && set[k].Stop+1 == lo {
			set[k].Stop = hi
			return
		}
		set = append(set, imap.SeqRange{Start: lo, Stop: hi})
	}
	for _, sp := range of {
		for lo := sp.lo; lo < sp.hi; {
			// Up to the next ghost, numbers go with indexes.
			g := s.ghostsBelow(s.told.At(lo).UID)
			hi := sp.hi
			if g < len(s.ghosts) {
				next, _ := s.told.Search(s.ghosts[g].UID)
				hi = min(hi, next)
			}
			add(uint32(lo+g+1), uint32(hi+g))
			lo = hi
		}
	}
	return set
}

// ghostsBelow gives the number of ghosts with a UID below uid.
func (s *session) ghostsBelow(uid imap.UID) int {
	return sort.Search(len(s.ghosts), func(j int) bool { return s.ghosts[j].UID >= uid })
}

// ghostPlace gives the place of ghost j, from 0, in the client's order.
func (s *session) ghostPlace(j int) int {
	i, _ := s.told.Search(s.ghosts[j].UID)
	return i + j
}

// ghostsAhead gives the number of ghosts in the first n places.
func (s *session) ghostsAhead(n int) int {
	return sort.Search(len(s.ghosts), func(j int) bool { return s.ghostPlace(j) >= n })
}

// numbered is what a set of numbers means in a session.
type numbered struct {
	spans                // messages that are there
	ghosts []store.Entry // messages of the set that are gone, ascending
}

// errNoSuchNumber is a sequence number above the number of messages (RFC 3501
// §2.3.1.2, RFC 9051 §9: seq-number).
type errNoSuchNumber struct{ num, exists uint32 }

func (e errNoSuchNumber) Error() string {
	return fmt.Sprintf("There is no message %d; the mailbox has %d.", e.num, e.exists)
}

// resolve gives the messages of a set. UIDs that do not exist are passed over
// (RFC 3501 §6.4.8); a sequence number that does not exist is an error.
func (s *session) resolve(set imap.NumSet) (numbered, error) {
	switch set := set.(type) {
	case imap.SeqSet:
		return s.resolveSeq(set)
	case imap.UIDSet:
		return s.resolveUIDs(set), nil
	}
	return numbered{}, fmt.Errorf("a set of unknown kind %T", set)
}

func (s *session) resolveSeq(set imap.SeqSet) (numbered, error) {
	last := uint32(s.exists())
	places := make(spans, 0, len(set))
	for _, r := range set {
		a, b := r.Start, r.Stop
		if a > last || b > last {
			return numbered{}, errNoSuchNumber{max(a, b), last}
		}
		if last == 0 { // only "*" is left: nothing
			continue
		}
		if a == 0 {
			a = last
		}
		if b == 0 {
			b = last
		}
		places = append(places, span{int(min(a, b)) - 1, int(max(a, b))})
	}
	// A set may name a message many times: it is taken once.
	var n numbered
	for _, p := range places.tidy() {
		ga, gb := s.ghostsAhead(p.lo), s.ghostsAhead(p.hi)
		n.spans.add(p.lo-ga, p.hi-gb)
		n.ghosts = append(n.ghosts, s.ghosts[ga:gb]...)
	}
	return n, nil
}

// existing gives the part of a set whose sequence numbers exist.
func (s *session) existing(set imap.SeqSet) imap.SeqSet {
	last := uint32(s.exists())
	var out imap.SeqSet
	for _, r := range set {
		a, b := r.Start, r.Stop
		if a == 0 {
			a = last
		}
		if b == 0 {
			b = last
		}
		if a, b = min(a, b), max(a, b); a <= last && last > 0 {
			out = append(out, imap.SeqRange{Start: a, Stop: min(b, last)})
		}
	}
	return out
}

func (s *session) resolveUIDs(set imap.UIDSet) numbered {
	var n numbered
	last := s.lastUID()
	if last == 0 {
		return n
	}
	for _, r := range ascending(set, last) {
		lo, _ := s.told.Search(r.Start)
		hi, found := s.told.Search(r.Stop)
		if found {
			hi++
		}
		n.spans.add(lo, hi)
		for j := s.ghostsBelow(r.Start); j < len(s.ghosts) && s.ghosts[j].UID <= r.Stop; j++ {
			n.ghosts = append(n.ghosts, s.ghosts[j])
		}
	}
	return n
}

// lastUID gives the UID that "*" stands for; 0 in an empty mailbox.
func (s *session) lastUID() imap.UID {
	var last imap.UID
	if n := s.told.Len(); n > 0 {
		last = s.told.At(n - 1).UID
	}
	if n := len(s.ghosts); n > 0 {
		last = max(last, s.ghosts[n-1].UID)
	}
	return last
}

// isRecent reports whether the message is \Recent in this session.
func (s *session) isRecent(uid imap.UID) bool {
	return len(s.recent) > 0 && s.recent.Contains(uid)
}

// countRecent gives the number of messages that are \Recent in this session.
func (s *session) countRecent() int {
	count := spansOf(s.told, s.recent).count()
	for _, e := range s.ghosts {
		if s.isRecent(e.UID) {
			count++
		}
	}
	return count
}

// claimRecent makes the messages of now from UID since on \Recent for this
// session, unless another one was first. Who may only read is told of \Recent
// without taking it from the others (RFC 3501 §6.3.2).
func (s *session) claimRecent(since imap.UID, now *store.Snapshot) {
	var from imap.UID
	if s.readOnly {
		from = max(s.mbox.Recent(), since)
	} else {
		from = s.mbox.ClaimRecent(now.UIDNext)
	}
	if from == 0 || from >= now.UIDNext {
		return
	}
	if k := len(s.recent) - 1; k >= 0 && s.recent[k].Stop+1 == from {
		s.recent[k].Stop = now.UIDNext - 1
		return
	}
	s.recent = append(s.recent, imap.UIDRange{Start: from, Stop: now.UIDNext - 1})
}
