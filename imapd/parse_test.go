package imapd

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
	"heimpost/store"
)

// decode makes a decoder of one command's arguments.
func decode(args string) *wire.Decoder {
	d := wire.NewDecoder(strings.NewReader(args + "\r\n"))
	d.Continue = func() error { return nil }
	d.Begin()
	return d
}

func TestParseFetch(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"FLAGS", "FLAGS"},
		{"flags", "FLAGS"},
		{"(UID FLAGS)", "UID FLAGS"},
		{"all", "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE"},
		{"Fast", "FLAGS INTERNALDATE RFC822.SIZE"},
		{"FULL", "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY"},
		{"(all)", ""},
		{"BODY", "BODY"},
		{"BODY[]", "BODY[]"},
		{"body.peek[]", "BODY[] peek"},
		{"BODY[1.2.3]", "BODY[1.2.3]"},
		{"BODY[1.header]<0.10>", "BODY[1.HEADER]<0>"},
		{"BODY[1.2.MIME]", "BODY[1.2.MIME]"},
		{"BODY[MIME]", ""},
		{"BODY[0]", ""},
		{"BODY[1.]", ""},
		{"BODY[.1]", ""},
		{"BODY[1", ""},
		{"BODY[1]<0>", ""},
		{"BODY[1]<0.0>", ""},
		{"BODY[1]<.5>", ""},
		{"BODY[4294967296]", ""},
		{"(RFC822.peek UID)", "UID RFC822 peek"},
		{"rfc822", "RFC822"},
		{"RFC822.HEADER", "RFC822.HEADER peek"},
		{"RFC822.TEXT", "RFC822.TEXT"},
		{"RFC822.LINES", ""},
		{"BODY.PEEK[HEADER.FIELDS (date SUBJECT From)]", "BODY[HEADER.FIELDS (date SUBJECT From)] peek"},
		{"BODY.PEEK[header.fields (a)]", "BODY[HEADER.FIELDS (a)] peek"},
		{`BODY[HEADER.FIELDS.NOT ("To" {2}` + "\r\ncC)]<1.2>", "BODY[HEADER.FIELDS.NOT (To cC)]<1>"},
		{`BODY[HEADER.FIELDS ("a b" "c\"d" e])]`, `BODY[HEADER.FIELDS ("a b" "c\"d" e])]`},
		{"BODY[HEADER.FIELDS ()]", ""},
		{"BODY[HEADER.FIELDS]", ""},
		{"BODY[TEXT.1]", ""},
		{"BODY[text]", "BODY[TEXT]"},
		{"(BODY[HEADER] BODY[TEXT])", "BODY[HEADER] BODY[TEXT]"},
		{"BINARY[1]<3.4>", "BINARY[1]<3>"},
		{"BINARY.PEEK[1.2]", "BINARY[1.2] peek"},
		{"BINARY.SIZE[1]", "BINARY.SIZE[1] peek"},
		{"BINARY.SIZE[1]<1.2>", ""},
		{"BINARY[TEXT]", ""},
		{"RFC822[]", ""},
		{"FLAGS[]", ""},
		{"()", ""},
		{"", ""},
		{"(UID (FLAGS))", ""},
		{"(UID FLAGS", ""},
		{"UID FLAGS", ""},
		{"NONSENSE", ""},
		{"(FLAGS) (CHANGEDSINCE 12)", "FLAGS changedsince 12"},
		{"FLAGS (changedsince 12 VANISHED)", "FLAGS changedsince 12 vanished"},
		{"FLAGS (CHANGEDSINCE 0)", ""},
		{"FLAGS (CHANGEDSINCE)", ""},
		{"FLAGS (WHATEVER 1)", ""},
		{"UID (PARTIAL -1:-20)", "UID partial -1:-20"},
		{"UID (PARTIAL -1:20)", ""},
		{"PREVIEW", "PREVIEW"},
		{"(PREVIEW (LAZY) UID)", "UID PREVIEW"},
		{"PREVIEW (LAZY)", "PREVIEW"},
		{"PREVIEW (CHANGEDSINCE 5)", "PREVIEW changedsince 5"},
		{"(UID (LAZY))", ""},
		{"(SAVEDATE EMAILID THREADID MODSEQ)", "MODSEQ SAVEDATE EMAILID THREADID"},
		{"(BODY[]<0.10>" + strings.Repeat(" BODY[1]", 200) + ")", ""},
		{"BODY[1" + strings.Repeat(".1", 200) + "]", ""},
	} {
		d := decode(c.args)
		var a fetchArgs
		got := ""
		if fetchArguments(d, &a) && d.ExpectCRLF() {
			got = a.String()
		} else if _, ok := d.Err().(*imap.Error); !ok {
			t.Errorf("%s: error %v", c.args, d.Err())
		}
		if got != c.want {
			t.Errorf("%s:\n got %s (%v)\nwant %s", c.args, got, d.Err(), c.want)
		}
	}
}

// String tells for tests what was understood.
func (a *fetchArgs) String() string {
	var out []string
	for bit, name := range []string{"UID", "FLAGS", "MODSEQ", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY", "BODYSTRUCTURE", "SAVEDATE", "PREVIEW", "EMAILID", "THREADID"} {
		if a.items&(1<<bit) != 0 {
			out = append(out, name)
		}
	}
	for _, s := range a.sections {
		out = append(out, s.label)
		if s.peek {
			out = append(out, "peek")
		}
	}
	if a.changedSince > 0 {
		out = append(out, fmt.Sprint("changedsince ", a.changedSince))
	}
	if a.vanished {
		out = append(out, "vanished")
	}
	if a.partial != nil {
		out = append(out, "partial "+a.partial.String())
	}
	return strings.Join(out, " ")
}

func TestParseStore(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{`FLAGS (\Seen)`, `0 [\Seen]`},
		{`+flags.silent \seen \Deleted`, `1 [\Seen \Deleted] silent`},
		{`-FLAGS ()`, `2 []`},
		{`FLAGS ($Label1 \Recent)`, `0 [$Label1 \Recent]`},
		{`(UNCHANGEDSINCE 320162338) +FLAGS.SILENT (\Deleted)`, `1 [\Deleted] silent since 320162338`},
		{`(unchangedsince 0) FLAGS x`, `0 [x] since 0`},
		{`(SINCE 1) FLAGS x`, ``},
		{`FLAGS`, ``},
		{`FLAGS `, ``},
		{`FLAGS.LOUD x`, ``},
		{`*FLAGS x`, ``},
		{`+ FLAGS x`, ``},
		{`FLAGS (\*)`, ``},
		{`FLAGS (a`, ``},
	} {
		d := decode(c.args)
		var change store.FlagsChange
		var silent bool
		got := ""
		if (d.Peek() != '(' || storeModifiers(d, &change) && d.ExpectSP()) && storeFlags(d, &change, &silent) && d.ExpectCRLF() {
			got = fmt.Sprint(int(change.Op), " ", change.Flags)
			if silent {
				got += " silent"
			}
			if change.UnchangedSince != nil {
				got += fmt.Sprint(" since ", *change.UnchangedSince)
			}
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.args, got, c.want)
		}
	}
}

func FuzzFetch(f *testing.F) {
	for _, s := range []string{
		"FULL", "(UID FLAGS BODY.PEEK[1.2.HEADER.FIELDS.NOT (a {1}\r\nb \"c\")]<1.2>)", "(PREVIEW (LAZY) UID) (CHANGEDSINCE 1 VANISHED PARTIAL -1:-2)",
		"BINARY.SIZE[1]", "(RFC822.PEEK)", "BODY[MIME]",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := decode(s)
		var a fetchArgs
		if fetchArguments(d, &a) && d.ExpectCRLF() {
			for _, s := range a.sections {
				if strings.ContainsAny(s.label, "\r\n\x00") || len(s.numbers) > maxNumbers {
					t.Errorf("the label is %q", s.label)
				}
			}
		} else if d.Err() == nil {
			t.Error("it failed without an error")
		}
		d.Finish()
	})
}

func FuzzStore(f *testing.F) {
	f.Add(`(UNCHANGEDSINCE 12) +FLAGS.SILENT (\Seen x)`)
	f.Add(`-FLAGS \Seen x`)
	f.Fuzz(func(t *testing.T, s string) {
		d := decode(s)
		var change store.FlagsChange
		var silent bool
		if !((d.Peek() != '(' || storeModifiers(d, &change) && d.ExpectSP()) && storeFlags(d, &change, &silent) && d.ExpectCRLF()) && d.Err() == nil {
			t.Error("it failed without an error")
		}
	})
}

func FuzzSearch(f *testing.F) {
	for _, s := range []string{
		"ALL", "CHARSET UTF-8 OR FROM \"a\" (NOT SEEN 1:5,* UID 7 $)", "RETURN (MIN MAX COUNT ALL SAVE PARTIAL 1:10) MODSEQ \"/flags/\\\\Seen\" all 12",
		"FUZZY SUBJECT {3}\r\nabc SENTSINCE 1-Feb-2024 HEADER X-Y \"\" LARGER 7 YOUNGER 60 KEYWORD $x SAVEDON 2-Feb-2024",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := decode(s)
		p := searchParser{conn: &conn{}, d: d}
		var r searchReturn
		var k key
		if p.program(&r, &k) && d.ExpectCRLF() {
			if k == nil {
				t.Error("there is no key")
			}
		} else if d.Err() == nil {
			t.Error("it failed without an error")
		}
	})
}
