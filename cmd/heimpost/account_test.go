package main

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/hub"
	"heimpost/pop3fetch/pop3d"
)

// says runs the program, which must succeed and say all this.
func (w *world) says(stdin string, want []string, args ...string) {
	w.t.Helper()
	out := w.runIn(stdin, args...)
	for _, text := range want {
		if !strings.Contains(out, text) {
			w.t.Errorf("heimpost %s does not say %q:\n%s", strings.Join(args, " "), text, out)
		}
	}
}

// TestAccountFromItsAddress: of a provider that is known nothing is asked but
// the password, and that only when all else is right.
func TestAccountFromItsAddress(t *testing.T) {
	w := newWorld(t)
	w.env = []string{"LC_ALL=C"}
	w.fails(2, "there is none yet: heimpost person add", "pw\n", "account", "add", "name@gmx.de", "--password-stdin")
	w.runIn("secret\n", "person", "add", "marko", "--password-stdin")
	w.says("pw\n", []string{"GMX, pop.gmx.net:995, TLS implicit", "into INBOX of marko", "every 15m.",
		"At the provider each mail is deleted 14 days after it was stored here", "--dry-run", "POP3 und IMAP Zugriff erlauben", "account test name@gmx.de"},
		"account", "add", "name@gmx.de", "--password-stdin")
	w.says("", []string{"every 1m (the provider wants at least 15m)", "deleted as soon as it is stored here"}, "account", "set", "name@gmx.de", "--every", "1m", "--keep", "never")
	w.says("", []string{"nothing is deleted"}, "account", "set", "name@gmx.de", "--keep", "always")

	w.fails(1, "iCloud has no POP3", "", "account", "add", "x@icloud.com")
	w.fails(2, "no settings are known for x@firma.test: give its POP3 server with --host", "", "account", "add", "x@firma.test")
	w.fails(2, "0d", "", "account", "add", "x@gmx.de", "--keep", "0d")
	w.fails(1, "already", "", "account", "add", "name@gmx.de")
	w.fails(2, "--password-stdin", "", "account", "add", "x@gmx.de")
	w.says("", []string{"account signin x@outlook.com"}, "account", "add", "x@outlook.com")
	w.says("", []string{"Sign in: heimpost account signin x@gmail.com"}, "account", "add", "x@gmail.com", "--oauth", "google")
	w.says("pw\n", []string{"changed"}, "account", "set", "x@gmail.com", "--password-stdin")
	w.says("", []string{"Sign in: heimpost account signin x@gmail.com"}, "account", "set", "x@gmail.com", "--oauth", "google")

	w.env = []string{"LC_ALL=de_DE.UTF-8"}
	w.fails(1, "iCloud hat kein POP3", "", "account", "add", "x@icloud.com")
	w.says("pw\n", []string{"Häkchen bei „POP3 und IMAP Zugriff erlauben“"}, "account", "add", "x@gmx.de", "--password-stdin")

	w.run("box", "add", "buero")
	w.fails(2, "--box", "pw\n", "account", "add", "y@gmx.de", "--password-stdin")
}

// TestProvidersWords: what is wrong is said in the provider's words, in
// English and German, with what to click there.
func TestProvidersWords(t *testing.T) {
	drop := pop3d.NewMaildrop("name@gmx.de", "pw")
	refuse := "-ERR POP3 is not enabled for this account"
	port := provider(t, pop3d.Options{Login: func(string) string { return refuse }}, drop)
	w := newWorld(t)
	w.household(drop, port)
	for _, c := range []struct{ lang, said, click string }{
		{"C", "POP3 is switched off in GMX's settings", "POP3/IMAP Abruf"},
		{"de_DE.UTF-8", "POP3 ist in den Einstellungen von GMX ausgeschaltet", "Schalten Sie es auf gmx.net ein"},
	} {
		w.env = []string{"LC_ALL=" + c.lang}
		w.fails(1, c.said, "", "account", "test", "name@gmx.de")
		w.fails(1, c.click, "", "account", "test", "name@gmx.de")
		w.fails(1, c.said, "", "fetch")
		w.says("", []string{"name@gmx.de: " + c.said, "name@gmx.de: ", c.click}, "account", "list")
		w.says("", []string{c.said, c.click}, "status")
	}
	// Somebody clicked: what is tried by schedule does not wait for what the
	// refusals have earned.
	var list []hub.Account
	if w.json(&list, "account", "list"); list[0].NextCheck.IsZero() || list[0].ErrorDE == "" {
		t.Errorf("%+v", list[0])
	}
	w.runIn("pw\n", "account", "set", "name@gmx.de", "--password-stdin")
	list = nil
	if w.json(&list, "account", "list"); !list[0].NextCheck.IsZero() || list[0].Error != "" {
		t.Errorf("after another password: %+v", list[0])
	}
}

// TestProviderWantsFewLogins: up to a minute is waited for it, beyond that is
// said when, and no mail of another account waits.
func TestProviderWantsFewLogins(t *testing.T) {
	patient := pop3d.NewMaildrop("patient@example.org", "pw")
	quick := pop3d.NewMaildrop("quick@example.org", "pw")
	w := newWorld(t)
	w.household(patient, provider(t, pop3d.Options{Capabilities: []string{"LOGIN-DELAY 3600"}}, patient))
	w.runIn("pw\n", "account", "add", quick.User, "--box", "marko", "--host", "127.0.0.1", "--tls", "none", "--password-stdin",
		"--port", provider(t, pop3d.Options{Capabilities: []string{"LOGIN-DELAY 1"}}, quick))
	w.says("", []string{"The login works: 0 messages", "the next one is possible at"}, "account", "test", patient.User)
	w.fails(1, "less often", "", "account", "test", patient.User)
	w.says("", []string{"fetched 0 mails"}, "fetch", quick.User)

	quick.Deliver(mail("one"))
	before := time.Now()
	r := w.try("", "fetch", "--json")
	if r.code != 3 || !strings.Contains(r.err, patient.User+": the provider wants its mail checked less often; the next check is possible at") || strings.Contains(r.err, quick.User) {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	var out []hub.Fetched
	decode(t, r.out, &out)
	for _, f := range out {
		switch f.Account {
		case quick.User:
			if f.Retrieved != 1 || f.Error != "" {
				t.Errorf("%+v", f)
			}
		case patient.User:
			if f.NextAllowed == nil || f.NextAllowed.Before(before.Add(50*time.Minute)) || f.NextAllowed.After(before.Add(time.Hour)) {
				t.Errorf("%+v", f)
			}
		}
	}
	w.fails(3, "less often", "", "fetch", patient.User)
	if r := w.try("", "fetch", patient.User); r.out != "" {
		t.Errorf("of a round that was not, fetch says %q", r.out)
	}
	var list []hub.Account
	w.json(&list, "account", "list")
	for _, a := range list {
		if slow := a.Address == patient.User; slow != (a.NextAllowed.After(before.Add(50*time.Minute))) || slow && a.AtLeast != "1h" {
			t.Errorf("%+v", a)
		}
	}
}

// TestWhatTheProviderHolds is seen, and what could not be fetched, and why.
func TestWhatTheProviderHolds(t *testing.T) {
	drop := pop3d.NewMaildrop("marko@example.org", "pw")
	for i := range 3 {
		drop.Deliver(mail(fmt.Sprint("mail ", i)))
	}
	drop.Deliver([]byte("Subject: old\r\nDate: Mon, 02 Jan 2023 10:00:00 +0100\r\n\r\nx\r\n"))
	port := provider(t, pop3d.Options{Capabilities: []string{"EXPIRE 0"}, Script: func(int) pop3d.Script {
		return pop3d.Script{On: func(c *pop3d.Command) {
			if c.Verb == "RETR" && c.Mail.ID == drop.All()[1].ID {
				c.Reply("-ERR the disk is sick")
			}
		}}
	}}, drop)
	w := newWorld(t)
	w.household(drop, port, "--seen-before", "30d")
	w.says("", []string{"4 messages", "EXPIRE 0"}, "account", "test", drop.User)
	w.says("", []string{"would fetch 4 mails (", "), delete none; 4 listed; the provider itself deletes what was fetched (EXPIRE 0)"}, "fetch", "--dry-run")
	w.fails(3, "1 message could not be fetched", "", "fetch")
	for _, listing := range []string{"account list", "status"} {
		w.says("", []string{"4 (", "could not be fetched: the provider refused RETR: \"the disk is sick\"; next try"}, strings.Fields(listing)...)
	}
	w.run("account", "set", drop.User, "--keep", "never")
	w.try("", "fetch")
	var list []hub.Account
	if w.json(&list, "account", "list"); list[0].ServerCount != 1 || list[0].Waiting != 1 || list[0].Unretrievable != 1 || list[0].PendingDeletions != 0 {
		t.Errorf("%+v", list[0])
	}
	c := w.serve().login("marko", "secret", nil)
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	found, err := c.Search(&imap.SearchCriteria{Flag: []imap.Flag{imap.FlagSeen}}, nil).Wait()
	if err != nil || len(found.AllSeqNums()) == 0 {
		t.Fatalf("%v %v: of a first drain old mail is read", found, err)
	}
}

// TestFetchOnDemand: a client that opens, looks at or refreshes INBOX has the
// provider asked, though the schedule would not yet.
func TestFetchOnDemand(t *testing.T) {
	asked := make(chan string, 100)
	people := []string{"anna", "berta", "carla"}
	var drops []*pop3d.Maildrop
	for _, p := range people {
		drops = append(drops, pop3d.NewMaildrop(p+"@example.org", "pw"))
	}
	port := provider(t, pop3d.Options{Login: func(user string) string {
		asked <- user
		return ""
	}}, drops...)
	w := newWorld(t)
	for i, p := range people {
		w.runIn("secret\n", "person", "add", p, "--password-stdin")
		w.runIn("pw\n", "account", "add", drops[i].User, "--box", p, "--host", "127.0.0.1", "--port", port, "--tls", "none", "--every", "24h", "--password-stdin")
	}
	w.run("fetch")
	for range people {
		<-asked
	}
	// That was two minutes ago.
	db, err := sql.Open("sqlite3", filepath.Join(w.dir, "hub.db"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec("UPDATE account SET state=json_set(state, '$.last_try', ?)", time.Now().Add(-2*time.Minute).Format(time.RFC3339))
	if err != nil || db.Close() != nil {
		t.Fatal(err)
	}
	s := w.serve()
	for i, look := range []func(string) error{
		func(p string) error { _, err := s.login(p, "secret", nil).Select("INBOX", nil).Wait(); return err },
		func(p string) error {
			_, err := s.login(p, "secret", nil).Status("INBOX", &imap.StatusOptions{NumMessages: true}).Wait()
			return err
		},
		func(p string) error { return s.login(p, "secret", nil).Noop().Wait() },
	} {
		drops[i].Deliver(mail("new"))
		if err := look(people[i]); err != nil {
			t.Fatal(err)
		}
		select {
		case user := <-asked:
			if user != drops[i].User {
				t.Errorf("%s looked, %s was fetched", people[i], user)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("nobody asked the provider for %s", people[i])
		}
	}
}
