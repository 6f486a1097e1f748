package store

import (
	"context"
	"io"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/message"
)

// Mailbox is one mailbox as one view sees it. Its methods may be called from
// several goroutines; it needs no closing.
type Mailbox struct{}

// ID gives the mailbox's id.
func (m *Mailbox) ID() ID { panic("not built") }

// Name gives the present name, which a rename may change.
func (m *Mailbox) Name() string { panic("not built") }

// View gives the view the mailbox was opened through.
func (m *Mailbox) View() *View { panic("not built") }

// UIDValidity (RFC 3501 §2.3.1.1) never changes.
func (m *Mailbox) UIDValidity() uint32 { panic("not built") }

// Snapshot gives the mailbox as it is now.
func (m *Mailbox) Snapshot() *Snapshot { panic("not built") }

// Watch calls fn after every change of this mailbox until stop is called. fn
// runs without any lock held but must not block: it wakes a session, which
// then compares snapshots.
func (m *Mailbox) Watch(fn func()) (stop func()) { panic("not built") }

// Recent gives the lowest UID that no session has yet been told as \Recent.
func (m *Mailbox) Recent() imap.UID { panic("not built") }

// ClaimRecent makes all messages below next \Recent for the caller alone:
// those from the returned UID on (RFC 3501 §2.3.2). It is remembered across
// restarts, though not at the price of a transaction of its own.
func (m *Mailbox) ClaimRecent(next imap.UID) (from imap.UID) { panic("not built") }

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
	panic("not built")
}

// Expunge removes the messages that are flagged \Deleted, only those within
// uids if it is not nil (RFC 4315 §2.1), and gives their UIDs.
func (m *Mailbox) Expunge(ctx context.Context, uids imap.UIDSet) (imap.UIDSet, error) {
	panic("not built")
}

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
	panic("not built")
}

// Move moves messages likewise, within one box in one transaction (RFC 6851);
// into another box it copies durably before it removes.
func (m *Mailbox) Move(ctx context.Context, uids imap.UIDSet, dest *View, name string) (Copied, error) {
	panic("not built")
}

// Vanished gives the UIDs that left the mailbox after mod-sequence since
// (RFC 7162 §3.2.5).
func (m *Mailbox) Vanished(ctx context.Context, since uint64) (imap.UIDSet, error) {
	panic("not built")
}

// Fields chooses what Mails reads beside UID, date, size and hash.
type Fields uint

const (
	FieldHeader    Fields = 1 << iota // Mail.Header
	FieldEnvelope                     // Mail.Envelope
	FieldStructure                    // Mail.BodyStructure
	FieldParts                        // Mail.Parts
	FieldSaved                        // Mail.Saved
)

// Mail is what the index knows of a mail. Its slices are valid until the
// callback that got it returns.
type Mail struct {
	UID  imap.UID
	Date time.Time // INTERNALDATE with its zone
	Size int64     // RFC822.SIZE
	Hash [32]byte  // SHA-256 of the stored bytes

	Header         []byte // message.Message.Header
	HeaderComplete bool
	Envelope       []byte // ready for the wire
	BodyStructure  []byte // ready for the wire
	parts          []byte
	Saved          time.Time // when it came into this mailbox (RFC 8514)
}

// Parts decodes the MIME tree with its offsets (FieldParts).
func (m *Mail) Parts() (*message.Part, error) { panic("not built") }

// EmailID gives the mail's id for people and for RFC 8474: base32 of its hash.
func (m *Mail) EmailID() string { panic("not built") }

// Mails reads the messages of entries, which must ascend by UID, from the
// index and calls fn for each in order. Messages whose mail is gone are passed
// over. It reads in blocks and holds no lock or transaction while fn runs, so
// fn may write to a slow peer. fn's error ends it and is returned.
func (m *Mailbox) Mails(ctx context.Context, entries []Entry, f Fields, fn func(Entry, *Mail) error) error {
	panic("not built")
}

// OpenMail opens the file of a mail that Mails gave (ErrExpunged if it is
// gone). The file holds exactly the bytes that were received.
func (m *Mailbox) OpenMail(mail *Mail) (MailFile, error) { panic("not built") }

// MailFile is an open mail file.
type MailFile interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Status is the outcome of View.Status.
type Status struct {
	Messages      int
	Unseen        int
	Recent        int
	Deleted       int
	UIDNext       imap.UID
	UIDValidity   uint32
	HighestModSeq uint64
	Size          int64 // octets of all messages; only if asked for
}

// Status gives the counts of a mailbox without opening it for a session.
func (v *View) Status(ctx context.Context, name string, size bool) (Status, error) {
	panic("not built")
}
