package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"pgregory.net/rapid"
)

// deletedList describes the deleted mails, those first that were deleted
// first: subject, flags, mailbox and who did it.
func deletedList(t rapid.TB, b *Box, q DeletedQuery) (out []string) {
	t.Helper()
	mails, err := b.Deleted(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mails {
		who := map[ID]string{"": "hub", marko.Person: "marko", petra.Person: "petra"}[m.Person]
		out = append(out, fmt.Sprintf("%s %v %s %s", m.Subject, m.Flags, m.Mailbox, who))
	}
	slices.Reverse(out)
	return out
}

func wantDeleted(t rapid.TB, b *Box, q DeletedQuery, want ...string) {
	t.Helper()
	if got := deletedList(t, b, q); !slices.Equal(got, want) {
		t.Errorf("%+v gives %q, want %q", q, got, want)
	}
}

// deletedID gives the id of a deleted mail by its subject.
func deletedID(t rapid.TB, b *Box, subject string) int64 {
	t.Helper()
	mails, err := b.Deleted(ctx, DeletedQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mails {
		if m.Subject == subject {
			return m.ID
		}
	}
	t.Fatalf("%s is not among the deleted", subject)
	return 0
}

// expunge removes messages.
func expunge(t rapid.TB, v *View, name string, uids ...imap.UID) {
	t.Helper()
	m := open(t, v, name)
	if _, err := m.StoreFlags(ctx, FlagsChange{UIDs: imap.UIDSetNum(uids...), Op: FlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}); err != nil {
		t.Fatal(err)
	}
	if gone, err := m.Expunge(ctx, imap.UIDSetNum(uids...)); err != nil || gone.String() != imap.UIDSetNum(uids...).String() {
		t.Fatal(gone, err)
	}
}

// filesIn lists the files below a folder of a box.
func filesIn(t *testing.T, b *Box, folder string) (out []string) {
	t.Helper()
	filepath.Walk(filepath.Join(b.disk.dir, folder), func(path string, info os.FileInfo, err error) error {
		if err == nil && strings.HasSuffix(path, ".eml") {
			out = append(out, filepath.Base(path))
		}
		return nil
	})
	return out
}

func TestRestore(t *testing.T) {
	b := newBox(t)
	now := someDay
	b.now = func() time.Time { return now }
	his, hers := b.View(ViewOptions{Actor: marko}), b.View(ViewOptions{Actor: petra})
	if _, err := his.Append(ctx, "INBOX", []*Incoming{incoming(t, b, "one", imap.FlagSeen, "Work"), incoming(t, b, "two"), incoming(t, b, "three", imap.FlagFlagged)}); err != nil {
		t.Fatal(err)
	}
	expunge(t, hers, "INBOX", 1, 3)
	m := open(t, his, "INBOX")
	wantContents(t, m, "2:two[]")
	wantDeleted(t, b, DeletedQuery{}, `one [\Deleted \Seen Work] INBOX petra`, `three [\Flagged \Deleted] INBOX petra`)
	mails, err := b.Deleted(ctx, DeletedQuery{Limit: 1})
	if err != nil || len(mails) != 1 || mails[0].From != "a@example.org" || mails[0].Size != int64(len(mailText("three"))) ||
		!mails[0].Date.Equal(someDay) || !mails[0].DeletedAt.Equal(now) || mails[0].Device != petra.Device ||
		mails[0].MessageID != "<three@example.org>" || len(mails[0].MailID) != 52 {
		t.Fatalf("%+v %v", mails, err)
	}
	if n, bytes, err := b.Stats(ctx); n != 1 || bytes != int64(len(mailText("two"))) || err != nil {
		t.Error(n, bytes, err)
	}

	// Whether the file has been moved or not.
	one := deletedID(t, b, "one")
	if missing, err := b.Restore(ctx, marko, []int64{one, 99, one}); err != nil || !slices.Equal(missing, []int64{99}) {
		t.Fatal(missing, err)
	}
	wantContents(t, m, "2:two[]", `4:one[\Seen Work]`)
	wantDeleted(t, b, DeletedQuery{}, `three [\Flagged \Deleted] INBOX petra`)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if got := filesIn(t, b, deletedName+"/2024-02-29"); len(got) != 1 || !strings.Contains(got[0], "-3-") {
		t.Errorf("deleted/ holds %q", got)
	}
	if got := filesIn(t, b, "mail"); len(got) != 2 {
		t.Errorf("mail/ holds %q", got)
	}

	b = reopen(t, b.disk.dir)
	b.now = func() time.Time { return now }
	if missing, err := b.Restore(ctx, petra, []int64{one, deletedID(t, b, "three")}); err != nil || !slices.Equal(missing, []int64{one}) {
		t.Fatal(missing, err)
	}
	wantContents(t, open(t, b.View(ViewOptions{}), "INBOX"), "2:two[]", `4:one[\Seen Work]`, `5:three[\Flagged]`)
	wantDeleted(t, b, DeletedQuery{})
	wantActivity(t, b, ActivityQuery{Message: "three@example.org"},
		"marko appended INBOX 3 1:3 three",
		"petra flags INBOX 2 1,3 three",
		"petra deleted INBOX 2 1,3 three",
		"petra restored INBOX 1 5 three from INBOX")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if got := filesIn(t, b, deletedName); len(got) != 0 {
		t.Errorf("deleted/ holds %q", got)
	}
}

// What is asked of the list.
func TestDeletedQuery(t *testing.T) {
	b := newBox(t)
	now := someDay
	b.now = func() time.Time { return now }
	v := b.View(ViewOptions{Actor: marko})
	deliver(t, v, "INBOX",
		"From: =?utf-8?Q?J=C3=BCrgen?=\r\n  Groß <juergen@example.org>\r\nSubject: Angebot\r\n\r\nDie Heizung\r\n",
		"From: b@example.org\r\nSubject: other\r\n\r\nHeizungen\r\n",
		"From: b@example.org\r\nSubject: third\r\n\r\nnothing\r\n")
	deliver(t, v, "Archive", "From: b@example.org\r\nSubject: fourth\r\n\r\nHEIZUNG\r\n")
	settle(t, b)
	expunge(t, v, "INBOX", 1, 2)
	now = now.Add(48 * time.Hour)
	expunge(t, v, "INBOX", 3)
	expunge(t, v, "Archive", 1)
	check := func() {
		t.Helper()
		for _, c := range []struct {
			q    DeletedQuery
			want string
		}{
			{DeletedQuery{}, "Angebot other third fourth"},
			{DeletedQuery{Text: "heizung"}, "Angebot other fourth"},
			{DeletedQuery{Text: "th"}, "other third fourth"},
			{DeletedQuery{Text: "nothing to find"}, ""},
			{DeletedQuery{From: "jürgen GROSS"}, "Angebot"},
			{DeletedQuery{From: "example.org", Mailbox: "inbox"}, "Angebot other third"},
			{DeletedQuery{Mailbox: "Archive"}, "fourth"},
			{DeletedQuery{Since: someDay.Add(time.Hour)}, "third fourth"},
			{DeletedQuery{Text: "heizung", Since: someDay.Add(time.Hour), From: "b@"}, "fourth"},
			{DeletedQuery{Limit: 2}, "third fourth"},
		} {
			var got []string
			for _, s := range deletedList(t, b, c.q) {
				got = append(got, strings.Fields(s)[0])
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%+v gives %q, want %s", c.q, got, c.want)
			}
		}
	}
	check()
	settle(t, b)
	check()
	// What is not in the full text is read from its file, also of mails that
	// were deleted before they got into it.
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := removeSearchDB(b.search.path); err != nil {
		t.Fatal(err)
	}
	b = reopen(t, b.disk.dir)
	check()
	settle(t, b)
	check()
	var unread int
	if err := b.search.db.read.QueryRow("SELECT count(*) FROM doc WHERE state!=0").Scan(&unread); err != nil || unread != 0 {
		t.Errorf("%d deleted mails are not in the full text, %v", unread, err)
	}
}

// A deleted mailbox comes back with its mails, as far as they are restored.
func TestRestoreMailbox(t *testing.T) {
	b := newBox(t)
	v := b.View(ViewOptions{Actor: marko})
	if _, err := v.CreateMailbox(ctx, "A/B", ""); err != nil {
		t.Fatal(err)
	}
	appendMails(t, v, "A/B", "one", "two", "three", "gone")
	expunge(t, v, "A/B", 4)
	if err := v.RenameMailbox(ctx, "A", "C"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"C/B", "C", "Trash"} {
		if err := v.DeleteMailbox(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	wantDeleted(t, b, DeletedQuery{}, `gone [\Deleted] A/B marko`, "one [] C/B marko", "two [] C/B marko", "three [] C/B marko")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if got := filesIn(t, b, deletedName); len(got) != 4 {
		t.Errorf("deleted/ holds %q", got)
	}
	if got := filesIn(t, b, "mail"); len(got) != 0 {
		t.Errorf("mail/ holds %q", got)
	}
	b = reopen(t, b.disk.dir)
	if _, err := b.Restore(ctx, petra, []int64{deletedID(t, b, "two"), deletedID(t, b, "gone"), deletedID(t, b, "one")}); err != nil {
		t.Fatal(err)
	}
	v = b.View(ViewOptions{})
	wantContents(t, open(t, v, "C/B"), "1:one[]", "2:two[]")
	wantContents(t, open(t, v, "A/B"), "1:gone[]")
	wantDeleted(t, b, DeletedQuery{}, "three [] C/B marko")

	// A mailbox with a special use gets it back, if it is free.
	appendMails(t, v, "Junk", "spam")
	if err := v.DeleteMailbox(ctx, "Junk"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Restore(ctx, petra, []int64{deletedID(t, b, "spam")}); err != nil {
		t.Fatal(err)
	}
	if info, err := v.Info("Junk"); err != nil || info.SpecialUse != imap.MailboxAttrJunk {
		t.Error(info, err)
	}
	// One that was renamed is still the same.
	expunge(t, v, "Junk", 1)
	if err := v.RenameMailbox(ctx, "Junk", "Spam"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Restore(ctx, petra, []int64{deletedID(t, b, "spam")}); err != nil {
		t.Fatal(err)
	}
	wantContents(t, open(t, v, "Spam"), "2:spam[]")
}

func TestPurgeAndExpire(t *testing.T) {
	b := newBox(t)
	now := someDay
	b.now = func() time.Time { return now }
	v := b.View(ViewOptions{Actor: marko})
	appendMails(t, v, "INBOX", "one", "two", "three", "four")
	m := open(t, v, "INBOX")
	if _, err := m.Copy(ctx, imap.UIDSetNum(2), v, "Archive"); err != nil {
		t.Fatal(err)
	}
	expunge(t, v, "INBOX", 1, 2)
	now = now.Add(24 * time.Hour)
	expunge(t, v, "INBOX", 3)

	if missing, err := b.Purge(ctx, marko, []int64{deletedID(t, b, "one"), 77}); err != nil || !slices.Equal(missing, []int64{77}) {
		t.Fatal(missing, err)
	}
	wantDeleted(t, b, DeletedQuery{}, `two [\Deleted] INBOX marko`, `three [\Deleted] INBOX marko`)
	var mails int
	count := func() int {
		t.Helper()
		if err := b.index.read.QueryRow("SELECT count(*) FROM mail").Scan(&mails); err != nil {
			t.Fatal(err)
		}
		return mails
	}
	if n := count(); n != 3 {
		t.Errorf("%d mails, want 3", n)
	}
	if n, err := b.Expire(ctx); n != 0 || err != nil {
		t.Error(n, err)
	}
	now = someDay.Add(365*24*time.Hour + time.Second)
	if n, err := b.Expire(ctx); n != 1 || err != nil {
		t.Error(n, err)
	}
	wantDeleted(t, b, DeletedQuery{}, `three [\Deleted] INBOX marko`)
	if n := count(); n != 3 { // two is in Archive
		t.Errorf("%d mails, want 3", n)
	}
	wantContents(t, open(t, v, "Archive"), "1:two[]")
	if err := b.SetRetain(ctx, 0); err != nil {
		t.Fatal(err)
	}
	expunge(t, v, "INBOX", 4)
	wantDeleted(t, b, DeletedQuery{}, `three [\Deleted] INBOX marko`)
	if n := count(); n != 2 {
		t.Errorf("%d mails, want 2", n)
	}
	if n, err := b.Expire(ctx); n != 1 || err != nil {
		t.Error(n, err)
	}
	if d, err := b.Retain(ctx); d != 0 || err != nil {
		t.Error(d, err)
	}
	if err := b.SetRetain(ctx, -time.Second); err == nil {
		t.Error("a negative time was taken")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if got := filesIn(t, b, deletedName); len(got) != 0 {
		t.Errorf("deleted/ holds %q", got)
	}
	if days, err := os.ReadDir(filepath.Join(b.disk.dir, deletedName)); err != nil || len(days) != 0 {
		t.Errorf("deleted/ holds %v %v", days, err)
	}
}

// What exists for one device alone is kept only where it is the last.
func TestDeletedOfOneDevice(t *testing.T) {
	b := newBox(t)
	if _, err := b.SetPolicy(ctx, Policy{Devices: map[ID]DevicePolicy{marko.Device: {Here: true}}}); err != nil {
		t.Fatal(err)
	}
	phone, pc := b.View(ViewOptions{Actor: marko}), b.View(ViewOptions{Actor: petra})
	appendMails(t, pc, "INBOX", "one", "two")
	if _, err := open(t, phone, "INBOX").Move(ctx, imap.UIDSetNum(1, 2), phone, "Trash"); err != nil {
		t.Fatal(err)
	}
	expunge(t, phone, "Trash", 1)
	wantDeleted(t, b, DeletedQuery{})
	expunge(t, pc, "INBOX", 2)
	wantDeleted(t, b, DeletedQuery{}, `two [\Deleted] INBOX petra`)
	if _, err := b.Purge(ctx, petra, []int64{deletedID(t, b, "two")}); err != nil {
		t.Fatal(err)
	}
	expunge(t, phone, "Trash", 2) // now nobody else has it
	wantDeleted(t, b, DeletedQuery{}, `two [] Trash marko`)
	if _, err := b.Restore(ctx, petra, []int64{deletedID(t, b, "two")}); err != nil {
		t.Fatal(err)
	}
	wantContents(t, open(t, pc, "Trash"), "3:two[]")
	wantContents(t, open(t, pc, "INBOX"), "1:one[]")
}

func TestProtected(t *testing.T) {
	b := newBox(t)
	v := b.View(ViewOptions{Actor: marko})
	for _, name := range []string{"A/B", "A/C"} {
		if _, err := v.CreateMailbox(ctx, name, ""); err != nil {
			t.Fatal(err)
		}
	}
	appendMails(t, v, "A/B", "one", "two")
	appendMails(t, v, "INBOX", "three")
	if err := b.SetProtected(ctx, []string{"A/B", "nowhere"}); !errors.Is(err, ErrNoMailbox) {
		t.Fatal(err)
	}
	if err := b.SetProtected(ctx, []string{"A/B", "inbox"}); err != nil {
		t.Fatal(err)
	}
	other := newBox(t)
	check := func(b *Box) {
		t.Helper()
		v := b.View(ViewOptions{Actor: marko})
		m := open(t, v, "A/B")
		if _, err := m.StoreFlags(ctx, FlagsChange{UIDs: imap.UIDSetNum(1), Flags: []imap.Flag{imap.FlagDeleted}}); err != nil {
			t.Fatal(err)
		}
		refused := func(what string, err error) {
			t.Helper()
			if !errors.Is(err, ErrProtected) {
				t.Errorf("%s: %v", what, err)
			}
		}
		_, err := m.Expunge(ctx, nil)
		refused("expunge", err)
		_, err = m.Move(ctx, imap.UIDSetNum(1, 2), v, "Archive")
		refused("move", err)
		_, err = m.Move(ctx, imap.UIDSetNum(2), other.View(ViewOptions{}), "INBOX")
		refused("move to another box", err)
		refused("delete", v.DeleteMailbox(ctx, "A/B"))
		refused("rename", v.RenameMailbox(ctx, "A/B", "X"))
		refused("rename its parent", v.RenameMailbox(ctx, "A", "X"))
		refused("rename INBOX", v.RenameMailbox(ctx, "INBOX", "Old"))
		if _, err := m.Expunge(ctx, imap.UIDSetNum(2)); err != nil { // nothing to do
			t.Error(err)
		}
		if _, err := m.Copy(ctx, imap.UIDSetNum(2), v, "Archive"); err != nil {
			t.Error(err)
		}
		wantContents(t, m, `1:one[\Deleted]`, "2:two[]")
		wantContents(t, open(t, other.View(ViewOptions{}), "INBOX"))
		if info, err := v.Info("A/B"); err != nil || !info.Protected {
			t.Error(info, err)
		}
		wantDeleted(t, b, DeletedQuery{})
	}
	check(b)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = reopen(t, b.disk.dir)
	check(b)
	v = b.View(ViewOptions{Actor: marko})
	if err := v.RenameMailbox(ctx, "A/C", "X"); err != nil {
		t.Error(err)
	}

	// A device that deletes only here hides what is protected.
	if _, err := b.SetPolicy(ctx, Policy{Devices: map[ID]DevicePolicy{petra.Device: {Here: true}}}); err != nil {
		t.Fatal(err)
	}
	phone := b.View(ViewOptions{Actor: petra})
	expunge(t, phone, "A/B", 1)
	if _, err := open(t, phone, "A/B").Move(ctx, imap.UIDSetNum(2), phone, "Trash"); err != nil {
		t.Error(err)
	}
	wantContents(t, open(t, phone, "A/B"))
	wantContents(t, open(t, v, "A/B"), `1:one[\Deleted]`, "2:two[]")
	expunge(t, phone, "Trash", 1)

	if err := b.SetProtected(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, v, "A/B").Expunge(ctx, nil); err != nil {
		t.Error(err)
	}
	if err := v.DeleteMailbox(ctx, "A/B"); err != nil {
		t.Error(err)
	}
	wantDeleted(t, b, DeletedQuery{}, `one [\Deleted] A/B marko`, "two [] A/B marko")
}

// A mail that holds its bytes after it was restored from a file system without
// links, too, and a file that is missing.
func TestRestoreMissingFile(t *testing.T) {
	b := newBox(t)
	v := b.View(ViewOptions{Actor: marko})
	appendMails(t, v, "INBOX", "one", "two")
	expunge(t, v, "INBOX", 1, 2)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = reopen(t, b.disk.dir)
	files := filesIn(t, b, deletedName)
	slices.Sort(files)
	if len(files) != 2 {
		t.Fatalf("deleted/ holds %q", files)
	}
	mails, err := b.Deleted(ctx, DeletedQuery{})
	if err != nil {
		t.Fatal(err)
	}
	path := b.disk.keptPath(mails[0].file)
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Restore(ctx, marko, []int64{mails[0].ID, mails[1].ID}); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	wantContents(t, open(t, b.View(ViewOptions{}), "INBOX"))
	if _, err := b.Restore(ctx, marko, []int64{mails[1].ID}); err != nil {
		t.Error(err)
	}
	r, err := b.Verify(ctx, VerifyOptions{})
	if err != nil || len(r.Problems) != 2 || !strings.Contains(r.Problems[0].Text+r.Problems[1].Text, "the file of a deleted message is missing") {
		t.Errorf("verify: %+v %v", r, err)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	f, err := b.disk.openKept(mails[0].file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if text, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size())); err != nil || string(text) != mailText("two") {
		t.Errorf("%q %v", text, err)
	}
}

// A rebuild lists what lies in deleted/, also of mailboxes that are gone.
func TestRebuildDeleted(t *testing.T) {
	b := newBox(t)
	now := someDay
	b.now = func() time.Time { return now }
	v := b.View(ViewOptions{Actor: marko})
	appendMails(t, v, "INBOX", "one", "two", "three")
	if _, err := v.CreateMailbox(ctx, "A/B", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, v, "INBOX").Copy(ctx, imap.UIDSetNum(2), v, "A/B"); err != nil {
		t.Fatal(err)
	}
	appendMails(t, v, "A/B", "four", "five")
	expunge(t, v, "A/B", 3)
	now = now.Add(24 * time.Hour)
	expunge(t, v, "INBOX", 1)
	for _, name := range []string{"A/B", "Junk"} {
		if err := v.DeleteMailbox(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	dir := b.disk.dir
	strange := filepath.Join(b.disk.dayDir("2024-03-01"), "letter.txt")
	if err := os.WriteFile(strange, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	loseIndex(t, dir)
	if r := rebuild(t, dir); r.Messages != 2 || r.Deleted != 4 || len(r.SetAside) != 1 {
		t.Errorf("%+v", r)
	}
	b = reopen(t, dir)
	got := deletedList(t, b, DeletedQuery{})
	slices.Sort(got)
	if want := []string{"five [] A/B hub", "four [] A/B hub", "one [] INBOX hub", "two [] A/B hub"}; !slices.Equal(got, want) {
		t.Errorf("deleted are %q, want %q", got, want)
	}
	if got := deletedList(t, b, DeletedQuery{Since: someDay.Add(time.Hour)}); len(got) != 3 {
		t.Errorf("deleted later are %q", got)
	}
	if _, err := b.Restore(ctx, marko, []int64{deletedID(t, b, "four"), deletedID(t, b, "one")}); err != nil {
		t.Fatal(err)
	}
	v = b.View(ViewOptions{})
	wantContents(t, open(t, v, "A/B"), "1:four[]")
	wantContents(t, open(t, v, "INBOX"), "2:two[]", "3:three[]", "4:one[]")
}

// TestOpenDeleted: a deleted mail is read as it was; what is none, or no
// longer, is ErrExpunged.
func TestOpenDeleted(t *testing.T) {
	b := newBox(t)
	v := b.View(ViewOptions{Actor: marko})
	appendMails(t, v, "INBOX", "one", "two")
	expunge(t, v, "INBOX", 1, 2)
	mails, err := b.Deleted(ctx, DeletedQuery{})
	if err != nil || len(mails) != 2 {
		t.Fatal(mails, err)
	}
	for _, m := range mails {
		got, f, root, err := b.OpenDeleted(ctx, m.ID)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
		if err != nil || string(text) != mailText(m.Subject) || got.Subject != m.Subject || root.End != f.Size() {
			t.Errorf("%s: %q %v %+v", m.Subject, text, err, root)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := b.Restore(ctx, marko, []int64{mails[1].ID}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []int64{mails[1].ID, mails[0].ID + 1, 0, -1, 1<<63 - 2} {
		if _, _, _, err := b.OpenDeleted(ctx, id); !errors.Is(err, ErrExpunged) {
			t.Errorf("%d: %v", id, err)
		}
	}
}
