package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
)

// Appended is the outcome of Append and Deliver (RFC 4315 APPENDUID).
type Appended struct {
	UIDValidity uint32
	UIDs        []imap.UID
}

// NewIncoming begins a mail that shall be stored.
func (v *View) NewIncoming() (*Incoming, error) {
	if v.o.ReadOnly {
		return nil, ErrReadOnly
	}
	return v.b.NewIncoming()
}

// Append stores mails durably, all or none, and gives their UIDs in order.
// The mails are used up, also on error.
func (v *View) Append(ctx context.Context, name string, mails []*Incoming) (Appended, error) {
	return v.append(ctx, name, mails, "appended")
}

// Import is Append for mail that was kept elsewhere before; the activity calls
// it "imported".
func (v *View) Import(ctx context.Context, name string, mails []*Incoming) (Appended, error) {
	return v.append(ctx, name, mails, "imported")
}

func (v *View) append(ctx context.Context, name string, mails []*Incoming, kind string) (Appended, error) {
	defer abortAll(mails)
	if v.o.ReadOnly {
		return Appended{}, ErrReadOnly
	}
	name, err := cleanName(name)
	if err != nil {
		return Appended{}, err
	}
	return v.b.store(ctx, mails, kind, v.o.Actor, func(t *tx) (*mailbox, ID, error) {
		m, err := t.mailbox(name)
		return m, "", err
	})
}

// Deliver stores mails from a provider durably: each mail and its UIDL row in
// one transaction, all or none. When it returns nil they may be deleted at
// the provider. The mails are used up, also on error.
func (b *Box) Deliver(ctx context.Context, id ID, mails []*Incoming) (Appended, error) {
	defer abortAll(mails)
	return b.store(ctx, mails, "delivered", Actor{}, func(t *tx) (*mailbox, ID, error) {
		for _, n := range t.folders().list {
			if n.id == id {
				return n.mailbox, "", nil
			}
		}
		return nil, "", fmt.Errorf("mailbox %s: %w", id, ErrNoMailbox)
	})
}

func abortAll(mails []*Incoming) {
	for _, in := range mails {
		in.Abort()
	}
}

// store makes the mails' bytes durable, then their names and their rows. find
// gives the mailbox and for which device alone the mails exist in it ("": for
// everybody).
func (b *Box) store(ctx context.Context, mails []*Incoming, kind string, who Actor, find func(*tx) (*mailbox, ID, error)) (Appended, error) {
	if len(mails) == 0 {
		return Appended{}, nil
	}
	r := &request{mails: len(mails)}
	for _, in := range mails {
		if in.msg == nil {
			return Appended{}, fmt.Errorf("a mail was not finished")
		}
		r.bytes += in.size
	}
	if err := b.disk.syncFiles(ctx, mails); err != nil {
		return Appended{}, err
	}
	var done Appended
	r.run = func(t *tx) error {
		m, scope, err := find(t)
		if err != nil {
			return err
		}
		done, err = t.add(m, mails, scope, kind, who)
		return err
	}
	err := b.writer.do(ctx, r)
	return done, err
}

// add gives mails a place in a mailbox: file names, then rows.
func (t *tx) add(m *mailbox, mails []*Incoming, scope ID, kind string, who Actor) (done Appended, err error) {
	s := *t.state(m)
	first, err := t.giveUIDs(m, &s, len(mails))
	if err != nil {
		return done, err
	}
	now := t.b.now()
	entries := make([]Entry, len(mails))
	dates := make([]int64, len(mails))
	l := t.rules().lens(who, s.use)
	var read, deleted []uint32
	for i, in := range mails {
		bits, err := t.bits(m, &s, in.Flags, true)
		if err != nil {
			return done, err
		}
		if l.here && bits&FlagDeleted != 0 {
			bits &^= FlagDeleted
			deleted = append(deleted, first+uint32(i))
		}
		if in.Date.IsZero() {
			in.Date = now
		}
		e := Entry{UID: imap.UID(first) + imap.UID(i), Flags: bits, ModSeq: s.modSeq, mail: t.w.nextMail}
		t.w.nextMail++
		if err := t.place(m, in, e.UID); err != nil {
			return done, err
		}
		if err := t.insertMail(e.mail, coldOf(in)); err != nil {
			return done, err
		}
		if err := t.insertEntry(m, e, now, scope); err != nil {
			return done, err
		}
		s.addScoped(uint32(e.UID), scope)
		dates[i] = in.Date.Unix()
		if bits&FlagSeen != 0 {
			read = append(read, uint32(e.UID))
		}
		if in.UIDL != nil {
			row := *in.UIDL
			row.Hash = in.Hash()
			if err := t.setUIDL(row); err != nil {
				return done, err
			}
		}
		entries[i] = e
		done.UIDs = append(done.UIDs, e.UID)
	}
	if err := t.keepScoped(m, entries, slices.Repeat([]ID{scope}, len(entries))); err != nil {
		return done, err
	}
	done.UIDValidity = m.uidValidity
	if s.snap != nil {
		s.snap = s.snap.add(entries)
	}
	if err := t.unreadForOthers(m, &s, who.Person, read); err != nil {
		return done, err
	}
	if err := t.setRows(m, &s, l.device, deleted, rowDeleted, s.modSeq); err != nil {
		return done, err
	}
	if err := t.hideOld(m, &s, uidsOf(entries), dates); err != nil {
		return done, err
	}
	t.set(m, s)
	if err := t.arrived(m, s.use, entries, who); err != nil {
		return done, err
	}
	t.logNew(m, entries, s.keywords)
	uids := setOf([]span{{first, s.uidNext - 1}})
	t.events = append(t.events, Event{Kind: kind, Mailbox: m.id, MailboxName: s.name, Actor: who, UIDs: uids,
		Subject: mails[0].msg.Subject, From: mails[0].msg.From})
	d := deed{who: who, action: kind, place: m.row, name: s.name, uids: uids, mail: entries[0].mail, count: len(entries)}
	if row := mails[0].UIDL; row != nil {
		d.account = row.Address
	}
	return done, t.record(d)
}

// insertEntry adds a message to a mailbox, for everybody or for one device.
func (t *tx) insertEntry(m *mailbox, e Entry, saved time.Time, scope ID) error {
	device, err := t.actor(scope)
	if err != nil {
		return err
	}
	return t.exec(insertEntrySQL, m.row, int64(e.ModSeq), saved.Unix(), uint32(e.UID), int64(e.Flags), e.mail, device)
}

const (
	insertEntrySQL = "INSERT INTO entry(mailbox, modseq, saved, uid, flags, mail, scope) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"
	// entriesAtOnce is how many messages one statement adds.
	entriesAtOnce = 32
)

// insertEntriesSQL is insertEntrySQL for entriesAtOnce messages.
var insertEntriesSQL = sync.OnceValue(func() string {
	sql := strings.Builder{}
	sql.WriteString(insertEntrySQL)
	for p := 8; p < 4+4*entriesAtOnce; p += 4 {
		fmt.Fprintf(&sql, ", (?1, ?2, ?3, ?%d, ?%d, ?%d, ?%d)", p, p+1, p+2, p+3)
	}
	return sql.String()
})

// insertEntries adds messages of one mod-sequence; scopes says for each for
// which device.
func (t *tx) insertEntries(m *mailbox, entries []Entry, saved time.Time, scopes []ID) error {
	for len(entries) >= entriesAtOnce {
		args := append(make([]any, 0, 3+4*entriesAtOnce), m.row, int64(entries[0].ModSeq), saved.Unix())
		for i, e := range entries[:entriesAtOnce] {
			device, err := t.actor(scopes[i])
			if err != nil {
				return err
			}
			args = append(args, uint32(e.UID), int64(e.Flags), e.mail, device)
		}
		if err := t.exec(insertEntriesSQL(), args...); err != nil {
			return err
		}
		entries, scopes = entries[entriesAtOnce:], scopes[entriesAtOnce:]
	}
	for i, e := range entries {
		if err := t.insertEntry(m, e, saved, scopes[i]); err != nil {
			return err
		}
	}
	return nil
}
