package pop3fetch

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/pop3fetch/pop3d"
	"heimpost/store"
)

// clock is a clock that tests move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

// retrieved counts how often mails were sent whole.
func (r *rig) retrieved() (n int) {
	for _, m := range r.drop.All() {
		n += m.Retrieved
	}
	return n
}

// expunge deletes all mail in INBOX, as a person would.
func (r *rig) expunge() {
	r.t.Helper()
	m, err := r.box.View(store.ViewOptions{}).Mailbox(ctx, "INBOX")
	if err != nil {
		r.t.Fatal(err)
	}
	var uids imap.UIDSet
	uids.AddRange(1, 1<<30)
	if _, err := m.StoreFlags(ctx, store.FlagsChange{UIDs: uids, Op: store.FlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}); err != nil {
		r.t.Fatal(err)
	}
	if _, err := m.Expunge(ctx, nil); err != nil {
		r.t.Fatal(err)
	}
}

func TestKeepDays(t *testing.T) {
	c := &clock{time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	r := newRig(t, pop3d.Options{}, Options{Now: c.now})
	r.change(0, func(a *Account) { a.Keep = 14 })
	r.deliver(3)
	r.fetch()
	c.advance(10 * 24 * time.Hour)
	r.deliver(2)
	if res := r.fetch(); res.Retrieved != 2 || res.Deleted != 0 {
		t.Errorf("%+v", res)
	}
	c.advance(5 * 24 * time.Hour)
	if res, err := r.Round(ctx, "a@example.org", FetchOptions{DryRun: true}); err != nil || res.WouldDelete != 3 || res.WouldRetrieve != 0 || len(r.drop.Held()) != 5 {
		t.Errorf("dry run %+v", res)
	}
	if res := r.fetch(); res.Retrieved != 0 || res.Deleted != 3 {
		t.Errorf("%+v", res)
	}
	if r.retrieved() != 5 {
		t.Errorf("retrieved %d", r.retrieved())
	}
	r.exactlyOnce()
	c.advance(30 * 24 * time.Hour)
	r.fetch()
	rows, _ := r.box.UIDLs(ctx, "a@example.org")
	c.advance(time.Hour)
	r.fetch()
	for _, row := range rows {
		if row.State == store.UIDLStored {
			t.Errorf("row %+v", row)
		}
	}
	if rows, _ = r.box.UIDLs(ctx, "a@example.org"); len(rows) != 5 || rows[0].State != store.UIDLGone {
		t.Errorf("rows %+v", rows)
	}
}

// TestKeepIsTold: before the first mail is deleted at the provider, the log
// says so and how many there are; once for each rule.
func TestKeepIsTold(t *testing.T) {
	c := &clock{time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	var log bytes.Buffer
	r := newRig(t, pop3d.Options{}, Options{Now: c.now, Log: slog.New(slog.NewTextHandler(&log, nil))})
	told := func(want string) {
		t.Helper()
		r.fetch()
		text := log.String()
		log.Reset()
		switch i := strings.Index(text, "keep rule"); {
		case want == "" && i >= 0, want != "" && (i < 0 || !strings.Contains(text[i:], want)):
			t.Errorf("the log says %q, want %q", text, want)
		}
	}
	r.change(0, func(a *Account) { a.Keep = KeepAlways })
	r.deliver(3)
	told("")
	r.change(0, func(a *Account) { a.Keep = 14 })
	told("")
	c.advance(15 * 24 * time.Hour)
	r.deliver(1)
	told("keep=14d now=3")
	r.change(0, func(a *Account) { a.Keep = KeepNever })
	r.deliver(1)
	told("keep=never now=2")
	r.deliver(1)
	told("")
}

func TestDryRun(t *testing.T) {
	r := newRig(t, pop3d.Options{}, Options{})
	r.deliver(4)
	res, err := r.Round(ctx, "a@example.org", FetchOptions{DryRun: true})
	if err != nil || res.WouldRetrieve != 4 || res.WouldDelete != 4 || res.WouldBytes == 0 || res.Retrieved != 0 {
		t.Errorf("%+v %v", res, err)
	}
	if r.retrieved() != 0 || len(r.stored()) != 0 || len(r.drop.Held()) != 4 {
		t.Error("a dry run did something")
	}
}

// TestLocalDeletion: what a person deleted is not fetched again, and is
// deleted at the provider once it is due.
func TestLocalDeletion(t *testing.T) {
	c := &clock{time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	r := newRig(t, pop3d.Options{}, Options{Now: c.now})
	r.change(0, func(a *Account) { a.Keep = 14 })
	r.deliver(3)
	r.fetch()
	r.expunge()
	if res := r.fetch(); res.Retrieved != 0 {
		t.Errorf("%+v", res)
	}
	c.advance(15 * 24 * time.Hour)
	if res := r.fetch(); res.Retrieved != 0 || res.Deleted != 3 {
		t.Errorf("%+v", res)
	}
	if n := r.count(); n != 0 {
		t.Errorf("%d mails came back", n)
	}
}

// TestReturning: UIDs that were missing from a listing and come back are
// compared by TOP, and without TOP by content.
func TestReturning(t *testing.T) {
	for _, without := range [][]string{nil, {"TOP"}} {
		var away atomic.Bool
		r := newRig(t, pop3d.Options{Without: without, Script: on(func(c *pop3d.Command) {
			if away.Load() && (c.Verb == "STAT" || c.Verb == "LIST" || c.Verb == "UIDL") {
				c.Reply(map[string]string{"STAT": "+OK 0 0"}[c.Verb] + map[bool]string{true: "+OK\r\n."}[c.Verb != "STAT"])
			}
		})}, Options{})
		r.change(0, func(a *Account) { a.Keep = KeepAlways })
		r.deliver(5)
		r.fetch()
		away.Store(true)
		r.fetch()
		away.Store(false)
		res := r.fetch()
		if res.Retrieved != 0 || without == nil && r.retrieved() != 5 {
			t.Errorf("%v: %+v, retrieved %d", without, res, r.retrieved())
		}
		r.fetch()
		if want := 5 + 5*len(without); r.retrieved() != want {
			t.Errorf("%v: retrieved %d, want %d", without, r.retrieved(), want)
		}
		r.exactlyOnce()
	}
}

// TestReused: a provider that numbers by position gives a UID to other mail.
func TestReused(t *testing.T) {
	for _, without := range [][]string{nil, {"TOP"}, {"PIPELINING"}} {
		for _, keep := range []Keep{KeepAlways, KeepNever} {
			var stay atomic.Bool
			stay.Store(true)
			r := newRig(t, pop3d.Options{Without: without, Script: on(func(c *pop3d.Command) {
				if c.Verb == "DELE" && stay.Load() {
					c.Reply("-ERR not now")
				}
			})}, Options{})
			r.change(0, func(a *Account) { a.Keep = keep })
			r.drop.UIDs = func(m pop3d.Mail, n int) string { return fmt.Sprint(n + 1) }
			r.deliver(6)
			r.fetch()
			r.drop.Take(1)
			r.drop.Take(3) // another program did
			r.deliver(3)
			r.fetch()
			r.drop.Take(2)
			r.deliver(1)
			stay.Store(false)
			r.fetch()
			r.fetch()
			r.nothingLost()
			if keep == KeepNever {
				r.exactlyOnce()
				if n := len(r.drop.Held()); n != 0 {
					t.Errorf("%v: %d left", without, n)
				}
			}
		}
	}
}

// TestReusedWhileKept: with mail kept at the provider, mail behind UIDs that
// are mere positions is fetched at the latest when it would be deleted.
func TestReusedWhileKept(t *testing.T) {
	c := &clock{time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	r := newRig(t, pop3d.Options{}, Options{Now: c.now})
	r.change(0, func(a *Account) { a.Keep = 14 })
	r.drop.UIDs = func(m pop3d.Mail, n int) string { return fmt.Sprint(n + 1) }
	same := func(n int) { // all of one size
		r.drop.Deliver(fmt.Appendf(nil, "Message-ID: <%03d@example.org>\r\n\r\n", n))
	}
	for n := range 6 {
		same(n)
	}
	r.fetch()
	r.drop.Take(1)
	r.drop.Take(2)
	r.drop.Take(3)
	for n := range 3 {
		same(100 + n)
	}
	c.advance(15 * 24 * time.Hour)
	for range 4 {
		r.fetch()
		r.nothingLost()
		c.advance(15 * 24 * time.Hour)
	}
	r.exactlyOnce()
}

func TestDuplicateUIDs(t *testing.T) {
	for _, keep := range []Keep{KeepNever, KeepAlways} {
		r := newRig(t, pop3d.Options{}, Options{})
		r.change(0, func(a *Account) { a.Keep = keep })
		for _, m := range []pop3d.Mail{
			{UID: "a", Bytes: mailText("one")}, {UID: "a", Bytes: mailText("one")}, // copies
			{UID: "b", Bytes: mailText("two")}, {UID: "b", Bytes: mailText("three longer")}, {UID: "b", Bytes: mailText("wow")},
			{UID: "c", Bytes: mailText("four")},
		} {
			r.drop.Add(m)
		}
		r.fetch()
		for range 2 {
			if res := r.fetch(); res.Retrieved != 0 {
				t.Errorf("%+v", res)
			}
		}
		r.exactlyOnce()
		if keep == KeepNever && len(r.drop.Held()) != 0 {
			t.Errorf("%d left", len(r.drop.Held()))
		}
		if r.retrieved() != 6 {
			t.Errorf("retrieved %d times", r.retrieved())
		}
	}
}

// TestTwins: two mails with the same bytes and different UIDs in one listing
// are both kept.
func TestTwins(t *testing.T) {
	r := newRig(t, pop3d.Options{}, Options{})
	r.change(0, func(a *Account) { a.Keep = KeepAlways })
	r.drop.Add(pop3d.Mail{UID: "a", Bytes: mailText("one")})
	r.fetch()
	r.drop.Add(pop3d.Mail{UID: "b", Bytes: mailText("one")})
	r.drop.Add(pop3d.Mail{UID: "c", Bytes: mailText("one")})
	r.fetch()
	if n := r.count(); n != 3 {
		t.Errorf("%d kept", n)
	}
}

// TestRenamed: mails whose UID alone has changed are not stored again.
func TestRenamed(t *testing.T) {
	for _, without := range [][]string{nil, {"TOP"}, {"PIPELINING"}} {
		r := newRig(t, pop3d.Options{Without: without}, Options{})
		r.change(0, func(a *Account) { a.Keep = KeepAlways })
		r.deliver(40)
		r.fetch()
		r.drop.Rename(func(m pop3d.Mail) string { return "new" + m.UID })
		r.deliver(2)
		res := r.fetch()
		if res.Retrieved != 2 {
			t.Errorf("%v: %+v", without, res)
		}
		// With TOP none of them was even retrieved.
		if n := r.retrieved(); len(without) == 0 && n != 42 {
			t.Errorf("retrieved %d times", n)
		}
		r.exactlyOnce()
		if res := r.fetch(); res.Retrieved != 0 {
			t.Errorf("%+v", res)
		}
		// A few only, and new mail.
		r.drop.Rename(func(m pop3d.Mail) string {
			if m.ID%3 == 0 {
				return "again" + m.UID
			}
			return m.UID
		})
		r.deliver(2)
		if res := r.fetch(); res.Retrieved != 2 {
			t.Errorf("%v: %+v", without, res)
		}
		r.exactlyOnce()
		r.change(0, func(a *Account) { a.Keep = KeepNever })
		r.fetch()
		r.exactlyOnce()
		if len(r.drop.Held()) != 0 {
			t.Errorf("%d left", len(r.drop.Held()))
		}
	}
}

// TestMigrated: with the UIDs the provider also changed the headers a little.
func TestMigrated(t *testing.T) {
	for _, without := range [][]string{nil, {"TOP"}} {
		r := newRig(t, pop3d.Options{Without: without, Script: on(func(c *pop3d.Command) {
			if c.Conn > 0 && (c.Verb == "RETR" || c.Verb == "TOP") {
				c.Out = bytes.Replace(c.Out, []byte("\r\n"), []byte("\r\nStatus: O\r\n"), 1)
			}
		})}, Options{})
		r.change(0, func(a *Account) { a.Keep = KeepAlways })
		r.deliver(30)
		r.fetch()
		r.drop.Rename(func(m pop3d.Mail) string { return "new" + m.UID })
		if res := r.fetch(); res.Retrieved != 0 {
			t.Errorf("%v: %+v", without, res)
		}
		r.exactlyOnce()
	}
}

// TestNoUsableUIDs: blank UIDs, UIDs with blanks, endless ones.
func TestNoUsableUIDs(t *testing.T) {
	for _, keep := range []Keep{KeepAlways, KeepNever} {
		c := &clock{time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
		r := newRig(t, pop3d.Options{}, Options{Now: c.now})
		r.change(0, func(a *Account) { a.Keep = keep })
		r.drop.UIDs = func(m pop3d.Mail, n int) string {
			return []string{"", "two words", strings.Repeat("x", 400), m.UID}[m.ID%4]
		}
		r.deliver(8)
		r.fetch()
		r.deliver(4)
		r.fetch()
		c.advance(25 * time.Hour)
		r.fetch()
		r.exactlyOnce()
		if keep == KeepNever && len(r.drop.Held()) != 0 {
			t.Errorf("%d left", len(r.drop.Held()))
		}
		if n := r.retrieved(); keep == KeepAlways && n > 12+9 {
			t.Errorf("retrieved %d times", n)
		}
	}
}

// TestNoUIDL: a provider without UIDL is drained by content.
func TestNoUIDL(t *testing.T) {
	for _, without := range [][]string{{"UIDL"}, {"UIDL", "CAPA", "TOP", "PIPELINING"}} {
		for _, keep := range []Keep{KeepNever, 14} {
			c := &clock{time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
			r := newRig(t, pop3d.Options{Without: without, Script: onFirst(pop3d.Script{On: func(c *pop3d.Command) {
				if c.Verb == "QUIT" {
					c.Vanish()
				}
			}})}, Options{Now: c.now})
			r.change(0, func(a *Account) { a.Keep = keep })
			r.deliver(6)
			r.Round(ctx, "a@example.org", FetchOptions{})
			r.fetch()
			r.deliver(2)
			r.fetch()
			r.exactlyOnce()
			c.advance(20 * 24 * time.Hour)
			r.deliver(1)
			r.fetch()
			r.exactlyOnce()
			if n := len(r.drop.Held()); n > 1 || keep == KeepNever && n > 0 {
				t.Errorf("%v %v: %d left", without, keep, n)
			}
		}
	}
}

// TestChangingBytes: a provider that sends a mail with other bytes each time
// (courier-pop does for raw 8-bit headers) still has it deleted and not stored
// twice.
func TestChangingBytes(t *testing.T) {
	c := &clock{time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	n := 0
	r := newRig(t, pop3d.Options{Without: []string{"TOP"}, Script: on(func(c *pop3d.Command) {
		if c.Verb == "RETR" {
			n++
			c.Out = bytes.Replace(c.Out, []byte("Hello"), fmt.Appendf(nil, "%05d", n), 1)
		}
	})}, Options{Now: c.now})
	r.change(0, func(a *Account) { a.Keep = 14 })
	r.deliver(5)
	r.fetch()
	c.advance(15 * 24 * time.Hour)
	if res := r.fetch(); res.Retrieved != 0 || res.Deleted != 5 || r.count() != 5 {
		t.Errorf("%+v, %d stored", res, r.count())
	}
}

// TestUnrecognisable: a provider that sends a mail without Message-ID and Date
// with other bytes each time makes it a new mail when it is compared, once and
// not with every round.
func TestUnrecognisable(t *testing.T) {
	c := &clock{time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	n := 0
	r := newRig(t, pop3d.Options{Script: on(func(c *pop3d.Command) {
		if c.Verb == "RETR" || c.Verb == "TOP" {
			n++
			c.Out = bytes.Replace(c.Out, []byte("boundary=00000"), fmt.Appendf(nil, "boundary=%05d", n), 1)
		}
	})}, Options{Now: c.now})
	r.change(0, func(a *Account) { a.Keep = 14 })
	r.drop.Deliver([]byte("From: a@example.org\r\nContent-Type: multipart/mixed; boundary=00000\r\n\r\nx\r\n"))
	r.fetch()
	c.advance(15 * 24 * time.Hour)
	for range 5 {
		r.fetch()
		c.advance(time.Hour)
	}
	if n := r.count(); n > 2 {
		t.Errorf("%d copies", n)
	}
	r.change(0, func(a *Account) { a.Keep = KeepNever })
	r.fetch()
	if n := len(r.drop.Held()); n != 0 {
		t.Errorf("%d left", n)
	}
}

// TestUTF8: the command is sent where it is announced, and a refusal of it
// changes nothing.
func TestUTF8(t *testing.T) {
	for _, reply := range []string{"+OK", "-ERR not now"} {
		asked := 0
		r := newRig(t, pop3d.Options{Capabilities: []string{"UTF8 USER"}, Script: on(func(c *pop3d.Command) {
			if c.Verb == "UTF8" {
				asked++
				c.Reply(reply)
			}
		})}, Options{})
		r.deliver(2)
		if res := r.fetch(); res.Retrieved != 2 || asked != 1 {
			t.Errorf("%s: %+v, asked %d times", reply, res, asked)
		}
		r.exactlyOnce()
	}
}

// TestReAdded: an account that was removed and added again downloads nothing
// again, for its rows are the address's.
func TestReAdded(t *testing.T) {
	r := newRig(t, pop3d.Options{}, Options{})
	r.change(0, func(a *Account) { a.Keep = KeepAlways })
	r.deliver(5)
	r.fetch()
	r.change(0, func(a *Account) {
		old := a.ID
		a.ID = store.NewID()
		r.password[a.ID] = r.password[old]
	})
	if res := r.fetch(); res.Retrieved != 0 {
		t.Errorf("%+v", res)
	}
	if st := r.state(0); st.Waiting != 0 || st.ServerCount != 5 {
		t.Errorf("%+v", st)
	}
}

func TestSeenBefore(t *testing.T) {
	r := newRig(t, pop3d.Options{}, Options{})
	r.change(0, func(a *Account) { a.SeenBefore = 30 * 24 * time.Hour })
	fresh := bytes.ReplaceAll(mailText("fresh"), []byte("Thu, 29 Feb 2024 12:00:00 +0000"), []byte(time.Now().Format(time.RFC1123Z)))
	r.deliver(2)
	r.drop.Deliver(fresh)
	r.fetch()
	r.deliver(1) // after the first drain all is new
	r.fetch()
	m, err := r.box.View(store.ViewOptions{}).Mailbox(ctx, "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	var got []bool
	for _, e := range m.Snapshot().All() {
		got = append(got, e.Flags&store.FlagSeen != 0)
	}
	if fmt.Sprint(got) != "[true true false false]" {
		t.Errorf("seen: %v", got)
	}
}

func TestDates(t *testing.T) {
	r := newRig(t, pop3d.Options{}, Options{})
	r.deliver(1)
	r.fetch()
	m, _ := r.box.View(store.ViewOptions{}).Mailbox(ctx, "INBOX")
	var entries []store.Entry
	for _, e := range m.Snapshot().All() {
		entries = append(entries, e)
	}
	m.Mails(ctx, entries, 0, func(_ store.Entry, mail *store.Mail) error {
		if !mail.Date.Equal(time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)) {
			t.Errorf("INTERNALDATE %v is not that of the topmost Received field", mail.Date)
		}
		if mail.Hash != sha256.Sum256(r.drop.All()[0].Bytes) {
			t.Error("hash")
		}
		return nil
	})
}
