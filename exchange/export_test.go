package exchange

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"pgregory.net/rapid"

	"heimpost/peertest"
	"heimpost/store"
)

// put puts a mail into a box.
func put(t rapid.TB, b *store.Box, mailbox, text string, date time.Time, flags ...imap.Flag) {
	t.Helper()
	putAll(t, b, mailbox, []*store.Incoming{incoming(t, b, text, date, flags...)})
}

// incoming makes a mail that can be put into a box.
func incoming(t rapid.TB, b *store.Box, text string, date time.Time, flags ...imap.Flag) *store.Incoming {
	t.Helper()
	in, err := b.NewIncoming()
	if err != nil {
		t.Fatal(err)
	}
	in.Write([]byte(text))
	if _, err := in.Finish(); err != nil {
		t.Fatal(err)
	}
	in.Date, in.Flags = date, flags
	return in
}

func putAll(t rapid.TB, b *store.Box, mailbox string, mails []*store.Incoming) {
	t.Helper()
	v := b.View(store.ViewOptions{})
	if _, err := v.CreateMailbox(ctx, mailbox, ""); err != nil && !errors.Is(err, store.ErrExists) {
		t.Fatal(err)
	}
	if _, err := v.Append(ctx, mailbox, mails); err != nil {
		t.Fatal(err)
	}
}

func exportTo(t rapid.TB, b *store.Box, dir string, o ExportOptions) []Exported {
	t.Helper()
	o.Box = b.ID()
	out, err := Export(ctx, b.View(store.ViewOptions{}), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func exportedTally(rows []Exported) string {
	var out []string
	for _, r := range rows {
		if r.Found > 0 || r.Failed > 0 {
			out = append(out, fmt.Sprintf("%s %d=%d+%d+%d", r.Mailbox, r.Found, r.Exported, r.Already, r.Failed))
		}
	}
	return strings.Join(out, ", ")
}

// pieces are what odd mails are made of.
var pieces = []string{"A: 1\r\n", "\r\n", "From me to you\r\n", ">From me\r\n", ">>From \r\n", "From a@b Fri Mar  1 14:23:00 2024\r\n", "Status: RO\r\n", "X-Status: A\r\n",
	"X-Keywords: x\r\n", "X-Mozilla-Status: 0009\r\n", noLineEnd + ": yes\r\n", "\r\r\n", "\r", "text", "\x00\xff\r\n", "Content-Length: 4\r\n", "Subject: a/b\r\n", ".\r\n", "> \r\n", "From"}

// TestRoundTrip: what is exported in any form and imported into an empty box is
// the same mail: bytes, dates and marks, as far as the form holds them.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBoxFor(rt)
		defer b.done()
		names := []string{"INBOX", "Sent", "INBOX/Sub", "Work/Café & Co", "Work", "aux/x", "a:b", "Entwürfe"}
		mails := map[string][]*store.Incoming{}
		for range rapid.IntRange(0, 30).Draw(rt, "mails") {
			text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 8).Draw(rt, "pieces"), "")
			zone := time.FixedZone("", 900*rapid.IntRange(-40, 40).Draw(rt, "zone"))
			date := time.Unix(rapid.Int64Range(400_000_000, 4_000_000_000).Draw(rt, "date"), 0).In(zone)
			flags := rapid.SliceOfDistinct(rapid.SampledFrom([]imap.Flag{imap.FlagSeen, imap.FlagAnswered, imap.FlagFlagged, imap.FlagDraft, imap.FlagDeleted, imap.FlagForwarded, "$Label1", "urgent"}), rapid.ID).Draw(rt, "flags")
			name := rapid.SampledFrom(names).Draw(rt, "mailbox")
			mails[name] = append(mails[name], incoming(rt, b.Box, text, date, flags...))
		}
		for name, list := range mails {
			putAll(rt, b.Box, name, list)
		}
		want := contents(rt, b.Box)
		for _, form := range Formats {
			dir, err := os.MkdirTemp(b.dir, "x")
			if err != nil {
				rt.Fatal(err)
			}
			exportTo(rt, b.Box, dir, ExportOptions{Format: form})
			if again := exportTo(rt, b.Box, dir, ExportOptions{Format: form}); slices.ContainsFunc(again, func(r Exported) bool { return r.Exported+r.Failed > 0 }) {
				rt.Fatalf("%s: again: %s", form, exportedTally(again))
			}
			other := newBoxFor(rt)
			r := importFrom(rt, other.Box, dir, ImportOptions{})
			if n := r.Count(); n.Failed > 0 || n.Already > 0 || len(r.Skipped) > 0 {
				rt.Fatalf("%s: %s %v", form, summary(r), r.Skipped)
			}
			got := contents(rt, other.Box)
			if a, b := carried(want, form), carried(got, form); a != b {
				rt.Fatalf("%s:\ngot  %s\nwant %s", form, b, a)
			}
			other.done()
		}
	})
}

// carried writes down what a form carries of a box's mail. Mailboxes that
// import takes for one, and names that no file can have, are told alike.
func carried(all map[string][]held, form Format) string {
	var lines []string
	for name, mails := range all {
		levels := strings.Split(name, "/")
		for i, l := range levels {
			levels[i] = portable(l)
		}
		name = strings.Join(levels, "/")
		if name == "Entwürfe" {
			name = "Drafts"
		}
		for _, h := range mails {
			line := fmt.Sprintf("%s %q %d", name, h.Text, h.Date.Unix())
			if form != FormatEML {
				line += " " + h.Flags
			} else {
				line += h.Date.Format(" -0700")
			}
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// An export that was cut short anywhere is completed by the next run, each mail
// once.
func TestExportGoesOn(t *testing.T) {
	b := newBox(t)
	date := time.Date(2024, 3, 1, 14, 23, 45, 0, time.FixedZone("", 3600))
	for i := range 5 {
		put(t, b, "INBOX", letter("same"), date, imap.FlagSeen) // equal ones, too
		put(t, b, "Work/Old", letter(fmt.Sprint(i)), date)
	}
	for _, form := range Formats {
		t.Run(string(form), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out", "there")
			exportTo(t, b, dir, ExportOptions{Format: form})
			name := filepath.Join(dir, stateFile)
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var st exportState
			if err := json.Unmarshal(text, &st); err != nil {
				t.Fatal(err)
			}
			// As if killed after some mails, before the state was written.
			for _, m := range st.Mailboxes {
				m.Next, m.Complete = min(m.Next, 3), false
				if form == FormatMbox && m.Next == 3 {
					mbox, err := os.ReadFile(filepath.Join(dir, m.Path))
					if err != nil {
						t.Fatal(err)
					}
					m.Size = int64(strings.Index(string(mbox[10:]), "\n\nFrom ")) // of the first mail
					m.Size += int64(strings.Index(string(mbox[m.Size+20:]), "\n\nFrom ")) + 22
				}
			}
			if text, err = json.Marshal(st); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, text, 0o600); err != nil {
				t.Fatal(err)
			}
			if form != FormatMbox { // and one file was not yet there
				found, _ := filepath.Glob(filepath.Join(dir, map[Format]string{FormatMaildir: "cur/*U4.*", FormatEML: "INBOX/*(4).eml"}[form]))
				if len(found) != 1 || os.Remove(found[0]) != nil {
					t.Fatalf("%v", found)
				}
			}
			exportTo(t, b, dir, ExportOptions{Format: form})
			other := newBox(t)
			importFrom(t, other, dir, ImportOptions{})
			if got, want := carried(contents(t, other), form), carried(contents(t, b), form); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			put(t, b, "INBOX", letter("later "+string(form)), date)
			if got := exportedTally(exportTo(t, b, dir, ExportOptions{Format: form})); !strings.Contains(got, "=1+") {
				t.Errorf("later: %s", got)
			}
		})
	}
}

// What lies in a folder is never touched.
func TestExportRefuses(t *testing.T) {
	b := newBox(t)
	put(t, b, "INBOX", letter("a"), time.Now())
	dir := files(t, map[string]string{"full/x": "precious"})
	try := func(dir string, o ExportOptions, want error) {
		t.Helper()
		o.Box = b.ID()
		if _, err := Export(ctx, b.View(store.ViewOptions{}), dir, o); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	try(filepath.Join(dir, "full"), ExportOptions{}, ErrTarget)
	try(filepath.Join(dir, "new"), ExportOptions{Mailbox: "Nothing"}, store.ErrNoMailbox)
	mbox := filepath.Join(dir, "mbox")
	try(mbox, ExportOptions{Format: FormatMbox}, nil)
	try(mbox, ExportOptions{Format: FormatEML}, ErrTarget)
	try(mbox, ExportOptions{Format: FormatMbox, Since: time.Now()}, ErrTarget)
	f, err := os.OpenFile(filepath.Join(mbox, "INBOX.mbox"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("somebody's own")
	f.Close()
	rows := exportTo(t, b, mbox, ExportOptions{Format: FormatMbox})
	if text, _ := os.ReadFile(f.Name()); rows[0].Failed != 1 || !strings.HasSuffix(string(text), "somebody's own") {
		t.Errorf("%+v %q", rows[0], text)
	}
}

// One day's mail of one mailbox.
func TestExportSinceAndMailbox(t *testing.T) {
	b := newBox(t)
	day := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	for i := range 4 {
		put(t, b, "Work/New", letter(fmt.Sprint(i)), day.Add(time.Duration(i-2)*time.Hour))
		put(t, b, "Working", letter(fmt.Sprint(i)), day)
	}
	rows := exportTo(t, b, filepath.Join(t.TempDir(), "x"), ExportOptions{Format: FormatEML, Mailbox: "Work", Since: day})
	if got := exportedTally(rows); got != "Work/New 2=2+0+0" {
		t.Errorf("%s", got)
	}
}

// A damaged mail is named, the others are written; once it is whole again it
// comes, too.
func TestExportDamaged(t *testing.T) {
	for _, form := range Formats {
		b := newBoxFor(t)
		for i := range 3 {
			put(t, b.Box, "INBOX", letter(fmt.Sprint(i)), time.Unix(1_700_000_000, 0))
		}
		found, err := filepath.Glob(filepath.Join(b.dir, "box", "mail", "*", "*", "*.eml"))
		if err != nil || len(found) != 3 {
			t.Fatal(found, err)
		}
		whole, _ := os.ReadFile(found[1])
		if err := os.WriteFile(found[1], append(whole[:len(whole)-3:len(whole)-3], "x\r\n"...), 0o600); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "x")
		if got := exportedTally(exportTo(t, b.Box, dir, ExportOptions{Format: form})); got != "INBOX 3=2+0+1" {
			t.Errorf("%s: %s", form, got)
		}
		if err := os.WriteFile(found[1], whole, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := exportedTally(exportTo(t, b.Box, dir, ExportOptions{Format: form})); got != "INBOX 3=1+2+0" {
			t.Errorf("%s: again: %s", form, got)
		}
		b.done()
	}
}

func TestPortable(t *testing.T) {
	for in, want := range map[string]string{
		"Re: a/b\\c": "Re_ a_b_c", "CON": "_CON", "nul.txt": "_nul.txt", "...": "_", "": "_", ".hidden": "_hidden", "end. . ": "end", "a\x00\r\n\tb": "a b",
		"\u202egpj.exe": "gpj.exe", "Grüße 🙂": "Grüße 🙂", strings.Repeat("ü", 300): strings.Repeat("ü", maxFileName/2), "COM1": "_COM1", "comet": "comet",
	} {
		if got := portable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Python's mailbox module reads what is exported: the same mails with the same
// marks.
func TestPythonReadsExport(t *testing.T) {
	python := peertest.Need(t, "python3")
	b := newBox(t)
	date := time.Date(2024, 3, 1, 14, 23, 45, 0, time.UTC)
	bodies := []string{"plain\r\n", "From here\r\n\r\nFrom a@b Fri Mar  1 14:23:00 2024\r\nA: b\r\n", "Grüße\r\n", "no end"}
	for i, body := range bodies {
		put(t, b, "Work", letter(fmt.Sprint(i))+body, date, []imap.Flag{imap.FlagSeen, imap.FlagFlagged, imap.FlagAnswered, imap.FlagDraft}[:i+1]...)
	}
	script := `
import mailbox, sys, hashlib
kind, path = sys.argv[1:]
box = mailbox.mbox(path) if kind == "mbox" else mailbox.Maildir(path).get_folder("Work")
for key in sorted(box.keys()):
    m, raw = box[key], box.get_bytes(key)
    if kind == "mbox":
        import re
        raw = re.sub(rb"(?m)^>(>*From )", rb"\1", raw)
        raw = raw.split(b"X-Keywords: \n", 1)[1]
        raw = raw.removeprefix(b"X-Heimpost-No-Line-End: yes\n")
    flags = "".join(sorted(m.get_flags().replace("A", "R") if kind == "mbox" else m.get_flags()))
    print(m["Subject"], flags.replace("O", "").replace("RS", "RS"), hashlib.sha256(raw.rstrip(b"\n")).hexdigest())
`
	for _, form := range []Format{FormatMbox, FormatMaildir} {
		dir := filepath.Join(t.TempDir(), string(form))
		exportTo(t, b, dir, ExportOptions{Format: form})
		path := dir
		if form == FormatMbox {
			path = filepath.Join(dir, "Work.mbox")
		}
		out, err := exec.Command(python, "-c", script, string(form), path).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		letters := map[Format][]string{FormatMbox: {"R", "FR", "FRR", "FRRT"}, FormatMaildir: {"S", "FS", "FRS", "DFRS"}}[form]
		var want strings.Builder
		for i, body := range bodies {
			fmt.Fprintf(&want, "%d %s %x\n", i, letters[i], hashOf(strings.TrimRight(lf(letter(fmt.Sprint(i))+body), "\n")))
		}
		if string(out) != want.String() {
			t.Errorf("%s:\n%s\nwant\n%s", form, out, want.String())
		}
	}
}

// Names of mailboxes are as Dovecot's Maildir++ has them.
func TestMaildirNames(t *testing.T) {
	s := &exportState{Format: FormatMaildir}
	for name, want := range map[string]string{"INBOX": ".", "INBOX/a": ".INBOX.a", "Café/b.c": ".Caf&AOk-.b_c", "R&D": ".R&-D"} {
		if got := s.pathOf(name, ""); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := s.pathOf(strings.Repeat("ü/", 60)+"x", ""); len(got) > maxFileName {
		t.Errorf("%d octets", len(got))
	}
}
