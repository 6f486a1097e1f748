package pop3fetch

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"heimpost/pop3fetch/oauth"
	"heimpost/pop3fetch/pop3d"
)

// TestServerCount: what is shown of the provider's mailbox is what it holds
// after the round, not before.
func TestServerCount(t *testing.T) {
	r := newRig(t, pop3d.Options{}, Options{})
	r.change(0, func(a *Account) { a.Keep = KeepAlways })
	r.deliver(3)
	r.fetch()
	if st := r.state(0); st.ServerCount != 3 || st.ServerSize == 0 {
		t.Errorf("%+v", st)
	}
	r.change(0, func(a *Account) { a.Keep = KeepNever })
	r.deliver(2)
	if res := r.fetch(); res.Listed != 5 || res.Deleted != 5 {
		t.Errorf("%+v", res)
	}
	if st := r.state(0); st.ServerCount != 0 || st.ServerSize != 0 || st.PendingDeletions != 0 {
		t.Errorf("after all was deleted: %+v", st)
	}
}

// TestAllowed: what people are told of a provider's wish is what rounds obey.
func TestAllowed(t *testing.T) {
	r := newRig(t, pop3d.Options{Capabilities: []string{"LOGIN-DELAY 600"}}, Options{})
	if at := r.accounts[0].Allowed(State{}); !at.IsZero() {
		t.Errorf("before the first login: %v", at)
	}
	res := r.fetch()
	st := r.state(0)
	if at := r.accounts[0].Allowed(st); at.IsZero() || !at.Equal(res.NextAllowed) || at.Sub(st.LastLogin).Seconds() != 600 {
		t.Errorf("%v, the round said %v", at, res.NextAllowed)
	}
}

// TestRemoves: a provider that deletes by itself is named.
func TestRemoves(t *testing.T) {
	r := newRig(t, pop3d.Options{Capabilities: []string{"EXPIRE 0"}}, Options{})
	r.deliver(1)
	res, err := r.Round(ctx, r.accounts[0].Address, FetchOptions{DryRun: true})
	if err != nil || !res.Removes || r.state(0).Removes {
		t.Errorf("%+v %v", res, err)
	}
	if res := r.fetch(); !res.Removes || !r.state(0).Removes {
		t.Errorf("%+v", res)
	}
}

// TestPresetOfHost: the provider's words are those of who runs the host, also
// for a domain of one's own.
func TestPresetOfHost(t *testing.T) {
	refusal := &refusal{verb: "PASS", code: "AUTH", text: "no"}
	for host, want := range map[string]string{"pop.ionos.de": "IONOS", "pop.gmail.com": "Gmail", "outlook.office365.com": "Microsoft 365", "mail.example.org": "mail.example.org"} {
		p := explain(Account{Address: "me@firma.example", Host: host, Port: 995}, refusal)
		if !strings.HasPrefix(p.Text.EN, want+" does not accept") || !strings.HasPrefix(p.Text.DE, want+" nimmt") {
			t.Errorf("%s: %s / %s", host, p.Text.EN, p.Text.DE)
		}
	}
	if p := explain(Account{Address: "me@outlook.de", Host: "outlook.office365.com"}, refusal); !strings.HasPrefix(p.Text.EN, "Outlook.com ") {
		t.Error(p.Text.EN)
	}
	if p, known := PresetForHost(""); known {
		t.Errorf("no host at all is %s's", p.Provider)
	}
}

// TestGermanWords of what is no answer of a provider.
func TestGermanWords(t *testing.T) {
	icloud, _ := PresetFor("a@icloud.com")
	if err := icloud.Err(); !errors.Is(err, ErrNoPOP3) || !strings.Contains(err.Error(), "no POP3") || !strings.Contains(German(err), "kein POP3") {
		t.Error(err)
	}
	soon := &TooSoonError{Account: "a@gmx.de"}
	for _, err := range []error{soon, explain(Account{}, soon)} {
		if !strings.Contains(German(err), "seltener") || !strings.Contains(err.Error(), "less often") {
			t.Error(err, German(err))
		}
	}
}

// TestNobodyConnects for an account that nobody has signed in to.
func TestNobodyConnects(t *testing.T) {
	r, s := signedIn(t, pop3d.Options{})
	r.Fetcher = New(nobody{s}, Options{Log: quiet, Dial: func(context.Context, string, string) (net.Conn, error) {
		t.Error("the provider was contacted")
		return nil, errors.New("no")
	}})
	if err := r.broken(); !errors.Is(err, oauth.ErrSignIn) || !strings.Contains(err.Error(), "sign in first") || !strings.Contains(German(err), "melden Sie sich an") {
		t.Error(err)
	}
	if !r.state(0).SignIn {
		t.Error("the schedule tries again")
	}
}

// nobody has signed in.
type nobody struct{ *signIns }

func (nobody) SignIn(context.Context, Account) (oauth.Provider, oauth.Token, error) {
	return oauth.Provider{}, oauth.Token{}, oauth.ErrNobody
}

// TestRefusedTokenIsRenewed also where a second login must wait for the
// provider's floor: with the next round.
func TestRefusedTokenIsRenewed(t *testing.T) {
	r, s := signedIn(t, pop3d.Options{})
	c := &clock{time.Now()}
	r.Fetcher = New(s, Options{Log: quiet, Now: c.now})
	r.change(0, func(a *Account) { a.MinInterval = 15 * time.Minute })
	r.fetch()
	s.void()
	r.deliver(1)
	c.advance(16 * time.Minute)
	if err := r.broken(); s.n != 1 || !strings.Contains(err.Error(), "does not accept the sign-in") || !strings.Contains(err.Error(), "a@example.org") {
		t.Errorf("%v after %d refreshes", err, s.n)
	}
	c.advance(16 * time.Minute)
	r.fetch()
	if s.n != 2 {
		t.Errorf("%d refreshes", s.n)
	}
	r.exactlyOnce()
}

// TestSignInPageDown: trouble at the provider's sign-in is not taken for
// trouble at its mail server, and ends no sign-in.
func TestSignInPageDown(t *testing.T) {
	r, s := signedIn(t, pop3d.Options{})
	s.provider.TokenURL = "http://127.0.0.1:1/token"
	err := r.broken()
	if errors.Is(err, oauth.ErrSignIn) || !strings.HasPrefix(err.Error(), "The sign-in could not be renewed: Microsoft's sign-in cannot be reached") ||
		!strings.HasPrefix(German(err), "Die Anmeldung ließ sich nicht erneuern") || strings.Contains(err.Error(), "refresh0") {
		t.Error(err)
	}
	if st := r.state(0); st.SignIn || st.NextCheck.Sub(st.LastTry) > time.Hour {
		t.Errorf("%+v", st)
	}
}

// TestTestEndsBackoff: when a test shows that what was in the way is gone, the
// schedule waits no longer for what the trouble has earned.
func TestTestEndsBackoff(t *testing.T) {
	var off atomic.Bool
	off.Store(true)
	r := newRig(t, pop3d.Options{Login: func(string) string {
		if off.Load() {
			return "-ERR POP3 is not enabled for this account"
		}
		return ""
	}}, Options{})
	r.broken()
	if at := r.due(ctx, r.accounts[0], false); time.Until(at) < 30*time.Minute {
		t.Errorf("after a refusal the schedule tries again at %v", at)
	}
	if _, err := r.Test(ctx, r.accounts[0], ""); err == nil {
		t.Error("the test succeeded")
	}
	if r.state(0).Error == "" {
		t.Error("a test that fails ends the back-off")
	}
	off.Store(false)
	if _, err := r.Test(ctx, r.accounts[0], ""); err != nil {
		t.Fatal(err)
	}
	if at := r.due(ctx, r.accounts[0], false); time.Until(at) > 0 || r.state(0).Error != "" {
		t.Errorf("after a good test the schedule waits until %v", at)
	}
}

// TestNoPasswordToBeWrong: of an account that has none, the sign-in is doubted.
func TestNoPasswordToBeWrong(t *testing.T) {
	f := New(nil, Options{Log: quiet})
	for oauth, want := range map[string]bool{"": true, "google": false} {
		st := State{AuthFailures: wrongAfter, AuthSince: time.Now().Add(-2 * wrongOver)}
		err := f.settle(Account{OAuth: oauth, Host: "x", Port: 1}, &st, FetchOptions{}, &refusal{verb: "AUTH", text: "no"}, false)
		if strings.Contains(err.Error(), "probably wrong") != want {
			t.Errorf("%q: %v", oauth, err)
		}
	}
}

// TestDrainedBesideASickMail: a message that cannot be retrieved does not keep
// a first drain from being over, so that what comes later is new.
func TestDrainedBesideASickMail(t *testing.T) {
	var r *rig
	r = newRig(t, pop3d.Options{Script: on(func(c *pop3d.Command) {
		if c.Verb == "RETR" && c.Mail != nil && c.Mail.ID == r.drop.All()[1].ID {
			c.Reply("-ERR the disk is sick")
		}
	})}, Options{})
	r.deliver(3)
	if res := r.fetch(); res.Failed != 1 || res.Retrieved != 2 {
		t.Errorf("%+v", res)
	}
	if st := r.state(0); !st.Drained || st.Waiting != 1 {
		t.Errorf("%+v", st)
	}
}
