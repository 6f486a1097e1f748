package imapd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/store"
)

// Config says how a Server works. Login is needed, all else has defaults.
type Config struct {
	// Login checks a name and a password.
	Login Authenticator
	// TLS is used by listeners with implicit TLS and by STARTTLS; certificates
	// that are renewed come by its GetCertificate. nil: no TLS is offered.
	TLS *tls.Config
	// Capabilities is "compatible" (also ""): offer what widespread clients
	// are known to take, or "full": offer all that is built.
	Capabilities string
	// MaxMessage is the size of the largest mail that APPEND takes, in octets;
	// 0: 150 MiB.
	MaxMessage int64
	// Connections and ConnectionsPerIP bound the connections at a time, in all
	// and from one address (of IPv6: from one /64 net); 0: 1000 and 50.
	Connections      int
	ConnectionsPerIP int
	// Log gets what concerns the operator; nil: slog.Default().
	Log *slog.Logger
	// Version is told to clients by ID.
	Version string
	// NewMailNeeded, if not nil, is called when a client asks for news of a
	// mailbox (SELECT, NOOP, CHECK, IDLE, STATUS): the moment to fetch on
	// demand. It must return at once and may be called often.
	NewMailNeeded func(l *Login, mailbox store.ID)
	// DiskFree, if not nil, gives the octets that the disk has room for: what
	// QUOTA tells.
	DiskFree func() (int64, error)
	// Timeouts that are zero have their defaults.
	Timeouts Timeouts
}

// Timeouts bound how long the server waits for a peer.
type Timeouts struct {
	Login     time.Duration // TLS handshake and login together; 60 s
	Idle      time.Duration // between commands, and in IDLE for who is not told StillHere; 31 min (RFC 3501 §5.4: at least 30)
	Command   time.Duration // for a command to arrive, plus 1 s for each KiB of it; 60 s
	Write     time.Duration // for one flush of at most 64 KiB; 2 min
	StillHere time.Duration // between "* OK Still here" in IDLE; 2 min
	Progress  time.Duration // between words on how far a long command is; 10 s
}

func (t Timeouts) withDefaults() Timeouts {
	or := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	or(&t.Login, 60*time.Second)
	or(&t.Idle, 31*time.Minute)
	or(&t.Command, 60*time.Second)
	or(&t.Write, 2*time.Minute)
	or(&t.StillHere, 2*time.Minute)
	or(&t.Progress, 10*time.Second)
	return t
}

// Authenticator checks name and password of a client that connects from
// remote. It delays or refuses by itself after failed attempts. An error that
// is a *LoginError is told to the client as it is; any other one is logged
// and told as a temporary failure.
type Authenticator func(ctx context.Context, name, password string, remote netip.Addr) (*Login, error)

// LoginError is a refused login.
type LoginError struct {
	Code imap.ResponseCode // AUTHENTICATIONFAILED, AUTHORIZATIONFAILED, UNAVAILABLE, EXPIRED, … (RFC 5530)
	Text string            // a plain sentence for the client's owner
}

func (e *LoginError) Error() string { return e.Text }

// Login is what a client gets after its password was accepted.
type Login struct {
	Person, Device string // labels for the log
	Actor          store.Actor
	// Root is the view whose mailboxes stand at the top: INBOX is here.
	Root *store.View
	// Shared gives the views of other boxes, asked anew with each command
	// that lists or resolves names; nil: there are none.
	Shared func() []Shared
	// Revoked is closed when the login ends from outside: the connection says
	// BYE. nil: never.
	Revoked <-chan struct{}
	// Without names capabilities (upper case) that this device shall not see.
	Without map[string]bool
	// Seen, if not nil, is told what the client says of itself in ID (RFC
	// 2971), field names in lower case; it may have been said before login.
	Seen func(id map[string]string)
	// Close, if not nil, is called once when the connection has ended.
	Close func()
}

// Shared is a box beside the login's own.
type Shared struct {
	Prefix string // where its mailboxes stand, "Shared/buero": no slash at the end
	View   *store.View
}

// Server serves IMAP on any number of listeners.
type Server struct {
	cfg    Config
	ctx    context.Context // ends when running commands shall give up
	cancel context.CancelFunc

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}
	perIP     map[netip.Prefix]int
	rejecting int
	closing   bool
	wg        sync.WaitGroup // one for each connection, rejected ones included
}

// NewServer makes a server; Serve sets it to work.
func NewServer(cfg Config) *Server {
	if cfg.MaxMessage <= 0 {
		cfg.MaxMessage = 150 << 20
	}
	if cfg.Connections <= 0 {
		cfg.Connections = 1000
	}
	if cfg.ConnectionsPerIP <= 0 {
		cfg.ConnectionsPerIP = 50
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	cfg.Timeouts = cfg.Timeouts.withDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	return &Server{
		cfg: cfg, ctx: ctx, cancel: cancel,
		listeners: make(map[net.Listener]struct{}),
		conns:     make(map[*conn]struct{}),
		perIP:     make(map[netip.Prefix]int),
	}
}

// Serve accepts connections from l until Shutdown, which makes it return nil.
// With implicitTLS each connection begins with a TLS handshake (RFC 8314).
func (s *Server) Serve(l net.Listener, implicitTLS bool) error {
	if implicitTLS && s.cfg.TLS == nil {
		l.Close()
		return errors.New("a listener with TLS needs a certificate")
	}
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		l.Close()
		return nil
	}
	s.listeners[l] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.listeners, l)
		s.mu.Unlock()
		l.Close()
	}()
	pause := 5 * time.Millisecond
	for {
		nc, err := l.Accept()
		if err == nil {
			pause = 5 * time.Millisecond
			s.start(nc, implicitTLS)
			continue
		}
		s.mu.Lock()
		closing := s.closing
		s.mu.Unlock()
		switch {
		case closing:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept IMAP connections: %w", err)
		}
		// Out of file descriptors, or the peer has gone already: both pass.
		s.cfg.Log.Warn("imap: cannot accept a connection", "listener", l.Addr().String(), "error", err, "retry_in", pause)
		select {
		case <-time.After(pause):
		case <-s.ctx.Done():
			return nil
		}
		pause = min(2*pause, time.Second)
	}
}

// maxRejecting bounds how many connections are being told at a time why they
// are not wanted; beyond it they are closed without a word.
const maxRejecting = 32

// start begins to serve a connection, or to refuse it.
func (s *Server) start(nc net.Conn, implicitTLS bool) {
	c := newConn(s, nc, implicitTLS)
	s.mu.Lock()
	defer s.mu.Unlock()
	var refuse string
	switch {
	case s.closing:
		nc.Close()
		return
	case len(s.conns) >= s.cfg.Connections:
		refuse = "The server has as many connections as it can serve. Try again later."
	case s.perIP[c.net] >= s.cfg.ConnectionsPerIP:
		refuse = "There are too many connections from your address. Close some of them."
	}
	if refuse != "" {
		if s.rejecting >= maxRejecting {
			nc.Close()
			return
		}
		s.rejecting++
		s.wg.Go(func() {
			c.reject(refuse)
			s.mu.Lock()
			s.rejecting--
			s.mu.Unlock()
		})
		return
	}
	s.conns[c] = struct{}{}
	s.perIP[c.net]++
	s.wg.Go(func() {
		c.serve()
		s.mu.Lock()
		delete(s.conns, c)
		if s.perIP[c.net]--; s.perIP[c.net] == 0 {
			delete(s.perIP, c.net)
		}
		s.mu.Unlock()
	})
}

// Shutdown stops listening, lets running commands finish, says BYE to all
// clients and returns when they are gone. When ctx ends first, what still
// runs is cut off and ctx's error returned.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		c.end("Heimpost is shutting down. Come back in a moment.")
	}
	s.mu.Unlock()

	gone := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(gone)
	}()
	var err error
	select {
	case <-gone:
	case <-ctx.Done():
		err = fmt.Errorf("clients were cut off: %w", context.Cause(ctx))
		s.cancel()
		s.mu.Lock()
		for c := range s.conns {
			c.cut()
		}
		s.mu.Unlock()
		<-gone
	}
	s.cancel()
	return err
}

// Connections gives the number of connections that are open now.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}
