package exchange

import (
	"bufio"
	"io"
)

// flusher is a writer that has to be told that there is no more.
type flusher interface {
	io.Writer
	Flush() error
}

// unixLines writes lines as Unix ends them, and where from is set with a '>'
// before each that begins with "From ", '>'s before it or not (mboxrd). A CRLF
// behind another CR stays: so what was written tells what it was written from,
// as store.Incoming makes CRLF of a bare LF only.
type unixLines struct {
	w    *bufio.Writer
	from bool

	start   bool // of a line; all of it so far is:
	quotes  int  // so many '>'
	matched int  // and so much of "From "
	cr      bool // a CR is held back
	afterCR bool // and stands behind another one
}

const fromWord = "From "

func newUnixLines(w io.Writer, from bool) *unixLines {
	b, is := w.(*bufio.Writer)
	if !is {
		b = bufio.NewWriterSize(w, 64<<10)
	}
	return &unixLines{w: b, from: from, start: from}
}

func (u *unixLines) Write(p []byte) (int, error) {
	for _, c := range p {
		u.put(c)
	}
	return len(p), nil // bufio.Writer remembers its error until Flush
}

func (u *unixLines) put(c byte) {
	if u.start {
		switch {
		case u.matched == 0 && c == '>':
			u.quotes++
			return
		case c == fromWord[u.matched]:
			if u.matched++; u.matched == len(fromWord) {
				u.w.WriteByte('>')
				u.release()
			}
			return
		}
		u.release()
	}
	if u.cr {
		u.cr = false
		if c != '\n' || u.afterCR {
			u.w.WriteByte('\r')
			u.afterCR = true
		}
	} else {
		u.afterCR = false
	}
	if c == '\r' {
		u.cr = true
		return
	}
	u.w.WriteByte(c)
	u.afterCR = false
	u.start = u.from && c == '\n'
}

// release writes what the beginning of a line has held back.
func (u *unixLines) release() {
	for range u.quotes {
		u.w.WriteByte('>')
	}
	u.w.WriteString(fromWord[:u.matched])
	u.start, u.quotes, u.matched = false, 0, 0
}

func (u *unixLines) Flush() error {
	u.release()
	if u.cr {
		u.w.WriteByte('\r')
	}
	u.cr, u.afterCR = false, false
	return u.w.Flush()
}
