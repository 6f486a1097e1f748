package wire

import (
	"errors"
	"io"

	"github.com/emersion/go-imap/v2"
)

// Limits bound what a command may be.
type Limits struct {
	Line  int   // octets of a command, its literals aside
	Args  int64 // octets of all its literals that are kept in memory
	Depth int   // of nested lists
	Drain int64 // octets of literals that nobody wants and that are read over
}

// ErrDrain is the reason why a connection has to end: the client would go on
// to send more than is read over.
var ErrDrain = errors.New("a literal is larger than is read over")

// Decoder takes commands apart. It is used by one goroutine.
type Decoder struct {
	// Continue sends the continuation request for a literal whose size was
	// accepted. What it writes need not be flushed.
	Continue func() error
	// UTF8: strings and mailbox names are in UTF-8 (RFC 6855).
	UTF8   bool
	Limits Limits

	r        io.Reader
	buf      []byte
	pos, end int

	err    error // the first one of this command
	broken error // why the connection cannot go on
	eol    bool  // the command was read to its end
	line   int   // octets of the command so far, literals aside
	args   int64 // octets of kept literals so far
	depth  int
	lit    literal
	tok    []byte // scratch
	// cut is how a line ended that broke off within a quoted string: it may
	// have been meant as the announcement of a literal.
	cut []byte
}

// bufferSize is enough for most commands; it is what an idle connection keeps.
const bufferSize = 4 << 10

// NewDecoder reads commands from r. Begin starts the first.
func NewDecoder(r io.Reader) *Decoder {
	return &Decoder{
		r: r, buf: make([]byte, bufferSize), eol: true,
		Limits: Limits{Line: 64 << 10, Args: 256 << 10, Depth: 32, Drain: 64 << 20},
	}
}

// Reset goes on with another reader and gives what was read ahead from the
// one before.
func (d *Decoder) Reset(r io.Reader) (ahead []byte) {
	ahead = append(ahead, d.buf[d.pos:d.end]...)
	d.r, d.pos, d.end = r, 0, 0
	return ahead
}

// Buffered gives the number of octets that were read ahead.
func (d *Decoder) Buffered() int { return d.end - d.pos }

// Begin makes ready for the next command.
func (d *Decoder) Begin() {
	d.err, d.eol, d.line, d.args, d.depth, d.lit = nil, false, 0, 0, 0, literal{}
	d.cut = d.cut[:0]
	if cap(d.tok) > bufferSize {
		d.tok = nil
	}
}

// Wait returns when there is at least one octet to decode. Its error does not
// make the decoder unusable.
func (d *Decoder) Wait() error {
	if d.broken != nil || d.pos < d.end {
		return d.broken
	}
	n, err := d.r.Read(d.buf)
	d.pos, d.end = 0, n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// Err gives the first error of this command: an *imap.Error that can be told
// to the client, or why the connection cannot go on.
func (d *Decoder) Err() error {
	if d.broken != nil {
		return d.broken
	}
	return d.err
}

// Broken gives the reason why the connection cannot go on, if there is one.
func (d *Decoder) Broken() error { return d.broken }

// Fail records an error of this command unless there is one already, and
// gives false.
func (d *Decoder) Fail(err error) bool {
	if d.err == nil {
		d.err = err
	}
	return false
}

// Bad is Fail with a syntax error.
func (d *Decoder) Bad(text string) bool {
	return d.Fail(&imap.Error{Type: imap.StatusResponseTypeBad, Text: text})
}

// Expect records that something was expected, unless ok.
func (d *Decoder) Expect(ok bool, what string) bool {
	if ok {
		return true
	}
	if d.err == nil && d.eol {
		return d.Bad("The command ends too early: expected " + what + ".")
	}
	return d.Bad("Expected " + what + ".")
}

// breakUp ends all decoding.
func (d *Decoder) breakUp(err error) bool {
	if errors.Is(err, io.EOF) && !d.eol {
		err = io.ErrUnexpectedEOF
	}
	if d.broken == nil {
		d.broken = err
	}
	return d.Fail(err)
}

// fill reads more octets; it is called when there are none.
func (d *Decoder) fill() bool {
	for range 100 {
		n, err := d.r.Read(d.buf)
		d.pos, d.end = 0, n
		if n > 0 {
			return true
		}
		if err != nil {
			return d.breakUp(err)
		}
	}
	return d.breakUp(io.ErrNoProgress)
}

// peek gives the next octet of the command without taking it.
func (d *Decoder) peek() (byte, bool) {
	if d.err != nil || d.eol || d.lit.left > 0 || d.pos == d.end && !d.fill() {
		return 0, false
	}
	return d.buf[d.pos], true
}

// Peek gives the next octet of the command without taking it; 0 where there
// is none.
func (d *Decoder) Peek() byte {
	b, _ := d.peek()
	return b
}

// skip takes the octet that peek gave.
func (d *Decoder) skip() {
	d.pos++
	d.count(1)
}

// count keeps account of the command's length.
func (d *Decoder) count(n int) {
	if d.line += n; d.line > d.Limits.Line {
		d.Bad("The command line is too long.")
	}
}

// take collects octets of a class in d.tok, at least one.
func (d *Decoder) take(class uint8) bool {
	d.tok = d.tok[:0]
	for {
		if _, ok := d.peek(); !ok {
			break
		}
		i := d.pos
		for i < d.end && classes[d.buf[i]]&class != 0 {
			i++
		}
		d.tok = append(d.tok, d.buf[d.pos:i]...)
		d.count(i - d.pos)
		d.pos = i
		if i < d.end {
			break
		}
	}
	return len(d.tok) > 0 && d.err == nil
}

// Special takes the octet b.
func (d *Decoder) Special(b byte) bool {
	if got, ok := d.peek(); !ok || got != b {
		return false
	}
	d.skip()
	return d.err == nil
}

// ExpectSpecial wants the octet b.
func (d *Decoder) ExpectSpecial(b byte) bool { return d.Expect(d.Special(b), "'"+string(rune(b))+"'") }

// SP takes a space.
func (d *Decoder) SP() bool { return d.Special(' ') }

// ExpectSP wants a space.
func (d *Decoder) ExpectSP() bool { return d.Expect(d.SP(), "a space") }

// CRLF takes the end of the command. A bare LF is one, too, and spaces before
// it are passed over: some clients leave them.
func (d *Decoder) CRLF() bool {
	for {
		switch b, ok := d.peek(); {
		case !ok:
			return false
		case b == ' ':
			d.skip()
		case b == '\r':
			d.skip()
			if b, ok = d.peek(); !ok || b != '\n' {
				return d.Bad("A carriage return is no end of a line.")
			}
		case b == '\n':
			d.skip()
			d.eol = true
			return d.err == nil
		default:
			return false
		}
	}
}

// ExpectCRLF wants the end of the command.
func (d *Decoder) ExpectCRLF() bool { return d.Expect(d.CRLF(), "the end of the line") }

// List takes a list in parentheses, which may be empty, and calls fn for each
// of its elements, which are separated by spaces. fn gives false when there is
// something wrong with the element.
func (d *Decoder) List(fn func() bool) bool {
	if !d.Special('(') {
		return false
	}
	if d.depth++; d.depth > d.Limits.Depth {
		return d.Bad("Lists are nested too deeply.")
	}
	defer func() { d.depth-- }()
	for first := true; !d.Special(')'); first = false {
		if !first && !d.ExpectSP() {
			return false
		}
		if d.Special(')') { // a space before the parenthesis is no harm
			return true
		}
		if !fn() {
			return d.Bad("There is something wrong in a list.")
		}
	}
	return d.err == nil
}

// ExpectList wants a list.
func (d *Decoder) ExpectList(fn func() bool) bool {
	return d.Expect(d.List(fn), "a list in parentheses")
}

// Finish discards what was not taken of the present command, literals
// included. It gives false when the connection cannot go on.
func (d *Decoder) Finish() bool {
	drained := int64(0)
	for d.broken == nil {
		if d.lit.sync && d.lit.left > 0 && !d.lit.open {
			// The client waits for a continuation request. The tagged NO or
			// BAD that it gets instead ends the command (RFC 3501 §7.5).
			d.eol, d.lit = true, literal{}
		}
		if d.eol {
			return true
		}
		if drained += d.lit.left; drained > d.Limits.Drain {
			return d.breakUp(ErrDrain)
		}
		for d.lit.left > 0 {
			if d.pos == d.end && !d.fill() {
				return false
			}
			n := min(int64(d.end-d.pos), d.lit.left)
			d.pos += int(n)
			d.lit.left -= n
		}
		n, ok := d.discardLine()
		if drained += n; !ok || drained > d.Limits.Drain {
			return d.breakUp(ErrDrain)
		}
	}
	return false
}

// maxAnnounced is more than the announcement of any literal has octets that
// can be read over.
const maxAnnounced = 32

// discardLine reads to the end of a line. If a literal's announcement stands
// there, d.lit is that literal, else the command is at its end.
func (d *Decoder) discardLine() (n int64, ok bool) {
	tail := append(d.tok[:0], d.cut...)
	d.cut = d.cut[:0]
	for {
		if n > d.Limits.Drain {
			return n, false
		}
		if d.pos == d.end && !d.fill() {
			return n, false
		}
		b := d.buf[d.pos]
		d.pos++
		n++
		if b == '\n' {
			break
		}
		if len(tail) >= 2*maxAnnounced {
			tail = append(tail[:0], tail[len(tail)-maxAnnounced:]...)
		}
		tail = append(tail, b)
	}
	d.tok = tail[:0]
	l, is, ok := announced(tail)
	if d.lit = l; !is || l.sync {
		d.eol, d.lit = true, literal{}
	}
	return n, ok
}

// announced reads the announcement of a literal at the end of a line; ok is
// false where its size cannot be read.
func announced(line []byte) (l literal, is, ok bool) {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	n := len(line)
	if n < 3 || line[n-1] != '}' {
		return l, false, true
	}
	n--
	l.sync = true
	if line[n-1] == '+' {
		l.sync = false
		n--
	}
	i := n
	for i > 0 && line[i-1] >= '0' && line[i-1] <= '9' {
		i--
	}
	if i == n || i == 0 && len(line) < maxAnnounced || i > 0 && line[i-1] != '{' {
		return l, false, true
	}
	size, fits := parseNumber(line[i:n])
	l.size, l.left = size, size
	return l, true, fits && i > 0
}

// ReadLine reads a line that is no command (the answer to a continuation
// request), without its line end, of at most limit octets. A literal that is
// announced there is read over by Finish.
func (d *Decoder) ReadLine(limit int) (string, error) {
	line := d.tok[:0]
	for {
		if d.pos == d.end && !d.fill() {
			return "", d.broken
		}
		b := d.buf[d.pos]
		d.pos++
		if b == '\n' {
			break
		}
		if line = append(line, b); len(line) > limit+1 {
			d.breakUp(ErrDrain)
			return "", d.broken
		}
	}
	d.tok = line[:0]
	switch l, is, ok := announced(line); {
	case !ok:
		d.breakUp(ErrDrain)
		return "", d.broken
	case is && !l.sync:
		d.lit, d.eol = l, false
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return string(line), nil
}
