package web

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"heimpost/hub"
	"heimpost/pop3fetch/oauth/oauthtest"
	"heimpost/pop3fetch/pop3d"
)

// signInProvider is a provider that takes no passwords; accounts of an address
// are led to it.
func (w *world) signInProvider(address string) (*oauthtest.Server, func()) {
	s := oauthtest.New()
	w.Cleanup(s.Close)
	drop := pop3d.NewMaildrop(address, "no password")
	drop.Deliver([]byte(mail(1)))
	p := pop3d.New(pop3d.Options{Token: s.Good}, drop)
	addr, err := p.Listen("127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { p.Close() })
	return s, func() {
		w.Helper()
		host, tls, port := "127.0.0.1", "none", addr.(*net.TCPAddr).Port
		if _, err := hub.Do(context.Background(), w.r.Hub, hub.AccountSet, hub.AccountSetParams{Address: address, Host: &host, Port: &port, TLS: &tls}, nil); err != nil {
			w.Fatal(err)
		}
	}
}

// register writes the hub's registration at a provider into heimpost.toml.
func (w *world) register(lines string) {
	w.Helper()
	// The rest of it was read at the start.
	if err := os.WriteFile(filepath.Join(w.r.Hub.Dir(), hub.ConfigFile), []byte(lines), 0o600); err != nil {
		w.Fatal(err)
	}
}

// until looks at a page until it says something.
func (b *browser) until(path, text string) {
	b.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		a := b.get(path)
		if strings.Contains(a.body, text) {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("%s never says %q\n%s", path, text, a.body)
		}
	}
}

// TestSignInByCode: an address whose provider takes no password.
func TestSignInByCode(t *testing.T) {
	const address = "marko@outlook.com"
	w := newWorld(t)
	b := w.browser("de")
	b.setUp()
	s, lead := w.signInProvider(address)
	b.shows(b.post("/accounts/new", "address", "info@example.org", "way", "signin"), 422, "/accounts/new", "keine Anmeldung bekannt")
	b.shows(b.post("/accounts/new", "address", address, "password", "egal"), 200, "/accounts/keep", "melden sich beim Anbieter an")
	b.shows(b.post("/accounts/keep", "keep", "always"), 200, "/accounts/share")
	page := b.post("/accounts/share", "shared", "no")
	b.shows(page, 200, "/accounts/signin", "Bei Microsoft anmelden", "entra.microsoft.com", `name="client_id"`)
	if strings.Contains(page.body, `name="client_secret"`) {
		t.Error("a secret is asked for that Microsoft has none of")
	}
	lead()
	b.shows(b.get("/"), 200, "/", "beim Anbieter anmelden", `href="/accounts/signin?address=marko`)
	// Without a registration: what to do, in words.
	b.shows(b.post("/accounts/signin", "address", address), 422, "/accounts/signin", "Client-ID der Registrierung fehlt", "entra.microsoft.com")

	w.register(s.Config("microsoft"))
	b.shows(b.post("/accounts/signin", "address", address), 200, "/accounts/signin", "https://example.org/device", oauthtest.UserCode, "Warten, bis Sie sich dort")
	eve := w.person("eve", "Eve", false)
	for _, a := range []answer{eve.get(signInPath(address)), eve.post("/accounts/signin", "address", address), eve.post("/accounts/signin/paste", "address", address, "pasted", "x")} {
		if a.status != 404 || strings.Contains(a.body, oauthtest.UserCode) {
			t.Errorf("eve gets %d\n%s", a.status, a.body)
		}
	}
	s.Agree()
	b.until(signInPath(address), "Angemeldet. Die Mails von")
	b.until("/accounts/done?address="+address, "ist da")
}

// TestSignInByBrowser: the browser comes back to this computer, or its address
// is pasted.
func TestSignInByBrowser(t *testing.T) {
	const address = "marko@gmail.com"
	w := newWorld(t)
	b := w.browser("en")
	b.setUp()
	s, lead := w.signInProvider(address)
	b.shows(b.post("/accounts/new", "address", address, "way", "signin"), 200, "/accounts/keep", "You sign in at the provider")
	b.post("/accounts/keep", "keep", "always")
	b.shows(b.post("/accounts/share", "shared", "no"), 200, "/accounts/signin", "console.cloud.google.com", `name="client_secret"`)
	lead()
	w.register(s.Config("google"))
	begun := b.post("/accounts/signin", "address", address)
	b.shows(begun, 200, "/accounts/signin", "Open the page of Google", "Waiting until", `name="pasted"`)
	at := regexp.MustCompile(`href="(http://127[^"]*/auth[^"]*)"`).FindStringSubmatch(begun.body)
	if at == nil {
		t.Fatal(begun.body)
	}
	for _, pasted := range []string{"", "thecode", "http://127.0.0.1:1/?code=thecode&state=guessed", "javascript:alert(1)"} {
		if a := b.post("/accounts/signin/paste", "address", address, "pasted", pasted); a.status != 422 || !strings.Contains(a.body, "Waiting until") {
			t.Errorf("%q: %d\n%s", pasted, a.status, a.body)
		}
	}
	// Another device's browser ends at an address that is pasted.
	r, err := http.NewRequest("GET", strings.ReplaceAll(at[1], "&amp;", "&"), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := b.http.Transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	b.shows(b.post("/accounts/signin/paste", "address", address, "pasted", res.Header.Get("Location")), 200, "/accounts/signin", "Signed in.")
	b.until("/accounts/done?address="+address, "is here")

	// It ends; a new one by the browser itself.
	s.Revoke()
	b.shows(b.post("/accounts/signin", "address", address), 200, "/accounts/signin", "Open the page of Google")
	at = regexp.MustCompile(`href="(http://127[^"]*/auth[^"]*)"`).FindStringSubmatch(b.get(signInPath(address)).body)
	if at == nil {
		t.Fatal("no address to sign in at")
	}
	r, _ = http.NewRequest("GET", strings.ReplaceAll(at[1], "&amp;", "&"), nil)
	if a := b.do(r); !strings.Contains(a.body, "this window can be closed") {
		t.Errorf("%s", a.body)
	}
	b.until(signInPath(address), "Signed in.")
}
