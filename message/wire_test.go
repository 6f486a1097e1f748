package message

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"
)

// wireReader reads ENVELOPE and BODYSTRUCTURE as strictly as RFC 3501 §9 says,
// and takes nothing else. Errors are panics of type wireError.
type wireReader struct {
	b     []byte
	parts []wirePart // in the order in which they stand
}

type wirePart struct {
	kind string
	size int
}

type wireError string

func (r *wireReader) fail(format string, args ...any) {
	panic(wireError(fmt.Sprintf(format, args...) + fmt.Sprintf(" at %.60q", r.b)))
}

func (r *wireReader) literally(s string) {
	if !bytes.HasPrefix(r.b, []byte(s)) {
		r.fail("want %q", s)
	}
	r.b = r.b[len(s):]
}

func (r *wireReader) at(s string) bool { return bytes.HasPrefix(r.b, []byte(s)) }

func (r *wireReader) str() string {
	switch {
	case r.at(`"`):
		var s []byte
		for i := 1; i < len(r.b); i++ {
			switch c := r.b[i]; {
			case c == '"':
				r.b = r.b[i+1:]
				return string(s)
			case c == '\\':
				i++
				if i == len(r.b) || r.b[i] != '"' && r.b[i] != '\\' {
					r.fail("quoted what needs no quoting")
				}
				s = append(s, r.b[i])
			case c == 0 || c == '\r' || c == '\n' || c >= 128:
				r.fail("%q in a quoted string", c)
			default:
				s = append(s, c)
			}
		}
		r.fail("a quoted string does not end")
	case r.at("{"):
		r.literally("{")
		n := r.number()
		r.literally("}\r\n")
		if n > len(r.b) {
			r.fail("literal too short")
		}
		s := r.b[:n]
		if bytes.IndexByte(s, 0) >= 0 {
			r.fail("NUL in a literal")
		}
		r.b = r.b[n:]
		return string(s)
	}
	r.fail("want a string")
	return ""
}

func (r *wireReader) nstr() (s string, there bool) {
	if r.at("NIL") {
		r.literally("NIL")
		return "", false
	}
	return r.str(), true
}

func (r *wireReader) number() int {
	i := 0
	for i < len(r.b) && '0' <= r.b[i] && r.b[i] <= '9' {
		i++
	}
	n, err := strconv.Atoi(string(r.b[:i]))
	if err != nil {
		r.fail("want a number")
	}
	r.b = r.b[i:]
	return n
}

func (r *wireReader) params() {
	if r.at("NIL") {
		r.literally("NIL")
		return
	}
	r.literally("(")
	for {
		r.str()
		r.literally(" ")
		r.str()
		if r.at(")") {
			break
		}
		r.literally(" ")
	}
	r.literally(")")
}

func (r *wireReader) envelope() {
	r.literally("(")
	r.nstr()
	r.literally(" ")
	r.nstr()
	for range 6 {
		r.literally(" ")
		r.addresses()
	}
	r.literally(" ")
	r.nstr()
	r.literally(" ")
	r.nstr()
	r.literally(")")
}

func (r *wireReader) addresses() {
	if r.at("NIL") {
		r.literally("NIL")
		return
	}
	r.literally("(")
	group := false
	for !r.at(")") {
		r.literally("(")
		_, name := r.nstr()
		r.literally(" ")
		_, route := r.nstr()
		r.literally(" ")
		_, mailbox := r.nstr()
		r.literally(" ")
		_, host := r.nstr()
		r.literally(")")
		switch {
		case host && !mailbox:
			r.fail("a host without mailbox")
		case !host && (name || route):
			r.fail("a group with a name beside it")
		case !host && mailbox == group:
			r.fail("groups in one another")
		case !host:
			group = mailbox
		}
	}
	r.literally(")")
	if group {
		r.fail("a group does not end")
	}
}

func (r *wireReader) body(ext bool, depth int) {
	if depth > 2*maxDepth {
		r.fail("too deep")
	}
	r.literally("(")
	if r.at("(") {
		i := len(r.parts)
		r.parts = append(r.parts, wirePart{})
		for r.at("(") {
			r.body(ext, depth+1)
		}
		r.literally(" ")
		r.parts[i].kind = "multipart/" + r.str()
		if ext {
			r.literally(" ")
			r.params()
			r.extension()
		}
		r.literally(")")
		return
	}
	t := r.str()
	r.literally(" ")
	sub := r.str()
	r.literally(" ")
	r.params()
	r.literally(" ")
	r.nstr()
	r.literally(" ")
	r.nstr()
	r.literally(" ")
	r.str()
	r.literally(" ")
	r.parts = append(r.parts, wirePart{t + "/" + sub, r.number()})
	mail := t == "message" && (sub == "rfc822" || sub == "global")
	if mail {
		r.literally(" ")
		r.envelope()
		r.literally(" ")
		r.body(ext, depth+1)
	}
	if mail || t == "text" {
		r.literally(" ")
		r.number()
	}
	if ext {
		r.literally(" ")
		r.nstr()
		r.extension()
	}
	r.literally(")")
}

// extension reads what follows body-fld-md5 or a multipart's parameters.
func (r *wireReader) extension() {
	r.literally(" ")
	if r.at("NIL") {
		r.literally("NIL")
	} else {
		r.literally("(")
		r.str()
		r.literally(" ")
		r.params()
		r.literally(")")
	}
	r.literally(" ")
	if r.at("(") {
		r.literally("(")
		r.str()
		for !r.at(")") {
			r.literally(" ")
			r.str()
		}
		r.literally(")")
	} else {
		r.nstr()
	}
	r.literally(" ")
	r.nstr()
}

// readWire says what is wrong with a wire form, "" for nothing.
func readWire(b []byte, read func(*wireReader)) (parts []wirePart, problem string) {
	r := &wireReader{b: b}
	defer func() {
		if e, ok := recover().(wireError); ok {
			problem = string(e)
		}
	}()
	read(r)
	if len(r.b) > 0 {
		r.fail("left over")
	}
	return r.parts, ""
}

// checkWire checks a mail's wire forms, and that they tell of the tree.
func checkWire(t testing.TB, m *Message) {
	t.Helper()
	if _, problem := readWire(m.Envelope, (*wireReader).envelope); problem != "" {
		t.Fatalf("ENVELOPE: %s\n%q", problem, m.Envelope)
	}
	var want []wirePart
	var walk func(p *Part)
	walk = func(p *Part) {
		w := wirePart{p.Type + "/" + p.Subtype, int(p.End - p.Body)}
		if p.Type == "multipart" {
			w.size = 0
		}
		want = append(want, w)
		for _, kid := range p.Children {
			walk(kid)
		}
	}
	walk(m.Root)
	for _, ext := range []bool{true, false} {
		b := m.BodyStructure
		if !ext {
			b = Body(b)
		}
		parts, problem := readWire(b, func(r *wireReader) { r.body(ext, 0) })
		if problem != "" {
			t.Fatalf("BODYSTRUCTURE (extension data: %v): %s\n%q", ext, problem, b)
		}
		if fmt.Sprint(parts) != fmt.Sprint(want) {
			t.Fatalf("BODYSTRUCTURE tells of %v, the tree of %v", parts, want)
		}
	}
}

// TestBodyTakesAnything: what no Scanner made is given back, or what can be.
func TestBodyTakesAnything(t *testing.T) {
	whole := scanBytes([]byte(crlf("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\nContent-Description: \xfc \"\n\nSubject: \xe4\n\nx\n--b--\n"))).BodyStructure
	for i := range whole {
		if got := Body(whole[:i]); !bytes.Equal(got, whole[:i]) {
			t.Errorf("of %q: %q", whole[:i], got)
		}
	}
}
