package imapd

import (
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
)

// fetchItems are the data items of a FETCH that stand for themselves.
type fetchItems uint

const (
	itemUID fetchItems = 1 << iota
	itemFlags
	itemModSeq
	itemDate
	itemSize
	itemEnvelope
	itemBody
	itemStructure
	itemSaved
	itemPreview
	itemEmailID
	itemThreadID
)

// fetchNames are the items of one word, the macros aside.
var fetchNames = map[string]fetchItems{
	"UID": itemUID, "FLAGS": itemFlags, "MODSEQ": itemModSeq, "INTERNALDATE": itemDate, "RFC822.SIZE": itemSize,
	"ENVELOPE": itemEnvelope, "BODY": itemBody, "BODYSTRUCTURE": itemStructure, "SAVEDATE": itemSaved,
	"PREVIEW": itemPreview, "EMAILID": itemEmailID, "THREADID": itemThreadID,
}

// fetchMacros stand alone (RFC 3501 §6.4.5).
var fetchMacros = map[string]fetchItems{
	"FAST": itemFlags | itemDate | itemSize,
	"ALL":  itemFlags | itemDate | itemSize | itemEnvelope,
	"FULL": itemFlags | itemDate | itemSize | itemEnvelope | itemBody,
}

// wholes are the items that are sections under another name. RFC822.PEEK is in
// no RFC; Outlook asks for it.
var wholes = map[string]section{
	"RFC822":        {label: "RFC822"},
	"RFC822.PEEK":   {label: "RFC822", peek: true},
	"RFC822.HEADER": {label: "RFC822.HEADER", portion: portionHeader, peek: true},
	"RFC822.TEXT":   {label: "RFC822.TEXT", portion: portionText},
}

// fetchArgs are the arguments of FETCH behind the set.
type fetchArgs struct {
	items    fetchItems
	sections []section

	changedSince uint64 // RFC 7162; 0: not said
	vanished     bool
	partial      *partialRange // RFC 9394
}

// maxSections bounds how many sections one FETCH may name.
const maxSections = 100

// fetchArguments takes what stands behind the set: items, then modifiers.
func fetchArguments(d *wire.Decoder, a *fetchArgs) bool {
	var last fetchItems // PREVIEW may have a list of modifiers behind it
	if d.Peek() == '(' {
		if !d.List(func() bool {
			if last == itemPreview && d.Peek() == '(' {
				last = 0
				return d.List(func() bool { return previewModifier(d) })
			}
			last = fetchItem(d, a, false)
			return d.Err() == nil
		}) {
			return false
		}
		last = 0
	} else if last = fetchItem(d, a, true); d.Err() != nil {
		return false
	}
	for d.SP() && d.Peek() == '(' {
		if !d.List(func() bool { return fetchModifier(d, a, last) }) {
			return false
		}
	}
	return d.Err() == nil
}

// previewModifier takes LAZY (RFC 8970 §4.2), which changes nothing: a preview
// costs little.
func previewModifier(d *wire.Decoder) bool {
	var name string
	return d.ExpectName(&name) && d.Expect(name == "LAZY", "LAZY")
}

// fetchItem takes one item and gives it, if it has a bit; alone says that a
// macro may stand here.
func fetchItem(d *wire.Decoder, a *fetchArgs, alone bool) fetchItems {
	var name string
	if !d.Expect(d.Name(&name), "something to fetch") {
		return 0
	}
	if d.Peek() == '[' {
		fetchSection(d, a, name)
		return 0
	}
	if s, ok := wholes[name]; ok {
		addSection(d, a, s)
		return 0
	}
	item, ok := fetchNames[name]
	if !ok && alone {
		item, ok = fetchMacros[name]
	}
	d.Expect(ok, "something to fetch instead of "+name)
	a.items |= item
	return item
}

func addSection(d *wire.Decoder, a *fetchArgs, s section) bool {
	if len(a.sections) == maxSections {
		return d.Bad("This FETCH asks for too many sections.")
	}
	a.sections = append(a.sections, s)
	return true
}

// sectionNames are the items that a section in brackets follows.
var sectionNames = map[string]section{
	"BODY":        {label: "BODY"},
	"BODY.PEEK":   {label: "BODY", peek: true},
	"BINARY":      {label: "BINARY", binary: true},
	"BINARY.PEEK": {label: "BINARY", binary: true, peek: true},
	"BINARY.SIZE": {label: "BINARY.SIZE", binary: true, peek: true, onlyLen: true},
}

// fetchSection takes a section in brackets and its partial, and makes the
// label by which the answer names it. A list of header fields stands there
// letter by letter as it was asked: Apple Mail throws away what is named
// differently.
func fetchSection(d *wire.Decoder, a *fetchArgs, name string) bool {
	s, ok := sectionNames[name]
	if !ok {
		return d.Bad(name + " has no sections.")
	}
	var label strings.Builder
	label.WriteString(s.label)
	if !d.ExpectSpecial('[') || !sectionSpec(d, &s, &label) || !d.ExpectSpecial(']') {
		return false
	}
	label.WriteByte(']')
	if !s.onlyLen && d.Special('<') {
		var offset, size uint32
		if !d.ExpectNumber(&offset) || !d.ExpectSpecial('.') || !d.ExpectNzNumber(&size) || !d.ExpectSpecial('>') {
			return false
		}
		s.partial, s.offset, s.size = true, int64(offset), int64(size)
		label.WriteString("<" + strconv.FormatInt(s.offset, 10) + ">")
	}
	s.label = label.String()
	return addSection(d, a, s)
}

// maxNumbers bounds how deep a section's numbers may lead.
const maxNumbers = 100

// sectionSpec takes what stands between the brackets.
func sectionSpec(d *wire.Decoder, s *section, label *strings.Builder) bool {
	label.WriteByte('[')
	for {
		var n uint32
		if !d.Number(&n) {
			break
		}
		if n == 0 || len(s.numbers) == maxNumbers {
			return d.Bad("There is no such part.")
		}
		if len(s.numbers) > 0 {
			label.WriteByte('.')
		}
		label.WriteString(strconv.FormatUint(uint64(n), 10))
		s.numbers = append(s.numbers, int(n))
		if !d.Special('.') {
			return d.Err() == nil
		}
	}
	if d.Err() != nil {
		return false
	}
	if len(s.numbers) == 0 && d.Peek() == ']' {
		return true
	}
	var word string
	if !d.Expect(!s.binary && d.Name(&word), "a part of the mail") {
		return false
	}
	if len(s.numbers) > 0 {
		label.WriteByte('.')
	}
	label.WriteString(word)
	switch word {
	case "HEADER":
		s.portion = portionHeader
	case "TEXT":
		s.portion = portionText
	case "MIME":
		if s.portion = portionMIME; len(s.numbers) == 0 {
			return d.Bad("MIME needs the number of a part.")
		}
	case "HEADER.FIELDS", "HEADER.FIELDS.NOT":
		if s.portion = portionFields; word == "HEADER.FIELDS.NOT" {
			s.portion = portionFieldsNot
		}
		return d.ExpectSP() && sectionFields(d, s, label)
	default:
		return d.Bad("There is no section " + word + ".")
	}
	return true
}

// sectionFields takes a list of header field names.
func sectionFields(d *wire.Decoder, s *section, label *strings.Builder) bool {
	label.WriteString(" (")
	ok := d.ExpectList(func() bool {
		var name string
		if !d.ExpectAString(&name) {
			return false
		}
		if len(s.fields) > 0 {
			label.WriteByte(' ')
		}
		s.fields = append(s.fields, name)
		label.WriteString(asAString(name))
		return true
	})
	label.WriteByte(')')
	return ok && d.Expect(len(s.fields) > 0, "the name of a header field")
}

// asAString writes a header field's name as it can stand in a label: what no
// atom can hold is quoted, what no quoted string can hold is no field's name
// either and is left out.
func asAString(name string) string {
	plain := name != ""
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`(){%*"\`, c) >= 0 {
			plain = false
		}
		switch {
		case c < ' ' || c >= 0x7f:
			continue
		case c == '"' || c == '\\':
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	if plain {
		return name
	}
	return `"` + b.String() + `"`
}

// fetchModifier takes one modifier (RFC 4466, RFC 7162 §3.1.4, RFC 9394).
func fetchModifier(d *wire.Decoder, a *fetchArgs, last fetchItems) bool {
	var name string
	if !d.ExpectName(&name) {
		return false
	}
	if name == "LAZY" && last == itemPreview {
		return true
	}
	switch name {
	case "CHANGEDSINCE":
		if !d.ExpectSP() || !d.ExpectNumber64(&a.changedSince) {
			return false
		}
		return d.Expect(a.changedSince > 0, "a mod-sequence above zero")
	case "VANISHED":
		a.vanished = true
		return true
	case "PARTIAL":
		a.partial = new(partialRange)
		return d.ExpectSP() && a.partial.take(d)
	}
	return d.Bad("There is no modifier " + name + ".")
}

// partialRange is a part of a result, counted from 1; negative numbers count
// from the end (RFC 9394 §3.1).
type partialRange struct{ from, to int64 }

// take takes two numbers, both positive or both negative.
func (p *partialRange) take(d *wire.Decoder) bool {
	number := func(n *int64) bool {
		sign := int64(1)
		if d.Special('-') {
			sign = -1
		}
		var v uint32
		ok := d.ExpectNzNumber(&v)
		*n = sign * int64(v)
		return ok
	}
	if !number(&p.from) || !d.ExpectSpecial(':') || !number(&p.to) {
		return false
	}
	if (p.from < 0) != (p.to < 0) {
		return d.Bad("A range of a result counts either from its beginning or from its end.")
	}
	return true
}

// String gives the range as it was asked.
func (p *partialRange) String() string {
	return strconv.FormatInt(p.from, 10) + ":" + strconv.FormatInt(p.to, 10)
}

// of gives the places, lo ≤ i < hi, that the range names among n.
func (p *partialRange) of(n int) (lo, hi int) {
	from, to := p.from, p.to
	if from < 0 {
		from, to = int64(n)+from+1, int64(n)+to+1
	}
	if from > to {
		from, to = to, from
	}
	return int(min(max(from-1, 0), int64(n))), int(max(min(to, int64(n)), 0))
}

// setOfNumbers takes a set of sequence numbers or UIDs; "$" stands for the
// result that was saved last (RFC 5182).
func (c *conn) setOfNumbers(d *wire.Decoder, set *imap.NumSet) bool {
	if c.enabled["UIDONLY"] && !c.cmd.uid {
		return d.Fail(errUIDRequired)
	}
	if !d.ExpectNumSet(c.cmd.uid, set) {
		return false
	}
	if imap.IsSearchRes(*set) {
		*set = c.sel.saved
	}
	return true
}
