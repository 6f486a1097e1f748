package store

import (
	"context"
	"io"
	"time"

	"github.com/emersion/go-imap/v2"
)

// Options say how a box is opened.
type Options struct {
	FS         FS               // nil: OSFS
	Now        func() time.Time // nil: time.Now
	MaxMessage int64            // octets of one mail; 0: 150 MiB
	// LockWait is how long Open waits while another process has the box;
	// OnWait is called once when it begins to wait.
	LockWait time.Duration
	OnWait   func()
}

// Box is an open box. All methods may be called from several goroutines.
type Box struct{}

// CreateBox makes a new box in folder dir, which must not exist or be empty,
// with INBOX and the special-use mailboxes Drafts, Sent, Trash, Junk, Archive.
func CreateBox(dir string, id ID, o Options) error { panic("not built") }

// OpenBox opens the box in folder dir: takes its lock (ErrLocked), migrates
// its index (ErrNewerVersion), sets orphans aside, counts on above the marks
// after an unclean stop.
func OpenBox(ctx context.Context, dir string, o Options) (*Box, error) { panic("not built") }

// Close finishes running transactions, syncs the state logs, writes exact
// marks and frees the lock.
func (b *Box) Close() error { panic("not built") }

// ID gives the box's id from box.json.
func (b *Box) ID() ID { panic("not built") }

// SetNames records labels of persons and devices in box.json, so that the
// folder stands alone. Ids that are not named keep their labels.
func (b *Box) SetNames(names map[ID]string) error { panic("not built") }

// Stats gives the number of messages in all mailboxes and the octets of the
// distinct mails among them.
func (b *Box) Stats(ctx context.Context) (messages int, bytes int64, err error) { panic("not built") }

// ViewOptions say what a login may do and see.
type ViewOptions struct {
	Actor    Actor
	ReadOnly bool
}

// View gives the box as one login sees it.
func (b *Box) View(o ViewOptions) *View { panic("not built") }

// View is what one login sees of a box.
type View struct{}

// MailboxInfo describes a mailbox of a view.
type MailboxInfo struct {
	ID          ID
	Name        string           // UTF-8, levels separated by '/', INBOX in capitals
	SpecialUse  imap.MailboxAttr // "" or one of RFC 6154
	UIDValidity uint32
	Subscribed  bool // by this view's person
}

// Mailboxes lists the mailboxes, ordered by name, INBOX first.
func (v *View) Mailboxes() []MailboxInfo { panic("not built") }

// ReadOnly reports whether the view refuses every change (ErrReadOnly).
func (v *View) ReadOnly() bool { panic("not built") }

// Actor gives who acts through this view.
func (v *View) Actor() Actor { panic("not built") }

// CreateMailbox makes a mailbox and, where they are missing, its parents
// (RFC 3501 §6.3.3). Errors: ErrExists, ErrInvalidName, ErrReadOnly.
func (v *View) CreateMailbox(ctx context.Context, name string, use imap.MailboxAttr) (MailboxInfo, error) {
	panic("not built")
}

// DeleteMailbox removes a mailbox and its mails; its children stay. INBOX
// cannot be deleted (ErrCannotDelete).
func (v *View) DeleteMailbox(ctx context.Context, name string) error { panic("not built") }

// RenameMailbox renames a mailbox and all below it; renaming INBOX moves its
// mails into a new mailbox (RFC 3501 §6.3.5). Missing parents are made.
func (v *View) RenameMailbox(ctx context.Context, from, to string) error { panic("not built") }

// Subscribe adds a name to, or takes it from, the person's subscriptions; the
// mailbox need not exist.
func (v *View) Subscribe(ctx context.Context, name string, on bool) error { panic("not built") }

// Subscriptions lists the person's subscriptions, also of mailboxes that do
// not exist (RFC 3501 §6.3.9), ordered by name.
func (v *View) Subscriptions() []string { panic("not built") }

// Mailbox opens a mailbox: loads it, or shares what is loaded (ErrNoMailbox).
func (v *View) Mailbox(ctx context.Context, name string) (*Mailbox, error) { panic("not built") }

// NewIncoming begins a mail that shall be stored.
func (v *View) NewIncoming() (*Incoming, error) { panic("not built") }

// Append stores mails durably, all or none, and gives their UIDs in order.
// The mails are used up, also on error.
func (v *View) Append(ctx context.Context, name string, mails []*Incoming) (Appended, error) {
	panic("not built")
}

// Appended is the outcome of Append and Deliver (RFC 4315 APPENDUID).
type Appended struct {
	UIDValidity uint32
	UIDs        []imap.UID
}

// NewIncoming begins a mail that shall be delivered.
func (b *Box) NewIncoming() (*Incoming, error) { panic("not built") }

// Deliver stores mails from a provider durably: each mail and its UIDL row in
// one transaction, all or none. When it returns nil they may be deleted at
// the provider. The mails are used up, also on error.
func (b *Box) Deliver(ctx context.Context, mailbox ID, mails []*Incoming) (Appended, error) {
	panic("not built")
}

// MailboxID gives the id of the mailbox of this name (ErrNoMailbox).
func (b *Box) MailboxID(name string) (ID, error) { panic("not built") }

// Event tells of a committed change.
type Event struct {
	Kind        string // delivered, appended, flags, expunged, moved, copied, mailbox
	Mailbox     ID
	MailboxName string
	Actor       Actor
	UIDs        imap.UIDSet
	Subject     string // of the first mail, where one arrived
	From        string
}

// OnEvent calls fn after each committed change until stop is called. fn runs
// without any lock held but must not block.
func (b *Box) OnEvent(fn func(Event)) (stop func()) { panic("not built") }

var _ io.Writer = (*Incoming)(nil)
