package store

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/emersion/go-imap/v2"
)

// Copied is the outcome of Copy and Move: the n-th UID of Source became the
// n-th of Dest, both ascending (RFC 4315 COPYUID). Messages that were gone
// are missing from both.
type Copied struct {
	UIDValidity  uint32
	Source, Dest []imap.UID
}

// Copy copies messages with flags, dates and bytes into mailbox name of view
// dest, which may be of another box. All or none.
func (m *Mailbox) Copy(ctx context.Context, uids imap.UIDSet, dest *View, name string) (Copied, error) {
	if dest.o.ReadOnly {
		return Copied{}, ErrReadOnly
	}
	name, err := cleanName(name)
	if err != nil {
		return Copied{}, err
	}
	if dest.b != m.v.b {
		return m.copyAcross(ctx, uids, dest, name)
	}
	var done Copied
	err = m.v.b.writer.do(ctx, &request{run: func(t *tx) error {
		to, err := t.mailbox(name)
		if err != nil {
			return err
		}
		s, seen, l, err := t.look(m.m, m.v.o.Actor)
		if err != nil {
			return err
		}
		at := s.base(seen.entries(seen.find(uids)))
		if done, err = t.copy(m.m, at, to, t.scopeIn(l, to), "copied", m.v.o.Actor); err != nil {
			return err
		}
		for _, sel := range s.snap.selections(m.m.row, at) {
			if err := t.addRefs(sel, 1); err != nil {
				return err
			}
		}
		return nil
	}})
	return done, err
}

// scopeIn gives the device for which alone what it brings to a mailbox exists:
// Trash on a device that deletes only here. "" is for everybody.
func (t *tx) scopeIn(l lens, to *mailbox) ID {
	if l.here && t.state(to).use == imap.MailboxAttrTrash {
		return l.device
	}
	return ""
}

// copy makes entries in mailbox to for the messages at indexes of from's
// present snapshot, for everybody or for one device. They name the same mails;
// the caller sees to the references.
func (t *tx) copy(from *mailbox, at []int, to *mailbox, scope ID, kind string, who Actor) (done Copied, err error) {
	done.UIDValidity = to.uidValidity
	if len(at) == 0 {
		return done, nil
	}
	src, err := t.loaded(from)
	if err != nil {
		return done, err
	}
	s := *t.state(to)
	entries := src.snap.entries(at)
	flags, err := t.translate(to, &s, entries, src.keywords)
	if err != nil {
		return done, err
	}
	files := make(map[uint32]fileInfo, len(entries))
	for _, sel := range src.snap.selections(from.row, at) {
		if err := t.fileInfos(sel, files); err != nil {
			return done, err
		}
	}
	first, err := t.giveUIDs(to, &s, len(entries))
	if err != nil {
		return done, err
	}
	now := t.b.now()
	copies := make([]Entry, len(entries))
	dates := make([]int64, len(entries))
	links := make([][2]mailFileName, len(entries))
	scopes, err := t.copyScopes(&src, entries, scope)
	if err != nil {
		return done, err
	}
	for i, e := range entries {
		f, ok := files[uint32(e.UID)]
		if !ok {
			return done, fmt.Errorf("message %d of %s has no mail: %w", e.UID, src.name, ErrDamaged)
		}
		c := Entry{UID: imap.UID(first) + imap.UID(i), Flags: flags(e.Flags), ModSeq: s.modSeq, mail: e.mail}
		s.addScoped(uint32(c.UID), scopes[i])
		copies[i], dates[i] = c, f.date.Unix()
		links[i] = [2]mailFileName{{from.id, uint32(e.UID), f}, {to.id, uint32(c.UID), f}}
		done.Source, done.Dest = append(done.Source, e.UID), append(done.Dest, c.UID)
	}
	linked := t.link(links)
	if err := errors.Join(t.insertEntries(to, copies, now, scopes), linked()); err != nil {
		return done, err
	}
	if err := t.keepScoped(to, copies, scopes); err != nil {
		return done, err
	}
	if s.snap != nil {
		s.snap = s.snap.add(copies)
	}
	if err := t.copyUnread(&src, to, &s, entries, copies); err != nil {
		return done, err
	}
	if err := t.hideOld(to, &s, uidsOf(copies), dates); err != nil {
		return done, err
	}
	t.set(to, s)
	if from != to {
		if err := t.arrived(to, s.use, copies, who); err != nil {
			return done, err
		}
	}
	t.logNew(to, copies, s.keywords)
	uids := setOf([]span{{first, s.uidNext - 1}})
	t.events = append(t.events, Event{Kind: kind, Mailbox: to.id, MailboxName: s.name, Actor: who, UIDs: uids})
	return done, t.record(deed{who: who, action: kind, place: to.row, name: s.name, uids: uids, mail: copies[0].mail, count: len(copies),
		source: from.row, sourceName: src.name, sourceUIDs: setOf(spans(entries))})
}

// copyScopes gives for each message the device for which alone its copy exists.
// What existed for one device stays its own as long as the others have the
// original. It must be asked before the copies are there.
func (t *tx) copyScopes(from *state, entries []Entry, scope ID) ([]ID, error) {
	scopes := make([]ID, len(entries))
	for i, e := range entries {
		if scopes[i] = scope; scope != "" {
			continue
		}
		own := from.over.scope(uint32(e.UID))
		if own == "" {
			continue
		}
		var common bool
		if err := t.row("SELECT refs > (SELECT count(*) FROM entry WHERE scope<>0 AND mail=?1) FROM mail WHERE id=?1", e.mail).Scan(&common); err != nil {
			return nil, err
		}
		if common {
			scopes[i] = own
		}
	}
	return scopes, nil
}

// translate gives the function that turns flags of a mailbox with keywords
// words into flags of mailbox to, whose keywords it completes.
func (t *tx) translate(to *mailbox, s *state, entries []Entry, words Keywords) (func(Flags) Flags, error) {
	var used Flags
	for _, e := range entries {
		used |= e.Flags
	}
	const system = 1<<firstKeyword - 1
	var places []int
	var names []imap.Flag
	for i, n := range words {
		if n != "" && used&(1<<(firstKeyword+i)) != 0 {
			places, names = append(places, i), append(names, imap.Flag(n))
		}
	}
	if _, err := t.bits(to, s, names, true); err != nil {
		return nil, err
	}
	bits := make([]Flags, len(names))
	for i, n := range names {
		bits[i], _ = s.keywords.Bit(string(n))
	}
	return func(f Flags) Flags {
		out := f & system
		for i, place := range places {
			if f&(1<<(firstKeyword+place)) != 0 {
				out |= bits[i]
			}
		}
		return out
	}, nil
}

// copyAcross copies messages into another box: their bytes arrive there like
// any other mail.
func (m *Mailbox) copyAcross(ctx context.Context, uids imap.UIDSet, dest *View, name string) (done Copied, err error) {
	snap := m.Snapshot()
	entries := snap.entries(snap.find(uids))
	var mails []*Incoming
	defer func() { abortAll(mails) }()
	err = m.Mails(ctx, entries, 0, func(e Entry, mail *Mail) error {
		f, err := m.OpenMail(mail)
		if errors.Is(err, ErrExpunged) {
			return nil
		}
		if err != nil {
			return err
		}
		defer f.Close()
		in, err := dest.NewIncoming()
		if err != nil {
			return err
		}
		mails = append(mails, in)
		if _, err := io.Copy(in, io.NewSectionReader(f, 0, f.Size())); err != nil {
			return err
		}
		if _, err = in.Finish(); err != nil {
			return err
		}
		in.Date, in.Flags = mail.Date, snap.Keywords.Names(e.Flags)
		done.Source = append(done.Source, e.UID)
		if len(mails)%groupMails == 0 {
			return dest.b.disk.settle(ctx, mails[len(mails)-groupMails:])
		}
		return nil
	})
	if err != nil || len(mails) == 0 {
		return Copied{}, err
	}
	added, err := dest.b.store(ctx, mails, "copied", dest.o.Actor, func(t *tx) (*mailbox, ID, error) {
		to, err := t.mailbox(name)
		if err != nil {
			return nil, "", err
		}
		return to, t.scopeIn(t.rules().lens(dest.o.Actor, t.state(to).use), to), nil
	})
	if err != nil {
		return Copied{}, err
	}
	done.UIDValidity, done.Dest = added.UIDValidity, added.UIDs
	return done, nil
}
