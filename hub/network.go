package hub

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The home network's switch: while it is on, mail (IMAP with TLS) and the
// pages (HTTPS, and in clear what is public) are served on this computer's
// private addresses, too, with the hub's own certificate. It is kept in
// hub.db: heimpost.toml stays its owner's. What heimpost.toml opens itself is
// not its matter.

const (
	// lookAround is how often it is looked whether this computer's addresses
	// have changed.
	lookAround = 15 * time.Second
	// lastAnswer is how long pages have to come to their end after the switch
	// was put off, among them the one that tells so.
	lastAnswer = 3 * time.Second
	// defaultWebTLS is where the pages are if heimpost.toml says nothing.
	defaultWebTLS = "8443"
)

// service is what listens in the home network.
type service struct {
	name  string // imaps, webs, web
	port  string
	serve func(net.Listener) error
	tls   *tls.Config // nil: as it is
	grace time.Duration
}

// homeNetwork is the switch and what it has opened.
type homeNetwork struct {
	log      func(msg string, args ...any)
	addrs    func() ([]netip.Addr, error)
	services []service
	// configured is true where heimpost.toml itself opens mail for others.
	configured bool

	mu     sync.Mutex
	on     bool
	ended  bool
	open   map[string]*homeListener // by service and address
	errs   []error                  // what cannot be opened
	change chan struct{}            // closed at the next change of what is open
	serves sync.WaitGroup
}

// set puts the switch and opens or closes at once.
func (n *homeNetwork) set(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.on = on
	n.refresh()
}

// refresh opens what is missing and closes what is not wanted; n.mu is held.
func (n *homeNetwork) refresh() {
	changed := false
	defer func() {
		if changed {
			close(n.change)
			n.change = make(chan struct{})
		}
	}()
	var want []netip.Addr
	n.errs = nil
	if n.on && !n.ended {
		var err error
		if want, err = n.addrs(); err != nil {
			n.errs = append(n.errs, err)
		}
	}
	wanted := map[string]bool{}
	for _, s := range n.services {
		for _, a := range want {
			address := net.JoinHostPort(a.String(), s.port)
			key := s.name + " " + address
			wanted[key] = true
			if n.open[key] != nil {
				continue
			}
			l, err := net.Listen("tcp", address)
			if err != nil {
				n.errs = append(n.errs, newError("", "cannot listen on %s: %s", address, listenError(err)))
				continue
			}
			h := &homeListener{Listener: l, grace: s.grace, conns: map[*homeConn]bool{}}
			n.open[key], changed = h, true
			n.serves.Go(func() {
				var to net.Listener = h
				if s.tls != nil {
					to = tls.NewListener(h, s.tls)
				}
				if err := s.serve(to); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
					n.log("the home network is not served any more", "address", address, "error", err)
				}
			})
			n.log("open in the home network", "service", s.name, "address", address)
		}
	}
	for key, l := range n.open {
		if wanted[key] {
			continue
		}
		delete(n.open, key)
		changed = true
		l.Close()
		if !n.ended { // else whoever ends the servers ends the connections
			l.end()
		}
		n.log("closed in the home network", "service and address", key)
	}
}

// changes gives a channel that is closed at the next change of what is open.
func (n *homeNetwork) changes() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.change
}

// run keeps up with this computer's addresses until ctx ends.
func (n *homeNetwork) run(ctx context.Context) error {
	tick := time.NewTicker(lookAround)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			n.mu.Lock()
			n.refresh()
			n.mu.Unlock()
		}
	}
}

// close closes all listeners, for good; their connections go on.
func (n *homeNetwork) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ended = true
	n.refresh()
}

// wait waits until nothing is served any more, after close.
func (n *homeNetwork) wait() { n.serves.Wait() }

// listening lists the addresses of a service that are open.
func (n *homeNetwork) listening(name string) (out []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for key := range n.open {
		if address, is := strings.CutPrefix(key, name+" "); is {
			out = append(out, address)
		}
	}
	slices.Sort(out)
	return out
}

// homeAddrs lists this computer's addresses in private networks.
func homeAddrs() (out []netip.Addr, err error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Unmap().IsPrivate() {
			out = append(out, p.Addr().Unmap())
		}
	}
	if len(out) > 16 {
		out = out[:16]
	}
	return out, nil
}

// homeListener takes connections from private networks only, also where a
// router lets others through, and can end those it has taken.
type homeListener struct {
	net.Listener
	grace time.Duration // see end
	mu    sync.Mutex
	conns map[*homeConn]bool
	done  bool
}

func (l *homeListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		h := &homeConn{Conn: c, l: l}
		l.mu.Lock()
		take := !l.done && atHome(c.RemoteAddr())
		if take {
			l.conns[h] = true
		}
		l.mu.Unlock()
		if take {
			return h, nil
		}
		c.Close()
	}
}

// atHome reports whether an address is one of a private network or of this
// computer.
func atHome(a net.Addr) bool {
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return false
	}
	ip := p.Addr().Unmap().WithZone("")
	return ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast()
}

// end closes the connections, after a time in which answers come to their end.
func (l *homeListener) end() {
	l.mu.Lock()
	l.done = true
	l.mu.Unlock()
	cut := func() {
		l.mu.Lock()
		conns := l.conns
		l.conns = map[*homeConn]bool{}
		l.mu.Unlock()
		for c := range conns {
			c.Conn.Close()
		}
	}
	if l.grace == 0 {
		cut()
		return
	}
	time.AfterFunc(l.grace, cut)
}

// homeConn is a connection that its listener knows of.
type homeConn struct {
	net.Conn
	l *homeListener
}

func (c *homeConn) Close() error {
	c.l.mu.Lock()
	delete(c.l.conns, c)
	c.l.mu.Unlock()
	return c.Conn.Close()
}

// portOf gives an address's port; "" where there is none.
func portOf(address string) string {
	_, port, err := net.SplitHostPort(address)
	if n, bad := strconv.Atoi(port); err != nil || bad != nil || n == 0 {
		return ""
	}
	return port
}

// newHomeNetwork makes the switch of a hub that serves: mail on the port that
// heimpost.toml gives it, and the pages. A service that heimpost.toml opens for
// others itself is left to it.
func newHomeNetwork(r *Running, o ServeOptions, mail, pages func(net.Listener) error) *homeNetwork {
	n := &homeNetwork{log: o.Log.Info, addrs: o.HomeAddrs, open: map[string]*homeListener{}, change: make(chan struct{})}
	if n.addrs == nil {
		n.addrs = homeAddrs
	}
	n.configured = !OnlyHere(r.IMAPS)
	for _, a := range r.IMAPS {
		if port := portOf(a); port != "" && !n.configured {
			n.services = append(n.services, service{name: "imaps", port: port, serve: mail})
			break
		}
	}
	if r.Web == "" {
		return n
	}
	webTLS := cmp.Or(portOf(r.WebTLS), defaultWebTLS)
	for _, s := range []struct {
		service
		given string
	}{{service{name: "webs", port: webTLS, serve: pages, tls: r.Certs.TLSConfig(), grace: lastAnswer}, r.WebTLS},
		{service{name: "web", port: portOf(r.Web), serve: pages, grace: lastAnswer}, r.Web}} {
		if s.port != "" && (s.given == "" || OnlyHere([]string{s.given})) {
			n.services = append(n.services, s.service)
		}
	}
	return n
}

// OnlyHere reports whether no address is reached from other computers.
func OnlyHere(addrs []string) bool {
	for _, a := range addrs {
		host, _, err := net.SplitHostPort(a)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			return false
		}
	}
	return true
}
