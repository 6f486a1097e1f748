package imapd

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/message"
	"heimpost/store"
)

// found is a message of the search tests, as the tests know it.
type found struct {
	date    time.Time
	flags   string
	header  map[string]string
	body    string // as it is read, not as it is encoded
	raw     string
	sent    string // the day in its Date field, 2006-01-02
	subject string
}

// searchWorld fills a mailbox with mails of all sorts.
func searchWorld(t *testing.T) (*world, []found) {
	w := newWorld(t)
	zone := func(h int) *time.Location { return time.FixedZone("", h*3600) }
	mails := []found{
		{date: time.Date(2024, 1, 1, 0, 30, 0, 0, zone(2)), sent: "2023-12-31", subject: "plain",
			header: map[string]string{"From": "Ada <ada@example.org>", "To": "bob@example.net", "Date": "Sun, 31 Dec 2023 23:30:00 +0100"}, body: "Hello Bob"},
		{date: time.Date(2024, 1, 1, 23, 30, 0, 0, zone(-5)), sent: "2024-01-02", subject: "Grüße aus Köln", flags: `\Seen`,
			header: map[string]string{"From": "=?utf-8?q?J=C3=B6rg?= <joerg@example.org>", "Cc": "ada@example.org", "Date": "2 Jan 2024 05:00 +0000"}, body: "straße",
			raw: "Subject: =?iso-8859-1?q?Gr=FC=DFe_aus_K=F6ln?=\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nstra=DFe\r\n"},
		{date: time.Date(2024, 1, 2, 12, 0, 0, 0, time.UTC), subject: "", flags: `\Deleted $Label1`,
			header: map[string]string{"X-Empty": ""}, body: "base64 holds this text",
			raw: "Content-Transfer-Encoding: base64\r\n\r\nYmFzZTY0IGhvbGRz\r\nIHRoaXMgdGV4dA==\r\n"},
		{date: time.Date(2024, 2, 1, 12, 0, 0, 0, time.UTC), sent: "", subject: "no date", flags: `\Answered \Flagged \Draft`,
			header: map[string]string{"Date": "whenever", "Bcc": "secret@example.org", "From": "x@y"}, body: strings.Repeat("long ", 500)},
		{date: time.Now().Add(-time.Hour), sent: "2001-02-03", subject: "young", flags: `$label1 $Forwarded \Seen`,
			header: map[string]string{"Date": "3 Feb 2001 04:05:06 -0700", "Subject-Like": "Grüße"}, body: "<b>html</b> is not plain"},
		{date: time.Date(2024, 1, 2, 0, 0, 0, 0, zone(12)), subject: strings.Repeat("big ", 20), header: map[string]string{"To": "team: a@b, c@d;"}, body: "",
			raw: strings.Repeat("X-Filler: nothing to be found\r\n", 1000) + "X-Last: hidden needle\r\n\r\n"},
	}
	v := w.view("marko")
	for i := range mails {
		m := &mails[i]
		var b strings.Builder
		for _, name := range slices.Sorted(func(yield func(string) bool) {
			for n := range m.header {
				if !yield(n) {
					return
				}
			}
		}) {
			fmt.Fprintf(&b, "%s: %s\r\n", name, m.header[name])
		}
		if m.subject != "" && !strings.Contains(m.raw, "Subject:") {
			b.WriteString("Subject: " + m.subject + "\r\n")
		}
		if m.raw == "" {
			m.raw = "\r\n" + m.body + "\r\n"
		}
		b.WriteString(m.raw)
		in, err := v.NewIncoming()
		if err != nil {
			t.Fatal(err)
		}
		m.raw = b.String()
		in.Write([]byte(m.raw))
		if _, err := in.Finish(); err != nil {
			t.Fatal(err)
		}
		in.Date = m.date
		for _, f := range strings.Fields(m.flags) {
			in.Flags = append(in.Flags, imap.Flag(f))
		}
		if _, err := v.Append(ctx, "INBOX", []*store.Incoming{in}); err != nil {
			t.Fatal(err)
		}
		if i == 3 { // the first four are not recent
			mb, err := v.Mailbox(ctx, "INBOX")
			if err != nil {
				t.Fatal(err)
			}
			mb.ClaimRecent(5)
		}
	}
	return w, mails
}

func TestSearchKeys(t *testing.T) {
	w, mails := searchWorld(t)
	f := &fetcher{t: t, c: w.connect()}
	f.command("a LOGIN marko secret")
	f.command("a SELECT INBOX")
	has := func(flag string) func(m found) bool {
		return func(m found) bool {
			return slices.ContainsFunc(strings.Fields(m.flags), func(f string) bool { return strings.EqualFold(f, flag) })
		}
	}
	not := func(p func(found) bool) func(found) bool { return func(m found) bool { return !p(m) } }
	header := func(name, text string) func(found) bool {
		return func(m found) bool {
			for n, v := range m.header {
				if strings.EqualFold(n, name) && strings.Contains(strings.ToLower(message.DecodeHeader(v)), strings.ToLower(text)) {
					return true
				}
			}
			return false
		}
	}
	day := func(m found) string { return m.date.Format("2006-01-02") }
	number := func(ns ...int) func(found) bool {
		return func(m found) bool {
			return slices.Contains(ns, 1+slices.IndexFunc(mails, func(o found) bool { return o.raw == m.raw }))
		}
	}
	tests := []struct {
		keys string
		want func(m found) bool
	}{
		{"ALL", func(found) bool { return true }},
		{"all", func(found) bool { return true }},
		{"ANSWERED", has(`\Answered`)}, {"UNANSWERED", not(has(`\Answered`))},
		{"DELETED", has(`\Deleted`)}, {"UNDELETED", not(has(`\Deleted`))},
		{"DRAFT", has(`\Draft`)}, {"UNDRAFT", not(has(`\Draft`))},
		{"FLAGGED", has(`\Flagged`)}, {"UNFLAGGED", not(has(`\Flagged`))},
		{"SEEN", has(`\Seen`)}, {"UNSEEN", not(has(`\Seen`))},
		{"KEYWORD $LABEL1", has(`$label1`)}, {"UNKEYWORD $Label1", not(has(`$label1`))},
		{"KEYWORD unknown", number()}, {"UNKEYWORD unknown", func(found) bool { return true }},
		{"RECENT", number(5, 6)}, {"OLD", number(1, 2, 3, 4)}, {"NEW", number(6)},
		{"1", number(1)}, {"2:4", number(2, 3, 4)}, {"*", number(6)}, {"5:99", number(5, 6)}, {"77", number()}, {"1,3:4,*", number(1, 3, 4, 6)},
		{"UID 2:3", number(2, 3)}, {"UID 77:*", number(6)}, {"UID 77:80", number()},
		{"NOT 2", number(1, 3, 4, 5, 6)}, {"NOT NOT 2", number(2)},
		{"OR 1 2", number(1, 2)}, {"OR (SEEN 2) OR DRAFT FROM ada", number(1, 2, 4)},
		{"SEEN NOT KEYWORD $forwarded", number(2)}, {"(1:3 UNSEEN) UNDELETED", number(1)},
		{"BEFORE 2-Jan-2024", func(m found) bool { return day(m) < "2024-01-02" }},
		{"ON 1-Jan-2024", func(m found) bool { return day(m) == "2024-01-01" }},
		{`ON "01-Jan-2024"`, func(m found) bool { return day(m) == "2024-01-01" }},
		{"SINCE 2-Jan-2024", func(m found) bool { return day(m) >= "2024-01-02" }},
		{"SENTBEFORE 1-Jan-2024", func(m found) bool { return m.sent != "" && m.sent < "2024-01-01" }},
		{"SENTON 31-Dec-2023", func(m found) bool { return m.sent == "2023-12-31" }},
		{"SENTSINCE 31-Dec-2023", func(m found) bool { return m.sent >= "2023-12-31" }},
		{"NOT SENTSINCE 31-Dec-2023", func(m found) bool { return m.sent < "2023-12-31" }},
		{"YOUNGER 7200", number(5)}, {"OLDER 7200", number(1, 2, 3, 4, 6)}, {"NOT YOUNGER 7200", number(1, 2, 3, 4, 6)},
		{"SAVEDSINCE 1-Jan-2025", func(found) bool { return true }}, {"SAVEDBEFORE 1-Jan-2025", number()},
		{"SAVEDON " + time.Now().UTC().Format("2-Jan-2006"), func(found) bool { return true }}, {"SAVEDATESUPPORTED", func(found) bool { return true }},
		{"LARGER 2000", func(m found) bool { return len(m.raw) > 2000 }}, {"SMALLER 2000", func(m found) bool { return len(m.raw) < 2000 }},
		{fmt.Sprint("LARGER ", len(mails[0].raw)), func(m found) bool { return len(m.raw) > len(mails[0].raw) }},
		{fmt.Sprint("SMALLER ", len(mails[0].raw)), func(m found) bool { return len(m.raw) < len(mails[0].raw) }},
		{"FROM ada", header("From", "ada")}, {`FROM "<ADA@"`, header("From", "<ada@")}, {`FROM "jörg"`, header("From", "jörg")},
		{"TO bob", header("To", "bob")}, {"CC ada", header("Cc", "ada")}, {"BCC secret", header("Bcc", "secret")},
		{`TO ""`, header("To", "")}, {`HEADER X-Empty ""`, number(3)}, {`HEADER x-none ""`, number()},
		{"HEADER X-Last needle", number(6)}, {"HEADER x-filler FOUND", number(6)}, {"HEADER X-Filler needle", number()},
		{"SUBJECT plain", number(1)}, {`SUBJECT "grüsse"`, number(2)}, {`SUBJECT "GRÜSSE"`, number(2)}, {`SUBJECT "Grüße"`, number(2)}, {`SUBJECT "köln"`, number(2)},
		{"SUBJECT {7}\r\nno date", number(4)}, {`SUBJECT ""`, number(1, 2, 4, 5, 6)},
		{"BODY hello", number(1)}, {"BODY plain", number(5)}, {"TEXT plain", number(1, 2, 5)}, {"BODY STRASSE", number(2)}, {`BODY "straße"`, number(2)},
		{`BODY "holds this"`, number(3)}, {"BODY YmFzZTY0", number()}, {"TEXT ada", number(1, 2)}, {"TEXT needle", number(6)},
		{"NOT TEXT ada", number(3, 4, 5, 6)}, {`BODY ""`, func(found) bool { return true }},
		{`OR BODY hello SUBJECT "köln"`, number(1, 2)}, {"UNSEEN BODY plain", number()}, {"NOT OR TEXT ada BODY long", number(3, 5, 6)},
		{"CHARSET UTF-8 SUBJECT {7}\r\nk\xc3\xb6ln a", number()}, {"CHARSET US-ASCII SUBJECT plain", number(1)}, {"charset utf-8 all", func(found) bool { return true }},
		{"FUZZY SUBJECT plain", number(1)},
		{"EMAILID Nonsense", number()}, {"THREADID x", number()}, {"NOT THREADID x", func(found) bool { return true }},
		{"MODSEQ 1", func(found) bool { return true }}, {`MODSEQ "/flags/\\draft" all 620162338`, number()},
	}
	for _, c := range tests {
		want := ""
		for i, m := range mails {
			if c.want(m) {
				want += fmt.Sprint(" ", i+1)
			}
		}
		for _, command := range []string{"SEARCH", "UID SEARCH"} {
			got := f.command("a " + command + " " + c.keys)
			line := got[len(got)-1]
			if n := strings.Index(line, " (MODSEQ"); n >= 0 {
				line = line[:n]
			}
			if line != "* SEARCH"+want {
				t.Errorf("%s %s: %q, want%s", command, c.keys, got, want)
			}
		}
	}
}

func TestSearchAnswers(t *testing.T) {
	w := newWorld(t)
	w.deliver("marko", "INBOX", "one", "two", "three", "four", "five")
	w.play(`
		C: a SELECT INBOX
		S* a OK …
		C: b SEARCH CHARSET KOI8-R ALL
		S: b NO [BADCHARSET (US-ASCII UTF-8)] …
		C: c SEARCH
		S: c BAD …
		C: d SEARCH NONSENSE
		S: d BAD …
		C: e SEARCH (ALL
		S: e BAD …
		C: f SEARCH BEFORE yesterday
		S: f BAD …
		C: g STORE 2,4:5 +FLAGS.SILENT \Flagged
		S: g OK …
		C: h SEARCH RETURN (MIN MAX COUNT ALL) FLAGGED
		S: * ESEARCH (TAG "h") MIN 2 MAX 5 COUNT 3 ALL 2,4:5
		S: h OK …
		C: i UID SEARCH RETURN () NOT FLAGGED
		S: * ESEARCH (TAG "i") UID ALL 1,3
		S: i OK …
		C: j SEARCH RETURN (COUNT MIN) DRAFT
		S: * ESEARCH (TAG "j") COUNT 0
		S: j OK …
		C: k SEARCH RETURN (MIN) MODSEQ 1
		S: * ESEARCH (TAG "k") MIN 1 MODSEQ 2
		S: k OK …
		C: l SEARCH RETURN (WHATEVER) ALL
		S: l BAD …

		# SEARCHRES
		C: m SEARCH RETURN (SAVE) FLAGGED
		S: m OK …
		C: n FETCH $ UID
		S: * 2 FETCH (UID 2)
		S: * 4 FETCH (UID 4)
		S: * 5 FETCH (UID 5)
		S: n OK …
		C: o SEARCH RETURN (SAVE MIN MAX) UID $ SMALLER 100000
		S: * ESEARCH (TAG "o") MIN 2 MAX 5
		S: o OK …
		C: p UID FETCH $ FLAGS
		S: * 2 FETCH (UID 2 FLAGS (\Recent \Flagged))
		S: * 5 FETCH (UID 5 FLAGS (\Recent \Flagged))
		S: p OK …
		C: q SEARCH RETURN (SAVE) CHARSET X-NONE ALL
		S: q NO [BADCHARSET …
		C: r FETCH $ UID
		S: r OK …
		C: s SEARCH RETURN (PARTIAL 2:3) ALL
		S: * ESEARCH (TAG "s") PARTIAL (2:3 2:3)
		S: s OK …
		C: t UID SEARCH RETURN (PARTIAL -1:-2 COUNT) FLAGGED
		S: * ESEARCH (TAG "t") UID COUNT 3 PARTIAL (-1:-2 4:5)
		S: t OK …
		C: u UID SEARCH RETURN (PARTIAL 10:20) FLAGGED
		S: * ESEARCH (TAG "u") UID PARTIAL (10:20 NIL)
		S: u OK …
		C: v UID FETCH 1:* UID (PARTIAL -1:-1)
		S: * 5 FETCH (UID 5)
		S: v OK …
	`)
}

// A search with much nesting is refused; one that is long is not.
func TestSearchBounds(t *testing.T) {
	w := newWorld(t)
	w.deliver("marko", "INBOX", "one")
	w.play(`
		C: a SELECT INBOX
		S* a OK …
		C: b SEARCH ` + strings.Repeat("NOT ", 100) + `ALL
		S: b BAD …
		C: c SEARCH ` + strings.Repeat("(", 100) + "ALL" + strings.Repeat(")", 100) + `
		S: c BAD …
		C: d SEARCH ` + strings.Repeat("OR FROM a ", 40) + `ALL
		S: * SEARCH 1
		S: d OK …
		C: e SEARCH ` + strings.Repeat("ALL ", 2500) + `
		S: e BAD …
	`)
}
