package web

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"heimpost/hub"
	"heimpost/pop3fetch/pop3d"
	"heimpost/store"
)

// TestWrongTurns: where a layman goes wrong he reads a sentence that helps, and
// no answer is lost.
func TestWrongTurns(t *testing.T) {
	w := newWorld(t)
	b := w.browser("en")
	b.setUp()
	// POP3 is not switched on at the provider.
	off := pop3d.New(pop3d.Options{Login: func(string) string { return "-ERR POP3 access is not enabled for this account" }}, pop3d.NewMaildrop("info@example.org", "x"))
	addr, err := off.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { off.Close() })
	host, port, _ := net.SplitHostPort(addr.String())
	server := []string{"address", "info@example.org", "password", "x", "host", host, "tls", "none", "user", "info@example.org"}
	b.shows(b.post("/accounts/new", append(server, "port", port)...), 422, "/accounts/new", "POP3 is switched off in", `value="info@example.org"`)

	// Nobody listens there; the network is gone.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, nobody, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	b.shows(b.post("/accounts/new", append(server, "port", nobody)...), 422, "/accounts/new", "refused the connection", "check host and port", `value="`+nobody+`"`)
	for _, wrong := range [][]string{{"port", "pop"}, {"port", "99999"}} {
		if a := b.post("/accounts/new", append(server, wrong...)...); a.status != 422 {
			t.Errorf("%v: %d\n%s", wrong, a.status, a.body)
		}
	}
	for _, address := range []string{"", "info", "@example.org", "info@", "in fo@example.org"} {
		b.shows(b.post("/accounts/new", "address", address, "password", "x"), 422, "/accounts/new", "it needs an @")
	}
	b.shows(b.post("/accounts/new", "address", "info@example.org", "password", ""), 422, "/accounts/new", "not in Heimpost&#39;s list")

	// The page is closed half-way, and opened again.
	host, port = w.provider(mail(1))
	server = []string{"address", "info@example.org", "password", "pop-secret", "host", host, "port", port, "tls", "none", "user", "info@example.org"}
	b.shows(b.post("/accounts/new", server...), 200, "/accounts/keep")
	b.shows(b.post("/accounts/keep", "keep", "always"), 200, "/accounts/share")
	b.shows(b.get("/"), 200, "/", "There is none yet")
	b.shows(b.get("/accounts/keep"), 200, "/accounts/keep", `value="always" checked`)

	// The password need not be typed again, and the server neither.
	third := w.browser("en")
	third.shows(third.post("/login", "name", "marko-buero", "password", "geheim-genug"), 200, "/")
	third.shows(third.post("/accounts/new", "address", "info@example.org", "password", "pop-secret"), 422, "/accounts/new", "It is still here")
	kept := append([]string(nil), server...)
	kept[3] = ""
	third.shows(third.post("/accounts/new", kept...), 200, "/accounts/keep")
	kept[1], kept[9] = "other@example.org", "other@example.org"
	third.shows(third.post("/accounts/new", kept...), 422, "/accounts/new", "password is missing") // it is another's

	// The same at once in a second browser: each goes its way, the address comes once.
	second := w.browser("en")
	second.shows(second.post("/login", "name", "marko-buero", "password", "geheim-genug"), 200, "/")
	second.shows(second.get("/accounts/keep"), 200, "/accounts/new") // its own way, from the beginning
	second.shows(second.post("/accounts/new", server...), 200, "/accounts/keep")
	second.shows(second.post("/accounts/keep", "keep", "14d"), 200, "/accounts/share")
	b.shows(b.post("/accounts/share", "shared", "no"), 200, "/accounts/done")
	second.shows(second.post("/accounts/share", "shared", "no"), 422, "/accounts/share", "is fetched already")
	all, err := hub.Do(context.Background(), w.r.Hub, hub.AccountList, hub.None{}, nil)
	if err != nil || len(all) != 1 || all[0].Keep != "always" {
		t.Errorf("%+v %v", all, err)
	}
	// A device that the other browser has revoked meanwhile.
	if a := b.post("/devices/revoke", "person", "marko-buero", "device", "gone", "sure", "yes"); a.status != 404 || !strings.Contains(a.body, "nothing under this address") {
		t.Errorf("%d %s", a.status, a.body)
	}

	// The disk is full.
	for lang, text := range map[string]string{"en": "The disk of this computer is full", "de": "Die Festplatte dieses Computers ist voll"} {
		r := httptest.NewRequest("POST", "http://localhost/accounts/share", nil)
		r.Header.Set("Accept-Language", lang)
		rec := httptest.NewRecorder()
		w.site.answer(rec, &visit{r: r, lang: lang}, fmt.Errorf("hub.db: %w: make space", store.ErrNoSpace))
		if rec.Code != 500 || !strings.Contains(rec.Body.String(), text) {
			t.Errorf("%d %s", rec.Code, rec.Body)
		}
	}
}

// TestStatusPlots: what came is drawn; texts say it for those who do not see.
func TestStatusPlots(t *testing.T) {
	w := newWorld(t)
	b := w.browser("en")
	b.setUp()
	c := w.program("marko-buero", "PC", "marko-buero")
	for range 3 {
		w.put(c, "INBOX", "Subject: x\n\nx\n")
	}
	page := b.get("/")
	b.shows(page, 200, "/", "Mails a day over the last 30 days: 3 in all, at most 3 a day", "Size over the last 24 months: from 0 B to", "<rect ")
	if len(page.body) > 50_000 || strings.Contains(page.body, "style=") {
		t.Errorf("%d octets", len(page.body))
	}
	if p := string(plot([]int64{0, 5, 10}, false, `"><script>`)); strings.Contains(p, "<script>") || strings.Count(p, "<rect ") != 2 {
		t.Error(p)
	}
	if p := string(plot(nil, true, "")); !strings.Contains(p, "</svg>") || strings.Contains(p, "NaN") {
		t.Error(p)
	}
	if p := string(plot([]int64{7}, true, "")); strings.Contains(p, "NaN") || strings.Contains(p, "Inf") {
		t.Error(p)
	}
}

// TestProviderWantsTime: after a try at a provider that wants few visits the
// page says when the mail comes.
func TestProviderWantsTime(t *testing.T) {
	w := newWorld(t)
	b := w.browser("de")
	b.setUp()
	host, port := w.providerWith(pop3d.Options{Capabilities: []string{"LOGIN-DELAY 900"}}, mail(1))
	b.shows(b.post("/accounts/new", "address", "info@example.org", "password", "pop-secret", "host", host, "port", port, "tls", "none", "user", "info@example.org"), 200, "/accounts/keep")
	b.shows(b.post("/accounts/keep", "keep", "always"), 200, "/accounts/share")
	b.shows(b.post("/accounts/share", "shared", "no"), 200, "/accounts/done", "nicht so bald wieder gefragt", "in 15 Minuten geholt", "Diese Seite neu laden")
	b.shows(b.post("/accounts/fetch", "address", "info@example.org"), 200, "/", "möchte seltener gefragt werden")
}

// TestErrorsInTheVisitorsLanguage: what the hub says of a wrong value is in the
// visitor's language, and what has no words of ours is introduced by some.
func TestErrorsInTheVisitorsLanguage(t *testing.T) {
	w := newWorld(t)
	b := w.browser("de")
	b.setUp()
	long := strings.Repeat("x", 300)
	server := []string{"address", "info@example.org", "password", "x", "host", "127.0.0.1", "user", "info@example.org"}
	for _, c := range []struct {
		path   string
		fields []string
		want   string
	}{
		{"/devices/new", []string{"kind", "mac", "name", long, "deletes", "here", "window", "all"}, "höchstens 200 Zeichen"},
		{"/devices/new", []string{"kind", "mac", "name", "Mac", "deletes", "maybe", "window", "all"}, "was Löschen auf dem Gerät bewirkt"},
		{"/devices/new", []string{"kind", "mac", "name", "Mac", "deletes", "here", "window", "x"}, "Tage wie 90d"},
		{"/accounts/new", append([]string{"port", "99999", "tls", "none"}, server...), "ist kein Port"},
		{"/accounts/new", append([]string{"port", "995", "tls", "rot13"}, server...), "ist keine Art der Verschlüsselung"},
		{"/accounts/new", []string{"port", "995", "tls", "none", "address", "info@example.org", "password", "x", "host", "pop.example.org"}, "ginge lesbar durchs Netz"},
		{"/boxes/marko-buero/set", []string{"title", "x", "seen", "maybe", "retain", "30d"}, "für wen „gelesen“ gilt"},
		{"/boxes/marko-buero/set", []string{"title", "x", "seen", "shared", "retain", "bald"}, "ist keine Zeit"},
	} {
		a := b.post(c.path, c.fields...)
		if a.status != 422 || !strings.Contains(a.body, c.want) {
			t.Errorf("%s %v: %d\n%s", c.path, c.fields, a.status, a.body)
		}
	}
	v := &visit{lang: "de"}
	for err, want := range map[error]string{
		fmt.Errorf("box buero: %w", store.ErrDamaged): "Das Verzeichnis des Fachs ist beschädigt",
		fmt.Errorf("box buero: %w", store.ErrNoSpace): "Festplatte dieses Computers ist voll",
		fmt.Errorf("box buero: %w", store.ErrLocked):  "bei einem anderen Programm in Arbeit",
		net.ErrClosed: "Etwas Unerwartetes ist geschehen. Auf Englisch heißt es: use of closed",
	} {
		if got := w.site.errorText(v, err); !strings.Contains(got, want) {
			t.Errorf("%v: %q", err, got)
		}
	}
}
