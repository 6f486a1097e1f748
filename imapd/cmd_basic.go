package imapd

import (
	"strings"

	"heimpost/imapd/wire"
	"heimpost/store"
)

// cmdCapability: RFC 3501 §6.1.1.
func (c *conn) cmdCapability(d *wire.Decoder) error {
	if !d.ExpectCRLF() {
		return d.Err()
	}
	c.out.Raw("* CAPABILITY ").Raw(strings.Join(c.offers(), " ")).CRLF()
	return nil
}

// capabilityCode is the response code in the greeting and in the reply to a
// login: some clients read the capabilities only there.
func (c *conn) capabilityCode() string { return "CAPABILITY " + strings.Join(c.offers(), " ") }

// cmdNoop: RFC 3501 §6.1.2. News come with every reply.
func (c *conn) cmdNoop(d *wire.Decoder) error {
	if !d.ExpectCRLF() {
		return d.Err()
	}
	c.wantNews()
	return nil
}

// wantNews says that the client asks for news of the selected mailbox, or,
// when none is selected, of the INBOX.
func (c *conn) wantNews() {
	switch {
	case c.sel != nil:
		c.wantNewsOf(c.sel.mbox.ID())
	case c.login != nil:
		if all := c.login.Root.Mailboxes(); len(all) > 0 {
			c.wantNewsOf(all[0].ID)
		}
	}
}

// wantNewsOf says that the client asks for news of this mailbox.
func (c *conn) wantNewsOf(id store.ID) {
	if needed := c.srv.cfg.NewMailNeeded; needed != nil {
		needed(c.login, id)
	}
}

// cmdLogout: RFC 3501 §6.1.3.
func (c *conn) cmdLogout(d *wire.Decoder) error {
	if !d.ExpectCRLF() {
		return d.Err()
	}
	c.out.Raw("* BYE Goodbye.\r\n")
	c.cmd.last = true
	return nil
}
