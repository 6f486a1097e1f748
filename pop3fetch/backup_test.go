package pop3fetch

import (
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
