package hub

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heimpost/pop3fetch"
	"heimpost/pop3fetch/oauth"
	"heimpost/pop3fetch/oauth/oauthtest"
	"heimpost/pop3fetch/pop3d"
)

// signInWorld is a hub with an account at a provider that wants a sign-in.
func signInWorld(t *testing.T, provider string) (*Hub, *oauthtest.Server, *pop3d.Maildrop, string) {
	s := oauthtest.New()
	t.Cleanup(s.Close)
	h := newHub(t)
	if err := os.WriteFile(filepath.Join(h.dir, ConfigFile), []byte(s.Config(provider)), 0o600); err != nil {
		t.Fatal(err)
	}
	drop := pop3d.NewMaildrop("marko@outlook.com", "no password")
	p := pop3d.New(pop3d.Options{Token: s.Good}, drop)
	addr, err := p.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	must(t, h, PersonAdd, PersonAddParams{Name: "marko", Password: "secret"})
	box, host, tls, port := "marko", "127.0.0.1", "none", addr.(*net.TCPAddr).Port
	a := must(t, h, AccountAdd, AccountSetParams{Address: drop.User, Box: &box, Host: &host, Port: &port, TLS: &tls, OAuth: &provider})
	if a.OAuth != provider || !a.SignIn || !strings.Contains(a.Error, "please sign in") {
		t.Errorf("%+v", a)
	}
	return h, s, drop, a.Address
}

// fetchOne delivers a mail and fetches it.
func fetchOne(t *testing.T, h *Hub, drop *pop3d.Maildrop) Fetched {
	t.Helper()
	drop.Deliver([]byte(fmt.Sprintf("Subject: %d\r\n\r\nx\r\n", time.Now().UnixNano())))
	return must(t, h, Fetch, FetchParams{})[0]
}

func TestSignInByCode(t *testing.T) {
	h, s, drop, address := signInWorld(t, "microsoft")
	if f := fetchOne(t, h, drop); !strings.Contains(f.Error, "Please sign in first") {
		t.Errorf("%+v", f)
	}
	first := must(t, h, SignInStart, SignInParams{Address: address})
	started := must(t, h, SignInStart, SignInParams{Address: address})
	if started.Code != oauthtest.UserCode || started.URL == "" || started.Redirect != "" || started.Provider != "Microsoft" {
		t.Errorf("%+v", started)
	}
	fails(t, h, SignInWait, SignInStep{ID: first.ID}, KindNotFound, "begin again")
	fails(t, h, SignInWait, SignInStep{ID: started.ID, Pasted: "x"}, KindInvalid, "by code")
	if l := must(t, h, SignInLook, SignInStep{ID: started.ID}); l.Done || l.Address != address {
		t.Errorf("%+v", l)
	}
	s.Agree()
	if w := must(t, h, SignInWait, SignInStep{ID: started.ID}); !w.Done || w.Address != address {
		t.Errorf("%+v", w)
	}
	if l := must(t, h, SignInLook, SignInStep{ID: started.ID}); !l.Done || l.Error != "" {
		t.Errorf("%+v", l)
	}
	if f := fetchOne(t, h, drop); f.Error != "" || f.Retrieved != 2 {
		t.Errorf("%+v", f)
	}
	if a := must(t, h, AccountList, None{})[0]; a.SignIn || a.Error != "" {
		t.Errorf("%+v", a)
	}

	// The provider takes the access token no more: the refresh token, which
	// it then replaces, gets another one, and is kept encrypted.
	s.Expire()
	if f := fetchOne(t, h, drop); f.Error != "" || f.Retrieved != 1 || s.Given() != 2 {
		t.Errorf("%+v after %d tokens", f, s.Given())
	}
	dir := h.dir
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "hub.db"))
	if err != nil || bytes.Contains(text, []byte("refresh")) || bytes.Contains(text, []byte("access2")) {
		t.Errorf("hub.db holds tokens in clear (%v)", err)
	}
	h = openHub(t, dir, Options{Serve: true})
	s.Expire()
	if f := fetchOne(t, h, drop); f.Error != "" || f.Retrieved != 1 || s.Given() != 3 {
		t.Errorf("after a new start: %+v after %d tokens", f, s.Given())
	}

	s.Revoke()
	if f := fetchOne(t, h, drop); !strings.Contains(f.Error, "Please sign in again") {
		t.Errorf("%+v", f)
	}
	a := must(t, h, AccountList, None{})[0]
	if !a.SignIn || !strings.Contains(a.Error, "please sign in again: heimpost account signin "+address) || a.ErrorDE == "" {
		t.Errorf("%+v", a)
	}
	// Signing in again needs no configuration: the registration is known.
	config := fmt.Sprintf("[oauth.microsoft]\ndevice_url = %q\ntoken_url = %q\n", s.URL+"/device", s.URL+"/token")
	if err := os.WriteFile(filepath.Join(dir, ConfigFile), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Agree()
	must(t, h, SignInWait, SignInStep{ID: must(t, h, SignInStart, SignInParams{Address: address}).ID})
	if f := fetchOne(t, h, drop); f.Error != "" || f.Retrieved != 2 {
		t.Errorf("%+v", f)
	}
}

func TestSignInByBrowser(t *testing.T) {
	h, s, drop, address := signInWorld(t, "google")
	for name, paste := range map[string]bool{"comes back": false, "pasted": true} {
		t.Run(name, func(t *testing.T) {
			started := must(t, h, SignInStart, SignInParams{Address: address})
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			step := SignInStep{ID: started.ID}
			if paste {
				client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			}
			res, err := client.Get(started.URL)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if paste {
				fails(t, h, SignInWait, SignInStep{ID: started.ID, Pasted: "http://127.0.0.1/?code=x&state=y"}, "", "another sign-in")
				step.Pasted = res.Header.Get("Location")
				if !strings.HasPrefix(step.Pasted, started.Redirect) {
					t.Errorf("%s, expected %s…", step.Pasted, started.Redirect)
				}
			}
			if w := must(t, h, SignInWait, step); !w.Done {
				t.Errorf("%+v", w)
			}
			if f := fetchOne(t, h, drop); f.Error != "" || f.Retrieved != 1 {
				t.Errorf("%+v", f)
			}
			s.Expire()
		})
	}
}

// TestSignInEnds: a sign-in that nobody completes ends with the hub.
func TestSignInEnds(t *testing.T) {
	h, _, _, address := signInWorld(t, "google")
	id := must(t, h, SignInStart, SignInParams{Address: address}).ID
	w, err := h.signIns.find(id)
	if err != nil {
		t.Fatal(err)
	}
	must(t, h, SignInStart, SignInParams{Address: address})
	<-w.done
	if w.err == nil || !strings.Contains(w.err.Error(), "given up") {
		t.Error(w.err)
	}
}

func TestSignInOrPassword(t *testing.T) {
	h := newHub(t)
	must(t, h, PersonAdd, PersonAddParams{Name: "marko", Password: "secret"})
	box, word, google, none := "marko", "secret", "google", "facebook"
	a := must(t, h, AccountAdd, AccountSetParams{Address: "m@outlook.com", Box: &box})
	if a.OAuth != "microsoft" || len(a.Hints) == 0 || len(a.Hints) != len(a.HintsDE) {
		t.Errorf("%+v", a)
	}
	_, err := Do(ctx, h, SignInStart, SignInParams{Address: "m@outlook.com"}, nil)
	if !errors.Is(err, KindNoClient) || !strings.Contains(err.Error(), "entra.microsoft.com") || !strings.Contains(err.Error(), "[oauth.microsoft]") {
		t.Error(err)
	}
	fails(t, h, AccountAdd, AccountSetParams{Address: "m@gmail.com", Box: &box}, KindNoPassword, "password")
	fails(t, h, AccountAdd, AccountSetParams{Address: "m@gmail.com", Box: &box, OAuth: &none}, KindInvalid, "google or microsoft")
	fails(t, h, AccountAdd, AccountSetParams{Address: "m@gmail.com", Box: &box, OAuth: &google, Password: &word}, KindInvalid, "not both")
	must(t, h, AccountAdd, AccountSetParams{Address: "m@gmail.com", Box: &box, Password: &word})
	must(t, h, AccountAdd, AccountSetParams{Address: "m@gmx.de", Box: &box, Password: &word})
	fails(t, h, SignInStart, SignInParams{Address: "m@gmx.de"}, KindInvalid, "password")
	if a := must(t, h, AccountSet, AccountSetParams{Address: "m@gmail.com", OAuth: &google}); a.OAuth != "google" || !a.SignIn {
		t.Errorf("%+v", a)
	}
	d := directory{h}
	gmail, _ := h.account(ctx, h.db, "m@gmail.com")
	if _, err := d.Password(ctx, gmail); err == nil || !strings.Contains(err.Error(), "account signin") {
		t.Errorf("the password is still there: %v", err)
	}
	if a := must(t, h, AccountSet, AccountSetParams{Address: "m@gmail.com", Password: &word}); a.OAuth != "" || a.SignIn {
		t.Errorf("%+v", a)
	}
	if got, err := d.Password(ctx, gmail); got != word || err != nil {
		t.Error(got, err)
	}
	for address, want := range map[string]Preset{"x@hotmail.de": {OAuth: "microsoft"}, "x@gmail.com": {OAuth: "google", Passwords: true}, "x@gmx.de": {Passwords: true}, "x@example.org": {Passwords: true}} {
		if p := must(t, h, AccountPreset, AccountParams{Address: address}); p.OAuth != want.OAuth || p.Passwords != want.Passwords {
			t.Errorf("%s: %+v", address, p)
		}
	}
	// What is to be registered is said until it is.
	outlook := AccountParams{Address: "x@outlook.com"}
	if p := must(t, h, AccountPreset, outlook); p.Registered || p.Register == "" || p.RegisterDE == "" {
		t.Errorf("%+v", p)
	}
	if err := os.WriteFile(filepath.Join(h.dir, ConfigFile), []byte("[oauth.microsoft]\nclient_id = \"x\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p := must(t, h, AccountPreset, outlook); !p.Registered || p.Register != "" {
		t.Errorf("%+v", p)
	}
	fails(t, h, AccountPreset, AccountParams{Address: "x@icloud.com"}, "", "no POP3")
}

// TestTokenIsNobodyElses: a token that is put into another account's row, or
// in the place of a password, opens nothing.
func TestTokenIsNobodyElses(t *testing.T) {
	h := newHub(t)
	must(t, h, PersonAdd, PersonAddParams{Name: "marko", Password: "secret"})
	box := "marko"
	one := must(t, h, AccountAdd, AccountSetParams{Address: "one@outlook.com", Box: &box})
	two := must(t, h, AccountAdd, AccountSetParams{Address: "two@outlook.com", Box: &box})
	sealed, err := h.sealSignIn(one.ID, signIn{Provider: "microsoft", ClientID: "hub", Token: oauth.Token{Refresh: "r"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.db.Exec("UPDATE account SET token=?, password=?", sealed, sealed); err != nil {
		t.Fatal(err)
	}
	d := directory{h}
	if _, token, err := d.SignIn(ctx, pop3fetch.Account{ID: one.ID}); err != nil || token.Refresh != "r" {
		t.Error(token, err)
	}
	if _, _, err := d.SignIn(ctx, pop3fetch.Account{ID: two.ID}); !errors.Is(err, oauth.ErrSignIn) {
		t.Error(err)
	}
	if p, err := d.Password(ctx, pop3fetch.Account{ID: one.ID}); err == nil {
		t.Errorf("a token was given as password: %q", p)
	}
	// Kept and read back by the next hub: durable.
	if err := d.SaveToken(ctx, pop3fetch.Account{ID: one.ID}, oauth.Token{Refresh: "next"}); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	d = directory{openHub(t, h.dir, Options{Serve: true})}
	if p, token, err := d.SignIn(ctx, pop3fetch.Account{ID: one.ID}); err != nil || token.Refresh != "next" || p.ClientID != "hub" {
		t.Error(p, token, err)
	}
}
