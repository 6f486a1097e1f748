package web

import (
	"testing"

	"heimpost/hub"
	"heimpost/pop3fetch/oauth/oauthtest"
)

// TestSettingsInChromium: the pages that are used now and then, with something
// on each, in a real browser.
func TestSettingsInChromium(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	w := newWorld(t)
	b := w.browser("de")
	b.setUp()
	w.person("petra", "Petra Ölschläger-Mustermann", false)
	b.post("/boxes/add", "title", "Büro Mustermann & Söhne", "seen", "private")
	b.post("/boxes/buero-mustermann-soehne/grant", "person", "petra", "rights", "ro")
	b.post("/devices/new", "kind", "other", "name", "Markos Arbeitscomputer im Keller", "deletes", "here", "window", "90d")
	host, port := w.provider(mail(1), mail(2))
	b.post("/accounts/new", "address", "info@example.org", "password", "pop-secret", "host", host, "port", port, "tls", "none", "user", "info@example.org")
	b.post("/accounts/keep", "keep", "always")
	b.post("/accounts/share", "shared", "no")
	b.until("/accounts/done?address=info@example.org", "ist da")
	c := w.program("marko-buero", "PC", "marko-buero")
	for range 5 {
		w.put(c, "INBOX", "Subject: x\n\nx\n")
	}
	b.post("/network", "open", "yes")
	b.post("/accounts/new", "address", "marko@outlook.com", "password", "egal")
	b.post("/accounts/keep", "keep", "always")
	b.post("/accounts/share", "shared", "no")

	z := chromium(w, "de", "")
	z.open("/login")
	z.fill("#name", "marko-buero")
	z.fill("#password", "geheim-genug")
	z.press(next)
	z.await("#devices")
	for _, p := range []struct{ name, path string }{
		{"status", "/"}, {"settings", "/settings"}, {"me", "/me"}, {"people", "/people"}, {"boxes", "/boxes"}, {"box", "/boxes/buero-mustermann-soehne"},
		{"device", devicePath(hub.Device{Person: "marko-buero", Name: "Markos Arbeitscomputer im Keller"})}, {"account", accountPath("info@example.org")},
		{"network", "/network"}, {"signin-register", signInPath("marko@outlook.com")},
	} {
		z.open(p.path)
		z.look("settings-" + p.name)
	}
	s := oauthtest.New()
	t.Cleanup(s.Close)
	w.register(s.Config("microsoft"))
	z.open(signInPath("marko@outlook.com"))
	z.press(next)
	z.await("#code")
	z.look("settings-signin-code")
	z.open("/people")
	z.question(`form[action="/people/remove"] button`)
	z.look("settings-confirm")
}
