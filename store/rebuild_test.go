package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
)

// memBox makes a box in memory and opens it.
func memBox(t testing.TB) *Box {
	t.Helper()
	dir := filepath.Join(memDir(t), "box")
	if err := CreateBox(dir, NewID(), Options{}); err != nil {
		t.Fatal(err)
	}
	b, err := OpenBox(ctx, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// describe tells all that a rebuild keeps.
func describe(t testing.TB, b *Box) []string {
	t.Helper()
	var out []string
	v := b.View(ViewOptions{})
	for _, info := range v.Mailboxes() {
		m := open(t, v, info.Name)
		s := m.Snapshot()
		out = append(out, fmt.Sprintf("%s%s %s %d next %d", info.Name, info.SpecialUse, info.ID, info.UIDValidity, s.UIDNext))
		var entries []Entry
		for _, e := range s.All() {
			entries = append(entries, e)
		}
		err := m.Mails(ctx, entries, FieldEnvelope|FieldStructure|FieldHeader|FieldParts, func(e Entry, mail *Mail) error {
			out = append(out, fmt.Sprintf("  %d %v %v %d %s %s %s %q %v %x", e.UID, sorted(s.Keywords.Names(e.Flags)), mail.Date, mail.Size, mail.EmailID(),
				mail.Envelope, mail.BodyStructure, mail.Header, mail.HeaderComplete, mail.parts))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	rows, err := b.UIDLs(ctx, "a@example.org")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range rows {
		u.SeenAt = someDay // is not kept to the second
		out = append(out, fmt.Sprintf("%+v", u))
	}
	return out
}

// loseIndex removes the index of a closed box.
func loseIndex(t testing.TB, dir string) {
	t.Helper()
	for _, name := range []string{indexFile, searchFile} {
		if err := removeDatabase(OSFS, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func rebuild(t testing.TB, dir string) *RebuildReport {
	t.Helper()
	r, err := Rebuild(ctx, dir, Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fillBox makes a box in which all is that a rebuild must find.
func fillBox(t testing.TB, b *Box) {
	t.Helper()
	v := b.View(ViewOptions{Actor: marko})
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := v.Append(ctx, inbox, []*Incoming{
		incoming(t, b, "a", imap.FlagSeen), incoming(t, b, "b", imap.FlagFlagged, "Work", "$Label1"), incoming(t, b, "c"), incoming(t, b, "d"), incoming(t, b, "e")})
	do(err)
	_, err = v.CreateMailbox(ctx, "Projekte/Äpfel & Birnen", "")
	do(err)
	_, err = v.CreateMailbox(ctx, "Temp", "")
	do(err)
	m := open(t, v, inbox)
	_, err = m.Copy(ctx, imap.UIDSetNum(1, 2), v, "Projekte/Äpfel & Birnen")
	do(err)
	_, err = m.Move(ctx, imap.UIDSetNum(3), v, "Archive")
	do(err)
	_, err = m.Move(ctx, imap.UIDSetNum(5), v, "Temp")
	do(err)
	_, err = m.StoreFlags(ctx, FlagsChange{UIDs: imap.UIDSetNum(4), Op: FlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}})
	do(err)
	_, err = m.Expunge(ctx, nil)
	do(err)
	_, err = m.StoreFlags(ctx, FlagsChange{UIDs: imap.UIDSetNum(1), Flags: []imap.Flag{imap.FlagAnswered, "Work"}})
	do(err)
	do(v.RenameMailbox(ctx, "Projekte", "Alt"))
	do(v.DeleteMailbox(ctx, "Temp"))
	do(v.DeleteMailbox(ctx, "Junk"))
	do(b.SetUIDLs(ctx, []UIDL{{Address: "a@example.org", UID: "\x01\xff", Ordinal: 2, Size: 9, Hash: [32]byte{7}, State: UIDLGone, FirstAt: someDay.UTC(), Absent: true}}))
	in := incoming(t, b, "f")
	in.UIDL = &UIDL{Address: "a@example.org", UID: "x", Size: 8, State: UIDLStored, FirstAt: someDay.UTC()}
	_, err = b.Deliver(ctx, m.ID(), []*Incoming{in})
	do(err)
	in = incoming(t, b, "g") // an empty mail, too
	in.Abort()
	empty, err := b.NewIncoming()
	do(err)
	_, err = empty.Finish()
	do(err)
	empty.Date = someDay
	_, err = v.Append(ctx, "Sent", []*Incoming{empty})
	do(err)
}

func TestRebuild(t *testing.T) {
	b := memBox(t)
	dir := b.disk.dir
	fillBox(t, b)
	closeBox(t, b)
	b = reopen(t, dir)
	want := describe(t, b)
	highest := open(t, b.View(ViewOptions{}), inbox).Snapshot().HighestModSeq
	closeBox(t, b)

	loseIndex(t, dir)
	if _, err := OpenBox(ctx, dir, Options{}); !errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
	calls, last := 0, [2]int{}
	report, err := Rebuild(ctx, dir, Options{}, func(done, total int) { calls++; last = [2]int{done, total} })
	if err != nil {
		t.Fatal(err)
	}
	if report.Mailboxes != 7 || report.Messages != 7 || report.UIDLs != 2 || len(report.SetAside) != 0 || calls == 0 || last != [2]int{7, 7} {
		t.Errorf("%+v, progress %v", report, last)
	}
	b = reopen(t, dir)
	if got := describe(t, b); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var mails int
	if err := b.index.read.QueryRow("SELECT count(*) FROM mail WHERE refs>0").Scan(&mails); err != nil || mails != 5 {
		t.Errorf("%d mails: copies share one, %v", mails, err)
	}
	m := open(t, b.View(ViewOptions{}), inbox)
	s := m.Snapshot()
	gone, err := m.Vanished(ctx, highest)
	if err != nil || gone.String() != "3:5" || s.At(0).ModSeq <= highest || s.HighestModSeq <= highest || m.Recent() != s.UIDNext {
		t.Errorf("vanished %v, %v; %+v", gone, err, s.At(0))
	}
	for _, i := range b.View(ViewOptions{}).Mailboxes() {
		if !i.Subscribed {
			t.Errorf("%s is not subscribed", i.Name)
		}
	}
	if uids := appendMails(t, b.View(ViewOptions{}), inbox, "next"); uids[0] != 7 {
		t.Error(uids)
	}
	closeBox(t, b)
	if left, _ := filepath.Glob(filepath.Join(dir, "*.new*")); len(left) > 0 {
		t.Error(left)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.old*")); len(left) > 0 {
		t.Error(left)
	}
}

// TestRebuildAfterCrash: the state logs were synced a moment before; what came
// after is found as far as files tell it.
func TestRebuildAfterCrash(t *testing.T) {
	b := memBox(t)
	defer b.Close()
	v := b.View(ViewOptions{})
	appendMails(t, v, inbox, "a", "b")
	m := open(t, v, inbox)
	if _, err := m.StoreFlags(ctx, FlagsChange{UIDs: imap.UIDSetNum(1), Flags: []imap.Flag{imap.FlagSeen}}); err != nil {
		t.Fatal(err)
	}
	if err := b.disk.logs.flush(); err != nil {
		t.Fatal(err)
	}
	appendMails(t, v, inbox, "c")
	dir := filepath.Join(t.TempDir(), "box")
	if err := os.CopyFS(dir, os.DirFS(b.disk.dir)); err != nil {
		t.Fatal(err)
	}
	loseIndex(t, dir)
	rebuild(t, dir)
	c := reopen(t, dir)
	m = open(t, c.View(ViewOptions{}), inbox)
	wantContents(t, m, `1:a[\Seen]`, "2:b[]", "3:c[]")
	if s := m.Snapshot(); s.UIDNext != 1003 {
		t.Error(s.UIDNext)
	}
}

func TestRebuildOfDamage(t *testing.T) {
	b := memBox(t)
	dir := b.disk.dir
	v := b.View(ViewOptions{})
	appendMails(t, v, inbox, "a", "b", "c", "d")
	appendMails(t, v, "Archive", "x")
	if _, err := v.CreateMailbox(ctx, "Lost", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := v.CreateMailbox(ctx, "Top/Below", ""); err != nil {
		t.Fatal(err)
	}
	appendMails(t, v, "Lost", "y")
	id := func(name string) ID {
		id, err := b.MailboxID(name)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	in, archive, lost, top := id(inbox), id("Archive"), id("Lost"), id("Top")
	lostValidity := open(t, v, "Lost").UIDValidity()
	closeBox(t, b)

	file := func(m ID, uid uint32) string {
		names, err := b.disk.find(m, []span{{uid, uid}})
		if err != nil || len(names) != 1 {
			t.Fatal(names, err)
		}
		return b.disk.path(names[0])
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(os.Truncate(file(in, 1), 5))
	do(os.WriteFile(file(in, 2), []byte(strings.ToUpper(mailText("b"))), 0o600))
	do(os.WriteFile(filepath.Join(filepath.Dir(file(in, 2)), "letter.txt"), []byte("hello"), 0o600))
	twin := filepath.Join(filepath.Dir(file(in, 3)), "3-0e0000"+filepath.Base(file(in, 3))[len("3-1709227800w0530"):])
	do(os.Link(file(in, 3), twin))
	do(os.WriteFile(filepath.Join(b.disk.mailDir(archive), stateLogName), []byte("12345678 {}\n\x00\x00"), 0o600))
	do(os.WriteFile(filepath.Join(b.disk.mailDir(lost), mailboxFileName), []byte("{"), 0o600))
	do(os.RemoveAll(b.disk.mailDir(top)))
	do(os.Mkdir(b.disk.mailDir("zzzzzzzzzzzzzzzz"), 0o700))
	do(os.WriteFile(filepath.Join(dir, indexFile), []byte(strings.Repeat("no database ", 1000)), 0o600))
	if _, err := OpenBox(ctx, dir, Options{}); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}

	r := rebuild(t, dir)
	if r.Messages != 4 || len(r.SetAside) != 5 {
		t.Errorf("%+v", r)
	}
	for _, path := range r.SetAside {
		if _, err := os.Stat(path); err != nil || filepath.Dir(path) != filepath.Join(dir, orphansName) {
			t.Error(path, err)
		}
	}
	b = reopen(t, dir)
	v = b.View(ViewOptions{})
	m := open(t, v, inbox)
	wantContents(t, m, "3:c[]", "4:d[]")
	wantContents(t, open(t, v, "Archive"), "1:x[]")
	m = open(t, v, "Recovered "+string(lost))
	wantContents(t, m, "1:y[]")
	if m.UIDValidity() <= lostValidity {
		t.Error("a mailbox whose marks were lost keeps its UIDVALIDITY")
	}
	wantContents(t, open(t, v, "Top"))
	wantContents(t, open(t, v, "Top/Below"))
}

// TestRebuildKnowsWhatWent: files of expunged and moved messages that had no
// time to go do not come back; in doubt they do.
func TestRebuildKnowsWhatWent(t *testing.T) {
	b := memBox(t)
	dir := b.disk.dir
	v := b.View(ViewOptions{})
	appendMails(t, v, inbox, "a", "b", "c", "d")
	m := open(t, v, inbox)
	kept := filepath.Join(t.TempDir(), "kept")
	if err := os.CopyFS(kept, os.DirFS(b.disk.mailDir(m.ID()))); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Move(ctx, imap.UIDSetNum(1, 2), v, "Archive"); err != nil {
		t.Fatal(err)
	}
	if _, err := m.StoreFlags(ctx, FlagsChange{UIDs: imap.UIDSetNum(3), Flags: []imap.Flag{imap.FlagDeleted}}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Expunge(ctx, nil); err != nil {
		t.Fatal(err)
	}
	archive := open(t, v, "Archive")
	closeBox(t, b)
	// All files are there again; of the two that were moved one is lost there.
	err := filepath.WalkDir(kept, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".eml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(kept, path)
		return os.WriteFile(filepath.Join(b.disk.mailDir(m.ID()), rel), text, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	names, err := b.disk.find(archive.ID(), []span{{2, 2}})
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	if err := os.Remove(b.disk.path(names[0])); err != nil {
		t.Fatal(err)
	}
	loseIndex(t, dir)
	rebuild(t, dir)
	b = reopen(t, dir)
	v = b.View(ViewOptions{})
	wantContents(t, open(t, v, inbox), "2:b[]", "4:d[]")
	wantContents(t, open(t, v, "Archive"), "1:a[]")
	closeBox(t, b)
	if names, _ := b.disk.find(m.ID(), []span{{1, 9}}); len(names) != 2 {
		t.Error("their files are still there", names)
	}
}

// TestRebuildGivenUp leaves the box as it was.
func TestRebuildGivenUp(t *testing.T) {
	b := memBox(t)
	dir := b.disk.dir
	fillBox(t, b)
	if _, err := Rebuild(ctx, dir, Options{}, nil); !errors.Is(err, ErrLocked) {
		t.Error(err)
	}
	want := describe(t, b)
	closeBox(t, b)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Rebuild(gone, dir, Options{}, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.new*")); len(left) > 0 {
		t.Error(left)
	}
	b = reopen(t, dir)
	if got := describe(t, b); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := Rebuild(ctx, t.TempDir(), Options{}, nil); !errors.Is(err, ErrNotABox) {
		t.Error(err)
	}
}

// TestRebuildOfNothing: also a box without any mailbox becomes one.
func TestRebuildOfNothing(t *testing.T) {
	b := memBox(t)
	dir := b.disk.dir
	closeBox(t, b)
	if err := os.RemoveAll(filepath.Join(dir, mailDirName)); err != nil {
		t.Fatal(err)
	}
	if r := rebuild(t, dir); r.Mailboxes != 6 || r.Messages != 0 {
		t.Errorf("%+v", r)
	}
	reopen(t, dir)
}
