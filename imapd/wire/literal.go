package wire

import (
	"io"

	"github.com/emersion/go-imap/v2"
)

// literal is a literal that was announced.
type literal struct {
	size, left int64
	sync, open bool
}

// Literal is the announcement of a literal (RFC 3501 §4.3, RFC 7888, RFC 3516).
type Literal struct {
	Size    int64
	NonSync bool // its octets come without a continuation request
	Binary  bool // literal8: NUL may be among them
}

// Literal takes the announcement of a literal. Open accepts it; a handler
// that returns without that has refused it.
func (d *Decoder) Literal(l *Literal) bool {
	*l = Literal{}
	if l.Binary = d.Special('~'); d.Peek() != '{' {
		return l.Binary && d.Expect(false, "a literal")
	}
	if d.line+maxAnnounced > d.Limits.Line {
		// Here, while the announcement can still be seen as one and read over.
		return d.Bad("The command line is too long.")
	}
	d.Special('{')
	if !d.Expect(d.take(digit), "the size of a literal") {
		if d.line > d.Limits.Line {
			return d.breakUp(ErrDrain)
		}
		return false
	}
	size, fits := parseNumber(d.tok)
	l.Size, l.NonSync = size, d.Special('+')
	if !d.ExpectSpecial('}') {
		return false
	}
	d.Special('\r')
	if !d.ExpectSpecial('\n') {
		return false
	}
	if !fits {
		return d.breakUp(ErrDrain)
	}
	d.lit = literal{size: size, left: size, sync: !l.NonSync}
	if size == 0 && d.lit.sync {
		d.lit.left = 1 // until it is open: the client waits, too
	}
	return true
}

// ExpectLiteral wants the announcement of a literal.
func (d *Decoder) ExpectLiteral(l *Literal) bool { return d.Expect(d.Literal(l), "a literal") }

// Open accepts the literal that was announced last and gives its octets. The
// reader must be read to its end before decoding goes on.
func (d *Decoder) Open() io.Reader {
	if d.lit.sync && !d.lit.open {
		if err := d.Continue(); err != nil {
			d.breakUp(err)
		}
	}
	d.lit.open, d.lit.left = true, d.lit.size
	return (*literalReader)(d)
}

// literalReader reads the octets of the open literal.
type literalReader Decoder

func (r *literalReader) Read(p []byte) (int, error) {
	d := (*Decoder)(r)
	switch {
	case d.broken != nil:
		return 0, d.broken
	case d.lit.left == 0:
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), d.lit.left)]
	var n int
	if d.pos < d.end {
		n = copy(p, d.buf[d.pos:d.end])
		d.pos += n
	} else if len(p) >= len(d.buf) { // past the buffer
		var err error
		if n, err = d.r.Read(p); n == 0 && err != nil {
			d.breakUp(err)
			return 0, d.broken
		}
	} else if d.fill() {
		return r.Read(p)
	} else {
		return 0, d.broken
	}
	d.lit.left -= int64(n)
	return n, nil
}

// keptLiteral takes a literal that is an argument and kept in memory.
func (d *Decoder) keptLiteral(s *string) bool {
	if b, ok := d.peek(); !ok || b != '{' {
		return false
	}
	var l Literal
	if !d.Literal(&l) {
		return false
	}
	if l.Size > d.Limits.Args-d.args {
		return d.Fail(&imap.Error{
			Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeTooBig, Text: "An argument is too long.",
		})
	}
	d.args += l.Size
	b := make([]byte, l.Size)
	if _, err := io.ReadFull(d.Open(), b); err != nil {
		return d.breakUp(err)
	}
	*s = string(b)
	return true
}
