package imapd

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"heimpost/peertest"
)

// accepted are the differences from Dovecot that are meant, with the reason
// for each. Both expressions are held against a whole line: of which command,
// and what is said by only one of the servers.
var accepted = []struct{ command, line, why string }{
	{`(SELECT|EXAMINE) .*`, `\* OK \[HIGHESTMODSEQ N\]`,
		"Dovecot says it once the client has used a mod-sequence; RFC 7162, section 3.1.2.1, wants it always"},
	{`FETCH 2 BODY.*`, `.*"rfc822" NIL NIL "embedded" "7bit" (187|189) .*`,
		"the line end before a delimiter belongs to the delimiter (RFC 2046, section 5.1.1), also after an inner multipart"},
	{`FETCH 2 .*BODY.PEEK\[2\].*`, `.*BODY\[2.TEXT\] .*`, "likewise"},
	{`FETCH 2 .*BODY.PEEK\[1.1\].*`, `.*BODY\[1.1\] .*`, "a leaf has no part 1 of its own"},
	{`(UID )?FETCH .*HEADER.FIELDS.*`, `.*HEADER.FIELDS(.NOT)? \((subject from|SUBJECT FROM|subject From)\).*`,
		"the label repeats the list as it was asked: Apple Mail needs it"},
	{`STORE 1 \+FLAGS \(\\Flagged\)`, `\* 1 FETCH \(FLAGS .*`,
		"STORE without .SILENT tells the flags also where nothing changed (RFC 3501, section 6.4.6)"},
	{`(UID )?STORE .*\$Label1\)`, `\* (FLAGS|OK \[PERMANENTFLAGS) .*`, "taking away a keyword that nobody has makes none"},
	{`SEARCH SENTBEFORE .*`, `\* SEARCH.*`, "a mail without a Date was not sent before anything"},
	{`SEARCH CHARSET X-NONE ALL`, `t NO \[BADCHARSET.*`, "the charsets that are known are named"},
	{`SEARCH ALL`, `\* SEARCH.*`, "what is gone is not found, also while its number still counts"},
	{`(STORE|EXPUNGE).*`, `t (OK|NO \[READ-ONLY\])`, "in EXAMINE a change is refused, not passed over"},
	{`NOOP|EXPUNGE|(UID )?(MOVE|EXPUNGE) .*`, `\* \d+ RECENT`, "RECENT comes along with each EXISTS, and only with it"},
	{`NOOP`, `\* [12] FETCH \(FLAGS \(\\Seen\) MODSEQ N\)`, "messages that are gone are told first, so that flags are told by the numbers afterwards"},
	{`SELECT Nowhere`, `t NO.*`, "with a response code"},
}

// differMails are what both servers hold; INTERNALDATE is the same for all.
var differMails = []string{
	"From: Ada <ada@example.org>\r\nTo: bob@example.net\r\nSubject: plain\r\nDate: Mon, 1 Jan 2024 10:00:00 +0100\r\nMessage-ID: <1@x>\r\n\r\nHello Bob.\r\n",
	structured,
	"From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\nSubject: Re: =?iso-8859-1?q?Gr=FC=DFe?=\r\nDate: 2 Jan 2024 05:00 +0000\r\nMessage-ID: <2@x>\r\nIn-Reply-To: <1@x>\r\n" +
		"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nstra=DFe\r\n",
	"From: zed@example.org\r\nSubject: Re: plain\r\nDate: Wed, 3 Jan 2024 05:00:00 +0000\r\nMessage-ID: <3@x>\r\nReferences: <1@x>\r\nX-Odd: yes\r\n\r\n",
	"Subject: no date\r\n\r\nno end of line",
}

// differScript is what both servers are told. Its lines begin with the
// client's number.
var differScript = strings.Split(strings.TrimSpace(`
1 SELECT INBOX
2 SELECT INBOX
1 FETCH 1:* (UID FLAGS RFC822.SIZE INTERNALDATE)
1 FETCH 1 ALL
1 FETCH 1:3 FAST
1 FETCH 1,3:4 ENVELOPE
1 FETCH 2 BODYSTRUCTURE
1 FETCH 2 BODY
1 UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (subject From)])
1 FETCH 1 BODY.PEEK[HEADER.FIELDS.NOT (subject from)]
1 FETCH 4:5 (BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT])
1 FETCH 2 (BODY.PEEK[1] BODY.PEEK[2] BODY.PEEK[2.HEADER] BODY.PEEK[2.TEXT] BODY.PEEK[2.1] BODY.PEEK[2.2.MIME] BODY.PEEK[3.1])
1 FETCH 2 (BODY.PEEK[4] BODY.PEEK[4.MIME] BODY.PEEK[5] BODY.PEEK[1.1] BODY.PEEK[1.TEXT])
1 FETCH 2 (BODY.PEEK[TEXT]<0.20> BODY.PEEK[TEXT]<10.5> BODY.PEEK[TEXT]<10000.5> BODY.PEEK[1]<0.1000>)
1 FETCH 2 (BINARY.PEEK[2.2] BINARY.SIZE[2.2] BINARY.PEEK[1]<1.3>)
1 FETCH 1 RFC822.HEADER
1 FETCH 1 BODY[TEXT]
2 NOOP
1 FETCH 1 BODY[TEXT]
1 FETCH 3 (UID RFC822.TEXT)
1 FETCH 99 FLAGS
1 UID FETCH 99 FLAGS
1 UID FETCH 99:* FLAGS
1 FETCH 1 NONSENSE
1 FETCH * UID
1 STORE 1 +FLAGS (\Flagged)
2 NOOP
1 STORE 1 +FLAGS (\Flagged)
1 STORE 1:2 +FLAGS.SILENT (\Answered)
2 NOOP
1 STORE 1 -FLAGS (\Flagged $Label1)
1 UID STORE 2 FLAGS (\Seen $Label1)
2 NOOP
1 UID STORE 99 FLAGS (\Seen)
1 STORE 3 FLAGS.SILENT ()
2 STORE 3 +FLAGS.SILENT (\Draft)
1 SEARCH ALL
1 UID SEARCH ALL
1 SEARCH UNSEEN
1 SEARCH ANSWERED NOT SEEN
1 SEARCH OR FLAGGED KEYWORD $Label1
1 SEARCH SUBJECT plain
1 SEARCH FROM ADA
1 SEARCH CHARSET UTF-8 SUBJECT "Grüße"
1 SEARCH TEXT hello
1 SEARCH BODY hello
1 SEARCH BODY "stra"
1 SEARCH HEADER X-Odd yes
1 SEARCH HEADER X-Odd ""
1 SEARCH BEFORE 2-Mar-2024
1 SEARCH ON 1-Mar-2024
1 SEARCH SINCE 2-Mar-2024
1 SEARCH SENTBEFORE 2-Jan-2024
1 SEARCH SENTON 2-Jan-2024
1 SEARCH SENTSINCE 2-Jan-2024
1 SEARCH LARGER 200
1 SEARCH SMALLER 200
1 SEARCH 2:3
1 SEARCH UID 2:99
1 SEARCH NOT 1
1 SEARCH (1:3 UNSEEN) UNDELETED
1 SEARCH CHARSET X-NONE ALL
1 SEARCH RETURN (MIN MAX COUNT ALL) UNSEEN
1 UID SEARCH RETURN () ALL
1 SEARCH RETURN (SAVE) SEEN
1 FETCH $ UID
1 SEARCH RETURN (COUNT) UID $
1 SORT (SUBJECT) UTF-8 ALL
1 SORT (REVERSE DATE) UTF-8 ALL
1 UID SORT (FROM) UTF-8 ALL
1 SORT (SIZE) UTF-8 1:3
1 SORT (ARRIVAL) UTF-8 ALL
1 SORT (DISPLAYFROM) UTF-8 ALL
1 SORT RETURN (MIN MAX COUNT) (SUBJECT) UTF-8 ALL
1 THREAD REFERENCES UTF-8 ALL
1 UID THREAD ORDEREDSUBJECT UTF-8 ALL
1 COPY 1:2 Archive
1 COPY 1 Nowhere
1 UID COPY 99 Archive
1 UID COPY 3 INBOX
2 NOOP
1 MOVE 6 Archive
2 NOOP
1 UID MOVE 77 Archive
1 EXPUNGE
1 STORE 2,4 +FLAGS.SILENT (\Deleted)
2 FETCH 2 UID
1 EXPUNGE
2 FETCH 1 UID
2 SEARCH ALL
2 NOOP
2 FETCH 1:* UID
1 APPEND INBOX (\Seen) " 1-Mar-2024 12:00:00 +0100" {21+}\r\nSubject: new\r\n\r\nnew\r\n
2 NOOP
1 STORE 1 +FLAGS.SILENT (\Deleted)
1 UID EXPUNGE 2:3
1 UID EXPUNGE 1
2 NOOP
1 CLOSE
1 FETCH 1 FLAGS
1 EXAMINE Archive
1 STORE 1 +FLAGS (\Seen)
1 EXPUNGE
1 FETCH 1 (FLAGS BODY[TEXT])
1 UNSELECT
1 SELECT Nowhere
1 SELECT INBOX (CONDSTORE)
1 FETCH 1:* (FLAGS) (CHANGEDSINCE 1)
1 STORE 1 (UNCHANGEDSINCE 1) +FLAGS (\Flagged)
1 STORE 1 (UNCHANGEDSINCE 99999) +FLAGS (\Flagged)
1 STORE 1 -FLAGS.SILENT (\Flagged)
1 SEARCH MODSEQ 1
1 SEARCH MODSEQ 99999
3 ENABLE QRESYNC
3 SELECT INBOX
3 STORE 1 +FLAGS.SILENT (\Deleted)
3 EXPUNGE
3 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)
3 STORE 1 FLAGS (\Seen)
1 NOOP
3 CLOSE
3 SELECT Archive
3 UID MOVE 1 INBOX
3 SELECT INBOX
`), "\n")

// peer is a server of the differential test with its connections.
type peer struct {
	t     *testing.T
	addr  string
	conns map[string]*peerConn
}

type peerConn struct {
	nc  net.Conn
	in  *bufio.Reader
	tag int
}

func (p *peer) conn(name string) *peerConn {
	c := p.conns[name]
	if c == nil {
		nc, err := net.Dial("tcp", p.addr)
		if err != nil {
			p.t.Fatal(err)
		}
		p.t.Cleanup(func() { nc.Close() })
		nc.SetDeadline(time.Now().Add(2 * time.Minute))
		c = &peerConn{nc: nc, in: bufio.NewReader(nc)}
		p.conns[name] = c
		readWithLiterals0(p.t, c.in)
		p.say(name, "LOGIN marko secret")
	}
	return c
}

// say runs a command and gives the responses, normalised.
func (p *peer) say(name, command string) []string {
	c := p.conn(name)
	c.tag++
	tag := fmt.Sprintf("t%d ", c.tag)
	io.WriteString(c.nc, tag+unescape(command))
	var out []string
	for {
		line := readWithLiterals0(p.t, c.in)
		if rest, ok := strings.CutPrefix(line, tag); ok {
			return append(out, normal("t "+rest))
		}
		out = append(out, normal(line))
	}
}

// readWithLiterals0 reads a response; Dovecot sends literals of no octets.
func readWithLiterals0(t *testing.T, in *bufio.Reader) string {
	t.Helper()
	var all strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		m := literalAtEnd.FindStringSubmatchIndex(line)
		if m == nil {
			all.WriteString(strings.TrimSuffix(line, "\r\n"))
			return all.String()
		}
		var n int
		fmt.Sscan(line[m[2]:m[3]], &n)
		b := make([]byte, n)
		if _, err := io.ReadFull(in, b); err != nil {
			t.Fatal(err)
		}
		all.WriteString(strings.TrimSuffix(line[:m[0]], "~"))
		all.WriteString(fmt.Sprintf("%q", b))
	}
}

var (
	statusLine = regexp.MustCompile(`^(\*|t) (OK|NO|BAD|BYE) (\[[^\]]*\])?.*$`)
	numbers1   = regexp.MustCompile(`\[(UIDVALIDITY|HIGHESTMODSEQ|COPYUID|APPENDUID) \d+`)
	dates1     = regexp.MustCompile(`"[ \d]\d-\w{3}-\d{4} [\d:]{8} [-+]\d{4}"`)
	modSeqs1   = regexp.MustCompile(`MODSEQ \(?\d+\)?`)
	flagLists  = regexp.MustCompile(`(FLAGS |PERMANENTFLAGS )\(([^()]*)\)`)
)

// normal takes out of a response what two servers may say differently: texts,
// values of UIDVALIDITY and mod-sequences, zones (a Maildir has none), the
// order of flags, of FETCH items and of results, how a string is written.
func normal(line string) string {
	line = dates1.ReplaceAllStringFunc(line, func(s string) string {
		at, err := time.Parse(`"_2-Jan-2006 15:04:05 -0700"`, s)
		if err != nil {
			return s
		}
		return at.UTC().Format(`"_2-Jan-2006 15:04:05 -0700"`)
	})
	if head, results, ok := strings.Cut(line, `")`); ok && strings.HasPrefix(line, "* ESEARCH") {
		words := strings.Fields(strings.TrimPrefix(results, " UID"))
		var pairs []string
		for i := 0; i+1 < len(words); i += 2 {
			pairs = append(pairs, words[i]+" "+words[i+1])
		}
		slices.Sort(pairs)
		return head + " " + fmt.Sprint(strings.HasPrefix(results, " UID")) + " " + strings.Join(pairs, " ")
	}
	line = statusLine.ReplaceAllString(line, "$1 $2 $3")
	line = numbers1.ReplaceAllString(line, "[$1 N")
	line = modSeqs1.ReplaceAllString(line, "MODSEQ N")
	line = flagLists.ReplaceAllStringFunc(line, func(s string) string {
		name, list, _ := strings.Cut(s, "(")
		flags := strings.Fields(strings.TrimSuffix(list, ")"))
		slices.Sort(flags)
		return name + "(" + strings.Join(flags, " ") + ")"
	})
	if head, rest, ok := strings.Cut(line, " FETCH ("); ok && strings.HasPrefix(line, "* ") {
		items := fetchItemsOf(strings.TrimSuffix(rest, ")"))
		slices.Sort(items)
		line = head + " FETCH (" + strings.Join(items, " ") + ")"
	}
	return strings.TrimRight(line, " ")
}

// fetchItemsOf takes the items of a FETCH response apart, each with its value.
func fetchItemsOf(s string) []string {
	var words []string
	depth, quoted, start := 0, false, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(' || c == '[':
			depth++
		case c == ')' || c == ']':
			depth--
		case c == ' ' && depth == 0:
			words = append(words, s[start:i])
			start = i + 1
		}
	}
	words = append(words, s[start:])
	var items []string
	for i := 0; i+1 < len(words); i += 2 {
		items = append(items, words[i]+" "+words[i+1])
	}
	return items
}

// Heimpost and a real Dovecot answer the same script alike, but for what is
// accepted above.
func TestAsDovecot(t *testing.T) {
	d := peertest.NewDovecot(t, peertest.DovecotConfig{Extra: `
		protocol imap {
		  imap_client_workarounds =
		}`})
	w := newWorld(t)
	us, they := &peer{t, w.addr, map[string]*peerConn{}}, &peer{t, d.IMAP, map[string]*peerConn{}}
	both := func(name, command string) ([]string, []string) { return us.say(name, command), they.say(name, command) }
	they.say("0", "CREATE Archive")
	for _, m := range differMails {
		both("0", fmt.Sprintf("APPEND INBOX \" 1-Mar-2024 12:00:00 +0100\" {%d+}\\r\\n%s", len(m), escape(m)))
	}
	used := make([]bool, len(accepted))
	differ := func(command, line string) bool {
		for i, a := range accepted {
			if regexp.MustCompile("^(?:"+a.command+")$").MatchString(command) && regexp.MustCompile("^(?:"+a.line+")$").MatchString(line) {
				used[i] = true
				return false
			}
		}
		return true
	}
	for _, l := range differScript {
		name, command, _ := strings.Cut(l, " ")
		ours, theirs := both(name, command)
		if slices.Equal(ours, theirs) {
			continue
		}
		var diff []string
		for _, line := range ours {
			if i := slices.Index(theirs, line); i >= 0 {
				theirs = slices.Delete(theirs, i, i+1)
			} else if differ(command, line) {
				diff = append(diff, "we      "+line)
			}
		}
		for _, line := range theirs {
			if differ(command, line) {
				diff = append(diff, "Dovecot "+line)
			}
		}
		if len(diff) > 0 {
			t.Errorf("%s\n\t%s", command, strings.Join(diff, "\n\t"))
		}
	}
	for i, a := range accepted {
		if !used[i] {
			t.Errorf("nothing differs any more: %s: %s (%s)", a.command, a.line, a.why)
		}
	}
}

// escape writes a mail for a line of a script.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, "\r", `\r`, "\n", `\n`, "\x00", `\0`).Replace(s)
}
