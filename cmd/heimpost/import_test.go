package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heimpost/peertest"
)

// mboxFile writes an mbox file with these mails.
func mboxFile(t *testing.T, name string, subjects ...string) string {
	t.Helper()
	var b strings.Builder
	for _, s := range subjects {
		b.WriteString("From a@example.org Mon Mar  2 09:00:00 2026\n" + strings.ReplaceAll(string(mail(s)), "\r\n", "\n") + "\n")
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Mail from elsewhere comes into a box, with serve at work on it and without,
// once, and is told to whoever looks.
func TestImport(t *testing.T) {
	w := newWorld(t)
	w.runIn("secret\n", "person", "add", "marko", "--password-stdin")
	file := mboxFile(t, "Gesendet", "one", "two")
	w.run("import", "marko", file, "--dry-run")
	type row struct {
		Mailbox                          string
		Found, Imported, Already, Failed int
		Bytes                            int64
		Failures                         []struct{ Where, Why string }
	}
	var rows []row
	w.json(&rows, "import", "marko", file)
	if len(rows) != 1 || rows[0].Mailbox != "Sent" || rows[0].Imported != 2 || rows[0].Bytes != 2*int64(len(mail("one"))) {
		t.Errorf("%+v", rows)
	}
	s := w.serve()
	c := s.login("marko", "secret", nil)
	if got := bodies(t, c, "Sent"); len(got) != 2 || got[0] != string(mail("one")) {
		t.Errorf("%q", got)
	}
	rows = nil
	w.json(&rows, "import", "marko", file, mboxFile(t, "Alt", "three"))
	if len(rows) != 2 || rows[0].Already != 2 || rows[0].Imported != 0 || rows[1].Imported != 1 {
		t.Errorf("%+v", rows)
	}
	if got := bodies(t, c, "Alt"); len(got) != 1 {
		t.Errorf("%q", got)
	}
	if out := w.run("activity", "marko"); strings.Count(out, "imported") != 2 {
		t.Errorf("activity: %s", out)
	}

	w.config("[imap]\nlisten = [\"127.0.0.1:0\"]\nlisten_tls = []\n[web]\nlisten = \"\"\n[limits]\nmessage = \"1MiB\"\n")
	s.stop()
	s = w.serve()
	big := mboxFile(t, "Big", "small", strings.Repeat("x", 2<<20), "last")
	w.fails(3, "Big at byte ", "", "import", "marko", big)
	if got := s.subjects("Big"); got["small"] != 1 || got["last"] != 1 || len(got) != 2 {
		t.Errorf("%v", got)
	}
	s.stop()
	w.fails(1, "no such file", "", "import", "marko", file+"x")
	w.fails(1, "no mail, no mbox file", "", "import", "marko", binary)
	w.fails(1, "no box", "", "import", "nobody", file)
	w.fails(2, "something is missing", "", "import", "marko")
	w.verify()
}

// The import is killed at any moment and done again: each mail is there once.
func TestKilledImport(t *testing.T) {
	random := seeded(t)
	w := newWorld(t)
	w.runIn("secret\n", "person", "add", "marko", "--password-stdin")
	var subjects []string
	for i := range 300 {
		subjects = append(subjects, fmt.Sprint("mail-", i))
	}
	file := mboxFile(t, "Old", subjects...)
	start := time.Now()
	w.run("import", "marko", file, "--mailbox", "measured")
	whole := time.Since(start)
	partly, n := 0, kills(t, 6)
	for round := range n {
		mailbox := fmt.Sprint("M", round)
		partly += importKilled(t, w, random, whole, "import", "marko", file, "--mailbox", mailbox)
		w.run("import", "marko", file, "--mailbox", mailbox)
	}
	s := w.serve()
	for round := range n {
		got := s.subjects(fmt.Sprint("M", round))
		for _, subject := range subjects {
			if got[subject] != 1 {
				t.Errorf("round %d: %s is there %d times", round, subject, got[subject])
			}
		}
	}
	s.stop()
	w.verify()
	t.Logf("killed %d times, %d of them at work", n, partly)
}

// importKilled runs a command and kills it at a moment within the time it
// takes; 1 if it had not ended.
func importKilled(t *testing.T, w *world, random *rand.Rand, whole time.Duration, args ...string) int {
	t.Helper()
	c := w.command("", args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(time.Duration(random.Int64N(int64(whole))), func() { c.Process.Kill() })
	c.Wait()
	if timer.Stop() {
		return 0
	}
	return 1
}

// An account at an IMAP server comes over through a running hub; the password
// is written nowhere.
func TestImportFromServer(t *testing.T) {
	d := peertest.NewDovecot(t, peertest.DovecotConfig{Dir: peertest.MemDir(t), Password: "hasenbraten"})
	for _, subject := range []string{"one", "two", "three"} {
		if err := d.Deliver("marko", mail(subject)); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t)
	w.runIn("secret\n", "person", "add", "marko", "--password-stdin")
	s := w.serve()
	source := "imap://marko@" + d.IMAP
	if out := w.runIn(d.Password+"\n", "import", "marko", source, "--password-stdin"); !strings.Contains(out, "INBOX: imported 3 mails") {
		t.Errorf("%s", out)
	}
	if out := w.runIn(d.Password+"\n", "import", "marko", source, "--password-stdin", "--mailbox", "Old"); !strings.Contains(out, "Old: imported 3 mails") {
		t.Errorf("%s", out)
	}
	if out := w.runIn(d.Password+"\n", "import", "marko", source, "--password-stdin"); !strings.Contains(out, "imported 0 mails (0 bytes), 3 already there") {
		t.Errorf("%s", out)
	}
	w.fails(1, "password", "wrongpass\n", "import", "marko", source, "--password-stdin")
	w.fails(1, "TLS", d.Password+"\n", "import", "marko", "imaps://marko@"+d.IMAPS, "--password-stdin")
	w.fails(2, "imaps://user@host", "", "import", "marko", "imaps://marko:hunter2@example.org")
	w.fails(2, "--password-stdin", "", "import", "marko", source)
	if log := s.logged(); strings.Contains(log, "hasenbraten") || strings.Contains(log, "wrongpass") {
		t.Errorf("the log holds a password:\n%s", log)
	}
	s.stop()
	w.verify()
}
