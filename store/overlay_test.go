package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
)

var (
	heShe = []ID{marko.Person, petra.Person}
	phone = Actor{Person: "markoaaaaaaaaaaa", Device: "smartphoneaaaaaa"}
	pc    = Actor{Person: "markoaaaaaaaaaaa", Device: "desktoppcaaaaaaa"}
)

func as(b *Box, who Actor) *View { return b.View(ViewOptions{Actor: who}) }

func setPolicy(t *testing.T, b *Box, p Policy) []ID {
	t.Helper()
	back, err := b.SetPolicy(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// sees describes a mailbox as a view sees it: "1 2SD" is two messages, the
// second one \Seen and \Deleted.
func sees(t *testing.T, v *View, name string) string {
	t.Helper()
	m := open(t, v, name)
	var out []string
	for _, e := range m.Snapshot().All() {
		s := fmt.Sprint(e.UID)
		for _, f := range []struct {
			bit Flags
			as  string
		}{{FlagSeen, "S"}, {FlagAnswered, "A"}, {FlagFlagged, "F"}, {FlagDeleted, "D"}} {
			if e.Flags&f.bit != 0 {
				s += f.as
			}
		}
		out = append(out, s)
	}
	st, err := v.Status(ctx, name, false)
	if err != nil {
		t.Fatal(err)
	}
	if unseen := len(out) - strings.Count(strings.Join(out, " "), "S"); st.Messages != len(out) || st.Unseen != unseen {
		t.Errorf("STATUS says %d messages, %d unseen; the snapshot %d, %d", st.Messages, st.Unseen, len(out), unseen)
	}
	return strings.Join(out, " ")
}

func wantSees(t *testing.T, v *View, name, want string) {
	t.Helper()
	if got := sees(t, v, name); got != want {
		t.Errorf("%s of %s: %q, want %q", name, v.Actor().Device, got, want)
	}
}

func flag(t *testing.T, v *View, name string, op FlagsOp, uid imap.UID, flags ...imap.Flag) {
	t.Helper()
	if _, err := open(t, v, name).StoreFlags(ctx, FlagsChange{UIDs: imap.UIDSetNum(uid), Op: op, Flags: flags}); err != nil {
		t.Fatal(err)
	}
}

func TestPrivateSeen(t *testing.T) {
	b := newBox(t)
	appendMails(t, as(b, Actor{}), "INBOX", "a", "b", "c")
	he, she := as(b, marko), as(b, petra)
	flag(t, he, "INBOX", FlagsAdd, 1, imap.FlagSeen)
	setPolicy(t, b, Policy{PrivateSeen: true, Readers: heShe})
	wantSees(t, he, "INBOX", "1S 2 3")
	wantSees(t, she, "INBOX", "1S 2 3") // starts from what anybody has read

	before := open(t, he, "INBOX").Snapshot()
	flag(t, she, "INBOX", FlagsAdd, 2, imap.FlagSeen, imap.FlagFlagged)
	wantSees(t, she, "INBOX", "1S 2SF 3")
	wantSees(t, he, "INBOX", "1S 2F 3")
	if e := open(t, he, "INBOX").Snapshot().At(1); e.ModSeq <= before.At(1).ModSeq {
		t.Error("he is not told of the flag she set")
	}

	before = open(t, he, "INBOX").Snapshot()
	flag(t, she, "INBOX", FlagsAdd, 3, imap.FlagSeen)
	Diff(before, open(t, he, "INBOX").Snapshot(), func(c Change) bool {
		t.Errorf("he is told of what only she did: %+v", c)
		return true
	})
	wantSees(t, she, "INBOX", "1S 2SF 3S")
	wantSees(t, he, "INBOX", "1S 2F 3")

	// What nobody has read any more is unread for all.
	flag(t, she, "INBOX", FlagsRemove, 3, imap.FlagSeen)
	wantSees(t, she, "INBOX", "1S 2SF 3")
	wantSees(t, as(b, Actor{}), "INBOX", "1S 2SF 3")
	flag(t, he, "INBOX", FlagsRemove, 1, imap.FlagSeen)
	wantSees(t, he, "INBOX", "1 2F 3")
	wantSees(t, she, "INBOX", "1S 2SF 3")

	// Setting the whole set of flags acts on one's own \Seen.
	flag(t, he, "INBOX", FlagsSet, 2, imap.FlagSeen)
	wantSees(t, he, "INBOX", "1 2S 3")
	wantSees(t, she, "INBOX", "1S 2S 3")
	flag(t, he, "INBOX", FlagsSet, 2)
	wantSees(t, she, "INBOX", "1S 2S 3")
	wantSees(t, he, "INBOX", "1 2 3")

	// Copies keep who has read them; what one brings as read is unread for others.
	if _, err := open(t, she, "INBOX").Copy(ctx, imap.UIDSet{{Start: 1, Stop: 3}}, she, "Archive"); err != nil {
		t.Fatal(err)
	}
	wantSees(t, she, "Archive", "1S 2S 3")
	wantSees(t, he, "Archive", "1 2 3")
	if _, err := she.Append(ctx, "Archive", []*Incoming{incoming(t, b, "d", imap.FlagSeen)}); err != nil {
		t.Fatal(err)
	}
	wantSees(t, he, "Archive", "1 2 3 4")
	wantSees(t, she, "Archive", "1S 2S 3 4S")
	if _, err := she.Append(ctx, "Sent", []*Incoming{incoming(t, b, "e", imap.FlagSeen)}); err != nil {
		t.Fatal(err)
	}
	wantSees(t, he, "Sent", "1S")

	// It survives a restart, and switching off leaves what anybody has read.
	dir := b.disk.dir
	closeBox(t, b)
	b = reopen(t, dir)
	he, she = as(b, marko), as(b, petra)
	wantSees(t, he, "INBOX", "1 2 3")
	wantSees(t, she, "INBOX", "1S 2S 3")
	before = open(t, he, "INBOX").Snapshot()
	setPolicy(t, b, Policy{Readers: heShe})
	wantSees(t, he, "INBOX", "1S 2S 3")
	told := 0
	Diff(before, open(t, he, "INBOX").Snapshot(), func(c Change) bool {
		if c.New.ModSeq <= c.Old.ModSeq {
			t.Errorf("message %d changed without a new mod-sequence", c.New.UID)
		}
		told++
		return true
	})
	// 1 and 2 are read now; 3, which she had read for a while, keeps her mod-sequence.
	if told != 3 {
		t.Errorf("he is told of %d changes, want 3", told)
	}
}

// TestPrivateSeenModSeq: UNCHANGEDSINCE and MODSEQ are those of the view.
func TestPrivateSeenModSeq(t *testing.T) {
	b := newBox(t)
	appendMails(t, as(b, Actor{}), "INBOX", "a")
	setPolicy(t, b, Policy{PrivateSeen: true, Readers: heShe})
	he, she := as(b, marko), as(b, petra)
	at := open(t, he, "INBOX").Snapshot().At(0).ModSeq
	flag(t, she, "INBOX", FlagsAdd, 1, imap.FlagSeen)
	done, err := open(t, he, "INBOX").StoreFlags(ctx, FlagsChange{UIDs: imap.UIDSetNum(1), Op: FlagsAdd, Flags: []imap.Flag{imap.FlagSeen}, UnchangedSince: &at})
	if err != nil || len(done.Modified) > 0 || done.ModSeq == 0 {
		t.Errorf("his change failed on hers: %+v %v", done, err)
	}
	last := uint64(0)
	for _, op := range []FlagsOp{FlagsRemove, FlagsAdd, FlagsRemove, FlagsRemove} {
		for _, v := range []*View{he, she} {
			flag(t, v, "INBOX", op, 1, imap.FlagSeen)
			e := open(t, he, "INBOX").Snapshot().At(0)
			if e.ModSeq < last {
				t.Fatalf("his MODSEQ fell from %d to %d", last, e.ModSeq)
			}
			last = e.ModSeq
		}
	}
}

// TestReaderComesBack: what others did to \Seen while a person had no access
// reaches his clients when the access is given back, and no mod-sequence fell
// (seed 926 of the views' model).
func TestReaderComesBack(t *testing.T) {
	b := newBox(t)
	appendMails(t, as(b, Actor{}), "INBOX", "a", "b", "c")
	both := Policy{PrivateSeen: true, Readers: heShe}
	setPolicy(t, b, both)
	he, she := as(b, marko), as(b, petra)
	flag(t, she, "INBOX", FlagsAdd, 1, imap.FlagSeen) // unread for him
	flag(t, he, "INBOX", FlagsAdd, 3, imap.FlagSeen)
	before := open(t, he, "INBOX").Snapshot()
	setPolicy(t, b, Policy{PrivateSeen: true, Readers: []ID{petra.Person}})
	flag(t, she, "INBOX", FlagsAdd, 2, imap.FlagSeen)
	setPolicy(t, b, both)
	wantSees(t, he, "INBOX", "1S 2S 3S")
	for i, e := range open(t, he, "INBOX").Snapshot().All() {
		if e.Flags != before.At(i).Flags && e.ModSeq <= before.HighestModSeq || e.ModSeq < before.At(i).ModSeq {
			t.Errorf("message %d: %+v, was %+v", e.UID, e, before.At(i))
		}
	}
}

// TestOwnDeletedBegins: when \Deleted becomes a device's own, or the common
// one again, its clients are told of messages that change by that.
func TestOwnDeletedBegins(t *testing.T) {
	b := newBox(t)
	appendMails(t, as(b, Actor{}), "INBOX", "a", "b")
	rule := func(here bool) {
		setPolicy(t, b, Policy{Devices: map[ID]DevicePolicy{phone.Device: {Here: here, Days: 36500}}})
	}
	rule(false)
	onPhone := as(b, phone)
	flag(t, as(b, pc), "INBOX", FlagsAdd, 1, imap.FlagDeleted)
	for i, want := range []string{"1 2", "1D 2", "1 2", "1D 2"} {
		before := open(t, onPhone, "INBOX").Snapshot()
		rule(i%2 == 0)
		wantSees(t, onPhone, "INBOX", want)
		now := open(t, onPhone, "INBOX").Snapshot()
		if now.At(0).ModSeq <= before.HighestModSeq {
			t.Errorf("round %d: changed without a new mod-sequence", i)
		}
		if i == 0 { // its own, which must be gone the next time
			flag(t, onPhone, "INBOX", FlagsAdd, 2, imap.FlagDeleted)
		}
	}
}

func TestDeleteHere(t *testing.T) {
	b := newBox(t)
	appendMails(t, as(b, Actor{}), "INBOX", "a", "b", "c", "d")
	setPolicy(t, b, Policy{Readers: heShe, Devices: map[ID]DevicePolicy{phone.Device: {Here: true}}})
	onPhone, onPC := as(b, phone), as(b, pc)

	// Its \Deleted is its own.
	flag(t, onPhone, "INBOX", FlagsAdd, 2, imap.FlagDeleted)
	flag(t, onPC, "INBOX", FlagsAdd, 3, imap.FlagDeleted)
	wantSees(t, onPhone, "INBOX", "1 2D 3 4")
	wantSees(t, onPC, "INBOX", "1 2 3D 4")
	since := open(t, onPC, "INBOX").Snapshot().HighestModSeq
	before := open(t, onPC, "INBOX").Snapshot()
	gone, err := open(t, onPhone, "INBOX").Expunge(ctx, nil)
	if err != nil || gone.String() != "2" {
		t.Fatalf("%v %v", gone, err)
	}
	wantSees(t, onPhone, "INBOX", "1 3 4")
	wantSees(t, onPC, "INBOX", "1 2 3D 4")
	Diff(before, open(t, onPC, "INBOX").Snapshot(), func(c Change) bool { t.Errorf("the PC is told %+v", c); return true })
	wantVanished(t, onPhone, "INBOX", since, "2")
	wantVanished(t, onPC, "INBOX", since, "")

	// Trash: for the phone alone.
	moved, err := open(t, onPhone, "INBOX").Move(ctx, imap.UIDSetNum(4), onPhone, "Trash")
	if err != nil || len(moved.Dest) != 1 || moved.Dest[0] != 1 {
		t.Fatalf("%+v %v", moved, err)
	}
	wantSees(t, onPhone, "INBOX", "1 3")
	wantSees(t, onPhone, "Trash", "1")
	wantSees(t, onPC, "INBOX", "1 2 3D 4")
	wantSees(t, onPC, "Trash", "")
	wantSees(t, as(b, Actor{}), "Trash", "")

	// Nobody else's EXPUNGE acts on it; the PC's own does for all.
	flag(t, onPhone, "Trash", FlagsAdd, 1, imap.FlagDeleted)
	if gone, err := open(t, onPC, "Trash").Expunge(ctx, nil); err != nil || len(gone) > 0 {
		t.Errorf("the PC expunged %v of the phone's Trash (%v)", gone, err)
	}
	if _, err := open(t, onPC, "INBOX").Expunge(ctx, nil); err != nil {
		t.Fatal(err)
	}
	wantSees(t, onPhone, "INBOX", "1")
	wantSees(t, onPC, "INBOX", "1 2 4")

	// Filing is common; out of Trash the phone's copy stays the phone's.
	if _, err := open(t, onPhone, "INBOX").Move(ctx, imap.UIDSetNum(1), onPhone, "Archive"); err != nil {
		t.Fatal(err)
	}
	wantSees(t, onPC, "Archive", "1")
	wantSees(t, onPC, "INBOX", "2 4")
	if _, err := open(t, onPhone, "Trash").Move(ctx, imap.UIDSetNum(1), onPhone, "INBOX"); err != nil {
		t.Fatal(err)
	}
	wantSees(t, onPhone, "INBOX", "5")
	wantSees(t, onPC, "INBOX", "2 4")

	dir := b.disk.dir
	closeBox(t, b)
	b = reopen(t, dir)
	onPhone, onPC = as(b, phone), as(b, pc)
	wantSees(t, onPhone, "INBOX", "5")
	wantSees(t, onPC, "INBOX", "2 4")

	// All back.
	since = open(t, onPhone, "INBOX").Snapshot().HighestModSeq
	if back, err := b.ShowAll(ctx, phone.Device); err != nil || !back {
		t.Fatal(back, err)
	}
	wantSees(t, onPhone, "INBOX", "2 4 5")
	for _, e := range open(t, onPhone, "INBOX").Snapshot().All() {
		if e.UID < 5 && e.ModSeq <= since {
			t.Errorf("message %d came back with mod-sequence %d, known up to %d", e.UID, e.ModSeq, since)
		}
	}
	wantVanished(t, onPhone, "INBOX", 1, "1,3") // moved away, expunged by the PC

	// A phone that is lost takes its own away, nothing else.
	if err := b.DropDevice(ctx, phone.Device); err != nil {
		t.Fatal(err)
	}
	wantSees(t, onPC, "INBOX", "2 4")
	wantSees(t, onPhone, "INBOX", "2 4")
	if st, err := onPC.Status(ctx, "INBOX", true); err != nil || st.Size != 2*int64(len(mailText("b"))) {
		t.Errorf("%+v %v", st, err)
	}
}

func wantVanished(t *testing.T, v *View, name string, since uint64, want string) {
	t.Helper()
	gone, err := open(t, v, name).Vanished(ctx, since)
	if err != nil || gone.String() != want {
		t.Errorf("VANISHED since %d: %q %v, want %q", since, gone, err, want)
	}
}

// TestTrashByCopy: clients without MOVE copy to Trash, then expunge.
func TestTrashByCopy(t *testing.T) {
	b := newBox(t)
	appendMails(t, as(b, Actor{}), "INBOX", "a", "b")
	setPolicy(t, b, Policy{Devices: map[ID]DevicePolicy{phone.Device: {Here: true}}})
	onPhone, onPC := as(b, phone), as(b, pc)
	if _, err := open(t, onPhone, "INBOX").Copy(ctx, imap.UIDSetNum(1), onPhone, "Trash"); err != nil {
		t.Fatal(err)
	}
	flag(t, onPhone, "INBOX", FlagsAdd, 1, imap.FlagDeleted)
	if _, err := open(t, onPhone, "INBOX").Expunge(ctx, imap.UIDSetNum(1)); err != nil {
		t.Fatal(err)
	}
	wantSees(t, onPhone, "INBOX", "2")
	wantSees(t, onPhone, "Trash", "1")
	wantSees(t, onPC, "INBOX", "1 2")
	wantSees(t, onPC, "Trash", "")

	// Once the original is gone for all, the phone's is the only one: out of
	// Trash it is everybody's again.
	flag(t, onPC, "INBOX", FlagsAdd, 1, imap.FlagDeleted)
	if _, err := open(t, onPC, "INBOX").Expunge(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, onPhone, "Trash").Move(ctx, imap.UIDSetNum(1), onPhone, "INBOX"); err != nil {
		t.Fatal(err)
	}
	wantSees(t, onPhone, "INBOX", "2 3")
	wantSees(t, onPC, "INBOX", "2 3")
}

func TestWindow(t *testing.T) {
	now := time.Date(2026, 6, 1, 15, 0, 0, 0, time.UTC)
	dir := t.TempDir() + "/box"
	o := Options{Now: func() time.Time { return now }}
	if err := CreateBox(dir, NewID(), o); err != nil {
		t.Fatal(err)
	}
	b, err := OpenBox(ctx, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeBox(t, b) })
	dated := func(days int) *Incoming {
		in := incoming(t, b, fmt.Sprint("d", days))
		in.Date = now.AddDate(0, 0, -days)
		return in
	}
	all := as(b, pc)
	if _, err := all.Append(ctx, "INBOX", []*Incoming{dated(400), dated(100), dated(30), dated(91), dated(5)}); err != nil {
		t.Fatal(err)
	}
	policy := func(days int) Policy { return Policy{Devices: map[ID]DevicePolicy{phone.Device: {Days: days}}} }
	setPolicy(t, b, policy(90))
	small := as(b, phone)
	wantSees(t, small, "INBOX", "3 5")
	wantSees(t, all, "INBOX", "1 2 3 4 5")

	// What arrives late and old is never seen; what is recent is.
	if _, err := all.Append(ctx, "INBOX", []*Incoming{dated(1000), dated(1)}); err != nil {
		t.Fatal(err)
	}
	wantSees(t, small, "INBOX", "3 5 7")

	// A day's slide: one mod-sequence.
	since := open(t, small, "INBOX").Snapshot().HighestModSeq
	now = now.AddDate(0, 0, 61)
	if err := b.Slide(ctx); err != nil {
		t.Fatal(err)
	}
	wantSees(t, small, "INBOX", "5 7")
	wantVanished(t, small, "INBOX", since, "3") // the older ones had left before
	wantVanished(t, all, "INBOX", since, "")
	if got := open(t, small, "INBOX").Snapshot().HighestModSeq; got != since+1 {
		t.Errorf("the slide took %d mod-sequences", got-since)
	}
	if err := b.Slide(ctx); err != nil || open(t, small, "INBOX").Snapshot().HighestModSeq != since+1 {
		t.Error("a second slide on the same day changed something")
	}

	// What the small device expunges is gone for all (its rule is "everywhere").
	flag(t, all, "INBOX", FlagsAdd, 1, imap.FlagDeleted)
	flag(t, small, "INBOX", FlagsAdd, 7, imap.FlagDeleted)
	if gone, err := open(t, small, "INBOX").Expunge(ctx, nil); err != nil || gone.String() != "7" {
		t.Errorf("expunged %v %v: messages beyond the window are not its business", gone, err)
	}

	// Wider: they return, with new mod-sequences; off: all of them.
	since = open(t, small, "INBOX").Snapshot().HighestModSeq
	if back := setPolicy(t, b, policy(200)); len(back) != 1 || back[0] != phone.Device {
		t.Errorf("came back to %v", back)
	}
	wantSees(t, small, "INBOX", "2 3 4 5")
	if e := open(t, small, "INBOX").Snapshot().At(0); e.ModSeq <= since {
		t.Errorf("it came back with mod-sequence %d, known up to %d", e.ModSeq, since)
	}
	if back := setPolicy(t, b, policy(0)); len(back) != 1 {
		t.Errorf("came back to %v", back)
	}
	wantSees(t, small, "INBOX", "1D 2 3 4 5 6")
	if back := setPolicy(t, b, policy(90)); len(back) != 0 {
		t.Errorf("narrowing brought something back to %v", back)
	}
	wantSees(t, small, "INBOX", "5")
}

// TestPlainViewsCostNothing: without anything of their own views share the
// common snapshot.
func TestPlainViewsCostNothing(t *testing.T) {
	b := newBox(t)
	appendMails(t, as(b, Actor{}), "INBOX", "a")
	setPolicy(t, b, Policy{Readers: heShe, Devices: map[ID]DevicePolicy{phone.Device: {Here: true}}})
	common := open(t, as(b, Actor{}), "INBOX").Snapshot()
	if open(t, as(b, petra), "INBOX").Snapshot() != common {
		t.Error("a plain view has a snapshot of its own")
	}
	lens := open(t, as(b, phone), "INBOX").Snapshot()
	if lens == common || lens.chunks[0] != common.chunks[0] {
		t.Error("a view with a rule does not share the chunks that are the same")
	}
	if open(t, as(b, phone), "INBOX").Snapshot() != lens {
		t.Error("a snapshot through a lens is made twice")
	}
}
