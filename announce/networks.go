package announce

import (
	"net"
	"net/netip"
	"reflect"
)

// nets are the networks that lead to other machines.
type nets []network

type network struct {
	net.Interface
	addrs []netip.Addr // of this machine
}

// networks looks which there are now.
func networks() (out nets) {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagMulticast == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		n := network{Interface: i}
		addrs, _ := i.Addrs() // of an interface that has just gone: none
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				n.addrs = append(n.addrs, p.Addr().WithZone(""))
			}
		}
		if len(n.addrs) > 0 {
			out = append(out, n)
		}
	}
	return out
}

func (n nets) same(other nets) bool { return reflect.DeepEqual(n, other) }

// have reports whether an address is this machine's.
func (n nets) have(a netip.Addr) bool {
	for _, one := range n {
		for _, mine := range one.addrs {
			if mine == a {
				return true
			}
		}
	}
	return false
}

func (n nets) interfaces() (out []net.Interface) {
	for _, one := range n {
		out = append(out, one.Interface)
	}
	return out
}

func (n nets) String() (s string) {
	for _, one := range n {
		s += one.Name + " "
		for _, a := range one.addrs {
			s += a.String() + " "
		}
	}
	return s
}
