package pop3d

import (
	"errors"
	"net"
)

// Script makes a connection go wrong. The zero Script keeps the RFC.
type Script struct {
	// On sees each command with its reply before anything is changed or sent.
	On func(c *Command)
	// Cut, if not nil, ends the connection when that many octets were sent;
	// under TLS they are counted before encryption.
	Cut *int64
	// CutIn, if not nil, ends it likewise when that many octets came in.
	CutIn *int64
	// OnCut, if not nil, is called when Cut or CutIn ended the connection.
	OnCut func()
}

// Command is a command that came in, and the reply to it. A Script changes
// what it likes.
type Command struct {
	Conn int    // the connection's number, from 0
	Verb string // in capitals; "" for the greeting; AUTH's and STLS's steps are one command
	Arg  string
	// Mail is the mail that RETR, DELE, TOP, LIST n or UIDL n names; nil if
	// there is none.
	Mail *Mail
	// Deletes are the mails that QUIT is about to remove.
	Deletes []Mail

	Out    []byte          // the whole reply, end of body included
	Ignore bool            // reply, but do nothing
	Close  bool            // end the connection after Out
	Hold   <-chan struct{} // wait before doing and replying anything
}

// Reply answers with this line and does nothing.
func (c *Command) Reply(line string) { c.Out, c.Ignore = []byte(line+"\r\n"), true }

// Vanish ends the connection without an answer and does nothing: the command
// never arrived.
func (c *Command) Vanish() { c.Out, c.Ignore, c.Close = nil, true, true }

// Lose does what the command says and ends the connection without an answer.
func (c *Command) Lose() { c.Out, c.Close = nil, true }

// errCut ends a connection by its script.
var errCut = errors.New("cut by the script")

// cutConn ends after some octets out or in.
type cutConn struct {
	net.Conn
	out, in *int64 // what is left
	done    func() // OnCut
}

func (c *cutConn) cut() error {
	if c.done != nil {
		c.done()
	}
	return errCut
}

func (c *cutConn) Write(p []byte) (int, error) {
	if c.out == nil {
		return c.Conn.Write(p)
	}
	rest := p
	if int64(len(p)) >= *c.out {
		rest = p[:*c.out]
	}
	n, err := c.Conn.Write(rest)
	*c.out -= int64(n)
	if err == nil && *c.out == 0 {
		err = c.cut()
	}
	return n, err
}

func (c *cutConn) Read(p []byte) (int, error) {
	if c.in == nil {
		return c.Conn.Read(p)
	}
	if *c.in <= 0 {
		return 0, c.cut()
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), *c.in)])
	*c.in -= int64(n)
	return n, err
}
