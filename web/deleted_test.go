package web

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"heimpost/hub"
)

// program is a mail program that is logged in with a new device of a person.
func (w *world) program(person, device, login string) *imapclient.Client {
	w.Helper()
	d, err := hub.Do(context.Background(), w.r.Hub, hub.DeviceAdd, hub.DeviceAddParams{DeviceParams: hub.DeviceParams{Person: person, Device: device}}, nil)
	if err != nil {
		w.Fatal(err)
	}
	return w.login(login, d.Password)
}

func (w *world) login(name, password string) *imapclient.Client {
	w.Helper()
	c, err := imapclient.DialTLS(w.r.IMAPS[0], &imapclient.Options{TLSConfig: &tls.Config{InsecureSkipVerify: true}})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { c.Close() })
	if err := c.Login(name, password).Wait(); err != nil {
		w.Fatal(err)
	}
	return c
}

// put stores mails.
func (w *world) put(c *imapclient.Client, mailbox string, mails ...string) {
	w.Helper()
	for _, m := range mails {
		m = strings.ReplaceAll(m, "\n", "\r\n")
		a := c.Append(mailbox, int64(len(m)), nil)
		if _, err := a.Write([]byte(m)); err != nil {
			w.Fatal(err)
		}
		if err := a.Close(); err != nil {
			w.Fatal(err)
		}
		if _, err := a.Wait(); err != nil {
			w.Fatal(err)
		}
	}
}

// expunge deletes all mails of a mailbox.
func (w *world) expunge(c *imapclient.Client, mailbox string) {
	w.Helper()
	if _, err := c.Select(mailbox, nil).Wait(); err != nil {
		w.Fatal(err)
	}
	var all imap.SeqSet
	all.AddRange(1, 0)
	if err := c.Store(all, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}, Silent: true}, nil).Close(); err != nil {
		w.Fatal(err)
	}
	if err := c.Expunge().Close(); err != nil {
		w.Fatal(err)
	}
}

// person makes a person and signs her in.
func (w *world) person(name, title string, admin bool) *browser {
	w.Helper()
	if _, err := hub.Do(context.Background(), w.r.Hub, hub.PersonAdd, hub.PersonAddParams{Name: name, Title: title, Admin: admin, Password: name + "-geheim"}, nil); err != nil {
		w.Fatal(err)
	}
	b := w.browser("en")
	b.shows(b.post("/login", "name", name, "password", name+"-geheim"), 200, "/")
	return b
}

const evilMail = `From: "<script>alert(1)</script>" <eve@example.org>
Subject: =?utf-8?q?<img_src=3Dx_onerror=3Dalert(1)>_Angebot?=
Date: Mon, 2 Jan 2023 15:04:05 +0100
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html; charset=utf-8

<html><head><style>p{background:url(https://evil.example/a)}</style><script>alert(2)</script></head>
<body><p>Lieber Kunde &lt;b&gt;</p><img src="https://evil.example/pixel.gif"><iframe src="https://evil.example"></iframe>
<form action="https://evil.example"><input name=p></form>Gr&uuml;&szlig;e</body></html>
--b
Content-Type: application/pdf; name="<i>Rechnung</i>.pdf"
Content-Disposition: attachment; filename="<i>Rechnung</i>.pdf"
Content-Transfer-Encoding: base64

JVBERi0=
--b--
`

var checkboxes = regexp.MustCompile(`name="id" value="(\d+)"`)

func TestDeletedMail(t *testing.T) {
	w := newWorld(t)
	b := w.browser("en")
	b.setUp()
	c := w.program("marko-buero", "Markos PC", "marko-buero")
	b.shows(b.get("/deleted"), 200, "/deleted", "Nothing was deleted", "365 days")
	w.put(c, "INBOX", strings.ReplaceAll(mail(1), "\r\n", "\n"), strings.ReplaceAll(mail(2), "\r\n", "\n"), evilMail)
	w.expunge(c, "INBOX")

	list := b.get("/deleted")
	b.shows(list, 200, "/deleted", "mail 1", "mail 2", "Angebot", "from Inbox", "Markos PC")
	for q, want := range map[string][]string{
		"text=Kunde": {"Angebot"}, "text=Hallo+2": {"mail 2"}, "from=eve": {"Angebot"}, "mailbox=INBOX": {"Angebot", "mail 2", "mail 1"}, "mailbox=inbox": {"Angebot", "mail 2", "mail 1"},
		"mailbox=Sent": {}, "since=2999-01-01": {}, "since=not-a-day": {"Angebot", "mail 2", "mail 1"}, "text=nothing": {},
	} {
		a := b.get("/deleted?" + q)
		if got := len(checkboxes.FindAllString(a.body, -1)); got != len(want) {
			t.Errorf("%s shows %d mails, want %d\n%s", q, got, len(want), a.body)
		}
		b.shows(a, 200, "/deleted", want...)
	}

	// Looked at, it is text: nothing of it runs, loads or is a link.
	ids := checkboxes.FindAllStringSubmatch(list.body, -1)
	look := b.get("/deleted/marko-buero/" + ids[0][1])
	b.shows(look, 200, "/deleted/marko-buero/"+ids[0][1], "Lieber Kunde &lt;b&gt;", "Grüße", "&lt;i&gt;Rechnung&lt;/i&gt;.pdf", "Only the text is shown")
	for _, a := range []answer{list, look, b.get("/activity")} {
		for _, bad := range []string{"<img src=x", "<script>alert", "evil.example", "<iframe", "alert(2)", "<i>Rechnung"} {
			if strings.Contains(a.body, bad) {
				t.Errorf("%s holds %q", a.url, bad)
			}
		}
	}

	// Nothing ticked, then one, then the others.
	b.shows(b.post("/deleted/restore", "box", "marko-buero"), 200, "/deleted", "Nothing was ticked")
	b.shows(b.post("/deleted/restore", "box", "marko-buero", "id", ids[0][1]), 200, "/deleted", "One mail is back", "mail 1")
	b.shows(b.postForm("/deleted/restore", url.Values{"box": {"marko-buero"}, "id": {ids[1][1], ids[2][1]}}), 200, "/deleted", "2 mails are back", "Nothing was deleted")
	if box, err := c.Select("INBOX", nil).Wait(); err != nil || box.NumMessages != 3 {
		t.Fatalf("%+v %v", box, err)
	}
	// Twice, or what there is not: said so.
	for _, id := range []string{ids[0][1], "99999", "x", "-1", "9999999999999999999999"} {
		if a := b.post("/deleted/restore", "box", "marko-buero", "id", id); a.status != 404 {
			t.Errorf("restoring %s: %d", id, a.status)
		}
		if a := b.get("/deleted/marko-buero/" + id); a.status != 404 {
			t.Errorf("looking at %s: %d", id, a.status)
		}
	}
	b.shows(b.get("/activity"), 200, "/activity", "brought back", "Markos PC", "deleted", "stored mail")
	b.shows(b.get("/activity?person=marko-buero&device=Markos+PC"), 200, "/activity", "stored mail")
	b.shows(b.get("/activity?device=no+such"), 200, "/activity", "Nothing fits")
	b.shows(b.get("/activity?person=nobody"), 200, "/activity", "Nothing fits")
	b.shows(b.get("/activity?since=2999-01-01"), 200, "/activity", "Nothing fits")
	if m := regexp.MustCompile(`message=([A-Z0-9a-z]+)">mail 1<`).FindStringSubmatch(b.get("/activity").body); m == nil {
		t.Error("no row leads to the activity of mail 1")
	} else {
		one := b.get("/activity?message=" + m[1])
		b.shows(one, 200, "/activity", "mail 1", "what happened to one mail")
		if strings.Contains(one.body, "Angebot") {
			t.Errorf("another mail's rows:\n%s", one.body)
		}
	}
	de := w.browser("de")
	de.shows(de.post("/login", "name", "marko-buero", "password", "geheim-genug"), 200, "/")
	de.shows(de.get("/activity"), 200, "/activity", "holte zurück", "legte Mails ab")
}

// TestDeletedMailOfOthers: who may not write to a box sees and restores
// nothing that was deleted in it; who does not have it at all sees no activity
// either, not even an administrator.
func TestDeletedMailOfOthers(t *testing.T) {
	w := newWorld(t)
	admin := w.browser("en")
	admin.setUp()
	petra, reader := w.person("petra", "Petra", false), w.person("rita", "Rita", false)
	ctx := context.Background()
	if _, err := hub.Do(ctx, w.r.Hub, hub.BoxGrant, hub.GrantParams{Box: "petra", Person: "rita", ReadOnly: true}, nil); err != nil {
		t.Fatal(err)
	}
	c := w.program("petra", "Handy", "petra")
	w.put(c, "INBOX", strings.ReplaceAll(mail(7), "\r\n", "\n"))
	w.expunge(c, "INBOX")
	id := checkboxes.FindStringSubmatch(petra.get("/deleted").body)
	if id == nil {
		t.Fatal("she does not see her own")
	}
	for name, who := range map[string]*browser{"admin": admin, "reader": reader} {
		for _, a := range []answer{who.get("/deleted?box=petra"), who.get("/deleted/petra/" + id[1]), who.post("/deleted/restore", "box", "petra", "id", id[1])} {
			if a.status != 404 {
				t.Errorf("%s: %d %s", name, a.status, a.url)
			}
		}
		// Her mail's number in his own box is another mail.
		own := map[string]string{"admin": "marko-buero", "reader": "rita"}[name]
		for _, a := range []answer{who.get("/deleted/" + own + "/" + id[1]), who.post("/deleted/restore", "box", own, "id", id[1])} {
			if a.status != 404 {
				t.Errorf("%s: %d %s", name, a.status, a.url)
			}
		}
	}
	if a := admin.get("/activity?box=petra"); a.status != 404 {
		t.Errorf("the administrator reads her activity: %d", a.status)
	}
	reader.shows(reader.get("/activity?box=petra"), 200, "/activity", "mail 7")
	nobody := w.browser("en")
	for _, path := range []string{"/deleted", "/activity", "/deleted/petra/1"} {
		nobody.shows(nobody.get(path), 200, "/login")
	}
}

// TestListsStaySmall: however much was deleted, the page is under 100 kB.
func TestListsStaySmall(t *testing.T) {
	w := newWorld(t)
	b := w.browser("de")
	b.setUp()
	c := w.program("marko-buero", "PC", "marko-buero")
	var mails []string
	for i := range shownRows + 5 {
		mails = append(mails, fmt.Sprintf("From: %s <a@example.org>\nSubject: %s %d\n\nText\n", strings.Repeat("Name ", 100), strings.Repeat("Betreff ", 100), i))
	}
	w.put(c, "INBOX", append(mails, "Subject: long\n\n"+strings.Repeat("Wort & <Wort> ", 20_000)+"\n")...)
	w.expunge(c, "INBOX")
	list := b.get("/deleted")
	b.shows(list, 200, "/deleted", "Nur die letzten 100")
	long := b.get("/deleted/marko-buero/" + checkboxes.FindStringSubmatch(list.body)[1])
	b.shows(long, 200, long.url.Path, "Die Mail ist länger")
	for _, a := range []answer{list, long, b.get("/activity")} {
		if len(a.body) > 95<<10 {
			t.Errorf("%s has %d octets", a.url, len(a.body))
		}
	}
}
