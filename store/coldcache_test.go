package store

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"heimpost/message"
)

// subjectsOf reads the subjects of messages by their headers, and checks that
// the folded ones agree.
func subjectsOf(t *testing.T, m *Mailbox, entries []Entry) map[imap.UID]string {
	t.Helper()
	field, ok := FoldedField("Subject")
	if !ok {
		t.Fatal("subjects are not kept folded")
	}
	out := map[imap.UID]string{}
	err := m.Mails(ctx, entries, FieldHeader|field, func(e Entry, mail *Mail) error {
		_, s, _ := strings.Cut(string(mail.Header), "Subject: ")
		s, _, _ = strings.Cut(s, "\r\n")
		out[e.UID] = s
		if text, known := mail.Folded(field); !known || string(text) != message.Fold(s)+"\n" {
			t.Errorf("message %d: folded %q (%v), header %q", e.UID, text, known, s)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// cached counts what the cache holds of a box.
func cached(b *Box) (columns, bytes int) {
	coldMails.mu.Lock()
	defer coldMails.mu.Unlock()
	for key, p := range coldMails.cols {
		if key.box == b.index {
			columns++
			bytes += p.size()
		}
	}
	return columns, bytes
}

// TestColdCache: what is read from the cache is what the box has, through
// mail that comes into a block that is cached, and mail that is removed.
func TestColdCache(t *testing.T) {
	dir := filepath.Join(memDir(t), "box")
	if err := CreateBox(dir, NewID(), Options{}); err != nil {
		t.Fatal(err)
	}
	b := reopen(t, dir)
	v := as(b, Actor{})
	want := map[imap.UID]string{}
	add := func(n int) {
		t.Helper()
		var subjects []string
		for range n {
			subjects = append(subjects, fmt.Sprintf("Mail %d Ünd", len(want)+len(subjects)))
		}
		for i, uid := range appendMails(t, v, "INBOX", subjects...) {
			want[uid] = subjects[i]
		}
	}
	check := func(m *Mailbox, entries []Entry) {
		t.Helper()
		got := subjectsOf(t, m, entries)
		n := 0
		for _, e := range entries {
			s, there := want[e.UID]
			if got[e.UID] != s {
				t.Fatalf("message %d: %q, want %q", e.UID, got[e.UID], s)
			}
			if there {
				n++
			}
		}
		if len(got) != n {
			t.Fatalf("%d messages, want %d", len(got), n)
		}
	}
	add(2*coldRows + coldRows/2)
	m := open(t, v, "INBOX")
	entries := func() []Entry {
		return m.Snapshot().entries(m.Snapshot().find(imap.UIDSet{{Start: 1, Stop: 1 << 30}}))
	}
	for range 2 {
		check(m, entries())
	}
	if n, _ := cached(b); n == 0 {
		t.Error("nothing is cached")
	}
	add(coldRows / 3) // into the last block, and one more
	check(m, entries())
	check(m, entries()[len(want)-3:])

	if err := b.SetRetain(ctx, 0); err != nil {
		t.Fatal(err)
	}
	before := entries()
	gone := imap.UIDSet{{Start: 10, Stop: 12}, {Start: 300, Stop: 300}}
	if _, err := m.StoreFlags(ctx, FlagsChange{UIDs: gone, Op: FlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Expunge(ctx, gone); err != nil {
		t.Fatal(err)
	}
	for uid := range want {
		if gone.Contains(uid) {
			delete(want, uid)
		}
	}
	coldMails.mu.Lock()
	for key, p := range coldMails.cols {
		if key.box == b.index && key.col == colHeader && bytes.Contains(p.data, []byte("Mail 10 ")) {
			t.Error("a mail that is gone is still cached")
		}
	}
	coldMails.mu.Unlock()
	check(m, before) // what is gone is passed over
	check(m, entries())

	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if n, _ := cached(b); n != 0 {
		t.Errorf("a closed box still has %d cached columns", n)
	}
}

// TestColdCacheBound: whatever is put, the cache keeps within its bound and
// counts what it holds.
func TestColdCacheBound(t *testing.T) {
	c := coldCache{cols: map[coldKey]*packed{}}
	box := &index{}
	for i := range int64(40) {
		c.put(box, 0, i, colHeader, &packed{data: make([]byte, 1<<20)})
		if c.bytes > coldMemory {
			t.Fatal(c.bytes)
		}
	}
	c.put(box, 0, 1000, colHeader, &packed{data: make([]byte, coldMemory/4)})
	if c.cols[coldKey{box, 1000, colHeader}] != nil {
		t.Error("a column that displaces the others is kept")
	}
	if n := coldMemory / (1<<20 + packedOverhead); len(c.cols) != n {
		t.Errorf("%d columns, want %d", len(c.cols), n)
	}
	// What was read before a mail was deleted is not kept.
	changes := c.changes(box)
	c.forget(box, nil)
	c.put(box, changes, 2000, colHeader, &packed{})
	if c.cols[coldKey{box, 2000, colHeader}] != nil {
		t.Error("a block from before a deletion is kept")
	}
	c.close(box)
	if len(c.cols) != 0 || c.bytes != 0 {
		t.Error(len(c.cols), c.bytes)
	}
	if c.sweep != nil {
		c.sweep.Stop()
	}
}

// TestFolded: the folded text of a field holds exactly what its fields do,
// and it is told where only the file can say.
func TestFolded(t *testing.T) {
	for _, c := range []struct {
		complete, header, want string
	}{
		{"1", "From: A\r\nSUBJECT : =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n aus  Köln\r\nTo: x\r\nSubject:Zwei\r\n\r\n", "Grüße aus Köln\nZwei\n"},
		{"1", "From: A\r\nXSubject: no\r\n\r\n", ""},
		{"1", "Subject:\r\n\r\n", "\n"},
		{"1", "", ""},
		{"0", "Subject: kept\r\n\r\n", "kept\n"},
		{"0", "", string(foldedUnknown)},
	} {
		got := appendFolded(nil, []byte(c.header), c.complete == "1", "subject")
		want := c.want
		if want != string(foldedUnknown) {
			want = ""
			for line := range strings.Lines(c.want) {
				want += message.Fold(strings.TrimSuffix(line, "\n")) + "\n"
			}
		}
		if string(got) != want {
			t.Errorf("%q: %q, want %q", c.header, got, want)
		}
	}
}
