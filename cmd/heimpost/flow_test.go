package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"

	"heimpost/pop3fetch/pop3d"
)

// From nothing to mail in a mail client, without serve in between.
func TestFromNothingToMail(t *testing.T) {
	drop := pop3d.NewMaildrop("marko@example.org", "provider's secret")
	var want []string
	for i := range 120 {
		m := mail(fmt.Sprint("mail-", i))
		if i == 7 {
			m = append(m, []byte(".\r\n..dots\r\n"+strings.Repeat("x", 5000)+"\r\nno end")...)
		}
		want = append(want, string(drop.Deliver(m).Bytes))
	}
	port := provider(t, pop3d.Options{}, drop)
	w := newWorld(t)
	w.household(drop, port, "--keep", "never")
	added := w.runIn("x\n", "--password-stdin", "account", "--box=marko", "add", "second@gmx.de")
	if !strings.Contains(added, "Test it: heimpost account test second@gmx.de") || !strings.Contains(added, "pop.gmx.net:995") || !strings.Contains(added, "deleted 14 days after") {
		t.Errorf("account add printed %q", added)
	}
	w.run("account", "remove", "second@gmx.de")

	test := w.run("account", "test", "marko@example.org")
	if !strings.Contains(test, "120") {
		t.Errorf("account test printed %q", test)
	}
	if out := w.run("fetch", "--dry-run"); !strings.Contains(out, "would fetch 120 mails (") || !strings.Contains(out, "delete none") && !strings.Contains(out, "delete 120") {
		t.Error(out)
	}
	var dry, first, second []map[string]any
	w.json(&dry, "fetch", "--dry-run")
	if dry[0]["would_retrieve"] != 120.0 || dry[0]["retrieved"] != 0.0 {
		t.Error(dry)
	}
	w.json(&first, "fetch")
	for key, value := range map[string]any{"account": "marko@example.org", "listed": 120.0, "retrieved": 120.0, "deleted": 120.0, "failed": 0.0, "error": ""} {
		if first[0][key] != value {
			t.Errorf("fetch: %s is %v, want %v", key, first[0][key], value)
		}
	}
	w.json(&second, "fetch", "marko@example.org")
	if second[0]["retrieved"] != 0.0 || second[0]["listed"] != 0.0 || len(drop.Held()) != 0 {
		t.Error(second, len(drop.Held()))
	}

	var accounts []map[string]any
	w.json(&accounts, "account", "list")
	if a := accounts[0]; a["box"] != "marko" || a["keep"] != "never" || a["error"] != "" || a["last_success"] == nil || a["waiting"] != 0.0 {
		t.Error(a)
	}
	var status struct {
		Accounts []map[string]any
		Boxes    []struct {
			Name     string
			Messages int
			Bytes    int64
		}
		DiskFree int64 `json:"disk_free"`
		Serving  bool
	}
	w.json(&status, "status")
	if len(status.Boxes) != 1 || status.Boxes[0].Messages != 120 || status.Boxes[0].Bytes == 0 || status.DiskFree == 0 || status.Serving {
		t.Errorf("%+v", status)
	}
	w.verify()

	phone := w.devicePassword("marko", "phone")
	s := w.serve()
	got := bodies(t, s.login("marko", phone, nil), "INBOX")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d mails over IMAP are not the %d of the provider, octet for octet", len(got), len(want))
	}
	if resp, err := http.Get("http://" + s.web + "/healthz"); err != nil || resp.StatusCode != 200 {
		t.Error(resp, err)
	} else {
		resp.Body.Close()
	}
	w.json(&status, "status")
	if !status.Serving {
		t.Error("serve runs and status does not know")
	}
	w.verify()
	s.stop()
}

// arrivals tells how many messages a selected mailbox has, as it hears of it.
func arrivals() (*imapclient.Options, chan uint32) {
	heard := make(chan uint32, 100)
	return &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(d *imapclient.UnilateralDataMailbox) {
			if d.NumMessages != nil {
				heard <- *d.NumMessages
			}
		},
	}}, heard
}

func await(t *testing.T, heard chan uint32, want uint32) {
	t.Helper()
	for timeout := time.After(30 * time.Second); ; {
		select {
		case n := <-heard:
			if n >= want {
				return
			}
		case <-timeout:
			t.Fatalf("no news of %d messages within 30 s", want)
		}
	}
}

// A fetch from a second process, and the schedule, reach a client that waits.
func TestNewMailReachesAnIdlingClient(t *testing.T) {
	drop := pop3d.NewMaildrop("marko@example.org", "pw")
	port := provider(t, pop3d.Options{}, drop)
	w := newWorld(t)
	w.household(drop, port, "--every", "1h")
	s := w.serve()
	o, heard := arrivals()
	c := s.login("marko", "secret", o)
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	idle, err := c.Idle()
	if err != nil {
		t.Fatal(err)
	}
	drop.Deliver(mail("by-hand"))
	w.run("fetch")
	await(t, heard, 1)

	drop.Deliver(mail("by-schedule"))
	w.run("account", "set", "marko@example.org", "--every", "1s")
	await(t, heard, 2)
	if err := idle.Close(); err != nil {
		t.Error(err)
	}
	s.stop()
	w.verify()
}

// What is revoked by another process ends at once, BYE and all.
func TestLostPhoneIsRevoked(t *testing.T) {
	w := newWorld(t)
	w.runIn("secret\n", "person", "add", "marko", "--password-stdin")
	s := w.serve()
	phone := w.devicePassword("marko", "phone")
	c := s.login("Marko", strings.ToUpper(phone), nil)
	if _, err := c.Idle(); err != nil {
		t.Fatal(err)
	}
	var status struct {
		Connections int
		Devices     []struct{ Name, Person string }
	}
	w.json(&status, "status")
	if status.Connections != 1 || len(status.Devices) != 1 || status.Devices[0].Name != "phone" {
		t.Errorf("%+v", status)
	}
	began := time.Now()
	w.run("device", "revoke", "marko", "phone")
	select {
	case <-c.Closed():
	case <-time.After(10 * time.Second):
		t.Fatal("the phone is still connected")
	}
	if d := time.Since(began); d > 3*time.Second {
		t.Errorf("it took %v", d)
	}
	if _, err := s.tryLogin("marko", phone, nil); err == nil {
		t.Error("the phone came in again")
	}
	s.login("marko", "secret", nil)
	s.stop()
}

func TestBoxesOfSeveralPeople(t *testing.T) {
	w := newWorld(t)
	w.runIn("his\n", "person", "add", "marko", "--password-stdin", "--title", "Marko M")
	w.runIn("hers\n", "person", "add", "petra", "--password-stdin")
	w.run("box", "add", "buero", "--address", "buero@firma.example", "--title", "Büro")
	w.run("box", "grant", "buero", "marko")
	w.run("--read-only", "box", "grant", "buero", "petra")
	s := w.serve()
	his := s.login("marko", "his", nil)
	if err := his.Create("Shared/buero/Rechnungen", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	appendTo(t, his, "Shared/buero/Rechnungen", "invoice")
	hers := s.login("buero@firma.example", "hers", nil)
	if got := bodies(t, hers, "Rechnungen"); len(got) != 1 || got[0] != string(mail("invoice")) {
		t.Errorf("%q", got)
	}
	if err := hers.Create("Mine", nil).Wait(); err == nil {
		t.Error("who may only read made a mailbox")
	}
	if _, err := s.tryLogin("buero", "wrong", nil); err == nil {
		t.Error("a wrong password was taken")
	}
	// Granting more ends what was opened with less.
	w.run("box", "grant", "buero", "petra")
	select {
	case <-hers.Closed():
	case <-time.After(10 * time.Second):
		t.Error("her connection goes on with the old right")
	}
	hers = s.login("buero", "hers", nil)
	if err := hers.Create("Mine", nil).Wait(); err != nil {
		t.Error(err)
	}
	out := w.run("box", "remove", "buero")
	if !strings.Contains(out, "removed") {
		t.Error(out)
	}
	if found, _ := filepath.Glob(filepath.Join(w.dir, "removed", "buero-*", "index.db")); len(found) != 1 {
		t.Error("the box is not in removed/")
	}
	w.run("person", "remove", "petra")
	s.stop()
	w.verify()
}

func appendTo(t testing.TB, c *imapclient.Client, mailbox, subject string) {
	t.Helper()
	if err := tryAppend(c, mailbox, subject); err != nil {
		t.Fatal(err)
	}
}

func tryAppend(c *imapclient.Client, mailbox, subject string) error {
	text := mail(subject)
	a := c.Append(mailbox, int64(len(text)), nil)
	if _, err := a.Write(text); err != nil {
		return err
	}
	if err := a.Close(); err != nil {
		return err
	}
	_, err := a.Wait()
	return err
}
