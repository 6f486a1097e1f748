package imapd

import (
	"slices"
	"strings"
	"time"

	"heimpost/imapd/wire"
)

// source is where an ESEARCH looks (RFC 7377 §2.2, RFC 5465 §6).
type searchSource struct {
	kind  string // SELECTED, INBOXES, PERSONAL, SUBSCRIBED, SUBTREE, SUBTREE-ONE, MAILBOXES
	names []string
}

// maxSources bounds how many sources, and names in each, an ESEARCH may list.
const maxSources = 1000

// cmdESearch: RFC 7377. Each mailbox with matches has a response of its own,
// with UIDs.
func (c *conn) cmdESearch(d *wire.Decoder) error {
	c.cmd.uid = true
	var r searchReturn
	var k key
	var in []searchSource
	p := searchParser{conn: c, d: d}
	if !d.ExpectSP() || !p.sources(&in) || !p.program(&r, &k) || !d.ExpectCRLF() {
		return d.Err()
	}
	if in == nil {
		in = []searchSource{{kind: "SELECTED"}}
	}
	selected := slices.ContainsFunc(in, func(s searchSource) bool { return s.kind == "SELECTED" })
	switch onlySelected := selected && len(in) == 1; {
	case selected && c.sel == nil:
		return bad("No mailbox is selected.")
	case (r.save || p.numbers) && !onlySelected:
		return bad("SAVE, $ and sequence numbers go with the selected mailbox alone.")
	case !knownCharset(p.charset):
		return errCharset(p.charset)
	}
	r.given = true
	if !r.answers() && !r.save {
		r.all = true
	}
	if p.modSeq {
		c.enableModSeqs()
	}
	for _, place := range c.places(in) {
		if err := c.searchIn(place, &p, &r, k); err != nil {
			return err
		}
	}
	return nil
}

// sources takes IN (…), if it is there.
func (p *searchParser) sources(in *[]searchSource) bool {
	d := p.d
	if p.word(&p.first); p.first != "IN" {
		return true
	}
	p.first = ""
	ok := d.ExpectSP() && d.ExpectList(func() bool {
		var s searchSource
		if len(*in) == maxSources || !d.ExpectName(&s.kind) {
			return d.Bad("These are too many sources.")
		}
		switch s.kind {
		case "SELECTED", "INBOXES", "PERSONAL", "SUBSCRIBED":
		case "SELECTED-DELAYED":
			s.kind = "SELECTED"
		case "SUBTREE", "SUBTREE-ONE", "MAILBOXES":
			name := func() bool {
				var n string
				ok := len(s.names) < maxSources && d.ExpectMailbox(&n)
				s.names = append(s.names, foldInbox(n))
				return ok
			}
			if !d.ExpectSP() || !(d.Peek() == '(' && d.List(name) || d.Peek() != '(' && d.Err() == nil && name()) {
				return false
			}
		default:
			return d.Bad("There is no source " + s.kind + ".")
		}
		*in = append(*in, s)
		return true
	})
	return ok && d.Expect(len(*in) > 0, "a source") && d.ExpectSP()
}

// places gives the mailboxes that the sources name, each once; the selected
// one has no view.
func (c *conn) places(in []searchSource) []place {
	var out []place
	seen := map[string]bool{}
	add := func(p place) {
		if full := p.full(p.name); !seen[full] {
			seen[full] = true
			out = append(out, p)
		}
	}
	all := c.mailboxes()
	for _, s := range in {
		if s.kind == "SELECTED" {
			out = append(out, place{})
			continue
		}
		for _, l := range all {
			if l.exists && s.names1(l) {
				add(l.place)
			}
		}
	}
	return out
}

// names1 reports whether the source names a mailbox.
func (s *searchSource) names1(l listed) bool {
	switch s.kind {
	case "INBOXES":
		return l.name == inbox
	case "PERSONAL":
		return l.place.prefix == ""
	case "SUBSCRIBED":
		return l.subscribed
	}
	for _, n := range s.names {
		below, ok := strings.CutPrefix(l.name, n+string(delimiter))
		if l.name == n || ok && (s.kind == "SUBTREE" || s.kind == "SUBTREE-ONE" && !strings.ContainsRune(below, delimiter)) {
			return true
		}
	}
	return false
}

// searchIn searches one mailbox. What went away meanwhile is passed over.
func (c *conn) searchIn(p place, sp *searchParser, r *searchReturn, k key) error {
	s := c.sel
	name := ""
	if p.view != nil {
		m, err := p.view.Mailbox(c.ctx, p.name)
		if err != nil {
			return nil
		}
		s = &session{mbox: m, told: m.Snapshot(), readOnly: true}
		name = p.full(p.name)
	} else {
		for _, l := range c.mailboxes() {
			if l.exists && l.place.view == s.mbox.View() && l.place.name == s.mbox.Name() {
				name = l.name
			}
		}
		if name == "" {
			name = s.mbox.Name()
		}
	}
	q := query{ctx: c.ctx, s: s, told: s.told, now: time.Now(), report: c.progress}
	found, err := k.find(&q, everything(s.told))
	if err != nil {
		return err
	}
	if r.save {
		s.saved = r.kept(found).exactUIDs(s.told)
	}
	if len(found) == 0 && !r.count || !r.answers() {
		return nil
	}
	c.out.Raw("* ESEARCH (TAG ").String(c.cmd.tag).Raw(" MAILBOX ").Mailbox(name)
	c.out.Raw(" UIDVALIDITY ").Number(uint64(s.mbox.UIDValidity())).Raw(") UID")
	c.results(s, found, r, sp.modSeq)
	return nil
}
