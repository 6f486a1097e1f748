package message

import (
	"bytes"
	"strconv"
	"strings"
)

// wire makes what BODYSTRUCTURE says of a part beside its type, sizes and
// children (RFC 3501 §9: body-fields, body-ext-1part, body-ext-mpart).
func (n *node) wire(h *header, ps parameters, disposition string, dispParams parameters) {
	if n.Type == "text" && !ps.has("charset") {
		ps = append(ps[:len(ps):len(ps)], param{"charset", "us-ascii"})
	}
	b := appendParams(nil, ps)
	if n.Type != "multipart" {
		b = append(b, ' ')
		b = appendNonEmpty(b, h.id.s)
		b = append(b, ' ')
		b = appendNonEmpty(b, h.description.s)
		b = append(b, ' ')
		b = appendString(b, n.Encoding)
	}
	n.fields = b
	n.md5 = appendNonEmpty(nil, h.md5.s)

	b = nil
	if disposition == "" {
		b = append(b, "NIL"...)
	} else {
		b = append(b, '(')
		b = appendString(b, disposition)
		b = append(b, ' ')
		b = appendParams(b, dispParams)
		b = append(b, ')')
	}
	b = append(b, ' ')
	b = appendLanguages(b, h.language.s)
	b = append(b, ' ')
	n.ext = appendNonEmpty(b, h.location.s)
}

// forget makes a part say nothing of itself: the mail's parts said too much.
func (n *node) forget() {
	n.Charset, n.FileName = "", ""
	n.wire(&header{}, nil, "", nil)
	if n.mail {
		n.envelope = (&header{}).appendEnvelope(nil)
	}
}

func appendParams(b []byte, ps parameters) []byte {
	if len(ps) == 0 {
		return append(b, "NIL"...)
	}
	for i, p := range ps {
		b = append(b, "( "[min(i, 1)])
		b = appendString(b, p.name)
		b = append(b, ' ')
		b = appendString(b, p.value)
	}
	return append(b, ')')
}

func appendLanguages(b []byte, v string) []byte {
	sep := byte('(')
	for tag := range strings.SplitSeq(v, ",") {
		if tag, _ = cutToken(tag); tag != "" {
			b = append(b, sep)
			b = appendString(b, tag)
			sep = ' '
		}
	}
	if sep == '(' {
		return append(b, "NIL"...)
	}
	return append(b, ')')
}

// appendStructure appends the part's BODYSTRUCTURE.
func (n *node) appendStructure(b []byte) []byte {
	b = append(b, '(')
	if n.Type == "multipart" {
		for _, kid := range n.kids {
			b = kid.appendStructure(b)
		}
		b = append(b, ' ')
		b = appendString(b, n.Subtype)
		b = append(b, ' ')
		b = append(b, n.fields...)
		b = append(b, ' ')
		b = append(b, n.ext...)
		return append(b, ')')
	}
	b = appendString(b, n.Type)
	b = append(b, ' ')
	b = appendString(b, n.Subtype)
	b = append(b, ' ')
	b = append(b, n.fields...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, n.End-n.Body, 10)
	if n.isMail() {
		b = append(b, ' ')
		b = append(b, n.kids[0].envelope...)
		b = append(b, ' ')
		b = n.kids[0].appendStructure(b)
	}
	if n.isMail() || n.Type == "text" {
		b = append(b, ' ')
		b = strconv.AppendInt(b, n.Lines, 10)
	}
	b = append(b, ' ')
	b = append(b, n.md5...)
	b = append(b, ' ')
	b = append(b, n.ext...)
	return append(b, ')')
}

// Body gives RFC 3501's BODY (without extension data) of a BODYSTRUCTURE that
// a Scanner made.
func Body(structure []byte) []byte {
	s := stripper{in: structure, out: make([]byte, 0, len(structure))}
	if !s.body(0) || len(s.in) > 0 {
		return structure
	}
	return s.out
}

// stripper copies a BODYSTRUCTURE from in to out without its extension data.
type stripper struct{ in, out []byte }

func (s *stripper) body(depth int) bool {
	if depth > 2*maxDepth || !s.byte('(') {
		return false
	}
	if len(s.in) > 0 && s.in[0] == '(' {
		for len(s.in) > 0 && s.in[0] == '(' {
			if !s.body(depth + 1) {
				return false
			}
		}
		return s.items(1) && s.end()
	}
	at := len(s.out)
	if !s.item() || !s.items(1) {
		return false
	}
	kind := bytes.ToLower(s.out[at:])
	if !s.items(5) {
		return false
	}
	switch {
	case bytes.HasPrefix(kind, []byte(`"text"`)):
		return s.items(1) && s.end()
	case bytes.Equal(kind, []byte(`"message" "rfc822"`)), bytes.Equal(kind, []byte(`"message" "global"`)):
		return s.items(1) && s.byte(' ') && s.body(depth+1) && s.items(1) && s.end()
	}
	return s.end()
}

// byte copies one octet, which must be c.
func (s *stripper) byte(c byte) bool {
	if len(s.in) == 0 || s.in[0] != c {
		return false
	}
	s.in, s.out = s.in[1:], append(s.out, c)
	return true
}

// items copies n values, each after a blank.
func (s *stripper) items(n int) bool {
	for range n {
		if !s.byte(' ') || !s.item() {
			return false
		}
	}
	return true
}

func (s *stripper) item() bool {
	n := valueLength(s.in)
	if n == 0 {
		return false
	}
	s.out = append(s.out, s.in[:n]...)
	s.in = s.in[n:]
	return true
}

// end passes over what is left of a list and closes it.
func (s *stripper) end() bool {
	for len(s.in) > 0 && s.in[0] == ' ' {
		n := valueLength(s.in[1:])
		if n == 0 {
			return false
		}
		s.in = s.in[1+n:]
	}
	return s.byte(')')
}

// valueLength gives the length of the value that b begins with: an atom, a
// string, or a list of values; 0: there is none that is whole.
func valueLength(b []byte) int {
	depth := 0
	for i := 0; i < len(b); {
		switch b[i] {
		case '(':
			depth++
			i++
			continue
		case ')':
			depth--
			i++
		case ' ':
			i++
			if depth == 0 {
				return 0
			}
			continue
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if i++; i > len(b) {
				return 0
			}
		case '{':
			j := bytes.Index(b[i:], []byte("}\r\n"))
			if j < 0 {
				return 0
			}
			n, err := strconv.Atoi(string(b[i+1 : i+j]))
			i += j + 3
			if err != nil || n < 0 || n > len(b)-i {
				return 0
			}
			i += n
		default:
			j := bytes.IndexAny(b[i:], "() \"{")
			if j < 0 {
				j = len(b) - i
			}
			i += j
		}
		if depth <= 0 {
			if depth < 0 {
				return 0
			}
			return i
		}
	}
	return 0
}
