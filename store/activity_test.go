package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
)

// activityOf describes rows, the earliest first.
func activityOf(t *testing.T, b *Box, q ActivityQuery) (out []string) {
	t.Helper()
	rows, err := b.Activity(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		who := map[ID]string{"": "hub", marko.Person: "marko", petra.Person: "petra"}[r.Person]
		s := fmt.Sprintf("%s %s %s %d %s %s", who, r.Action, r.Mailbox, r.Count, r.UIDs.String(), r.Subject)
		if r.Source != "" {
			s += " from " + r.Source
		}
		if r.Account != "" {
			s += " by " + r.Account
		}
		out = append(out, strings.Join(strings.Fields(s), " "))
	}
	slices.Reverse(out)
	return out
}

func wantActivity(t *testing.T, b *Box, q ActivityQuery, want ...string) {
	t.Helper()
	if got := activityOf(t, b, q); !slices.Equal(got, want) {
		t.Errorf("%+v gives\n%s\nwant\n%s", q, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestActivity(t *testing.T) {
	now := someDay
	b := newBox(t)
	b.now = func() time.Time { return now }
	his, hers := b.View(ViewOptions{Actor: marko}), b.View(ViewOptions{Actor: petra})
	inboxID, err := b.MailboxID("INBOX")
	if err != nil {
		t.Fatal(err)
	}
	one, two := incoming(t, b, "one"), incoming(t, b, "two")
	one.UIDL = &UIDL{Address: "marko@example.org", UID: "1", State: UIDLStored}
	id := one.Hash()
	if _, err := b.Deliver(ctx, inboxID, []*Incoming{one, two}); err != nil {
		t.Fatal(err)
	}
	m := open(t, his, "INBOX")
	flag := func(m *Mailbox, op FlagsOp, f imap.Flag, uids ...imap.UID) {
		t.Helper()
		if _, err := m.StoreFlags(ctx, FlagsChange{UIDs: imap.UIDSetNum(uids...), Op: op, Flags: []imap.Flag{f}}); err != nil {
			t.Fatal(err)
		}
	}
	flag(m, FlagsAdd, imap.FlagSeen, 1, 2)
	now = now.Add(time.Hour)
	flag(open(t, hers, "INBOX"), FlagsAdd, imap.FlagAnswered, 2)
	if _, err := hers.CreateMailbox(ctx, "Projekt", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, hers, "INBOX").Move(ctx, imap.UIDSetNum(1, 2), hers, "Projekt"); err != nil {
		t.Fatal(err)
	}
	if err := his.RenameMailbox(ctx, "Projekt", "Project"); err != nil {
		t.Fatal(err)
	}
	p := open(t, his, "Project")
	if _, err := p.Copy(ctx, imap.UIDSetNum(2), his, "Archive"); err != nil {
		t.Fatal(err)
	}
	flag(p, FlagsAdd, imap.FlagDeleted, 2)
	if _, err := p.Expunge(ctx, nil); err != nil {
		t.Fatal(err)
	}
	wantActivity(t, b, ActivityQuery{},
		"hub delivered INBOX 2 1:2 one by marko@example.org",
		"marko read INBOX 2 1:2 one",
		"petra answered INBOX 1 2 two",
		"petra created Projekt 0",
		"petra moved Projekt 2 1:2 one from INBOX",
		"marko renamed Project 0",
		"marko copied Archive 1 1 two from Project",
		"marko flags Project 1 2 two",
		"marko deleted Project 1 2 two",
	)
	// A row that tells of its first mail only is found for the others, too.
	two2 := []string{
		"hub delivered INBOX 2 1:2 two by marko@example.org",
		"marko read INBOX 2 1:2 two",
		"petra answered INBOX 1 2 two",
		"petra moved Projekt 2 1:2 two from INBOX",
		"marko copied Archive 1 1 two from Project",
		"marko flags Project 1 2 two",
		"marko deleted Project 1 2 two",
	}
	wantActivity(t, b, ActivityQuery{Message: "<two@example.org>"}, two2...)
	wantActivity(t, b, ActivityQuery{Message: "two@example.org"}, two2...)
	wantActivity(t, b, ActivityQuery{Message: strings.ToUpper(idEncoding.EncodeToString(id[:]))},
		"hub delivered INBOX 2 1:2 one by marko@example.org",
		"marko read INBOX 2 1:2 one",
		"petra moved Projekt 2 1:2 one from INBOX",
	)
	wantActivity(t, b, ActivityQuery{Message: "<two@example.org>", Person: petra.Person},
		"petra answered INBOX 1 2 two", "petra moved Projekt 2 1:2 two from INBOX")
	wantActivity(t, b, ActivityQuery{Device: marko.Device, Since: now},
		"marko renamed Project 0", "marko copied Archive 1 1 two from Project", "marko flags Project 1 2 two", "marko deleted Project 1 2 two")
	wantActivity(t, b, ActivityQuery{Limit: 2}, "marko flags Project 1 2 two", "marko deleted Project 1 2 two")
	wantActivity(t, b, ActivityQuery{Message: "<three@example.org>"})

	rows, err := b.Activity(ctx, ActivityQuery{Limit: 1})
	if err != nil || rows[0].MessageID != "<two@example.org>" || len(rows[0].MailID) != 52 || !rows[0].Time.Equal(now) || rows[0].Device != marko.Device {
		t.Errorf("%+v %v", rows, err)
	}
}

// A mail that no row describes is followed by its UIDs alone.
func TestActivityFollowsMoves(t *testing.T) {
	b := newBox(t)
	v := b.View(ViewOptions{Actor: marko})
	appendMails(t, v, "INBOX", "one", "two", "three", "four")
	for _, step := range []struct {
		from, to string
		uids     imap.UIDSet
	}{
		{"INBOX", "Archive", imap.UIDSetNum(1, 3, 4)},
		{"Archive", "Sent", imap.UIDSetNum(1, 2)},
		{"Sent", "Sent", imap.UIDSetNum(1, 2)},
	} {
		m := open(t, v, step.from)
		if _, err := m.StoreFlags(ctx, FlagsChange{UIDs: step.uids, Flags: []imap.Flag{imap.FlagSeen}}); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Move(ctx, step.uids, v, step.to); err != nil {
			t.Fatal(err)
		}
	}
	expunge(t, v, "Sent", 3, 4)
	wantActivity(t, b, ActivityQuery{Message: "three@example.org"},
		"marko appended INBOX 4 1:4 three",
		"marko read INBOX 3 1,3:4 three",
		"marko moved Archive 3 1:3 three from INBOX",
		"marko moved Sent 2 1:2 three from Archive",
		"marko moved Sent 2 3:4 three from Sent",
		"marko flags Sent 2 3:4 three",
		"marko deleted Sent 2 3:4 three")
	wantActivity(t, b, ActivityQuery{Message: "four@example.org"},
		"marko appended INBOX 4 1:4 four",
		"marko read INBOX 3 1,3:4 four",
		"marko moved Archive 3 1:3 four from INBOX")
}

// The activity is bounded in number and age.
func TestActivityIsPruned(t *testing.T) {
	now := someDay
	b := newBox(t)
	b.now = func() time.Time { return now }
	v := b.View(ViewOptions{Actor: marko})
	subscribe := func(n int) {
		t.Helper()
		err := b.writer.do(ctx, &request{run: func(t *tx) error {
			for range n {
				if err := t.record(deed{who: marko, action: "read", place: t.folders().names[inbox].row, name: inbox}); err != nil {
					return err
				}
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	count := func() int {
		t.Helper()
		rows, err := b.Activity(ctx, ActivityQuery{Limit: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		return len(rows)
	}
	subscribe(1000)
	now = now.Add(activityAge + time.Hour)
	subscribe(100)
	if n := count(); n < 100 || n > 1100 {
		t.Errorf("%d rows", n)
	}
	subscribe(1000)
	if n := count(); n != 1100 {
		t.Errorf("%d rows, want the 1100 that are not too old", n)
	}
	if _, err := v.CreateMailbox(ctx, "last", ""); err != nil {
		t.Fatal(err)
	}
	if err := b.writer.do(ctx, &request{run: func(t *tx) error {
		return t.exec("UPDATE activity SET id=id+?", activityRows)
	}}); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 1101 {
		t.Errorf("%d rows", n)
	}
	subscribe(3 * activityEvery)
	// All have ids in a row, so nothing is too many.
	if n := count(); n != 1101+3*activityEvery {
		t.Errorf("%d rows", n)
	}
	if err := b.writer.do(ctx, &request{run: func(t *tx) error {
		return t.exec("UPDATE activity SET id=id-? WHERE id<=(SELECT min(id)+499 FROM activity)", activityRows)
	}}); err != nil {
		t.Fatal(err)
	}
	subscribe(2 * activityEvery)
	if n := count(); n != 1101+5*activityEvery-500 {
		t.Errorf("%d rows, want %d", n, 1101+5*activityEvery-500)
	}
}

// A set of UIDs that is too long is cut between its numbers.
func TestActivitySet(t *testing.T) {
	var uids imap.UIDSet
	for i := range 5000 {
		uids.AddNum(imap.UID(2*i + 1))
	}
	set := activitySet(uids)
	if len(set) > activityUIDs || !strings.HasPrefix(uids.String(), set+",") || len(parseSpans(set)) < 500 {
		t.Errorf("%d octets: …%s", len(set), set[max(0, len(set)-20):])
	}
	runs := []span{{3, 5}, {9, 9}, {20, 30}}
	for n, uid := range []uint32{3, 4, 5, 9, 20, 21} {
		if got, ok := nth(runs, n); !ok || got != uid || indexIn(runs, uid) != n {
			t.Errorf("%d: %d, %d", n, got, indexIn(runs, uid))
		}
	}
	if _, ok := nth(runs, 15); ok {
		t.Error("there are only 15")
	}
}
