package hub

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd"
)

func TestLogin(t *testing.T) {
	h := newHub(t)
	household(t, h)
	phone := device(t, h, "marko", "Marko's phone")
	petrasPC := device(t, h, "petra", "PC")
	host, pw := "127.0.0.1", "x"
	box := "petra"
	must(t, h, AccountAdd, AccountSetParams{Address: "petra@provider.example", Box: &box, Host: &host, Password: &pw})

	for _, c := range []struct{ name, password, want string }{
		// person: own box, shared ones below Shared/
		{"marko", "marko's secret", "marko//rw Shared/buero"},
		{" MARKO", "marko's secret", "marko//rw Shared/buero"},
		{"petra", "petra's secret", "petra//rw Shared/buero Shared/familie?"},
		{"marko", phone, "marko/Marko's phone/rw Shared/buero"},
		{"marko", strings.ToUpper(strings.ReplaceAll(phone, "-", " ")), "marko/Marko's phone/rw Shared/buero"},
		// box by name or address: alone
		{"buero", "marko's secret", "marko//rw alone"},
		{"Buero@firma.example", "petra's secret", "petra//rw alone"},
		{"buero", petrasPC, "petra/PC/rw alone"},
		{"familie", "petra's secret", "petra//ro alone"},
		{"familie", petrasPC, "petra/PC/ro alone"},
		// an account's address is its box's
		{"petra@provider.example", "petra's secret", "petra//rw alone"},
		{"petra@provider.example", petrasPC, "petra/PC/rw alone"},
		// refused
		{"marko", "petra's secret", "refused"},
		{"marko", petrasPC, "refused"},
		{"marko", "", "refused"},
		{"marko", "Marko's secret", "refused"},
		{"familie", "marko's secret", "refused"},
		{"familie", phone, "refused"},
		{"petra@provider.example", phone, "refused"},
		{"nobody", "x", "refused"},
		{"", "", "refused"},
	} {
		h.throttle.passed(here) // no waiting between them
		l, err := login(t, h, c.name, c.password)
		got := "refused"
		if err == nil {
			rights := "rw "
			if l.Root.ReadOnly() {
				rights = "ro "
			}
			got = l.Person + "/" + l.Device + "/" + rights + prefixes(l)
			if l.Actor != l.Root.Actor() || l.Actor.Person == "" || (l.Actor.Device == "") != (l.Device == "") {
				t.Errorf("%s: actor %v", c.name, l.Actor)
			}
		} else if refused := (*imapd.LoginError)(nil); !errors.As(err, &refused) || refused.Code != imap.ResponseCodeAuthenticationFailed {
			t.Errorf("%s: %v", c.name, err)
		}
		if got != c.want {
			t.Errorf("%s with %q: %s, want %s", c.name, c.password, got, c.want)
		}
	}
}

func TestLoginByAddressOfAnotherBox(t *testing.T) {
	h := newHub(t)
	household(t, h)
	host, pw, box := "127.0.0.1", "x", "marko"
	// The account delivers into marko's box, but the address is buero's.
	must(t, h, AccountAdd, AccountSetParams{Address: "buero@firma.example", Box: &box, Host: &host, Password: &pw})
	if l := mustLogin(t, h, "buero@firma.example", "petra's secret"); l.Person != "petra" {
		t.Error(l.Person)
	}
}

func TestAmbiguousPassword(t *testing.T) {
	h := newHub(t)
	household(t, h)
	must(t, h, PersonPassword, PersonPasswordParams{"petra", "the same"})
	must(t, h, PersonPassword, PersonPasswordParams{"marko", "the same"})
	mustLogin(t, h, "marko", "the same")
	_, err := login(t, h, "buero", "the same")
	if err == nil || !strings.Contains(err.Error(), "device") {
		t.Error(err)
	}
}

// Clients open five connections at once: one computation.
func TestLoginIsComputedOnce(t *testing.T) {
	h := newHub(t)
	household(t, h)
	// While both tokens are taken nothing can be computed.
	h.hasher.tokens <- struct{}{}
	h.hasher.tokens <- struct{}{}
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			l, err := h.Login(ctx, "marko", "marko's secret", here)
			if err != nil {
				t.Error(err)
				return
			}
			l.Close()
		})
	}
	<-h.hasher.tokens // for one computation, which everybody gets
	wg.Wait()
	// All tokens taken again: a login that is remembered needs none.
	h.hasher.tokens <- struct{}{}
	mustLogin(t, h, "marko", "marko's secret")
	<-h.hasher.tokens
	<-h.hasher.tokens
}

func TestRevocation(t *testing.T) {
	type who struct{ name, password string }
	for _, c := range []struct {
		what   string
		change func(t *testing.T, h *Hub)
		ends   string // by the letters below
		refuse string // logins that are refused afterwards
	}{
		{"device", func(t *testing.T, h *Hub) { must(t, h, DeviceRevoke, DeviceParams{"marko", "phone"}) }, "bd", "bd"},
		{"password", func(t *testing.T, h *Hub) { must(t, h, PersonPassword, PersonPasswordParams{"marko", "new"}) }, "ac", "ac"},
		{"grant", func(t *testing.T, h *Hub) { must(t, h, BoxRevoke, GrantParams{Box: "buero", Person: "marko"}) }, "acd", "cd"},
		{"right", func(t *testing.T, h *Hub) {
			must(t, h, BoxGrant, GrantParams{Box: "buero", Person: "marko", ReadOnly: true})
		}, "acd", ""},
		{"box", func(t *testing.T, h *Hub) { must(t, h, BoxRemove, NameParams{"buero"}) }, "acdef", "cdf"},
		{"person", func(t *testing.T, h *Hub) { must(t, h, PersonRemove, NameParams{"marko"}) }, "abcd", "abcd"},
		{"another's device", func(t *testing.T, h *Hub) { device(t, h, "petra", "new") }, "", ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			h := newHub(t)
			household(t, h)
			phone := device(t, h, "marko", "phone")
			logins := map[string]who{
				"a": {"marko", "marko's secret"}, "b": {"marko", phone}, "c": {"buero", "marko's secret"}, "d": {"buero", phone},
				"e": {"petra", "petra's secret"}, "f": {"buero", "petra's secret"},
			}
			open := map[string]*imapd.Login{}
			for k, w := range logins {
				l := mustLogin(t, h, w.name, w.password)
				open[k] = l
				if (k == "a" || k == "e") && !strings.Contains(prefixes(open[k]), "Shared/buero") {
					t.Fatal(k, prefixes(open[k]))
				}
				go func() { // as a connection does
					<-l.Revoked
					l.Close()
				}()
			}
			t.Cleanup(func() {
				h.changed(func(*session) bool { return true })
			})
			c.change(t, h)
			for k, l := range open {
				if want := strings.Contains(c.ends, k); ended(l) != want {
					t.Errorf("%s ended: %v, want %v", k, ended(l), want)
				}
			}
			for k, w := range logins {
				h.throttle.passed(here)
				if _, err := login(t, h, w.name, w.password); (err != nil) != strings.Contains(c.refuse, k) {
					t.Errorf("%s after it: %v", k, err)
				}
			}
		})
	}
}

// A grant that comes later is seen at once, without a new login.
func TestGrantIsSeenAtOnce(t *testing.T) {
	h := newHub(t)
	household(t, h)
	l := mustLogin(t, h, "marko", "marko's secret")
	if got := prefixes(l); got != "Shared/buero" {
		t.Error(got)
	}
	must(t, h, BoxGrant, GrantParams{Box: "familie", Person: "marko", ReadOnly: true})
	if got := prefixes(l); got != "Shared/buero Shared/familie?" || ended(l) {
		t.Error(got)
	}
}

func TestSeenDevices(t *testing.T) {
	h := newHub(t)
	household(t, h)
	l := mustLogin(t, h, "marko", device(t, h, "marko", "phone"))
	l.Seen(map[string]string{"name": "Thunder\x00bird", "version": "153.0", "os": "Linux"})
	over, cancel := context.WithCancel(ctx)
	cancel()
	if h.flushSeen(over) == nil {
		t.Error("written down though it was given up")
	}
	s := must(t, h, GetStatus, None{}) // which writes it down, for it was not lost
	if d := s.Devices; len(d) != 1 || d[0].Client != "Thunderbird 153.0 (Linux)" || d[0].LastSeen == nil || time.Since(*d[0].LastSeen) > time.Minute {
		t.Errorf("%+v", d)
	}
	// What is written down stays when nothing is said any more.
	l.Close()
	if err := h.flushSeen(ctx); err != nil {
		t.Fatal(err)
	}
	mustLogin(t, h, "marko", device(t, h, "marko", "other")).Close()
	if d := must(t, h, DeviceList, NameParams{}); len(d) != 2 || d[1].Client != "Thunderbird 153.0 (Linux)" || d[0].LastSeen.IsZero() {
		t.Errorf("%+v", d)
	}
}

func TestThrottle(t *testing.T) {
	c := &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	var th throttle
	th.init(c.now)
	var waits []time.Duration
	for range 8 {
		waits = append(waits, th.failed(here))
	}
	if waits[0] != 250*time.Millisecond || waits[1] != 500*time.Millisecond || waits[7] != 5*time.Second {
		t.Error(waits)
	}
	for range 200 {
		th.failed(here)
	}
	if th.blocked(here) != 0 || th.blocked(away) != 0 {
		t.Error("somebody near is blocked")
	}
	for range blockAfter {
		th.failed(away)
	}
	if d := th.blocked(away); d != blockFor {
		t.Error(d)
	}
	if near := (netipAddr("192.168.1.5")); th.blocked(near) != 0 {
		t.Error("another one is blocked")
	}
	c.t = c.t.Add(blockFor)
	if d := th.blocked(away); d != 0 {
		t.Error(d)
	}
	c.t = c.t.Add(forgetAfter + 1)
	if d := th.failed(here); d != firstDelay {
		t.Error(d)
	}
	// Who has a /64 net is one.
	for i := range blockAfter {
		th.failed(netipAddr("2001:db8::" + string(rune('1'+i%9))))
	}
	if th.blocked(netipAddr("2001:db8::ffff")) == 0 || th.blocked(netipAddr("2001:db8:0:1::1")) != 0 {
		t.Error("IPv6 nets")
	}
	for _, a := range []string{"10.1.2.3", "192.168.0.1", "172.16.0.1", "fd00::1", "fe80::1%eth0", "::1", "::ffff:127.0.0.1", "169.254.1.1"} {
		if !near(netipAddr(a)) {
			t.Errorf("%s is far", a)
		}
	}
	for _, a := range []string{"8.8.8.8", "172.32.0.1", "2001:db8::1"} {
		if near(netipAddr(a)) {
			t.Errorf("%s is near", a)
		}
	}
}

// Whoever fails too often from outside is turned away, but not who has
// logged in before.
func TestBlockedAddress(t *testing.T) {
	h := newHub(t)
	household(t, h)
	mustLogin(t, h, "marko", "marko's secret")
	for range blockAfter {
		h.throttle.failed(away)
	}
	if _, err := h.Login(ctx, "petra", "petra's secret", away); err == nil || !strings.Contains(err.Error(), "Too many") {
		t.Error(err)
	}
	l, err := h.Login(ctx, "marko", "marko's secret", away)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}
