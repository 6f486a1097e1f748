package pop3d

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// Options say how a server behaves; the zero value keeps the RFCs.
type Options struct {
	// TLS offers STLS, or with Implicit speaks TLS from the first octet.
	TLS      *tls.Config
	Implicit bool
	// Without names what the server does not know: commands (CAPA, UIDL, TOP,
	// AUTH, USER) and capabilities (PIPELINING, RESP-CODES, …).
	Without []string
	// Capabilities are announced beside what the server does, such as
	// "LOGIN-DELAY 60".
	Capabilities []string
	// Login, if not nil, is asked before a password is looked at; what it
	// returns, if not "", is the reply that refuses the login.
	Login func(user string) (refusal string)
	// Token, if not nil, takes OAuth2 tokens by AUTH XOAUTH2 and OAUTHBEARER.
	Token func(user, token string) bool
	// Script, if not nil, gives the script of each connection, from 0.
	Script func(conn int) Script
	// Idle ends a session in which nothing comes in; 0: 10 minutes (RFC 1939
	// §3).
	Idle time.Duration
}

// knows reports whether the server does something.
func (o *Options) knows(word string) bool { return !slices.Contains(o.Without, word) }

// maxConns bounds the connections open at a time.
const maxConns = 200

// Server serves maildrops.
type Server struct {
	o     Options
	drops []*Maildrop

	mu        sync.Mutex
	closed    bool
	listeners []net.Listener
	conns     map[net.Conn]bool
	count     int      // connections so far
	broken    []string // what clients did against the RFC
	done      chan struct{}
	wg        sync.WaitGroup
}

// New makes a server. It serves nothing until Listen or ServeConn.
func New(o Options, drops ...*Maildrop) *Server {
	if o.Idle == 0 {
		o.Idle = 10 * time.Minute
	}
	return &Server{o: o, drops: drops, conns: map[net.Conn]bool{}, done: make(chan struct{})}
}

// Listen serves connections to an address until Close, and gives the address
// with the port that was chosen for port 0.
func (s *Server) Listen(address string) (net.Addr, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		l.Close()
		return nil, net.ErrClosed
	}
	s.listeners = append(s.listeners, l)
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				s.serve(c)
				continue
			}
			select { // out of descriptors: they come back
			case <-time.After(50 * time.Millisecond):
			case <-s.done:
			}
		}
	}()
	return l.Addr(), nil
}

// serve starts a connection's session, or closes it.
func (s *Server) serve(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.conns) >= maxConns {
		c.Close()
		return
	}
	s.conns[c] = true
	n := s.count
	s.count++
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		s.session(c, n)
		c.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, c)
	}()
}

// session runs one connection to its end.
func (s *Server) session(c net.Conn, n int) {
	ss := &session{s: s, n: n, raw: c}
	if s.o.Script != nil {
		ss.script = s.o.Script(n)
	}
	err := ss.run()
	if !errors.Is(err, errCut) {
		return
	}
	// What was sent must arrive: closing with unread input would be a reset,
	// which takes octets back that are still under way.
	if w, ok := c.(interface{ CloseWrite() error }); ok && w.CloseWrite() == nil {
		c.SetDeadline(time.Now().Add(s.o.Idle))
		io.Copy(io.Discard, c)
	}
}

// Connections tells how many connections there were.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Violations tells what clients did against the RFCs.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.broken)
}

func (s *Server) violation(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.broken) < 100 {
		s.broken = append(s.broken, fmt.Sprintf(format, args...))
	}
}

// Close ends all connections, as a crash of the provider would, and returns
// when nothing runs any more.
func (s *Server) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
	}
	for _, l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// Dial connects to the server whatever address is asked for: for
// pop3fetch.Options.Dial, where names of real providers shall lead here.
func (s *Server) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	s.mu.Lock()
	var to net.Addr
	if len(s.listeners) > 0 {
		to = s.listeners[0].Addr()
	}
	s.mu.Unlock()
	if to == nil {
		a, err := s.Listen("127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		to = a
	}
	return (&net.Dialer{}).DialContext(ctx, to.Network(), to.String())
}

// ServeConn serves a connection that was made elsewhere.
func (s *Server) ServeConn(c net.Conn) { s.serve(c) }
