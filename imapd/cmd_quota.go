package imapd

import (
	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
)

// hasQuota reports whether the disk's size is known.
func (c *conn) hasQuota() bool { return c.login != nil && c.srv.cfg.DiskFree != nil }

// A box is a quota root. Its name is where its mailboxes stand: "" for the
// login's own one.

// cmdGetQuota: RFC 9208 §4.1.2.
func (c *conn) cmdGetQuota(d *wire.Decoder) error {
	var root string
	if !d.ExpectSP() || !d.ExpectAString(&root) || !d.ExpectCRLF() {
		return d.Err()
	}
	if root == "" {
		return c.quota(place{view: c.login.Root})
	}
	for _, sh := range c.shared() {
		if sh.Prefix == root {
			return c.quota(place{view: sh.View, prefix: sh.Prefix})
		}
	}
	return no(imap.ResponseCodeNonExistent, "There is no quota root of this name.")
}

// cmdGetQuotaRoot: RFC 9208 §4.1.3.
func (c *conn) cmdGetQuotaRoot(d *wire.Decoder) error {
	p, err := c.mailboxArg(d, true)
	if err != nil {
		return err
	}
	if _, err := p.view.Info(p.name); err != nil {
		return err
	}
	c.out.Raw("* QUOTAROOT ").Mailbox(p.full(p.name)).SP().String(p.prefix).CRLF()
	return c.quota(p)
}

// quota tells what a box takes up and what its disk has room for, in KiB
// (RFC 9208 §5.1.1).
func (c *conn) quota(p place) error {
	if !c.hasQuota() {
		return no("", "The size of the disk is not known.")
	}
	used, err := p.view.Usage(c.ctx)
	if err != nil {
		return err
	}
	free, err := c.srv.cfg.DiskFree()
	if err != nil {
		return err
	}
	used, free = (used+1023)/1024, max(0, free)/1024
	c.out.Raw("* QUOTA ").String(p.prefix).Raw(" (STORAGE ").Number(uint64(used)).SP().Number(uint64(used + free)).Raw(")\r\n")
	return nil
}

// cmdSetQuota: RFC 9208 §4.1.4. The limit is the disk.
func (c *conn) cmdSetQuota(*wire.Decoder) error {
	return no(imap.ResponseCodeNoPerm, "The limit is the size of the disk.")
}
