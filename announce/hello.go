package announce

import (
	"net"
	"net/netip"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// unique marks a record that only one machine has: what others remember of it
// is no longer true (RFC 6762, 10.2).
const unique = 1 << 15

// hello says unasked what is announced, up to so many times in all, so that
// nobody goes on with an address of before (RFC 6762, 8.3).
func (r *responder) hello(times int) {
	if r.said < times {
		r.said++
		r.say(120)
	}
}

// goodbye says that it is over (RFC 6762, 10.1).
func (r *responder) goodbye() { r.say(0) }

// say sends all records into each network; what does not reach one is asked
// for later.
func (r *responder) say(ttl uint32) {
	for _, n := range r.at {
		b, err := r.records(n.addrs, ttl)
		if err != nil {
			r.o.Log.Debug("mDNS: announcement", "error", err)
			return
		}
		if r.v4 != nil {
			_, _ = r.v4.WriteTo(b, &ipv4.ControlMessage{IfIndex: n.Index}, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353})
		}
		if r.v6 != nil {
			_, _ = r.v6.WriteTo(b, &ipv6.ControlMessage{IfIndex: n.Index}, &net.UDPAddr{IP: net.ParseIP("ff02::fb"), Port: 5353})
		}
	}
}

// records are those of one network: the addresses, and which services there are;
// the rest of them is asked for.
func (r *responder) records(addrs []netip.Addr, ttl uint32) ([]byte, error) {
	name, err := dnsmessage.NewName(r.o.Name + ".local.")
	if err != nil {
		return nil, err
	}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{Response: true, Authoritative: true})
	b.EnableCompression()
	if err := b.StartAnswers(); err != nil {
		return nil, err
	}
	for _, a := range addrs {
		header := dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET | unique, TTL: ttl}
		if a.Is4() {
			err = b.AResource(header, dnsmessage.AResource{A: a.As4()})
		} else {
			err = b.AAAAResource(header, dnsmessage.AAAAResource{AAAA: a.As16()})
		}
		if err != nil {
			return nil, err
		}
	}
	for _, s := range r.o.Services {
		kind, err := dnsmessage.NewName(s.Type + ".local.")
		if err != nil {
			return nil, err
		}
		instance, err := dnsmessage.NewName(r.o.Title + "." + s.Type + ".local.")
		if err != nil {
			return nil, err
		}
		if err := b.PTRResource(dnsmessage.ResourceHeader{Name: kind, Class: dnsmessage.ClassINET, TTL: ttl}, dnsmessage.PTRResource{PTR: instance}); err != nil {
			return nil, err
		}
	}
	return b.Finish()
}
