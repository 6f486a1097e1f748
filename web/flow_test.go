package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"
	"go.uber.org/goleak"

	"heimpost/hub"
	"heimpost/pop3fetch/pop3d"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a hub that serves, with its pages.
type world struct {
	*testing.T
	r     *hub.Running
	site  *Site
	setup string // the set-up's link
}

// newWorld starts a hub on an empty data folder.
func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, func(*hub.Config) {})
}

// newWorldWith does so with another configuration.
func newWorldWith(t *testing.T, change func(*hub.Config)) *world {
	t.Helper()
	return newWorldAt(t, "127.0.0.7", func(c *hub.Config) {
		freePorts(c)
		change(c)
	})
}

// freePorts lets the hub listen where nobody else does.
func freePorts(c *hub.Config) {
	c.IMAP.Listen, c.IMAP.ListenTLS = []string{"127.0.0.1:0"}, []string{"127.0.0.1:0"}
	c.Web.Listen, c.Web.ListenTLS = "127.0.0.1:0", "127.0.0.1:0"
}

// newWorldAt starts a hub whose address in the home network is this one, ""
// for what the hub finds by itself; change gets the configuration that the
// first start writes.
func newWorldAt(t *testing.T, home string, change func(*hub.Config)) *world {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	config, err := hub.LoadConfig(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	change(&config)
	var homeAddrs func() ([]netip.Addr, error)
	if home != "" {
		homeAddrs = func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr(home)}, nil }
	}
	w := &world{T: t}
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- hub.Serve(ctx, dir, config, hub.ServeOptions{Version: "test",
			LookupMX:  func(context.Context, string) ([]string, error) { return nil, nil },
			HomeAddrs: homeAddrs,
			Web: func(r *hub.Running) (_ http.Handler, err error) {
				w.site, err = New(r, Options{})
				return w.site, err
			},
			Ready: func(r *hub.Running) { w.r = r; close(ready) }})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	if w.setup, err = w.site.SetupURL(ctx); err != nil {
		t.Fatal(err)
	}
	return w
}

// browser is somebody at the pages.
type browser struct {
	*world
	http *http.Client
	lang string
}

func (w *world) browser(lang string) *browser {
	jar, _ := cookiejar.New(nil)
	der, _ := w.r.Certs.CA()
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		w.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	w.Cleanup(transport.CloseIdleConnections)
	return &browser{w, &http.Client{Jar: jar, Transport: transport, Timeout: time.Minute}, lang}
}

// page is an answer.
type answer struct {
	status int
	url    *url.URL
	header http.Header
	body   string
}

func (b *browser) do(r *http.Request) answer {
	b.Helper()
	r.Header.Set("Accept-Language", b.lang)
	res, err := b.http.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	return answer{res.StatusCode, res.Request.URL, res.Header, string(body)}
}

// at gives an address of the pages.
func (b *browser) at(path string) string {
	if strings.HasPrefix(path, "http") {
		return path
	}
	return "http://" + b.r.Web + path
}

func (b *browser) get(path string) answer {
	b.Helper()
	r, err := http.NewRequest("GET", b.at(path), nil)
	if err != nil {
		b.Fatal(err)
	}
	return b.do(r)
}

// post sends a form as the page itself would.
func (b *browser) post(path string, fields ...string) answer {
	b.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		v.Add(fields[i], fields[i+1])
	}
	return b.postForm(path, v)
}

func (b *browser) postForm(path string, v url.Values) answer {
	b.Helper()
	r, err := http.NewRequest("POST", b.at(path), strings.NewReader(v.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(r)
}

// shows checks that an answer is the page of a path with some texts.
func (b *browser) shows(a answer, status int, path string, texts ...string) {
	b.Helper()
	if a.status != status || a.url.Path != path {
		b.Fatalf("%d %s, want %d %s\n%s", a.status, a.url.Path, status, path, a.body)
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			b.Errorf("%s does not say %q\n%s", path, text, a.body)
		}
	}
}

// setUp makes the first person.
func (b *browser) setUp() {
	b.Helper()
	b.shows(b.get(b.setup), 200, "/setup", "autofocus")
	b.shows(b.post("/setup", "title", "Marko Büro", "password", "geheim-genug", "again", "geheim-genug"), 200, "/accounts/new")
}

// provider is a mailbox elsewhere.
func (w *world) provider(mails ...string) (host, port string) {
	return w.providerWith(pop3d.Options{}, mails...)
}

func (w *world) providerWith(o pop3d.Options, mails ...string) (host, port string) {
	drop := pop3d.NewMaildrop("info@example.org", "pop-secret")
	for _, m := range mails {
		drop.Deliver([]byte(m))
	}
	s := pop3d.New(o, drop)
	addr, err := s.Listen("127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(s.Close)
	host, port, _ = strings.Cut(addr.String(), ":")
	return host, port
}

func mail(n int) string {
	return fmt.Sprintf("From: a@example.org\r\nSubject: mail %d\r\nDate: Mon, 2 Jan 2023 15:04:05 +0100\r\n\r\nHallo %d\r\n", n, n)
}

// TestFromNothingToADevice is the layman's way: an empty data folder, the
// questions, the first drain, a device, its first contact.
func TestFromNothingToADevice(t *testing.T) {
	w := newWorld(t)
	host, port := w.provider(mail(1), mail(2), mail(3))
	b := w.browser("de")
	b.setUp()

	// Wrong turns first: each ends in a sentence, and no answer is lost.
	b.shows(b.post("/accounts/new", "address", "info.example.org", "password", "x"), 422, "/accounts/new", "Es fehlt ein @", "info.example.org")
	b.shows(b.post("/accounts/new", "address", "a@icloud.com", "password", "x"), 422, "/accounts/new", "iCloud lässt andere Programme")
	b.shows(b.post("/accounts/new", "address", "info@example.org", "password", "pop-secret"), 422, "/accounts/new", "kennt Heimpost nicht", `name="host"`)
	server := []string{"address", "info@example.org", "host", host, "port", port, "tls", "none", "user", "info@example.org"}
	b.shows(b.post("/accounts/new", append(server, "password", "wrong")...), 422, "/accounts/new", "nimmt den Benutzernamen oder das Passwort nicht an")
	b.shows(b.get("/accounts/keep"), 200, "/accounts/new", host)

	b.shows(b.post("/accounts/new", append(server, "password", "pop-secret")...), 200, "/accounts/keep", "liegen 3 Mails", `value="14d" checked`)
	b.shows(b.get("/accounts/new"), 200, "/accounts/new", "info@example.org", host) // back, nothing is lost
	b.shows(b.post("/accounts/keep", "keep", "always"), 200, "/accounts/share")
	b.shows(b.post("/accounts/share", "shared", "yes", "box", ""), 422, "/accounts/share", "Bitte geben Sie")
	b.shows(b.post("/accounts/share", "shared", "yes", "box", "Büro", "seen", "private"), 200, "/accounts/done", "Erstes Gerät")

	deadline := time.Now().Add(30 * time.Second)
	for !strings.Contains(b.get("/accounts/done?address=info@example.org").body, "ist da") {
		if time.Now().After(deadline) {
			t.Fatal("the first drain does not come to its end")
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.shows(b.get("/"), 200, "/", "Alles in Ordnung", "info@example.org", "für immer", "Büro")

	b.shows(b.post("/devices/new", "kind", "thunderbird", "name", "", "deletes", "everywhere", "window", "all"), 422, "/devices/new", "Bitte geben Sie dem Gerät")
	ready := b.post("/devices/new", "kind", "mac", "name", "Markos Handy", "deletes", "here", "window", "all", "box", "buero")
	if !strings.HasPrefix(ready.url.Path, "/devices/ready/") || !strings.Contains(ready.body, "Warten auf die erste Verbindung") {
		t.Fatalf("%s\n%s", ready.url, ready.body)
	}
	password := regexp.MustCompile(`<code id="password">([a-z0-9-]+)</code>`).FindStringSubmatch(ready.body)
	if password == nil {
		t.Fatal(ready.body)
	}

	// The device trusts the authority that the page hands out.
	pem := b.get("/ca.pem")
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(pem.body)) {
		t.Fatalf("%v %s", pem.header, pem.body)
	}
	c, err := imapclient.DialTLS(w.r.IMAPS[0], &imapclient.Options{TLSConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Login("buero", password[1]).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ID(nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if box, err := c.Select("INBOX", nil).Wait(); err != nil || box.NumMessages != 3 {
		t.Fatalf("%+v %v", box, err)
	}
	for !strings.Contains(b.get(ready.url.Path).body, "Verbunden, als") {
		if time.Now().After(deadline) {
			t.Fatal("the page never shows the device connected")
		}
		time.Sleep(50 * time.Millisecond)
	}

	// It is lost: revoked, its connection ends.
	b.shows(b.post("/devices/revoke", "person", "marko-buero", "device", "Markos Handy"), 200, "/devices/revoke", "verliert in wenigen Sekunden")
	b.shows(b.post("/devices/revoke", "person", "marko-buero", "device", "Markos Handy", "sure", "yes"), 200, "/", "hat keinen Zugang mehr")
	if err := c.Noop().Wait(); err == nil {
		if err = c.Noop().Wait(); err == nil {
			t.Error("a revoked device goes on")
		}
	}
	if a := b.get(ready.url.Path); a.status != 404 {
		t.Errorf("the link of a revoked device gives %d", a.status)
	}
}

func TestSetupLinkWorksOnce(t *testing.T) {
	w := newWorld(t)
	first, second := w.browser("en"), w.browser("en")
	first.shows(first.get("/login"), 200, "/login", "not set up yet")
	first.shows(first.get("/setup?token=guessed"), 403, "/setup", "was used already")
	first.shows(first.get(w.setup), 200, "/setup", "Who are you?")
	second.shows(second.get(w.setup), 403, "/setup", "was used already")
	second.shows(second.post("/setup", "title", "Eve", "password", "12345678", "again", "12345678"), 403, "/setup")
	for _, c := range []struct {
		fields []string
		text   string
	}{
		{[]string{"title", "", "password", "12345678", "again", "12345678"}, "Please enter your name"},
		{[]string{"title", "Marko", "password", "1234567", "again", "1234567"}, "at least 8 characters"},
		{[]string{"title", "Marko", "password", "12345678", "again", "12345679"}, "not the same"},
		{[]string{"title", "李", "password", "12345678", "again", "12345678"}, "Please choose one"},
	} {
		first.shows(first.post("/setup", c.fields...), 422, "/setup", c.text)
	}
	first.shows(first.post("/setup", "title", "李", "name", "li", "password", "12345678", "again", "12345678"), 200, "/accounts/new")
	if url, err := w.site.SetupURL(context.Background()); err != nil || url != "" {
		t.Errorf("there is still a set-up link: %q %v", url, err)
	}
	second.shows(second.get("/"), 200, "/login")
	second.shows(second.post("/login", "name", "li", "password", "wrong"), 401, "/login", "wrong")
	second.shows(second.post("/login", "name", "li", "password", "12345678"), 200, "/", "Overview")
	second.shows(second.post("/logout"), 200, "/login")
	second.shows(second.get("/"), 200, "/login")
}
