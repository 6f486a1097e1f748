package pop3fetch

import (
	"bytes"
	"errors"
	"io"

	"heimpost/store"
)

// sinkError wraps what went wrong on our side while a body came in.
type sinkError struct{ err error }

func (e *sinkError) Error() string { return e.err.Error() }
func (e *sinkError) Unwrap() error { return e.err }

// body reads the body of RETR or TOP after its reply line and writes it to w
// with its dots undone (RFC 1939 §3). Only CRLF.CRLF ends it: a dot behind a
// bare LF is content. fits is false where it had more than most octets, or more
// than the store takes: then what is beyond was read but not written. A body
// that does not end at four times most ends the session.
func (g *gate) body(w io.Writer, most int64) (fits bool, err error) {
	var n int64
	fits = true
	start := true // at the begin of a line
	put := func(p []byte) error {
		n += int64(len(p))
		if n/4 > most {
			return g.outOfStep("a mail without end")
		}
		if fits = fits && n <= most; !fits {
			return nil
		}
		_, err := w.Write(p)
		if errors.Is(err, store.ErrTooBig) {
			fits = false
			return nil
		}
		if err != nil {
			return g.fail(&sinkError{err})
		}
		return nil
	}
	for {
		buf, err := g.peek(1)
		if err != nil {
			return false, err
		}
		if start && buf[0] == '.' {
			// A line is at least CRLF, so two more octets must come.
			if buf, err = g.peek(3); err != nil {
				return false, err
			}
			g.in.Discard(1)
			if buf[1] == '\r' && buf[2] == '\n' {
				g.in.Discard(2)
				return fits, nil
			}
			start = false
			continue
		}
		if len(buf) == 1 && buf[0] == '\r' {
			if buf, err = g.peek(2); err != nil {
				return false, err
			}
		}
		// Up to the next line that begins with a dot, or as far as can be told.
		end := len(buf)
		start = false
		if i := bytes.Index(buf, crlfDot); i >= 0 {
			end, start = i+2, true
		} else if bytes.HasSuffix(buf, crlfDot[:2]) {
			start = true
		} else if buf[end-1] == '\r' {
			end--
		}
		if err := put(buf[:end]); err != nil {
			return false, err
		}
		g.in.Discard(end)
	}
}

// replyAgain gives the length of a body's first line if it reads like a reply,
// else 0. Either the mail begins so, or a reply that nobody asked for came
// before this one: then the line is the true reply and no part of the mail.
func (g *gate) replyAgain() (length int64, err error) {
	const least = len("+OK\r")
	for n := 1; n <= least; n++ { // a body may be shorter than that
		buf, err := g.peek(n)
		if err != nil {
			return 0, err
		}
		if word := buf[:n]; !bytes.HasPrefix([]byte("+OK"), word[:min(n, 3)]) && !bytes.HasPrefix([]byte("-ERR"), word) {
			return 0, nil
		}
	}
	for n := least; ; n++ {
		buf, err := g.peek(n)
		if err != nil {
			return 0, err
		}
		if i := bytes.Index(buf, []byte("\r\n")); i >= 0 {
			if _, is := statusLine(buf[:i]); is {
				return int64(i + 2), nil
			}
			return 0, nil
		}
		if n = len(buf); n > maxStatus {
			return 0, nil
		}
	}
}

var crlfDot = []byte("\r\n.")

// peek gives all octets that are there, at least n of them.
func (g *gate) peek(n int) ([]byte, error) {
	if g.err != nil {
		return nil, g.err
	}
	if g.in.Buffered() < n {
		if _, err := g.in.Peek(n); err != nil {
			return nil, g.fail(err)
		}
	}
	buf, err := g.in.Peek(g.in.Buffered())
	return buf, g.fail(err)
}
