package imapd

import (
	"errors"
	"strconv"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
	"heimpost/store"
)

// cmdExpunge: RFC 3501 §6.4.3, RFC 4315 §2.1. What is gone is told with the
// other news.
func (c *conn) cmdExpunge(d *wire.Decoder) error {
	var set imap.NumSet
	if c.cmd.uid && (!d.ExpectSP() || !c.setOfNumbers(d, &set)) || !d.ExpectCRLF() {
		return d.Err()
	}
	s := c.sel
	if s.readOnly {
		return c.errReadOnly()
	}
	var only imap.UIDSet
	if c.cmd.uid {
		n, err := s.resolve(set)
		if err != nil {
			return err
		}
		if only = n.uids(s.told); len(only) == 0 {
			return nil
		}
	}
	if _, err := s.mbox.Expunge(c.ctx, only); err != nil {
		return err
	}
	return c.tellAllWithModSeq()
}

// tellAllWithModSeq tells all news and, in the tagged OK, up to where a client
// with mod-sequences knows them now (RFC 7162 §3.2.7).
func (c *conn) tellAllWithModSeq() error {
	if err := c.tell(telling{expunges: true}); err != nil {
		return err
	}
	if c.modSeqs() {
		c.ok("HIGHESTMODSEQ "+strconv.FormatUint(c.sel.told.HighestModSeq, 10), "Done.")
	}
	return nil
}

// cmdClose: RFC 3501 §6.4.2. Nothing is told of what is expunged, and no
// HIGHESTMODSEQ either: a client would take it for a sign that it has heard of
// what others changed meanwhile, too.
func (c *conn) cmdClose(d *wire.Decoder) error {
	if !d.ExpectCRLF() {
		return d.Err()
	}
	s := c.sel
	if !s.readOnly {
		// In a mailbox that others deleted there is nothing left to expunge,
		// and a protected one keeps its mails.
		_, err := s.mbox.Expunge(c.ctx, nil)
		if err != nil && !errors.Is(err, store.ErrNoMailbox) && !errors.Is(err, store.ErrProtected) {
			return err
		}
	}
	c.unselect()
	return nil
}

// cmdUnselect: RFC 3691.
func (c *conn) cmdUnselect(d *wire.Decoder) error {
	if !d.ExpectCRLF() {
		return d.Err()
	}
	c.unselect()
	return nil
}
