package web

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"heimpost/hub"
)

func TestPeople(t *testing.T) {
	w := newWorld(t)
	b := w.browser("en")
	b.setUp()
	const good = "petras-wort"
	for _, c := range []struct {
		fields []string
		text   string
	}{
		{[]string{"title", " ", "password", good, "again", good}, "what the person is called"},
		{[]string{"title", "Petra", "password", "kurz", "again", "kurz"}, "at least 8 characters"},
		{[]string{"title", "Petra", "password", good, "again", "anders-geheim"}, "not the same"},
		{[]string{"title", "Petra", "password", good + "\x00", "again", good + "\x00"}, "characters that mail programs cannot send"},
		{[]string{"title", "李", "password", good, "again", good}, "Please choose one"},
		{[]string{"title", "Marko Büro", "password", good, "again", good}, "has this short name already"},
		{[]string{"title", strings.Repeat("x", 300), "name", "xx", "password", good, "again", good}, "too long"},
	} {
		b.shows(b.post("/people/add", c.fields...), 422, "/people/add", c.text)
	}
	b.shows(b.post("/people/add", "title", "Petra Öl", "password", good, "again", good), 200, "/people", "Petra Öl is added and signs in as petra-oel")

	petra := w.browser("en")
	petra.shows(petra.post("/login", "name", "petra-oel", "password", good), 200, "/")
	for _, path := range []string{"/people"} {
		if a := petra.get(path); a.status != 403 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	for _, path := range []string{"/people/add", "/people/password", "/people/remove", "/boxes/add"} {
		if a := petra.post(path, "title", "Eve", "name", "marko-buero", "password", good, "again", good, "sure", "yes"); a.status != 403 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if strings.Contains(petra.get("/settings").body, "/people") {
		t.Error("she is shown what she may not do")
	}

	// Her own password: the old one first.
	phone := w.browser("en")
	phone.shows(phone.post("/login", "name", "petra-oel", "password", good), 200, "/")
	petra.shows(petra.post("/me", "old", "falsch", "password", "neues-wort", "again", "neues-wort"), 401, "/me", "not the right one")
	petra.shows(petra.post("/me", "old", good, "password", "kurz", "again", "kurz"), 422, "/me", "at least 8")
	petra.shows(petra.post("/me", "old", good, "password", "neues-wort", "again", "neues-wort"), 200, "/settings", "Your password is changed")
	phone.shows(phone.get("/"), 200, "/login") // signed out by it
	petra.shows(petra.get("/settings"), 200, "/settings")

	// An administrator gives another one: she is signed out everywhere.
	b.shows(b.post("/people/password", "name", "petra-oel", "password", "kurz", "again", "kurz"), 422, "/people/password", "at least 8")
	if a := b.post("/people/password", "name", "niemand", "password", good, "again", good); a.status != 404 {
		t.Errorf("a password for nobody: %d", a.status)
	}
	b.shows(b.post("/people/password", "name", "petra-oel", "password", "verwaltet-1", "again", "verwaltet-1"), 200, "/people", "is signed out everywhere")
	petra.shows(petra.get("/"), 200, "/login")
	petra.shows(petra.post("/login", "name", "petra-oel", "password", "verwaltet-1"), 200, "/")

	b.shows(b.post("/people/remove", "name", "marko-buero", "sure", "yes"), 422, "/people/remove", "cannot remove yourself")
	b.shows(b.post("/people/remove", "name", "petra-oel"), 200, "/people/remove", "Remove Petra Öl?", "is not deleted")
	b.shows(b.post("/people/remove", "name", "petra-oel", "sure", "yes"), 200, "/people", "The mail was put into", "removed")
	// Somebody else of that name is somebody else.
	if _, err := hub.Do(context.Background(), w.r.Hub, hub.PersonAdd, hub.PersonAddParams{Name: "petra-oel", Password: "verwaltet-1"}, nil); err != nil {
		t.Fatal(err)
	}
	petra.shows(petra.get("/"), 200, "/login")
}

func TestBoxesAndSharing(t *testing.T) {
	w := newWorld(t)
	b := w.browser("en")
	b.setUp()
	petra, eve := w.person("petra", "Petra", false), w.person("eve", "Eve", false)
	b.shows(b.post("/boxes/add", "title", ""), 422, "/boxes/add", "give the shared box a name")
	b.shows(b.post("/boxes/add", "title", "Petra"), 422, "/boxes/add", "has this short name already")
	b.shows(b.post("/boxes/add", "title", "Büro", "seen", "private"), 200, "/boxes/buero", "Now say who has access", "Petra", "Eve")
	if a := petra.get("/boxes/buero"); a.status != 404 || strings.Contains(petra.get("/boxes").body, "buero") {
		t.Errorf("she knows of a box she has no access to: %d", a.status)
	}
	b.shows(b.post("/boxes/buero/grant", "person", "petra", "rights", "everything"), 422, "/boxes/buero/grant", "could not be read")
	b.shows(b.post("/boxes/buero/grant", "person", "petra", "rights", "ro"), 200, "/boxes/buero", "Petra may read here")
	petra.shows(petra.get("/boxes"), 200, "/boxes", "Büro", "Petra (reads only)")

	// What a mail program gets of it.
	c := w.program("petra", "PC", "petra")
	if _, err := c.Select("Shared/buero/INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if err := c.Create("Shared/buero/X", nil).Wait(); err == nil {
		t.Error("who may read only makes folders")
	}
	b.shows(b.post("/boxes/buero/grant", "person", "petra", "rights", "rw"), 200, "/boxes/buero", "may read and change here")
	c = w.program("petra", "PC2", "petra")
	if err := c.Create("Shared/buero/Rechnungen", nil).Wait(); err != nil {
		t.Error(err)
	}
	b.shows(b.get("/boxes/buero"), 200, "/boxes/buero", `value="Rechnungen"`)

	// She has it, but does not decide about it.
	for _, path := range []string{"/boxes/buero/set", "/boxes/buero/protect", "/boxes/buero/grant", "/boxes/buero/revoke", "/boxes/buero/remove"} {
		if a := petra.post(path, "person", "eve", "rights", "rw", "title", "X", "seen", "shared", "retain", "30d", "sure", "yes"); a.status != 403 {
			t.Errorf("%s: %d", path, a.status)
		}
		// Nobody decides about another's own box, nor about one he does not know of.
		own := strings.Replace(path, "buero", "petra", 1)
		for who, x := range map[string]*browser{"marko": b, "eve": eve} {
			if a := x.post(own, "person", "eve", "rights", "rw", "title", "X", "seen", "shared", "retain", "30d", "sure", "yes"); a.status != 404 && a.status != 403 {
				t.Errorf("%s as %s: %d", own, who, a.status)
			}
		}
		if a := eve.post(path, "person", "eve", "rights", "rw", "sure", "yes"); a.status != 404 && a.status != 403 {
			t.Errorf("%s as eve: %d", path, a.status)
		}
	}
	if a := b.get("/boxes/petra"); a.status != 404 {
		t.Errorf("an administrator sees the settings of another's own box: %d", a.status)
	}

	b.shows(b.post("/boxes/buero/set", "title", "Kanzlei", "seen", "shared", "retain", "90d"), 200, "/boxes/buero", "Saved.", "Kanzlei", `value="90d" selected`, `value="shared" checked`)
	b.shows(b.post("/boxes/buero/set", "title", "Kanzlei", "seen", "sometimes", "retain", "90d"), 422, "/boxes/buero/set", "write shared or private", "Kanzlei")
	// Addresses that lead there: an administrator's, for whoever logs in by one comes here.
	b.shows(b.post("/boxes/buero/set", "title", "Kanzlei", "seen", "shared", "retain", "90d", "addresses", "Info@example.org\r\nbuero@example.org\r\n"), 200, "/boxes/buero", "buero@example.org\ninfo@example.org")
	b.shows(b.post("/boxes/buero/set", "title", "Kanzlei", "seen", "shared", "retain", "90d", "addresses", "info"), 422, "/boxes/buero/set", "is not a mail address")
	b.shows(b.post("/boxes/marko-buero/set", "title", "", "seen", "shared", "retain", "90d", "addresses", "info@example.org"), 422, "/boxes/marko-buero/set", "leads to another box already", "info@example.org")
	if a := petra.post("/boxes/petra/set", "title", "", "seen", "shared", "retain", "90d", "addresses", "chef@example.org"); a.status != 403 {
		t.Errorf("who is no administrator takes an address: %d", a.status)
	}
	b.shows(b.post("/boxes/buero/set", "title", "Kanzlei", "seen", "shared", "retain", "90d", "addresses", ""), 200, "/boxes/buero", "Saved.")
	if a := b.get("/boxes/buero"); strings.Contains(a.body, "@example.org") {
		t.Error("the addresses stay")
	}
	b.shows(b.post("/boxes/buero/protect", "shown", "Rechnungen", "shown", "INBOX", "protect", "Rechnungen"), 200, "/boxes/buero", `value="Rechnungen" checked`)
	if err := c.Delete("Shared/buero/Rechnungen").Wait(); err == nil {
		t.Error("a protected folder was deleted")
	}
	// What the form did not show stays as it is.
	b.shows(b.post("/boxes/buero/protect", "shown", "INBOX"), 200, "/boxes/buero", `value="Rechnungen" checked`)
	b.shows(b.post("/boxes/buero/protect", "shown", "Rechnungen"), 200, "/boxes/buero", `value="Rechnungen">`)

	b.shows(b.post("/boxes/buero/revoke", "person", "petra"), 200, "/boxes/buero", "Petra has no access any more")
	if a := b.post("/boxes/buero/revoke", "person", "petra"); a.status != 404 {
		t.Errorf("revoked twice: %d", a.status)
	}
	b.shows(b.post("/boxes/buero/remove"), 200, "/boxes/buero/remove", "Remove the box &#34;Kanzlei&#34;?")
	b.shows(b.post("/boxes/buero/remove", "sure", "yes"), 200, "/boxes", "Its mail was put into")
	if a := b.post("/boxes/marko-buero/remove", "sure", "yes"); a.status != 403 {
		t.Errorf("the own box was removed: %d", a.status)
	}

	// The own box is shared by its person.
	petra.shows(petra.post("/boxes/petra/grant", "person", "eve", "rights", "ro"), 200, "/boxes/petra", "Eve may read here")
	if a := petra.post("/boxes/petra/revoke", "person", "petra"); a.status != 404 {
		t.Errorf("she took herself out of her own box: %d", a.status)
	}
	eve.shows(eve.get("/boxes"), 200, "/boxes", "Eve (reads only)")
}

func TestDevicePage(t *testing.T) {
	w := newWorld(t)
	b := w.browser("en")
	b.setUp()
	eve := w.person("eve", "Eve", false)
	const phone = `Markos "Handy" & mehr`
	deletes := "here"
	d, err := hub.Do(context.Background(), w.r.Hub, hub.DeviceAdd, hub.DeviceAddParams{DeviceParams: hub.DeviceParams{Person: "marko-buero", Device: phone},
		DeviceOptions: hub.DeviceOptions{Deletes: &deletes}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := w.login("marko-buero", d.Password)
	w.put(c, "INBOX", "Subject: one\n\nx\n")
	w.expunge(c, "INBOX")
	if box, err := c.Select("INBOX", nil).Wait(); err != nil || box.NumMessages != 0 {
		t.Fatalf("%+v %v", box, err)
	}
	path := devicePath(d.Device)
	b.shows(b.get(path), 200, "/devices/one", `value="here" checked`, `value="all" selected`)
	if !strings.Contains(b.get("/").body, strings.ReplaceAll(url.QueryEscape(phone), "+", "%20")) {
		t.Error("the overview does not lead to the device")
	}
	b.shows(b.post("/devices/show-all", "person", "marko-buero", "device", phone), 200, "/devices/one", "shows again")
	c = w.login("marko-buero", d.Password)
	if box, err := c.Select("INBOX", nil).Wait(); err != nil || box.NumMessages != 1 {
		t.Fatalf("%+v %v", box, err)
	}
	b.shows(b.post("/devices/set", "person", "marko-buero", "device", phone, "deletes", "everywhere", "window", "17d"), 200, "/devices/one", "Saved.", `value="17d" selected`, `value="everywhere" checked`)
	b.shows(b.post("/devices/set", "person", "marko-buero", "device", phone, "deletes", "maybe", "window", "17d"), 422, "/devices/set", "write everywhere or here")
	// For experts.
	b.shows(b.post("/devices/set", "person", "marko-buero", "device", phone, "deletes", "everywhere", "window", "17d", "without", "compress=deflate, idle"), 200, "/devices/one", `value="COMPRESS=DEFLATE IDLE"`)
	if caps := w.login("marko-buero", d.Password).Caps(); caps.Has("IDLE") || !caps.Has("NAMESPACE") {
		t.Errorf("the device sees %v", caps)
	}
	b.shows(b.post("/devices/set", "person", "marko-buero", "device", phone, "deletes", "everywhere", "window", "17d", "without", "<b>"), 422, "/devices/set", "is not the name of a capability")
	if a := b.post("/devices/set", "person", "marko-buero", "device", phone, "deletes", "everywhere", "window", "17d"); !strings.Contains(a.body, "COMPRESS=DEFLATE") {
		t.Error("a form without that field changes it")
	}
	b.shows(b.post("/devices/set", "person", "marko-buero", "device", phone, "deletes", "everywhere", "window", "17d", "without", ""), 200, "/devices/one", `name="without" value=""`)
	w.expunge(w.login("marko-buero", d.Password), "INBOX")
	w.wantDeleted(b, 1)
	for _, p := range []string{"/devices/set", "/devices/show-all", "/devices/revoke"} {
		if a := eve.post(p, "person", "marko-buero", "device", phone, "deletes", "here", "window", "30d", "sure", "yes"); a.status != 403 {
			t.Errorf("eve at %s: %d", p, a.status)
		}
		if a := b.post(p, "person", "", "device", phone, "deletes", "here", "window", "30d", "sure", "yes"); a.status != 404 {
			t.Errorf("nobody's device at %s: %d", p, a.status)
		}
	}
	if a := eve.get(path); a.status != 403 {
		t.Errorf("eve sees his device: %d", a.status)
	}
}

// wantDeleted says how many deleted mails the page shows.
func (w *world) wantDeleted(b *browser, n int) {
	w.Helper()
	if got := len(checkboxes.FindAllString(b.get("/deleted").body, -1)); got != n {
		w.Errorf("%d deleted mails are shown, want %d", got, n)
	}
}

func TestAccountPage(t *testing.T) {
	w := newWorld(t)
	host, port := w.provider(mail(1))
	b := w.browser("de")
	b.setUp()
	eve := w.person("eve", "Eve", false)
	b.post("/accounts/new", "address", "info@example.org", "password", "pop-secret", "host", host, "port", port, "tls", "none", "user", "info@example.org")
	b.post("/accounts/keep", "keep", "always")
	b.shows(b.post("/accounts/share", "shared", "no"), 200, "/accounts/done")
	b.shows(b.get("/accounts/one?address=info@example.org"), 200, "/accounts/one", `value="always" selected`, `value="15m" selected`, host)
	b.shows(b.post("/accounts/set", "address", "info@example.org", "keep", "30d", "every", "1h", "mailbox", "Archive/Info"), 200, "/accounts/one",
		"Gespeichert", `value="30d" selected`, `value="1h" selected`, `value="Archive/Info"`)
	b.shows(b.post("/accounts/set", "address", "info@example.org", "keep", "gestern", "every", "1h"), 422, "/accounts/set", "So lässt es sich nicht speichern")
	b.shows(b.post("/accounts/test", "address", "info@example.org"), 200, "/accounts/test", "Es klappt. Beim Anbieter liegen 1 Mails")
	b.shows(b.post("/accounts/set", "address", "info@example.org", "keep", "30d", "every", "1h", "password", "falsch"), 200, "/accounts/one")
	b.shows(b.post("/accounts/test", "address", "info@example.org"), 200, "/accounts/test", "nimmt den Benutzernamen oder das Passwort nicht an")
	for _, p := range []string{"/accounts/set", "/accounts/test", "/accounts/fetch", "/accounts/remove"} {
		if a := eve.post(p, "address", "info@example.org", "keep", "never", "every", "1h", "password", "x", "sure", "yes"); a.status != 404 {
			t.Errorf("eve at %s: %d", p, a.status)
		}
	}
	if a := eve.get("/accounts/one?address=info@example.org"); a.status != 404 {
		t.Errorf("eve sees his account: %d", a.status)
	}

	// The address a second time: said before anything is made.
	b.shows(b.post("/accounts/new", "address", "info@example.org", "password", "pop-secret", "host", host, "port", port, "tls", "none", "user", "info@example.org"), 422, "/accounts/new", "werden schon abgeholt")
	b.shows(b.post("/accounts/remove", "address", "info@example.org", "sure", "yes"), 200, "/", "wird nicht mehr abgeholt")

	// Who is no administrator makes no boxes, and shares into those he may write to.
	eve.post("/accounts/new", "address", "info@example.org", "password", "pop-secret", "host", host, "port", port, "tls", "none", "user", "info@example.org")
	eve.shows(eve.post("/accounts/keep", "keep", "always"), 200, "/accounts/share", "An administrator makes the box")
	if a := eve.post("/accounts/share", "shared", "yes", "box", "Familie"); a.status != 403 {
		t.Errorf("she made a box: %d", a.status)
	}
	if a := eve.post("/accounts/share", "shared", "box:marko-buero"); a.status != 404 {
		t.Errorf("she delivers into his box: %d", a.status)
	}
	b.post("/boxes/add", "title", "Familie", "seen", "shared")
	b.post("/boxes/familie/grant", "person", "eve", "rights", "rw")
	eve.shows(eve.post("/accounts/share", "shared", "box:familie"), 200, "/accounts/done")
	all, err := hub.Do(context.Background(), w.r.Hub, hub.AccountList, hub.None{}, nil)
	if err != nil || len(all) != 1 || all[0].Box != "familie" {
		t.Errorf("%+v %v", all, err)
	}
}
