package imapd

import (
	"fmt"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
	"heimpost/store"
)

// selectArgs are the parameters of SELECT (RFC 4466).
type selectArgs struct {
	condstore bool
	qresync   *resync
}

// resync is what a client remembers of a mailbox (RFC 7162 §3.2.5).
type resync struct {
	uidValidity uint32
	modSeq      uint64
	known       imap.UIDSet // nil: all
}

// cmdSelect: RFC 3501 §6.3.1 and §6.3.2, RFC 7162.
func (c *conn) cmdSelect(d *wire.Decoder) error {
	var name string
	var a selectArgs
	if !d.ExpectSP() || !d.ExpectMailbox(&name) ||
		d.SP() && !d.ExpectList(func() bool { return a.take(d) }) || !d.ExpectCRLF() {
		return d.Err()
	}
	if a.qresync != nil && !c.enabled["QRESYNC"] {
		return bad("QRESYNC has to be enabled first.")
	}
	// Whether it succeeds or not, the mailbox before is left (RFC 3501 §6.3.1).
	if c.sel != nil {
		c.unselect()
		if c.enabled["QRESYNC"] || c.enabled["IMAP4REV2"] {
			c.out.Raw("* OK [CLOSED] The mailbox before was closed.\r\n")
		}
	}
	p, err := c.locate(name)
	if err != nil {
		return err
	}
	m, err := p.view.Mailbox(c.ctx, p.name)
	if err != nil {
		return err
	}
	told := m.Snapshot()
	if told.Gone {
		return fmt.Errorf("%s: %w", name, store.ErrNoMailbox)
	}
	c.wantNewsOf(m.ID())
	if a.condstore || a.qresync != nil {
		c.enableModSeqs()
	}
	s := &session{mbox: m, told: told, readOnly: c.cmd.name == "EXAMINE" || p.view.ReadOnly()}
	c.sel = s
	s.claimRecent(0, told)

	c.tellKeywords()
	c.tellExists()
	if i, ok := s.firstUnseen(); ok && !c.enabled["IMAP4REV2"] {
		c.out.Raw("* OK [UNSEEN ").Number(uint64(i + 1)).Raw("] The first one that nobody has read.\r\n")
	}
	c.out.Raw("* OK [UIDVALIDITY ").Number(uint64(m.UIDValidity())).Raw("] UIDs are valid.\r\n")
	c.out.Raw("* OK [UIDNEXT ").Number(uint64(told.UIDNext)).Raw("] The next UID.\r\n")
	c.out.Raw("* OK [HIGHESTMODSEQ ").Number(told.HighestModSeq).Raw("] The last change.\r\n")
	if c.offer("OBJECTID") != nil {
		c.out.Raw("* OK [MAILBOXID (").Raw(string(m.ID())).Raw(")] The mailbox.\r\n")
	}
	if c.enabled["IMAP4REV2"] {
		c.out.Raw(`* LIST () "/" `).Mailbox(p.full(m.Name())).CRLF()
	}
	if err := c.resync(a.qresync); err != nil {
		c.unselect()
		return err
	}
	if s.readOnly {
		c.ok("READ-ONLY", "%s can be read.", "The mailbox")
	} else {
		c.ok("READ-WRITE", "The mailbox is selected.")
	}
	return nil
}

// take takes one parameter.
func (a *selectArgs) take(d *wire.Decoder) bool {
	var name string
	if !d.ExpectName(&name) {
		return false
	}
	switch name {
	case "CONDSTORE":
		a.condstore = true
		return true
	case "QRESYNC":
		a.qresync = new(resync)
		return d.ExpectSP() && a.qresync.take(d)
	}
	return d.Bad("There is no parameter " + name + ".")
}

// take takes UIDVALIDITY, mod-sequence, the UIDs that the client knows, and
// numbers that match them. The last are for servers that forget what was
// expunged, which the store does not.
func (r *resync) take(d *wire.Decoder) bool {
	if !d.ExpectSpecial('(') || !d.ExpectNzNumber(&r.uidValidity) || !d.ExpectSP() || !d.ExpectNumber64(&r.modSeq) {
		return false
	}
	if d.SP() && d.Peek() != '(' {
		if !d.ExpectUIDSet(&r.known) {
			return false
		}
		d.SP()
	}
	if d.Special('(') {
		var seqs, uids imap.UIDSet
		if !d.ExpectUIDSet(&seqs) || !d.ExpectSP() || !d.ExpectUIDSet(&uids) || !d.ExpectSpecial(')') {
			return false
		}
	}
	return d.ExpectSpecial(')')
}

// resync tells what changed since a client was here last: what is gone, then
// the flags of what changed or is new.
func (c *conn) resync(r *resync) error {
	if r == nil || r.uidValidity != c.sel.mbox.UIDValidity() {
		return nil
	}
	s := c.sel
	known, all := r.known, everything(s.told)
	if known == nil {
		known = imap.UIDSet{{Start: 1}} // 1:*
	} else {
		all = s.resolveUIDs(known).spans
	}
	if err := c.tellVanished(known, r.modSeq); err != nil {
		return err
	}
	for _, sp := range all.changedSince(s.told, r.modSeq) {
		for i, e := range s.told.Range(sp.lo, sp.hi) {
			c.tellFlags(i, e, true)
		}
	}
	return nil
}

// tellVanished tells which UIDs of a set are gone since a mod-sequence.
func (c *conn) tellVanished(set imap.UIDSet, since uint64) error {
	s := c.sel
	gone, err := s.mbox.Vanished(c.ctx, since)
	if err != nil {
		return err
	}
	// The index may be ahead of what the client is told of.
	gone = absent(common(gone, ascending(set, s.told.UIDNext-1)), s.told)
	// What the client still counts is told when it may be (RFC 7162 §3.2.10).
	var ghosts imap.UIDSet
	for _, e := range s.ghosts {
		addUID(&ghosts, e.UID)
	}
	gone = minus(gone, ghosts)
	if len(gone) > 0 {
		c.out.Raw("* VANISHED (EARLIER) ").NumSet(gone).CRLF()
	}
	return nil
}

// firstUnseen gives the index of the first message without \Seen.
func (s *session) firstUnseen() (int, bool) {
	for i, e := range s.told.All() {
		if e.Flags&store.FlagSeen == 0 {
			return i, true
		}
	}
	return 0, false
}

// unselect leaves the selected mailbox.
func (c *conn) unselect() { c.sel = nil }

// modSeqs reports whether the client has used a command that enables
// CONDSTORE, so that each FETCH that tells of changed flags tells the
// mod-sequence, too (RFC 7162 §3.1).
func (c *conn) modSeqs() bool { return c.enabled["CONDSTORE"] || c.enabled["QRESYNC"] }

// enableModSeqs notes that the client has used such a command.
func (c *conn) enableModSeqs() {
	if c.enabled == nil {
		c.enabled = map[string]bool{}
	}
	c.enabled["CONDSTORE"] = true
}
