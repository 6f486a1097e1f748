package imapd

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
)

// conn is one client's connection. Its goroutine owns all fields that no
// comment gives to others.
type conn struct {
	srv *Server
	log *slog.Logger

	raw      net.Conn
	stream   stream
	implicit bool         // begins with TLS
	tls      bool         // is encrypted now
	remote   netip.Addr   // invalid for a pipe
	net      netip.Prefix // what ConnectionsPerIP counts

	ctx    context.Context // ends when the connection is cut
	cancel context.CancelFunc

	login   *Login        // nil before login
	left    chan struct{} // closed when the login ends; nil unless it can be revoked
	refused int           // logins
	sel     *session      // nil unless a mailbox is selected
	first   bool          // the next item of a FETCH response is its first
	// enabled are the extensions that the client has enabled, in upper case.
	enabled map[string]bool
	client  map[string]string // what it said of itself by ID

	in   *wire.Decoder
	out  *wire.Encoder
	cmd  running // the command that is being served
	bads int     // commands in a row that were none

	compressed bool
	notify     *notify   // nil unless the client wants to hear of changes at any time
	onPanic    func(any) // for tests

	mu  sync.Mutex
	bye string // why the connection shall end; "" as long as it shall not
}

func newConn(s *Server, nc net.Conn, implicitTLS bool) *conn {
	c := &conn{srv: s, raw: nc, implicit: implicitTLS}
	if a, err := netip.ParseAddrPort(nc.RemoteAddr().String()); err == nil {
		c.remote = a.Addr().Unmap().WithZone("")
		bits := 32
		if c.remote.Is6() {
			bits = 64
		}
		c.net, _ = c.remote.Prefix(bits)
	}
	c.log = s.cfg.Log.With("remote", c.remote)
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	c.stream = stream{nc: nc, times: &s.cfg.Timeouts, loginBy: time.Now().Add(s.cfg.Timeouts.Login)}
	c.in, c.out = wire.NewDecoder(&c.stream), wire.NewEncoder(&c.stream)
	c.in.Limits = limitsBefore
	c.in.Continue = func() error { return c.out.Raw("+ OK\r\n").Err() }
	c.stream.flush = c.out.Flush
	return c
}

// end asks the connection to say BYE with this text as soon as its running
// command is done. Any goroutine may call it; the first text stands.
func (c *conn) end(text string) {
	c.mu.Lock()
	if c.bye == "" {
		c.bye = text
	}
	c.mu.Unlock()
	c.stream.wake()
}

// ending gives the text of end, if it was called.
func (c *conn) ending() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bye
}

// cut ends the connection without a word. Any goroutine may call it.
func (c *conn) cut() {
	c.cancel()
	c.raw.Close()
}

// isLocal reports whether the client is on this machine.
func (c *conn) isLocal() bool { return !c.remote.IsValid() || c.remote.IsLoopback() }

// mustEncrypt reports whether a password would be readable on the way.
func (c *conn) mustEncrypt() bool { return c.login == nil && !c.tls && !c.isLocal() }

// mayLogIn reports whether a password is taken now.
func (c *conn) mayLogIn() bool { return c.login == nil && !c.mustEncrypt() }

// canStartTLS reports whether STARTTLS is possible now.
func (c *conn) canStartTLS() bool { return c.login == nil && !c.tls && c.srv.cfg.TLS != nil }

// startTLS shakes hands and goes on encrypted.
func (c *conn) startTLS() error {
	tc := tls.Server(c.raw, c.srv.cfg.TLS)
	if err := c.raw.SetDeadline(c.stream.loginBy); err != nil {
		return err
	}
	if err := tc.HandshakeContext(c.ctx); err != nil {
		return err
	}
	c.stream.mu.Lock()
	c.stream.nc = tc
	c.stream.mu.Unlock()
	c.tls = true
	return nil
}

// serve runs the connection to its end.
func (c *conn) serve() {
	defer c.close()
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("imap: a connection failed by a fault of Heimpost", "panic", p, "stack", string(debug.Stack()))
			if c.onPanic != nil {
				c.onPanic(p)
			}
			c.sayBye("Heimpost made a mistake. The operator finds it in the log.")
		}
	}()
	if c.implicit {
		if err := c.startTLS(); err != nil {
			c.log.Debug("imap: no TLS handshake", "error", err)
			return
		}
	}
	c.status("*", imap.StatusResponseTypeOK, c.capabilityCode(), "Heimpost is ready.")
	c.stream.rest()
	for {
		if text := c.ending(); text != "" {
			c.sayBye(text)
			return
		}
		if c.notify != nil {
			if err := c.tellNotify(); err != nil {
				c.failed("NOTIFY", err)
				c.stopNotify()
			}
		}
		if err := c.await(); errors.Is(err, errWoken) {
			continue
		} else if err != nil {
			c.lost(err)
			return
		}
		if !c.serveCommand() {
			return
		}
		c.stream.rest()
	}
}

// await returns when a command begins to arrive, or with errWoken.
func (c *conn) await() error {
	c.stream.pause(true)
	defer c.stream.pause(false)
	return c.in.Wait()
}

// reject tells a client that is not wanted why, and ends.
func (c *conn) reject(text string) {
	defer c.close()
	c.stream.loginBy = time.Now().Add(min(5*time.Second, c.srv.cfg.Timeouts.Login))
	if c.implicit && c.startTLS() != nil {
		return
	}
	c.sayBye(text)
}

// sayBye tells the client, if it still listens, why the connection ends.
func (c *conn) sayBye(text string) {
	c.stream.loginBy = time.Now().Add(byeTime)
	c.out.Raw("* BYE ").Raw(sentence(text)).CRLF()
	if err := c.out.Flush(); err != nil && !errors.Is(err, net.ErrClosed) {
		c.log.Debug("imap: BYE was not taken", "error", err)
	}
}

// byeTime is how long a last word may take.
const byeTime = 2 * time.Second

// close frees all that the connection holds.
func (c *conn) close() {
	c.cancel()
	c.raw.Close()
	c.leave()
}
