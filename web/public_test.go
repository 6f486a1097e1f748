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
