package pop3fetch

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
	"time"

	"heimpost/pop3fetch/pop3d"
	"heimpost/store"
)

// TestOlderBackup: after a box was put back to an older state, what the
// provider still has is fetched once more, and nothing else is.
func TestOlderBackup(t *testing.T) {
	now := time.Now()
	r := newRig(t, pop3d.Options{}, Options{Now: func() time.Time { return now }})
	dir := filepath.Join(memDir(t), "box")
	reopen := func() {
		var err error
		if r.box, err = store.OpenBox(ctx, dir, store.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.CreateBox(dir, store.NewID(), store.Options{}); err != nil {
		t.Fatal(err)
	}
	reopen()
	r.change(0, func(a *Account) { a.Keep = 14 })
	r.deliver(5)
	r.fetch()
	if err := r.box.Close(); err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "box")
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	reopen()
	r.deliver(4)
	if res := r.fetch(); res.Retrieved != 4 {
		t.Errorf("%+v", res)
	}
	if err := r.box.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}
	reopen()
	defer func() { r.box.Close() }()
	if res := r.fetch(); res.Retrieved != 4 || res.Deleted != 0 {
		t.Errorf("after the older state: %+v", res)
	}
	r.exactlyOnce()
	now = now.Add(15 * 24 * time.Hour)
	if res := r.fetch(); res.Retrieved != 0 || res.Deleted != 9 {
		t.Errorf("when due: %+v", res)
	}
	r.exactlyOnce()
}

// TestRowsLost: after a rebuild that found no UIDL rows, what the provider
// still has brings nothing that is there, and copies as often as it has them.
func TestRowsLost(t *testing.T) {
	now := time.Now()
	r := newRig(t, pop3d.Options{}, Options{Now: func() time.Time { return now }})
	dir := filepath.Join(memDir(t), "box")
	reopen := func() {
		var err error
		if r.box, err = store.OpenBox(ctx, dir, store.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	lose := func() {
		t.Helper()
		if err := r.box.Close(); err != nil {
			t.Fatal(err)
		}
		for _, pattern := range []string{"index.db*", "mail/*/state.log"} {
			files, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil || len(files) == 0 {
				t.Fatal(files, err)
			}
			for _, f := range files {
				if err := os.Remove(f); err != nil {
					t.Fatal(err)
				}
			}
		}
		if report, err := store.Rebuild(ctx, dir, store.Options{}, nil); err != nil || report.UIDLs != 0 {
			t.Fatal(report, err)
		}
		reopen()
	}
	if err := store.CreateBox(dir, store.NewID(), store.Options{}); err != nil {
		t.Fatal(err)
	}
	reopen()
	defer func() { r.box.Close() }()
	r.change(0, func(a *Account) { a.Keep = 14 })
	r.deliver(5)
	twice := mailText("twice")
	r.drop.Deliver(twice)
	r.drop.Deliver(twice)
	if res := r.fetch(); res.Retrieved != 7 {
		t.Errorf("%+v", res)
	}
	lose()
	r.deliver(2)
	r.drop.Deliver(twice) // a third one
	if res := r.fetch(); res.Retrieved != 3 || res.Deleted != 0 {
		t.Errorf("after the loss: %+v", res)
	}
	if res := r.fetch(); res.Retrieved != 0 {
		t.Errorf("once more: %+v", res)
	}
	if n := r.count(); n != 10 {
		t.Errorf("%d mails, want 10", n)
	}
	now = now.Add(15 * 24 * time.Hour)
	if res := r.fetch(); res.Retrieved != 0 || res.Deleted != 10 {
		t.Errorf("when due: %+v", res)
	}

	// A mail of these bytes that came for another address, or by other ways
	// after the rebuild, is another one.
	lose()
	if err := r.box.SetUIDLs(ctx, []store.UIDL{{Address: "b@example.org", UID: "b1", Hash: sha256.Sum256(mailText("mail1")), State: store.UIDLStored}}); err != nil {
		t.Fatal(err)
	}
	in, err := r.box.NewIncoming()
	if err == nil {
		_, err = in.Write(mailText("late"))
	}
	if err == nil {
		_, err = in.Finish()
	}
	if err == nil {
		_, err = r.box.View(store.ViewOptions{}).Append(ctx, "INBOX", []*store.Incoming{in})
	}
	if err != nil {
		t.Fatal(err)
	}
	r.drop.Deliver(mailText("mail1"))
	r.drop.Deliver(mailText("late"))
	r.drop.Deliver(mailText("mail2"))
	if res := r.fetch(); res.Retrieved != 2 {
		t.Errorf("of others: %+v", res)
	}
}

// TestTakenMeanwhile: another client takes a mail away while a session runs.
// Its absence is no failure for long, and no other mail suffers.
func TestTakenMeanwhile(t *testing.T) {
	var r *rig
	r = newRig(t, pop3d.Options{Script: onFirst(pop3d.Script{On: func(c *pop3d.Command) {
		if c.Verb == "RETR" && c.Arg == "3" {
			r.drop.Take(c.Mail.ID)
			c.Reply("-ERR no such message")
		}
	}})}, Options{})
	r.deliver(6)
	if res := r.fetch(); res.Retrieved != 5 || res.Failed != 1 {
		t.Errorf("%+v", res)
	}
	r.deliver(1)
	if res := r.fetch(); res.Retrieved != 1 || res.Failed != 0 || len(r.state(0).Failed) != 0 || len(r.drop.Held()) != 0 {
		t.Errorf("%+v %+v", res, r.state(0).Failed)
	}
	if n := r.count(); n != 6 {
		t.Errorf("%d stored", n)
	}
}
