package exchange

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"heimpost/store"
)

// memDir is where boxes lie: in memory where the system has such a folder.
var memDir string

func TestMain(m *testing.M) {
	if os.Getenv("HEIMPOST_SOAK") == "" {
		flag.Set("rapid.checks", "10") // each makes four boxes
	}
	for _, in := range []string{"/dev/shm", ""} {
		var err error
		if memDir, err = os.MkdirTemp(in, "hp"); err == nil {
			break
		}
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(memDir)
		os.Exit(code)
	}))
}

var ctx = context.Background()

const most = 1 << 20 // octets of a mail

// newBox makes an empty box. At the end of the test it is verified.
func newBox(t testing.TB) *store.Box {
	t.Helper()
	b := newBoxFor(t)
	t.Cleanup(b.done)
	return b.Box
}

// box is an open box and the folder that it lies in.
type box struct {
	*store.Box
	t   rapid.TB
	dir string
}

func newBoxFor(t rapid.TB) *box {
	t.Helper()
	dir, err := os.MkdirTemp(memDir, "box")
	if err != nil {
		t.Fatal(err)
	}
	o := store.Options{MaxMessage: most}
	if err := store.CreateBox(filepath.Join(dir, "box"), store.NewID(), o); err != nil {
		t.Fatal(err)
	}
	b, err := store.OpenBox(ctx, filepath.Join(dir, "box"), o)
	if err != nil {
		t.Fatal(err)
	}
	return &box{b, t, dir}
}

// done verifies the box, closes and removes it.
func (b *box) done() {
	r, err := b.Verify(ctx, store.VerifyOptions{Content: true})
	if err != nil || len(r.Problems) > 0 {
		b.t.Errorf("verify: %v %v", r.Problems, err)
	}
	if err := errors.Join(b.Close(), os.RemoveAll(b.dir)); err != nil {
		b.t.Error(err)
	}
}

func hashOf(text string) [32]byte { return sha256.Sum256([]byte(text)) }

// held is a mail that lies in a box.
type held struct {
	Text  string
	Date  time.Time
	Flags string
}

// contents gives all mails of a box by mailbox.
func contents(t rapid.TB, b *store.Box) map[string][]held {
	t.Helper()
	out := map[string][]held{}
	v := b.View(store.ViewOptions{})
	for _, info := range v.Mailboxes() {
		m, err := v.Mailbox(ctx, info.Name)
		if err != nil {
			t.Fatal(err)
		}
		snap := m.Snapshot()
		var entries []store.Entry
		for _, e := range snap.All() {
			entries = append(entries, e)
		}
		err = m.Mails(ctx, entries, 0, func(e store.Entry, mail *store.Mail) error {
			f, err := m.OpenMail(mail)
			if err != nil {
				return err
			}
			defer f.Close()
			text, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
			if err == nil && sha256.Sum256(text) != mail.Hash {
				err = fmt.Errorf("not the bytes that came")
			}
			var flags []string
			for _, f := range snap.Keywords.Names(e.Flags) {
				flags = append(flags, strings.ToLower(string(f)))
			}
			slices.Sort(flags)
			out[info.Name] = append(out[info.Name], held{string(text), mail.Date, strings.Join(flags, " ")})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// importFrom imports a file or folder.
func importFrom(t rapid.TB, b *store.Box, path string, o ImportOptions) Report {
	t.Helper()
	src, base, err := OpenFiles(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	o.Base, o.MaxMessage = base, most
	var out Report
	if err := Import(ctx, b.View(store.ViewOptions{}), src, o, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// summary is a report in short.
func summary(r Report) string {
	var out []string
	for _, m := range r.Mailboxes {
		out = append(out, fmt.Sprintf("%s %d=%d+%d+%d", m.Mailbox, m.Found, m.Imported, m.Already, m.Failed))
	}
	return strings.Join(out, ", ")
}

// files writes files below a new folder; a name that ends with '/' is a folder.
func files(t testing.TB, list map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range list {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(p, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// letter is a small mail.
func letter(subject string) string {
	return "From: a@example.org\r\nSubject: " + subject + "\r\nMessage-ID: <" + subject + "@example.org>\r\n" +
		"Date: Mon, 02 Mar 2020 10:00:00 +0100\r\n\r\nHello " + subject + ".\r\n"
}

// lf gives a text as Unix writes it.
func lf(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }
