package imapd

import (
	"strings"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
)

// mailboxArg reads a mailbox name and finds its place.
func (c *conn) mailboxArg(d *wire.Decoder, last bool) (place, error) {
	var name string
	if !d.ExpectSP() || !d.ExpectMailbox(&name) || last && !d.ExpectCRLF() {
		return place{}, d.Err()
	}
	return c.locate(name)
}

// cmdCreate: RFC 3501 §6.3.3, with special use (RFC 6154 §3) and the new
// mailbox's id (RFC 8474 §4.1).
func (c *conn) cmdCreate(d *wire.Decoder) error {
	var name string
	var use imap.MailboxAttr
	if !d.ExpectSP() || !d.ExpectMailbox(&name) {
		return d.Err()
	}
	if d.SP() && !d.ExpectList(func() bool { return c.createParam(d, &use) }) || !d.ExpectCRLF() {
		return d.Err()
	}
	p, err := c.locate(strings.TrimSuffix(name, string(delimiter)))
	if err != nil {
		return err
	}
	info, err := p.view.CreateMailbox(c.ctx, p.name, use)
	if err != nil {
		return err
	}
	if c.offer("OBJECTID") != nil {
		c.ok("MAILBOXID ("+string(info.ID)+")", "Created.")
	}
	return nil
}

// createParam reads a parameter of CREATE (RFC 4466 §2.2).
func (c *conn) createParam(d *wire.Decoder, use *imap.MailboxAttr) bool {
	var name string
	if !d.ExpectName(&name) || !d.ExpectSP() {
		return false
	}
	if name != "USE" || c.offer("CREATE-SPECIAL-USE") == nil {
		return d.Bad("There is no parameter " + name + ".")
	}
	var flags []imap.Flag
	if !d.ExpectFlagList(&flags) {
		return false
	}
	if len(flags) > 1 {
		return d.Fail(no("USEATTR", "A mailbox can have one special use only."))
	}
	if len(flags) == 1 {
		*use = specialUse(string(flags[0]))
	}
	return true
}

// specialUse gives a special use in its usual spelling.
func specialUse(s string) imap.MailboxAttr {
	for _, use := range []imap.MailboxAttr{
		imap.MailboxAttrAll, imap.MailboxAttrArchive, imap.MailboxAttrDrafts, imap.MailboxAttrFlagged,
		imap.MailboxAttrJunk, imap.MailboxAttrSent, imap.MailboxAttrTrash,
	} {
		if strings.EqualFold(string(use), s) {
			return use
		}
	}
	return imap.MailboxAttr(s)
}

// cmdDelete: RFC 3501 §6.3.4.
func (c *conn) cmdDelete(d *wire.Decoder) error {
	p, err := c.mailboxArg(d, true)
	if err != nil {
		return err
	}
	if err := p.view.DeleteMailbox(c.ctx, p.name); err != nil {
		return err
	}
	if c.sel != nil && c.sel.mbox.Snapshot().Gone {
		c.unselect()
	}
	return nil
}

// cmdRename: RFC 3501 §6.3.5.
func (c *conn) cmdRename(d *wire.Decoder) error {
	from, err := c.mailboxArg(d, false)
	if err != nil {
		return err
	}
	to, err := c.mailboxArg(d, true)
	if err != nil {
		return err
	}
	if from.prefix != to.prefix {
		return no(imap.ResponseCodeCannot, "A mailbox cannot be moved into another box. Create one there and move the mails.")
	}
	return from.view.RenameMailbox(c.ctx, from.name, strings.TrimSuffix(to.name, string(delimiter)))
}

// cmdSubscribe: RFC 3501 §6.3.6.
func (c *conn) cmdSubscribe(d *wire.Decoder) error { return c.subscribe(d, true) }

// cmdUnsubscribe: RFC 3501 §6.3.7.
func (c *conn) cmdUnsubscribe(d *wire.Decoder) error { return c.subscribe(d, false) }

func (c *conn) subscribe(d *wire.Decoder, on bool) error {
	p, err := c.mailboxArg(d, true)
	if err != nil {
		return err
	}
	return p.view.Subscribe(c.ctx, p.name, on)
}

// cmdCheck: RFC 3501 §6.4.1. All is on the disk already.
func (c *conn) cmdCheck(d *wire.Decoder) error { return c.cmdNoop(d) }
