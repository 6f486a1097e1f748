package store

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
)

// overlayBox makes a box with 100,000 messages in INBOX, written straight into
// the index, of which petra has read every tenth for herself, and a telephone
// that has hidden 2,000 and sees a year.
func overlayBox(b *testing.B) *Box {
	b.Helper()
	const n = 100_000
	box := benchBox(b)
	err := box.writer.do(ctx, &request{run: func(t *tx) error {
		m, err := t.mailbox(inbox)
		if err != nil {
			return err
		}
		first := int(t.w.nextMail)
		t.w.nextMail += n
		if err := t.exec(`WITH RECURSIVE k(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM k WHERE i<?-1)
			INSERT INTO mail(id, refs, date, zone, size, hash) SELECT ?+i, 1, ?-i, 0, 5000, randomblob(32) FROM k`, n, first, time.Now().Unix()); err != nil {
			return err
		}
		if err := t.exec(`WITH RECURSIVE k(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM k WHERE i<?-1)
			INSERT INTO entry(mailbox, uid, flags, modseq, mail, saved) SELECT ?, i+1, i % 3 = 0, 2, ?+i, 0 FROM k`, n, m.row, first); err != nil {
			return err
		}
		s := *t.state(m)
		s.snap, s.uidNext = nil, n+1
		if err := t.giveModSeq(m, &s); err != nil {
			return err
		}
		t.set(m, s)
		return nil
	}})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := box.SetPolicy(ctx, Policy{PrivateSeen: true, Readers: heShe, Devices: map[ID]DevicePolicy{phone.Device: {Here: true, Days: 365}}}); err != nil {
		b.Fatal(err)
	}
	read, gone := imap.UIDSet{}, imap.UIDSet{}
	for uid := imap.UID(1); uid <= n; uid += 10 {
		read.AddNum(uid)
	}
	for uid := imap.UID(7); uid <= n; uid += 50 {
		gone.AddNum(uid)
	}
	for _, c := range []struct {
		who  Actor
		uids imap.UIDSet
		flag imap.Flag
	}{{petra, read, imap.FlagSeen}, {phone, gone, imap.FlagDeleted}} {
		m, err := as(box, c.who).Mailbox(ctx, inbox)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := m.StoreFlags(ctx, FlagsChange{UIDs: c.uids, Op: FlagsAdd, Flags: []imap.Flag{c.flag}}); err != nil {
			b.Fatal(err)
		}
		if c.who == phone {
			if _, err := m.Expunge(ctx, nil); err != nil {
				b.Fatal(err)
			}
		}
	}
	return box
}

// benchBox makes a box that is closed, without being verified, at the end.
func benchBox(b testing.TB) *Box {
	b.Helper()
	dir := filepath.Join(memDir(b), "box")
	if err := CreateBox(dir, NewID(), Options{}); err != nil {
		b.Fatal(err)
	}
	box, err := OpenBox(ctx, dir, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { box.Close() })
	return box
}

// BenchmarkOverlay: what private \Seen and a device that hides cost beside a
// plain view, on 100,000 messages.
func BenchmarkOverlay(b *testing.B) {
	box := overlayBox(b)
	for _, v := range []struct {
		name string
		view *View
	}{{"plain", as(box, Actor{})}, {"overlay", as(box, phone)}} {
		m, err := v.view.Mailbox(ctx, inbox)
		if err != nil {
			b.Fatal(err)
		}
		// What SELECT does: open, first unseen; the mailbox is loaded.
		b.Run("select/"+v.name, func(b *testing.B) {
			for range b.N {
				m, err := v.view.Mailbox(ctx, inbox)
				if err != nil {
					b.Fatal(err)
				}
				first := 0
				for i, e := range m.Snapshot().All() {
					if e.Flags&FlagSeen == 0 {
						first = i
						break
					}
				}
				_ = first
			}
		})
		// The first SELECT after a start, from the index.
		b.Run("load/"+v.name, func(b *testing.B) {
			for range b.N {
				mb := m.m
				s := *mb.state.Load()
				s.snap, s.over = nil, nil
				mb.state.Store(&s)
				mb.lensed.byLens = nil
				if err := box.load(ctx, mb); err != nil {
					b.Fatal(err)
				}
				if m.Snapshot().Len() == 0 {
					b.Fatal("empty")
				}
			}
		})
		b.Run("flags/"+v.name, func(b *testing.B) {
			for range b.N {
				var sum uint64
				for _, e := range m.Snapshot().All() {
					sum += uint64(e.Flags) + uint64(e.UID)
				}
				if sum == 0 {
					b.Fatal("empty")
				}
			}
		})
		b.Run("unseen/"+v.name, func(b *testing.B) {
			for range b.N {
				var found imap.UIDSet
				for _, e := range m.Snapshot().All() {
					if e.Flags&FlagSeen == 0 {
						found.AddNum(e.UID)
					}
				}
				if len(found) == 0 {
					b.Fatal("none")
				}
			}
		})
		// A change of one message, as every session then sees it.
		b.Run("change/"+v.name, func(b *testing.B) {
			for i := range b.N {
				c := FlagsChange{UIDs: imap.UIDSetNum(50_001), Op: FlagsOp(1 + i%2), Flags: []imap.Flag{imap.FlagFlagged}}
				if _, err := m.StoreFlags(ctx, c); err != nil {
					b.Fatal(err)
				}
				m.Snapshot()
			}
		})
	}
	b.Run("status", func(b *testing.B) {
		for _, v := range []Actor{{}, phone} {
			b.Run(fmt.Sprintf("overlay=%v", v.Device != ""), func(b *testing.B) {
				for range b.N {
					box.tree.Load().names[inbox].counted.Store(nil)
					if _, err := as(box, v).Status(ctx, inbox, false); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	})
}
