package imapd

import (
	"bytes"
	"strconv"
)

// envelope is what sorting and threading look at in an ENVELOPE. Texts are as
// in the mail, not decoded.
type envelope struct {
	date, subject        string
	from, to, cc         address
	inReplyTo, messageID string
}

// address is the first address of a list.
type address struct{ name, mailbox, host string }

// readEnvelope takes an ENVELOPE apart that message made (RFC 3501 §7.4.2). Of
// what is none, the rest is empty.
func readEnvelope(b []byte) (e envelope) {
	r := sexp{b}
	r.open()
	e.date, e.subject = r.text(), r.text()
	e.from = r.firstAddress()
	r.firstAddress() // sender
	r.firstAddress() // reply-to
	e.to, e.cc = r.firstAddress(), r.firstAddress()
	r.firstAddress() // bcc
	e.inReplyTo, e.messageID = r.text(), r.text()
	return e
}

// sexp reads strings, NIL and parentheses.
type sexp struct{ b []byte }

// skip passes over spaces.
func (r *sexp) skip() { r.b = bytes.TrimLeft(r.b, " ") }

// open takes an opening parenthesis.
func (r *sexp) open() bool { return r.special('(') }

// special takes an octet.
func (r *sexp) special(c byte) bool {
	r.skip()
	if len(r.b) == 0 || r.b[0] != c {
		return false
	}
	r.b = r.b[1:]
	return true
}

// text takes a quoted string, a literal or an atom; NIL is "".
func (r *sexp) text() string {
	r.skip()
	switch {
	case r.special('"'):
		var out []byte
		for i := 0; i < len(r.b); i++ {
			switch c := r.b[i]; {
			case c == '"':
				r.b = r.b[i+1:]
				return string(out)
			case c == '\\' && i+1 < len(r.b):
				i++
				out = append(out, r.b[i])
			default:
				out = append(out, c)
			}
		}
		r.b = nil
		return string(out)
	case r.special('{'):
		size, rest, _ := bytes.Cut(r.b, []byte("}\r\n"))
		n, err := strconv.Atoi(string(size))
		if err != nil || n < 0 || n > len(rest) {
			r.b = nil
			return ""
		}
		r.b = rest[n:]
		return string(rest[:n])
	}
	n := bytes.IndexAny(r.b, " ()")
	if n < 0 {
		n = len(r.b)
	}
	atom := string(r.b[:n])
	r.b = r.b[n:]
	if atom == "NIL" {
		return ""
	}
	return atom
}

// firstAddress takes a list of addresses.
func (r *sexp) firstAddress() (first address) {
	if !r.open() {
		r.text() // NIL
		return first
	}
	for n := 0; r.open(); n++ {
		var a address
		a.name = r.text()
		r.text() // the route
		a.mailbox, a.host = r.text(), r.text()
		r.special(')')
		if n == 0 {
			first = a
		}
	}
	r.special(')')
	return first
}
