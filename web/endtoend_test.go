package web

import (
	"bytes"
	"cmp"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"heimpost/hub"
	"heimpost/peertest"
)

// TestEndToEndInChromium: as a layman does it, from an empty data folder and the
// configuration that the first start writes, to a mail that was deleted on a
// device and is brought back. One switch on a page lets the device in: before
// it nothing listens in the home network, after it the device meets the hub
// there. A real browser, a real provider and a real mail program; in German by
// clicking, in English by the keyboard alone. Each page is looked at on the way.
func TestEndToEndInChromium(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	for _, lang := range languages {
		t.Run(lang, func(t *testing.T) {
			home, done := peertest.InHomeNetwork(t)
			if done {
				return
			}
			w, private := newHomeWorld(t, &home)
			c := chromium(w, lang, "MAP heimpost.local "+home)
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
			if private { // else a phone has no way
				c.choose("input[name=kind][value=iphone]")
			}
			c.fill("#name", "Telefon")
			c.pick("#box", "buero")
			c.press(next)
			c.await(".warning")
			c.look("7-alone")

			// The one switch.
			ports := homePorts(w)
			for service, port := range ports {
				if conn, err := net.Dial("tcp", net.JoinHostPort(home, port)); err == nil {
					conn.Close()
					t.Errorf("%s listens in the home network before anybody has said so", service)
				}
			}
			c.press(`.warning a.button`)
			c.await(`form[action="/network"]`)
			c.look("7-network")
			c.press(`form[action="/network"] button`)
			c.await("p.lamp.green")
			c.look("7-open")
			if now := homePorts(w); !maps.Equal(now, ports) || len(ports) != 3 {
				t.Errorf("open are %v, and were to be %v", now, ports)
			}
			c.press(`a[href^="/devices/ready/"]`)
			c.await("#password")
			c.look("7-ready")
			ready := eval[string](c, `location.pathname`)
			password := eval[string](c, `document.querySelector("#password").textContent`)
			if len(password) != 19 {
				t.Fatalf("the device's password is %q", password)
			}

			if private {
				c.onThePhone(home, password, ports)
			}

			// Its mail program: the password and the authority are the page's, the
			// address is the home network's.
			ca := filepath.Join(t.TempDir(), "ca.pem")
			pem := eval[string](c, `fetch("/ca.pem").then(r => r.text())`)
			if err := os.WriteFile(ca, []byte(pem), 0o600); err != nil {
				t.Fatal(err)
			}
			device := func(deletes string) {
				t.Helper()
				peertest.RunNode(t, filepath.Join("testdata", "device.js"), []string{"imapflow"}, home, "heimpost.local", ports["imaps"], "buero", password, ca, deletes)
			}
			c.open(ready)
			device("mail 1")
			c.awaitText("ready.connected", "iOS Mail 18")
			c.look("7-connected")

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
			device("")
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
			c.press(`form[action="/network"] button`)
			c.await("p.lamp.off")
			c.look("10-closed")
			for service, port := range ports {
				if conn, err := net.Dial("tcp", net.JoinHostPort(home, port)); err == nil {
					conn.Close()
					t.Errorf("%s still listens in the home network", service)
				}
			}
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
			if private {
				c.lookedAtAll()
			}
		})
	}
}

// onThePhone follows the code on the screen: first in clear, where only the
// authority is to be had, then encrypted.
func (c *chrome) onThePhone(home, password string, ports map[string]string) {
	c.Helper()
	words := eval[string](c, `document.querySelector(".words").textContent`)
	link := c.readCode(".qr")
	if !strings.HasPrefix(link, "http://heimpost.local:"+ports["web"]+"/phone/") || link != eval[string](c, `document.querySelector("code.long").textContent`) {
		c.Errorf("the code leads to %q", link)
	}
	c.open(link)
	c.look("11-trust")
	if got := eval[string](c, `document.querySelector(".words").textContent`); got != words {
		c.Errorf("the phone shows %q, the screen %q", got, words)
	}
	if html := eval[string](c, `document.documentElement.outerHTML`); strings.Contains(html, password) {
		c.Error("the password travels in clear")
	}
	if to := eval[string](c, `document.querySelector("main a.button[href^=https]").href`); !strings.HasPrefix(to, "https://heimpost.local:"+ports["webs"]+"/") {
		c.Errorf("the phone goes on at %q", to)
	}
	clearOnlyAuthority(c.w, net.JoinHostPort(home, ports["web"]))
	c.press("main a.button[href^=https]")
	c.await("#password")
	if got := eval[string](c, `location.protocol + " " + document.querySelector("#password").textContent`); got != "https: "+password {
		c.Errorf("the phone shows %q", got)
	}
	c.look("11-phone")
}

// newHomeWorld starts a hub in the home network that peertest gave, with the
// configuration of its first start. Where there is no such network it takes
// another address of loopback in place of one: then private is false, for what
// comes from there comes from this computer, and a phone is told that it has no
// way.
func newHomeWorld(t *testing.T, home *string) (w *world, private bool) {
	t.Helper()
	if *home == peertest.HomeAddress {
		return newWorldAt(t, "", func(*hub.Config) {}), true
	}
	private = *home != ""
	if !private {
		*home = "127.0.0.7"
		t.Log("NOT TESTED: what a phone gets in clear and by the code (this computer has no private address, and the system allows no network of its own)")
	}
	return newWorldAt(t, *home, freePorts), private
}

// homePorts are the ports that the switch opens, or would.
func homePorts(w *world) map[string]string {
	w.Helper()
	n, err := hub.Do(w.Context(), w.r.Hub, hub.NetworkGet, hub.None{}, nil)
	if err != nil {
		w.Fatal(err)
	}
	out := map[string]string{}
	for service, listening := range n.Listening {
		given := map[string]string{"imaps": w.r.IMAPS[0], "web": w.r.Web, "webs": w.r.WebTLS}[service]
		if len(listening) > 0 {
			given = listening[0]
		}
		_, port, err := net.SplitHostPort(cmp.Or(given, ":8443"))
		if err != nil {
			w.Fatal(err)
		}
		out[service] = port
	}
	return out
}

// clearOnlyAuthority: over plain HTTP the home network gets the authority and
// what is public, and from all else it is sent away, with a password or without.
func clearOnlyAuthority(w *world, address string) {
	w.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	der, _ := w.r.Certs.CA()
	for _, path := range append(everyPath(w.T, "GET"), strings.TrimPrefix(w.setup, "http://"+w.r.Web)) {
		res, err := client.Get("http://" + address + path)
		if err != nil {
			w.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			w.Fatal(err)
		}
		switch {
		case path == "/ca.crt" && !bytes.Equal(body, der):
			w.Errorf("%s is not the authority", path)
		case strings.HasPrefix(path, "/ca.") || slices.Contains([]string{"/trust", "/healthz", "/metrics", "/lang/de"}, path):
			if res.StatusCode != 200 && path != "/lang/de" {
				w.Errorf("%s: %s", path, res.Status)
			}
		case strings.HasPrefix(path, "/phone/") || path == "/static/":
			if res.StatusCode != 404 {
				w.Errorf("%s: %s", path, res.Status)
			}
		case res.StatusCode != http.StatusTemporaryRedirect || !strings.HasPrefix(res.Header.Get("Location"), "https://"):
			w.Errorf("%s in clear: %s\n%s", path, res.Status, body)
		}
		if len(res.Cookies()) > 0 && path != "/lang/de" {
			w.Errorf("%s sets a cookie in clear", path)
		}
	}
	res, err := client.PostForm("http://"+address+"/login", url.Values{"name": {"marko"}, "password": {"geheim-genug"}})
	if err != nil {
		w.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusTemporaryRedirect || len(res.Cookies()) > 0 {
		w.Errorf("a password in clear: %s", res.Status)
	}
}
