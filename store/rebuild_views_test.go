package store

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/emersion/go-imap/v2"
)

// viewsPolicy is that of TestRebuildViews.
var viewsPolicy = Policy{PrivateSeen: true, Readers: heShe, Devices: map[ID]DevicePolicy{phone.Device: {Here: true}}}

// fillViews makes a box in which a person and a device have much of their own.
func fillViews(t *testing.T, b *Box) {
	t.Helper()
	appendMails(t, as(b, Actor{}), "INBOX", "a", "b", "c", "d", "e")
	setPolicy(t, b, viewsPolicy)
	onPhone, she := as(b, phone), as(b, petra)
	flag(t, she, "INBOX", FlagsAdd, 1, imap.FlagSeen)
	flag(t, she, "INBOX", FlagsAdd, 2, imap.FlagSeen)
	flag(t, onPhone, "INBOX", FlagsAdd, 2, imap.FlagSeen) // he as well
	flag(t, onPhone, "INBOX", FlagsAdd, 3, imap.FlagDeleted)
	if _, err := open(t, onPhone, "INBOX").Expunge(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if back, err := b.ShowAll(ctx, phone.Device); err != nil || !back {
		t.Fatal(back, err)
	}
	if _, err := open(t, onPhone, "INBOX").Move(ctx, imap.UIDSetNum(4, 5), onPhone, "Trash"); err != nil {
		t.Fatal(err)
	}
	// Its only copy: the original is gone for all.
	expunge(t, as(b, pc), "INBOX", 5)
}

// TestRebuildViews: with state.log all comes back that persons and devices had
// of their own; without it what existed for one device is shown to nobody, but
// can be restored.
func TestRebuildViews(t *testing.T) {
	for _, lost := range []bool{false, true} {
		for _, compacted := range []bool{false, true} {
			b := memBox(t)
			dir := b.disk.dir
			fillViews(t, b)
			if compacted {
				for _, n := range b.tree.Load().list {
					n.file.renew()
				}
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			loseIndex(t, dir)
			if lost {
				logs, err := filepath.Glob(filepath.Join(dir, "mail", "*", stateLogName))
				if err != nil || len(logs) == 0 {
					t.Fatal(logs, err)
				}
				for _, l := range logs {
					if err := os.Remove(l); err != nil {
						t.Fatal(err)
					}
				}
			}
			rebuild(t, dir)
			b = reopen(t, dir)
			setPolicy(t, b, viewsPolicy)
			onPhone, onPC, she := as(b, phone), as(b, pc), as(b, petra)
			wantSees(t, onPC, "Trash", "")
			if lost {
				wantSees(t, onPhone, "Trash", "")
				wantSees(t, onPC, "INBOX", "1 2 3 4")
				got := deletedList(t, b, DeletedQuery{})
				if !slices.ContainsFunc(got, func(s string) bool { return s != "" }) {
					t.Errorf("nothing can be restored: %q", got)
				}
				continue
			}
			wantSees(t, she, "INBOX", "1S 2S 3 4")
			wantSees(t, onPC, "INBOX", "1 2S 3 4")
			wantSees(t, onPhone, "INBOX", "1 2S 3")
			wantSees(t, onPhone, "Trash", "1 2")
			wantVanished(t, onPhone, "INBOX", 1, "4:5")
		}
	}
}

// TestScopedOnTheDisk: what exists for one device is remembered before the
// commit, and forgotten where that becomes much.
func TestScopedOnTheDisk(t *testing.T) {
	b := newBox(t)
	fillViews(t, b)
	m := b.tree.Load().names["Trash"]
	var j mailboxJSON
	if err := b.disk.readJSON(m.file.path(), &j); err != nil || j.Scoped != "1:2" {
		t.Errorf("%+v %v", j, err)
	}
	var odd imap.UIDSet
	for i := range imap.UID(maxScopedRuns + 1) {
		odd.AddNum(1001 + 2*i)
	}
	if err := m.file.addScoped(odd, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, as(b, phone), "INBOX").Move(ctx, imap.UIDSetNum(1), as(b, phone), "Trash"); err != nil {
		t.Fatal(err)
	}
	if err := b.disk.readJSON(m.file.path(), &j); err != nil || j.Scoped != "1:3" {
		t.Errorf("%+v %v", j, err)
	}
}
