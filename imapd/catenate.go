package imapd

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
	"heimpost/store"
)

// part takes one part of a mail that is put together: RFC 4469 §5.
func (a *appending) part(d *wire.Decoder) error {
	var kind string
	if !d.ExpectName(&kind) || !d.ExpectSP() {
		return d.Err()
	}
	switch kind {
	case "TEXT":
		return a.literal(d, true)
	case "URL":
		var text string
		if !d.ExpectAString(&text) {
			return d.Err()
		}
		return a.fromURL(text)
	}
	return bad("Expected TEXT or URL.")
}

// mailURL names a mail of this server or a section of one (RFC 5092 §5).
type mailURL struct {
	mailbox     string
	uidValidity uint32 // 0: any
	uid         imap.UID
	section     section
}

// parseURL reads a URL that is relative to this server.
func parseURL(text string) (u mailURL, ok bool) {
	path, ok := strings.CutPrefix(text, "/")
	if !ok {
		return u, false
	}
	pieces := strings.Split(path, "/;")
	name, validity, given := strings.Cut(pieces[0], ";")
	var err error
	if u.mailbox, err = url.PathUnescape(name); err != nil {
		return u, false
	}
	if given && !urlNumber(validity, "UIDVALIDITY", &u.uidValidity) {
		return u, false
	}
	u.section = sectionNames["BODY.PEEK"]
	for i, piece := range pieces[1:] {
		var n uint32
		key, value, _ := strings.Cut(piece, "=")
		switch {
		case i == 0:
			if !urlNumber(piece, "UID", &n) {
				return u, false
			}
			u.uid = imap.UID(n)
		case i == 1 && strings.EqualFold(key, "SECTION"):
			spec, err := url.PathUnescape(value)
			d := wire.NewDecoder(strings.NewReader(spec + "]\r\n"))
			d.Begin()
			var label strings.Builder
			if err != nil || !sectionSpec(d, &u.section, &label) || !d.ExpectSpecial(']') || !d.ExpectCRLF() {
				return u, false
			}
		default:
			return u, false
		}
	}
	return u, u.uid > 0
}

// urlNumber reads KEY=number.
func urlNumber(s, key string, n *uint32) bool {
	k, v, _ := strings.Cut(s, "=")
	num, err := strconv.ParseUint(v, 10, 32)
	*n = uint32(num)
	return strings.EqualFold(k, key) && err == nil && num > 0
}

// fromURL takes a part of the mail from one that is here.
func (a *appending) fromURL(text string) error {
	u, ok := parseURL(text)
	if !ok {
		return badURL(text)
	}
	p, err := a.locate(u.mailbox)
	if err != nil {
		return badURL(text)
	}
	m, err := p.view.Mailbox(a.ctx, p.name)
	if err != nil {
		return badURL(text)
	}
	snap := m.Snapshot()
	i, found := snap.Search(u.uid)
	if !found || u.uidValidity != 0 && u.uidValidity != m.UIDValidity() {
		return badURL(text)
	}
	found = false
	err = m.Mails(a.ctx, []store.Entry{snap.At(i)}, store.FieldParts|store.FieldHeader, func(_ store.Entry, mail *store.Mail) error {
		found = true
		src := source{s: &session{mbox: m, told: snap}, m: mail}
		defer src.close()
		content, err := src.content(&u.section)
		if err != nil || content.size == 0 {
			return err
		}
		if err := a.grow(content.size); err != nil {
			return err
		}
		return a.copy(content.reader())
	})
	if err == nil && !found {
		return badURL(text)
	}
	return err
}

// badURL is the answer to a URL that leads nowhere (RFC 4469 §5). Its text
// goes back to the client without what cannot stand in a response code.
func badURL(text string) error {
	safe := strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f || r == ']' || r == '"' || r == '\\' {
			return '?'
		}
		return r
	}, text[:min(len(text), 200)])
	return no(imap.ResponseCode("BADURL "+safe), "There is nothing at this URL.")
}
