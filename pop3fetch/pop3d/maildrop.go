package pop3d

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Mail is a mail at the provider and what became of it there.
type Mail struct {
	ID    int    // 1, 2, … in the order of arrival; never used again
	UID   string // what UIDL tells, unless Maildrop.UIDs says otherwise
	Bytes []byte // as Canonical gives it
	// Wire, if not nil, is sent in place of Stuff(Bytes), its end included:
	// for providers that do not stuff as they should.
	Wire []byte
	Size int64 // as listed
	At   time.Time

	Retrieved int  // times that RETR sent it to its last octet
	Deletes   int  // times that DELE was answered with +OK
	Popped    bool // a session that retrieved it ended with QUIT
	Removed   bool // a QUIT removed it
}

// Maildrop is one user's mail. Its methods may be called at any time; running
// sessions keep the listing with which they began.
type Maildrop struct {
	User, Password string
	// Gmail lists a mail that was retrieved in a session ended by QUIT never
	// again, except to the user "recent:" + User.
	Gmail bool
	// Session is how many mails one session lists; 0: all.
	Session int
	// UIDs, if not nil, gives the unique-id that a session's UIDL tells of
	// the n-th mail listed, from 0.
	UIDs func(m Mail, n int) string

	mu    sync.Mutex
	mails []*Mail // all that ever arrived
	inUse bool
}

// NewMaildrop makes an empty maildrop.
func NewMaildrop(user, password string) *Maildrop {
	return &Maildrop{User: user, Password: password}
}

// Deliver adds a mail and gives it a unique-id of its own.
func (d *Maildrop) Deliver(mail []byte) Mail { return d.Add(Mail{Bytes: mail}) }

// Add adds a mail with what its exported fields say; what is zero is filled
// in. Bytes are made canonical, unless Wire says what is sent for them.
func (d *Maildrop) Add(m Mail) Mail {
	d.mu.Lock()
	defer d.mu.Unlock()
	m.ID = len(d.mails) + 1
	if m.Wire == nil {
		m.Bytes = Canonical(m.Bytes)
	}
	if m.UID == "" {
		h := sha256.Sum256(m.Bytes)
		m.UID = fmt.Sprintf("%x.%d", h[:8], m.ID)
	}
	if m.Size == 0 {
		m.Size = int64(len(m.Bytes))
	}
	if m.At.IsZero() {
		m.At = time.Now()
	}
	d.mails = append(d.mails, &m)
	return m
}

// All gives every mail that ever arrived.
func (d *Maildrop) All() []Mail { return d.pick(func(m *Mail) bool { return true }) }

// Held gives the mails that no QUIT has removed.
func (d *Maildrop) Held() []Mail { return d.pick(func(m *Mail) bool { return !m.Removed }) }

// Removed gives the mails that a QUIT removed.
func (d *Maildrop) Removed() []Mail { return d.pick(func(m *Mail) bool { return m.Removed }) }

func (d *Maildrop) pick(want func(*Mail) bool) []Mail {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Mail
	for _, m := range d.mails {
		if want(m) {
			out = append(out, *m)
		}
	}
	return out
}

// Take removes a mail as another client would.
func (d *Maildrop) Take(id int) { d.change([]int{id}, func(m *Mail) { m.Removed = true }) }

// Rename gives mails new unique-ids, as after a migration of the provider.
func (d *Maildrop) Rename(uid func(m Mail) string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.mails {
		m.UID = uid(*m)
	}
}

func (d *Maildrop) change(ids []int, fn func(*Mail)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		if id >= 1 && id <= len(d.mails) {
			fn(d.mails[id-1])
		}
	}
}

// gone reports whether a mail was removed since a session listed it.
func (d *Maildrop) gone(id int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mails[id-1].Removed
}

// lock gives the maildrop to one session, with its listing (RFC 1939 §4).
func (d *Maildrop) lock(recent bool) (listing []Mail, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inUse {
		return nil, false
	}
	d.inUse = true
	for _, m := range d.mails {
		if m.Removed || d.Gmail && !recent && m.Popped {
			continue
		}
		if d.Session > 0 && len(listing) == d.Session {
			break
		}
		c := *m
		if d.UIDs != nil {
			c.UID = d.UIDs(c, len(listing))
		}
		listing = append(listing, c)
	}
	return listing, true
}

func (d *Maildrop) unlock() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inUse = false
}

// InUse reports whether a session holds the maildrop.
func (d *Maildrop) InUse() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.inUse
}

// update is the UPDATE state (RFC 1939 §6): removes what was marked, and
// remembers what was retrieved.
func (d *Maildrop) update(retrieved, deleted []int) {
	d.change(retrieved, func(m *Mail) { m.Popped = true })
	d.change(slices.Clone(deleted), func(m *Mail) { m.Removed = true })
}
