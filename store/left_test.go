package store_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"heimpost/store"
	"heimpost/store/faultfs"
)

// TestGoneForGood: a process is killed after it took an expunged mail's file
// away and before that was durable; the next one finds nothing left to do.
// After a power cut the file must not be there again.
func TestGoneForGood(t *testing.T) {
	for seed := range uint64(16) {
		dir := filepath.Join(memDir(t), "box")
		w := newWorld(t, dir, seed)
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(store.CreateBox(dir, store.NewID(), w.options()))
		reopen := func() (v *store.View, m *store.Mailbox) {
			t.Helper()
			b, err := store.OpenBox(ctx, dir, w.options())
			must(err)
			w.b, v = b, b.View(store.ViewOptions{})
			m, err = v.Mailbox(ctx, "INBOX")
			must(err)
			return v, m
		}
		v, m := reopen()
		one, err := w.incoming("one")
		must(err)
		two, err := w.incoming("two")
		must(err)
		_, err = v.Append(ctx, "INBOX", []*store.Incoming{one, two})
		must(err)
		w.fs.Settle()
		taken := false
		w.fs.Before(func(c faultfs.Call) error {
			if taken && c.Op == "syncdir" {
				w.fs.Crash(false)
			}
			taken = taken || (c.Op == "remove" || c.Op == "rename") && strings.HasSuffix(c.Name, ".eml")
			return nil
		})
		uids := imap.UIDSetNum(m.Snapshot().At(0).UID)
		_, err = m.StoreFlags(ctx, store.FlagsChange{UIDs: uids, Op: store.FlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}})
		must(err)
		_, err = m.Expunge(ctx, uids)
		must(err)
		w.b.Close() // ends the background's work, which ends the process
		if !w.fs.Crashed() {
			t.Fatal("nothing was taken away")
		}
		w.fs.Before(nil)
		w.fs.Restart()
		reopen()
		must(w.b.Close())
		w.fs.Crash(true)
		w.fs.Restart()
		_, m = reopen()
		if m.Snapshot().Len() != 1 {
			t.Errorf("%d messages", m.Snapshot().Len())
		}
		w.verify()
		must(w.b.Close())
	}
}
