package web

import (
	"strings"
	"testing"

	"heimpost/hub"
)

// TestFiguresHoldNoNames: /metrics and /healthz are there without login, say
// nothing of anybody, and can be switched off.
func TestFiguresHoldNoNames(t *testing.T) {
	w := newWorld(t)
	host, port := w.provider(mail(1))
	b := w.browser("en")
	b.setUp()
	b.post("/accounts/new", "address", "info@example.org", "host", host, "port", port, "tls", "none", "password", "pop-secret")
	b.post("/accounts/keep", "keep", "always")
	b.shows(b.post("/accounts/share", "shared", "yes", "box", "Büro", "seen", "private"), 200, "/accounts/done")
	b.post("/devices/new", "kind", "iphone", "name", "Markos Handy", "deletes", "here", "window", "all")

	stranger := w.browser("en")
	stranger.shows(stranger.get("/healthz"), 200, "/healthz", "ok")
	figures := stranger.get("/metrics")
	stranger.shows(figures, 200, "/metrics", "\nheimpost_accounts 1\n", "\nheimpost_devices 1\n", "# TYPE heimpost_disk_free_bytes gauge\n", "\nheimpost_certificate_expires_seconds 1")
	for line := range strings.Lines(figures.body) {
		if text := strings.TrimSpace(line); !strings.HasPrefix(text, "# ") && len(strings.Fields(text)) != 2 {
			t.Errorf("no figure: %s", line)
		}
	}
	for _, secret := range []string{"info@", "example.org", "uero", "arko", "Handy", host + ":" + port, "pop-secret"} {
		if strings.Contains(figures.body, secret) {
			t.Errorf("/metrics says %q\n%s", secret, figures.body)
		}
	}

	off := newWorldWith(t, func(c *hub.Config) { c.Web.Healthz, c.Web.Metrics = false, false })
	for _, path := range []string{"/healthz", "/metrics"} {
		if a := off.browser("en").get(path); a.status != 404 {
			t.Errorf("%s is switched off and gives %d", path, a.status)
		}
	}
}

// TestDNSRecords: lines for a zone, of names only that can stand there.
func TestDNSRecords(t *testing.T) {
	w := newWorldWith(t, func(c *hub.Config) { c.TLS.Names = []string{"mail.example.net"} })
	b := w.browser("en")
	b.shows(b.get("/dns"), 200, "/login")
	b.setUp()
	_, imaps, _ := strings.Cut(w.r.IMAPS[0], ":")
	_, webs, _ := strings.Cut(w.r.WebTLS, ":")
	b.shows(b.get("/dns"), 200, "/dns", `value="mail.example.net"`)
	b.shows(b.get("/dns?domain=Example.net.&host=mail.example.net"), 200, "/dns",
		"_imaps._tcp.example.net. IN SRV 0 1 "+imaps+" mail.example.net.<", "_imap._tcp.example.net. IN SRV 0 0 0 .<",
		"autoconfig.example.net. IN CNAME mail.example.net.<", "_autodiscover._tcp.example.net. IN SRV 0 0 "+webs+" mail.example.net.<",
		"names = [&#34;mail.example.net&#34;, &#34;autoconfig.example.net&#34;")
	b.shows(b.get("/dns?domain=example.net"), 200, "/dns", "IN CNAME heimpost.example.net.<")
	for _, bad := range []string{"domain=", "domain=example", "domain=a%0Ab.net", "domain=%3Cscript%3E.net", "domain=example.net&host=x%20y.net",
		"domain=b%C3%BCro.de", "domain=" + strings.Repeat("a.", 130) + "net"} {
		if a := b.get("/dns?" + bad); a.status != 422 || strings.Contains(a.body, " IN ") || strings.Contains(a.body, "<script>") {
			t.Errorf("%s: %d\n%s", bad, a.status, a.body)
		}
	}
	// Somebody else's records are an administrator's matter.
	if _, err := hub.Do(t.Context(), w.r.Hub, hub.PersonAdd, hub.PersonAddParams{Name: "petra", Password: "geheim-genug"}, nil); err != nil {
		t.Fatal(err)
	}
	other := w.browser("en")
	other.post("/login", "name", "petra", "password", "geheim-genug")
	other.shows(other.get("/dns"), 403, "/dns")
}
