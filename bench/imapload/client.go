package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// client is a raw IMAP connection that reads every answer to its end and
// counts it, and keeps nothing of it.
type client struct {
	nc   net.Conn
	r    *bufio.Reader
	tag  int
	line []byte
}

// answer is what a command brought.
type answer struct {
	untagged int   // responses with "*"
	fetches  int   // of them FETCH
	hits     int   // numbers in SEARCH
	bytes    int64 // octets on the wire
	text     string
}

// patience bounds every wait for a server.
const patience = 2 * time.Minute

// dial connects and reads the greeting.
func dial(addr string, useTLS bool) (*client, error) {
	// Without a timeout, which would cost two goroutines, and keep-alives: on
	// loopback a connection is there at once or refused.
	nc, err := (&net.Dialer{KeepAlive: -1}).Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	if useTLS {
		// A benchmark on loopback has nothing to verify.
		nc = tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
	}
	c := &client{nc: nc, r: readers.Get().(*bufio.Reader)}
	c.r.Reset(nc)
	if _, err := c.response(); err != nil {
		nc.Close()
		return nil, fmt.Errorf("greeting: %w", err)
	}
	return c, nil
}

// readers are used again, so that this program's own work stays small beside
// a login.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 1<<20) }}

func (c *client) close() {
	c.nc.Close()
	c.free()
}

// free gives up the buffer of a connection that reads nothing more.
func (c *client) free() {
	if c.r != nil {
		readers.Put(c.r)
		c.r = nil
	}
}

// login connects and logs in.
func login(s *server, useTLS bool) (*client, error) {
	addr := s.addr
	if useTLS {
		addr = s.tlsAddr
	}
	c, err := dial(addr, useTLS)
	if err != nil {
		return nil, err
	}
	if _, err := c.do("LOGIN %s %s", s.user, s.password); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// do sends a command and reads its answer; NO and BAD are errors.
func (c *client) do(format string, args ...any) (answer, error) {
	cmd := fmt.Sprintf(format, args...)
	if err := c.send(cmd + "\r\n"); err != nil {
		return answer{}, err
	}
	return c.finish(cmd)
}

// send writes a command under the next tag.
func (c *client) send(cmd string) error {
	c.tag++
	c.nc.SetDeadline(time.Now().Add(patience))
	_, err := fmt.Fprintf(c.nc, "a%d %s", c.tag, cmd)
	return err
}

// finish reads up to the tagged response.
func (c *client) finish(cmd string) (a answer, err error) {
	want := fmt.Appendf(nil, "a%d ", c.tag)
	for {
		n, err := c.response()
		if err != nil {
			return a, fmt.Errorf("%.60s: %w", cmd, err)
		}
		a.bytes += n
		switch {
		case bytes.HasPrefix(c.line, want):
			a.text = string(c.line[len(want):])
			if !bytes.HasPrefix(c.line[len(want):], []byte("OK")) {
				return a, fmt.Errorf("%.60s: %s", cmd, a.text)
			}
			return a, nil
		case bytes.HasPrefix(c.line, []byte("* SEARCH")):
			a.hits += bytes.Count(c.line, []byte(" ")) - 1
		case isFetch(c.line):
			a.fetches++
		}
		a.untagged++
	}
}

// isFetch reports whether a line begins a FETCH response.
func isFetch(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("* "))
	if !ok {
		return false
	}
	for len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9' {
		rest = rest[1:]
	}
	return bytes.HasPrefix(rest, []byte(" FETCH "))
}

// response reads one response with its literals. c.line keeps its text up to
// the first literal; n counts all octets.
func (c *client) response() (n int64, err error) {
	for first := true; ; first = false {
		line, err := c.r.ReadSlice('\n')
		n += int64(len(line))
		if err != nil {
			return n, err
		}
		if first {
			c.line = append(c.line[:0], line...)
		}
		size := literal(line)
		if size < 0 {
			return n, nil
		}
		k, err := c.r.Discard(size)
		n += int64(k)
		if err != nil {
			return n, err
		}
	}
}

// literal gives the size of the literal that a line announces, else -1.
func literal(line []byte) int {
	line = bytes.TrimRight(line, "\r\n")
	open := bytes.LastIndexByte(line, '{')
	if open < 0 || line[len(line)-1] != '}' {
		return -1
	}
	n, err := strconv.Atoi(string(line[open+1 : len(line)-1]))
	if err != nil {
		return -1
	}
	return n
}

// append sends one message with a non-synchronising literal.
func (c *client) append(mailbox string, mail []byte) error {
	c.tag++
	c.nc.SetDeadline(time.Now().Add(patience))
	head := fmt.Appendf(nil, "a%d APPEND %s {%d+}\r\n", c.tag, mailbox, len(mail))
	bufs := net.Buffers{head, mail, []byte("\r\n")}
	if _, err := bufs.WriteTo(c.nc); err != nil {
		return err
	}
	_, err := c.finish("APPEND")
	return err
}

// await reads responses until one contains text.
func (c *client) await(text string) error {
	for {
		if _, err := c.response(); err != nil {
			return err
		}
		if bytes.Contains(c.line, []byte(text)) {
			return nil
		}
	}
}
