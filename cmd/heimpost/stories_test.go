package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"heimpost/pop3fetch/pop3d"
)

// What people do with it, through the built binary.

// unseen lists the subjects of the mails that a client has not read, by
// SEARCH, which STATUS must agree with.
func unseen(t *testing.T, c *imapclient.Client, mailbox string) []string {
	t.Helper()
	status, err := c.Status(mailbox, &imap.StatusOptions{NumUnseen: true}).Wait()
	if err != nil {
		t.Fatal(err)
	}
	subjects := search(t, c, mailbox, &imap.SearchCriteria{NotFlag: []imap.Flag{imap.FlagSeen}})
	if int(*status.NumUnseen) != len(subjects) {
		t.Errorf("STATUS counts %d unread, SEARCH %v", *status.NumUnseen, subjects)
	}
	return subjects
}

// search lists the subjects of what a search finds, in order.
func search(t *testing.T, c *imapclient.Client, mailbox string, criteria *imap.SearchCriteria) []string {
	t.Helper()
	if _, err := c.Select(mailbox, nil).Wait(); err != nil {
		t.Fatal(err)
	}
	found, err := c.UIDSearch(criteria, nil).Wait()
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	if len(found.AllUIDs()) == 0 {
		return out
	}
	mails, err := c.Fetch(imap.UIDSetNum(found.AllUIDs()...), &imap.FetchOptions{Envelope: true}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mails {
		out = append(out, m.Envelope.Subject)
	}
	slices.Sort(out)
	return out
}

func everything(t *testing.T, c *imapclient.Client, mailbox string) []string {
	t.Helper()
	return search(t, c, mailbox, &imap.SearchCriteria{})
}

// mark changes flags of the mails with a subject in the selected mailbox.
func mark(t *testing.T, c *imapclient.Client, mailbox, subject string, flags ...imap.Flag) imap.UIDSet {
	t.Helper()
	if _, err := c.Select(mailbox, nil).Wait(); err != nil {
		t.Fatal(err)
	}
	found, err := c.UIDSearch(&imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "Subject", Value: subject}}}, nil).Wait()
	if err != nil || len(found.AllUIDs()) != 1 {
		t.Fatalf("%s: %v %v", subject, found, err)
	}
	uids := imap.UIDSetNum(found.AllUIDs()...)
	if len(flags) > 0 {
		if err := c.Store(uids, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: flags, Silent: true}, nil).Close(); err != nil {
			t.Fatal(err)
		}
	}
	return uids
}

func want(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// gone waits until the server has ended a connection.
func gone(t *testing.T, c *imapclient.Client, what string) {
	t.Helper()
	select {
	case <-c.Closed():
	case <-time.After(3 * time.Second):
		t.Errorf("%s is still connected after 3 s", what)
	}
}

// The couple with a joint account: what she has read stays new for him.
func TestTheCoupleWithAJointAccount(t *testing.T) {
	drop := pop3d.NewMaildrop("familie@example.org", "pw")
	w := newWorld(t)
	w.runIn("hers\n", "person", "add", "petra", "--password-stdin")
	w.runIn("his\n", "person", "add", "marko", "--password-stdin")
	w.run("box", "add", "familie", "--seen", "private", "--title", "Familie")
	w.run("box", "grant", "familie", "petra")
	w.run("box", "grant", "familie", "marko")
	w.runIn("pw\n", "account", "add", "familie@example.org", "--box", "familie", "--host", "127.0.0.1",
		"--port", provider(t, pop3d.Options{}, drop), "--tls", "none", "--password-stdin")
	drop.Deliver(mail("school"))
	drop.Deliver(mail("doctor"))
	s := w.serve()
	w.run("fetch")

	hers := s.login("familie", w.devicePassword("petra", "phone"), nil)
	his := s.login("marko", w.devicePassword("marko", "PC"), nil)
	mark(t, hers, "INBOX", "school", imap.FlagSeen)
	mark(t, hers, "INBOX", "doctor", imap.FlagFlagged)
	want(t, "hers", unseen(t, hers, "INBOX"), "doctor")
	want(t, "his", unseen(t, his, "Shared/familie/INBOX"), "doctor", "school")
	want(t, "his flagged", search(t, his, "Shared/familie/INBOX", &imap.SearchCriteria{Flag: []imap.Flag{imap.FlagFlagged}}), "doctor")
	// Her other device knows what she has read.
	tablet := s.login("petra", w.devicePassword("petra", "tablet"), nil)
	want(t, "her tablet", unseen(t, tablet, "Shared/familie/INBOX"), "doctor")

	// Switched off, read is what anybody has read.
	w.run("box", "set", "familie", "--seen", "shared")
	want(t, "his, shared", unseen(t, his, "Shared/familie/INBOX"), "doctor")
	s.stop()
	w.verify()
}

// The phone that tidies up while the PC keeps everything.
func TestThePhoneThatTidiesUp(t *testing.T) {
	w := newWorld(t)
	w.runIn("secret\n", "person", "add", "marko", "--password-stdin")
	s := w.serve()
	pc := s.login("marko", w.devicePassword("marko", "PC"), nil)
	password := ""
	if _, err := fmt.Sscanf(w.run("device", "add", "marko", "phone", "--deletes", "here"), "password: %s", &password); err != nil {
		t.Fatal(err)
	}
	phone := s.login("marko", password, nil)
	for _, subject := range []string{"keep", "advert", "parcel"} {
		appendTo(t, pc, "INBOX", subject)
	}
	mark(t, phone, "INBOX", "advert", imap.FlagDeleted)
	if err := phone.Expunge().Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := phone.Move(mark(t, phone, "INBOX", "parcel"), "Trash").Wait(); err != nil {
		t.Fatal(err)
	}
	want(t, "phone", everything(t, phone, "INBOX"), "keep")
	want(t, "phone's trash", everything(t, phone, "Trash"), "parcel")
	want(t, "PC", everything(t, pc, "INBOX"), "advert", "keep", "parcel")
	want(t, "PC's trash", everything(t, pc, "Trash"))

	w.run("device", "show-all", "marko", "phone")
	gone(t, phone, "the phone")
	phone = s.login("marko", password, nil)
	want(t, "phone, all shown", everything(t, phone, "INBOX"), "advert", "keep", "parcel")
	// After a restart it is as it was.
	s.stop()
	w.verify()
	s = w.serve()
	pc = s.login("marko", "secret", nil)
	want(t, "PC after a restart", everything(t, pc, "INBOX"), "advert", "keep", "parcel")
	s.stop()
}

// The new phone sees the last 90 days; what is older stays with the PC.
func TestTheNewPhoneSeesRecentMail(t *testing.T) {
	w := newWorld(t)
	w.runIn("secret\n", "person", "add", "marko", "--password-stdin")
	s := w.serve()
	pc := s.login("marko", "secret", nil)
	for subject, age := range map[string]int{"today": 0, "last month": 30, "last year": 365} {
		text := mail(subject)
		a := pc.Append("INBOX", int64(len(text)), &imap.AppendOptions{Time: time.Now().AddDate(0, 0, -age)})
		a.Write(text)
		a.Close()
		if _, err := a.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	password := ""
	fmt.Sscanf(w.run("device", "add", "marko", "phone", "--window", "90d"), "password: %s", &password)
	phone := s.login("marko", password, nil)
	want(t, "phone", everything(t, phone, "INBOX"), "last month", "today")
	want(t, "PC", everything(t, pc, "INBOX"), "last month", "last year", "today")
	w.run("device", "set", "marko", "phone", "--window", "7d")
	want(t, "phone, a week", everything(t, phone, "INBOX"), "today")
	w.run("device", "set", "marko", "phone", "--window", "all")
	gone(t, phone, "the phone")
	phone = s.login("marko", password, nil)
	want(t, "phone, all", everything(t, phone, "INBOX"), "last month", "last year", "today")
	s.stop()
	w.verify()
}

// done is a row of the activity.
type done struct {
	Person, Device, Action, Account, ID, Subject, Mailbox, Source string
}

// Who did what, with which device, can be asked afterwards.
func TestWhoDidWhat(t *testing.T) {
	drop := pop3d.NewMaildrop("buero@example.org", "pw")
	drop.Deliver(mail("invoice"))
	w := newWorld(t)
	w.runIn("his\n", "person", "add", "marko", "--password-stdin")
	w.run("box", "add", "buero")
	w.run("box", "grant", "buero", "marko")
	w.runIn("pw\n", "account", "add", "buero@example.org", "--box", "buero", "--host", "127.0.0.1",
		"--port", provider(t, pop3d.Options{}, drop), "--tls", "none", "--password-stdin")
	w.run("fetch")
	s := w.serve()
	c := s.login("buero", w.devicePassword("marko", "Marko's phone"), nil)
	mark(t, c, "INBOX", "invoice", imap.FlagSeen)
	if _, err := c.Move(mark(t, c, "INBOX", "invoice"), "Archive").Wait(); err != nil {
		t.Fatal(err)
	}
	var all, his []done
	w.json(&all, "activity", "buero", "--message", "<invoice@example.org>")
	if len(all) != 3 || all[0].Action != "moved" || all[0].Mailbox != "Archive" || all[0].Source != "INBOX" || all[0].Person != "marko" || all[0].Device != "Marko's phone" ||
		all[1].Action != "read" || all[2].Action != "delivered" || all[2].Account != "buero@example.org" || all[2].Person != "" || all[2].Subject != "invoice" {
		t.Errorf("%+v", all)
	}
	w.json(&his, "activity", "buero", "--device", "Marko's phone", "--since", "1d", "--message", all[0].ID)
	if len(his) != 2 {
		t.Errorf("%+v", his)
	}
	// The device's name stays when it is revoked.
	w.run("device", "revoke", "marko", "Marko's phone")
	w.json(&all, "activity", "buero")
	if !slices.ContainsFunc(all, func(a done) bool { return a.Device == "Marko's phone" }) {
		t.Errorf("%+v", all)
	}
	w.fails(1, "no device", "", "activity", "buero", "--device", "Marko's phone")
	w.fails(2, "not a date", "", "activity", "buero", "--since", "lately")
	s.stop()
	w.verify()
}

// The mail needed again a year after it was deleted (the clock of the test
// does not wait that long), and a folder that no client can empty.
func TestTheMailNeededAgain(t *testing.T) {
	w := newWorld(t)
	w.runIn("secret\n", "person", "add", "marko", "--password-stdin")
	w.run("box", "set", "marko", "--retain", "400d")
	s := w.serve()
	c := s.login("marko", w.devicePassword("marko", "PC"), nil)
	for _, subject := range []string{"contract", "advert", "recipe"} {
		appendTo(t, c, "INBOX", subject)
	}
	mark(t, c, "INBOX", "contract", imap.FlagFlagged)
	for _, subject := range []string{"contract", "advert"} {
		mark(t, c, "INBOX", subject, imap.FlagDeleted)
	}
	if err := c.Expunge().Close(); err != nil {
		t.Fatal(err)
	}
	want(t, "after deleting", everything(t, c, "INBOX"), "recipe")
	s.stop()

	type deleted struct {
		ID                             int64
		Subject, Mailbox, Person, From string
		DeletedAt                      string `json:"deleted_at"`
		Device                         string
		Size                           int64
	}
	var all, found []deleted
	w.json(&all, "deleted", "list", "marko")
	if len(all) != 2 || all[0].Person != "marko" || all[0].Device != "PC" || all[0].Mailbox != "INBOX" || all[0].Size == 0 || all[0].DeletedAt == "" {
		t.Errorf("%+v", all)
	}
	w.json(&found, "deleted", "list", "marko", "--text", "hello contract", "--from", "a@example.org", "--mailbox", "INBOX", "--since", "1d")
	if len(found) != 1 || found[0].Subject != "contract" {
		t.Fatalf("%+v", found)
	}
	s = w.serve() // and through it
	if out := w.run("deleted", "restore", "marko", fmt.Sprint(found[0].ID)); out != "1 mail was restored\n" {
		t.Error(out)
	}
	c = s.login("marko", "secret", nil)
	want(t, "after restoring", everything(t, c, "INBOX"), "contract", "recipe")
	want(t, "flagged", search(t, c, "INBOX", &imap.SearchCriteria{Flag: []imap.Flag{imap.FlagFlagged}}), "contract")
	w.fails(1, "no deleted mail", "", "deleted", "restore", "marko", fmt.Sprint(found[0].ID))

	w.json(&all, "deleted", "list", "marko")
	if len(all) != 1 || all[0].Subject != "advert" {
		t.Fatalf("%+v", all)
	}
	advert := fmt.Sprint(all[0].ID)
	w.fails(1, "nothing was removed", "no\n", "deleted", "purge", "marko", advert)
	w.runIn("yes\n", "deleted", "purge", "marko", advert)
	w.json(&all, "deleted", "list", "marko")
	if len(all) != 0 {
		t.Errorf("%+v", all)
	}

	w.run("box", "set", "marko", "--protect", "Archive", "--protect", "INBOX", "--unprotect", "inbox")
	var boxes []struct{ Protect []string }
	w.json(&boxes, "box", "list")
	want(t, "protected", boxes[0].Protect, "Archive")
	appendTo(t, c, "Archive", "deed")
	mark(t, c, "Archive", "deed", imap.FlagDeleted)
	c.Expunge().Close() // refused or without effect
	want(t, "a protected folder", everything(t, c, "Archive"), "deed")
	if err := c.Delete("Archive").Wait(); err == nil {
		t.Error("a protected folder was deleted")
	}
	s.stop()
	w.verify()
}
