package wire

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/emersion/go-imap/v2"
	"pgregory.net/rapid"
)

// decode makes a decoder that has begun with a command.
func decode(s string) *Decoder {
	d := NewDecoder(iotest.OneByteReader(strings.NewReader(s)))
	d.Continue = func() error { return nil }
	d.Begin()
	return d
}

// try gives what a token is decoded to: its value, or "none" where none is
// taken, or the error.
func try[T any](d *Decoder, take func(*T) bool) string {
	var v T
	switch ok := take(&v); {
	case ok:
		if t, isTime := any(v).(time.Time); isTime {
			return t.Format(time.RFC3339)
		}
		return fmt.Sprintf("%v", v)
	case d.Err() != nil:
		return "error"
	}
	return "none"
}

func TestTokens(t *testing.T) {
	for _, c := range []struct {
		name string
		take func(*Decoder) string
		want map[string]string // what is decoded → token and what is left
	}{
		{"Atom", func(d *Decoder) string { return try(d, d.Atom) }, map[string]string{
			"abc def": "abc| def", "a[b]": "a[b|]", "(": "none|(", `"a"`: `none|"a"`, "\\Seen": `none|\Seen`, "a{": "a|{", "ä": "none|ä", "a\x7f": "a|\x7f",
		}},
		{"AString", func(d *Decoder) string { return try(d, d.AString) }, map[string]string{
			"a] b": "a]| b", `"a \"b\\" c`: `a "b\| c`, "{3+}\r\na\r\n b": "a\r\n| b", `""`: "|", "{0}\r\n": "|", "%": "none|%",
			`"a`: "error|", "\"a\r\nb": "error|\r\nb", `"a\b"`: `error|b"`, "\"a\x00\"": "error|\x00\"", "{x}": "error|x}",
			"{3": "error|", "{3+": "error|", "{3}x": "error|x",
		}},
		{"Name", func(d *Decoder) string { return try(d, d.Name) }, map[string]string{
			"body.peek[": "BODY.PEEK|[", "X-GM-RAW ": "X-GM-RAW| ", "+": "none|+",
		}},
		{"Tag", func(d *Decoder) string { return try(d, d.Tag) }, map[string]string{"a.1 ": "a.1| ", "+ ": "none|+ ", "* ": "none|* ", "a]b": "a]b|"}},
		{"Text", func(d *Decoder) string { return try(d, d.Text) }, map[string]string{"a (b": "a (b|", "": "|"}},
		{"Number", func(d *Decoder) string { return try(d, d.Number) }, map[string]string{
			"0": "0|", "4294967295)": "4294967295|)", "4294967296": "error|", "x": "none|x", "00000000000000000000000001": "error|",
		}},
		{"Number64", func(d *Decoder) string { return try(d, d.Number64) }, map[string]string{
			"9223372036854775807": "9223372036854775807|", "9223372036854775808": "error|", "-1": "none|-1",
		}},
		{"SeqSet", func(d *Decoder) string { return try(d, d.SeqSet) }, map[string]string{
			"1,3:5,*": "1,3:5,*|", "5:3 ": "5:3| ", "*:4": "*|", "0": "error|", "1:": "error|", "1,": "error|", "1,,2": "error|,2", "a": "none|a", "$": "none|$", "1:2:3": "1:2|:3",
		}},
		{"NumSet", func(d *Decoder) string {
			return try(d, func(s *imap.NumSet) bool { return d.NumSet(false, s) })
		}, map[string]string{"$ ": "$| ", "4": "4|"}},
		{"Flag", func(d *Decoder) string { return try(d, d.Flag) }, map[string]string{
			`\seen)`: `\Seen|)`, `\RECENT`: `\Recent|`, "$Label1": "$Label1|", `\`: `error|`, `\ a`: "error| a", `\*`: "error|*", "[": "[|",
		}},
		{"FlagList", func(d *Decoder) string { return try(d, d.FlagList) }, map[string]string{
			`(\Seen a) `: `[\Seen a]| `, "()": "[]|", "(a": "error|", "(a  b)": "error| b)", "a": "none|a", "(a )": "[a]|",
		}},
		{"Mailbox", func(d *Decoder) string { return try(d, d.Mailbox) }, map[string]string{
			"inbox": "inbox|", "B&APw-ro": "Büro|", `"A &- B"`: "A & B|", "{2+}\r\nab": "ab|", "a&": "error|", "{2+}\r\nä": "error|", "a]b": "a]b|",
		}},
		{"ListMailbox", func(d *Decoder) string { return try(d, d.ListMailbox) }, map[string]string{
			"%/*": "%/*|", `"*"`: "*|", "B&APw-%": "Bü%|", "": "none|", `""`: "|",
		}},
		{"Date", func(d *Decoder) string { return try(d, d.Date) }, map[string]string{
			"1-Feb-2024 ": "2024-02-01T00:00:00Z| ", `"01-feb-2024"`: "2024-02-01T00:00:00Z|", "31-Feb-2024": "error|", "2024": "error|", "(": "none|(",
		}},
		{"DateTime", func(d *Decoder) string { return try(d, d.DateTime) }, map[string]string{
			`" 1-Feb-2024 10:11:12 +0130"`: "2024-02-01T10:11:12+01:30|", `"01-Feb-2024 10:11:12 -0800"`: "2024-02-01T10:11:12-08:00|",
			`"1-Feb-2024 10:11:12 +0000"`: "2024-02-01T10:11:12Z|", `"1-Feb-2024"`: "error|", "x": "none|x", `"32-Feb-2024 10:11:12 +0000"`: "error|",
		}},
		{"CRLF", func(d *Decoder) string { return try(d, func(*struct{}) bool { return d.CRLF() }) }, map[string]string{
			"\r\nx": "{}|x", "\nx": "{}|x", "  \r\n": "{}|", "\rx": "error|x", "x": "none|x",
		}},
	} {
		for in, want := range c.want {
			d := decode(in + "\r\n")
			got := c.take(d)
			d.err, d.eol = nil, false // so that the rest can be read
			var rest []byte
			for d.broken == nil {
				b, ok := d.peek()
				if !ok {
					break
				}
				rest = append(rest, b)
				d.pos++
			}
			if got = strings.TrimSuffix(got+"|"+string(rest), "\r\n"); got != want {
				t.Errorf("%s of %q: got %q, want %q", c.name, in, got, want)
			}
		}
	}
}

func TestNString(t *testing.T) {
	for in, want := range map[string]string{`"a"`: "a true true", "nil": " false true", "NILS": " false false", "(": " false false", "{1+}\r\nb": "b true true"} {
		d := decode(in + "\r\n")
		var s string
		var ok bool
		done := d.ExpectNString(&s, &ok)
		if got := fmt.Sprint(s, " ", ok, " ", done); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestLists(t *testing.T) {
	d := decode("(a (b c) d)\r\n")
	var got []string
	var element func() bool
	element = func() bool {
		var s string
		if d.Atom(&s) {
			got = append(got, s)
			return true
		}
		got = append(got, "(")
		ok := d.ExpectList(element)
		got = append(got, ")")
		return ok
	}
	if !d.ExpectList(element) || !d.ExpectCRLF() || !reflect.DeepEqual(got, []string{"a", "(", "b", "c", ")", "d"}) {
		t.Errorf("%q %v", got, d.Err())
	}
	d = decode(strings.Repeat("(", 100) + "\r\n")
	if d.ExpectList(element) || d.Err() == nil {
		t.Error("deeply nested lists were taken")
	}
	if !d.Finish() {
		t.Error(d.Err())
	}
}

// TestErrorsStay: after the first error nothing is taken any more, and the
// error is the first one.
func TestErrorsStay(t *testing.T) {
	d := decode("a b\r\n")
	var s string
	if d.ExpectSP() || d.Atom(&s) || d.ExpectCRLF() || d.SP() {
		t.Error("something was taken")
	}
	if err := (&imap.Error{}); !errors.As(d.Err(), &err) || err.Text != "Expected a space." || err.Type != imap.StatusResponseTypeBad {
		t.Error(d.Err())
	}
}

func TestLimits(t *testing.T) {
	d := decode(strings.Repeat("a", 100) + "\r\nb\r\n")
	d.Limits.Line = 50
	var s string
	if d.Atom(&s) || d.Err() == nil {
		t.Error("a line of 100 octets was taken")
	}
	if d.Finish(); d.Broken() != nil {
		t.Error(d.Broken())
	}
	d.Begin()
	if !d.Atom(&s) || s != "b" {
		t.Errorf("%q %v", s, d.Err())
	}

	d = decode("{40+}\r\n" + strings.Repeat("x", 40) + " {40}\r\n" + "2 NOOP\r\n")
	d.Limits.Args = 50
	if !d.ExpectAString(&s) || len(s) != 40 || !d.ExpectSP() || d.ExpectAString(&s) {
		t.Error("80 octets of literals were taken")
	}
	if err := (&imap.Error{}); !errors.As(d.Err(), &err) || err.Code != imap.ResponseCodeTooBig {
		t.Error(d.Err())
	}
	d.Finish() // the literal was refused before it was sent
	d.Begin()
	if !d.Tag(&s) || s != "2" {
		t.Errorf("%q %v", s, d.Err())
	}

	for _, in := range []string{"{101+}\r\n", "x {60+}\r\n" + strings.Repeat("x", 60) + "{60+}\r\n", strings.Repeat("x", 200), "x {99999999999999999999+}\r\n", "{99999999999999999999}\r\n"} {
		d := decode(in)
		d.Limits.Drain = 100
		if d.Fail(errors.New("no")); in[0] == '{' {
			d.err = nil
			d.Literal(&Literal{})
		}
		if d.Finish() || !errors.Is(d.Broken(), ErrDrain) {
			t.Errorf("%.20q is read over: %v", in, d.Broken())
		}
	}
}

// TestBrokenQuote: what is announced where a quoted string breaks off is read
// over as well.
func TestBrokenQuote(t *testing.T) {
	for _, line := range []string{"\"a {10+}\r\n9 LOGOUT\r\n\r\n", "\"a\r\n", "\"\r\n", "\"10+}\r\n", "\"" + strings.Repeat("x", 100) + "{10+}\r\n9 LOGOUT\r\n\r\n"} {
		d := decode(line + "next\r\n")
		var s string
		if d.Quoted(&s) || !d.Finish() {
			t.Errorf("%q: %q, %v", line, s, d.Err())
		}
		d.Begin()
		if !d.Tag(&s) || s != "next" {
			t.Errorf("%q: then comes %q", line, s)
		}
	}
}

func TestLiteral(t *testing.T) {
	continued := 0
	d := decode("~{5+}\r\na\x00\r\nb {3}\r\nabc {0}\r\n {2}\r\n")
	d.Continue = func() error { continued++; return nil }
	var l Literal
	if !d.ExpectLiteral(&l) || l != (Literal{5, true, true}) {
		t.Fatal(l, d.Err())
	}
	if b, err := io.ReadAll(d.Open()); string(b) != "a\x00\r\nb" || err != nil || continued != 0 {
		t.Errorf("%q %v, %d continuation requests", b, err, continued)
	}
	if !d.ExpectSP() || !d.ExpectLiteral(&l) || l != (Literal{3, false, false}) || continued != 0 {
		t.Fatal(l, continued, d.Err())
	}
	if b, err := io.ReadAll(d.Open()); string(b) != "abc" || err != nil || continued != 1 {
		t.Errorf("%q %v, %d continuation requests", b, err, continued)
	}
	if !d.ExpectSP() || !d.ExpectLiteral(&l) || d.SP() {
		t.Fatal(l, d.Err())
	}
	if b, err := io.ReadAll(d.Open()); len(b) != 0 || err != nil || continued != 2 {
		t.Errorf("%q %v, %d continuation requests", b, err, continued)
	}
	if !d.ExpectSP() || !d.ExpectLiteral(&l) {
		t.Fatal(d.Err())
	}
	if b, err := io.ReadAll(d.Open()); len(b) != 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%q %v", b, err)
	}
	if d.Finish() || d.Broken() == nil {
		t.Error("a literal that was cut off is no end of the connection")
	}
}

func TestReadLine(t *testing.T) {
	d := decode("DONE\r\n\nabc\r\n" + strings.Repeat("x", 100))
	d.eol = true
	for _, want := range []string{"DONE", "", "abc"} {
		if got, err := d.ReadLine(10); got != want || err != nil {
			t.Errorf("%q %v", got, err)
		}
	}
	if got, err := d.ReadLine(10); err == nil {
		t.Errorf("%q", got)
	}
}

// TestContentIsNoCommand: whatever a handler takes of a command, and wherever
// it fails, the next command is the next thing that is decoded. Literals hold
// what looks like commands.
func TestContentIsNoCommand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.OneOf(
			rapid.SampledFrom([]string{"a", "(", ")", " ", " ", "*", "%", `"quoted"`, `"{5+}"`, `"`, "}", "{", "{3", "{x}", "~", "12", "1:*", `\Seen`, "\xff", "]", "{7+} "}),
			rapid.Map(rapid.SampledFrom([]string{"", "x", "9 LOGOUT\r\n", "\r\n9 LOGOUT\r\n", "a {5+}\r\n9 LOGOUT\r\n", "{", "\r", "\n", `"`}), func(s string) string {
				return fmt.Sprintf("{%d+}\r\n%s", len(s), s)
			}),
		)
		n := rapid.IntRange(1, 5).Draw(t, "commands")
		var in strings.Builder
		for i := range n {
			fmt.Fprintf(&in, "t%d ", i)
			line := strings.Join(rapid.SliceOfN(piece, 0, 10).Draw(t, "pieces"), "")
			if i := strings.LastIndexByte(line, '{'); i >= 0 && strings.HasSuffix(line, "}") {
				line += "." // no announcement at the end
			}
			in.WriteString(line + "\r\n")
		}
		d := NewDecoder(iotest.OneByteReader(strings.NewReader(in.String())))
		d.Continue = func() error { return nil }
		d.Limits = Limits{Line: 60, Args: 20, Depth: 3, Drain: 1 << 20}
		for i := range n {
			d.Begin()
			var tag string
			if !d.Tag(&tag) || tag != fmt.Sprint("t", i) {
				t.Fatalf("%q: command %d has tag %q, %v", in.String(), i, tag, d.Err())
			}
			for range rapid.IntRange(0, 12).Draw(t, "tokens") {
				takeAny(d, rapid.IntRange(0, 16).Draw(t, "token"))
			}
			if !d.Finish() {
				t.Fatalf("%q: %v", in.String(), d.Broken())
			}
		}
	})
}

// takeAny tries to take something.
func takeAny(d *Decoder, what int) {
	var s string
	var n uint32
	var set imap.NumSet
	var f imap.Flag
	var flags []imap.Flag
	var at time.Time
	var l Literal
	switch what {
	case 0:
		d.Atom(&s)
	case 1:
		d.AString(&s)
	case 2:
		d.String(&s)
	case 3, 4:
		d.SP()
	case 5:
		d.List(func() bool { takeAny(d, 1); return d.Err() == nil })
	case 6:
		d.Number(&n)
	case 7:
		d.NumSet(true, &set)
	case 8:
		d.Flag(&f)
	case 9:
		d.FlagList(&flags)
	case 10:
		d.DateTime(&at)
	case 11:
		d.Mailbox(&s)
	case 12:
		d.ListMailbox(&s)
	case 13:
		if d.Literal(&l) {
			io.CopyN(io.Discard, d.Open(), l.Size/2)
		}
	case 14:
		d.CRLF()
	case 15:
		d.Date(&at)
	case 16:
		d.Special('(')
	}
}

// FuzzDecoder takes tokens as ops say.
func FuzzDecoder(f *testing.F) {
	f.Add("a LOGIN {3}\r\nabc \"def\"\r\n", []byte{0, 3, 1, 3, 2, 14})
	f.Add("1:*,5 (\\Seen a) \" 1-Feb-2024 10:11:12 +0130\" ~{2+}\r\n\x00\x01\r\n", []byte{7, 3, 9, 3, 10, 3, 13})
	f.Add("B&APw-ro %/* ((a) b) {5+}\r\n{6+}\r\n", []byte{11, 3, 12, 3, 5})
	f.Fuzz(func(t *testing.T, in string, ops []byte) {
		d := NewDecoder(strings.NewReader(in))
		d.Continue = func() error { return nil }
		d.Limits = Limits{Line: 1000, Args: 100, Depth: 5, Drain: 1000}
		for range len(in) + 1 {
			d.Begin()
			for _, op := range ops {
				takeAny(d, int(op)%17)
			}
			if !d.Finish() {
				return
			}
		}
		t.Error("more commands than octets")
	})
}
