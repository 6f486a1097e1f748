package imapd

import (
	"strings"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
	"heimpost/store"
)

// Rights of a login in a box (RFC 4314 §2.1); c and d are those of RFC 2086.
// Nobody posts by IMAP, so p is never among them.
const (
	rightsOwn   = "lrswikxteacd"
	rightsWrite = "lrswikxtecd"
	rightsRead  = "lr"
)

// rights gives what the login may do in a mailbox. One that is protected is
// not deleted or renamed (x), nor is anything expunged from it (e) but by a
// device that hides it for itself; d says that one of e, t and x is there
// (RFC 4314 §2.1.1), and \Deleted can be set.
func (p place) rights() string {
	all := rightsOwn
	switch {
	case p.view.ReadOnly():
		return rightsRead
	case p.prefix != "":
		all = rightsWrite
	}
	if info, err := p.view.Info(p.name); err == nil && info.Protected {
		all = strings.Replace(all, "x", "", 1)
		if !p.view.DeletesHere() {
			all = strings.Replace(all, "e", "", 1)
		}
	}
	return all
}

// aclArg reads the name of a mailbox that must exist.
func (c *conn) aclArg(d *wire.Decoder, last bool) (place, error) {
	p, err := c.mailboxArg(d, last)
	if err == nil {
		_, err = p.view.Info(p.name)
	}
	return p, err
}

// cmdMyRights: RFC 4314 §3.5.
func (c *conn) cmdMyRights(d *wire.Decoder) error {
	p, err := c.aclArg(d, true)
	if err != nil {
		return err
	}
	c.tellMyRights(p)
	return nil
}

func (c *conn) tellMyRights(p place) {
	c.out.Raw("* MYRIGHTS ").Mailbox(p.full(p.name)).SP().Raw(p.rights()).CRLF()
}

// mayAdminister refuses what needs the right a.
func mayAdminister(p place) error {
	if !strings.Contains(p.rights(), "a") {
		return store.ErrReadOnly
	}
	return nil
}

// cmdGetACL: RFC 4314 §3.3.
func (c *conn) cmdGetACL(d *wire.Decoder) error {
	p, err := c.aclArg(d, true)
	if err != nil {
		return err
	}
	if mayAdminister(p) != nil {
		return no(imap.ResponseCodeNoPerm, "Only the box's own person sees who else may use it.")
	}
	c.out.Raw("* ACL ").Mailbox(p.full(p.name)).SP().String(c.login.Person).SP().Raw(p.rights()).CRLF()
	return nil
}

// cmdListRights: RFC 4314 §3.4.
func (c *conn) cmdListRights(d *wire.Decoder) error {
	p, err := c.aclArg(d, false)
	if err != nil {
		return err
	}
	var who string
	if !d.ExpectSP() || !d.ExpectAString(&who) || !d.ExpectCRLF() {
		return d.Err()
	}
	if mayAdminister(p) != nil {
		return no(imap.ResponseCodeNoPerm, "Only the box's own person sees what others may be allowed.")
	}
	c.out.Raw("* LISTRIGHTS ").Mailbox(p.full(p.name)).SP().String(who)
	if who == c.login.Person {
		c.out.SP().String(p.rights()).CRLF() // for ever
	} else {
		c.out.Raw(` "" ` + rightsRead + " swikxtecd\r\n")
	}
	return nil
}

// cmdSetACL: RFC 4314 §3.1 and §3.2. Access is given to a whole box, and not
// by mail programs.
func (c *conn) cmdSetACL(*wire.Decoder) error {
	return no(imap.ResponseCodeCannot, "Access to a box is given on Heimpost's pages or by `heimpost box grant`.")
}
