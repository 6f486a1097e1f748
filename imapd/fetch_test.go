package imapd

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestFetchItems(t *testing.T) {
	w := newWorld(t)
	w.deliverRaw("marko", "INBOX", strings.ReplaceAll(`From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>
To: "Petra" <petra@example.net>, team: a@b.example, c@d.example;
Subject: Hello
Date: Fri, 1 Mar 2024 11:00:00 +0100
Message-ID: <1@example.org>
x-Odd: yes
Received: by one
Received: by two

Hello.
`, "\n", "\r\n"))
	w.play(`
		C: a SELECT INBOX
		S* a OK …
		C: b FETCH 1 ALL
		S: * 1 FETCH (FLAGS (\Recent) INTERNALDATE " 1-Mar-2024 12:00:00 +0100" RFC822.SIZE 256 ENVELOPE ("Fri, 1 Mar 2024 11:00:00 +0100" "Hello" (("=?utf-8?q?J=C3=B6rg?=" NIL "joerg" "example.org")) (("=?utf-8?q?J=C3=B6rg?=" NIL "joerg" "example.org")) (("=?utf-8?q?J=C3=B6rg?=" NIL "joerg" "example.org")) (("Petra" NIL "petra" "example.net")(NIL NIL "team" NIL)(NIL NIL "a" "b.example")(NIL NIL "c" "d.example")(NIL NIL NIL NIL)) NIL NIL NIL "<1@example.org>"))
		S: b OK …
		C: c fetch 1 fast
		S: * 1 FETCH (FLAGS (\Recent) INTERNALDATE " 1-Mar-2024 12:00:00 +0100" RFC822.SIZE 256)
		S: c OK …
		C: d FETCH 1 (BODY BODYSTRUCTURE)
		S: * 1 FETCH (BODY ("text" "plain" … "7bit" 8 1) BODYSTRUCTURE ("text" "plain" … "7bit" 8 1 NIL NIL NIL NIL))
		S: d OK …

		# The label repeats the list as it was asked.
		C: e UID FETCH 1 (BODY.PEEK[HEADER.FIELDS (subject X-ODD Nothing FROM)])
		S: * 1 FETCH (UID 1 BODY[HEADER.FIELDS (subject X-ODD Nothing FROM)] {79}
		S: From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>
		S: Subject: Hello
		S: x-Odd: yes
		S:
		S: )
		S: e OK …
		C: f FETCH 1 BODY.PEEK[HEADER.FIELDS.NOT (from to received date)]
		S: * 1 FETCH (BODY[HEADER.FIELDS.NOT (from to received date)] {59}
		S: Subject: Hello
		S: Message-ID: <1@example.org>
		S: x-Odd: yes
		S:
		S: )
		S: f OK …
		C: g FETCH 1 BODY.PEEK[HEADER.FIELDS (Received)]<3.10>
		S: * 1 FETCH (BODY[HEADER.FIELDS (Received)]<3> {10}
		S: eived: by )
		S: g OK …
		C: h FETCH 1 BODY.PEEK[HEADER.FIELDS (Nothing)]
		S: * 1 FETCH (BODY[HEADER.FIELDS (Nothing)] {2}
		S:
		S: )
		S: h OK …

		# Past the end is "", not {0}.
		C: i FETCH 1 (BODY.PEEK[1]<8.100> BODY.PEEK[1]<6.100> BODY.PEEK[2] BODY.PEEK[1.1.1])
		S: * 1 FETCH (BODY[1]<8> "" BODY[1]<6> {2}
		S:
		S:  BODY[2] "" BODY[1.1.1] "")
		S: i OK …
	`)
}

// BODY[…] sets \Seen once and tells it; PEEK and EXAMINE leave it alone.
func TestFetchSetsSeen(t *testing.T) {
	w := newWorld(t)
	w.deliver("marko", "INBOX", "one", "two", "three", "four")
	w.play(`
		C: a SELECT INBOX
		S* a OK …
		C2: a SELECT INBOX
		S2* a OK …
		C: b FETCH 1 BODY.PEEK[TEXT]
		S: * 1 FETCH (BODY[TEXT] {12}
		S: Hello one.
		S: )
		S: b OK …
		C: c FETCH 1 (UID RFC822.SIZE RFC822.peek)
		S: * 1 FETCH (UID 1 RFC822.SIZE 49 RFC822 {49}
		S* )
		S: c OK …
		C: d FETCH 1:2 BODY[TEXT]
		S: * 1 FETCH (FLAGS (\Recent \Seen) BODY[TEXT] {12}
		S: Hello one.
		S: )
		S: * 2 FETCH (FLAGS (\Recent \Seen) BODY[TEXT] {12}
		S: Hello two.
		S: )
		S: d OK …
		C: e UID FETCH 1 BODY[TEXT]
		S: * 1 FETCH (UID 1 BODY[TEXT] {12}
		S: Hello one.
		S: )
		S: e OK …
		C2: b NOOP
		S2: * 1 FETCH (FLAGS (\Seen))
		S2: * 2 FETCH (FLAGS (\Seen))
		S2: b OK …
		C2: c FETCH 3 RFC822.TEXT
		S2: * 3 FETCH (FLAGS (\Seen) RFC822.TEXT {14}
		S2: Hello three.
		S2: )
		S2: c OK …
		C2: d FETCH 4 RFC822.HEADER
		S2: * 4 FETCH (RFC822.HEADER {…
		S2* )
		S2: d OK …

		# What others changed is told by the way, and only once.
		C2: e STORE 4 +FLAGS.SILENT \Answered
		S2: e OK …
		C: f FETCH 3:4 (FLAGS BODY[TEXT])
		S: * 3 FETCH (FLAGS (\Recent \Seen) BODY[TEXT] {14}
		S: Hello three.
		S: )
		S: * 4 FETCH (FLAGS (\Recent \Answered \Seen) BODY[TEXT] {13}
		S: Hello four.
		S: )
		S: f OK …
	`)
}

func TestFetchOfGhosts(t *testing.T) {
	w := newWorld(t)
	w.deliver("marko", "INBOX", "one", "two", "three")
	w.play(`
		C: a SELECT INBOX
		S* a OK …
		C2: a SELECT INBOX
		S2* a OK …
		C2: b STORE 1:2 FLAGS.SILENT \Deleted
		S2: b OK …
		C2: c EXPUNGE
		S2* c OK …
		# The client has not heard of it yet: all numbers are as before.
		C: b FETCH 2:3 BODY[TEXT]
		S: * 3 FETCH (FLAGS (\Recent \Seen) BODY[TEXT] {14}
		S: Hello three.
		S: )
		S: b NO [EXPUNGEISSUED] …
		C: c UID FETCH 1:2 ENVELOPE
		S: * 2 EXPUNGE
		S: * 1 EXPUNGE
		S: c OK …
	`)
}

// structured is a mail of which all sections are known.
var structured = strings.ReplaceAll(`From: a@example.org
Subject: all sections
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

preamble
--outer
Content-Type: text/plain

first
--outer
Content-Type: message/rfc822
Content-Description: embedded

Subject: inner
Content-Type: multipart/alternative; boundary=inner

--inner

plain
--inner
Content-Type: text/html
Content-Transfer-Encoding: base64

PGI+w5xiZXI8L2I+
--inner--
--outer
Content-Type: message/rfc822

Subject: simple

just text
--outer
Content-Type: application/octet-stream
Content-Transfer-Encoding: quoted-printable

a=00b=
c
--outer--
epilogue
`, "\n", "\r\n")

func TestSections(t *testing.T) {
	w := newWorld(t)
	w.deliverRaw("marko", "INBOX", structured)
	c := w.connect()
	f := &fetcher{t: t, c: c}
	f.command("a LOGIN marko secret")
	f.command("a EXAMINE INBOX")
	embedded := "Subject: inner\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n"
	inner := "--inner\r\n\r\nplain\r\n--inner\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+w5xiZXI8L2I+\r\n--inner--"
	header, text, _ := strings.Cut(structured, "\r\n\r\n")
	for section, want := range map[string]string{
		"BODY[]":                              structured,
		"BODY[HEADER]":                        header + "\r\n\r\n",
		"BODY[TEXT]":                          text,
		"RFC822.HEADER":                       header + "\r\n\r\n",
		"RFC822.TEXT":                         text,
		"RFC822":                              structured,
		"BODY[1]":                             "first",
		"BODY[1.MIME]":                        "Content-Type: text/plain\r\n\r\n",
		"BODY[1.TEXT]":                        "",
		"BODY[1.HEADER]":                      "",
		"BODY[1.1]":                           "",
		"BODY[2]":                             embedded + inner,
		"BODY[2.MIME]":                        "Content-Type: message/rfc822\r\nContent-Description: embedded\r\n\r\n",
		"BODY[2.HEADER]":                      embedded,
		"BODY[2.TEXT]":                        inner,
		"BODY[2.HEADER.FIELDS (Subject)]":     "Subject: inner\r\n\r\n",
		"BODY[2.HEADER.FIELDS.NOT (subject)]": "Content-Type: multipart/alternative; boundary=inner\r\n\r\n",
		"BODY[2.1]":                           "plain",
		"BODY[2.1.MIME]":                      "\r\n",
		"BODY[2.2]":                           "PGI+w5xiZXI8L2I+",
		"BODY[2.2.MIME]":                      "Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n",
		"BODY[2.3]":                           "",
		"BODY[3]":                             "Subject: simple\r\n\r\njust text",
		"BODY[3.1]":                           "just text",
		"BODY[3.1.MIME]":                      "Subject: simple\r\n\r\n",
		"BODY[3.TEXT]":                        "just text",
		"BODY[3.2]":                           "",
		"BODY[4]":                             "a=00b=\r\nc",
		"BODY[5]":                             "",
		"BINARY[1]":                           "first",
		"BINARY[2.2]":                         "<b>Über</b>",
		"BINARY[4]":                           "a\x00bc",
		"BINARY[2]":                           embedded + inner,
		"BINARY[]":                            structured,
		"BINARY[7]":                           "",
	} {
		if got := f.section(1, section); got != want {
			t.Errorf("%s is %q, want %q", section, got, want)
		}
		if strings.HasPrefix(section, "RFC822") {
			continue
		}
		for _, p := range [][2]int{{0, 1}, {1, 3}, {len(want) - 1, 5}, {len(want), 1}, {len(want) + 10, 10}, {0, len(want) + 10}} {
			from := min(max(p[0], 0), len(want))
			part := want[from:min(from+p[1], len(want))]
			if got := f.section(1, fmt.Sprintf("%s<%d.%d>", section, max(p[0], 0), p[1])); got != part {
				t.Errorf("%s<%d.%d> is %q, want %q", section, p[0], p[1], got, part)
			}
		}
		if name, ok := strings.CutPrefix(section, "BINARY"); ok {
			if got := f.command("a FETCH 1 BINARY.SIZE" + name)[0]; got != fmt.Sprintf("* 1 FETCH (BINARY.SIZE%s %d)", name, len(want)) {
				t.Errorf("%s: %s", section, got)
			}
		}
	}
}

// oddMails are mails that are hardly any.
var oddMails = []string{
	"",
	"\r\n",
	"\r\n\r\n",
	"no header at all",
	"Subject: no blank line",
	"Subject: no blank line\r\n",
	"\r\nSubject: in the body\r\n",
	": no name\r\n \r\nSubject : space\r\n\tfolded\r\n\r\nbody",
	"Subject: \xe4\xf6\xfc\r\nX: \x00\r\n\r\n\x00\xff\r\n.\r\n..\r\n",
	"Subject: x\r\n\r\n" + strings.Repeat("long ", 1000),
	"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\none\r\n--a\r\n\r\nno end",
	"Content-Type: multipart/mixed; boundary=a\r\n\r\nno part",
	"Content-Type: multipart/mixed\r\n\r\n--a\r\n\r\none\r\n--a--\r\n",
	"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a--\r\n",
	"Content-Type: message/rfc822\r\n\r\nContent-Type: message/rfc822\r\n\r\nSubject: deep\r\n\r\nx",
	"Content-Type: message/rfc822\r\n\r\n",
	"Content-Type: text/plain; charset=\"\r\n\r\nx",
	"Content-Transfer-Encoding: base64\r\n\r\n!!!!",
	"Content-Transfer-Encoding: x-unknown\r\n\r\nx",
	"bare\rcarriage: return\r\n\r\nx\ry\r\n",
	strings.Repeat("X-Many: fields\r\n", 3000) + "Subject: at the end\r\n\r\nx",
	"X-Big: " + strings.Repeat("x", 100_000) + "\r\nSubject: after it\r\n\r\nx",
	nested(60),
}

// nested is a multipart in a multipart in a ….
func nested(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	return b.String() + "\r\ndeep"
}

// Whatever the mail, its sections are its bytes and fit together.
func TestSectionsOfOddMails(t *testing.T) {
	w := newWorld(t)
	w.deliverRaw("marko", "INBOX", oddMails...)
	c := w.connect()
	f := &fetcher{t: t, c: c}
	f.command("a LOGIN marko secret")
	f.command("a EXAMINE INBOX")
	for i, mail := range oddMails {
		n := i + 1
		if got := f.section(n, "BODY[]"); got != mail {
			t.Errorf("mail %d: BODY[] is %.100q, want %.100q", n, got, mail)
		}
		header, text := f.section(n, "BODY[HEADER]"), f.section(n, "BODY[TEXT]")
		if header+text != mail {
			t.Errorf("mail %d: HEADER %.100q and TEXT %.100q", n, header, text)
		}
		if got := f.section(n, "RFC822.HEADER"); got != header {
			t.Errorf("mail %d: RFC822.HEADER is %.100q", n, got)
		}
		var subject strings.Builder
		for _, l := range regexp.MustCompile(`(?im)^subject[ \t]*:.*\r\n([ \t].*\r\n)*`).FindAllString(header, -1) {
			subject.WriteString(l)
		}
		if strings.HasSuffix(header, "no blank line") {
			subject.WriteString(header + "\r\n")
		}
		if got := f.section(n, "BODY[HEADER.FIELDS (SUBJECT)]"); got != subject.String()+"\r\n" {
			t.Errorf("mail %d: HEADER.FIELDS is %.200q, want %.200q", n, got, subject.String())
		}
		for _, line := range f.command(fmt.Sprintf("a FETCH %d (RFC822.SIZE)", n)) {
			if strings.HasPrefix(line, "*") && line != fmt.Sprintf("* %d FETCH (RFC822.SIZE %d)", n, len(mail)) {
				t.Errorf("mail %d: %s", n, line)
			}
		}
		f.command(fmt.Sprintf("a FETCH %d (BODY BODYSTRUCTURE ENVELOPE INTERNALDATE PREVIEW SAVEDATE EMAILID THREADID)", n))
		f.section(n, "BODY[1]")
		f.section(n, "BODY[1.1]")
		f.section(n, "BODY[1.HEADER]")
		f.section(n, "BODY[1.MIME]")
	}
	f.command("a NOOP")
}

// fetcher runs commands and takes literals out of their answers.
type fetcher struct {
	t testing.TB
	c *client
}

var literalAtEnd = regexp.MustCompile(`\{(\d+)\}\r\n$`)

// responses sends a command and gives all that comes up to its tagged answer,
// literals within.
func (f *fetcher) responses(command string) string {
	f.t.Helper()
	tag, _, _ := strings.Cut(command, " ")
	io.WriteString(f.c.out, command+"\r\n")
	var all bytes.Buffer
	for {
		start := all.Len()
		line := readWithLiterals(f.t, f.c.in)
		all.WriteString(line)
		if strings.HasPrefix(line, tag+" ") {
			if !strings.HasPrefix(line, tag+" OK") && !strings.HasPrefix(line, tag+" NO [UNKNOWN-CTE]") {
				f.t.Errorf("%.100s: %.200s", command, line)
			}
			return all.String()[:start]
		}
	}
}

// readWithLiterals reads a response with its literals.
func readWithLiterals(t testing.TB, in *bufio.Reader) string {
	t.Helper()
	var all strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(line)
		m := literalAtEnd.FindStringSubmatch(line)
		if m == nil {
			return all.String()
		}
		n, _ := strconv.Atoi(m[1])
		if n == 0 {
			t.Errorf("a literal of no octets: %q", line)
		}
		if _, err := io.CopyN(&all, in, int64(n)); err != nil {
			t.Fatal(err)
		}
	}
}

// command sends a command and gives the lines before its tagged answer.
func (f *fetcher) command(command string) []string {
	f.t.Helper()
	return strings.Split(strings.TrimSuffix(f.responses(command), "\r\n"), "\r\n")
}

// section fetches one section of a message and gives its content.
func (f *fetcher) section(n int, section string) string {
	f.t.Helper()
	got := f.responses(fmt.Sprintf("a FETCH %d %s", n, section))
	label := regexp.MustCompile(`<(\d+)\.\d+>$`).ReplaceAllString(section, "<$1>")
	prefix := fmt.Sprintf("* %d FETCH (%s ", n, label)
	body, ok := strings.CutPrefix(got, prefix)
	if !ok {
		f.t.Errorf("%s: %.200q", section, got)
		return ""
	}
	body = strings.TrimSuffix(body, ")\r\n")
	if body == `""` {
		return ""
	}
	_, body, _ = strings.Cut(body, "}\r\n")
	return body
}
