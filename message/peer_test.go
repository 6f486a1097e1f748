package message

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	gomessage "github.com/emersion/go-message"
)

// peerSkips are the mails that go-message refuses or reads otherwise, and why.
var peerSkips = map[string]string{
	"bare-cr":             "a bare CR in the header",
	"base64-garbage":      "garbage",
	"boundary-empty":      "no boundary",
	"boundary-missing":    "no boundary",
	"boundary-never":      "no delimiter",
	"boundary-same":       "two of a kind",
	"content-type-odd":    "odd",
	"charset-lies":        "an empty charset",
	"crcrlf":              "line ends",
	"digest":              "a mail in a digest needs no type",
	"encodings":           "unknown ones",
	"header-cut":          "no end of the header",
	"mbox-from":           "no field",
	"multipart-no-body":   "no delimiter",
	"multipart-empty":     "no parts",
	"no-header":           "no field",
	"part-without-header": "no field",
	"parts-empty":         "no headers",
	"qp-broken":           "broken",
	"unterminated":        "no last delimiter",
	"unterminated-inner":  "no last delimiter",
}

// TestAgainstGoMessage compares tree and content of each part with what
// another implementation finds.
func TestAgainstGoMessage(t *testing.T) {
	names, mails := corpus(t)
	compared := 0
	for _, name := range names {
		if _, skip := peerSkips[name]; skip {
			continue
		}
		mail := mails[name]
		e, err := gomessage.Read(bytes.NewReader(mail))
		if err != nil && !gomessage.IsUnknownCharset(err) && !errors.Is(err, io.EOF) {
			t.Errorf("%s: go-message: %v", name, err)
			continue
		}
		if e == nil {
			continue
		}
		comparePart(t, name, mail, scanBytes(mail).Root, e)
		compared++
	}
	if compared < 35 {
		t.Errorf("only %d mails compared", compared)
	}
}

func comparePart(t *testing.T, where string, mail []byte, p *Part, e *gomessage.Entity) {
	t.Helper()
	kind, params, _ := e.Header.ContentType()
	if got := p.Type + "/" + p.Subtype; kind != "" && got != kind {
		t.Errorf("%s: %s, go-message says %s", where, got, kind)
	}
	if charset := params["charset"]; p.Type == "text" && !strings.EqualFold(charset, p.Charset) {
		t.Errorf("%s: charset %q, go-message says %q", where, p.Charset, charset)
	}
	if r := e.MultipartReader(); r != nil {
		for i := 0; ; i++ {
			kid, err := r.NextPart()
			if err == io.EOF {
				if i != len(p.Children) {
					t.Errorf("%s: %d parts, go-message finds %d", where, len(p.Children), i)
				}
				return
			}
			if err != nil && !gomessage.IsUnknownCharset(err) {
				t.Errorf("%s: go-message: %v", where, err)
				return
			}
			if i >= len(p.Children) {
				t.Errorf("%s: only %d parts", where, i)
				return
			}
			comparePart(t, where+"."+string(rune('1'+i)), mail, p.Children[i], kid)
		}
	}
	want, err := io.ReadAll(e.Body)
	if err != nil {
		t.Errorf("%s: go-message: %v", where, err)
	}
	r, _ := DecodePart(bytes.NewReader(mail), p)
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %v\n%.200q, go-message reads\n%.200q", where, err, got, want)
	}
	if p.IsMessage() {
		inner, err := gomessage.Read(bytes.NewReader(want))
		if err != nil && !gomessage.IsUnknownCharset(err) {
			t.Errorf("%s: go-message: %v", where, err)
			return
		}
		comparePart(t, where+".mail", mail, p.Children[0], inner)
	}
}

// BenchmarkScan and BenchmarkGoMessage read the same mail: text, HTML and an
// attachment of 10 MB.
func BenchmarkScan(b *testing.B) {
	mail := bigMail()
	b.SetBytes(int64(len(mail)))
	b.ReportAllocs()
	for b.Loop() {
		var s Scanner
		for rest := mail; len(rest) > 0; {
			n := min(len(rest), 32<<10)
			s.Write(rest[:n])
			rest = rest[n:]
		}
		s.Finish()
	}
}

func BenchmarkScanSmall(b *testing.B) {
	_, mails := corpus(b)
	mail := mails["mixed-nested"]
	b.SetBytes(int64(len(mail)))
	b.ReportAllocs()
	for b.Loop() {
		scanBytes(mail)
	}
}

func BenchmarkGoMessage(b *testing.B) {
	mail := bigMail()
	b.SetBytes(int64(len(mail)))
	b.ReportAllocs()
	for b.Loop() {
		e, err := gomessage.Read(bytes.NewReader(mail))
		if err != nil {
			b.Fatal(err)
		}
		if err := e.Walk(func(path []int, e *gomessage.Entity, err error) error {
			if err == nil && e.MultipartReader() == nil {
				_, err = io.Copy(io.Discard, e.Body)
			}
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}

func bigMail() []byte {
	var b bytes.Buffer
	b.WriteString("From: a@example.org\r\nSubject: big\r\nContent-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n--=_b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n")
	b.WriteString(strings.Repeat("Some text of which there is a little.\r\n", 100))
	b.WriteString("--=_b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	for b.Len() < 10<<20 {
		b.WriteString("JVBERi0xLjQKJeLjz9MKMyAwIG9iago8PC9MZW5ndGggNCAwIFIvRmlsdGVyL0ZsYXRlRGVjb2Rl\r\n")
	}
	b.WriteString("--=_b--\r\n")
	return b.Bytes()
}

func BenchmarkWriteText(b *testing.B) {
	_, mails := corpus(b)
	mail := mails["mixed-nested"]
	root := scanBytes(mail).Root
	b.SetBytes(int64(len(mail)))
	b.ReportAllocs()
	for b.Loop() {
		WriteText(io.Discard, bytes.NewReader(mail), root, Text{Header: true, Body: true})
	}
}
