package imapd

import (
	"bytes"

	"heimpost/message"
)

// equalName compares a field's name, which is ASCII, without case.
func equalName(name []byte, with string) bool {
	if len(name) != len(with) {
		return false
	}
	for i, c := range name {
		if c != with[i] && lower(c) != lower(with[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// fieldValue gives what stands behind a field's name, decoded for people.
func fieldValue(field []byte) string {
	_, value, _ := bytes.Cut(field, []byte{':'})
	return message.DecodeHeader(string(value))
}

// pickFields appends the fields of a header that are (or, with not, are not)
// among names, with a blank line at the end (RFC 3501 §6.4.5).
func pickFields(to, header []byte, names []string, not bool) []byte {
	for name, field := range message.HeaderFields(header) {
		if len(name) > 0 && isNamed(name, names) != not {
			to = append(to, field...)
		}
	}
	return append(to, "\r\n"...)
}

func isNamed(name []byte, names []string) bool {
	for _, n := range names {
		if equalName(name, n) {
			return true
		}
	}
	return false
}
