package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"heimpost/hub"
	"heimpost/pop3fetch/pop3d"
)

// mailFiles counts the mails in a backup.
func mailFiles(t testing.TB, target string) (n int) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(target, "mails"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// seen describes a mailbox as a client that asks for everything sees it.
func seen(t testing.TB, c *imapclient.Client, mailbox string) (out []string) {
	t.Helper()
	s, err := c.Select(mailbox, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		t.Fatal(err)
	}
	out = append(out, fmt.Sprintf("%s UIDVALIDITY %d", mailbox, s.UIDValidity))
	if s.NumMessages == 0 {
		return out
	}
	section := &imap.FetchItemBodySection{Peek: true}
	var all imap.SeqSet
	all.AddRange(1, 0)
	mails, err := c.Fetch(all, &imap.FetchOptions{UID: true, Flags: true, InternalDate: true, Envelope: true,
		BodyStructure: &imap.FetchItemBodyStructure{Extended: true}, BodySection: []*imap.FetchItemBodySection{section}}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mails {
		slices.Sort(m.Flags)
		out = append(out, fmt.Sprint(m.UID, m.Flags, m.InternalDate, m.Envelope.Subject, m.BodyStructure.MediaType(), string(m.FindBodySection(section))))
	}
	return out
}

// TestBackupAndRestore: a hub comes back as it was: the same mails under the
// same UIDs for the same logins, nothing is fetched twice, what was deleted can
// be restored, and what came after the backup gets UIDs that nobody has seen.
func TestBackupAndRestore(t *testing.T) {
	drop := pop3d.NewMaildrop("marko@example.org", "pw")
	for i := range 40 {
		drop.Deliver(mail(fmt.Sprint("mail-", i)))
	}
	w := newWorld(t)
	w.household(drop, provider(t, pop3d.Options{}, drop), "--keep", "always")
	w.run("box", "add", "buero")
	w.run("box", "grant", "buero", "marko")
	phone := w.devicePassword("marko", "phone")
	w.run("fetch")
	usb := filepath.Join(t.TempDir(), "usb")

	s := w.serve()
	c := s.login("marko", phone, nil)
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	change := func(set imap.NumSet, flag imap.Flag) {
		t.Helper()
		if err := c.Store(set, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{flag}}, nil).Close(); err != nil {
			t.Fatal(err)
		}
	}
	change(imap.UIDSetNum(3, 5), imap.FlagSeen)
	change(imap.UIDSetNum(4), "Work")
	if _, err := c.Copy(imap.UIDSetNum(1, 2), "Archive").Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Move(imap.UIDSetNum(8), "Archive").Wait(); err != nil {
		t.Fatal(err)
	}
	change(imap.UIDSetNum(10, 11), imap.FlagDeleted)
	if err := c.Expunge().Close(); err != nil {
		t.Fatal(err)
	}

	// While serve runs; the second time brings what is new.
	if out := w.run("backup", usb); !strings.Contains(out, "40 new mails") {
		t.Error(out)
	}
	if n := mailFiles(t, usb); n != 40 {
		t.Errorf("%d mails are in the backup", n)
	}
	drop.Deliver(mail("later"))
	w.run("fetch")
	var b hub.BackedUp
	w.json(&b, "backup", usb, "--check")
	if b.Mails != 1 || mailFiles(t, usb) != 41 || len(b.Problems) > 0 || b.Boxes[1].Name != "marko" || b.Boxes[1].Deleted != 2 {
		t.Errorf("%+v", b)
	}
	want := slices.Concat(seen(t, c, "INBOX"), seen(t, c, "Archive"))
	var accounts, deleted, now []map[string]any
	w.json(&accounts, "account", "list")
	w.json(&deleted, "deleted", "list", "marko")

	// What comes after the backup is lost with the disk, but for the provider.
	drop.Deliver(mail("after"))
	w.run("fetch")
	last := seen(t, c, "INBOX")
	if !strings.Contains(last[len(last)-1], "after") {
		t.Fatal(last[len(last)-1])
	}
	var status hub.Status
	w.json(&status, "status")
	if status.LastBackup == nil || status.LastBackup.Snapshot != b.Snapshot {
		t.Errorf("%+v", status.LastBackup)
	}
	s.stop()

	w.fails(2, "data folder", "", "backup", filepath.Join(w.dir, "usb"))
	w.fails(1, "not empty", "", "restore", usb)
	again := &world{t: t, dir: filepath.Join(t.TempDir(), "new", "data")}
	var list []hub.BackupSnapshot
	again.json(&list, "restore", usb, "--list")
	if len(list) != 2 || list[1].Snapshot != b.Snapshot || list[1].Missing != 0 {
		t.Errorf("%+v", list)
	}
	if out := again.run("restore", usb); !strings.Contains(out, "heimpost serve --data") || !strings.Contains(out, "heimpost export BOX FOLDER --data") {
		t.Error(out)
	}
	again.verify()
	again.json(&now, "account", "list")
	for i, a := range accounts {
		for _, key := range []string{"address", "box", "host", "keep", "every", "last_success"} {
			if fmt.Sprint(a[key]) != fmt.Sprint(now[i][key]) {
				t.Errorf("account %s: %v, was %v", key, now[i][key], a[key])
			}
		}
	}
	now = nil
	again.json(&now, "deleted", "list", "marko")
	if fmt.Sprint(now) != fmt.Sprint(deleted) {
		t.Errorf("deleted: %v, was %v", now, deleted)
	}
	s = again.serve()
	for _, password := range []string{phone, "secret"} {
		c = s.login("marko", password, nil)
		if got := slices.Concat(seen(t, c, "INBOX"), seen(t, c, "Archive")); !slices.Equal(got, want) {
			t.Errorf("%d lines, were %d\n%.300v\n%.300v", len(got), len(want), got, want)
		}
	}
	again.run("deleted", "restore", "marko", fmt.Sprint(deleted[0]["id"]))
	var fetched []map[string]any
	again.json(&fetched, "fetch")
	if fetched[0]["retrieved"] != 1.0 {
		t.Errorf("only what came after the backup was missing: %v", fetched)
	}
	got := seen(t, c, "INBOX")
	if newest := got[len(got)-1]; !strings.Contains(newest, "after") || strings.Fields(newest)[0] == strings.Fields(last[len(last)-1])[0] {
		t.Errorf("another UID than before is due: %.80s", newest)
	}
	// The restored hub goes on in the same backup.
	again.run("backup", usb)
	s.stop()
	again.verify()
}

// TestRestoreDamaged: a backup that is not whole is not restored unless that is
// wanted, and a lost index is made anew from the rest.
func TestRestoreDamaged(t *testing.T) {
	drop := pop3d.NewMaildrop("marko@example.org", "pw")
	for i := range 10 {
		drop.Deliver(mail(fmt.Sprint("mail-", i)))
	}
	w := newWorld(t)
	w.household(drop, provider(t, pop3d.Options{}, drop))
	w.run("fetch")
	usb := filepath.Join(t.TempDir(), "usb")
	var b hub.BackedUp
	w.json(&b, "backup", usb)
	mails, err := filepath.Glob(filepath.Join(usb, "mails", "*", "*.eml"))
	if err != nil || len(mails) != 10 {
		t.Fatal(mails, err)
	}
	if err := os.Remove(mails[0]); err != nil {
		t.Fatal(err)
	}
	index := filepath.Join(usb, "snapshots", b.Snapshot, "data", "boxes", "marko", "index.sqlite.gz")
	if err := os.Truncate(index, 1000); err != nil {
		t.Fatal(err)
	}
	again := &world{t: t, dir: filepath.Join(t.TempDir(), "data")}
	again.fails(1, filepath.Base(mails[0]), "", "restore", usb)
	if _, err := os.Stat(filepath.Join(again.dir, "hub.db")); err == nil {
		t.Error("something was restored")
	}
	if r := again.try("", "restore", usb, "--what-is-left"); r.code != 3 || !strings.Contains(r.out, filepath.Base(mails[0])) || !strings.Contains(r.out, "index.sqlite.gz") {
		t.Errorf("%+v", r)
	}
	again.verify()
	var boxes hub.Status
	again.json(&boxes, "status")
	if boxes.Boxes[0].Messages != 9 {
		t.Errorf("%+v", boxes.Boxes)
	}
	// The hub's own backup mends what is damaged.
	var mended hub.BackedUp
	w.json(&mended, "backup", usb)
	if mended.Mails != 1 || mended.Snapshot == b.Snapshot {
		t.Errorf("%+v", mended)
	}
	third := &world{t: t, dir: filepath.Join(t.TempDir(), "data")}
	third.run("restore", usb)
	third.verify()
}

// TestRestoreFetchesLost: a mail that the backup has lost, and the provider not,
// is fetched again, whether it was in a mailbox or deleted and whether the index
// came back or not.
func TestRestoreFetchesLost(t *testing.T) {
	const n = 6
	drop := pop3d.NewMaildrop("marko@example.org", "pw")
	for i := range n {
		drop.Deliver(mail(fmt.Sprint("mail-", i)))
	}
	w := newWorld(t)
	w.household(drop, provider(t, pop3d.Options{}, drop), "--keep", "always")
	w.run("fetch")
	s := w.serve()
	c := s.login("marko", "secret", nil)
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if err := c.Store(imap.UIDSetNum(2, 3), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Expunge().Close(); err != nil {
		t.Fatal(err)
	}
	s.stop()
	usb := filepath.Join(t.TempDir(), "usb")
	var b hub.BackedUp
	w.json(&b, "backup", usb)
	mails, err := filepath.Glob(filepath.Join(usb, "mails", "*", "*.eml"))
	if err != nil || len(mails) != n {
		t.Fatal(mails, err)
	}
	lost := 0
	for _, path := range mails {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "mail-0") || strings.Contains(string(text), "mail-1") {
			lost++
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	if lost != 2 {
		t.Fatal(lost)
	}
	for _, indexLost := range []bool{false, true} {
		if indexLost {
			if err := os.Truncate(filepath.Join(usb, "snapshots", b.Snapshot, "data", "boxes", "marko", "index.sqlite.gz"), 1000); err != nil {
				t.Fatal(err)
			}
		}
		again := &world{t: t, dir: filepath.Join(t.TempDir(), "data")}
		if r := again.try("", "restore", usb, "--what-is-left"); r.code != 3 || !strings.Contains(r.out+r.err, "fetched again") {
			t.Errorf("%+v", r)
		}
		again.verify()
		var fetched []map[string]any
		again.json(&fetched, "fetch")
		if fetched[0]["retrieved"] != 2.0 {
			t.Errorf("index lost %v: %v", indexLost, fetched)
		}
		again.verify()
	}
}

// TestBackupMbsync: a program that has seen what came after the snapshot finds
// all the rest as it was, and gets that again.
func TestBackupMbsync(t *testing.T) {
	drop := pop3d.NewMaildrop("marko@example.org", "pw")
	const n = 12
	for i := range n {
		drop.Deliver(mail(fmt.Sprint("mail-", i)))
	}
	w := newWorld(t)
	w.household(drop, provider(t, pop3d.Options{}, drop))
	w.run("fetch")
	usb := filepath.Join(t.TempDir(), "usb")
	s := w.serve()
	clients := newSyncers(t, t.TempDir(), s.imap)
	clients.mbsync(n)
	w.run("backup", usb)
	if out := clients.mbsync(n); out != "" {
		t.Errorf("mbsync found something to do after a backup:\n%s", out)
	}
	again := &world{t: t, dir: filepath.Join(t.TempDir(), "data")}
	again.run("restore", usb)
	r := again.serve()
	clients.at(r.imap)
	if out := clients.mbsync(n); out != "" {
		t.Errorf("mbsync found something to do after the restore:\n%s", out)
	}
	r.stop()
	// It sees more, and then the disk dies.
	drop.Deliver(mail("after"))
	w.run("fetch")
	clients.at(s.imap)
	clients.mbsync(n + 1)
	s.stop()
	again.dir = filepath.Join(t.TempDir(), "data")
	again.run("restore", usb)
	again.run("fetch")
	r = again.serve()
	clients.at(r.imap)
	clients.mbsync(n + 1)
	if got := bodies(t, r.login("marko", "secret", nil), "INBOX"); len(got) != n+1 {
		t.Errorf("%d mails are in INBOX", len(got))
	}
	if out := clients.mbsync(n + 1); out != "" {
		t.Errorf("mbsync found something to do the second time:\n%s", out)
	}
	r.stop()
}
