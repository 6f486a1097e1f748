package exchange

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heimpost/store"
)

// pathsOf gives where each mailbox went.
func pathsOf(dir string, rows []Exported) map[string]string {
	out := map[string]string{}
	for _, r := range rows {
		p, _ := filepath.Rel(dir, r.Path)
		out[r.Mailbox] = filepath.ToSlash(p)
	}
	return out
}

// What the user keeps in an export's folder stays as it is when a mailbox of
// that name comes later.
func TestExportBesideOwnFiles(t *testing.T) {
	for form, own := range map[Format]string{FormatMbox: "Archiv.mbox", FormatEML: "Archiv/mine", FormatMaildir: ".Archiv/cur/mine"} {
		t.Run(string(form), func(t *testing.T) {
			b := newBox(t)
			put(t, b, "INBOX", letter("a"), time.Unix(1_700_000_000, 0))
			dir := filepath.Join(t.TempDir(), "x")
			exportTo(t, b, dir, ExportOptions{Format: form})
			name := filepath.Join(dir, filepath.FromSlash(own))
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
			put(t, b, "Archiv", letter("b"), time.Unix(1_700_000_000, 0))
			put(t, b, "Archiv/Old", letter("c"), time.Unix(1_700_000_000, 0))
			rows := exportTo(t, b, dir, ExportOptions{Format: form})
			if text, _ := os.ReadFile(name); string(text) != "precious" {
				t.Errorf("%s: %q", own, text)
			}
			want := map[Format]string{FormatMbox: "Archiv (2).mbox", FormatEML: "Archiv (2)", FormatMaildir: ".Archiv (2)"}[form]
			if got := pathsOf(dir, rows)["Archiv"]; got != want {
				t.Errorf("%s, want %s", got, want)
			}
			if got := exportedTally(rows); got != "Archiv 1=1+0+0, Archiv/Old 1=1+0+0, INBOX 1=0+1+0" && got != "INBOX 1=0+1+0, Archiv 1=1+0+0, Archiv/Old 1=1+0+0" {
				t.Error(got)
			}
			other := newBox(t)
			put(t, b, "Later", letter("d"), time.Unix(1_700_000_000, 0))
			exportTo(t, b, dir, ExportOptions{Format: form})
			os.Remove(name)
			importFrom(t, other, dir, ImportOptions{})
			n := 0
			for _, mails := range contents(t, other) {
				n += len(mails)
			}
			if n != 4 {
				t.Errorf("%d mails came back", n)
			}
		})
	}
}

// Names that some file systems hold for the same get different files.
func TestExportFoldedNames(t *testing.T) {
	b := newBox(t)
	for _, name := range []string{"Entwürfe", "Entwu\u0308rfe", "ENTWÜRFE"} {
		put(t, b, name, letter(name), time.Unix(1_700_000_000, 0))
	}
	for _, form := range []Format{FormatMbox, FormatEML} {
		seen := map[string]bool{}
		dir := filepath.Join(t.TempDir(), "x")
		for name, p := range pathsOf(dir, exportTo(t, b, dir, ExportOptions{Format: form})) {
			if seen[foldName(p)] {
				t.Errorf("%s: %s goes to %s, too", form, name, p)
			}
			seen[foldName(p)] = true
		}
	}
}

// A place that somebody else takes between choosing and making it, as a folding
// file system does, is left to him; an empty one of a run that was cut short
// there is gone on with.
func TestExportTake(t *testing.T) {
	for _, form := range []Format{FormatMbox, FormatEML, FormatMaildir} {
		s := &exportState{Format: form, dir: t.TempDir(), used: map[string]bool{}, Mailboxes: map[store.ID]*mailboxState{}}
		make := func(p string) {
			t.Helper()
			err := os.Mkdir(s.file(p), 0o700)
			if form == FormatMbox {
				os.Remove(s.file(p))
				err = os.WriteFile(s.file(p), nil, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		take := func(st *mailboxState, same bool) {
			t.Helper()
			was := st.Path
			if err := s.take(st); err != nil || !st.Taken || (st.Path == was) != same {
				t.Errorf("%s: %+v, was %s: %v", form, st, was, err)
			}
		}
		a, b := &mailboxState{Name: "A"}, &mailboxState{Name: "B"}
		s.Mailboxes[store.NewID()], s.Mailboxes[store.NewID()] = a, b
		s.place(a)
		make(a.Path)
		take(a, false)
		s.place(b)
		make(b.Path)
		b.fresh = false // chosen by the run before
		take(b, true)

		c := &mailboxState{Name: "C"}
		s.Mailboxes[store.NewID()] = c
		s.place(c)
		c.fresh = false
		c.Path = a.Path // one file under two names
		take(c, false)
	}
}

// Of mailboxes with one long name each gets a path.
func TestExportLongNames(t *testing.T) {
	for _, form := range Formats {
		for n := 180; n <= maxFileName+20; n++ {
			s := &exportState{Format: form}
			level := strings.Repeat("a", n-8) + " b.cccccc"
			seen := map[string]bool{}
			for _, suffix := range []string{"", " (2)", " (3)", " (10)"} {
				p := s.pathOf("Work/"+level, suffix)
				if seen[p] {
					t.Fatalf("%s, %d: %q again", form, n, p)
				}
				if len(path.Base(p)) > maxFileName+len(".mbox") {
					t.Errorf("%s, %d: %d octets", form, n, len(p))
				}
				seen[p] = true
			}
		}
	}
}

// A mailbox whose parent is called as another's file has a place, too; one that
// has none keeps no other from being written.
func TestExportFileAsParent(t *testing.T) {
	b := newBox(t)
	for _, name := range []string{"A", "A.mbox/B", "C/D", "E"} {
		put(t, b, name, letter(name), time.Unix(1_700_000_000, 0))
	}
	dir := filepath.Join(t.TempDir(), "x")
	exportTo(t, b, dir, ExportOptions{Format: FormatMbox, Mailbox: "A"})
	if err := os.WriteFile(filepath.Join(dir, "C"), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	rows := exportTo(t, b, dir, ExportOptions{Format: FormatMbox})
	if got := exportedTally(rows); got != "A 1=0+1+0, A.mbox/B 1=1+0+0, C/D 0=0+0+1, E 1=1+0+0" {
		t.Error(got)
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "C")); string(text) != "precious" {
		t.Errorf("%q", text)
	}
}

// Two exports never write into one folder at a time.
func TestExportLock(t *testing.T) {
	b := newBox(t)
	for range 2 {
		put(t, b, "INBOX", letter("a"), time.Unix(1_700_000_000, 0))
	}
	dir := filepath.Join(t.TempDir(), "x")
	second := func() error {
		_, err := Export(ctx, b.View(store.ViewOptions{}), dir, ExportOptions{Box: b.ID(), Format: FormatMbox})
		return err
	}
	told := 0
	exportTo(t, b, dir, ExportOptions{Format: FormatMbox, Tell: func(int, int, int64) {
		told++
		if err := second(); !errors.Is(err, ErrTarget) || !strings.Contains(err.Error(), "another export writes into") {
			t.Errorf("%v", err)
		}
	}})
	if err := second(); err != nil || told == 0 {
		t.Errorf("then: %v", err)
	}
	// What is refused holds no lock, and leaves none in another's folder.
	for range 2 {
		if _, err := Export(ctx, b.View(store.ViewOptions{}), dir, ExportOptions{Box: b.ID(), Format: FormatEML}); err == nil || strings.Contains(err.Error(), "another export") {
			t.Errorf("%v", err)
		}
	}
	other := files(t, map[string]string{"x": "precious"})
	if _, err := Export(ctx, b.View(store.ViewOptions{}), other, ExportOptions{Box: b.ID(), Format: FormatEML}); !errors.Is(err, ErrTarget) {
		t.Errorf("%v", err)
	}
	if entries, _ := os.ReadDir(other); len(entries) != 1 {
		t.Errorf("%v", entries)
	}
}
