package store

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// uses are the special uses that a mailbox can have (RFC 6154): \All and
// \Flagged would be views on others, which a box does not have.
var uses = map[imap.MailboxAttr]bool{
	imap.MailboxAttrDrafts: true, imap.MailboxAttrSent: true, imap.MailboxAttrTrash: true,
	imap.MailboxAttrJunk: true, imap.MailboxAttrArchive: true,
}

// firstMailboxes are what each box has from the start, subscribed for all.
var firstMailboxes = []struct {
	name string
	use  imap.MailboxAttr
}{
	{inbox, ""},
	{"Drafts", imap.MailboxAttrDrafts},
	{"Sent", imap.MailboxAttrSent},
	{"Trash", imap.MailboxAttrTrash},
	{"Junk", imap.MailboxAttrJunk},
	{"Archive", imap.MailboxAttrArchive},
}

// createFirst makes a new box's mailboxes.
func (t *tx) createFirst() error {
	for _, f := range firstMailboxes {
		if _, err := t.create(f.name, f.use); err != nil {
			return err
		}
		if err := t.subscribe("", f.name, true); err != nil {
			return err
		}
	}
	return nil
}

// maxMailboxes is how many mailboxes a box can have; tests lower it.
var maxMailboxes = 10_000

// CreateMailbox makes a mailbox and, where they are missing, its parents
// (RFC 3501 §6.3.3). One of those that a box has from the start, which somebody
// has deleted, gets its special use back with its name. Errors: ErrExists,
// ErrInvalidName, ErrSpecialUse, ErrTooMany, ErrReadOnly.
func (v *View) CreateMailbox(ctx context.Context, name string, use imap.MailboxAttr) (info MailboxInfo, err error) {
	if name, err = cleanName(name); err != nil {
		return MailboxInfo{}, err
	}
	var m *mailbox
	err = v.change(ctx, func(t *tx) (err error) {
		if m, err = t.createWithParents(name, cmp.Or(use, t.lostUse(name))); err != nil {
			return err
		}
		return t.mailboxEvent(v.o.Actor, "created", m, name)
	})
	if err != nil {
		return MailboxInfo{}, err
	}
	return v.info(v.b.tree.Load(), name, m), nil
}

// mailboxEvent records and tells a change of a mailbox itself.
func (t *tx) mailboxEvent(who Actor, action string, m *mailbox, name string) error {
	t.events = append(t.events, Event{Kind: "mailbox", Mailbox: m.id, MailboxName: name, Actor: who})
	return t.record(deed{who: who, action: action, place: m.row, name: name})
}

func (t *tx) createWithParents(name string, use imap.MailboxAttr) (*mailbox, error) {
	if err := t.createParents(name); err != nil {
		return nil, err
	}
	return t.create(name, use)
}

func (t *tx) createParents(name string) error {
	for _, p := range parents(name) {
		if t.folders().names[p] == nil {
			if _, err := t.create(p, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// lostUse gives the special use that a mailbox of this name has from the start
// and that no mailbox has now.
func (t *tx) lostUse(name string) imap.MailboxAttr {
	for _, f := range firstMailboxes {
		if f.name == name && f.use != "" && t.withUse(f.use) == "" {
			return f.use
		}
	}
	return ""
}

// withUse gives the name of the mailbox that has a special use; "" where none
// has it.
func (t *tx) withUse(use imap.MailboxAttr) string {
	for _, n := range t.folders().list {
		if s := t.state(n.mailbox); !s.isGone() && s.use == use {
			return n.name
		}
	}
	return ""
}

// create makes one mailbox, whose parents exist.
func (t *tx) create(name string, use imap.MailboxAttr) (*mailbox, error) {
	if t.folders().names[name] != nil {
		return nil, fmt.Errorf("%s: %w", name, ErrExists)
	}
	if len(t.folders().list) >= maxMailboxes {
		return nil, fmt.Errorf("%s: %w", name, ErrTooMany)
	}
	if use != "" {
		if !uses[use] {
			return nil, fmt.Errorf("%s: %w", use, ErrSpecialUse)
		}
		if has := t.withUse(use); has != "" {
			return nil, fmt.Errorf("%s is %s: %w", has, use, ErrSpecialUse)
		}
	}
	m, s := &mailbox{id: NewID()}, state{name: name, use: use, uidNext: 1, modSeq: 1, snap: newSnapshot(nil), over: noOverlay}
	// A mailbox of this name may have been deleted: its successor's
	// UIDVALIDITY is larger (RFC 3501 §2.3.1.1), here than any before.
	if err := t.row("UPDATE meta SET value=max(value+1, ?) WHERE key='uidvalidity' RETURNING value",
		t.b.now().Unix()).Scan(&m.uidValidity); err != nil {
		return nil, err
	}
	m.recent.Store(1)
	if err := t.row("INSERT INTO mailbox(mailbox, name, specialuse, uidvalidity) VALUES(?, ?, ?, ?) RETURNING id",
		m.id, name, use, m.uidValidity).Scan(&m.row); err != nil {
		return nil, err
	}
	if err := t.createFolder(m, &s); err != nil {
		return nil, err
	}
	t.set(m, s)
	t.tree = t.folders().changed(func(names map[string]*mailbox) { names[name] = m })
	return m, nil
}

// DeleteMailbox removes a mailbox and its mails; its children stay. INBOX
// cannot be deleted (ErrCannotDelete), nor can a protected one (ErrProtected),
// nor, by a device that deletes only here, one that holds mails (ErrDeletesHere).
func (v *View) DeleteMailbox(ctx context.Context, name string) error {
	name, err := cleanName(name)
	if err != nil {
		return err
	}
	if name == inbox {
		return fmt.Errorf("%s: %w", name, ErrCannotDelete)
	}
	return v.change(ctx, func(t *tx) error {
		m, err := t.mailbox(name)
		if err != nil {
			return err
		}
		if err := t.refuseHere(m, v.o.Actor); err != nil {
			return err
		}
		if err := t.mailboxEvent(v.o.Actor, "removed", m, name); err != nil {
			return err
		}
		return t.delete(m, v.o.Actor)
	})
}

// refuseHere gives ErrDeletesHere if a device that deletes only here is about
// to delete a mailbox in which there is more than what it has for itself, be
// it hidden from this device: for the others that would be gone.
func (t *tx) refuseHere(m *mailbox, who Actor) error {
	if !t.rules().devices[who.Device].Here {
		return nil
	}
	device, err := t.actor(who.Device)
	if err != nil {
		return err
	}
	var holds bool
	if err := t.row("SELECT EXISTS(SELECT 1 FROM entry WHERE mailbox=? AND scope<>?)", m.row, device).Scan(&holds); err != nil || !holds {
		return err
	}
	return fmt.Errorf("%s: %w", t.state(m).name, ErrDeletesHere)
}

// intoTrash reports whether a rename brings a mailbox below the one with the
// special use \Trash, which is how some programs delete it.
func (t *tx) intoTrash(from, to string) bool {
	trash := t.withUse(imap.MailboxAttrTrash) + "/"
	return trash != "/" && strings.HasPrefix(to, trash) && !strings.HasPrefix(from, trash)
}

// delete removes a mailbox with all that belongs to it.
func (t *tx) delete(m *mailbox, who Actor) error {
	s := t.state(m)
	if err := s.refuse(); err != nil {
		return err
	}
	if err := t.undrafted("mailbox=?", m.row); err != nil {
		return err
	}
	d, err := t.beginDeletion(m, s, who)
	if err != nil {
		return err
	}
	if err := t.dropEntries(d, selection{"mailbox=?", []any{m.row}}); err != nil {
		return err
	}
	if err := t.endDeletion(d); err != nil {
		return err
	}
	for _, table := range []string{"entry", "vanished", "keyword", "metadata", "private", "hidden"} {
		if err := t.exec("DELETE FROM "+table+" WHERE mailbox=?", m.row); err != nil {
			return err
		}
	}
	if err := t.exec("DELETE FROM mailbox WHERE id=?", m.row); err != nil {
		return err
	}
	if err := t.collectFolder(m); err != nil {
		return err
	}
	t.states[m] = nil
	t.tree = t.folders().changed(func(names map[string]*mailbox) { delete(names, s.name) })
	return nil
}

// RenameMailbox renames a mailbox and all below it; renaming INBOX moves its
// mails into a new mailbox (RFC 3501 §6.3.5). Missing parents are made. A
// device that deletes only here moves no mails below Trash so (ErrDeletesHere).
func (v *View) RenameMailbox(ctx context.Context, from, to string) error {
	from, err := cleanName(from)
	if err != nil {
		return err
	}
	if to, err = cleanName(to); err != nil {
		return err
	}
	if strings.HasPrefix(to, from+"/") && from != inbox {
		return fmt.Errorf("%s lies below %s: %w", to, from, ErrInvalidName)
	}
	return v.change(ctx, func(t *tx) error {
		if from == inbox {
			return t.renameInbox(v.o.Actor, to)
		}
		return t.rename(v.o.Actor, from, to)
	})
}

func (t *tx) rename(who Actor, from, to string) error {
	top, err := t.mailbox(from)
	if err != nil {
		return err
	}
	trashed := t.intoTrash(from, to)
	renamed := map[string]*mailbox{} // by new name
	for _, n := range t.folders().list {
		if n.name != from && !strings.HasPrefix(n.name, from+"/") {
			continue
		}
		if err := t.state(n.mailbox).refuse(); err != nil {
			return err
		}
		if trashed {
			if err := t.refuseHere(n.mailbox, who); err != nil {
				return err
			}
		}
		name, err := cleanName(to + n.name[len(from):]) // may have become too long
		if err != nil {
			return err
		}
		if t.folders().names[name] != nil {
			return fmt.Errorf("%s: %w", name, ErrExists)
		}
		renamed[name] = n.mailbox
	}
	if err := t.createParents(to); err != nil {
		return err
	}
	for name, m := range renamed {
		if err := t.exec("UPDATE mailbox SET name=? WHERE id=?", name, m.row); err != nil {
			return err
		}
		s := *t.state(m)
		s.name = name
		if err := t.renameFolder(m, &s); err != nil {
			return err
		}
		t.set(m, s)
	}
	t.tree = t.folders().changed(func(names map[string]*mailbox) {
		for name := range renamed {
			delete(names, from+name[len(to):])
		}
		for name, m := range renamed {
			names[name] = m
		}
	})
	return t.mailboxEvent(who, "renamed", top, to)
}

// renameInbox moves INBOX's mails into a new mailbox; INBOX stays, empty.
func (t *tx) renameInbox(who Actor, to string) error {
	m, err := t.mailbox(inbox)
	if err != nil {
		return err
	}
	if t.intoTrash(inbox, to) {
		if err := t.refuseHere(m, who); err != nil {
			return err
		}
	}
	dest, err := t.createWithParents(to, "")
	if err != nil {
		return err
	}
	if err := t.mailboxEvent(who, "renamed", dest, to); err != nil {
		return err
	}
	s, err := t.loaded(m)
	if err != nil {
		return err
	}
	all := make([]int, s.snap.Len())
	for i := range all {
		all[i] = i
	}
	_, err = t.move(m, all, dest, who)
	return err
}

// Subscribe adds a name to, or takes it from, the person's subscriptions; the
// mailbox need not exist.
func (v *View) Subscribe(ctx context.Context, name string, on bool) error {
	name, err := cleanName(name)
	if err != nil {
		return err
	}
	if v.b.tree.Load().subscribed(v.o.Actor.Person, name) == on {
		return nil
	}
	// Subscriptions are the person's own: a view that may only read has them too.
	return v.b.writer.do(ctx, &request{run: func(t *tx) error {
		t.events = append(t.events, Event{Kind: "subscription", MailboxName: name, Actor: v.o.Actor})
		return t.subscribe(v.o.Actor.Person, name, on)
	}})
}

// maxSubscriptions is how many names a box remembers for its persons.
const maxSubscriptions = 20_000

func (t *tx) subscribe(person ID, name string, on bool) error {
	old := t.folders()
	if len(old.subs) >= maxSubscriptions && on {
		return fmt.Errorf("there are more than %d subscriptions", maxSubscriptions)
	}
	n, err := t.actor(person)
	if err != nil {
		return err
	}
	subs := make(map[subscription]bool, len(old.subs)+1)
	for s, v := range old.subs {
		subs[s] = v
	}
	key := subscription{person, name}
	delete(subs, key)
	if (&tree{subs: subs}).subscribed(person, name) == on {
		// What everybody has needs no row of one's own.
		err = t.exec("DELETE FROM subscription WHERE person=? AND name=?", n, name)
	} else {
		subs[key] = on
		err = t.exec("INSERT OR REPLACE INTO subscription(person, name, subscribed) VALUES(?, ?, ?)", n, name, on)
	}
	t.tree = newTree(old.names, subs)
	return err
}
