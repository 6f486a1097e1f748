package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	ctx     = context.Background()
	marko   = Actor{Person: "markoaaaaaaaaaaa", Device: "phoneaaaaaaaaaaa"}
	petra   = Actor{Person: "petraaaaaaaaaaaa", Device: "laptopaaaaaaaaaa"}
	someDay = time.Date(2024, 2, 29, 12, 0, 0, 0, time.FixedZone("", -5*3600-1800))
)

// newBox makes a box that is verified and closed at the end of the test.
func newBox(t testing.TB) *Box {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "box")
	if err := CreateBox(dir, NewID(), Options{}); err != nil {
		t.Fatal(err)
	}
	return reopen(t, dir)
}

// memDir gives a folder for tests of many steps: in memory where the system
// has such a file system, so that syncing costs nothing.
func memDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "heimpost")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// reopen opens the box in dir for a test.
func reopen(t testing.TB, dir string) *Box {
	t.Helper()
	b, err := OpenBox(ctx, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeBox(t, b) })
	return b
}

// closeBox verifies and closes a box.
func closeBox(t rapid.TB, b *Box) {
	t.Helper()
	if r, err := b.Verify(ctx, VerifyOptions{Content: true}); err == nil {
		for _, p := range r.Problems {
			t.Errorf("verify: %s %s: %s", p.Mailbox, p.File, p.Text)
		}
	} else if err != ErrClosed {
		t.Errorf("verify: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// mailText is a small mail with this subject.
func mailText(subject string) string {
	return "From: a@example.org\r\nSubject: " + subject + "\r\nMessage-ID: <" + subject + "@example.org>\r\n\r\nHello " + subject + ".\r\n"
}

// incoming makes a finished mail.
func incoming(t rapid.TB, b *Box, subject string, flags ...imap.Flag) *Incoming {
	t.Helper()
	in, err := b.NewIncoming()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, mailText(subject)); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Finish(); err != nil {
		t.Fatal(err)
	}
	in.Date, in.Flags = someDay, flags
	return in
}

// appendMails appends a mail for each subject.
func appendMails(t rapid.TB, v *View, name string, subjects ...string) []imap.UID {
	t.Helper()
	var mails []*Incoming
	for _, s := range subjects {
		mails = append(mails, incoming(t, v.b, s))
	}
	done, err := v.Append(ctx, name, mails)
	if err != nil {
		t.Fatal(err)
	}
	return done.UIDs
}

func open(t rapid.TB, v *View, name string) *Mailbox {
	t.Helper()
	m, err := v.Mailbox(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// contents describes a mailbox: uid:subject[flags] for each message.
func contents(t rapid.TB, m *Mailbox) []string {
	t.Helper()
	s := m.Snapshot()
	var entries []Entry
	for _, e := range s.All() {
		entries = append(entries, e)
	}
	out := []string{}
	err := m.Mails(ctx, entries, FieldEnvelope, func(e Entry, mail *Mail) error {
		f, err := m.OpenMail(mail)
		if err != nil {
			return err
		}
		defer f.Close()
		body, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
		var subject string
		fmt.Sscanf(string(body), "From: a@example.org\r\nSubject: %s", &subject)
		if int64(len(body)) != mail.Size || string(body) != mailText(subject) {
			t.Errorf("UID %d has the bytes %q", e.UID, body)
		}
		out = append(out, fmt.Sprintf("%d:%s%v", e.UID, subject, s.Keywords.Names(e.Flags)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func wantContents(t rapid.TB, m *Mailbox, want ...string) {
	t.Helper()
	if got := contents(t, m); !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", m.Name(), got, want)
	}
}

func TestNewBox(t *testing.T) {
	b := newBox(t)
	for _, who := range []Actor{marko, {}} {
		var got []string
		for _, i := range b.View(ViewOptions{Actor: who}).Mailboxes() {
			got = append(got, fmt.Sprintf("%s%s %v %v", i.Name, i.SpecialUse, i.Subscribed, i.UIDValidity > 0))
		}
		want := []string{"INBOX true true", `Archive\Archive true true`, `Drafts\Drafts true true`, `Junk\Junk true true`, `Sent\Sent true true`, `Trash\Trash true true`}
		if !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	}
}

func TestTooManyMailboxes(t *testing.T) {
	defer func(n int) { maxMailboxes = n }(maxMailboxes)
	maxMailboxes = 8
	v := newBox(t).View(ViewOptions{Actor: marko})
	for _, c := range []struct {
		name string
		want error
	}{{"a", nil}, {"b/c", ErrTooMany}, {"b", nil}, {"c", ErrTooMany}} {
		if _, err := v.CreateMailbox(ctx, c.name, ""); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if err := v.RenameMailbox(ctx, "a", "b/a"); err != nil {
		t.Error(err)
	}
	if got := len(v.Mailboxes()); got != 8 {
		t.Errorf("there are %d mailboxes", got)
	}
}

func TestAppendAndRead(t *testing.T) {
	b := newBox(t)
	v := b.View(ViewOptions{Actor: marko})
	m := open(t, v, "inbox")
	woken := 0
	defer m.Watch(func() { woken++ })()
	var events []Event
	defer b.OnEvent(func(e Event) { events = append(events, e) })()

	done, err := v.Append(ctx, "INBOX", []*Incoming{incoming(t, b, "one", imap.FlagSeen), incoming(t, b, "two", "$Label1", `\Recent`)})
	if err != nil || !slices.Equal(done.UIDs, []imap.UID{1, 2}) || done.UIDValidity != m.UIDValidity() {
		t.Fatal(done, err)
	}
	appendMails(t, v, "INBOX", "three")
	wantContents(t, m, `1:one[\Seen]`, "2:two[$Label1]", "3:three[]")
	if s := m.Snapshot(); s.UIDNext != 4 || s.HighestModSeq != 3 || s.At(0).ModSeq != 2 || s.At(2).ModSeq != 3 {
		t.Errorf("%+v", s)
	}
	err = m.Mails(ctx, []Entry{m.Snapshot().At(0)}, FieldEnvelope|FieldHeader|FieldStructure|FieldParts|FieldSaved, func(e Entry, mail *Mail) error {
		if !mail.Date.Equal(someDay) || mail.Date.Format(time.RFC3339) != someDay.Format(time.RFC3339) ||
			len(mail.Envelope) == 0 || len(mail.BodyStructure) == 0 || len(mail.Header) == 0 || !mail.HeaderComplete ||
			time.Since(mail.Saved) > time.Hour || len(mail.EmailID()) != 52 {
			t.Errorf("%+v", mail)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	b.Close() // so that the writer has called all
	if woken != 2 || len(events) != 2 || events[0].Kind != "appended" || events[0].UIDs.String() != "1:2" || events[0].Actor != marko {
		t.Errorf("woken %d times, events %v", woken, events)
	}
	if _, err := v.Append(ctx, "INBOX", nil); err != nil {
		t.Error(err)
	}
}

func TestReopen(t *testing.T) {
	b := newBox(t)
	dir := b.disk.dir
	v := b.View(ViewOptions{Actor: marko})
	appendMails(t, v, "INBOX", "one", "two")
	m := open(t, v, "INBOX")
	if from := m.ClaimRecent(3); from != 1 {
		t.Error(from)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		b = reopen(t, dir)
		m = open(t, b.View(ViewOptions{}), "INBOX")
		wantContents(t, m, "1:one[]", "2:two[]")
		if s := m.Snapshot(); s.UIDNext != 3 || m.Recent() != 3 || s.HighestModSeq != 2 {
			t.Errorf("UIDNEXT %d, recent %d, modseq %d", s.UIDNext, m.Recent(), s.HighestModSeq)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
