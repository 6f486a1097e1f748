package exchange

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/store"
)

// place and count of mails as a short text.
func tally(all map[string][]held) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, fmt.Sprintf("%s %d", name, len(all[name])))
	}
	return strings.Join(out, ", ")
}

func mboxOf(letters ...string) string {
	var b strings.Builder
	for _, l := range letters {
		b.WriteString(from1 + lf(letter(l)) + "\n")
	}
	return b.String()
}

// Each kind of source goes where it belongs, and a second time brings nothing.
func TestImportPlaces(t *testing.T) {
	cases := []struct {
		name    string
		files   map[string]string
		source  string // below the folder
		mailbox string
		want    string
	}{
		{"one .eml", map[string]string{"x.eml": letter("a")}, "x.eml", "", "INBOX 1"},
		{"one .eml into a mailbox", map[string]string{"x.eml": letter("a")}, "x.eml", "Old/Mail", "Old/Mail 1"},
		{"a mail with another ending", map[string]string{"x.txt": letter("a")}, "x.txt", "", "INBOX 1"},
		{"tree of .eml", map[string]string{"old/a.eml": letter("a"), "old/Work/b.EML": letter("b"), "old/Work/c/d.eml": letter("d"), "old/notes.txt": "hello"},
			"old", "", "Work 1, Work/c 1, old 1"},
		{"a year's mbox beside mails", map[string]string{"x/1.eml": letter("a"), "x/2": letter("b"), "x/2020": mboxOf("c", "d")}, "x", "", "2020 2, x 2"},
		{"MH", map[string]string{"inbox/1": letter("a"), "inbox/2": letter("b"), "inbox/.mh_sequences": "unseen: 1"}, "inbox", "", "INBOX 2"},
		{"mbox", map[string]string{"Projects.mbox": mboxOf("a", "b")}, "Projects.mbox", "", "Projects 2"},
		{"mbox into a mailbox", map[string]string{"Projects.mbox": mboxOf("a", "b")}, "Projects.mbox", "P", "P 2"},
		{"empty mbox", map[string]string{"Sent": ""}, "Sent", "", ""},
		{"Thunderbird", map[string]string{
			"p/Inbox": mboxOf("a"), "p/Inbox.msf": "// <!-- <mdb:mork:z v=\"1.4\"/> -->", "p/Inbox.sbd/Friends": mboxOf("b"), "p/Inbox.sbd/Friends.msf": "x",
			"p/Sent": mboxOf("c"), "p/Trash": "", "p/Archives.sbd/2020": mboxOf("d"), "p/msgFilterRules.dat": "version=\"9\"",
		}, "p", "", "Archive/2020 1, INBOX 1, INBOX/Friends 1, Sent 1"},
		{"Apple Mail", map[string]string{"Sent Messages.mbox/mbox": mboxOf("a"), "Sent Messages.mbox/table_of_contents": "\x00\x01"}, "Sent Messages.mbox", "", "Sent 1"},
		{"folder of Apple Mail's", map[string]string{"x/Entwürfe.mbox/mbox": mboxOf("a"), "x/Work.mbox/mbox": mboxOf("b")}, "x", "", "Drafts 1, Work 1"},
		{"Maildir++", map[string]string{
			"m/cur/1.a:2,S": letter("a"), "m/new/2.b": letter("b"), "m/tmp/3.c": "half", "m/.Sent/cur/1.a:2,": letter("c"),
			"m/.Work.Caf&AOk-/cur/5": letter("d"), "m/.Gesendete Objekte/new/6": letter("e"), "m/.git/x": "y", "m/dovecot-uidlist": "3 V1",
		}, "m", "", "INBOX 2, Sent 2, Work/Café 1"},
		{"Maildir++ below", map[string]string{"m/cur/1": letter("a"), "m/.Sent/cur/1": letter("c"), "m/.INBOX.x/cur/1": letter("d")}, "m", "Old", "Old 1, Old/INBOX/x 1, Old/Sent 1"},
		{"KMail", map[string]string{"k/inbox/cur/1": letter("a"), "k/.inbox.directory/Work/cur/2": letter("b"), "k/.inbox.index": "x"}, "k", "", "INBOX 1, INBOX/Work 1"},
		{"an mbox with an odd ending", map[string]string{"x/old.bak": mboxOf("a"), "x/a.log": "Date: today\n", "x/.hidden": mboxOf("b")}, "x", "", "old.bak 1"},
		{"nested Maildirs", map[string]string{"m/INBOX/cur/1": letter("a"), "m/INBOX/new/": "", "m/Spam/cur/1": letter("b"), "m/Spam/x/cur/1": letter("c")}, "m", "", "INBOX 1, Junk 1, Junk/x 1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.Contains(c.name, "Maildir") {
				t.Skip("no ':' in names")
			}
			dir, b := files(t, c.files), newBox(t)
			source := filepath.Join(dir, c.source)
			dry := importFrom(t, b, source, ImportOptions{Mailbox: c.mailbox, DryRun: true})
			if got := tally(contents(t, b)); got != "" {
				t.Fatalf("a dry run imported %s", got)
			}
			r := importFrom(t, b, source, ImportOptions{Mailbox: c.mailbox})
			all := contents(t, b)
			if got := tally(all); got != c.want {
				t.Errorf("got %s, want %s (%s, %v)", got, c.want, summary(r), r.Skipped)
			}
			if c.want != "" && summary(dry) != summary(r) {
				t.Errorf("foretold %s, did %s", summary(dry), summary(r))
			}
			again := importFrom(t, b, source, ImportOptions{Mailbox: c.mailbox})
			if n := again.Count(); n.Imported != 0 || n.Failed != 0 || n.Already != r.Count().Imported || fmt.Sprint(contents(t, b)) != fmt.Sprint(all) {
				t.Errorf("again: %s", summary(again))
			}
			for _, m := range all {
				for _, h := range m {
					if !strings.HasSuffix(h.Text, ".\r\n") || !strings.HasPrefix(h.Text, "From: a@example.org\r\n") {
						t.Errorf("not as it was: %q", h.Text)
					}
				}
			}
		})
	}
}

// Equal mails of one folder stay as many as they are; those of two folders that
// go into one mailbox do not add up; what lay there counts.
func TestImportEqualMails(t *testing.T) {
	b := newBox(t)
	dir := files(t, map[string]string{"twice": mboxOf("a", "a", "b"), "thrice": mboxOf("a", "a", "a"), "x.eml": letter("a")})
	steps := []struct{ source, report, tally string }{
		{"x.eml", "M 1=1+0+0", "M 1"},
		{"twice", "M 3=2+1+0", "M 3"},
		{"twice", "M 3=0+3+0", "M 3"},
		{"thrice", "M 3=1+2+0", "M 4"},
		{"x.eml", "M 1=0+1+0", "M 4"},
	}
	for i, s := range steps {
		r := importFrom(t, b, filepath.Join(dir, s.source), ImportOptions{Mailbox: "M"})
		if got := tally(contents(t, b)); summary(r) != s.report || got != s.tally {
			t.Errorf("step %d: %s, %s; want %s, %s", i, summary(r), got, s.report, s.tally)
		}
	}
}

// What is wrong with one mail or file keeps no other from coming.
func TestImportBadMails(t *testing.T) {
	b := newBox(t)
	dir := files(t, map[string]string{
		"s/a.eml": letter("a"), "s/big.eml": letter("big") + strings.Repeat("x", most), "s/c.eml": letter("c"), "s/empty.eml": "",
		"s/box": mboxOf("d") + from1 + "A: 1\n\n" + strings.Repeat("y", most) + "\n\n" + mboxOf("e"), "s/photo.jpg": "\xff\xd8\xff",
	})
	if runtime.GOOS != "windows" {
		for _, name := range []string{"s/link.eml", "s/folder"} {
			if err := os.Symlink(filepath.Join(dir, "s"), filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	r := importFrom(t, b, filepath.Join(dir, "s"), ImportOptions{})
	if got := summary(r); got != "s 4=3+0+1, box 3=2+0+1" && got != "box 3=2+0+1, s 4=3+0+1" {
		t.Errorf("%s", got)
	}
	failures := ""
	for _, m := range r.Mailboxes {
		for _, f := range m.Failures {
			failures += f.Where + ": " + f.Why + "\n"
		}
	}
	if !strings.Contains(failures, filepath.Join("s", "big.eml")+": it is larger") || !strings.Contains(failures, "box at byte") {
		t.Errorf("failures: %s", failures)
	}
	if want := map[bool]int{true: 1, false: 3}[runtime.GOOS == "windows"]; len(r.Skipped) != want {
		t.Errorf("passed over: %v", r.Skipped)
	}
	all := contents(t, b)
	if len(all["s"]) != 3 || len(all["box"]) != 2 {
		t.Errorf("%s", tally(all))
	}
}

// Flags and dates come along.
func TestImportFlagsAndDates(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no ':' in names")
	}
	b := newBox(t)
	received := "Received: from x by y; Tue, 03 Mar 2020 11:12:13 +0200\n" + lf(letter("r"))
	undated := "Subject: none\n\nx\n"
	dir := files(t, map[string]string{
		"m/cur/1.a:2,DFPRSTb": received, "m/cur/2.b:2,": lf(letter("d")), "m/cur/3.c:2,S": undated, "m/dovecot-keywords": "0 $Label1\n1 blue\n2 bad(word\n",
		"box": from1 + lf(letter("box")) + "\nFrom - Sun Mar 05 06:07:08 2023\n" + lf(letter("tb")) + "\nFrom - Sun Mar 05 06:07:08 2023\n" + undated + "\n",
	})
	when := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(dir, "m/cur/3.c:2,S"), when, when); err != nil {
		t.Fatal(err)
	}
	importFrom(t, b, filepath.Join(dir, "m"), ImportOptions{})
	importFrom(t, b, filepath.Join(dir, "box"), ImportOptions{})
	all := contents(t, b)
	var got []string
	for _, h := range append(all["INBOX"], all["box"]...) {
		got = append(got, h.Date.Format(time.RFC3339)+" "+h.Flags)
	}
	want := []string{
		`2020-03-03T11:12:13+02:00 $forwarded \answered \deleted \draft \flagged \seen blue`, "2020-03-02T10:00:00+01:00 ", `2001-02-03T04:05:06Z \seen`,
		"2024-03-01T14:23:00Z ", "2020-03-02T10:00:00+01:00 ", "2023-03-05T06:07:08Z ",
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// A mailbox takes 55 keywords; what is beyond costs marks, never mails.
func TestImportTooManyKeywords(t *testing.T) {
	b := newBox(t)
	var text strings.Builder
	for i := range 70 {
		fmt.Fprintf(&text, "%sStatus: RO\nX-Status: \nX-Keywords: word%d\n%s\n", from1, i, lf(letter(fmt.Sprint(i))))
	}
	r := importFrom(t, b, filepath.Join(files(t, map[string]string{"x": text.String()}), "x"), ImportOptions{})
	all := contents(t, b)["x"]
	if len(all) != 70 || all[0].Flags != `\seen word0` || all[69].Flags != `\seen` || len(r.Notes) != 1 {
		t.Errorf("%d mails, %q, %v", len(all), all[len(all)-1].Flags, r.Notes)
	}
}

// A folder deeper than a mailbox can be goes as deep as that; one whose
// mailbox cannot be named is that folder's failure.
func TestImportDeepFolder(t *testing.T) {
	dir := files(t, map[string]string{
		"cur/1": lf(letter("a")), "." + strings.Repeat("x.", 40) + "y/cur/2": lf(letter("b")), "." + strings.Repeat("x.", 50) + "y/cur/3": lf(letter("c")),
	})
	deepest := strings.Repeat("x/", 31) + "x"
	b := newBox(t)
	for range 2 {
		importFrom(t, b, dir, ImportOptions{})
	}
	if got := tally(contents(t, b)); got != "INBOX 1, "+deepest+" 2" {
		t.Error(got)
	}
	if r := importFrom(t, b, dir, ImportOptions{Mailbox: "a//b"}); r.Count().Failed != 3 || r.Count().Found != 0 {
		t.Error(summary(r))
	}
}

// The activity tells of each batch.
func TestImportActivity(t *testing.T) {
	b := newBox(t)
	importFrom(t, b, filepath.Join(files(t, map[string]string{"x": mboxOf("a", "b")}), "x"), ImportOptions{})
	rows, err := b.Activity(ctx, store.ActivityQuery{})
	if err != nil || len(rows) == 0 || rows[0].Action != "imported" || rows[0].Count != 2 || rows[0].Mailbox != "x" {
		t.Errorf("%+v %v", rows, err)
	}
}

func TestPlaceNames(t *testing.T) {
	v := newBox(t).View(store.ViewOptions{})
	deep := slices.Repeat([]string{strings.Repeat("ü", 200)}, 30)
	for _, c := range []struct {
		path []string
		use  imap.MailboxAttr
		want string
	}{
		{[]string{"a/b", "c\x00d", "\xff", " "}, "", "a_b/cd/\uFFFD/_"},
		{[]string{"Verschickt"}, imap.MailboxAttrSent, "Sent"},
		{[]string{"inbox", "Sent"}, "", "INBOX/Sent"},
		{[]string{"x", "Sent"}, "", "x/Sent"},
		{[]string{"PAPIERKORB"}, "", "Trash"},
		{deep, "", strings.Join(slices.Repeat([]string{strings.Repeat("ü", 100)}, 4), "/")},
	} {
		name, _ := place(v, Folder{Path: c.path, Use: c.use}, "", "")
		if name != c.want {
			t.Errorf("%q: %q, want %q", c.path, name, c.want)
		}
		if name != "Sent" && name != "Trash" {
			if _, err := v.CreateMailbox(ctx, name, ""); err != nil {
				t.Error(err)
			}
		}
	}
}
