package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
)

// memBackup is a backup in memory.
type memBackup struct {
	mails map[Content][]byte
	files map[string][]byte
	first func() // called before the first mail is taken
}

func newMemBackup() *memBackup {
	return &memBackup{mails: map[Content][]byte{}, files: map[string][]byte{}, first: func() {}}
}

func (m *memBackup) Has(c Content) bool { return m.mails[c] != nil }

func (m *memBackup) Mail(c Content, r io.Reader) error {
	first := m.first
	m.first = func() {}
	first()
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if sha256.Sum256(b) != c.Hash || int64(len(b)) != c.Size {
		return ErrDamaged
	}
	m.mails[c] = b
	return nil
}

func (m *memBackup) File(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	m.files[name] = b.Bytes()
	return nil
}

// backUp backs a box up, with no mail missing.
func (m *memBackup) backUp(t testing.TB, b *Box) BackupReport {
	t.Helper()
	r, err := b.Backup(ctx, m)
	if err != nil || len(r.Problems) > 0 {
		t.Fatalf("%+v %v", r, err)
	}
	return r
}

// restore gives the box that a backup makes.
func (m *memBackup) restore(t testing.TB) *Box { return m.restoreAt(t, time.Now(), time.Now()) }

func (m *memBackup) restoreAt(t testing.TB, taken, now time.Time) *Box {
	t.Helper()
	dir := filepath.Join(memDir(t), "restored")
	put := func(name string, b []byte) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, b, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for name, b := range m.files {
		if name != BackupList {
			put(name, b)
		}
	}
	for line := range strings.Lines(string(m.files[BackupList])) {
		line = strings.TrimSpace(line)
		c, ok := BackupPath(line)
		if !ok || !m.Has(c) {
			t.Fatalf("%q is in the list, and not in the backup", line)
		}
		put(line, m.mails[c])
	}
	if err := PrepareRestored(ctx, dir, taken, nil, Options{Now: func() time.Time { return now }}); err != nil {
		t.Fatal(err)
	}
	b := reopen(t, dir)
	if r := verifyBox(t, b, VerifyOptions{Content: true}); len(r.Problems) > 0 {
		t.Fatalf("%+v", r.Problems)
	}
	return b
}

// TestBackupWhileAllGoes: what the copy of the index names is given, whatever
// happens to it in the moment after.
func TestBackupWhileAllGoes(t *testing.T) {
	b := memBox(t)
	defer closeBox(t, b)
	v := b.View(ViewOptions{})
	appendMails(t, v, inbox, "a", "b", "moved", "gone")
	appendMails(t, v, "Archive", "kept")
	if _, err := v.CreateMailbox(ctx, "Top", ""); err != nil {
		t.Fatal(err)
	}
	appendMails(t, v, "Top", "c", "d")
	expunge(t, v, inbox, 4)
	want := map[string]string{inbox: "1:a[] 2:b[] 3:moved[]", "Archive": "1:kept[]", "Top": "1:c[] 2:d[]"}
	m := newMemBackup()
	m.first = func() {
		if err := b.SetRetain(ctx, 0); err != nil {
			t.Error(err)
		}
		expunge(t, v, inbox, 1)
		if _, err := open(t, v, inbox).Move(ctx, imap.UIDSetNum(3), v, "Archive"); err != nil {
			t.Error(err)
		}
		if err := v.DeleteMailbox(ctx, "Top"); err != nil {
			t.Error(err)
		}
		if missing, err := b.Purge(ctx, Actor{}, []int64{deletedID(t, b, "gone")}); err != nil || len(missing) > 0 {
			t.Error(missing, err)
		}
		if err := b.SetRetain(ctx, 24*time.Hour); err != nil {
			t.Error(err)
		}
		expunge(t, v, "Archive", 1)
	}
	if r := m.backUp(t, b); r.Messages != 6 || r.Deleted != 1 || r.Mails != 7 {
		t.Errorf("%+v", r)
	}
	restored := m.restore(t)
	rv := restored.View(ViewOptions{})
	for name, list := range want {
		wantContents(t, open(t, rv, name), strings.Fields(list)...)
	}
	wantDeleted(t, restored, DeletedQuery{}, `gone [\Deleted] INBOX hub`)

	// The next one is as things are now.
	r := m.backUp(t, b)
	if r.Messages != 2 || r.Deleted != 1 {
		t.Errorf("%+v", r)
	}
	restored = m.restore(t)
	wantContents(t, open(t, restored.View(ViewOptions{}), "Archive"), "2:moved[]")
}

// TestBackupLogsNoLaterMail: a mail that is delivered while a backup is made, and
// is not in it, counts as fetched neither in its index nor in its logs.
func TestBackupLogsNoLaterMail(t *testing.T) {
	b := memBox(t)
	defer closeBox(t, b)
	to := open(t, b.View(ViewOptions{}), inbox).ID()
	deliver := func(subject string) {
		in := incoming(t, b, subject)
		in.UIDL = &UIDL{Address: "a@example.org", UID: subject, Size: 8, State: UIDLStored, FirstAt: someDay.UTC()}
		if _, err := b.Deliver(ctx, to, []*Incoming{in}); err != nil {
			t.Error(err)
		}
	}
	deliver("before")
	m := newMemBackup()
	m.first = func() { // the index was copied
		deliver("during")
		if err := b.disk.logs.flush(); err != nil {
			t.Error(err)
		}
	}
	m.backUp(t, b)
	told := ""
	for name, text := range m.files {
		if strings.HasSuffix(name, stateLogName) {
			told += string(text)
		}
	}
	has := func(uid string) bool { return strings.Contains(told, base64.StdEncoding.EncodeToString([]byte(uid))) }
	if !has("before") || has("during") {
		t.Errorf("%s", told)
	}
	if _, err := os.Stat(filepath.Join(b.disk.dir, logsCopyFile)); !os.IsNotExist(err) {
		t.Error(err)
	}
}

// TestBackupInUse: deliveries, expunges, purges and mailboxes that come and go
// while backups are made: each is whole.
func TestBackupInUse(t *testing.T) {
	b := memBox(t)
	defer closeBox(t, b)
	v := b.View(ViewOptions{})
	stop := make(chan struct{})
	var running sync.WaitGroup
	work := func(name string, step func(i int) error) {
		running.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := step(i); err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
			}
		})
	}
	append := func(mailbox, subject string) error {
		_, err := v.Append(ctx, mailbox, []*Incoming{incoming(t, b, subject)})
		return err
	}
	work("deliver", func(i int) error { return append(inbox, fmt.Sprint("mail-", i)) })
	work("expunge", func(i int) error {
		m, err := v.Mailbox(ctx, inbox)
		if err != nil {
			return err
		}
		last := m.Snapshot().UIDNext
		if _, err := m.StoreFlags(ctx, FlagsChange{UIDs: imap.UIDSetNum(last / 2), Op: FlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}); err != nil {
			return err
		}
		_, err = m.Expunge(ctx, nil)
		return err
	})
	work("purge", func(i int) error {
		mails, err := b.Deleted(ctx, DeletedQuery{Limit: 1})
		for _, m := range mails {
			_, err = b.Purge(ctx, Actor{}, []int64{m.ID})
		}
		return err
	})
	work("mailboxes", func(i int) error {
		name := fmt.Sprint("M", i)
		if _, err := v.CreateMailbox(ctx, name, ""); err != nil {
			return err
		}
		if err := append(name, name); err != nil {
			return err
		}
		return v.DeleteMailbox(ctx, name)
	})
	m := newMemBackup()
	for range 8 {
		if err := b.CopyMails(ctx, m, nil); err != nil {
			t.Fatal(err)
		}
		m.backUp(t, b)
		m.restore(t)
	}
	close(stop)
	running.Wait()
}

// listed calls a function when it has taken the list of all mails.
type listed struct {
	*memBackup
	then func()
}

func (l listed) File(name string, write func(io.Writer) error) error {
	err := l.memBackup.File(name, write)
	if name == BackupList {
		l.then()
	}
	return err
}

// TestBackupGivenUp: a backup whose target does not answer keeps no box from
// being closed once it is given up, and counts for nothing then.
func TestBackupGivenUp(t *testing.T) {
	b := memBox(t)
	appendMails(t, b.View(ViewOptions{}), inbox, "a", "b")
	cut, cancel := context.WithCancel(ctx)
	m := newMemBackup()
	if _, err := b.Backup(cut, listed{m, cancel}); !errors.Is(err, context.Canceled) || m.files[BackupIndex] != nil {
		t.Error(err)
	}
	cut, cancel = context.WithCancel(ctx)
	m = newMemBackup()
	m.first = func() {
		expunge(t, b.View(ViewOptions{}), inbox, 2)
		cancel()
		closeBox(t, b) // waits for what the expunge takes away
	}
	if _, err := b.Backup(cut, m); !errors.Is(err, context.Canceled) || len(m.files) > 0 {
		t.Error(err, len(m.files))
	}
}

// TestRestoredBoxCounts: after a restore no UID is given that somebody may have
// seen, and every client is told all there is.
func TestRestoredBoxCounts(t *testing.T) {
	b := memBox(t)
	v := b.View(ViewOptions{})
	appendMails(t, v, inbox, "a", "b", "c")
	expunge(t, v, inbox, 2)
	m := newMemBackup()
	m.backUp(t, b)
	seen := appendMails(t, v, inbox, "newer", "newest")
	flag(t, v, inbox, FlagsAdd, 1, imap.FlagSeen)
	last := open(t, v, inbox).Snapshot()
	validity := open(t, v, inbox).UIDValidity()
	closeBox(t, b)

	b = m.restore(t)
	v = b.View(ViewOptions{})
	in := open(t, v, inbox)
	if in.UIDValidity() != validity {
		t.Error("all clients would load all mail again")
	}
	wantContents(t, in, "1:a[]", "3:c[]")
	s := in.Snapshot()
	if s.HighestModSeq <= last.HighestModSeq {
		t.Errorf("HIGHESTMODSEQ %d, was %d", s.HighestModSeq, last.HighestModSeq)
	}
	for _, e := range s.All() {
		if e.ModSeq <= last.HighestModSeq {
			t.Errorf("a client that knows %d is not told of UID %d (%d)", last.HighestModSeq, e.UID, e.ModSeq)
		}
	}
	gone, err := in.Vanished(ctx, last.HighestModSeq)
	if err != nil || !gone.Contains(2) || !gone.Contains(seen[0]) || !gone.Contains(seen[1]) || gone.Contains(1) || gone.Contains(3) {
		t.Error(gone, err)
	}
	if uids := appendMails(t, v, inbox, "other"); uids[0] <= last.UIDNext+1000 {
		t.Errorf("UID %d was given, clients have seen %d", uids[0], last.UIDNext-1)
	}
}

// TestRestoredAgain: whichever of two neighbouring snapshots are restored one
// after the other, and in between mail comes and backups are made: no UID and
// no mod-sequence comes twice.
func TestRestoredAgain(t *testing.T) {
	b := memBox(t)
	v := b.View(ViewOptions{})
	appendMails(t, v, inbox, "a")
	older, newer := newMemBackup(), newMemBackup()
	older.backUp(t, b)
	appendMails(t, v, inbox, "b", "c")
	newer.backUp(t, b)
	closeBox(t, b)
	taken := time.Date(2026, 5, 30, 12, 0, 0, 0, time.UTC)
	now := taken.Add(24 * time.Hour)
	var next imap.UID = 4
	var modSeq uint64
	restored := func(m *memBackup, taken time.Time, others ...string) *Box {
		t.Helper()
		b := m.restoreAt(t, taken, now)
		v := b.View(ViewOptions{})
		s := open(t, v, inbox).Snapshot()
		if imap.UID(s.UIDNext) <= next || s.HighestModSeq <= modSeq {
			t.Errorf("UIDNEXT %d, HIGHESTMODSEQ %d; clients have seen up to %d and %d", s.UIDNext, s.HighestModSeq, next, modSeq)
		}
		appendMails(t, v, inbox, others...)
		s = open(t, v, inbox).Snapshot()
		next, modSeq = imap.UID(s.UIDNext), s.HighestModSeq
		now = now.Add(10 * time.Minute)
		return b
	}
	closeBox(t, restored(older, taken.Add(-24*time.Hour), "d", "e", "f"))
	closeBox(t, restored(older, taken.Add(-24*time.Hour), "g", "h"))
	b = restored(newer, taken, "i", "j")
	later := newMemBackup()
	later.backUp(t, b)
	closeBox(t, b)
	closeBox(t, restored(later, now, "k", "l"))
	closeBox(t, restored(later, now, "m"))

	// A clock that is behind uses the snapshot's time, one that is far ahead
	// leaves UIDs.
	now = time.Unix(0, 0)
	b = older.restoreAt(t, time.Unix(restoredSince+5, 0), now)
	if uids := appendMails(t, b.View(ViewOptions{}), inbox, "n"); uids[0] != 2+lostMarks+5 {
		t.Error(uids)
	}
	closeBox(t, b)
	now = time.Unix(1<<40, 0)
	for range 3 {
		b = older.restoreAt(t, taken, now)
		appendMails(t, b.View(ViewOptions{}), inbox, "o")
		older = newMemBackup()
		older.backUp(t, b)
		closeBox(t, b)
	}
}

// TestRestoredViews: what persons and devices have of their own comes back.
func TestRestoredViews(t *testing.T) {
	b := memBox(t)
	fillViews(t, b)
	m := newMemBackup()
	m.backUp(t, b)
	closeBox(t, b)
	b = m.restore(t)
	setPolicy(t, b, viewsPolicy)
	wantSees(t, as(b, petra), "INBOX", "1S 2S 3 4")
	wantSees(t, as(b, pc), "INBOX", "1 2S 3 4")
	wantSees(t, as(b, phone), "INBOX", "1 2S 3")
	wantSees(t, as(b, phone), "Trash", "1 2")
	wantSees(t, as(b, pc), "Trash", "")
}

// TestBackupDamaged: a mail that cannot be given is told and keeps no other from
// being so.
func TestBackupDamaged(t *testing.T) {
	b := memBox(t)
	v := b.View(ViewOptions{})
	appendMails(t, v, inbox, "a", "b", "c")
	file := func(uid uint32) string {
		names, err := b.disk.find(open(t, v, inbox).ID(), []span{{uid, uid}})
		if err != nil || len(names) != 1 {
			t.Fatal(names, err)
		}
		return b.disk.path(names[0])
	}
	if err := os.WriteFile(file(1), []byte(strings.ToUpper(mailText("a"))), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file(2)); err != nil {
		t.Fatal(err)
	}
	m := newMemBackup()
	if err := b.CopyMails(ctx, m, nil); err != nil {
		t.Error(err)
	}
	r, err := b.Backup(ctx, m)
	if err != nil || len(r.Problems) != 2 || len(m.mails) != 1 || r.Messages != 3 {
		t.Errorf("%+v %v, %d mails", r, err, len(m.mails))
	}
	full := errors.New("the target is full")
	m = newMemBackup()
	m.first = func() { panic("not reached") }
	if err := b.CopyMails(ctx, failing{m, full}, nil); !errors.Is(err, full) {
		t.Error(err)
	}
	if _, err := b.Backup(ctx, failing{m, full}); !errors.Is(err, full) {
		t.Error(err)
	}
	if err := b.Close(); err != nil { // the worker is free again
		t.Error(err)
	}
}

type failing struct {
	*memBackup
	err error
}

func (f failing) Mail(Content, io.Reader) error { return f.err }

// TestBackupPath reads places back, and nothing that leads elsewhere.
func TestBackupPath(t *testing.T) {
	hash := strings.Repeat("a", 52)
	good := "mail/aaaaaaaaaaaaaaaa/1/1001-0e0000-7-" + hash + ".eml"
	for line, want := range map[string]bool{
		good: true,
		"deleted/2026-05-31/aaaaaaaaaaaaaaaa-1001-0e0000-7-" + hash + ".eml": true,
		strings.Replace(good, "/1/", "/2/", 1):                               false,
		strings.Replace(good, "/1/", "/../", 1):                              false,
		strings.Replace(good, "aaaaaaaaaaaaaaaa", "..", 1):                   false,
		strings.Replace(good, "-7-", "--7-", 1):                              false,
		"deleted/../aaaaaaaaaaaaaaaa-1001-0e0000-7-" + hash + ".eml":         false,
		"/" + good: false, good + "/x": false, "": false, "index.db": false,
	} {
		c, ok := BackupPath(line)
		if ok != want {
			t.Errorf("%q: %v", line, ok)
		}
		if again, isName := ParseContent(c.Name()); ok && (!isName || again != c) {
			t.Errorf("%q: %+v", line, c)
		}
	}
}
