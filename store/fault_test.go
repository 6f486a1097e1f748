package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"pgregory.net/rapid"

	"heimpost/store"
	"heimpost/store/faultfs"
)

// What must hold whatever fails and whenever the process or the power goes:
// what was answered OK is there once, what was answered with an error is not,
// what got no answer is there wholly or not at all; UIDs and mod-sequences
// never go back; verify is clean.

var ctx = context.Background()

// picture is what people see of a box: for each mailbox its messages as
// "subject flags", sorted, and the providers' rows.
type picture map[string][]string

func (p picture) clone() picture {
	c := maps.Clone(p)
	for name, list := range c {
		c[name] = slices.Clone(list)
	}
	return c
}

func (p picture) add(mailbox string, messages ...string) {
	p[mailbox] = append(p[mailbox], messages...)
	slices.Sort(p[mailbox])
}

func (p picture) take(mailbox string, messages ...string) {
	for _, m := range messages {
		i := slices.Index(p[mailbox], m)
		p[mailbox] = slices.Delete(p[mailbox], i, i+1)
	}
}

const (
	uidlRows = "(uidl)"    // the providers' rows in a picture
	deleted  = "(deleted)" // what can be restored
)

// world is a box on a file system that goes wrong.
type world struct {
	t       rapid.TB
	fs      *faultfs.FS
	dir     string
	b       *store.Box
	now     picture              // as answered
	maybe   picture              // not nil: an operation got no answer
	subject map[string]string    // UIDVALIDITY/UID → subject, of all ever seen
	highest map[uint32][2]uint64 // UIDVALIDITY → highest UID and mod-sequence ever seen
}

func newWorld(t rapid.TB, dir string, seed uint64) *world {
	w := &world{t: t, fs: faultfs.New(seed), dir: dir, subject: map[string]string{}, highest: map[uint32][2]uint64{}}
	if err := w.fs.MkdirAll(filepath.Dir(dir)); err != nil {
		t.Fatal(err)
	}
	w.fs.Settle()
	return w
}

func (w *world) options() store.Options { return store.Options{FS: w.fs} }

func firstPicture() picture {
	return picture{"INBOX": nil, "Archive": nil, "Drafts": nil, "Junk": nil, "Sent": nil, "Trash": nil}
}

func mailText(subject string) string {
	return "From: a@example.org\r\nSubject: " + subject + "\r\n\r\nHello " + subject + ".\r\n"
}

func (w *world) incoming(subject string, flags ...imap.Flag) (*store.Incoming, error) {
	in, err := w.b.NewIncoming()
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(in, mailText(subject))
	if err == nil {
		_, err = in.Finish()
	}
	if err != nil {
		in.Abort()
		return nil, err
	}
	in.Date, in.Flags = time.Unix(1e9, 0).UTC(), flags
	return in, nil
}

// find gives the UIDs of messages by subject.
func (w *world) find(m *store.Mailbox, subjects ...string) imap.UIDSet {
	var set imap.UIDSet
	for _, e := range m.Snapshot().All() {
		if slices.Contains(subjects, w.subject[fmt.Sprint(m.UIDValidity(), "/", e.UID)]) {
			set.AddNum(e.UID)
		}
	}
	return set
}

func (w *world) know(validity uint32, uid imap.UID, subject string) {
	key := fmt.Sprint(validity, "/", uid)
	if old, known := w.subject[key]; known && old != subject {
		w.t.Fatalf("UID %s was %s, is %s", key, old, subject)
	}
	w.subject[key] = subject
	h := w.highest[validity]
	h[0] = max(h[0], uint64(uid))
	w.highest[validity] = h
}

// step is an operation: do makes it, then says what it makes of a picture.
type step struct {
	name string
	do   func(w *world) error
	then func(p picture)
}

func appendStep(mailbox string, count int, prefix string) step {
	var subjects []string
	for i := range count {
		subjects = append(subjects, fmt.Sprint(prefix, i))
	}
	return step{"append " + prefix, func(w *world) error {
		var mails []*store.Incoming
		for _, s := range subjects {
			in, err := w.incoming(s)
			if err != nil {
				for _, in := range mails {
					in.Abort()
				}
				return err
			}
			mails = append(mails, in)
		}
		done, err := w.b.View(store.ViewOptions{}).Append(ctx, mailbox, mails)
		for i, uid := range done.UIDs {
			if !w.fs.Crashed() {
				w.know(done.UIDValidity, uid, subjects[i])
			}
		}
		return err
	}, func(p picture) {
		for _, s := range subjects {
			p.add(mailbox, s+" []")
		}
	}}
}

func (w *world) mailbox(name string) (*store.View, *store.Mailbox, error) {
	v := w.b.View(store.ViewOptions{})
	m, err := v.Mailbox(ctx, name)
	return v, m, err
}

func transferStep(from, to string, move bool, messages ...string) step {
	return step{"transfer " + from + " " + to, func(w *world) error {
		v, m, err := w.mailbox(from)
		if err != nil {
			return err
		}
		var subjects []string
		for _, s := range messages {
			subjects = append(subjects, strings.Fields(s)[0])
		}
		do := m.Copy
		if move {
			do = m.Move
		}
		done, err := do(ctx, w.find(m, subjects...), v, to)
		for i, uid := range done.Dest {
			if !w.fs.Crashed() {
				w.know(done.UIDValidity, uid, w.subject[fmt.Sprint(m.UIDValidity(), "/", done.Source[i])])
			}
		}
		return err
	}, func(p picture) {
		p.add(to, messages...)
		if move {
			p.take(from, messages...)
		}
	}}
}

func uidlStep(uid string, state store.UIDLState, mailbox string) step {
	row := func(w *world) store.UIDL {
		return store.UIDL{Address: "a@example.org", UID: uid, State: state, FirstAt: time.Unix(1e9, 0)}
	}
	if mailbox == "" {
		return step{"uidl " + uid, func(w *world) error { return w.b.SetUIDLs(ctx, []store.UIDL{row(w)}) },
			func(p picture) {
				p[uidlRows] = slices.DeleteFunc(p[uidlRows], func(s string) bool { return strings.HasPrefix(s, uid+" ") })
				p.add(uidlRows, fmt.Sprint(uid, " ", state))
			}}
	}
	return step{"deliver " + uid, func(w *world) error {
		id, err := w.b.MailboxID(mailbox)
		if err != nil {
			return err
		}
		in, err := w.incoming(uid)
		if err != nil {
			return err
		}
		r := row(w)
		in.UIDL = &r
		done, err := w.b.Deliver(ctx, id, []*store.Incoming{in})
		if err == nil && !w.fs.Crashed() {
			w.know(done.UIDValidity, done.UIDs[0], uid)
		}
		return err
	}, func(p picture) {
		p.add(mailbox, uid+" []")
		p.add(uidlRows, fmt.Sprint(uid, " ", state))
	}}
}

func flagsStep(mailbox, message string, flags ...imap.Flag) step {
	return step{"flags " + message, func(w *world) error {
		_, m, err := w.mailbox(mailbox)
		if err != nil {
			return err
		}
		_, err = m.StoreFlags(ctx, store.FlagsChange{UIDs: w.find(m, strings.Fields(message)[0]), Flags: flags})
		return err
	}, func(p picture) {
		p.take(mailbox, message)
		p.add(mailbox, fmt.Sprint(strings.Fields(message)[0], " ", flags))
	}}
}

// script touches every way in which a box changes.
var script = []step{
	appendStep("INBOX", 2, "a"),
	appendStep("INBOX", 20, "b"), // enough for one SyncAll
	{"create A/B", func(w *world) error {
		_, err := w.b.View(store.ViewOptions{}).CreateMailbox(ctx, "A/B", "")
		return err
	}, func(p picture) { p["A"], p["A/B"] = nil, nil }},
	transferStep("INBOX", "A/B", false, "a0 []", "a1 []"),
	transferStep("INBOX", "Archive", true, "b3 []", "b4 []", "b7 []"),
	flagsStep("INBOX", "b5 []", imap.FlagDeleted, imap.FlagSeen),
	flagsStep("A/B", "a1 []", imap.FlagFlagged, "Work"),
	uidlStep("u1", store.UIDLStored, "INBOX"),
	{"expunge", func(w *world) error {
		_, m, err := w.mailbox("INBOX")
		if err == nil {
			_, err = m.Expunge(ctx, nil)
		}
		return err
	}, func(p picture) {
		p.take("INBOX", `b5 [\Deleted \Seen]`)
		p.add(deleted, "b5 from INBOX")
	}},
	{"rename A C", func(w *world) error { return w.b.View(store.ViewOptions{}).RenameMailbox(ctx, "A", "C") },
		func(p picture) {
			p["C"], p["C/B"] = p["A"], p["A/B"]
			delete(p, "A")
			delete(p, "A/B")
		}},
	{"reopen", func(w *world) error {
		err := w.b.Close()
		if w.fs.Crashed() {
			return err
		}
		b, openErr := store.OpenBox(ctx, w.dir, w.options())
		if openErr != nil {
			if w.fs.Crashed() {
				return openErr
			}
			// An error while it opens: the next time it does.
			if b, openErr = store.OpenBox(ctx, w.dir, w.options()); openErr != nil {
				w.t.Fatal(openErr)
			}
		}
		w.b = b
		return nil
	}, func(p picture) {}},
	transferStep("C/B", "Sent", true, `a1 [\Flagged Work]`),
	uidlStep("u1", store.UIDLDeleteSent, ""),
	uidlStep("u2", store.UIDLStored, "C/B"),
	{"delete C/B", func(w *world) error { return w.b.View(store.ViewOptions{}).DeleteMailbox(ctx, "C/B") },
		func(p picture) {
			delete(p, "C/B")
			p.add(deleted, "a0 from C/B", "u2 from C/B")
		}},
	{"restore b5", func(w *world) error { return w.withDeleted(w.b.Restore, "b5") }, func(p picture) {
		p.add("INBOX", `b5 [\Seen]`)
		p.take(deleted, "b5 from INBOX")
	}},
	{"restore u2", func(w *world) error { return w.withDeleted(w.b.Restore, "u2") }, func(p picture) {
		p.add("C/B", "u2 []")
		p.take(deleted, "u2 from C/B")
	}},
	{"purge a0", func(w *world) error { return w.withDeleted(w.b.Purge, "a0") },
		func(p picture) { p.take(deleted, "a0 from C/B") }},
	{"rename INBOX", func(w *world) error { return w.b.View(store.ViewOptions{}).RenameMailbox(ctx, "INBOX", "Old") },
		func(p picture) { p["Old"], p["INBOX"] = p["INBOX"], nil }},
	appendStep("INBOX", 1, "c"),
}

// withDeleted does something with a deleted mail.
func (w *world) withDeleted(do func(context.Context, store.Actor, []int64) ([]int64, error), subject string) error {
	mails, err := w.b.Deleted(ctx, store.DeletedQuery{})
	for _, m := range mails {
		if m.Subject == subject {
			var missing []int64
			if missing, err = do(ctx, store.Actor{}, []int64{m.ID}); err == nil && len(missing) > 0 {
				return fmt.Errorf("%d is not among the deleted", missing)
			}
		}
	}
	return err
}

// play runs the script until the process ends.
func (w *world) play() {
	err := store.CreateBox(w.dir, store.NewID(), w.options())
	if err == nil && !w.fs.Crashed() {
		w.now = firstPicture()
		w.b, err = store.OpenBox(ctx, w.dir, w.options())
	}
	if err != nil || w.fs.Crashed() {
		w.maybe = firstPicture()
		return
	}
	w.now = firstPicture()
	for _, s := range script {
		err := s.do(w)
		if w.fs.Crashed() {
			w.maybe = w.now.clone()
			s.then(w.maybe)
			break
		}
		if err == nil {
			s.then(w.now)
		} else if err = s.do(w); err != nil { // again, now without an error
			w.t.Fatalf("%s: %v", s.name, err)
		} else {
			s.then(w.now)
		}
		w.check("after " + s.name)
	}
	if err := w.b.Close(); err == nil && w.fs.Crashed() {
		w.t.Logf("crashed at the end")
	}
	w.b = nil
}

// check compares the box with what must be.
func (w *world) check(when string) {
	w.t.Helper()
	if w.fs.Crashed() {
		return
	}
	got := w.look()
	if w.fs.Crashed() || reflect.DeepEqual(got, w.now.normal()) {
		return
	}
	if w.maybe != nil && reflect.DeepEqual(got, w.maybe.normal()) {
		w.now = w.maybe
		return
	}
	w.t.Fatalf("%s the box holds\n%v, should hold\n%v or\n%v", when, got, w.now.normal(), w.maybe.normal())
}

// normal gives the picture without the difference between nil and empty.
func (p picture) normal() picture {
	if p == nil {
		return nil
	}
	out := picture{uidlRows: {}, deleted: {}}
	for name, list := range p {
		out[name] = append([]string{}, list...)
	}
	return out
}

// look takes a picture of the box and checks that nothing went back.
func (w *world) look() picture {
	p := picture{}.normal()
	v := w.b.View(store.ViewOptions{})
	for _, info := range v.Mailboxes() {
		m, err := v.Mailbox(ctx, info.Name)
		if err != nil {
			w.t.Fatal(err)
		}
		s := m.Snapshot()
		h := w.highest[m.UIDValidity()]
		if uint64(s.UIDNext) <= h[0] || s.HighestModSeq < h[1] {
			w.t.Fatalf("%s: UIDNEXT %d, HIGHESTMODSEQ %d; seen were %d, %d", info.Name, s.UIDNext, s.HighestModSeq, h[0], h[1])
		}
		w.highest[m.UIDValidity()] = [2]uint64{h[0], s.HighestModSeq}
		p[info.Name] = []string{}
		var entries []store.Entry
		for _, e := range s.All() {
			entries = append(entries, e)
		}
		err = m.Mails(ctx, entries, 0, func(e store.Entry, mail *store.Mail) error {
			f, err := m.OpenMail(mail)
			if err != nil {
				return err
			}
			defer f.Close()
			b, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
			if err != nil {
				return err
			}
			subject := strings.TrimSuffix(strings.TrimPrefix(string(b[strings.LastIndex(string(b), "Hello "):]), "Hello "), ".\r\n")
			if string(b) != mailText(subject) {
				w.t.Fatalf("%s: UID %d holds %q", info.Name, e.UID, b)
			}
			w.know(m.UIDValidity(), e.UID, subject)
			p.add(info.Name, fmt.Sprint(subject, " ", s.Keywords.Names(e.Flags)))
			return nil
		})
		if err != nil && !w.fs.Crashed() {
			w.t.Fatal(info.Name, err)
		}
	}
	rows, err := w.b.UIDLs(ctx, "a@example.org")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range rows {
		p.add(uidlRows, fmt.Sprint(r.UID, " ", r.State))
	}
	mails, err := w.b.Deleted(ctx, store.DeletedQuery{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range mails {
		p.add(deleted, fmt.Sprint(m.Subject, " from ", m.Mailbox))
	}
	return p
}

func (w *world) verify() {
	w.t.Helper()
	r, err := w.b.Verify(ctx, store.VerifyOptions{Content: true})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range r.Problems {
		w.t.Errorf("verify: %s %s: %s", p.Mailbox, p.File, p.Text)
	}
}

// recover opens the box again without faults and checks it.
func (w *world) recover() {
	w.fs.Before(nil)
	if w.b != nil {
		w.b.Close() // all its calls have failed
	}
	w.fs.Restart()
	b, err := store.OpenBox(ctx, w.dir, w.options())
	if errors.Is(err, store.ErrNotABox) && w.now == nil {
		w.now = firstPicture()
		if err = store.CreateBox(w.dir, store.NewID(), w.options()); err == nil {
			b, err = store.OpenBox(ctx, w.dir, w.options())
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.b = b
	w.verify()
	w.check("started again")
	// It goes on, above all that was.
	more := appendStep("INBOX", 1, "more")
	if err := more.do(w); err != nil {
		w.t.Fatal(err)
	}
	more.then(w.now)
	w.maybe = nil
	w.check("gone on")
	if err := w.b.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.loseIndex()
	if _, err := store.Rebuild(ctx, w.dir, w.options(), nil); err != nil {
		w.t.Fatal(err)
	}
	w.openWell("rebuilt")
}

// loseIndex removes the index of a closed box.
func (w *world) loseIndex() {
	w.t.Helper()
	if err := os.Remove(filepath.Join(w.dir, "index.db")); err != nil {
		w.t.Fatal(err)
	}
}

// openWell opens the box, which must be as it should, and closes it.
func (w *world) openWell(when string) {
	w.t.Helper()
	b, err := store.OpenBox(ctx, w.dir, w.options())
	if err != nil {
		w.t.Fatal(when, err)
	}
	w.b = b
	w.verify()
	w.check(when)
	if err := w.b.Close(); err != nil {
		w.t.Fatal(when, err)
	}
}

func TestRebuildCutShortAtEveryCall(t *testing.T) {
	root := memDir(t)
	play := func(dir string, n int, power bool) int64 {
		w := newWorld(t, filepath.Join(root, dir), uint64(n))
		w.play()
		w.fs.Settle()
		if n%2 == 0 {
			w.loseIndex() // else the old one is there and sound
		}
		count := w.at(n, func() error {
			w.fs.Crash(power)
			return nil
		})
		_, err := store.Rebuild(ctx, w.dir, w.options(), nil)
		w.fs.Before(nil)
		if w.fs.Crashed() {
			w.fs.Restart()
		} else if err != nil {
			t.Fatal(n, err)
		}
		if b, err := store.OpenBox(ctx, w.dir, w.options()); err == nil {
			w.b = b
			w.verify()
			w.check("opened after it was cut short")
			if err := w.b.Close(); err != nil {
				t.Fatal(n, err)
			}
		} else if !errors.Is(err, store.ErrDamaged) {
			t.Fatal(n, err)
		}
		if _, err := store.Rebuild(ctx, w.dir, w.options(), nil); err != nil {
			t.Fatal(n, err)
		}
		w.openWell(fmt.Sprint("rebuilt again after call ", n))
		return count.Load()
	}
	total := int(play("dry", 0, false))
	every := 1
	if os.Getenv("HEIMPOST_SOAK") == "" {
		every = total/25 + 1
		if testing.Short() {
			every = total/5 + 1
		}
	}
	for n := 1 + int(time.Now().UnixNano()%int64(every)); n <= total; n += every {
		play(fmt.Sprint(n), n, n%4 < 2)
	}
}

// calls counts the script's calls.
func calls(t *testing.T, root string) int {
	w := newWorld(t, filepath.Join(root, "dry"), 1)
	n := w.at(0, nil)
	w.play()
	return int(n.Load())
}

// at has fault called at the n-th call that the box makes; those with which
// the test itself reads mails do not count. It gives the count.
func (w *world) at(n int, fault func() error) *atomic.Int64 {
	var count atomic.Int64
	w.fs.Before(func(c faultfs.Call) error {
		if strings.HasSuffix(c.Name, ".eml") && (c.Op == "open" || c.Op == "read" || c.Op == "fstat") {
			return nil
		}
		if count.Add(1) == int64(n) {
			return fault()
		}
		return nil
	})
	return &count
}

func memDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "heimpost")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// each calls run for some, in a soak for all, n up to the script's calls.
func each(t *testing.T, run func(w *world, n int)) {
	root := memDir(t)
	total, every := calls(t, root), 1
	if os.Getenv("HEIMPOST_SOAK") == "" {
		every = total/40 + 1
		if testing.Short() {
			every = total/8 + 1
		}
	}
	first := 1 + int(time.Now().UnixNano()%int64(every))
	for n := first; n <= total; n += every {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			run(newWorld(t, filepath.Join(root, fmt.Sprint(n)), uint64(n)), n)
		})
	}
}

func TestKillAtEveryCall(t *testing.T) { crashAtEveryCall(t, false) }

func TestPowerCutAtEveryCall(t *testing.T) { crashAtEveryCall(t, true) }

func crashAtEveryCall(t *testing.T, power bool) {
	each(t, func(w *world, n int) {
		w.at(n, func() error {
			w.fs.Crash(power)
			return nil
		})
		w.play()
		if !w.fs.Crashed() {
			w.fs.Crash(power) // fewer calls than in the dry run
		}
		w.recover()
	})
}

func TestErrorAtEveryCall(t *testing.T) {
	each(t, func(w *world, n int) {
		failure := error(syscall.EIO)
		if n%2 == 0 {
			failure = syscall.ENOSPC
		}
		w.at(n, func() error { return failure })
		w.play()
		w.recover()
	})
}

// TestFailedRequestBurnsItsUIDs: a mail that is sent again after an error gets
// another UID, because the file of the first try may still be on its way out.
func TestFailedRequestBurnsItsUIDs(t *testing.T) {
	w := newWorld(t, filepath.Join(memDir(t), "box"), 1)
	if err := store.CreateBox(w.dir, store.NewID(), w.options()); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.b, err = store.OpenBox(ctx, w.dir, w.options()); err != nil {
		t.Fatal(err)
	}
	w.now = firstPicture()
	renames, removes := 0, 0
	w.fs.Before(func(c faultfs.Call) error {
		switch {
		case c.Op == "rename" && strings.Contains(c.Name, "tmp"):
			if renames++; renames == 3 {
				return syscall.EIO
			}
		case c.Op == "remove" && strings.HasSuffix(c.Name, ".eml"):
			if removes++; removes < 4 {
				return syscall.EIO
			}
		}
		return nil
	})
	s := appendStep("INBOX", 3, "x")
	if err := s.do(w); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	w.verify() // the files that could not be removed are known
	if err := s.do(w); err != nil {
		t.Fatal(err)
	}
	s.then(w.now)
	w.check("sent again")
	if _, m, err := w.mailbox("INBOX"); err != nil || m.Snapshot().At(0).UID != 4 {
		t.Error(m.Snapshot().At(0).UID, err)
	}
	w.recover()
}

// TestLostFlagsDoNotTurnModSeqBack: changes of flags alone may be lost with
// the power; the mod-sequences they had are not given again.
func TestLostFlagsDoNotTurnModSeqBack(t *testing.T) {
	w := newWorld(t, filepath.Join(memDir(t), "box"), 1)
	if err := store.CreateBox(w.dir, store.NewID(), w.options()); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.b, err = store.OpenBox(ctx, w.dir, w.options()); err != nil {
		t.Fatal(err)
	}
	w.now = firstPicture()
	s := appendStep("INBOX", 1, "x")
	if err := s.do(w); err != nil {
		t.Fatal(err)
	}
	s.then(w.now)
	w.check("appended")
	old := map[string][]byte{}
	for _, name := range []string{"index.db", "index.db-wal"} {
		if old[name], err = os.ReadFile(filepath.Join(w.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 {
		if err := flagsStep("INBOX", "x0", []imap.Flag{imap.FlagSeen, imap.FlagDraft}[i%2]).do(w); err != nil {
			t.Fatal(err)
		}
	}
	w.look()
	w.fs.Crash(true)
	w.b.Close()
	w.fs.Restart()
	for name, b := range old {
		if err := os.WriteFile(filepath.Join(w.dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.recover()
}

// TestWithoutLinks: where the file system has no hard links, copies are files
// of their own.
func TestWithoutLinks(t *testing.T) {
	w := newWorld(t, filepath.Join(memDir(t), "box"), 1)
	w.fs.SetLinks(false)
	w.fs.SetSyncAll(false)
	w.play()
	w.recover()
}
