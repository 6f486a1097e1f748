package web

import (
	"testing"

	"github.com/chromedp/chromedp"

	"heimpost/hub"
	"heimpost/pop3fetch/oauth/oauthtest"
)

// TestSettingsInChromium: the pages that are used now and then, with something
// on each, in a real browser: nothing is cut off at 320 pixels.
func TestSettingsInChromium(t *testing.T) {
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

	ctx := chromium(t, "de")
	run := func(what string, steps ...step) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			html, _ := chromedp.Run(ctx, chromedp.OuterHTML("main"))
			t.Fatalf("%s: %v\n%s", what, err, html)
		}
	}
	run("login", chromedp.Navigate("http://"+w.r.Web+"/login"), chromedp.WaitVisible("#name"),
		chromedp.SendKeys("#name", "marko-buero"), chromedp.SendKeys("#password", "geheim-genug"), chromedp.Click("main form button"), chromedp.WaitVisible("#devices"))
	for _, p := range []struct{ name, path string }{
		{"status", "/"}, {"settings", "/settings"}, {"me", "/me"}, {"people", "/people"}, {"boxes", "/boxes"}, {"box", "/boxes/buero-mustermann-soehne"},
		{"device", devicePath(hub.Device{Person: "marko-buero", Name: "Markos Arbeitscomputer im Keller"})}, {"account", accountPath("info@example.org")},
		{"network", "/network"}, {"signin-register", signInPath("marko@outlook.com")},
	} {
		run(p.name, chromedp.Navigate("http://"+w.r.Web+p.path), chromedp.WaitVisible("h1"), pictures(t, "settings-"+p.name))
	}
	s := oauthtest.New()
	t.Cleanup(s.Close)
	w.register(s.Config("microsoft"))
	run("sign in", chromedp.Navigate("http://"+w.r.Web+signInPath("marko@outlook.com")), chromedp.WaitVisible("h1"),
		chromedp.Click("main form.stack button"), chromedp.WaitVisible("#code"), pictures(t, "settings-signin-code"))
	run("remove", chromedp.Navigate("http://"+w.r.Web+"/people"), chromedp.Click(`form[action="/people/remove"] button`),
		chromedp.WaitVisible(`input[name=sure] ~ button`), pictures(t, "settings-confirm"))
}
