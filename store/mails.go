package store

import (
	"context"
	"io"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/message"
)

// Fields chooses what Mails reads beside UID, date, size and hash.
type Fields uint

const (
	FieldHeader    Fields = 1 << iota // Mail.Header
	FieldEnvelope                     // Mail.Envelope
	FieldStructure                    // Mail.BodyStructure
	FieldParts                        // Mail.Parts
	FieldSaved                        // Mail.Saved
	FieldFolded                       // Mail.Folded; shifted by a place in foldedNames
)

// FieldFile is for who reads most of the mails' files from their beginning to
// their end: the disk reads those that come next meanwhile.
const FieldFile Fields = 1 << 31

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
	folded         [len(foldedNames)][]byte
	Saved          time.Time // when it came into this mailbox (RFC 8514)
}

// Parts decodes the MIME tree with its offsets (FieldParts).
func (m *Mail) Parts() (*message.Part, error) { return message.DecodeParts(m.parts) }

// EmailID gives the mail's id for people and for RFC 8474: base32 of its hash.
func (m *Mail) EmailID() string { return idEncoding.EncodeToString(m.Hash[:]) }

// mailsBlock is how many messages Mails reads at a time: enough to make a
// statement's cost small, few enough that a block fits the caches and no read
// stays open for long.
const mailsBlock = 256

// Mails reads the messages of entries, which must ascend by UID, from the
// index and calls fn for each in order. Messages whose mail is gone are passed
// over. It reads in blocks and holds no lock or transaction while fn runs, so
// fn may write to a slow peer. fn's error ends it and is returned. What fn
// gets is used again for the next message.
func (m *Mailbox) Mails(ctx context.Context, entries []Entry, f Fields, fn func(Entry, *Mail) error) error {
	x := m.v.b.index
	var ahead []*readAhead
	defer func() {
		for _, a := range ahead {
			<-a.done // the index is not read any more when Mails has ended
		}
	}()
	var files *filesAhead
	if f&FieldFile != 0 && len(entries) > 1 {
		files = startFilesAhead(m)
		defer files.stop()
	}
	for len(entries) > 0 || len(ahead) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		for len(entries) > 0 && (len(ahead) == 0 || len(ahead) < readersAhead && x.mayReadAhead()) {
			n := piece(entries)
			a := &readAhead{x: x, mailbox: m.m.row, fields: f, entries: entries[:n], done: make(chan struct{})}
			if entries = entries[n:]; len(ahead) == 0 && len(entries) == 0 {
				a.run()
			} else {
				go a.run()
			}
			ahead = append(ahead, a)
		}
		a := ahead[0]
		<-a.done
		ahead = ahead[1:]
		if a.err != nil {
			return indexError(a.err)
		}
		for _, r := range a.read {
			for i, e := range r.entries {
				if !r.mail(i, e) {
					continue
				}
				files.next(r, i)
				if err := fn(e, &r.now); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// OpenMail opens the file of a mail that Mails gave (ErrExpunged if it is
// gone). The file holds exactly the bytes that were received.
func (m *Mailbox) OpenMail(mail *Mail) (MailFile, error) {
	return m.v.b.openMail(m.m, mail.UID, fileInfo{date: mail.Date, size: mail.Size, hash: mail.Hash})
}

// MailFile is an open mail file.
type MailFile interface {
	io.ReaderAt
	io.Closer
	Size() int64
}
