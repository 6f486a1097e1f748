package imapd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heimpost/peertest"
	"heimpost/store"
)

// newFirm is a world with one box in which marko has a telephone, which
// follows a rule ("phone"), and a computer ("pc"); "petra" has her own login.
func newFirm(t *testing.T, rule store.DevicePolicy, private bool) *world {
	t.Helper()
	w := newWorld(t)
	petra := store.Actor{Person: "petraaaaaaaaaaaa", Device: "petrasphoneaaaaa"}
	phone := store.Actor{Person: "markoaaaaaaaaaaa", Device: "markosphoneaaaaa"}
	pc := store.Actor{Person: "markoaaaaaaaaaaa", Device: "markospcaaaaaaaa"}
	for name, who := range map[string]store.Actor{"marko": pc, "phone": phone, "petra": petra} {
		w.logins[name] = &Login{Person: name, Actor: who, Root: w.box.View(store.ViewOptions{Actor: who})}
	}
	w.policy(store.Policy{PrivateSeen: private, Readers: []store.ID{phone.Person, petra.Person}, Devices: map[store.ID]store.DevicePolicy{phone.Device: rule}})
	w.deliverAs(time.Now(), "one", "two", "three")
	w.client("phone", "phone")
	return w
}

func (w *world) policy(p store.Policy) {
	w.t.Helper()
	if _, err := w.box.SetPolicy(ctx, p); err != nil {
		w.t.Fatal(err)
	}
}

// deliverAs delivers mails to marko's INBOX, as the fetcher does.
func (w *world) deliverAs(date time.Time, subjects ...string) {
	w.t.Helper()
	id, err := w.box.MailboxID("INBOX")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range subjects {
		in, err := w.box.NewIncoming()
		if err == nil {
			_, err = in.Write([]byte("Subject: " + s + "\r\n\r\nHello.\r\n"))
		}
		if err == nil {
			_, err = in.Finish()
		}
		if err != nil {
			w.t.Fatal(err)
		}
		in.Date = date
		if _, err := w.box.Deliver(ctx, id, []*store.Incoming{in}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestPrivateSeen: what she reads stays unread for him, whatever is asked.
func TestPrivateSeen(t *testing.T) {
	w := newFirm(t, store.DevicePolicy{}, true)
	w.play(`
		C: a ENABLE CONDSTORE
		S* a OK …
		C: b SELECT INBOX
		S* * OK [UNSEEN 1] …
		S* b OK …
		Cpetra: a SELECT INBOX
		Spetra* * OK [UNSEEN 1] …
		Spetra* a OK …
		C: c IDLE
		S: + …

		# She reads one and flags another: he hears of the flag alone.
		Cpetra: b STORE 1 +FLAGS (\Seen)
		Spetra: * 1 FETCH (FLAGS (\Seen))
		Spetra: b OK …
		Cpetra: c STORE 2 +FLAGS (\Seen \Flagged)
		Spetra: * 2 FETCH (FLAGS (\Flagged \Seen))
		Spetra: c OK …
		S: * 2 FETCH (FLAGS (\Recent \Flagged) MODSEQ (6))
		C: DONE
		S: c OK …

		C: d FETCH 1:2 FLAGS
		S: * 1 FETCH (FLAGS (\Recent))
		S: * 2 FETCH (FLAGS (\Recent \Flagged))
		S: d OK …
		C: e UID SEARCH UNSEEN
		S: * SEARCH 1 2 3
		S: e OK …
		C: f STATUS INBOX (MESSAGES UNSEEN)
		S: * STATUS "INBOX" (MESSAGES 3 UNSEEN 3)
		S: f OK …
		Cpetra: d UID SEARCH UNSEEN
		Spetra: * SEARCH 3
		Spetra: d OK …
		Cpetra: e STATUS INBOX (MESSAGES UNSEEN)
		Spetra: * STATUS "INBOX" (MESSAGES 3 UNSEEN 1)
		Spetra: e OK …
		Cpetra: f SELECT INBOX
		Spetra* * OK [UNSEEN 3] …
		Spetra* f OK …

		# FETCH of a body reads for him, on all of his devices, for her nothing changes.
		C: g FETCH 3 BODY[TEXT]
		S: * 3 FETCH (FLAGS (\Recent \Seen) MODSEQ (7) BODY[TEXT] {8}
		S: Hello.
		S: )
		S* g OK …
		Cphone: a STATUS INBOX (UNSEEN)
		Sphone: * STATUS "INBOX" (UNSEEN 2)
		Sphone: a OK …
		Cpetra: g NOOP
		Spetra: g OK …

		# His change does not fail on hers, nor does she hear of it.
		C: h STORE 1 (UNCHANGEDSINCE 2) +FLAGS.SILENT (\Seen)
		S* h OK …
		Cpetra: h NOOP
		Spetra: h OK …
		Cpetra: i FETCH 1 FLAGS
		Spetra: * 1 FETCH (FLAGS (\Seen))
		Spetra: i OK …

		# Sent stays common; what one appends as seen elsewhere is unseen for the other.
		C: i APPEND Sent (\Seen) {14+}
		C: Subject: x\r\n
		C:
		S* i OK …
		C: j APPEND Archive (\Seen) {14+}
		C: Subject: y\r\n
		C:
		S* j OK …
		Cpetra: j STATUS Sent (UNSEEN)
		Spetra: * STATUS "Sent" (UNSEEN 0)
		Spetra: j OK …
		Cpetra: k STATUS Archive (UNSEEN)
		Spetra: * STATUS "Archive" (UNSEEN 1)
		Spetra: k OK …
		C: k STATUS Archive (UNSEEN)
		S: * STATUS "Archive" (UNSEEN 0)
		S: k OK …
	`)
}

// TestDeletesHere: EXPUNGE and MOVE to Trash act on the telephone alone;
// filing is common.
func TestDeletesHere(t *testing.T) {
	w := newFirm(t, store.DevicePolicy{Here: true}, false)
	w.play(`
		C: a SELECT INBOX
		S* a OK …
		C: b IDLE
		S: + …
		Cphone: a ENABLE QRESYNC
		Sphone* a OK …
		Cphone: b SELECT INBOX
		Sphone* b OK …

		# Its \Deleted is its own.
		Cphone: c UID STORE 1 +FLAGS.SILENT (\Deleted)
		Sphone* c OK …
		Cpetra: a SELECT INBOX
		Spetra* a OK …
		Cpetra: b EXPUNGE
		Spetra: b OK …
		Cpetra: c FETCH 1 FLAGS
		Spetra: * 1 FETCH (FLAGS ())
		Spetra: c OK …
		Cphone: d EXPUNGE
		Sphone: * VANISHED 1
		Sphone: d OK …

		# To Trash: for the telephone alone, with a UID there.
		Cphone: e UID MOVE 2 Trash
		Sphone: * OK [COPYUID … 2 1] …
		Sphone: * VANISHED 2
		Sphone: e OK …
		Cphone: f STATUS Trash (MESSAGES UIDNEXT)
		Sphone: * STATUS "Trash" (MESSAGES 1 UIDNEXT 2)
		Sphone: f OK …
		Cpetra: d STATUS Trash (MESSAGES)
		Spetra: * STATUS "Trash" (MESSAGES 0)
		Spetra: d OK …
		Cpetra: e STATUS INBOX (MESSAGES)
		Spetra: * STATUS "INBOX" (MESSAGES 3)
		Spetra: e OK …

		# All that the computer has heard so far is nothing; filing it hears of.
		Cphone: g UID MOVE 3 Archive
		Sphone: * OK [COPYUID … 3 1] …
		Sphone: * VANISHED 3
		Sphone: g OK …
		S: * 3 EXPUNGE
		C: DONE
		S: b OK …
		C: c UID SEARCH ALL
		S: * SEARCH 1 2
		S: c OK …

		# Back again: what left its view is told to it, nothing to others.
		Cphone: h CLOSE
		Sphone: h OK …
		Cphone: i SELECT INBOX (QRESYNC (` + w.uidValidity("INBOX") + ` 4 1:3))
		Sphone* * VANISHED (EARLIER) 1:3
		Sphone* i OK …
		C2: a ENABLE QRESYNC
		S2* a OK …
		C2: b SELECT INBOX (QRESYNC (` + w.uidValidity("INBOX") + ` 4 1:3))
		S2* * VANISHED (EARLIER) 3
		S2* b OK …
		C2: c UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)
		S2: * VANISHED (EARLIER) 3
		S2* c OK …
		Cphone: j UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)
		Sphone: * VANISHED (EARLIER) 1:3
		Sphone: j OK …
		Cphone: k MYRIGHTS INBOX
		Sphone: * MYRIGHTS "INBOX" lrswikxteacd
		Sphone: k OK …

		# A mailbox with mails goes for nobody, neither by DELETE nor into Trash.
		Cphone: l DELETE Archive
		Sphone: l NO [NOPERM] Archive: this device deletes only for itself; …
		Cphone: m RENAME Archive Trash/Archive
		Sphone: m NO [NOPERM] Archive: this device deletes only for itself; …
		Cphone: n DELETE Junk
		Sphone: n OK …
		C: d STATUS Archive (MESSAGES)
		S: * STATUS "Archive" (MESSAGES 1)
		S: d OK …
	`)
	// What was hidden comes back: the session says BYE, whoever ends it.
	if back, err := w.box.ShowAll(ctx, "markosphoneaaaaa"); err != nil || !back {
		t.Fatal(back, err)
	}
	w.play(`
		Cphone: l NOOP
		Sphone* * BYE …have come back…
		Ephone:
		C: e NOOP
		S: e OK …
	`)
	delete(w.clients, "phone")
	w.client("phone", "phone")
	w.play(`
		Cphone: a SELECT INBOX
		Sphone* * 2 EXISTS
		Sphone* a OK …
	`)
}

// uidValidity gives a mailbox's UIDVALIDITY as text.
func (w *world) uidValidity(name string) string {
	w.t.Helper()
	info, err := w.box.View(store.ViewOptions{}).Info(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return fmt.Sprint(info.UIDValidity)
}

// TestWindow: the telephone sees recent mail only; what has become too old
// leaves it where the protocol allows it.
func TestWindow(t *testing.T) {
	w := newFirm(t, store.DevicePolicy{Days: 90}, false)
	w.deliverAs(time.Now().AddDate(0, 0, -200), "old")
	w.deliverAs(time.Now().AddDate(0, 0, -50), "older")
	w.play(`
		Cphone: a SELECT INBOX
		Sphone* * 4 EXISTS
		Sphone* a OK …
		C: a SELECT INBOX
		S* * 5 EXISTS
		S* a OK …
	`)
	w.policy(store.Policy{Devices: map[store.ID]store.DevicePolicy{"markosphoneaaaaa": {Days: 30}}}) // as 60 days later
	w.play(`
		# Not during FETCH with sequence numbers.
		Cphone: b FETCH 4 FLAGS
		Sphone: * 4 FETCH (FLAGS (…))
		Sphone: b OK …
		Cphone: c NOOP
		Sphone: * 4 EXPUNGE
		Sphone: c OK …
		Cphone: d UID SEARCH ALL
		Sphone: * SEARCH 1 2 3
		Sphone: d OK …
		Cphone: e STATUS INBOX (MESSAGES SIZE)
		Sphone: * STATUS "INBOX" (MESSAGES 3 SIZE …)
		Sphone: e OK …
		C: b NOOP
		S: b OK …
		C: c FETCH 4:5 FLAGS
		S: * 4 FETCH (FLAGS (…))
		S: * 5 FETCH (FLAGS (…))
		S: c OK …
	`)
}

// TestMbsyncDeletesHere: mbsync as the telephone that deletes, mbsync as the
// computer that keeps.
func TestMbsyncDeletesHere(t *testing.T) {
	w := newFirm(t, store.DevicePolicy{Here: true}, false)
	type device struct{ dir, mail string }
	devices := map[string]device{}
	for _, name := range []string{"phone", "marko"} {
		dir := t.TempDir()
		d := device{dir, filepath.Join(dir, "mail")}
		if err := os.Mkdir(d.mail, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "rc"), peertest.MbsyncConfig(w.addr, name, d.mail, mbsyncPatterns), 0o600); err != nil {
			t.Fatal(err)
		}
		devices[name] = d
	}
	sync := func(name, box string) (files []string) {
		t.Helper()
		d := devices[name]
		run(t, d.dir, "mbsync", "-V", "-c", filepath.Join(d.dir, "rc"), "-a")
		for _, sub := range []string{"new", "cur"} {
			found, _ := filepath.Glob(filepath.Join(d.mail, box, sub, "*"))
			files = append(files, found...)
		}
		return files
	}
	// remove deletes the mail with a subject.
	remove := func(files []string, subject string) {
		t.Helper()
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err == nil && strings.Contains(string(b), "Subject: "+subject) {
				err = os.Remove(f)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	want := func(name string, n int) []string {
		t.Helper()
		files := sync(name, "INBOX")
		if len(files) != n {
			t.Errorf("%s has %d mails, want %d: %q", name, len(files), n, files)
		}
		return files
	}
	remove(want("phone", 3), "one")
	want("marko", 3)
	want("phone", 2)
	remove(want("marko", 3), "two")
	want("marko", 2)
	want("phone", 1)
	want("marko", 2)
}
