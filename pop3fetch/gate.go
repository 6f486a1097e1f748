package pop3fetch

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

const (
	// gateBuffer is also the longest line that is taken.
	gateBuffer = 64 << 10
	// maxStatus bounds a reply line. RFC 2449 §4 says 512 octets; providers
	// that explain themselves with addresses of help pages write more.
	maxStatus = 1024
	// flushAt bounds the commands that wait to be sent together.
	flushAt = 4 << 10
)

// gate is the connection under go-pop3: a net.Conn whose Read never returns
// more than one line, and that line a reply as RFC 1939 has it. So the library
// cannot read ahead, and listings and bodies are read from here, strictly:
// only CRLF ends a line, only CRLF.CRLF a body.
//
// Written commands wait until something must be read, so that pipelined ones
// leave together. The first error stays: after it nothing can be read or sent.
type gate struct {
	raw  net.Conn // the socket: what deadlines are set on
	conn net.Conn // the same, or TLS on it
	in   *bufio.Reader
	out  []byte

	idle     time.Duration // without an octet
	patience time.Duration // instead of idle for the reply at hand; 0: idle
	until    time.Time     // when the session ends at the latest

	replay  []byte // the greeting, to be read once more by go-pop3
	pending []byte // rest of a line that Read has not yet given
	err     error
}

func newGate(raw net.Conn, idle time.Duration, until time.Time) *gate {
	g := &gate{raw: raw, conn: raw, idle: idle, until: until}
	g.in = bufio.NewReaderSize(source{g}, gateBuffer)
	return g
}

// use goes on over TLS. Nothing that came before it counts (RFC 2595 §4).
func (g *gate) use(conn net.Conn) {
	g.conn = conn
	g.in.Reset(source{g})
}

// source reads from the connection, each time with a new deadline.
type source struct{ g *gate }

func (s source) Read(p []byte) (int, error) {
	g := s.g
	if err := g.flush(); err != nil {
		return 0, err
	}
	wait := g.idle
	if g.patience > 0 {
		wait = g.patience
	}
	g.raw.SetReadDeadline(g.deadline(wait))
	return g.conn.Read(p)
}

func (g *gate) deadline(wait time.Duration) time.Time {
	at := time.Now().Add(wait)
	if !g.until.IsZero() && g.until.Before(at) {
		return g.until
	}
	return at
}

func (g *gate) flush() error {
	if g.err != nil {
		return g.err
	}
	if len(g.out) == 0 {
		return nil
	}
	g.raw.SetWriteDeadline(g.deadline(g.idle))
	_, err := g.conn.Write(g.out)
	g.out = g.out[:0]
	return g.fail(err)
}

// fail keeps the first error.
func (g *gate) fail(err error) error {
	if g.err == nil && err != nil {
		if errors.Is(err, io.EOF) {
			err = errCut
		}
		g.err = err
	}
	return g.err
}

// errCut: the other end has gone.
var errCut = errors.New("the connection was cut")

// stepError says that an answer breaks the protocol. Whatever comes after it
// cannot be trusted.
type stepError string

func (e stepError) Error() string { return "the provider's answer breaks the POP3 rules: " + string(e) }

func (g *gate) outOfStep(format string, args ...any) error {
	return g.fail(stepError(fmt.Sprintf(format, args...)))
}

// Read gives one reply line, or a piece of it.
func (g *gate) Read(p []byte) (int, error) {
	if len(g.pending) == 0 {
		line, err := g.status()
		if err != nil {
			return 0, err
		}
		g.pending = line
	}
	n := copy(p, g.pending)
	g.pending = g.pending[n:]
	return n, nil
}

// status reads a reply line, with its CRLF.
func (g *gate) status() ([]byte, error) {
	if g.replay != nil {
		line := g.replay
		g.replay = nil
		return line, nil
	}
	line, err := g.line(maxStatus)
	if err != nil {
		return nil, err
	}
	line, ok := statusLine(line)
	if !ok {
		return nil, g.outOfStep("neither +OK nor -ERR but %.80q", line)
	}
	return append(bytes.Clone(line), '\r', '\n'), nil
}

// statusLine checks a reply line (RFC 1939 §3) and gives it with the blank
// that go-pop3 wants between -ERR and a response code.
func statusLine(line []byte) ([]byte, bool) {
	for _, word := range []string{"+OK", "-ERR"} {
		rest, is := bytes.CutPrefix(line, []byte(word))
		switch {
		case !is:
		case len(rest) == 0, rest[0] == ' ':
			return line, true
		case rest[0] == '[' && word == "-ERR":
			return append([]byte("-ERR "), rest...), true
		}
	}
	return line, false
}

// line reads a line and gives it without its CRLF, valid until the next read.
func (g *gate) line(most int) ([]byte, error) {
	if g.err != nil {
		return nil, g.err
	}
	line, err := g.in.ReadSlice('\n')
	if err == bufio.ErrBufferFull || err == nil && len(line) > most {
		return nil, g.outOfStep("a line of more than %d octets", most)
	}
	if err != nil {
		return nil, g.fail(err)
	}
	line, is := bytes.CutSuffix(line, []byte("\r\n"))
	if !is {
		return nil, g.outOfStep("a line that does not end with CRLF")
	}
	return line, nil
}

// lines reads a multi-line answer after its reply line and calls fn with each
// line, its dot undone.
func (g *gate) lines(most int, fn func(line []byte)) error {
	for n := 0; ; n++ {
		line, err := g.line(4 * maxStatus)
		if err != nil {
			return err
		}
		if rest, dot := bytes.CutPrefix(line, []byte(".")); dot {
			if len(rest) == 0 {
				return nil
			}
			line = rest
		}
		if n == most {
			return g.outOfStep("a listing of more than %d lines", most)
		}
		fn(line)
	}
}

// quiet reports whether nothing has come in that nobody asked for.
func (g *gate) quiet() bool { return len(g.pending) == 0 && g.replay == nil && g.in.Buffered() == 0 }

// Write takes a command to be sent with the next read.
func (g *gate) Write(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	g.out = append(g.out, p...)
	if len(g.out) >= flushAt {
		if err := g.flush(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Close ends the connection without a word.
func (g *gate) Close() error { return g.raw.Close() }

func (g *gate) LocalAddr() net.Addr              { return g.raw.LocalAddr() }
func (g *gate) RemoteAddr() net.Addr             { return g.raw.RemoteAddr() }
func (g *gate) SetDeadline(time.Time) error      { return nil } // the gate sets its own
func (g *gate) SetReadDeadline(time.Time) error  { return nil }
func (g *gate) SetWriteDeadline(time.Time) error { return nil }
