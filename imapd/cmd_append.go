package imapd

import (
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
	"heimpost/store"
)

// maxAppend is how many mails a MULTIAPPEND may bring at a time, and maxAppendBytes
// how many octets they may have together.
const (
	maxAppend      = 1000
	maxAppendBytes = 1 << 30
)

// cmdAppend: RFC 3501 §6.3.11 and RFC 3502 (MULTIAPPEND), with APPENDUID (RFC
// 4315 §3). Nothing of a mail is asked for before it is clear that it can be
// taken.
func (c *conn) cmdAppend(d *wire.Decoder) error {
	var name string
	if !d.ExpectSP() || !d.ExpectMailbox(&name) || !d.ExpectSP() {
		return d.Err()
	}
	p, err := c.locate(name)
	if err != nil {
		return c.tryCreate(err)
	}
	if _, err := p.view.Info(p.name); err != nil {
		return c.tryCreate(err)
	}
	if p.view.ReadOnly() {
		return store.ErrReadOnly
	}

	var mails []*store.Incoming
	defer func() {
		for _, in := range mails {
			in.Abort()
		}
	}()
	var total int64
	for first := true; first || d.SP(); first = false {
		if len(mails) == maxAppend {
			return no(imap.ResponseCodeLimit, "At most %d mails are taken at a time.", maxAppend)
		}
		in, size, err := c.appendOne(d, p.view, maxAppendBytes-total)
		if err != nil {
			return err
		}
		mails = append(mails, in)
		total += size
	}
	if !d.ExpectCRLF() {
		return d.Err()
	}
	all := mails
	mails = nil // the store sees to them from here on
	done, err := p.view.Append(c.ctx, p.name, all)
	if err != nil {
		return c.tryCreate(err)
	}
	c.ok("APPENDUID "+strconv.FormatUint(uint64(done.UIDValidity), 10)+" "+uidSet(done.UIDs), "Stored.")
	return nil
}

// tryCreate makes the error that tells a client to create the mailbox first.
func (c *conn) tryCreate(err error) error {
	status, _ := asStatus(err)
	if errors.Is(err, store.ErrNoMailbox) || status.Code == imap.ResponseCodeNonExistent {
		return no(imap.ResponseCodeTryCreate, "%s", status.Text)
	}
	return err
}

// uidSet gives ascending UIDs as a set.
func uidSet(uids []imap.UID) string {
	var set imap.UIDSet
	set.AddNum(uids...)
	return set.String()
}

// appendOne takes one mail with its flags and its date. room is how many
// octets there are still room for.
func (c *conn) appendOne(d *wire.Decoder, v *store.View, room int64) (_ *store.Incoming, size int64, err error) {
	var flags []imap.Flag
	var date time.Time
	if d.FlagList(&flags) && !d.ExpectSP() {
		return nil, 0, d.Err()
	}
	if d.DateTime(&date) && !d.ExpectSP() {
		return nil, 0, d.Err()
	}
	if err := checkFlags(flags); err != nil {
		return nil, 0, err
	}
	var l wire.Literal
	if !d.ExpectLiteral(&l) {
		return nil, 0, d.Err()
	}
	switch {
	case l.Size > c.srv.cfg.MaxMessage:
		return nil, 0, no(imap.ResponseCodeTooBig, "The mail has %d bytes; at most %d are taken.", l.Size, c.srv.cfg.MaxMessage)
	case l.Size > room:
		return nil, 0, no(imap.ResponseCodeLimit, "The mails are too large to be taken at a time.")
	case l.Size == 0: // RFC 3502 §6.3.11: the client has changed its mind
		return nil, 0, no("", "A mail without a single byte is not stored.")
	}
	in, err := v.NewIncoming()
	if err != nil {
		return nil, 0, err
	}
	if err = copyLiteral(in, d.Open()); err == nil {
		_, err = in.Finish()
	}
	if err != nil {
		in.Abort()
		return nil, 0, err
	}
	in.Flags, in.Date = flags, date
	return in, l.Size, nil
}

// copyLiteral copies a literal into a mail.
func copyLiteral(in *store.Incoming, r io.Reader) error {
	buf := wire.Buffer()
	defer wire.Release(buf)
	_, err := io.CopyBuffer(struct{ io.Writer }{in}, r, buf)
	return err
}

// maxKeyword is the length of the longest keyword.
const maxKeyword = 255

// checkFlags refuses flags that a client cannot set.
func checkFlags(flags []imap.Flag) error {
	for _, f := range flags {
		if f[0] != '\\' {
			if len(f) > maxKeyword {
				return no(imap.ResponseCodeLimit, "A keyword has at most %d letters.", maxKeyword)
			}
			continue
		}
		if _, ok := store.SystemFlag(f); !ok && f != `\Recent` {
			return bad("%.40s is no flag that a client may set.", f)
		}
	}
	return nil
}
