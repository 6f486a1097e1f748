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
	s, seen, l, err := t.look(m, who)
	if err != nil {
		return done, err
	}
	bits, err := t.bits(m, &s, c.Flags, c.Op != FlagsRemove)
	if err != nil {
		return done, err
	}
	var before []Entry // of the messages that change, as the actor sees them
	for _, i := range seen.find(c.UIDs) {
		e := seen.At(i)
		if c.UnchangedSince != nil && e.ModSeq > *c.UnchangedSince {
			done.Modified.AddNum(e.UID)
			continue
		}
		if c.Op.Apply(e.Flags, bits) != e.Flags {
			before = append(before, e)
		}
	}
	if len(before) > 0 {
		if err := t.giveModSeq(m, &s); err != nil {
			return done, err
		}
		if err := t.applyFlags(m, &s, l, before, c.Op, bits); err != nil {
			return done, err
		}
		done.ModSeq = s.modSeq
		uids := setOf(spans(before))
		if err := t.record(deed{who: who, action: flagsAction(c, before), place: m.row, name: s.name, uids: uids, mail: before[0].mail, count: len(before)}); err != nil {
			return done, err
		}
		t.logFlags(m, s.snap.entries(s.base(before)), s.keywords)
		t.events = append(t.events, Event{Kind: "flags", Mailbox: m.id, MailboxName: s.name, Actor: who, UIDs: uids})
	}
	t.set(m, s)
	return done, nil
}

// applyFlags changes flags of messages: the common ones in the mailbox, those
// that are private through the lens in its owner's rows. s.modSeq is the
// change's.
func (t *tx) applyFlags(m *mailbox, s *state, l lens, before []Entry, op FlagsOp, bits Flags) error {
	own := l.own()
	var common []Entry
	var read, unread []Entry        // \Seen changes for l.person
	var deleted, undeleted []uint32 // \Deleted changes for l.device
	for _, e := range before {
		change := e.Flags ^ op.Apply(e.Flags, bits)
		if change&^own != 0 {
			common = append(common, e)
		}
		if change&own&FlagSeen != 0 {
			if e.Flags&FlagSeen == 0 {
				read = append(read, e)
			} else {
				unread = append(unread, e)
			}
		}
		if change&own&FlagDeleted != 0 {
			if e.Flags&FlagDeleted == 0 {
				deleted = append(deleted, uint32(e.UID))
			} else {
				undeleted = append(undeleted, uint32(e.UID))
			}
		}
	}
	if err := t.commonFlags(m, s, s.base(common), op, bits, own, s.modSeq); err != nil {
		return err
	}
	if err := t.setRows(m, s, l.device, deleted, rowDeleted, s.modSeq); err != nil {
		return err
	}
	if err := t.setRows(m, s, l.device, undeleted, 0, s.modSeq); err != nil {
		return err
	}
	if err := t.markRead(m, s, l.person, read); err != nil {
		return err
	}
	return t.markUnread(m, s, l.person, unread)
}

// commonFlags changes the flags of the messages at indexes of the common
// snapshot, save those in own; modSeq 0 leaves their mod-sequences.
func (t *tx) commonFlags(m *mailbox, s *state, at []int, op FlagsOp, bits, own Flags, modSeq uint64) error {
	if len(at) == 0 {
		return nil
	}
	set, args := "flags="+op.sql(), []any{int64(bits &^ own)}
	if op == FlagsSet && own != 0 {
		set, args = "flags=(flags & ?) | ?", []any{int64(own), int64(bits &^ own)}
	}
	if modSeq != 0 {
		set, args = "modseq=?, "+set, append([]any{int64(modSeq)}, args...)
	}
	for _, sel := range s.snap.selections(m.row, at) {
		if err := t.exec("UPDATE entry SET "+set+" WHERE "+sel.where, append(args[:len(args):len(args)], sel.args...)...); err != nil {
			return err
		}
	}
	s.snap = s.snap.setFlags(at, func(f Flags) Flags { return op.Apply(f, bits)&^own | f&own }, modSeq)
	return nil
}

// markRead notes that a person has read messages. Where nobody had before, the
// common \Seen says from now on that somebody has, and the rows of all others
// that they have not; for them nothing changes.
func (t *tx) markRead(m *mailbox, s *state, person ID, read []Entry) error {
	if len(read) == 0 {
		return nil
	}
	var first []uint32
	at := s.base(read)
	var firstAt []int
	for _, i := range at {
		if e := s.snap.At(i); e.Flags&FlagSeen == 0 {
			first, firstAt = append(first, uint32(e.UID)), append(firstAt, i)
		}
	}
	for other := range t.rules().readers {
		if other != person {
			if err := t.setRows(m, s, other, first, rowUnread, 0); err != nil {
				return err
			}
		}
	}
	if err := t.setRows(m, s, person, uidsOf(read), 0, s.modSeq); err != nil {
		return err
	}
	return t.commonFlags(m, s, firstAt, FlagsAdd, FlagSeen, 0, 0)
}

// markUnread notes that messages are unread for a person again. Where nobody
// else has read one, the common \Seen goes.
func (t *tx) markUnread(m *mailbox, s *state, person ID, unread []Entry) error {
	if len(unread) == 0 {
		return nil
	}
	var still, nobody []uint32
	for _, uid := range uidsOf(unread) {
		read := false
		for other := range t.rules().readers {
			read = read || other != person && s.over.rows[other].bits(uid)&rowUnread == 0
		}
		if read {
			still = append(still, uid)
		} else {
			nobody = append(nobody, uid)
		}
	}
	if err := t.setRows(m, s, person, still, rowUnread, s.modSeq); err != nil {
		return err
	}
	if err := t.setRows(m, s, person, nobody, 0, s.modSeq); err != nil {
		return err
	}
	for other := range t.rules().readers {
		if other == person {
			continue
		}
		var rows []uint32
		for _, uid := range nobody {
			if s.over.rows[other].bits(uid) != 0 {
				rows = append(rows, uid)
			}
		}
		if err := t.clearRows(m, s, other, rows); err != nil {
			return err
		}
	}
	return t.commonFlags(m, s, s.snap.find(setOf(runsOf(nobody))), FlagsRemove, FlagSeen, 0, 0)
}

func uidsOf(entries []Entry) []uint32 {
	out := make([]uint32, len(entries))
	for i, e := range entries {
		out[i] = uint32(e.UID)
	}
	return out
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
