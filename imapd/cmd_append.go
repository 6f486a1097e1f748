package imapd

import (
	"cmp"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
	"heimpost/store"
)

// maxAppend is how many mails a MULTIAPPEND may bring at a time, and
// maxAppendBytes how many octets they may have together.
const (
	maxAppend      = 1000
	maxAppendBytes = 1 << 30
)

// cmdAppend: RFC 3501 §6.3.11 and RFC 3502 (MULTIAPPEND), with APPENDUID (RFC
// 4315 §3). Nothing of a mail is asked for before it is clear that it can be
// taken.
func (c *conn) cmdAppend(d *wire.Decoder) error {
	p, err := c.appendPlace(d)
	if err != nil {
		return err
	}
	var mails []*store.Incoming
	defer func() {
		for _, in := range mails {
			in.Abort()
		}
	}()
	a := appending{conn: c, view: p.view, room: maxAppendBytes}
	for first := true; first || d.SP(); first = false {
		if len(mails) == maxAppend {
			return no(imap.ResponseCodeLimit, "At most %d mails are taken at a time.", maxAppend)
		}
		in, err := a.mail(d)
		if err != nil {
			return err
		}
		mails = append(mails, in)
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
	c.ok(appendUID(done), "Stored.")
	return nil
}

// appendPlace reads the name of a mailbox that mails shall come into.
func (c *conn) appendPlace(d *wire.Decoder) (place, error) {
	var name string
	if !d.ExpectSP() || !d.ExpectMailbox(&name) || !d.ExpectSP() {
		return place{}, d.Err()
	}
	p, err := c.locate(name)
	if err != nil {
		return place{}, c.tryCreate(err)
	}
	if _, err := p.view.Info(p.name); err != nil {
		return place{}, c.tryCreate(err)
	}
	if p.view.ReadOnly() {
		return place{}, store.ErrReadOnly
	}
	return p, nil
}

// tryCreate makes the error that tells a client to create the mailbox first.
func (c *conn) tryCreate(err error) error {
	status, _ := asStatus(err)
	if errors.Is(err, store.ErrNoMailbox) || status.Code == imap.ResponseCodeNonExistent {
		return no(imap.ResponseCodeTryCreate, "%s", status.Text)
	}
	return err
}

// appendUID is the response code of what was appended.
func appendUID(done store.Appended) string {
	var set imap.UIDSet
	set.AddNum(done.UIDs...)
	return "APPENDUID " + strconv.FormatUint(uint64(done.UIDValidity), 10) + " " + set.String()
}

// appending takes mails.
type appending struct {
	*conn
	view *store.View
	room int64 // octets that there is still room for
	in   *store.Incoming
	size int64 // octets of the present mail
}

// mail takes one mail with its flags and its date. The caller has to hand it
// over to the store or to abort it.
func (a *appending) mail(d *wire.Decoder) (_ *store.Incoming, err error) {
	var flags []imap.Flag
	var date time.Time
	if d.FlagList(&flags) && !d.ExpectSP() {
		return nil, d.Err()
	}
	if d.DateTime(&date) && !d.ExpectSP() {
		return nil, d.Err()
	}
	if err := checkFlags(flags); err != nil {
		return nil, err
	}
	if a.in, err = a.view.NewIncoming(); err != nil {
		return nil, err
	}
	a.size = 0
	if err = a.data(d); err == nil && a.size == 0 {
		err = errEmptyMail
	}
	if err == nil {
		_, err = a.in.Finish()
	}
	if err != nil {
		a.in.Abort()
		return nil, err
	}
	a.in.Flags, a.in.Date = flags, date
	return a.in, nil
}

// errEmptyMail is the answer to a mail without octets: the client has changed
// its mind (RFC 3502 §6.3.11).
var errEmptyMail = no("", "A mail without a single byte is not stored.")

// data takes a mail's octets: as a literal, as one with headers in UTF-8 (RFC
// 6855 §4), or put together of parts (RFC 4469).
func (a *appending) data(d *wire.Decoder) error {
	if b := d.Peek(); b == '{' || b == '~' {
		return a.literal(d, false)
	}
	var kind string
	if !d.Expect(d.Name(&kind), "a literal") {
		return d.Err()
	}
	switch {
	case kind == "UTF8" && a.offer("UTF8=ACCEPT") != nil:
		if !d.ExpectSP() || !d.ExpectSpecial('(') {
			return d.Err()
		}
		if err := a.literal(d, false); err != nil {
			return err
		}
		d.ExpectSpecial(')')
		return d.Err()
	case kind == "CATENATE" && a.offer("CATENATE") != nil:
		if !d.ExpectSP() {
			return d.Err()
		}
		var err error
		if !d.ExpectList(func() bool {
			err = a.part(d)
			return err == nil
		}) && err == nil {
			err = d.Err()
		}
		return err
	}
	return bad("Expected a literal.")
}

// literal takes a literal into the mail.
func (a *appending) literal(d *wire.Decoder, mayBeEmpty bool) error {
	var l wire.Literal
	if !d.ExpectLiteral(&l) {
		return d.Err()
	}
	if err := a.grow(l.Size); err != nil {
		return err
	}
	if l.Size == 0 && !mayBeEmpty {
		return errEmptyMail
	}
	return a.copy(d.Open())
}

// grow refuses what would be too large.
func (a *appending) grow(n int64) error {
	switch limit := a.srv.cfg.MaxMessage; {
	case n > limit-a.size:
		return no(imap.ResponseCodeTooBig, "The mail has %d bytes; at most %d are taken.", a.size+n, limit)
	case n > a.room:
		return no(imap.ResponseCodeLimit, "The mails are too large to be taken at a time.")
	}
	a.size += n
	a.room -= n
	return nil
}

func (a *appending) copy(r io.Reader) error {
	buf := wire.Buffer()
	defer wire.Release(buf)
	_, err := io.CopyBuffer(struct{ io.Writer }{a.in}, r, buf)
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

// cmdReplace: RFC 8508. The new mail is stored before the old one goes.
func (c *conn) cmdReplace(d *wire.Decoder) error {
	var n uint32
	if !d.ExpectSP() || !d.ExpectNzNumber(&n) {
		return d.Err()
	}
	s := c.sel
	if s.readOnly {
		return c.errReadOnly()
	}
	old, err := s.one(n, c.cmd.uid)
	if err != nil {
		return err
	}
	// What keeps its mails is told before there are two of this one.
	if info, err := s.mbox.View().Info(s.mbox.Name()); err != nil || info.Protected {
		return cmp.Or(err, store.ErrProtected)
	}
	p, err := c.appendPlace(d)
	if err != nil {
		return err
	}
	a := appending{conn: c, view: p.view, room: maxAppendBytes}
	in, err := a.mail(d)
	if err != nil {
		return err
	}
	if !d.ExpectCRLF() {
		in.Abort()
		return d.Err()
	}
	done, err := p.view.Append(c.ctx, p.name, []*store.Incoming{in})
	if err != nil {
		return c.tryCreate(err)
	}
	// RFC 8508 §3.4: told untagged, since the expunge may come before the reply.
	c.out.Raw("* OK [").Raw(appendUID(done)).Raw("] The new one is stored.\r\n")
	gone := imap.UIDSetNum(old)
	if _, err := s.mbox.StoreFlags(c.ctx, store.FlagsChange{UIDs: gone, Op: store.FlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}); err != nil {
		return err
	}
	if _, err := s.mbox.Expunge(c.ctx, gone); err != nil {
		return err
	}
	return c.tellAllWithModSeq()
}

// one gives the UID of the message of this number.
func (s *session) one(n uint32, uid bool) (imap.UID, error) {
	var set imap.NumSet = imap.SeqSetNum(n)
	if uid {
		set = imap.UIDSetNum(imap.UID(n))
	}
	found, err := s.resolve(set)
	if err != nil {
		return 0, err
	}
	uids := found.uids(s.told)
	if len(uids) == 0 {
		return 0, no(imap.ResponseCodeNonExistent, "There is no such message any more.")
	}
	return uids[0].Start, nil
}
