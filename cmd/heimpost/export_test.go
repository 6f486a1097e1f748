package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What is in a box goes out in each form and comes into another one, with serve
// at work and without.
func TestExport(t *testing.T) {
	w := newWorld(t)
	w.runIn("secret\n", "person", "add", "marko", "--password-stdin")
	w.run("import", "marko", mboxFile(t, "Work", "one", "two"))
	s := w.serve()
	dir := t.TempDir()
	for i, form := range []string{"maildir", "mbox", "eml"} {
		if i == 1 {
			s.stop()
		}
		target := filepath.Join(dir, form)
		if out := w.run("export", "marko", target, "--format", form); !strings.Contains(out, "2 mails (") || !strings.Contains(out, target) {
			t.Errorf("%s", out)
		}
		var rows []struct {
			Mailbox, Path             string
			Exported, Already, Failed int
		}
		w.json(&rows, "export", "marko", target, "--format", form)
		there := 0
		for _, r := range rows {
			there += r.Already
			if r.Exported+r.Failed > 0 {
				t.Errorf("%s: %+v", form, r)
			}
		}
		if there != 2 {
			t.Errorf("%s: %+v", form, rows)
		}
		w.run("box", "add", "from-"+form)
		if out := w.run("import", "from-"+form, target); !strings.Contains(out, "Work: imported 2 mails") {
			t.Errorf("%s: %s", form, out)
		}
	}
	w.fails(1, "is not empty", "", "export", "marko", filepath.Dir(dir))
	w.fails(2, "no form", "", "export", "marko", filepath.Join(dir, "x"), "--format", "pst")
	w.fails(2, "in the data folder", "", "export", "marko", filepath.Join(w.dir, "out"))
	w.fails(2, "no date", "", "export", "marko", filepath.Join(dir, "x"), "--since", "no date")
	w.fails(1, "no such mailbox", "", "export", "marko", filepath.Join(dir, "x"), "--mailbox", "Nothing")
	w.verify()
}

// The export is killed at any moment and done again: each mail is there once.
func TestKilledExport(t *testing.T) {
	random := seeded(t)
	w := newWorld(t)
	w.runIn("secret\n", "person", "add", "marko", "--password-stdin")
	var subjects []string
	for i := range 300 {
		subjects = append(subjects, fmt.Sprint("mail-", i))
	}
	w.run("import", "marko", mboxFile(t, "Old", subjects...))
	forms := []string{"maildir", "mbox", "eml"}
	whole := map[string]time.Duration{}
	for _, form := range forms {
		start := time.Now()
		w.run("export", "marko", filepath.Join(t.TempDir(), "x"), "--format", form)
		whole[form] = time.Since(start)
	}
	partly, n := 0, kills(t, 6)
	for round := range n {
		form := forms[round%len(forms)]
		target := filepath.Join(t.TempDir(), "x")
		partly += importKilled(t, w, random, whole[form], "export", "marko", target, "--format", form)
		w.run("export", "marko", target, "--format", form)
		box := fmt.Sprint("box", round)
		w.run("box", "add", box)
		var rows []struct {
			Mailbox                  string
			Found, Imported, Already int
		}
		w.json(&rows, "import", box, target)
		if len(rows) != 1 || rows[0].Mailbox != "Old" || rows[0].Imported != 300 {
			t.Errorf("%s: %+v", form, rows)
		}
		rows = nil
		// The same mails, not as many: all are in the first box.
		w.json(&rows, "import", "marko", target, "--dry-run")
		if len(rows) != 1 || rows[0].Already != 300 {
			t.Errorf("%s: %+v", form, rows)
		}
	}
	w.verify()
	t.Logf("killed %d times, %d of them at work", n, partly)
}
