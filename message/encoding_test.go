package message

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// decodeAll undoes an encoding, reading from a reader that gives as much at a
// time as wrap lets it.
func decodeAll(encoding, text string) (string, bool) {
	r, ok := DecodePart(strings.NewReader(text), &Part{End: int64(len(text)), Encoding: encoding})
	b, _ := io.ReadAll(r)
	return string(b), ok
}

func TestDecodePart(t *testing.T) {
	for _, c := range []struct{ encoding, in, want string }{
		{"7bit", "a=20\r\n", "a=20\r\n"},
		{"binary", "a\x00b", "a\x00b"},
		{"base64", "R3LDvMOfZQ==", "Grüße"},
		{"base64", "R3L\r\nDvM*Of \tZQ", "Grüße"},
		{"base64", "R3LDvMOfZQ==\r\nR3LDvMOfZQ==\r\n", "GrüßeGrüße"},
		{"base64", "QQ==QUI=QUJD=", "AABABC"},
		{"base64", "A", ""},
		{"base64", "====", ""},
		{"quoted-printable", "Gr=C3=bc=C3=9Fe", "Grüße"},
		{"quoted-printable", "a=\r\nb= \t\r\nc=\nd", "abcd"},
		{"quoted-printable", "a  \r\nb\t\n", "a\r\nb\n"},
		{"quoted-printable", "a b \t c", "a b \t c"},
		{"quoted-printable", "=ZZ = x =4", "=ZZ = x =4"},
		{"quoted-printable", "end=", "end"},
		{"quoted-printable", "end =20", "end  "},
		{"quoted-printable", "a\rb \r c", "a\rb \r c"},
		{"quoted-printable", "==41=", "=A"},
	} {
		if got, ok := decodeAll(c.encoding, c.in); got != c.want || !ok {
			t.Errorf("%s %q: %q, %v, want %q", c.encoding, c.in, got, ok, c.want)
		}
	}
	if got, ok := decodeAll("x-uuencode", "x"); ok || got != "x" {
		t.Errorf("unknown: %q, %v", got, ok)
	}
}

// TestDecodeAgainstStandardLibrary: what it encodes comes back; pieces of any
// size give the same.
func TestDecodeAgainstStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.SliceOf(rapid.Byte()), rapid.Map(rapid.SliceOf(rapid.SampledFrom([]byte("a= \t\r\nÿ4"))),
			func(b []byte) []byte { return b })).Draw(t, "text")
		var q bytes.Buffer
		w := quotedprintable.NewWriter(&q)
		w.Binary = true
		w.Write(text)
		w.Close()
		if got, _ := decodeAll("quoted-printable", q.String()); got != string(text) {
			t.Fatalf("%q: %q", q.String(), got)
		}
		if got, _ := decodeAll("base64", base64.StdEncoding.EncodeToString(text)); got != string(text) {
			t.Fatalf("base64: %q", got)
		}
		for _, d := range []func() transferDecoder{func() transferDecoder { return &quotedDecoder{} }, func() transferDecoder { return &base64Decoder{} }} {
			whole, _ := io.ReadAll(&decoding{r: bytes.NewReader(text), d: d()})
			small, _ := io.ReadAll(&decoding{r: iotest.OneByteReader(bytes.NewReader(text)), d: d()})
			if !bytes.Equal(whole, small) || len(whole) > len(text) {
				t.Fatalf("%q: at once %q, by octets %q", text, whole, small)
			}
		}
	})
}
