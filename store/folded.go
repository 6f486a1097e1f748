package store

import (
	"bytes"
	"strings"

	"heimpost/message"
)

// foldedNames are the header fields that people search by; they are in every
// header that the index keeps.
var foldedNames = [...]string{"from", "to", "cc", "bcc", "subject"}

// FoldedField gives what Mails has to read for Mail.Folded of a header field;
// false where that field is not kept so.
func FoldedField(name string) (Fields, bool) {
	for i, n := range foldedNames {
		if strings.EqualFold(n, name) {
			return FieldFolded << i, true
		}
	}
	return 0, false
}

// Folded gives the text of all fields of a name that Mails was asked for:
// each decoded, after message.Fold and with a line end; none if the mail has
// no such field. known is false where only the mail's file can tell.
func (m *Mail) Folded(f Fields) (text []byte, known bool) {
	for i := range foldedNames {
		if f == FieldFolded<<i {
			return m.folded[i], !bytes.Equal(m.folded[i], foldedUnknown)
		}
	}
	return nil, false
}

// foldedUnknown stands for what the index does not know; no text is like it.
var foldedUnknown = []byte{0xff}

// packFolded makes the column of a header field out of the headers.
func packFolded(headers *packed, name string) *packed {
	p := &packed{data: make([]byte, 0, 8<<10)}
	for place := range coldRows {
		if !headers.has(place) {
			continue
		}
		from := len(p.data)
		p.data = appendFolded(p.data, headers.at(place), headers.marked[place], name)
		p.is(place, from, len(p.data))
	}
	p.data = bytes.Clone(p.data)
	return p
}

func appendFolded(to, header []byte, complete bool, name string) []byte {
	if !complete && len(header) == 0 {
		return append(to, foldedUnknown...)
	}
	for n, field := range message.HeaderFields(header) {
		if len(n) != len(name) || !strings.EqualFold(string(n), name) {
			continue
		}
		_, value, _ := bytes.Cut(field, []byte{':'})
		to = append(to, message.Fold(message.DecodeHeader(string(value)))...)
		to = append(to, '\n')
	}
	return to
}
