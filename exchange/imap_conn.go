package exchange

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// patientConn ends when the other end sends, or takes, nothing for too long.
// What waits for the disk here is no fault there, so deadlines that others set
// do not count.
type patientConn struct{ net.Conn }

func (c *patientConn) Read(p []byte) (int, error) {
	c.Conn.SetReadDeadline(time.Now().Add(imapPatience))
	return c.Conn.Read(p)
}

func (c *patientConn) Write(p []byte) (int, error) {
	c.Conn.SetWriteDeadline(time.Now().Add(imapPatience))
	return c.Conn.Write(p)
}

func (c *patientConn) SetDeadline(time.Time) error { return nil }

func (c *patientConn) SetReadDeadline(time.Time) error { return nil }

func (c *patientConn) SetWriteDeadline(time.Time) error { return nil }

// meter bounds what a server sends. It sees all that is read and written,
// inside TLS; what is written is little.
type meter struct {
	left     atomic.Int64
	exceeded atomic.Bool
}

// allow says how much may come from now on.
func (m *meter) allow(n int64) { m.left.Store(n) }

func (m *meter) Write(p []byte) (int, error) {
	if m.left.Add(-int64(len(p))) < 0 {
		m.exceeded.Store(true)
	}
	if err := m.over(); err != nil {
		return 0, err
	}
	return len(p), nil
}

// over is errTooMuch after more has come than was allowed.
func (m *meter) over() error {
	if m.exceeded.Load() {
		return errTooMuch
	}
	return nil
}

// pass passes over what is left of a mail.
func (s *imapSource) pass(body *wholeLiteral, m *Mail) error {
	if body.left > maxRest {
		return fmt.Errorf("%s: the server sends %d MiB more than this hub accepts of a mail", m.Where, body.left>>20)
	}
	if body.left > 0 {
		io.Copy(io.Discard, body) // its error stays in body
	}
	return nil
}

// wholeLiteral reads a literal and knows a connection's end from its own.
type wholeLiteral struct {
	r     io.Reader
	left  int64
	err   error  // of the connection
	meter *meter // nil: the literal counts as the rest of an answer does
}

func (w *wholeLiteral) Read(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.r.Read(p)
	if w.meter != nil {
		w.meter.left.Add(int64(n))
	}
	if w.left -= int64(n); err == nil || errors.Is(err, io.EOF) && w.left == 0 {
		return n, err
	}
	if w.err = err; errors.Is(err, io.EOF) {
		w.err = io.ErrUnexpectedEOF
	}
	return n, w.err
}
