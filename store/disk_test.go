package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
)

func TestOneProcessWritesABox(t *testing.T) {
	b := newBox(t)
	dir := b.disk.dir
	if _, err := OpenBox(ctx, dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Error(err)
	}
	waits := 0
	o := Options{LockWait: time.Millisecond, OnWait: func() { waits++ }}
	if _, err := OpenBox(ctx, dir, o); !errors.Is(err, ErrLocked) || waits != 1 {
		t.Error(err, waits)
	}
	gone, cancel := context.WithCancel(ctx)
	o = Options{LockWait: time.Hour, OnWait: cancel}
	if _, err := OpenBox(gone, dir, o); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	o.OnWait = func() { closeBox(t, b) }
	next, err := OpenBox(ctx, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	closeBox(t, next)
}

func TestNoBoxHere(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenBox(ctx, dir, Options{}); !errors.Is(err, ErrNotABox) {
		t.Error(err)
	}
	if _, err := OpenBox(ctx, filepath.Join(dir, "missing"), Options{}); !errors.Is(err, ErrNotABox) {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "letter.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := CreateBox(dir, NewID(), Options{}); err == nil {
		t.Error("a box in a folder that is not empty")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Error("a refused making left something")
	}
	if err := CreateBox(filepath.Join(dir, "box"), "no id", Options{}); err == nil {
		t.Error("a box without an id")
	}
	b := newBox(t)
	box := b.disk.dir
	closeBox(t, b)
	if err := CreateBox(box, NewID(), Options{}); err == nil {
		t.Error("a box upon a box")
	}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(box, boxFileName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"version": 2, "id": "aaaaaaaaaaaaaaaa"}`)
	if _, err := OpenBox(ctx, box, Options{}); !errors.Is(err, ErrNewerVersion) {
		t.Error(err)
	}
	write(`{"version`)
	if _, err := OpenBox(ctx, box, Options{}); err == nil || !strings.Contains(err.Error(), "box.json: the file is damaged") {
		t.Error(err)
	}
	write(`{"version": 1, "id": "aaaaaaaaaaaaaaaa"}`)
	if err := os.Remove(filepath.Join(box, indexFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBox(ctx, box, Options{}); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

func TestNamesOfPersons(t *testing.T) {
	b := newBox(t)
	dir, id := b.disk.dir, b.ID()
	for _, names := range []map[ID]string{{"p1": "marko", "p2": "petra"}, {"p2": "petra k"}, {}} {
		if err := b.SetNames(names); err != nil {
			t.Fatal(err)
		}
	}
	closeBox(t, b)
	b = reopen(t, dir)
	if n := b.disk.box.Names; b.ID() != id || len(n) != 2 || n["p1"] != "marko" || n["p2"] != "petra k" {
		t.Error(b.disk.box)
	}
}

func TestMarks(t *testing.T) {
	b := newBox(t)
	dir := b.disk.dir
	v := b.View(ViewOptions{Actor: marko})
	marks := func(name string) (uint32, uint64) {
		t.Helper()
		id, err := b.MailboxID(name)
		if err != nil {
			t.Fatal(err)
		}
		var j mailboxJSON
		if err := b.disk.readJSON(filepath.Join(b.disk.mailDir(id), mailboxFileName), &j); err != nil {
			t.Fatal(err)
		}
		return j.UIDMark, j.ModSeqMark
	}
	appendMails(t, v, inbox, "one")
	if uid, modseq := marks(inbox); uid != 1001 || modseq != 1002 {
		t.Error(uid, modseq)
	}
	if uid, modseq := marks("Sent"); uid != 0 || modseq > 1 {
		t.Error(uid, modseq)
	}
	closeBox(t, b)
	if uid, modseq := marks(inbox); uid != 1 || modseq != 2 {
		t.Error(uid, modseq)
	}

	// After an unclean stop counting goes on above the marks.
	b = reopen(t, dir)
	appendMails(t, b.View(ViewOptions{}), inbox, "two")
	b = crashed(t, b)
	m := open(t, b.View(ViewOptions{}), inbox)
	wantContents(t, m, "1:one[]", "2:two[]")
	if s := m.Snapshot(); s.UIDNext != 1003 || s.HighestModSeq != 1003 {
		t.Error(s.UIDNext, s.HighestModSeq)
	}
	if uids := appendMails(t, b.View(ViewOptions{}), inbox, "three"); uids[0] != 1003 {
		t.Error(uids)
	}

	// A lost mailbox.json is made anew, far above.
	closeBox(t, b)
	id, _ := b.MailboxID(inbox)
	if err := os.WriteFile(filepath.Join(b.disk.mailDir(id), mailboxFileName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir = b.disk.dir
	b = reopen(t, dir)
	appendMails(t, b.View(ViewOptions{}), inbox, "four")
	b = crashed(t, b)
	if s := open(t, b.View(ViewOptions{}), inbox).Snapshot(); s.UIDNext < lostMarks || s.HighestModSeq < lostMarks {
		t.Error(s.UIDNext, s.HighestModSeq)
	}
}

// crashed opens a copy of a box as it lies on the disk now, as after a kill.
func crashed(t testing.TB, b *Box) *Box {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "box")
	if err := os.CopyFS(dir, os.DirFS(b.disk.dir)); err != nil {
		t.Fatal(err)
	}
	return reopen(t, dir)
}

func TestOrphans(t *testing.T) {
	b := newBox(t)
	dir := b.disk.dir
	v := b.View(ViewOptions{})
	appendMails(t, v, inbox, "one")
	id, _ := b.MailboxID(inbox)
	closeBox(t, b)
	// A file that was renamed, not committed; a mailbox likewise; rests in tmp.
	orphan := mailFileName{id, 2005, fileInfo{someDay, 3, [32]byte{9}}}
	first := b.disk.path(mailFileName{id, 1, fileInfo{}})
	stranger := filepath.Join(filepath.Dir(first), "letter.txt")
	for path, text := range map[string]string{
		b.disk.path(orphan): "abc", stranger: "hello",
		filepath.Join(dir, "mail", string(NewID()), mailboxFileName):           "{}",
		filepath.Join(dir, "mail", "zzzzzzzzzzzzzzzz", "0", "1.eml"):           "lost",
		filepath.Join(b.disk.tmpDir(), "half"):                                 "x",
		filepath.Join(b.disk.tmpDir(), "yyyyyyyyyyyyyyyy", "0", orphan.base()): "x",
		filepath.Join(dir, orphansName, string(id)+"-"+orphan.base()):          "older",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := OpenBox(ctx, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	wantContents(t, open(t, b.View(ViewOptions{}), inbox), "1:one[]")
	b.disk.work.stop()
	var found []string
	filepath.WalkDir(filepath.Join(dir, orphansName), func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			text, _ := os.ReadFile(path)
			found = append(found, string(text))
		}
		return err
	})
	if got := strings.Join(found, " "); got != "older abc lost" {
		t.Errorf("orphans: %s", got)
	}
	if left, _ := os.ReadDir(b.disk.tmpDir()); len(left) != 0 {
		t.Error(left)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "mail")); len(left) != 6+1 {
		t.Error(left)
	}
	if _, err := os.Stat(stranger); err != nil {
		t.Error(err) // Verify tells of it; nobody takes it away
	}
}

func TestFilesGo(t *testing.T) {
	b := newBox(t)
	dir := b.disk.dir
	v := b.View(ViewOptions{})
	appendMails(t, v, inbox, "one", "two")
	m := open(t, v, inbox)
	if _, err := m.Copy(ctx, imap.UIDSetNum(1), v, "Archive"); err != nil {
		t.Fatal(err)
	}
	files := func() (n int) {
		filepath.WalkDir(filepath.Join(dir, "mail"), func(path string, e os.DirEntry, err error) error {
			if strings.HasSuffix(path, ".eml") {
				n++
			}
			return err
		})
		return n
	}
	if n := files(); n != 3 {
		t.Error(n)
	}
	if _, err := m.StoreFlags(ctx, FlagsChange{UIDs: imap.UIDSetNum(1), Op: FlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Expunge(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if err := v.DeleteMailbox(ctx, "Archive"); err != nil {
		t.Fatal(err)
	}
	closeBox(t, b)
	if n := files(); n != 1 {
		t.Error(n)
	}
	b = reopen(t, dir)
	appendMails(t, b.View(ViewOptions{}), "Sent", "x") // forgets what is gone
	var rows int
	if err := b.index.read.QueryRow("SELECT count(*) FROM gc").Scan(&rows); err != nil || rows != 0 {
		t.Error(rows, err)
	}
}

// TestOpeningWritesNothing: what the hub says of a box each time that it opens
// it is written only where it differs, so that a box can be read on a disk that
// takes nothing any more.
func TestOpeningWritesNothing(t *testing.T) {
	now := someDay
	o := Options{Now: func() time.Time { return now }}
	dir := filepath.Join(memDir(t), "box")
	if err := CreateBox(dir, NewID(), o); err != nil {
		t.Fatal(err)
	}
	p := Policy{PrivateSeen: true, Readers: heShe, Devices: map[ID]DevicePolicy{phone.Device: {Here: true, Days: 30}, pc.Device: {}}}
	say := func(protect ...string) (wrote bool) {
		t.Helper()
		b, err := OpenBox(ctx, dir, o)
		if err != nil {
			t.Fatal(err)
		}
		defer closeBox(t, b)
		setPolicy(t, b, p)
		if err := b.SetProtected(ctx, protect); err != nil {
			t.Fatal(err)
		}
		return b.writer.dirty
	}
	if !say("Archive") || say("Archive") {
		t.Error("the same is written again, or never")
	}
	now = now.Add(25 * time.Hour)
	if !say("Archive") || say("Archive") {
		t.Error("the window does not slide once a day")
	}
	if !say() || say() {
		t.Error("a mailbox stays protected")
	}
	p.Readers = heShe[:1]
	if !say() || say() {
		t.Error("a reader stays")
	}
	p.Devices = map[ID]DevicePolicy{phone.Device: {Days: 30}}
	if !say() || say() {
		t.Error("a rule stays")
	}
	p.Devices = nil
	if !say() || say() {
		t.Error("a window stays")
	}
	p.PrivateSeen = false
	if !say() || say() {
		t.Error("read marks stay private")
	}
}
