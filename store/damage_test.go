package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
)

// TestEmptyIndex: an index that holds nothing, as a torn copy or a full disk
// leaves it, never makes the mails of a box orphans.
func TestEmptyIndex(t *testing.T) {
	for _, empty := range []func(path string) error{
		func(path string) error { return os.WriteFile(path, nil, 0o600) },
		func(path string) error { // another one that knows nothing
			if err := removeDatabase(OSFS, path); err != nil {
				return err
			}
			x, err := openIndex(path)
			return errors.Join(err, x.close())
		},
	} {
		b := memBox(t)
		dir := b.disk.dir
		appendMails(t, b.View(ViewOptions{}), inbox, "a", "b")
		closeBox(t, b)
		if err := empty(filepath.Join(dir, indexFile)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if b, err := OpenBox(ctx, dir, Options{}); !errors.Is(err, ErrDamaged) {
				if err == nil {
					b.Close()
				}
				t.Errorf("opened: %v", err)
			}
		}
		rebuild(t, dir)
		wantContents(t, open(t, reopen(t, dir).View(ViewOptions{}), inbox), "1:a[]", "2:b[]")
	}
}

// TestOlderIndex: an older index that is put back beside newer mails never
// makes orphans of them, nor does it give their UIDs to others.
func TestOlderIndex(t *testing.T) {
	for how, live := range map[string]bool{"a clean copy": false, "a copy of what is in use": true} {
		t.Run(how, func(t *testing.T) {
			b := memBox(t)
			dir := b.disk.dir
			appendMails(t, b.View(ViewOptions{}), inbox, "a")
			if !live {
				closeBox(t, b)
			}
			old := filepath.Join(memDir(t), "old")
			if err := os.CopyFS(old, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			if !live {
				b = reopen(t, dir)
			}
			v := b.View(ViewOptions{})
			if _, err := v.CreateMailbox(ctx, "New", ""); err != nil {
				t.Fatal(err)
			}
			appendMails(t, v, inbox, "b", "c")
			appendMails(t, v, "New", "d")
			closeBox(t, b)
			putBack := func() {
				t.Helper()
				if err := removeDatabase(OSFS, filepath.Join(dir, indexFile)); err != nil {
					t.Fatal(err)
				}
				for _, name := range []string{indexFile, indexFile + "-wal"} {
					text, err := os.ReadFile(filepath.Join(old, name))
					if err == nil {
						err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
					}
					if err != nil && (live || name == indexFile) {
						t.Fatal(err)
					}
				}
			}
			putBack()
			for range 2 {
				if b, err := OpenBox(ctx, dir, Options{}); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "newer than index.db: 3;") {
					if err == nil {
						b.Close()
					}
					t.Errorf("opened: %v", err)
				}
			}
			if left, err := os.ReadDir(filepath.Join(dir, orphansName)); err == nil {
				t.Errorf("set aside: %v", left)
			}
			rebuild(t, dir)
			b = reopen(t, dir)
			v = b.View(ViewOptions{})
			wantContents(t, open(t, v, inbox), "1:a[]", "2:b[]", "3:c[]")
			wantContents(t, open(t, v, "New"), "1:d[]")
			if err := b.SetRetain(ctx, 0); err != nil {
				t.Fatal(err)
			}
			expunge(t, v, inbox, 2, 3)
			expunge(t, v, "New", 1)
			closeBox(t, b)

			// All that was newer has gone meanwhile.
			putBack()
			b = reopen(t, dir)
			v = b.View(ViewOptions{})
			wantContents(t, open(t, v, inbox), "1:a[]")
			if uids := appendMails(t, v, inbox, "e"); uids[0] <= 3 {
				t.Errorf("UID %d is given twice", uids[0])
			}
		})
	}
}

// TestLastUIDs: where a mailbox has come to the last UIDs there are, marks
// reach their end and never begin anew.
func TestLastUIDs(t *testing.T) {
	b := memBox(t)
	dir := b.disk.dir
	v := b.View(ViewOptions{})
	near := uint32(1<<32 - 500)
	if err := b.writer.do(ctx, &request{run: func(t *tx) error {
		m, err := t.mailbox(inbox)
		if err != nil {
			return err
		}
		s := *t.state(m)
		s.uidNext = near
		return t.giveModSeq(m, &s)
	}}); err != nil {
		t.Fatal(err)
	}
	uids := appendMails(t, v, inbox, "a", "b")
	again := func(how string) {
		t.Helper()
		m := open(t, b.View(ViewOptions{}), inbox)
		if s := m.Snapshot(); s.Len() != 2 || s.At(0).UID != uids[0] || s.At(1).UID != uids[1] || s.UIDNext <= uids[1] {
			t.Fatalf("%s: %d messages, UIDNEXT %d", how, s.Len(), s.UIDNext)
		}
	}
	// As a power cut leaves it: the marks are ahead.
	copied := filepath.Join(memDir(t), "box")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	closeBox(t, b)
	b = reopen(t, dir)
	again("closed")
	loseIndex(t, copied)
	rebuild(t, copied)
	for range 2 {
		b = reopen(t, copied)
		again("rebuilt")
		closeBox(t, b)
	}
}

// TestClockThatIsWrong: what was deleted stays restorable for its time by the
// days that pass, not by a clock that is ahead or behind for a while.
func TestClockThatIsWrong(t *testing.T) {
	b := newBox(t)
	now := someDay
	b.now = func() time.Time { return now }
	v := b.View(ViewOptions{Actor: marko})
	appendMails(t, v, inbox, "one", "two", "three")
	look := func() {
		t.Helper()
		if err := b.expireAged(ctx); err != nil {
			t.Fatal(err)
		}
	}
	look()
	expunge(t, v, inbox, 1)
	now = someDay.AddDate(10, 0, 0)
	look()
	now = time.Unix(0, 0)
	look()
	expunge(t, v, inbox, 2)
	now = someDay.Add(time.Hour)
	look()
	wantDeleted(t, b, DeletedQuery{}, `one [\Deleted] INBOX marko`, `two [\Deleted] INBOX marko`)
	for day := range 370 { // it goes on like this
		now = someDay.AddDate(0, 0, day)
		look()
		if got := deletedList(t, b, DeletedQuery{}); day < 364 && len(got) != 2 {
			t.Fatalf("after %d days only %q is left", day, got)
		}
	}
	wantDeleted(t, b, DeletedQuery{})
}

// TestRebuildTwice: providers' rows outlive the loss of INBOX's mailbox.json,
// the end of what was recovered of it, and another rebuild.
func TestRebuildTwice(t *testing.T) {
	b := memBox(t)
	dir := b.disk.dir
	m := open(t, b.View(ViewOptions{}), inbox)
	in := incoming(t, b, "a")
	in.UIDL = &UIDL{Address: "a@example.org", UID: "x", Size: 8, State: UIDLStored, FirstAt: someDay.UTC()}
	if _, err := b.Deliver(ctx, m.ID(), []*Incoming{in}); err != nil {
		t.Fatal(err)
	}
	closeBox(t, b)
	if err := os.WriteFile(filepath.Join(b.disk.mailDir(m.ID()), mailboxFileName), []byte(`{"version": 1, "uid_mark": 1`), 0o600); err != nil {
		t.Fatal(err)
	}
	loseIndex(t, dir)
	rebuild(t, dir)
	b = reopen(t, dir)
	v := b.View(ViewOptions{})
	recovered := "Recovered " + string(m.ID())
	if _, err := open(t, v, recovered).Move(ctx, imap.UIDSetNum(1), v, inbox); err != nil {
		t.Fatal(err)
	}
	if err := v.DeleteMailbox(ctx, recovered); err != nil {
		t.Fatal(err)
	}
	closeBox(t, b)
	loseIndex(t, dir)
	rebuild(t, dir)
	b = reopen(t, dir)
	wantContents(t, open(t, b.View(ViewOptions{}), inbox), "1:a[]")
	if rows, err := b.UIDLs(ctx, "a@example.org"); err != nil || len(rows) != 1 {
		t.Errorf("%v, %v", rows, err)
	}
}

// countingFS counts the files that are open for writing.
type countingFS struct {
	FS
	open, most atomic.Int32
}

type countedFile struct {
	File
	fs *countingFS
}

func (c *countingFS) Create(name string) (File, error) {
	f, err := c.FS.Create(name)
	if err != nil {
		return nil, err
	}
	if n := c.open.Add(1); n > c.most.Load() {
		c.most.Store(n)
	}
	return countedFile{f, c}, nil
}

func (f countedFile) Close() error {
	f.fs.open.Add(-1)
	return f.File.Close()
}

// TestManyAcross: many mails on their way into another box do not use up the
// files that a process may have open.
func TestManyAcross(t *testing.T) {
	const n = 300
	a, dir, files := memBox(t), filepath.Join(memDir(t), "other"), &countingFS{FS: OSFS}
	defer closeBox(t, a)
	if err := CreateBox(dir, NewID(), Options{}); err != nil {
		t.Fatal(err)
	}
	b, err := OpenBox(ctx, dir, Options{FS: files})
	if err != nil {
		t.Fatal(err)
	}
	defer closeBox(t, b)
	from, to := a.View(ViewOptions{}), b.View(ViewOptions{})
	appendMails(t, from, inbox, slices.Repeat([]string{"a"}, n)...)
	done, err := open(t, from, inbox).Move(ctx, imap.UIDSet{{Start: 1, Stop: n}}, to, inbox)
	if err != nil || len(done.Dest) != n || open(t, to, inbox).Snapshot().Len() != n || open(t, from, inbox).Snapshot().Len() != 0 {
		t.Errorf("%d moved, %v", len(done.Dest), err)
	}
	if most := files.most.Load(); most > 100 || files.open.Load() != 0 {
		t.Errorf("%d files were open at a time, %d are", most, files.open.Load())
	}
}
