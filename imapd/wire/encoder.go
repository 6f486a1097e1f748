package wire

import (
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-imap/v2"
)

// outSize is the size of the buffer for output, and so of the largest write.
const outSize = 32 << 10

var buffers = sync.Pool{New: func() any { return new([outSize]byte) }}

// Encoder puts responses together. It writes when its buffer is full and when
// Flush is called, and has no buffer when there is nothing to be written. Its
// methods give the Encoder itself, so that a response is one expression; the
// first error of writing is kept for Err.
type Encoder struct {
	// UTF8: strings and mailbox names go out in UTF-8 (RFC 6855).
	UTF8 bool

	w   io.Writer
	buf *[outSize]byte
	n   int
	err error
}

// NewEncoder writes responses to w.
func NewEncoder(w io.Writer) *Encoder { return &Encoder{w: w} }

// Reset goes on with another writer. What is pending must have been flushed.
func (e *Encoder) Reset(w io.Writer) { e.w = w }

// Err gives the first error.
func (e *Encoder) Err() error { return e.err }

// Buffered gives the number of octets that wait to be written.
func (e *Encoder) Buffered() int { return e.n }

// Flush writes what is pending.
func (e *Encoder) Flush() error {
	e.write()
	if e.buf != nil {
		buffers.Put(e.buf)
		e.buf = nil
	}
	return e.err
}

func (e *Encoder) write() {
	if e.n > 0 && e.err == nil {
		_, e.err = e.w.Write(e.buf[:e.n])
	}
	e.n = 0
}

// room gives the free part of the buffer, at least one octet of it.
func (e *Encoder) room() []byte {
	if e.buf == nil {
		e.buf = buffers.Get().(*[outSize]byte)
	}
	if e.n == outSize {
		e.write()
	}
	return e.buf[e.n:]
}

// Write makes the Encoder an io.Writer for octets that are ready for the wire.
func (e *Encoder) Write(p []byte) (int, error) {
	e.Bytes(p)
	return len(p), e.err
}

// Bytes adds octets that are ready for the wire.
func (e *Encoder) Bytes(p []byte) *Encoder {
	for len(p) > 0 && e.err == nil {
		n := copy(e.room(), p)
		e.n += n
		p = p[n:]
	}
	return e
}

// Raw adds text that is ready for the wire, such as "* OK [ALERT] Beware.".
func (e *Encoder) Raw(s string) *Encoder {
	for len(s) > 0 && e.err == nil {
		n := copy(e.room(), s)
		e.n += n
		s = s[n:]
	}
	return e
}

// Special adds one octet.
func (e *Encoder) Special(b byte) *Encoder {
	if e.err == nil {
		e.room()[0] = b
		e.n++
	}
	return e
}

// SP adds a space.
func (e *Encoder) SP() *Encoder { return e.Special(' ') }

// CRLF ends a response.
func (e *Encoder) CRLF() *Encoder { return e.Raw("\r\n") }

// Atom adds an atom.
func (e *Encoder) Atom(s string) *Encoder { return e.Raw(s) }

// Number adds a number.
func (e *Encoder) Number(n uint64) *Encoder {
	var b [20]byte
	if e.err == nil && e.buf != nil && outSize-e.n >= len(b) {
		e.n += len(strconv.AppendUint(e.buf[e.n:e.n], n, 10))
		return e
	}
	return e.Bytes(strconv.AppendUint(b[:0], n, 10))
}

// String adds a string: quoted where it can be, else as a literal.
func (e *Encoder) String(s string) *Encoder {
	if len(s) > 1<<10 || !e.quotable(s) {
		return e.Literal(int64(len(s))).Raw(s)
	}
	e.Special('"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			e.Special('\\')
		}
		e.Special(s[i])
	}
	return e.Special('"')
}

func (e *Encoder) quotable(s string) bool {
	ascii := true
	for i := range len(s) {
		switch b := s[i]; {
		case b == 0 || b == '\r' || b == '\n':
			return false
		case b >= 0x80:
			ascii = false
		}
	}
	return ascii || e.UTF8 && utf8.ValidString(s)
}

// NString adds a string, or NIL unless ok.
func (e *Encoder) NString(s string, ok bool) *Encoder {
	if !ok {
		return e.Raw("NIL")
	}
	return e.String(s)
}

// Mailbox adds a mailbox name, which is given in UTF-8: as an atom where all
// clients read it so, else as a string.
func (e *Encoder) Mailbox(name string) *Encoder {
	if !e.UTF8 {
		name = EncodeUTF7(name)
	}
	return e.String(name)
}

// List adds a list of n elements in parentheses, each added by fn.
func (e *Encoder) List(n int, fn func(i int)) *Encoder {
	e.Special('(')
	for i := range n {
		if i > 0 {
			e.SP()
		}
		fn(i)
	}
	return e.Special(')')
}

// Flags adds a list of flags.
func (e *Encoder) Flags(flags []imap.Flag) *Encoder {
	return e.List(len(flags), func(i int) { e.Raw(string(flags[i])) })
}

// NumSet adds a set of numbers, which must not be empty.
func (e *Encoder) NumSet(set imap.NumSet) *Encoder { return e.Raw(set.String()) }

// UIDs adds ascending UIDs, at least one, as a set; neighbours become ranges.
func (e *Encoder) UIDs(uids []imap.UID) *Encoder {
	for i := 0; i < len(uids); {
		j := i
		for j+1 < len(uids) && uids[j+1] == uids[j]+1 {
			j++
		}
		if i > 0 {
			e.Special(',')
		}
		e.Number(uint64(uids[i]))
		if j > i {
			e.Special(':').Number(uint64(uids[j]))
		}
		i = j + 1
	}
	return e
}

// DateTime adds a date with time and zone (INTERNALDATE).
func (e *Encoder) DateTime(t time.Time) *Encoder {
	var b [40]byte
	return e.Special('"').Bytes(t.AppendFormat(b[:0], dateTimeLayout)).Special('"')
}

// Literal adds the announcement of a literal, whose octets must follow.
func (e *Encoder) Literal(size int64) *Encoder {
	return e.Special('{').Number(uint64(size)).Raw("}\r\n")
}

// Literal8 adds the announcement of a literal in which NUL may be (RFC 3516).
func (e *Encoder) Literal8(size int64) *Encoder { return e.Special('~').Literal(size) }

// Copy adds n octets of r, as they are: the content of a literal. When r has
// less, the client would take the next response for content: that is an error
// after which nothing is written any more.
func (e *Encoder) Copy(r io.Reader, n int64) error {
	for n > 0 && e.err == nil {
		b := e.room()
		got, err := r.Read(b[:min(int64(len(b)), n)])
		e.n += got
		if n -= int64(got); n > 0 && err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			e.err = fmt.Errorf("read a literal's content: %w", err)
		}
	}
	return e.err
}

// Buffer gives a buffer for copying; Release takes it back.
func Buffer() []byte { return buffers.Get().(*[outSize]byte)[:] }

// Release takes back what Buffer gave.
func Release(b []byte) { buffers.Put((*[outSize]byte)(b)) }
