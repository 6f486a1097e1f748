package imapd

import (
	"heimpost/message"
)

// portion says which of a part's bytes a section names (RFC 3501 §6.4.5).
type portion int

const (
	portionAll portion = iota
	portionHeader
	portionFields
	portionFieldsNot
	portionText
	portionMIME
)

// section is BODY[…], BINARY[…] or one of the RFC822 items that mean the same.
type section struct {
	label   string // how the answer names it: as asked, the header list included
	numbers []int
	portion portion
	fields  []string

	partial      bool
	offset, size int64

	peek    bool // leaves \Seen alone
	binary  bool // RFC 3516: transfer encoding undone
	onlyLen bool // BINARY.SIZE
}

// extent is a run of a mail's bytes.
type extent struct{ from, to int64 }

func (e extent) len() int64 { return e.to - e.from }

// locate gives the bytes of the mail that the section names, before its
// partial is applied; of HEADER.FIELDS the header that they are picked from.
// What does not exist is empty.
func (s *section) locate(root *message.Part) extent {
	p := root.Find(s.numbers)
	if p == nil {
		return extent{}
	}
	if s.portion != portionAll && s.portion != portionMIME && len(s.numbers) > 0 {
		// HEADER and TEXT of a part are those of the mail that it holds.
		if !p.IsMessage() {
			return extent{}
		}
		p = p.Children[0]
	}
	switch s.portion {
	case portionAll:
		if len(s.numbers) == 0 {
			return extent{p.Header, p.End}
		}
		return extent{p.Body, p.End}
	case portionText:
		return extent{p.Body, p.End}
	}
	return extent{p.Header, p.Body}
}

// cut applies the section's partial to n bytes: the answer is off ≤ b < end.
// Past the end it is empty (RFC 3501 §6.4.5).
func (s *section) cut(e extent) extent {
	if !s.partial {
		return e
	}
	from := e.from + min(s.offset, e.len())
	return extent{from, from + min(s.size, e.to-from)}
}
