package store

import (
	"context"
	"fmt"

	"github.com/emersion/go-imap/v2"
)

// ViewOptions say what a login may do and see.
type ViewOptions struct {
	Actor    Actor
	ReadOnly bool
}

// View is what one login sees of a box.
type View struct {
	b *Box
	o ViewOptions
}

// View gives the box as one login sees it.
func (b *Box) View(o ViewOptions) *View { return &View{b: b, o: o} }

// ReadOnly reports whether the view refuses every change (ErrReadOnly).
func (v *View) ReadOnly() bool { return v.o.ReadOnly }

// DeletesHere reports whether what is deleted through the view goes for its
// device alone.
func (v *View) DeletesHere() bool { return v.b.policy.Load().devices[v.o.Actor.Device].Here }

// Actor gives who acts through this view.
func (v *View) Actor() Actor { return v.o.Actor }

// MailboxInfo describes a mailbox of a view.
type MailboxInfo struct {
	ID          ID
	Name        string           // UTF-8, levels separated by '/', INBOX in capitals
	SpecialUse  imap.MailboxAttr // "" or one of RFC 6154
	UIDValidity uint32
	Subscribed  bool // by this view's person
	Protected   bool // its mails stay (ErrProtected)
}

// Mailboxes lists the mailboxes, ordered by name, INBOX first.
func (v *View) Mailboxes() []MailboxInfo {
	t := v.b.tree.Load()
	out := make([]MailboxInfo, 0, len(t.list))
	for _, n := range t.list {
		out = append(out, v.info(t, n.name, n.mailbox))
	}
	return out
}

func (v *View) info(t *tree, name string, m *mailbox) MailboxInfo {
	s := m.state.Load()
	return MailboxInfo{
		ID: m.id, Name: name, SpecialUse: s.use, Protected: s.protected,
		UIDValidity: m.uidValidity, Subscribed: t.subscribed(v.o.Actor.Person, name),
	}
}

// Info describes the mailbox of this name (ErrNoMailbox).
func (v *View) Info(name string) (MailboxInfo, error) {
	m, err := v.b.mailbox(name)
	if err != nil {
		return MailboxInfo{}, err
	}
	t := v.b.tree.Load()
	return v.info(t, m.state.Load().name, m), nil
}

// OnEvent is Box.OnEvent for the view's box: it tells of all changes, also of
// those that the view does not show.
func (v *View) OnEvent(fn func(Event)) (stop func()) { return v.b.OnEvent(fn) }

// Subscriptions lists the person's subscriptions, also of mailboxes that do
// not exist (RFC 3501 §6.3.9), ordered by name.
func (v *View) Subscriptions() []string {
	return v.b.tree.Load().subscriptions(v.o.Actor.Person)
}

// Mailbox opens a mailbox: loads it, or shares what is loaded (ErrNoMailbox).
func (v *View) Mailbox(ctx context.Context, name string) (*Mailbox, error) {
	m, err := v.b.mailbox(name)
	if err != nil {
		return nil, err
	}
	if err := v.b.load(ctx, m); err != nil {
		return nil, err
	}
	return &Mailbox{v: v, m: m}, nil
}

// mailbox finds a mailbox by name.
func (b *Box) mailbox(name string) (*mailbox, error) {
	name, err := cleanName(name)
	if err != nil {
		return nil, err
	}
	if m := b.tree.Load().names[name]; m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("%s: %w", name, ErrNoMailbox)
}

// MailboxID gives the id of the mailbox of this name (ErrNoMailbox).
func (b *Box) MailboxID(name string) (ID, error) {
	m, err := b.mailbox(name)
	if err != nil {
		return "", err
	}
	return m.id, nil
}

// change runs a change that this view wants to make.
func (v *View) change(ctx context.Context, run func(*tx) error) error {
	if v.o.ReadOnly {
		return ErrReadOnly
	}
	return v.b.writer.do(ctx, &request{run: run})
}

// Mailbox is one mailbox as one view sees it. Its methods may be called from
// several goroutines; it needs no closing.
type Mailbox struct {
	v *View
	m *mailbox
}

// ID gives the mailbox's id.
func (m *Mailbox) ID() ID { return m.m.id }

// Name gives the present name, which a rename may change.
func (m *Mailbox) Name() string { return m.m.state.Load().name }

// View gives the view the mailbox was opened through.
func (m *Mailbox) View() *View { return m.v }

// UIDValidity (RFC 3501 §2.3.1.1) never changes.
func (m *Mailbox) UIDValidity() uint32 { return m.m.uidValidity }

// Snapshot gives the mailbox as this view sees it now.
func (m *Mailbox) Snapshot() *Snapshot { return m.v.snapshot(m.m) }

// snapshot gives a loaded mailbox as the view sees it now.
func (v *View) snapshot(m *mailbox) *Snapshot {
	s := m.state.Load()
	return m.through(v.b.policy.Load().lens(v.o.Actor, s.use), s)
}

// Watch calls fn after every change of this mailbox until stop is called. fn
// runs without any lock held but must not block: it wakes a session, which
// then compares snapshots.
func (m *Mailbox) Watch(fn func()) (stop func()) { return m.m.watchers.add(fn) }

// Recent gives the lowest UID that no session has yet been told as \Recent.
func (m *Mailbox) Recent() imap.UID { return imap.UID(m.m.recent.Load()) }

// ClaimRecent makes all messages below next \Recent for the caller alone:
// those from the returned UID on (RFC 3501 §2.3.2). It is remembered across
// restarts, though not at the price of a transaction of its own.
func (m *Mailbox) ClaimRecent(next imap.UID) (from imap.UID) {
	for {
		old := m.m.recent.Load()
		if old >= uint32(next) || m.m.recent.CompareAndSwap(old, uint32(next)) {
			return imap.UID(old)
		}
	}
}
