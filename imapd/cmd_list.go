package imapd

import (
	"errors"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
	"heimpost/store"
)

// listing is a LIST, LSUB or XLIST that is being answered.
type listing struct {
	reply    string // the name of the responses
	patterns []*pattern
	options  bool // stand before the names
	// extended: options were given, so names that do not exist are told as
	// \NonExistent (RFC 5258 §3).
	extended bool

	// Selection options (RFC 5258 §3.1, RFC 6154 §2).
	onlySubscribed, onlySpecial, recursive bool
	// Return options.
	subscribed bool
	status     []*statusItem
	myRights   bool          // RFC 8440
	metadata   metadataQuery // RFC 9590
}

// maxPatterns is how many patterns a LIST may have.
const maxPatterns = 64

// cmdList: RFC 3501 §6.3.8, extended by RFC 5258, RFC 5819 and RFC 6154.
func (c *conn) cmdList(d *wire.Decoder) error {
	l := &listing{reply: "LIST", extended: c.enabled["IMAP4REV2"]}
	if !d.ExpectSP() {
		return d.Err()
	}
	if d.Peek() == '(' {
		l.extended, l.options = true, true
		if !d.List(func() bool { return l.selectOption(d) }) || !d.ExpectSP() {
			return d.Err()
		}
		if l.recursive && !l.onlySubscribed && !l.onlySpecial {
			return bad("RECURSIVEMATCH needs something to match (RFC 5258, section 3.1).")
		}
	}
	if !l.names(d) {
		return d.Err()
	}
	if d.SP() {
		var name string
		l.extended = true
		if !d.ExpectName(&name) || !d.Expect(name == "RETURN", "RETURN") || !d.ExpectSP() ||
			!d.ExpectList(func() bool { return l.returnOption(c, d) }) {
			return d.Err()
		}
	}
	if !d.ExpectCRLF() {
		return d.Err()
	}
	return c.list(l)
}

// cmdLsub: RFC 3501 §6.3.9.
func (c *conn) cmdLsub(d *wire.Decoder) error {
	l := &listing{reply: "LSUB"}
	if !d.ExpectSP() || !l.names(d) || !d.ExpectCRLF() {
		return d.Err()
	}
	return c.list(l)
}

// cmdXlist is what Outlook 2013 and 2016 use to find the special mailboxes.
func (c *conn) cmdXlist(d *wire.Decoder) error {
	l := &listing{reply: "XLIST"}
	if !d.ExpectSP() || !l.names(d) || !d.ExpectCRLF() {
		return d.Err()
	}
	return c.list(l)
}

// names reads the reference and the patterns.
func (l *listing) names(d *wire.Decoder) bool {
	var reference string
	if !d.ExpectMailbox(&reference) || !d.ExpectSP() {
		return false
	}
	add := func() bool {
		var s string
		if !d.ExpectListMailbox(&s) {
			return false
		}
		if len(reference)+len(s) > maxPattern || len(l.patterns) == maxPatterns {
			return d.Bad("There are too many or too long patterns.")
		}
		if s == "" && !l.options {
			l.patterns = append(l.patterns, nil) // RFC 3501 §6.3.8: asks for the delimiter
			return true
		}
		l.patterns = append(l.patterns, newPattern(reference+s))
		return true
	}
	if d.Peek() == '(' {
		l.extended = true
		return d.List(add)
	}
	return add()
}

func (l *listing) selectOption(d *wire.Decoder) bool {
	var name string
	if !d.ExpectName(&name) {
		return false
	}
	switch name {
	case "SUBSCRIBED":
		l.onlySubscribed, l.subscribed = true, true // RFC 5258 §3.1: the attribute is told, too
	case "SPECIAL-USE":
		l.onlySpecial = true
	case "RECURSIVEMATCH":
		l.recursive = true
	case "REMOTE": // there are none
	default:
		return d.Bad("There is no selection option " + name + ".")
	}
	return true
}

func (l *listing) returnOption(c *conn, d *wire.Decoder) bool {
	var name string
	if !d.ExpectName(&name) {
		return false
	}
	switch {
	case name == "SUBSCRIBED":
		l.subscribed = true
	case name == "CHILDREN", name == "SPECIAL-USE": // told in any case
	case name == "STATUS" && c.offer("LIST-STATUS") != nil:
		return d.ExpectSP() && c.readStatusItems(d, &l.status)
	case name == "MYRIGHTS" && c.offer("LIST-MYRIGHTS") != nil:
		l.myRights = true
	case name == "METADATA" && c.offer("LIST-METADATA") != nil:
		return d.ExpectSP() && l.metadata.entries(d)
	default:
		return d.Bad("There is no return option " + name + ".")
	}
	return true
}

// matches reports whether one of the patterns matches a name.
func (l *listing) matches(name string) bool {
	for _, p := range l.patterns {
		if p != nil && p.match(name) {
			return true
		}
	}
	return false
}

// selects reports whether a name is one of those that are asked for, the
// patterns aside.
func (l *listing) selects(m *listed) bool {
	switch {
	case l.reply == "LSUB":
		return m.subscribed
	case l.onlySubscribed && !m.subscribed, l.onlySpecial && m.use == "":
		return false
	case l.onlySubscribed:
		return true
	}
	return m.exists || m.implied
}

// list answers a listing.
func (c *conn) list(l *listing) error {
	for _, p := range l.patterns {
		if p == nil {
			c.out.Raw("* ").Raw(l.reply).Raw(` (\Noselect) "/" ""`).CRLF()
		}
	}
	all := c.mailboxes()

	// A name that is not selected itself may be told of because of what is
	// selected below it: for RECURSIVEMATCH (RFC 5258 §3.5), and in LSUB, where
	// the pattern does not match what is subscribed (RFC 3501 §6.3.9).
	below := map[string]bool{}
	lsub := l.reply == "LSUB"
	for i := range all {
		if !(l.recursive || lsub) || !l.selects(&all[i]) || lsub && l.matches(all[i].name) {
			continue
		}
		for p, ok := parentOf(all[i].name); ok && !below[p]; p, ok = parentOf(p) {
			below[p] = true
		}
	}
	for i := range all {
		m := &all[i]
		chosen := l.selects(m)
		if !chosen && !below[m.name] || !l.matches(m.name) {
			continue
		}
		c.progress(i, len(all))
		if err := c.listOne(l, m, chosen, below[m.name]); err != nil {
			return err
		}
	}
	return nil
}

// xlistUses are the special uses by the names of XLIST.
var xlistUses = map[imap.MailboxAttr]imap.MailboxAttr{
	imap.MailboxAttrJunk: `\Spam`, imap.MailboxAttrAll: `\AllMail`, imap.MailboxAttrFlagged: `\Starred`,
}

// attributes gives what is told of a name.
func (l *listing) attributes(m *listed, chosen bool) []imap.MailboxAttr {
	var out []imap.MailboxAttr
	switch {
	case l.reply == "LSUB" && !chosen:
		return []imap.MailboxAttr{imap.MailboxAttrNoSelect}
	case !m.exists && l.extended:
		out = append(out, imap.MailboxAttrNonExistent, imap.MailboxAttrNoSelect)
	case !m.exists && l.reply != "LSUB":
		out = append(out, imap.MailboxAttrNoSelect)
	}
	if m.children {
		out = append(out, imap.MailboxAttrHasChildren)
	} else {
		out = append(out, imap.MailboxAttrHasNoChildren)
	}
	if l.subscribed && m.subscribed {
		out = append(out, imap.MailboxAttrSubscribed)
	}
	use := m.use
	if l.reply == "XLIST" {
		if x, ok := xlistUses[use]; ok {
			use = x
		}
		if m.name == inbox {
			use = `\Inbox`
		}
	}
	if use != "" {
		out = append(out, use)
	}
	return out
}

// listResponse writes a response up to the extended data.
func (c *conn) listResponse(l *listing, m *listed, attrs []imap.MailboxAttr) {
	c.out.Raw("* ").Raw(l.reply).SP()
	c.out.List(len(attrs), func(i int) { c.out.Raw(string(attrs[i])) })
	c.out.Raw(` "/" `).Mailbox(m.name)
}

// listOne tells of one name. chosen: it is selected itself; deeper: some name
// below it is.
func (c *conn) listOne(l *listing, m *listed, chosen, deeper bool) error {
	c.listResponse(l, m, l.attributes(m, chosen))
	if deeper && l.recursive {
		c.out.Raw(` ("CHILDINFO" (`)
		switch {
		case l.onlySubscribed && l.onlySpecial:
			c.out.Raw(`"SUBSCRIBED" "SPECIAL-USE"`)
		case l.onlySubscribed:
			c.out.Raw(`"SUBSCRIBED"`)
		default:
			c.out.Raw(`"SPECIAL-USE"`)
		}
		c.out.Raw("))")
	}
	c.out.CRLF()
	if !m.exists {
		return nil
	}
	if len(l.status) > 0 {
		// RFC 5819 §2: a mailbox whose STATUS fails is told of without it.
		if err := c.status1(m.place, m.name, l.status); err != nil && !errors.Is(err, store.ErrNoMailbox) {
			return err
		}
	}
	if l.myRights {
		c.tellMyRights(m.place)
	}
	if len(l.metadata.names) > 0 {
		if err := c.tellMetadata(m.place, m.name, &l.metadata); err != nil && !errors.Is(err, store.ErrNoMailbox) {
			return err
		}
	}
	return nil
}
