package web

import (
	"net"
	"net/http"
	"slices"

	"heimpost/hub"
)

// networkPage is the switch that lets devices of the home network connect.
func (s *Site) networkPage(w http.ResponseWriter, v *visit) error {
	n, err := hub.Do(v.ctx(), s.h, hub.NetworkGet, hub.None{}, nil)
	if err != nil {
		return err
	}
	if v.lang == "de" {
		n.Errors = n.ErrorsDE
	}
	return s.show(w, v, http.StatusOK, "network", page{Title: "network.title", Narrow: true, Data: struct {
		hub.Network
		Hosts  []string // this computer's addresses
		Name   string   // its name
		Abroad bool     // the visitor is at another computer
		// Link and Device are the new device whose page led here; "" for none.
		Link, Device string
	}{n, hostsOf(n), s.hostFor(v.r), !remoteAddr(v.r).IsLoopback(), v.r.URL.Query().Get("link"), s.linked(v)}})
}

// linked gives the name of the new device whose page led here; "" for none.
func (s *Site) linked(v *visit) string {
	if n, ok := s.links.get(v.r.URL.Query().Get("link")); ok && n.person == v.person.Name {
		return n.device.Name
	}
	return ""
}

// hostsOf lists the addresses at which something is open.
func hostsOf(n hub.Network) (out []string) {
	for _, list := range n.Listening {
		for _, a := range list {
			if host, _, err := net.SplitHostPort(a); err == nil && !slices.Contains(out, host) {
				out = append(out, host)
			}
		}
	}
	slices.Sort(out)
	return out
}

func (s *Site) networkSave(w http.ResponseWriter, v *visit) error {
	open := v.field("open")
	if open != "yes" && open != "no" {
		s.failure(w, v.r, http.StatusUnprocessableEntity, "error.form")
		return nil
	}
	n, err := hub.Do(v.ctx(), s.h, hub.NetworkSet, hub.NetworkParams{Open: open == "yes"}, nil)
	if err != nil {
		return err
	}
	switch {
	case !n.Open:
		v.say("network.off.done")
	case len(hostsOf(n)) > 0:
		v.say("network.on.done")
	default:
		v.say("network.on.nothing")
	}
	to := "/network"
	if link := v.field("link"); link != "" {
		to += "?link=" + urlQuery(link)
	}
	http.Redirect(w, v.r, to, http.StatusSeeOther)
	return nil
}
