package pop3fetch

import (
	"slices"
	"time"

	"heimpost/store"
)

// rowKey names a row among those of an account's address.
type rowKey struct {
	uid     string
	ordinal int
}

// book is what is remembered of an account's messages: its UIDL rows. A row is
// never taken out of it and never given to another mail.
//
// Most UIDs have one row, ordinal 0. Further ordinals are for other mails that
// bore the same UID: in one listing (RFC 1939 §7 allows it for copies), or
// later, when the provider used the UID again. Rows of mails that came without
// a usable UID have the UID "" and are told apart by content.
type book struct {
	address string
	rows    map[rowKey]*store.UIDL
	uids    map[string][]*store.UIDL // ordered by ordinal
	hashes  map[[32]byte][]*store.UIDL
}

func newBook(address string, rows []store.UIDL) *book {
	b := &book{address: address, rows: make(map[rowKey]*store.UIDL, len(rows)),
		uids: make(map[string][]*store.UIDL, len(rows)), hashes: make(map[[32]byte][]*store.UIDL, len(rows))}
	for i := range rows {
		b.insert(&rows[i])
	}
	return b
}

func (b *book) insert(r *store.UIDL) {
	b.rows[rowKey{r.UID, r.Ordinal}] = r
	b.uids[r.UID] = append(b.uids[r.UID], r)
	b.hashes[r.Hash] = append(b.hashes[r.Hash], r)
}

// add makes a row for a mail that is about to be stored, or was found to be
// stored already.
func (b *book) add(uid string, size int64, hash [32]byte, first, now time.Time) *store.UIDL {
	r := &store.UIDL{Address: b.address, UID: uid, Size: size, Hash: hash, State: store.UIDLStored, FirstAt: first, SeenAt: now}
	for _, other := range b.uids[uid] {
		r.Ordinal = max(r.Ordinal, other.Ordinal+1)
	}
	b.insert(r)
	return r
}

// present reports whether the last complete listing held a row's message.
func present(r *store.UIDL) bool { return !r.Absent && r.State != store.UIDLGone }

// message is a listed message and what is to be done with it.
type message struct {
	listed
	row *store.UIDL // what it is taken for; nil: nothing that is known
	// doubtful: the UID is known, but what is listed may be another mail.
	doubtful bool
	fetched  bool // this session retrieved and compared or stored it
	sure     bool // this session compared it with row
}

// match lays a listing beside the book: which message is taken for which row.
// A row is taken once. Messages whose UID bears rows of which none fits
// without doubt are doubtful.
func (b *book) match(l *listing) []*message {
	out := make([]*message, len(l.messages))
	groups := make(map[string][]*message, len(l.messages))
	for i, m := range l.messages {
		out[i] = &message{listed: m}
		groups[m.uid] = append(groups[m.uid], out[i])
	}
	for uid, group := range groups {
		free := slices.DeleteFunc(slices.Clone(b.uids[uid]), func(r *store.UIDL) bool { return !present(r) })
		for _, m := range group {
			i := slices.IndexFunc(free, func(r *store.UIDL) bool { return r.Size == m.size })
			if i >= 0 {
				m.row = free[i]
				free = slices.Delete(free, i, i+1)
			} else {
				m.doubtful = len(b.uids[uid]) > 0
			}
		}
	}
	return out
}

// absent gives the rows whose message a complete listing no longer holds,
// changed to say so.
func (b *book) absent(messages []*message) []store.UIDL {
	unclear := map[string]bool{} // UIDs of messages that may be any of their rows
	taken := make(map[*store.UIDL]bool, len(messages))
	for _, m := range messages {
		taken[m.row] = true
		if m.doubtful {
			unclear[m.uid] = true
		}
	}
	var gone []store.UIDL
	for _, r := range b.rows {
		if !r.Absent && !taken[r] && !unclear[r.UID] {
			r.Absent = true
			gone = append(gone, *r)
		}
	}
	return gone
}

// verdict says what a mail that was retrieved turned out to be.
type verdict struct {
	row *store.UIDL
	// deliver: it is new, and row is written with it. Otherwise it is known,
	// and row is written alone.
	deliver bool
}

// judge decides by content whether a retrieved message is new, and enters it.
// here tells whether a row's message stands in this session's listing.
func (b *book) judge(m *message, hash [32]byte, now time.Time, here func(*store.UIDL) bool) verdict {
	same := b.uids[m.uid]
	for _, r := range same {
		// A row that is here already belongs to another message: equal copies
		// under one UID are one mail (RFC 1939 §7), each with its row.
		if r.Hash == hash && (r == m.row || !here(r)) {
			b.seen(r, m.size, now)
			return verdict{row: r}
		}
	}
	for _, r := range b.hashes[hash] {
		// The same bytes are known under another UID. If that one is listed
		// too, these are two copies, and both are kept. Otherwise the provider
		// has given the mail a new UID. Where UIDs are known to be used again,
		// or are missing, content alone says what a mail is.
		if len(same) > 0 || m.uid == "" || r.UID == "" || !here(r) {
			return verdict{row: b.add(m.uid, m.size, hash, r.FirstAt, now)}
		}
	}
	return verdict{row: b.add(m.uid, m.size, hash, now, now), deliver: true}
}

// seen refreshes a row whose message is listed and was found to be the same.
func (b *book) seen(r *store.UIDL, size int64, now time.Time) {
	r.Absent, r.Size, r.SeenAt = false, size, now
	if r.State == store.UIDLGone {
		r.State = store.UIDLStored
	}
}
