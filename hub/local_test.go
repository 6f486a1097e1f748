package hub

import (
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"heimpost/announce"
	"heimpost/certs"
)

// TestAnnouncement: only what listens beyond this computer is announced, and
// only under a name that the certificate holds.
func TestAnnouncement(t *testing.T) {
	open := func(c Config) *Running {
		t.Helper()
		m, err := certs.Open(filepath.Join(t.TempDir(), "tls"), certs.Options{Names: certNames(c)})
		if err != nil {
			t.Fatal(err)
		}
		return &Running{Config: c, Certs: m}
	}
	log := slog.New(slog.DiscardHandler)
	var c Config
	c.MDNS.Announce, c.MDNS.Name = true, "stube"
	r := open(c)
	if !slices.Contains(r.Certs.Names(), "stube.local") {
		t.Errorf("the certificate holds %v", r.Certs.Names())
	}

	r.IMAPS, r.Web, r.WebTLS = []string{"127.0.0.1:1993", "[::1]:1993"}, "[::]:8143", "127.0.0.1:8443"
	if a := r.announcement(log); a.Name != "" {
		t.Errorf("on loopback %+v is announced", a)
	}
	r.IMAPS, r.WebTLS = []string{"127.0.0.1:1993", "[::]:2993"}, "0.0.0.0:8443"
	if a := r.announcement(log); a.Name != "stube" || !reflect.DeepEqual(a.Services, []announce.Service{{Type: "_imaps._tcp", Port: 2993}, {Type: "_https._tcp", Port: 8443}}) {
		t.Errorf("%+v", a)
	}
	r.WebTLS = ""
	if a := r.announcement(log); len(a.Services) != 1 {
		t.Errorf("%+v", a)
	}
	r.IMAPS = []string{"127.0.0.1:1993"}
	r.Hub = &Hub{network: &homeNetwork{open: map[string]*homeListener{"imaps 192.168.1.5:1993": nil, "webs 192.168.1.5:8443": nil, "web 192.168.1.5:8143": nil}}}
	if a := r.announcement(log); !reflect.DeepEqual(a.Services, []announce.Service{{Type: "_imaps._tcp", Port: 1993}, {Type: "_https._tcp", Port: 8443}}) || r.Local() != "stube.local" {
		t.Errorf("what the switch has opened is announced as %+v", a)
	}
	r.Config.MDNS.Name = "keller" // not in the certificate
	if a := r.announcement(log); a.Name != "" {
		t.Errorf("%+v", a)
	}
	r.Config.MDNS.Name, r.Config.MDNS.Announce = "stube", false
	if a := r.announcement(log); a.Name != "" {
		t.Errorf("switched off, %+v is announced", a)
	}
}
