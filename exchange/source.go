package exchange

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/emersion/go-imap/v2"
)

const (
	// maxFolders is how many folders a source may have, maxDepth how deep they
	// may lie.
	maxFolders = 10_000
	maxDepth   = 30
)

// Source is mail that is kept elsewhere.
type Source interface {
	// Folders lists what holds mail.
	Folders(ctx context.Context) ([]Folder, error)
	// Read calls fn with each mail of a folder in order. Those that want does
	// not want, knowing all but their bytes, are passed over. A mail that
	// cannot be read goes to fn with its Err. fn's error ends it and is
	// returned; any other error concerns the rest of this folder alone.
	Read(ctx context.Context, f Folder, want func(*Mail) bool, fn func(*Mail) error) error
	// PassedOver tells what was left out on purpose, and what could not be
	// read at all.
	PassedOver() (skipped, failed []Skip)
	Close() error
}

// Folder is a mailbox of a source.
type Folder struct {
	// Path are the names from the top; none: the source itself.
	Path []string
	Use  imap.MailboxAttr // what the source says of it
	// Mails is how many there are, as far as that is known.
	Mails int

	// Anywhere: it shows mail that lies in other folders, too. What the box has
	// in any mailbox is there already.
	Anywhere bool

	pieces []piece // of a tree of files
	name   string  // at an IMAP server
}

// Mail is one mail of a source.
type Mail struct {
	Where string // for people: its file, and where in it
	Flags []imap.Flag
	// Date is when it arrived, if the source knows. Else Fallback is better
	// than nothing, where the mail itself does not say.
	Date, Fallback time.Time
	Size           int64  // 0: not known
	MessageID      string // only where a server tells it beforehand
	// Open gives its bytes; where they come from a server, once.
	Open func() (io.ReadCloser, error)
	Once bool
	Err  error // why it cannot be read
}

// Skip says what of a source was passed over on purpose.
type Skip struct {
	Where string `json:"where"`
	Why   string `json:"why"`
}

// canonical hashes a mail as the store keeps it: a bare LF is CRLF.
type canonical struct {
	sum    hash.Hash
	size   int64
	most   int64
	lastCR bool
}

func newCanonical(most int64) *canonical { return &canonical{sum: sha256.New(), most: most} }

var crlf = []byte("\r\n")

// errTooBig says that a mail is larger than the hub takes.
var errTooBig = errors.New("too big")

func (c *canonical) Write(p []byte) (int, error) {
	from := 0
	for i, b := range p {
		if b == '\n' && !(i > 0 && p[i-1] == '\r' || i == 0 && c.lastCR) {
			c.add(p[from:i])
			c.add(crlf)
			from = i + 1
		}
	}
	c.add(p[from:])
	if len(p) > 0 {
		c.lastCR = p[len(p)-1] == '\r'
	}
	if c.size > c.most {
		return 0, errTooBig
	}
	return len(p), nil
}

func (c *canonical) add(p []byte) {
	c.sum.Write(p)
	c.size += int64(len(p))
}

func (c *canonical) hash() (h [32]byte) {
	c.sum.Sum(h[:0])
	return h
}

// readError is an error of reading a source, not of the box.
type readError struct{ error }

func (e readError) Unwrap() error { return e.error }

// copyMail copies a mail's bytes; what is wrong with reading is a readError.
func copyMail(to io.Writer, m *Mail, buf []byte) error {
	r, err := m.Open()
	if err != nil {
		return readError{err}
	}
	defer r.Close()
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return readError{fmt.Errorf("reading it: %w", err)}
		}
	}
}
