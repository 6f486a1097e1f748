package store

import (
	"context"

	"github.com/emersion/go-imap/v2"
)

// FlagsOp says how StoreFlags changes flags.
type FlagsOp int

const (
	FlagsSet FlagsOp = iota
	FlagsAdd
	FlagsRemove
)

// FlagsChange is the argument of StoreFlags.
type FlagsChange struct {
	UIDs  imap.UIDSet // static, ascending
	Op    FlagsOp
	Flags []imap.Flag // unknown keywords are made; \Recent is ignored
	// UnchangedSince, if not nil, leaves alone messages whose mod-sequence
	// is larger (RFC 7162 §3.1.3).
	UnchangedSince *uint64
}

// FlagsChanged is what StoreFlags did.
type FlagsChanged struct {
	ModSeq   uint64      // given to all messages that changed; 0 if none did
	Modified imap.UIDSet // left alone because of UnchangedSince
}

// StoreFlags changes flags of messages. Messages that are gone are passed
// over. Errors: ErrReadOnly, ErrKeywordLimit (nothing was changed).
func (m *Mailbox) StoreFlags(ctx context.Context, c FlagsChange) (FlagsChanged, error) {
	if m.v.o.ReadOnly {
		return FlagsChanged{}, ErrReadOnly
	}
	var done FlagsChanged
	err := m.v.b.writer.do(ctx, &request{flagsOnly: true, run: func(t *tx) (err error) {
		done, err = t.storeFlags(m.m, c, m.v.o.Actor)
		return err
	}})
	return done, err
}

// Apply gives the flags that op with bits makes of f.
func (op FlagsOp) Apply(f, bits Flags) Flags {
	switch op {
	case FlagsAdd:
		return f | bits
	case FlagsRemove:
		return f &^ bits
	}
	return bits
}

// sql is the expression that does in the index what Apply does in memory;
// its one parameter is bits.
func (op FlagsOp) sql() string {
	switch op {
	case FlagsAdd:
		return "flags | ?"
	case FlagsRemove:
		return "flags & ~?"
	}
	return "?"
}

func (t *tx) storeFlags(m *mailbox, c FlagsChange, who Actor) (done FlagsChanged, err error) {
	s, err := t.loaded(m)
	if err != nil {
		return done, err
	}
	bits, err := t.bits(m, &s, c.Flags, c.Op != FlagsRemove)
	if err != nil {
		return done, err
	}
	var changed []int
	for _, i := range s.snap.find(c.UIDs) {
		e := s.snap.At(i)
		if c.UnchangedSince != nil && e.ModSeq > *c.UnchangedSince {
			done.Modified.AddNum(e.UID)
			continue
		}
		if c.Op.Apply(e.Flags, bits) != e.Flags {
			changed = append(changed, i)
		}
	}
	if len(changed) > 0 {
		if err := t.giveModSeq(m, &s); err != nil {
			return done, err
		}
		for _, sel := range s.snap.selections(m.row, changed) {
			if err := t.exec("UPDATE entry SET modseq=?, flags="+c.Op.sql()+" WHERE "+sel.where,
				append([]any{s.modSeq, int64(bits)}, sel.args...)...); err != nil {
				return done, err
			}
		}
		before := s.snap.entries(changed)
		s.snap = s.snap.setFlags(changed, func(f Flags) Flags { return c.Op.Apply(f, bits) }, s.modSeq)
		done.ModSeq = s.modSeq
		uids := setOf(spans(before))
		if err := t.record(who, flagsAction(c, before), s.name, uids, before[0].mail, len(before)); err != nil {
			return done, err
		}
		t.logFlags(m, s.snap.entries(changed), s.keywords)
		t.events = append(t.events, Event{Kind: "flags", Mailbox: m.id, MailboxName: s.name, Actor: who, UIDs: uids})
	}
	t.set(m, s)
	return done, nil
}

// flagsAction names for the activity what a change of flags means to people.
func flagsAction(c FlagsChange, before []Entry) string {
	says := func(name imap.Flag) bool {
		for _, f := range c.Flags {
			if equalFlag(f, name) {
				return true
			}
		}
		return false
	}
	news := func(bit Flags) bool {
		for _, e := range before {
			if e.Flags&bit == 0 {
				return true
			}
		}
		return false
	}
	switch {
	case c.Op == FlagsRemove && says(imap.FlagSeen):
		return "unread"
	case c.Op == FlagsRemove:
		return "flags"
	case says(imap.FlagAnswered) && news(FlagAnswered):
		return "answered"
	case says(imap.FlagForwarded):
		return "forwarded"
	case says(imap.FlagSeen) && news(FlagSeen):
		return "read"
	}
	return "flags"
}
