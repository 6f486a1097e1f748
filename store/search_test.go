package store

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"pgregory.net/rapid"

	"heimpost/message"
)

// settle waits until the full-text index has what the box has, no more and no
// less.
func settle(t rapid.TB, b *Box) {
	t.Helper()
	var docs, mails int
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		b.search.notice()
		signal(b.search.hurry)
		err := b.search.use(ctx, func(x *searchDB) error {
			return x.read.QueryRow("SELECT count(*) FROM doc").Scan(&docs)
		})
		if err != nil && !errors.Is(err, errNoSearch) {
			continue
		}
		if err := b.index.read.QueryRow("SELECT count(*) FROM mail").Scan(&mails); err != nil {
			t.Fatal(err)
		}
		if n, err := b.SearchPending(ctx); err == nil && n == 0 && docs == mails && !b.search.damaged.Load() {
			return
		}
	}
	t.Fatalf("the full-text index has %d mails of %d", docs, mails)
}

// deliver appends a mail of these bytes.
func deliver(t rapid.TB, v *View, name string, mails ...string) []imap.UID {
	t.Helper()
	var in []*Incoming
	for _, m := range mails {
		i, err := v.NewIncoming()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(i, m); err != nil {
			t.Fatal(err)
		}
		if _, err := i.Finish(); err != nil {
			t.Fatal(err)
		}
		in = append(in, i)
	}
	done, err := v.Append(ctx, name, in)
	if err != nil {
		t.Fatal(err)
	}
	return done.UIDs
}

func allEntries(m *Mailbox) (out []Entry) {
	for _, e := range m.Snapshot().All() {
		out = append(out, e)
	}
	return out
}

// naive is what SearchText has to find.
func naive(t rapid.TB, m *Mailbox, q TextQuery) (hits imap.UIDSet) {
	t.Helper()
	needle := message.Fold(q.Text)
	err := m.Mails(ctx, allEntries(m), FieldParts, func(e Entry, mail *Mail) error {
		f, err := m.OpenMail(mail)
		if err != nil {
			return err
		}
		defer f.Close()
		root, err := mail.Parts()
		if err != nil {
			return err
		}
		found := false
		for _, part := range []message.Text{{Header: q.Header}, {Body: q.Body}} {
			part.Limit = math.MaxInt64
			var text strings.Builder
			if err := message.WriteText(&text, f, root, part); err != nil {
				return err
			}
			found = found || strings.Contains(message.Fold(text.String()), needle)
		}
		if found {
			hits.AddNum(e.UID)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return hits
}

func wantText(t rapid.TB, m *Mailbox, q TextQuery, want string) {
	t.Helper()
	got, err := m.SearchText(ctx, allEntries(m), q)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != want {
		t.Errorf("%+v finds %q, want %q", q, got.String(), want)
	}
}

// bothWays runs check before and after the mails are indexed, and after the
// box was opened again.
func bothWays(t *testing.T, b *Box, name string, check func(t *testing.T, m *Mailbox)) {
	t.Run("files", func(t *testing.T) { check(t, open(t, b.View(ViewOptions{}), name)) })
	settle(t, b)
	t.Run("indexed", func(t *testing.T) {
		hidden := hideFiles(t, b)
		defer hidden()
		check(t, open(t, b.View(ViewOptions{}), name))
	})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = reopen(t, b.disk.dir)
	t.Run("reopened", func(t *testing.T) {
		hidden := hideFiles(t, b)
		defer hidden()
		check(t, open(t, b.View(ViewOptions{}), name))
	})
}

// hideFiles takes the mail files away until it is undone: who finds something
// then has it from search.db.
func hideFiles(t *testing.T, b *Box) (undo func()) {
	t.Helper()
	mail, away := filepath.Join(b.disk.dir, "mail"), filepath.Join(b.disk.dir, "away")
	if err := os.Rename(mail, away); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Rename(away, mail); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSearchText(t *testing.T) {
	b := newBox(t)
	v := b.View(ViewOptions{Actor: marko})
	deliver(t, v, "INBOX",
		"Subject: Rechnung\r\n\r\nDie Heizung und die Installation.\r\n",
		"Subject: Gruesse\r\n\r\nViele GRÜSSE aus der Straße\r\nnach Hause\r\n",
		"Subject: Heizung\r\n\r\nNichts weiter \"quoted\" OR * ^ (nested).\r\n",
		"Subject: \r\n\r\n",
	)
	bothWays(t, b, "INBOX", func(t *testing.T, m *Mailbox) {
		for _, c := range []struct {
			text                string
			text2, header, body string
		}{
			{"", "1:4", "1:4", "1:4"},
			{"heizung", "1,3", "3", "1"},
			{"HEIZ", "1,3", "3", "1"},
			{"hei", "1,3", "3", "1"},
			{"he", "1,3", "3", "1"}, // "Hause" has no "he"
			{"z", "1,3", "3", "1"},
			{"Grüße", "2", "", "2"},
			{"grüsse", "2", "", "2"},
			{"gruesse", "2", "2", ""},
			{"strasse nach", "2", "", "2"},
			{"Straße  \t nach", "2", "", "2"},
			{"\"quoted\" or *", "3", "", "3"},
			{"\"", "3", "", "3"},
			{"t: r", "1", "1", ""},
			{"heizung installation", "", "", ""},
			{"rechnung die", "", "", ""}, // not from the header into the body
			{"Re\x00chnung", "1", "1", ""},
			{"\x00", "1:4", "1:4", "1:4"},
			{strings.Repeat("abc", 3000), "", "", ""},
		} {
			wantText(t, m, TextQuery{c.text, true, true}, c.text2)
			wantText(t, m, TextQuery{c.text, true, false}, c.header)
			wantText(t, m, TextQuery{c.text, false, true}, c.body)
		}
		wantText(t, m, TextQuery{"heizung", false, false}, "")
		some, err := m.SearchText(ctx, allEntries(m)[1:], TextQuery{"heizung", true, true})
		if err != nil || some.String() != "3" {
			t.Errorf("%v %v", some, err)
		}
	})
}

// Text is found however it was written.
func TestSearchEncodings(t *testing.T) {
	b := newBox(t)
	crlf := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	deliver(t, b.View(ViewOptions{Actor: marko}), "INBOX",
		crlf("Subject: =?iso-8859-1?Q?Gr=FC=DFe_aus_K=F6ln?=\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nDie Wohnungs=\ngenossenschaft sch=C3=B6n\n"),
		crlf("Subject: =?utf-8?B?R3LDvMOfZQ==?=\nContent-Type: text/plain; charset=iso-8859-15\nContent-Transfer-Encoding: 8bit\n\nPreis: 5 \xa4 f\xfcr die Wohnungs\ngenossenschaft\n"),
		crlf("Subject: html\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\nPHA+V29obnVuZ3M8Yj5nZW5vc3NlbnNjaGFmdDwvYj48L3A+PHA+R3LDvMOfZTwvcD48c3R5bGU+LnNlY3JldHt9PC9zdHlsZT4mYW1wOw==\n"),
		crlf("Subject: attached\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nsee there\n--b\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename*=utf-8''Baupl%C3%A4ne%20Gr%C3%BC%C3%9Fe.pdf\n\nAAAA\n--b--\n"),
		crlf("Subject: inner\nContent-Type: message/rfc822\n\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\n\nWohnungsgenossenschaft\n"),
	)
	bothWays(t, b, "INBOX", func(t *testing.T, m *Mailbox) {
		wantText(t, m, TextQuery{"GRÜSSE", true, true}, "1:5")
		wantText(t, m, TextQuery{"Grüße", false, true}, "3:5")
		wantText(t, m, TextQuery{"Gru\u0308ße", true, false}, "1:2,5")
		wantText(t, m, TextQuery{"wohnungsgenossenschaft", false, true}, "1,3,5")
		wantText(t, m, TextQuery{"wohnungs genossenschaft", false, true}, "2")
		wantText(t, m, TextQuery{"5 €", false, true}, "2")
		wantText(t, m, TextQuery{"secret", true, true}, "")
		wantText(t, m, TextQuery{"<p>", true, true}, "")
		wantText(t, m, TextQuery{"baupläne", false, true}, "4")
		wantText(t, m, TextQuery{"aaaa", true, true}, "")
	})
}

// What is beyond the text that is kept is found all the same.
func TestSearchCut(t *testing.T) {
	b := newBox(t)
	v := b.View(ViewOptions{Actor: marko})
	long := strings.Repeat("Zeile mit Text\r\n", searchBody/14+1000)
	deliver(t, v, "INBOX",
		"Subject: short\r\n\r\nNadel\r\n",
		"Subject: long\r\n\r\n"+long+"Nadel\r\n",
		"Subject: long header\r\nX-Long: "+strings.Repeat("wort ", searchHeader/5+100)+"\r\nX-End: Nadel\r\n\r\nBody\r\n",
		"Subject: Nadel\r\n\r\n"+long,
		"Subject: nothing\r\n\r\n"+long,
	)
	m := open(t, v, "INBOX")
	check := func() {
		t.Helper()
		wantText(t, m, TextQuery{"nadel", true, true}, "1:4")
		wantText(t, m, TextQuery{"nadel", false, true}, "1:2")
		wantText(t, m, TextQuery{"na", true, false}, "3:4")
	}
	check()
	settle(t, b)
	check()
	var state string
	if err := b.search.db.read.QueryRow("SELECT group_concat(state, '') FROM doc").Scan(&state); err != nil || state != "01111" {
		t.Errorf("states %s %v", state, err)
	}
	undo := hideFiles(t, b)
	wantText(t, m, TextQuery{"nadel", true, true}, "1,4")
	undo()
}

// Copies and moves of a mail are found where they are; what is gone is not
// kept.
func TestSearchFollowsChanges(t *testing.T) {
	b := newBox(t)
	v := b.View(ViewOptions{Actor: marko})
	if err := b.SetRetain(ctx, 0); err != nil {
		t.Fatal(err)
	}
	deliver(t, v, "INBOX", mailText("needle1"), mailText("needle2"), mailText("hay"), mailText("needle4"))
	settle(t, b)
	m, archive := open(t, v, "INBOX"), open(t, v, "Archive")
	if _, err := m.Copy(ctx, imap.UIDSetNum(1, 2), v, "Archive"); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Move(ctx, imap.UIDSetNum(4, 3), v, "Archive"); err != nil {
		t.Fatal(err)
	}
	q := TextQuery{"needle", true, true}
	docs := func() (n int) {
		t.Helper()
		settle(t, b)
		if err := b.search.db.read.QueryRow("SELECT count(*) FROM doc").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	wantText(t, m, q, "1:2")
	wantText(t, archive, q, "1:2,4")
	if n := docs(); n != 4 {
		t.Errorf("%d mails in the index, want 4", n)
	}
	old := allEntries(archive)
	if _, err := archive.StoreFlags(ctx, FlagsChange{UIDs: imap.UIDSetNum(1, 4), Op: FlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Expunge(ctx, nil); err != nil {
		t.Fatal(err)
	}
	wantText(t, archive, q, "2")
	if n := docs(); n != 3 { // needle1 is still in INBOX
		t.Errorf("%d mails in the index, want 3", n)
	}
	if got, err := archive.SearchText(ctx, old, q); err != nil || !slices.Contains([]string{"1:2", "2"}, got.String()) {
		t.Errorf("of an old snapshot: %v %v", got, err)
	}
	if err := v.DeleteMailbox(ctx, "Archive"); err != nil {
		t.Fatal(err)
	}
	if n := docs(); n != 2 {
		t.Errorf("%d mails in the index, want 2", n)
	}
	wantText(t, m, q, "1:2")
}

// A search.db that is missing, damaged, another box's or from another time is
// made anew without a word.
func TestSearchRepairsItself(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, path string){
		"missing": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
		"no database": func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("nonsense", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"torn": func(t *testing.T, path string) {
			if err := os.Truncate(path, 9000); err != nil {
				t.Fatal(err)
			}
		},
		"newer":          func(t *testing.T, path string) { editSearch(t, path, "PRAGMA user_version=99") },
		"tables missing": func(t *testing.T, path string) { editSearch(t, path, "DROP TABLE text") },
		"text damaged": func(t *testing.T, path string) {
			editSearch(t, path, "UPDATE text SET header=x'28b52f', body=x'28b52f'")
		},
		"other mails": func(t *testing.T, path string) {
			editSearch(t, path, "UPDATE doc SET hash=x'0000000000000000' WHERE id>1",
				"UPDATE text SET header=(SELECT header FROM text WHERE id=1), body=(SELECT body FROM text WHERE id=1) WHERE id>1")
		},
		"mails too many": func(t *testing.T, path string) {
			editSearch(t, path, "INSERT INTO doc VALUES(77, x'0000000000000000', 0)")
		},
		"mails missing": func(t *testing.T, path string) {
			editSearch(t, path, "DELETE FROM doc WHERE id=2", "DELETE FROM text WHERE id=2", "DELETE FROM gram WHERE rowid IN (4, 5)")
		},
		"a text missing": func(t *testing.T, path string) { editSearch(t, path, "DELETE FROM text WHERE id=2") },
		"unread":         func(t *testing.T, path string) { editSearch(t, path, "UPDATE doc SET state=2 WHERE id=3") },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			v := b.View(ViewOptions{Actor: marko})
			deliver(t, v, "INBOX", mailText("needle1"), mailText("hay"), mailText("needle3"))
			settle(t, b)
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			harm(t, filepath.Join(b.disk.dir, searchFile))
			b = reopen(t, b.disk.dir)
			m := open(t, b.View(ViewOptions{}), "INBOX")
			for range 2 {
				wantText(t, m, TextQuery{"needle", true, true}, "1,3")
				wantText(t, m, TextQuery{"needle3", true, true}, "3")
				wantText(t, m, TextQuery{"ay", false, true}, "2")
				settle(t, b)
			}
			if name != "a text missing" {
				undo := hideFiles(t, b)
				wantText(t, m, TextQuery{"needle3", true, true}, "3")
				undo()
			}
		})
	}
}

func editSearch(t *testing.T, path string, stmts ...string) {
	t.Helper()
	x, err := openSearchDB(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stmts {
		if _, err := x.write.ExecContext(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.close(); err != nil {
		t.Fatal(err)
	}
}

// A mail whose file cannot be read stops neither the keeper nor others'
// searches.
func TestSearchUnreadableFile(t *testing.T) {
	b := newBox(t)
	v := b.View(ViewOptions{Actor: marko})
	deliver(t, v, "INBOX", mailText("needle1"), mailText("needle2"), mailText("needle3"))
	m := open(t, v, "INBOX")
	var file string
	err := m.Mails(ctx, allEntries(m)[1:2], 0, func(e Entry, mail *Mail) error {
		file = b.disk.path(mailFileName{m.m.id, 2, fileInfo{date: mail.Date, size: mail.Size, hash: mail.Hash}})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	settle(t, b)
	wantText(t, m, TextQuery{"needle", true, true}, "1,3")
	if err := os.Rename(file+".away", file); err != nil {
		t.Fatal(err)
	}
	wantText(t, m, TextQuery{"needle", true, true}, "1:3")
}

// The property: whatever the index has and has not, SearchText finds what a
// plain reading of all files finds.
func TestSearchFollowsModel(t *testing.T) {
	root := memDir(t)
	words := []string{"Heizung", "Grüße", "GRÜSSE", "an", "die", "Straße", "ß", "ab", "aba", "abab", "ﬁ", "\"", "'", "日本語", "🎄🎄", "e\u0301", "*", "-", "AND", "\u00a0"}
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(root, "")
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(dir, "box")
		if err := CreateBox(dir, NewID(), Options{}); err != nil {
			t.Fatal(err)
		}
		var b *Box
		openIt := func() {
			if b, err = OpenBox(ctx, dir, Options{}); err != nil {
				t.Fatal(err)
			}
		}
		openIt()
		defer func() { closeBox(t, b) }()
		text := func(label string, most int) string {
			var s strings.Builder
			for i, w := range rapid.SliceOfN(rapid.SampledFrom(words), 0, most).Draw(t, label) {
				if i > 0 {
					s.WriteString(rapid.SampledFrom([]string{"", " ", "\r\n ", "  "}).Draw(t, "between"))
				}
				s.WriteString(w)
			}
			return s.String()
		}
		names := []string{"INBOX", "Archive"}
		mailbox := func() *Mailbox {
			return open(t, b.View(ViewOptions{Actor: marko}), rapid.SampledFrom(names).Draw(t, "mailbox"))
		}
		someUIDs := func(m *Mailbox) (out imap.UIDSet) {
			for _, e := range allEntries(m) {
				if rapid.Bool().Draw(t, "this") {
					out.AddNum(e.UID)
				}
			}
			return out
		}
		steps := map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				m := mailbox()
				var mails []string
				for range rapid.IntRange(1, 4).Draw(t, "mails") {
					mails = append(mails, "Subject: "+text("subject", 3)+"\r\n\r\n"+text("body", 8)+"\r\n")
				}
				deliver(t, m.View(), m.Name(), mails...)
			},
			"index": func(t *rapid.T) { settle(t, b) },
			"hurry": func(t *rapid.T) { b.search.notice(); signal(b.search.hurry) },
			"copy": func(t *rapid.T) {
				m := mailbox()
				if _, err := m.Copy(ctx, someUIDs(m), m.View(), mailbox().Name()); err != nil {
					t.Fatal(err)
				}
			},
			"move": func(t *rapid.T) {
				m := mailbox()
				if _, err := m.Move(ctx, someUIDs(m), m.View(), mailbox().Name()); err != nil {
					t.Fatal(err)
				}
			},
			"expunge": func(t *rapid.T) {
				m := mailbox()
				if _, err := m.StoreFlags(ctx, FlagsChange{UIDs: someUIDs(m), Flags: []imap.Flag{imap.FlagDeleted}}); err != nil {
					t.Fatal(err)
				}
				if _, err := m.Expunge(ctx, nil); err != nil {
					t.Fatal(err)
				}
			},
			"search": func(t *rapid.T) {
				m := mailbox()
				q := TextQuery{text("needle", 2), rapid.Bool().Draw(t, "header"), rapid.Bool().Draw(t, "body")}
				got, err := m.SearchText(ctx, allEntries(m), q)
				if want := naive(t, m, q); err != nil || got.String() != want.String() {
					t.Fatalf("%+v finds %v %v, want %v", q, got, err, want)
				}
			},
			"reopen": func(t *rapid.T) {
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
				openIt()
			},
			"other search.db": func(t *rapid.T) {
				// One from an earlier time comes back with a backup.
				old := filepath.Join(dir, "..", "old.db")
				path := filepath.Join(dir, searchFile)
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
				now, err := os.ReadFile(path)
				if err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
				if was, err := os.ReadFile(old); err == nil {
					if err := os.WriteFile(path, was, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.WriteFile(old, now, 0o600); err != nil {
					t.Fatal(err)
				}
				openIt()
			},
		}
		steps["search2"], steps["search3"] = steps["search"], steps["search"]
		t.Repeat(steps)
	})
}

// Searches while mail arrives, is moved, expunged and indexed: what is there
// all the time is always found, what never was is not.
func TestSearchWhileItChanges(t *testing.T) {
	b := newBox(t)
	v := b.View(ViewOptions{Actor: marko})
	m := open(t, v, "INBOX")
	const rounds = 60
	ended := make(chan error, 3)
	go func() {
		var err error
		for i := 0; i < rounds && err == nil; i++ {
			mails := []*Incoming{}
			for j := range 5 {
				in, e := v.NewIncoming()
				if e == nil {
					_, e = io.WriteString(in, mailText(fmt.Sprintf("needle-%d-%d", i, j)))
				}
				if e == nil {
					_, e = in.Finish()
				}
				mails, err = append(mails, in), errors.Join(err, e)
			}
			_, e := v.Append(ctx, "INBOX", mails)
			err = errors.Join(err, e)
			signal(b.search.hurry)
		}
		ended <- err
	}()
	go func() {
		var err error
		for i := 0; i < rounds && err == nil; i++ {
			var set imap.UIDSet
			for _, e := range allEntries(m) {
				if e.UID%5 == 0 {
					set.AddNum(e.UID)
				}
			}
			_, err = m.StoreFlags(ctx, FlagsChange{UIDs: set, Op: FlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}})
			if err == nil {
				_, err = m.Expunge(ctx, nil)
			}
			signal(b.search.hurry)
		}
		ended <- err
	}()
	go func() {
		var err error
		for i := 0; i < rounds && err == nil; i++ {
			entries := allEntries(m)
			var got imap.UIDSet
			got, err = m.SearchText(ctx, entries, TextQuery{"needle", true, false})
			for _, e := range entries {
				if e.UID%5 != 0 && !got.Contains(e.UID) && err == nil {
					err = fmt.Errorf("UID %d is not found", e.UID)
				}
			}
			signal(b.search.hurry)
		}
		ended <- err
	}()
	for range 3 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	settle(t, b)
	var want imap.UIDSet
	for _, e := range allEntries(m) {
		want.AddNum(e.UID)
	}
	wantText(t, m, TextQuery{"needle", true, true}, want.String())
}

// Where pieces end makes no difference to what is folded and found.
func TestFoldWriter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s strings.Builder
		for range rapid.IntRange(1, 6).Draw(t, "runs") {
			s.WriteString(strings.Repeat(rapid.SampledFrom([]string{"abc ", "x", " \n\t", "e\u0301", "ß", "日本", "\u00a0 \n"}).Draw(t, "run"), rapid.IntRange(0, 30_000).Draw(t, "times")))
		}
		text := s.String()
		var got strings.Builder
		w := &foldWriter{to: func(s string) error { got.WriteString(s); return nil }}
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, min(len(rest), 100_000)).Draw(t, "n")
			if _, err := io.WriteString(w, rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.finish(); err != nil {
			t.Fatal(err)
		}
		want := message.Fold(text)
		if got.String() != want {
			t.Fatalf("folded %d octets, want %d", got.Len(), len(want))
		}
		if len(want) > 0 {
			from := rapid.IntRange(0, len(want)-1).Draw(t, "from")
			needle := want[from:min(len(want), from+rapid.IntRange(1, 500).Draw(t, "length"))]
			f := &finder{needle: needle}
			found := false
			for rest := want; rest != "" && !found; {
				n := min(len(rest), rapid.IntRange(1, 1000).Draw(t, "piece"))
				found = errors.Is(f.look(rest[:n]), errFound)
				rest = rest[n:]
			}
			if !found {
				t.Fatalf("%q is not found", needle)
			}
		}
	})
}
