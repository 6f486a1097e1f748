package web

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"heimpost/hub"
)

// everyPath reads the table of paths in site.go.
func everyPath(t *testing.T, method string) (out []string) {
	t.Helper()
	b, err := os.ReadFile("site.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`mux\.Handle(?:Func)?\("`+method+` ([^"]+)"`).FindAllStringSubmatch(string(b), -1) {
		p := strings.NewReplacer("{$}", "", "{box}", "marko-buero", "{id}", "1", "{link}", "unknown", "{lang}", "de").Replace(m[1])
		out = append(out, p)
	}
	if len(out) < 15 {
		t.Fatalf("only %d paths were found", len(out))
	}
	return out
}

// TestEveryPage: whatever is added to the table takes no form of another site,
// shows nothing to strangers, has its headers and is no bigger than it should be.
func TestEveryPage(t *testing.T) {
	w := newWorld(t)
	b := w.browser("de")
	b.setUp()
	stranger := w.browser("de")
	form := url.Values{"sure": {"yes"}, "name": {"marko-buero"}, "person": {"marko-buero"}, "address": {"info@example.org"}, "open": {"yes"}, "password": {"12345678"}, "again": {"12345678"}, "rights": {"rw"}}
	for _, p := range everyPath(t, "POST") {
		for _, change := range []func(http.Header){
			func(h http.Header) { h.Set("Sec-Fetch-Site", "cross-site") },
			func(h http.Header) { h.Set("Origin", "http://evil.example") },
			func(h http.Header) { h.Set("Origin", "null") },
		} {
			r, _ := http.NewRequest("POST", b.at(p), strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			change(r.Header)
			if a := b.do(r); a.status != http.StatusForbidden || !strings.Contains(a.body, w.site.texts.get("de", "error.crossorigin")) {
				t.Errorf("POST %s from another site: %d", p, a.status)
			}
		}
		if p == "/login" || p == "/setup" || p == "/logout" {
			continue
		}
		if a := stranger.postForm(p, form); a.url.Path != "/login" {
			t.Errorf("POST %s by a stranger: %d at %s", p, a.status, a.url.Path)
		}
	}
	public := []string{"/static/", "/healthz", "/metrics", "/ca.pem", "/ca.crt", "/lang/de", "/setup", "/login", "/trust", "/phone/unknown", "/phone/unknown/heimpost.mobileconfig"}
	for _, p := range everyPath(t, "GET") {
		open := false
		for _, o := range public {
			open = open || o == p
		}
		a := stranger.get(p)
		if !open && a.url.Path != "/login" {
			t.Errorf("%s shows a stranger %d at %s", p, a.status, a.url.Path)
		}
		a = b.get(p)
		if csp := a.header.Get("Content-Security-Policy"); a.url.Host == w.r.Web && (!strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe")) {
			t.Errorf("%s: %v", p, a.header)
		}
		if len(a.body) > 60_000 || strings.Contains(a.body, "<script>") || strings.Contains(a.body, " style=") || strings.Contains(a.body, "onclick=") {
			t.Errorf("%s has %d octets, or something inline", p, len(a.body))
		}
		if strings.Contains(a.body, "text/html") || a.status >= 500 {
			t.Errorf("%s: %d", p, a.status)
		}
	}
	people, err := hub.Do(context.Background(), w.r.Hub, hub.PersonList, hub.None{}, nil)
	if err != nil || len(people) != 1 {
		t.Errorf("%+v %v", people, err)
	}
	if n, err := hub.Do(context.Background(), w.r.Hub, hub.NetworkGet, hub.None{}, nil); err != nil || n.Open {
		t.Errorf("a stranger opened the network: %+v %v", n, err)
	}
}

// TestNamesStayTexts: what people are called is text on every page, and paths
// lead nowhere else.
func TestNamesStayTexts(t *testing.T) {
	const evil = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`
	w := newWorld(t)
	b := w.browser("en")
	b.setUp()
	b.shows(b.post("/people/add", "title", evil, "name", "eve", "password", "12345678", "again", "12345678"), 200, "/people")
	b.shows(b.post("/boxes/add", "title", evil, "name", "falle", "seen", "shared"), 200, "/boxes/falle")
	b.shows(b.post("/boxes/falle/grant", "person", "eve", "rights", "ro"), 200, "/boxes/falle")
	c := w.program("marko-buero", evil, "marko-buero")
	if err := c.Create("Shared/falle/"+strings.ReplaceAll(evil, "/", ""), nil).Wait(); err != nil {
		t.Fatal(err)
	}
	w.put(c, "Shared/falle/INBOX", evilMail)
	w.expunge(c, "Shared/falle/INBOX")
	for _, p := range []string{"/", "/people", "/boxes", "/boxes/falle", "/deleted?box=falle", "/activity?box=falle", "/deleted?text=" + url.QueryEscape(evil),
		"/devices/one?" + url.Values{"person": {"marko-buero"}, "device": {evil}}.Encode(), "/accounts/one?address=" + url.QueryEscape(evil)} {
		if a := b.get(p); strings.Contains(a.body, "<script>alert") || strings.Contains(a.body, "<img src=x") || a.status >= 500 {
			t.Errorf("%s: %d\n%s", p, a.status, a.body)
		}
	}
	for _, a := range []answer{b.post("/boxes/falle/remove"), b.post("/people/remove", "name", "eve"), b.post("/boxes/add", "title", evil), b.post("/people/add", "title", evil)} {
		if strings.Contains(a.body, "<script>alert") || strings.Contains(a.body, "<img src=x") {
			t.Errorf("%s\n%s", a.url, a.body)
		}
	}
	for _, p := range []string{"/boxes/..%2f..%2fhub.db", "/boxes/%2e%2e/set", "/boxes/..%5c..%5chub.db", "/deleted/..%2f/1", "/deleted/falle/1%2f..", "/deleted/falle/-1", "/deleted/falle/99999999999999999999", "/boxes/falle%00", "/boxes/" + strings.Repeat("x", 5000)} {
		if a := b.get(p); a.status != 404 && a.status != 405 && a.status != 400 {
			t.Errorf("%.60s: %d at %s", p, a.status, a.url.Path)
		}
	}
}
