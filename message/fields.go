package message

import (
	"bytes"
	"iter"
)

// HeaderFields iterates over the fields of a header: the name without what
// follows it, and the whole field with its folded lines and line ends. A line
// that is no field has the name "". It ends at the blank line.
func HeaderFields(header []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, field []byte) bool) {
		for len(header) > 0 {
			end := lineEnd(header)
			if isEmptyLine(header[:end]) {
				return
			}
			for end < len(header) && isBlank(header[end]) {
				end += lineEnd(header[end:])
			}
			n := max(bytes.IndexByte(header[:end], ':'), 0)
			for n > 0 && isBlank(header[n-1]) {
				n--
			}
			if !yield(header[:n], header[:end]) {
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
