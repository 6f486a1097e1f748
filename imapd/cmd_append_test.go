package imapd

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"heimpost/store"
)

// mails describes a mailbox: the flags and the date of each mail, and the
// file's bytes.
func (w *world) mails(person, mailbox string) []string {
	w.t.Helper()
	m, err := w.view(person).Mailbox(ctx, mailbox)
	if err != nil {
		w.t.Fatal(err)
	}
	snap := m.Snapshot()
	var entries []store.Entry
	for _, e := range snap.All() {
		entries = append(entries, e)
	}
	var out []string
	err = m.Mails(ctx, entries, 0, func(e store.Entry, mail *store.Mail) error {
		f, err := m.OpenMail(mail)
		if err != nil {
			return err
		}
		defer f.Close()
		b := make([]byte, f.Size())
		if _, err := f.ReadAt(b, 0); err != nil {
			return err
		}
		out = append(out, fmt.Sprintf("%d %v %s %s", e.UID, snap.Keywords.Names(e.Flags), mail.Date.Format("2006-01-02T15:04-0700"), b))
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) wantMails(mailbox string, want ...string) {
	w.t.Helper()
	if got := w.mails("marko", mailbox); !slices.Equal(got, want) {
		w.t.Errorf("%s holds %q, want %q", mailbox, got, want)
	}
}

func TestAppend(t *testing.T) {
	w := newWorld(t)
	w.play(`
		C: 1 APPEND inbox (\seen $Label1 \Recent) " 1-Feb-2024 10:11:12 +0130" {10}
		S: + OK
		C: A: b\r\n\r\n\r\n
		S: 1 OK [APPENDUID … 1] Stored.
		C: 2 append INBOX "11-Feb-2024 10:11:12 -0800" {10+}
		C: A: c\r\n\r\n\r\n
		S: 2 OK [APPENDUID … 2] Stored.
		C: 3 APPEND Nirgends {5}
		S: 3 NO [TRYCREATE] Nirgends: no such mailbox.
		C: 4 APPEND Nirgends {10+}
		C: 9 LOGOUT\r\n
		S: 4 NO [TRYCREATE] …
		C: 5 APPEND INBOX () {0}
		S: 5 NO …
		C: 6 APPEND INBOX (\Fun) {5}
		S: 6 BAD \Fun is no flag that a client may set.
		C: 7 APPEND INBOX "yesterday" {5}
		S: 7 BAD …
		C: 8 APPEND INBOX hello
		S: 8 BAD Expected a literal.
		C: 9 APPEND INBOX {10+}
		C: A: d\r\n\r\n\r\nhmm
		S: 9 BAD …
		C: 10 APPEND Shared/nobody/INBOX {5}
		S: 10 NO [TRYCREATE] …
		Cpetra: 1 APPEND Shared/marko/INBOX {5}
		Spetra: 1 NO [NOPERM] …
		C: 11 APPEND Shared/petra/INBOX {10+}
		C: A: e\r\n\r\n\r\n
		S: 11 OK [APPENDUID … 1] Stored.
	`)
	w.wantMails("INBOX", "1 [\\Seen $Label1] 2024-02-01T10:11+0130 A: b\r\n\r\n\r\n", "2 [] 2024-02-11T10:11-0800 A: c\r\n\r\n\r\n")
	if got := w.mails("petra", "INBOX"); len(got) != 1 {
		t.Errorf("petra has %q", got)
	}
}

func TestMultiAppend(t *testing.T) {
	w := newWorld(t)
	w.play(`
		C: 1 APPEND INBOX (\Seen) "11-Feb-2024 10:11:12 -0800" {10}
		S: + OK
		C: A: a\r\n\r\n\r\n\c
		C:  "12-Feb-2024 10:11:12 -0800" {10}
		S: + OK
		C: A: b\r\n\r\n\r\n\c
		C:  {10+}\r\nA: c\r\n\r\n\r\n
		S: 1 OK [APPENDUID … 1:3] Stored.
		# All or none.
		C: 2 APPEND INBOX {10+}\r\nA: d\r\n\r\n\r\n {0+}
		C:
		S: 2 NO …
		C: 3 APPEND INBOX {10+}\r\nA: d\r\n\r\n\r\n {999999999}
		S: 3 NO [TOOBIG] …
		C: 4 NOOP
		S: 4 OK Done.
	`)
	if got := w.mails("marko", "INBOX"); len(got) != 3 {
		t.Errorf("INBOX holds %q", got)
	}
}

func TestAppendTooBig(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.MaxMessage = 1000 })
	w.play(`
		C: 1 APPEND INBOX {1001}
		S: 1 NO [TOOBIG] The mail has 1001 bytes; at most 1000 are taken.
		C: 2 APPEND INBOX {1001+}
		C: ` + strings.Repeat("1 LOGOUT\\r\\n", 100) + `!
		S: 2 NO [TOOBIG] …
		C: 3 NOOP
		S: 3 OK Done.
		C: 4 APPEND INBOX {3000+}
		S: * BYE This is larger than Heimpost accepts.
		E:
	`)
	w.wantMails("INBOX")
}
