package imapd

import (
	"bytes"
	"iter"
	"strings"

	"heimpost/message"
)

// headerFields iterates over the fields of a header: the name without what
// follows it, and the whole field with its folded lines and line ends. A line
// that is no field has the name "". It ends at the blank line.
func headerFields(header []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, field []byte) bool) {
		for len(header) > 0 {
			end := lineEnd(header)
			if len(bytes.TrimRight(header[:end], "\r\n")) == 0 {
				return
			}
			for end < len(header) && (header[end] == ' ' || header[end] == '\t') {
				end += lineEnd(header[end:])
			}
			name, _, ok := bytes.Cut(header[:end], []byte{':'})
			if !ok {
				name = nil
			}
			if !yield(bytes.TrimRight(name, " \t"), header[:end]) {
				return
			}
			header = header[end:]
		}
	}
}

// lineEnd gives the length of the first line, its line end included.
func lineEnd(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1
	}
	return len(b)
}

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
	for name, field := range headerFields(header) {
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
