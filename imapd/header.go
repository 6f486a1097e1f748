package imapd

import (
	"bytes"
	"strings"

	"heimpost/message"
)

// equalName compares a field's name without case.
func equalName(name []byte, with string) bool {
	return len(name) == len(with) && strings.EqualFold(string(name), with)
}

// fieldValue gives what stands behind a field's name, decoded for people.
func fieldValue(field []byte) string {
	_, value, _ := bytes.Cut(field, []byte{':'})
	return message.DecodeHeader(string(value))
}

// pickFields gives the fields of a header that are (or, with not, are not)
// among names, with a blank line at the end (RFC 3501 §6.4.5).
func pickFields(header []byte, names []string, not bool) []byte {
	out := make([]byte, 0, min(len(header), 1024)+2)
	for name, field := range message.HeaderFields(header) {
		if len(name) > 0 && isNamed(name, names) != not {
			out = append(out, field...)
		}
	}
	return append(out, "\r\n"...)
}

func isNamed(name []byte, names []string) bool {
	for _, n := range names {
		if equalName(name, n) {
			return true
		}
	}
	return false
}
