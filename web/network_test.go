package web

import (
	"net/http"
	"strings"
	"testing"
)

// TestNetworkSwitch: the page opens the home network, at once, and closes it.
func TestNetworkSwitch(t *testing.T) {
	w := newWorld(t)
	b := w.browser("de")
	b.setUp()
	eve := w.person("eve", "Eve", false)
	if a := eve.get("/network"); a.status != 403 {
		t.Errorf("who is no administrator sees the switch: %d", a.status)
	}
	if a := eve.post("/network", "open", "yes"); a.status != 403 {
		t.Errorf("who is no administrator opens the network: %d", a.status)
	}
	ready := b.post("/devices/new", "kind", "iphone", "name", "Handy", "deletes", "everywhere", "window", "all")
	if !strings.Contains(ready.body, "Andere Geräte erreichen Heimpost noch nicht") || !strings.Contains(ready.body, `href="/network?link=`) || strings.Contains(ready.body, "<svg") ||
		strings.Contains(ready.body, "localhost") { // a phone cannot go there
		t.Errorf("%s", ready.body)
	}
	link := strings.TrimPrefix(ready.url.Path, "/devices/ready/")
	b.shows(b.get("/network?link="+link), 200, "/network", `name="link" value="`+link+`"`)
	if a := b.get("/network?link=" + strings.Repeat("x", 26)); strings.Contains(a.body, `name="link"`) {
		t.Error("a link that nobody has is handed on")
	}
	b.shows(b.get("/network"), 200, "/network", "Nur Programme auf diesem Computer", "jederzeit zurücknehmen")
	b.shows(b.post("/network", "open", "maybe"), 422, "/network", "ließ sich nicht lesen")
	b.shows(b.post("/network", "open", "yes"), 200, "/network", "Offen:", "127.0.0.7", "Wieder schließen")
	b.shows(b.post("/network", "open", "yes", "link", link), 200, "/network", "Weiter mit „Handy“", `href="`+ready.url.Path+`"`)
	if a := b.get("/network"); !strings.Contains(a.body, "127.0.0.7:"+strings.Split(w.r.IMAPS[0], ":")[1]) {
		t.Errorf("%s", a.body)
	}
	pages := "https://" + w.r.Pages()[0]
	r, err := http.NewRequest("GET", pages+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	b.http.Transport.(*http.Transport).TLSClientConfig.ServerName = "localhost"
	if a := b.do(r); a.status != 200 {
		t.Errorf("%d", a.status)
	}
	b.shows(b.post("/network", "open", "no"), 200, "/network", "Geschlossen:")
	b.http.CloseIdleConnections()
	if _, err := b.http.Get(pages + "/healthz"); err == nil {
		t.Error("still open")
	}
}
