package wire

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/emersion/go-imap/v2"
)

func TestEncoder(t *testing.T) {
	for want, put := range map[string]func(*Encoder){
		"* 18446744073709551615 EXISTS\r\n": func(e *Encoder) { e.Raw("* ").Number(math.MaxUint64).SP().Atom("EXISTS").CRLF() },
		`""`:                                func(e *Encoder) { e.String("") },
		`"a \"b\" \\"`:                      func(e *Encoder) { e.String(`a "b" \`) },
		"{2}\r\nä":                          func(e *Encoder) { e.String("ä") },
		`"ä"`:                               func(e *Encoder) { e.UTF8 = true; e.String("ä") },
		"{1}\r\n\xff":                       func(e *Encoder) { e.UTF8 = true; e.String("\xff") },
		"{2}\r\n\r\n":                       func(e *Encoder) { e.String("\r\n") },
		"NIL":                               func(e *Encoder) { e.NString("x", false) },
		`"x"`:                               func(e *Encoder) { e.NString("x", true) },
		`"B&APw-ro"`:                        func(e *Encoder) { e.Mailbox("Büro") },
		`"Büro & Co"`:                       func(e *Encoder) { e.UTF8 = true; e.Mailbox("Büro & Co") },
		`(\Seen $x)`:                        func(e *Encoder) { e.Flags([]imap.Flag{imap.FlagSeen, "$x"}) },
		"()":                                func(e *Encoder) { e.Flags(nil) },
		"1:2,5,7:9":                         func(e *Encoder) { e.UIDs([]imap.UID{1, 2, 5, 7, 8, 9}) },
		"3:*":                               func(e *Encoder) { e.NumSet(imap.SeqSet{{Start: 3}}) },
		`" 1-Feb-2024 10:11:12 +0130"`: func(e *Encoder) {
			e.DateTime(time.Date(2024, 2, 1, 10, 11, 12, 0, time.FixedZone("", 5400)))
		},
		"~{3}\r\nabc": func(e *Encoder) { e.Literal8(3).Copy(strings.NewReader("abcd"), 3) },
	} {
		var out bytes.Buffer
		e := NewEncoder(&out)
		put(e)
		if err := e.Flush(); err != nil || out.String() != want {
			t.Errorf("%q, %v; want %q", out.String(), err, want)
		}
	}
}

// sizes notes how large writes are.
type sizes struct {
	bytes.Buffer
	max, count int
}

func (s *sizes) Write(p []byte) (int, error) {
	s.max, s.count = max(s.max, len(p)), s.count+1
	return s.Buffer.Write(p)
}

func TestEncoderBuffers(t *testing.T) {
	var out sizes
	e := NewEncoder(&out)
	content := strings.Repeat("0123456789", 10_000)
	e.Raw("x").Literal(100_000)
	if err := e.Copy(iotest.OneByteReader(strings.NewReader(content)), 100_000); err != nil {
		t.Fatal(err)
	}
	e.Raw(content).Bytes([]byte(content))
	if out.count == 0 || e.Flush() != nil || e.buf != nil {
		t.Error("a buffer is kept")
	}
	if want := "x{100000}\r\n" + content + content + content; out.String() != want {
		t.Error("other octets came out")
	}
	if out.max > outSize || out.count > 300_010/outSize+1 {
		t.Errorf("%d writes of up to %d octets", out.count, out.max)
	}
}

func TestEncoderErrors(t *testing.T) {
	r, w := io.Pipe()
	gone := errors.New("gone")
	r.CloseWithError(gone)
	e := NewEncoder(w)
	if _, err := e.Raw("x").Raw(strings.Repeat("y", 2*outSize)).Special('x').Write([]byte("x")); !errors.Is(err, gone) || !errors.Is(e.Flush(), gone) || !errors.Is(e.Err(), gone) {
		t.Error(err)
	}
	// A literal that is shorter than was announced must be the end.
	var out bytes.Buffer
	e = NewEncoder(&out)
	if err := e.Literal(5).Copy(strings.NewReader("abc"), 5); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if e.Raw(" UID 5)").CRLF(); e.Flush() == nil || strings.Contains(out.String(), "UID") {
		t.Errorf("%q was written", out.String())
	}
}

func FuzzString(f *testing.F) {
	f.Add("a", false)
	f.Add("ä\"\\", true)
	f.Add("\r\n\x00", true)
	f.Fuzz(func(t *testing.T, s string, utf8 bool) {
		var out bytes.Buffer
		e := NewEncoder(&out)
		e.UTF8 = utf8
		e.String(s).CRLF()
		e.Flush()
		d := NewDecoder(&out)
		d.Continue = func() error { return nil }
		d.Limits.Args = int64(len(s))
		d.Begin()
		var got string
		if !d.ExpectAString(&got) || !d.ExpectCRLF() || got != s {
			t.Errorf("%q is sent as %q, which is read as %q, %v", s, out.String(), got, d.Err())
		}
	})
}
