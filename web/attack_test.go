package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"heimpost/hub"
)

// request asks the site as it would be asked from an address.
func (w *world) request(method, target, remote string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.RemoteAddr = remote
	if change != nil {
		change(r)
	}
	rec := httptest.NewRecorder()
	w.site.ServeHTTP(rec, r)
	return rec
}

const neighbour = "192.168.1.20:40000"

// TestInClearOnlyTheAuthority: from other computers plain HTTP gives what is
// public, and the way to HTTPS.
func TestInClearOnlyTheAuthority(t *testing.T) {
	w := newWorld(t)
	for path, status := range map[string]int{
		"/healthz": 200, "/metrics": 200, "/ca.pem": 200, "/ca.crt": 200, "/trust": 200, "/static/style.css": 200,
		"/mail/config-v1.1.xml?emailaddress=a@example.org": 200,
		"/": 307, "/login": 307, "/setup": 307, "/setup?token=x": 307, "/devices/new": 307, "/phone/unknown": 404, "/static/": 404,
	} {
		rec := w.request("GET", "http://127.0.0.1"+path, neighbour, nil)
		if rec.Code != status {
			t.Errorf("%s: %d, want %d", path, rec.Code, status)
		}
		if to := rec.Header().Get("Location"); status == 307 && !strings.HasPrefix(to, "https://127.0.0.1:") {
			t.Errorf("%s leads to %q", path, to)
		}
	}
	if rec := w.request("POST", "http://127.0.0.1/login", neighbour, nil); rec.Code != 307 {
		t.Errorf("a password was taken in clear: %d", rec.Code)
	}
	if rec := w.request("GET", "http://127.0.0.1/login", "127.0.0.1:1", func(r *http.Request) { r.Header.Set("X-Forwarded-For", "203.0.113.1") }); rec.Code != 307 {
		t.Errorf("a proxy on this computer makes everybody local: %d", rec.Code)
	}
	// A link's page in clear holds no password, and no profile.
	w.site.links.add(&link{person: "x", kind: "iphone", login: "x", device: hub.NewDevice{Password: "secr-etpa-sswo-rd77"}})
	for token := range w.site.links.all {
		rec := w.request("GET", "http://127.0.0.1/phone/"+token, neighbour, nil)
		if rec.Code != 200 || strings.Contains(rec.Body.String(), "secr-etpa") || !strings.Contains(rec.Body.String(), "https://127.0.0.1:") {
			t.Errorf("%d %s", rec.Code, rec.Body)
		}
		if rec := w.request("GET", "http://127.0.0.1/phone/"+token+"/heimpost.mobileconfig", neighbour, nil); rec.Code != 404 {
			t.Errorf("the profile in clear: %d", rec.Code)
		}
		w.site.links.now = func() time.Time { return time.Now().Add(2 * linkLife) }
		if rec := w.request("GET", "http://127.0.0.1/phone/"+token, "127.0.0.1:1", nil); rec.Code != 404 {
			t.Errorf("an old link gives %d", rec.Code)
		}
	}
}

func TestForeignNamesAndForms(t *testing.T) {
	w := newWorld(t)
	b := w.browser("en")
	b.setUp()
	// A page elsewhere that had its name lead here (DNS rebinding).
	if rec := w.request("GET", "http://evil.example/", "127.0.0.1:1", nil); rec.Code != http.StatusMisdirectedRequest {
		t.Errorf("a stranger's name: %d", rec.Code)
	}
	for _, change := range []func(*http.Request){
		func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
	} {
		r, _ := http.NewRequest("POST", b.at("/logout"), nil)
		change(r)
		if a := b.do(r); a.status != http.StatusForbidden {
			t.Errorf("a form from elsewhere was taken: %d", a.status)
		}
	}
	b.shows(b.get("/"), 200, "/", "Marko") // still signed in
	for _, back := range []string{"//evil.example", "https://evil.example", `/\evil.example`, "evil"} {
		rec := w.request("GET", "http://localhost/lang/de?back="+url.QueryEscape(back), "127.0.0.1:1", nil)
		if to := rec.Header().Get("Location"); to != "/" {
			t.Errorf("%q leads to %q", back, to)
		}
	}
	for _, path := range []string{"/static/../site.go", "/static/%2e%2e/texts/en.toml", "/static/..%5csite.go", "/devices/ready/../../etc/passwd"} {
		if a := b.get(path); a.status == 200 && a.url.Path != "/" && a.url.Path != "/login" {
			t.Errorf("%s: %d at %s", path, a.status, a.url.Path)
		}
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	w := newWorld(t)
	b := w.browser("en")
	b.setUp()
	for _, path := range []string{"/", "/login", "/accounts/new", "/devices/new", "/healthz", "/nothing", "/static/style.css", "/ca.crt", "/autodiscover/autodiscover.json"} {
		h := b.get(path).header
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %v", path, h)
		}
	}
	for _, c := range b.http.Jar.(interface {
		Cookies(*url.URL) []*http.Cookie
	}).Cookies(&url.URL{Scheme: "http", Host: w.r.Web, Path: "/"}) {
		if strings.Contains(b.get("/").body, c.Value) {
			t.Error("the page shows the session's cookie")
		}
	}
	res := w.request("POST", "http://localhost/login", "127.0.0.1:1", nil)
	if res.Code != http.StatusUnauthorized {
		t.Errorf("an empty login: %d", res.Code)
	}
}

// TestOthersThings: who is no administrator sees and changes his own.
func TestOthersThings(t *testing.T) {
	w := newWorld(t)
	admin := w.browser("en")
	admin.setUp()
	ctx := context.Background()
	if _, err := hub.Do(ctx, w.r.Hub, hub.PersonAdd, hub.PersonAddParams{Name: "petra", Password: "petras-wort"}, nil); err != nil {
		t.Fatal(err)
	}
	host, port := w.provider()
	admin.post("/accounts/new", "address", "info@example.org", "password", "pop-secret", "host", host, "port", port, "tls", "none", "user", "info@example.org")
	admin.post("/accounts/keep", "keep", "always")
	admin.shows(admin.post("/accounts/share", "shared", "no"), 200, "/accounts/done")
	admin.post("/devices/new", "kind", "other", "name", "PC", "deletes", "everywhere", "window", "all")

	petra := w.browser("en")
	petra.shows(petra.post("/login", "name", "petra", "password", "petras-wort"), 200, "/")
	if page := petra.get("/").body; strings.Contains(page, "info@example.org") || strings.Contains(page, "marko") || strings.Contains(page, ">PC<") {
		t.Errorf("she sees his things:\n%s", page)
	}
	for _, path := range []string{"/accounts/fetch", "/accounts/remove"} {
		if a := petra.post(path, "address", "info@example.org", "sure", "yes"); a.status != 404 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if a := petra.post("/devices/revoke", "person", "marko-buero", "device", "PC", "sure", "yes"); a.status != http.StatusForbidden {
		t.Errorf("she revokes his device: %d", a.status)
	}
	if a := petra.get("/accounts/done?address=info@example.org"); a.status != 404 {
		t.Errorf("she sees his account: %d", a.status)
	}
	for token := range w.site.links.all {
		if a := petra.get("/devices/ready/" + token); a.status != 404 {
			t.Errorf("she sees his device's password: %d", a.status)
		}
	}
	// Removed meanwhile: signed out.
	if _, err := hub.Do(ctx, w.r.Hub, hub.PersonRemove, hub.NameParams{Name: "petra"}, nil); err != nil {
		t.Fatal(err)
	}
	petra.shows(petra.get("/"), 200, "/login")
}

// TestTextsOfPeopleStayTexts: names and addresses cannot become part of a page
// or of a file.
func TestTextsOfPeopleStayTexts(t *testing.T) {
	w := newWorld(t)
	b := w.browser("en")
	b.setUp()
	const evil = `<script>alert(1)</script>"'><img src=x>`
	ready := b.post("/devices/new", "kind", "iphone", "name", evil, "deletes", "everywhere", "window", "all")
	for _, a := range []answer{ready, b.get("/"), b.post("/accounts/new", "address", evil+"@x", "password", evil), b.post("/login", "name", evil, "password", evil)} {
		if strings.Contains(a.body, "<script>alert") || strings.Contains(a.body, "<img src=x") {
			t.Errorf("%s:\n%s", a.url, a.body)
		}
	}
	for _, address := range []string{"a@b\r\nX-Evil: 1", `a@b"><x>`, "a@b c", ""} {
		a := b.get("/mail/config-v1.1.xml?emailaddress=" + url.QueryEscape(address))
		if a.header.Get("X-Evil") != "" || strings.Contains(a.body, "<x>") || address != "" && a.status != 400 {
			t.Errorf("%q: %d %v %s", address, a.status, a.header, a.body)
		}
	}
	r, _ := http.NewRequest("POST", b.at("/AutoDiscover/Autodiscover.XML"), strings.NewReader(`<Autodiscover><Request><EMailAddress>info@example.org</EMailAddress></Request></Autodiscover>`))
	if a := b.do(r); a.status != 200 || !strings.Contains(a.body, "<LoginName>info@example.org</LoginName>") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.get("/autodiscover/autodiscover.json?Email=x&Protocol=Autodiscoverv1"); a.status != 200 || !strings.Contains(a.body, "AutodiscoverV1") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.get("/autodiscover/autodiscover.json?Protocol=EWS"); a.status != 400 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
