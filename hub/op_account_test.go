package hub

import (
	"encoding/json"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"heimpost/pop3fetch"
	"heimpost/pop3fetch/pop3d"
)

// state gives what is kept of an account between rounds.
func state(t *testing.T, h *Hub, address string) pop3fetch.State {
	t.Helper()
	a, err := h.account(ctx, h.db, address)
	if err != nil {
		t.Fatal(err)
	}
	st, err := directory{h}.LoadState(ctx, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// TestAccountBeginsAnew: who corrects a password or a server is not made to
// wait for what the wrong one has earned, and the floor of a provider is still
// obeyed.
func TestAccountBeginsAnew(t *testing.T) {
	h := newHub(t)
	must(t, h, PersonAdd, PersonAddParams{Name: "marko", Password: "secret"})
	p := func(s string) *string { return &s }
	a := must(t, h, AccountAdd, AccountSetParams{Address: "m@gmx.de", Password: p("pw")})
	if a.Box != "marko" || !a.NextAllowed.IsZero() {
		t.Errorf("%+v", a)
	}
	now := time.Now()
	trouble := pop3fetch.State{Failures: 3, AuthFailures: 3, Error: "no", ErrorDE: "nein", NextCheck: now.Add(12 * time.Hour), LastLogin: now,
		LoginDelay: time.Hour, HadUIDL: true, ServerCount: 7}
	for name, c := range map[string]struct {
		p     AccountSetParams
		clear bool // the trouble
		gone  bool // what was learned of the server
	}{
		"keep":     {AccountSetParams{Keep: p("always")}, false, false},
		"password": {AccountSetParams{Password: p("other")}, true, false},
		"tls":      {AccountSetParams{TLS: p("starttls")}, true, true}, // its port is another one
		"host":     {AccountSetParams{Host: p("pop.example.org")}, true, true},
		"user":     {AccountSetParams{User: p("else")}, true, true},
	} {
		if err := (directory{h}).SaveState(ctx, a.ID, trouble); err != nil {
			t.Fatal(err)
		}
		c.p.Address = a.Address
		must(t, h, AccountSet, c.p)
		st := state(t, h, a.Address)
		if c.clear != (st.Error == "" && st.NextCheck.IsZero() && st.Failures == 0 && st.AuthFailures == 0) {
			t.Errorf("%s: %+v", name, st)
		}
		if c.gone != (st.LastLogin.IsZero() && st.LoginDelay == 0 && !st.HadUIDL && st.ServerCount == 0) {
			t.Errorf("%s: %+v", name, st)
		}
	}
}

// TestFloorOfHost: a provider's floor holds for who names its server himself.
func TestFloorOfHost(t *testing.T) {
	h := newHub(t)
	must(t, h, PersonAdd, PersonAddParams{Name: "marko", Password: "secret"})
	p := func(s string) *string { return &s }
	a := must(t, h, AccountAdd, AccountSetParams{Address: "me@firma.example", Host: p("pop.gmx.net"), Every: p("1m"), Password: p("pw")})
	if a.AtLeast != "15m" || a.Every != "1m" {
		t.Errorf("%+v", a)
	}
	if b := must(t, h, AccountSet, AccountSetParams{Address: a.Address, Host: p("pop.example.org")}); b.AtLeast != "" {
		t.Errorf("%+v", b)
	}
}

// TestNoPasswordYet: that it is missing is said when all else is right, and
// nothing was made.
func TestNoPasswordYet(t *testing.T) {
	h := newHub(t)
	p := func(s string) *string { return &s }
	fails(t, h, AccountAdd, AccountSetParams{Address: "m@gmx.de"}, KindInvalid, "--box")
	must(t, h, PersonAdd, PersonAddParams{Name: "marko", Password: "secret"})
	fails(t, h, AccountAdd, AccountSetParams{Address: "m@gmx.de", Keep: p("x")}, KindInvalid, "14d")
	fails(t, h, AccountAdd, AccountSetParams{Address: "m@gmx.de", Mailbox: p("Neu")}, KindNoPassword, "password")
	l := mustLogin(t, h, "marko", "secret")
	for _, m := range l.Root.Mailboxes() {
		if m.Name == "Neu" {
			t.Error("a mailbox was made for an account that is not")
		}
	}
	must(t, h, BoxAdd, BoxAddParams{Name: "buero"})
	fails(t, h, AccountAdd, AccountSetParams{Address: "m@gmx.de"}, KindInvalid, "--box")
}

// TestTriedBefore: a login that tried the settings of a new account counts for
// its provider's wish for few.
func TestTriedBefore(t *testing.T) {
	h := newHub(t)
	must(t, h, PersonAdd, PersonAddParams{Name: "marko", Password: "secret"})
	drop := pop3d.NewMaildrop("m@example.org", "pw")
	s := pop3d.New(pop3d.Options{Capabilities: []string{"LOGIN-DELAY 900"}}, drop)
	t.Cleanup(func() { s.Close() })
	addr, err := s.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := func(s string) *string { return &s }
	port := addr.(*net.TCPAddr).Port
	settings := AccountSetParams{Address: drop.User, Host: p("127.0.0.1"), Port: &port, TLS: p("none"), Password: p("pw")}
	tried := must(t, h, AccountTry, settings)
	if tried.Error != "" || tried.NextAllowed.IsZero() || !strings.Contains(tried.SummaryDE, "klappt") {
		t.Fatalf("%+v", tried)
	}
	a := must(t, h, AccountAdd, settings)
	if d := tried.NextAllowed.Sub(a.NextAllowed).Abs(); d > time.Second {
		t.Errorf("allowed at %v, tried: %v", a.NextAllowed, tried.NextAllowed)
	}
	if f := must(t, h, Fetch, FetchParams{}); !f[0].TooSoon || f[0].ErrorDE == f[0].Error || s.Connections() != 1 {
		t.Errorf("%+v, %d connections", f[0], s.Connections())
	}
	must(t, h, AccountRemove, AccountParams{Address: a.Address})
	again := must(t, h, AccountAdd, settings)
	if d := tried.NextAllowed.Sub(again.NextAllowed).Abs(); d > time.Second {
		t.Errorf("allowed at %v after it was removed, tried: %v", again.NextAllowed, tried.NextAllowed)
	}
}

// TestErrorsInGerman cross the control channel, with their kind.
func TestErrorsInGerman(t *testing.T) {
	icloud, _ := pop3fetch.PresetFor("a@icloud.com")
	for want, err := range map[string]error{"kein POP3": icloud.Err(), "nothing in German": errors.New("nothing in German"), "invalid": invalid("invalid")} {
		text, _ := json.Marshal(answer{Error: asError(err)})
		var a answer
		if e := json.Unmarshal(text, &a); e != nil || a.Error == nil {
			t.Fatal(e)
		}
		if German(err) != German(a.Error) || !strings.Contains(German(err), want) || a.Error.Error() != err.Error() {
			t.Errorf("%v: %q, through the channel %q", err, German(err), German(a.Error))
		}
	}
}
