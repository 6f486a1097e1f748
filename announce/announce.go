// Package announce tells the home network where the hub is: by multicast DNS
// (RFC 6762) it answers to a name that the certificate holds, and by DNS-SD
// (RFC 6763) it says which services stand there.
//
//   - announce.go   what is announced, for as long as it is wanted
//   - hello.go      what is said unasked: at the beginning and at the end
//   - networks.go   the networks this machine is in, as they come and go
//   - log.go        what the library says goes to the log, for who looks
//
// Answers are github.com/pion/mdns's work; it says nothing unasked.
package announce

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/pion/mdns/v2"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// Service is something that other devices can reach.
type Service struct {
	Type string // "_imaps._tcp"
	Port int
}

// Options say what is announced.
type Options struct {
	Name     string // the name without ".local"
	Title    string // what people see who browse the network
	Services []Service
	Log      *slog.Logger // nil: none

	// lookEvery is how often it is looked whether the machine is in other
	// networks than before; 0: 15 s.
	lookEvery time.Duration
}

// ValidName reports whether name can stand before ".local".
func ValidName(name string) bool {
	return name != "" && len(name) <= 63 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" &&
		name[0] != '-' && name[len(name)-1] != '-'
}

// Run announces until ctx ends. A network that cannot be used is no error: it
// is tried again, and what is wrong is logged once.
func Run(ctx context.Context, o Options) error {
	if !ValidName(o.Name) {
		return fmt.Errorf("%q cannot be a name in the home network", o.Name)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.lookEvery == 0 {
		o.lookEvery = 15 * time.Second
	}
	tick := time.NewTicker(o.lookEvery)
	defer tick.Stop()
	var now *responder
	defer func() { now.close() }()
	trouble := "" // what was said last
	for {
		in := networks()
		if now == nil || !now.at.same(in) {
			now.close()
			var err error
			now, err = start(ctx, o, in)
			switch {
			case err != nil && err.Error() != trouble:
				trouble = err.Error()
				o.Log.Warn("the home network cannot be told where the hub is", "name", o.Name+".local", "error", err)
			case now != nil:
				trouble = ""
				o.Log.Debug("announced in the home network", "name", o.Name+".local", "at", in)
			}
		} else {
			now.hello(2) // what was said first may be lost (RFC 6762, 8.3)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// responder answers in some networks.
type responder struct {
	o    Options
	at   nets
	conn *mdns.Conn
	v4   *ipv4.PacketConn // nil: this machine has none
	v6   *ipv6.PacketConn
	said int // how often hello was sent
}

// probeTime is how long another machine has to say that the name is its own.
const probeTime = time.Second

// start begins to answer; nil where there is no network.
func start(ctx context.Context, o Options, in nets) (*responder, error) {
	if len(in) == 0 {
		return nil, nil
	}
	asked, err := open(Options{Log: o.Log}, in)
	if err != nil {
		return nil, err
	}
	probe, cancel := context.WithTimeout(ctx, probeTime)
	_, theirs, err := asked.conn.QueryAddr(probe, o.Name+".local")
	cancel()
	asked.conn.Close()
	if err == nil && !in.have(theirs.WithZone("")) {
		return nil, fmt.Errorf("another machine of the network (%s) has that name: choose another one for mdns.name", theirs)
	}
	r, err := open(o, in)
	if err != nil {
		return nil, err
	}
	r.hello(1)
	return r, nil
}

// open opens the sockets.
func open(o Options, in nets) (*responder, error) {
	// A multicast address makes the port one that other programs (the
	// system's own responder) may use as well.
	r := &responder{o: o, at: in}
	c4, err4 := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(224, 0, 0, 0), Port: 5353})
	if err4 == nil {
		r.v4 = ipv4.NewPacketConn(c4)
		_ = r.v4.SetMulticastTTL(255) // RFC 6762, 11
	}
	c6, err6 := net.ListenUDP("udp6", &net.UDPAddr{IP: net.ParseIP("ff02::"), Port: 5353})
	if err6 == nil {
		r.v6 = ipv6.NewPacketConn(c6)
		_ = r.v6.SetMulticastHopLimit(255)
	}
	if r.v4 == nil && r.v6 == nil {
		return nil, errors.Join(err4, err6)
	}
	options := []mdns.ServerOption{mdns.WithName("heimpost"), mdns.WithInterfaces(in.interfaces()...),
		mdns.WithLoggerFactory(logs{o.Log}), mdns.WithCacheRefresh(false)}
	if o.Name != "" {
		options = append(options, mdns.WithLocalNames(o.Name+".local"))
	}
	for _, s := range o.Services {
		options = append(options, mdns.WithService(mdns.ServiceInstance{Instance: o.Title, Service: s.Type, Port: uint16(s.Port)}))
	}
	var err error
	if r.conn, err = mdns.NewServer(r.v4, r.v6, options...); err != nil {
		if c4 != nil {
			c4.Close()
		}
		if c6 != nil {
			c6.Close()
		}
		return nil, err
	}
	return r, nil
}

// close says good-bye and ends the answers; of nil it does nothing.
func (r *responder) close() {
	if r != nil {
		r.goodbye()
		r.conn.Close()
	}
}
