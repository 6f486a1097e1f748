package web

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"heimpost/hub"
	"heimpost/peertest"
)

// lanAddress gives an address of this computer that is not loopback's: who
// comes from there comes from another device.
func lanAddress(t *testing.T) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			return n.IP.String()
		}
	}
	t.Skip("SKIPPED, NOT TESTED: this computer is in no network")
	return ""
}

// TestEndToEndInChromium: from an empty data folder to a mail that was deleted
// on a device and is brought back, in a real browser, with a real provider and
// a real mail program; in German by clicking, in English by the keyboard
// alone. Each page is looked at on the way.
func TestEndToEndInChromium(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	for _, lang := range languages {
		t.Run(lang, func(t *testing.T) {
			lan := lanAddress(t)
			w := newWorldWith(t, func(c *hub.Config) { // reached from other devices
				c.IMAP.ListenTLS, c.Web.Listen, c.Web.ListenTLS = []string{"0.0.0.0:0"}, "0.0.0.0:0", "0.0.0.0:0"
				c.MDNS.Announce, c.TLS.Names = false, []string{"heimpost.local"} // as if it were announced
			})
			c := chromium(w, lang, "MAP heimpost.local "+lan)
			c.keys = lang == "en"
			dovecot := peertest.NewDovecot(t, peertest.DovecotConfig{Password: "pop-secret"})
			host, port, err := net.SplitHostPort(dovecot.POP3)
			if err != nil {
				t.Fatal(err)
			}
			for n := range 3 {
				if err := dovecot.Deliver("info@example.org", []byte(mail(n))); err != nil {
					t.Fatal(err)
				}
			}

			c.open("/login")
			c.look("0-unready")
			c.open(w.setup)
			c.look("1-welcome")
			c.fill("#title", "Marko")
			c.fill("#password", "geheim-genug")
			c.fill("#again", "geheim-genug")
			c.press(next)

			c.await("#address")
			c.look("2-address")
			c.fill("#address", "info@example.org")
			c.fill("#password", "pop-secret")
			c.press(next)
			c.await("#host")
			c.look("2-server")
			c.fill("#host", host)
			c.fill("#port", port)
			c.pick("#tls", "none")
			c.fill("#user", "info@example.org")
			c.fill("#password", "pop-secret")
			c.press(next)
			c.await("input[name=keep]")
			c.look("3-keep")
			c.choose("input[name=keep][value=always]")
			c.press(next)
			c.await("input[name=shared]")
			c.choose("input[name=shared][value=yes]")
			c.await("#box")
			c.look("4-share")
			c.fill("#box", "Büro")
			c.press(next)

			c.awaitText("done.all", "info@example.org") // the first drain
			c.look("5-done")
			c.press(`a[href="/devices/new"].button`)
			c.await("input[name=kind]")
			c.look("6-device")
			c.choose("input[name=kind][value=iphone]")
			c.fill("#name", "Telefon")
			c.pick("#box", "buero")
			c.press(next)
			c.await("#password")
			c.look("7-ready")

			// The device: its password and the authority are the page's.
			password := eval[string](c, `document.querySelector("#password").textContent`)
			if len(password) != 19 {
				t.Fatalf("the device's password is %q", password)
			}
			ca := filepath.Join(t.TempDir(), "ca.pem")
			pem := eval[string](c, `fetch(document.querySelector('a[href="/ca.pem"]').href).then(r => r.text())`)
			if err := os.WriteFile(ca, []byte(pem), 0o600); err != nil {
				t.Fatal(err)
			}
			_, imaps, err := net.SplitHostPort(w.r.IMAPS[0])
			if err != nil {
				t.Fatal(err)
			}
			peertest.RunNode(t, filepath.Join("testdata", "device.js"), []string{"imapflow"}, imaps, "buero", password, ca, "mail 1")
			c.awaitText("ready.connected", "iOS Mail 18")
			c.look("7-connected")

			// On the phone, by the code on the screen: first in clear, where only
			// the authority is to be had, then encrypted.
			words := eval[string](c, `document.querySelector(".words").textContent`)
			link := c.readCode(".qr")
			if !strings.HasPrefix(link, "http://heimpost.local:") || link != eval[string](c, `document.querySelector("code.long").textContent`) {
				t.Errorf("the code leads to %q", link)
			}
			c.open(link)
			c.look("11-trust")
			if got := eval[string](c, `document.querySelector(".words").textContent`); got != words {
				t.Errorf("the phone shows %q, the screen %q", got, words)
			}
			if html := eval[string](c, `document.documentElement.outerHTML`); strings.Contains(html, password) {
				t.Error("the password travels in clear")
			}
			if to := eval[string](c, `document.querySelector("main a.button[href^=https]").href`); !strings.HasPrefix(to, "https://heimpost.local:") {
				t.Errorf("the phone goes on at %q", to)
			}
			c.press("main a.button[href^=https]")
			c.await("#password")
			if got := eval[string](c, `location.protocol + " " + document.querySelector("#password").textContent`); got != "https: "+password {
				t.Errorf("the phone shows %q", got)
			}
			c.look("11-phone")

			// What it deleted is found and brought back.
			c.open("/deleted?box=buero")
			c.look("8-deleted")
			c.fill("#text", "mail 1")
			c.press("form.filter button")
			c.await(`#text[value="mail 1"]`) // the answer, not the page before it
			c.look("8-found")
			if n := eval[int](c, `document.querySelectorAll("input[name=id]").length`); n != 1 {
				t.Errorf("%d deleted mails are found, want 1", n)
			}
			mailPage := eval[string](c, `document.querySelector(".rows a").getAttribute("href")`)
			c.open(mailPage)
			c.awaitText("mail.from")
			c.look("8-mail")
			c.press(`main form[action="/deleted/restore"] button`)
			c.await(".notice")
			c.look("8-restored")
			peertest.RunNode(t, filepath.Join("testdata", "device.js"), []string{"imapflow"}, imaps, "buero", password, ca, "")
			c.open("/activity?box=buero")
			c.look("9-activity")

			// And the rest of the pages.
			c.open("/")
			c.look("9-status")
			c.open("/settings")
			c.look("10-settings")
			c.open("/me")
			c.look("10-me")
			c.open("/people")
			c.look("10-people")
			c.open("/boxes")
			c.look("10-boxes")
			c.open("/boxes/buero")
			c.look("10-box")
			c.question(`form[action="/boxes/buero/remove"] button`)
			c.look("10-confirm")
			c.open("/network")
			c.look("10-network")
			c.open("/dns")
			c.look("10-dns")
			c.open("/devices/one?person=marko&device=Telefon")
			c.look("10-onedevice")
			c.question(`form[action="/devices/revoke"] button`)
			c.look("10-revoke")
			c.open("/accounts/one?address=info@example.org")
			c.look("10-account")
			c.question(`form[action="/accounts/remove"] button`)
			c.look("10-remove")
			marko := "marko"
			if _, err := hub.Do(c.ctx, w.r.Hub, hub.AccountAdd, hub.AccountSetParams{Address: "marko@outlook.de", Box: &marko}, nil); err != nil {
				t.Fatal(err)
			}
			c.open("/accounts/signin?address=marko@outlook.de")
			c.look("10-signin")
			c.open("/nothing")
			c.look("12-nothing")
			c.open("/")
			c.press(`nav.wide form[action="/logout"] button`)
			c.await("#name")
			c.look("12-login")
			c.fill("#name", "marko")
			c.fill("#password", "wrong")
			c.press(next)
			c.awaitText("login.refused")
			c.look("12-refused")
			c.lookedAtAll()
		})
	}
}
