package hub

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serving is a hub that serves until end.
type serving struct {
	*Running
	end func()
}

// serve runs a hub whose home network is this computer's address 127.0.0.7.
func serve(t *testing.T, dir string, change func(*Config)) serving {
	t.Helper()
	c, err := LoadConfig(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	c.IMAP.Listen, c.IMAP.ListenTLS = nil, []string{"127.0.0.1:0"}
	c.Web.Listen, c.Web.ListenTLS = "127.0.0.1:0", "127.0.0.1:0"
	if change != nil {
		change(&c)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan *Running, 1), make(chan error, 1)
	go func() {
		ended <- Serve(ctx, dir, c, ServeOptions{Version: "test", Ready: func(r *Running) { ready <- r },
			HomeAddrs: func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr("127.0.0.7")}, nil }})
	}()
	var s serving
	select {
	case s.Running = <-ready:
	case err := <-ended:
		stop()
		t.Fatal(err)
	}
	done := false
	s.end = func() {
		if stop(); !done {
			done = true
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(s.end)
	return s
}

// greets reports whether an IMAP server with TLS answers at an address.
func greets(address string) (*tls.Conn, bool) {
	c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return nil, false
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "* OK") {
		c.Close()
		return nil, false
	}
	return c, true
}

func TestHomeNetwork(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := serve(t, dir, nil)
	_, port, _ := net.SplitHostPort(s.IMAPS[0])
	at := "127.0.0.7:" + port
	if _, is := greets(at); is {
		t.Fatal("open before anybody said so")
	}
	n := must(t, s.Hub, NetworkGet, None{})
	if n.Open || n.Configured || len(n.Listening["imaps"]) != 0 {
		t.Errorf("%+v", n)
	}
	n = must(t, s.Hub, NetworkSet, NetworkParams{Open: true})
	if !n.Open || len(n.Errors) > 0 || len(n.Listening["imaps"]) != 1 || n.Listening["imaps"][0] != at || len(n.Listening["web"]) != 1 || len(n.Listening["webs"]) != 1 {
		t.Fatalf("%+v", n)
	}
	if m, p := s.Mail(), s.Pages(); len(m) != 2 || m[1] != at || len(p) != 2 || OnlyHere(m) == false && p[0] != n.Listening["webs"][0] {
		t.Errorf("%v %v", m, p)
	}
	c, is := greets(at)
	if !is {
		t.Fatal("nothing answers in the home network")
	}
	defer c.Close()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	for _, url := range []string{"http://" + n.Listening["web"][0], "https://" + n.Listening["webs"][0]} {
		res, err := client.Get(url + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	must(t, s.Hub, NetworkSet, NetworkParams{Open: true}) // twice is once

	// It holds after a restart.
	s.end()
	s = serve(t, dir, func(c *Config) { c.IMAP.ListenTLS = []string{"127.0.0.1:" + port} })
	c, is = greets(at)
	if !is {
		t.Fatal("closed after a restart")
	}
	defer c.Close()

	// Closed: nobody new comes, who is there goes.
	n = must(t, s.Hub, NetworkSet, NetworkParams{Open: false})
	if n.Open || len(n.Listening["imaps"])+len(n.Listening["web"])+len(n.Listening["webs"]) != 0 {
		t.Errorf("%+v", n)
	}
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a device goes on after the network was closed: %v", err)
	}
	if _, is := greets(at); is {
		t.Error("still open")
	}
	if _, is := greets(s.IMAPS[0]); !is {
		t.Error("this computer's own programs were shut out")
	}
}

// TestHomeNetworkTaken: what cannot be opened is said, and opened when it can be.
func TestHomeNetworkTaken(t *testing.T) {
	s := serve(t, filepath.Join(t.TempDir(), "data"), nil)
	_, port, _ := net.SplitHostPort(s.IMAPS[0])
	other, err := net.Listen("tcp", "127.0.0.7:"+port)
	if err != nil {
		t.Fatal(err)
	}
	n := must(t, s.Hub, NetworkSet, NetworkParams{Open: true})
	if len(n.Errors) != 1 || !strings.Contains(n.Errors[0], "in use by another program") || len(n.Listening["imaps"]) != 0 || len(n.Listening["webs"]) != 1 {
		t.Fatalf("%+v", n)
	}
	other.Close()
	s.Hub.network.mu.Lock()
	s.Hub.network.refresh()
	s.Hub.network.mu.Unlock()
	if n = must(t, s.Hub, NetworkGet, None{}); len(n.Errors) != 0 || len(n.Listening["imaps"]) != 1 {
		t.Errorf("%+v", n)
	}
	// An address that went is closed.
	s.Hub.network.mu.Lock()
	s.Hub.network.addrs = func() ([]netip.Addr, error) { return nil, nil }
	s.Hub.network.refresh()
	s.Hub.network.mu.Unlock()
	if n = must(t, s.Hub, NetworkGet, None{}); !n.Open || len(n.Listening["imaps"]) != 0 {
		t.Errorf("%+v", n)
	}
}

// TestHomeNetworkByHand: what heimpost.toml opens is left to it.
func TestHomeNetworkByHand(t *testing.T) {
	s := serve(t, filepath.Join(t.TempDir(), "data"), func(c *Config) {
		c.IMAP.ListenTLS, c.Web.Listen, c.Web.ListenTLS = []string{"127.0.0.1:0"}, "127.0.0.1:0", ""
	})
	r := *s.Running
	r.IMAPS, r.WebTLS = []string{"0.0.0.0:993"}, "[::]:8443"
	n := newHomeNetwork(&r, ServeOptions{}, nil, nil)
	if !n.configured || len(n.services) != 1 || n.services[0].name != "web" {
		t.Errorf("%v %+v", n.configured, n.services)
	}
	r.IMAPS, r.WebTLS = []string{"127.0.0.1:1993"}, ""
	if n = newHomeNetwork(&r, ServeOptions{}, nil, nil); n.configured || len(n.services) != 3 || n.services[0].port != "1993" || n.services[1].port != defaultWebTLS {
		t.Errorf("%v %+v", n.configured, n.services)
	}
	r.Web = ""
	if n = newHomeNetwork(&r, ServeOptions{}, nil, nil); len(n.services) != 1 {
		t.Errorf("pages that heimpost.toml has switched off: %+v", n.services)
	}
	if addrs, err := homeAddrs(); err != nil {
		t.Error(err)
	} else {
		for _, a := range addrs {
			if !a.IsPrivate() {
				t.Errorf("%v is no address of a home network", a)
			}
		}
	}
}

// knocking is a listener to which connections come from given addresses.
type knocking struct {
	net.Listener
	from []string
}

type from struct {
	net.Conn
	addr net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.addr }

func (k *knocking) Accept() (net.Conn, error) {
	if len(k.from) == 0 {
		return nil, syscall.EINVAL
	}
	a := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(k.from[0]))
	k.from = k.from[1:]
	one, two := net.Pipe()
	go func() { io.Copy(io.Discard, two); two.Close() }()
	return from{one, a}, nil
}

// TestHomeNetworkRefusesTheInternet: also where a router lets somebody through.
func TestHomeNetworkRefusesTheInternet(t *testing.T) {
	l := &homeListener{conns: map[*homeConn]bool{}, Listener: &knocking{from: []string{
		"203.0.113.9:1", "[2001:db8::1]:1", "192.168.1.20:2", "100.64.0.1:1", "[fe80::1%eth0]:3", "[::ffff:198.51.100.1]:1", "[fd00::5]:4", "10.1.2.3:5", "172.16.0.1:6", "172.32.0.1:1", "[::ffff:192.168.1.1]:7"}}}
	var got []string
	for {
		c, err := l.Accept()
		if err != nil {
			break
		}
		got = append(got, c.RemoteAddr().String())
		defer c.Close()
	}
	if s := strings.Join(got, " "); s != "192.168.1.20:2 [fe80::1%eth0]:3 [fd00::5]:4 10.1.2.3:5 172.16.0.1:6 192.168.1.1:7" {
		t.Errorf("taken: %s", s)
	}
	if len(l.conns) != len(got) {
		t.Errorf("%d connections are known of %d", len(l.conns), len(got))
	}
	l.end()
	if len(l.conns) != 0 {
		t.Error("connections are left")
	}
}
