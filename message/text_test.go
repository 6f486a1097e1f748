package message

import (
	"errors"
	"strings"
	"testing"
)

func textOf(t testing.TB, mail string, what Text) string {
	t.Helper()
	var b strings.Builder
	if err := WriteText(&b, strings.NewReader(mail), scan(mail).Root, what); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWriteText(t *testing.T) {
	const base64Grüße = "R3LDvMOfZQ=="
	mail := crlf("Subject: =?iso-8859-1?Q?=DCbersicht?=\nX-Note: a\n b\nContent-Type: multipart/mixed; boundary=b\n\npreamble\n" +
		"--b\nContent-Type: text/plain; charset=iso-8859-15\nContent-Transfer-Encoding: quoted-printable\n\nPreis 5 =A4 f=\n=FCr alle\x00\n" +
		"--b\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\nPHA+R3LDvMOfZTwvcD48c3R5bGU+Yjw+PC9zdHlsZT4mYW1wOw==\n" +
		"--b\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename*=utf-8''Pl%C3%A4ne.pdf\n\nAAAA\n" +
		"--b\nContent-Type: message/rfc822\n\nSubject: inner\n\ninner text\n" +
		"--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" +
		"U3ViamVjdDogaGlkZGVuDQoNCg0K" + base64Grüße + "\n" +
		"--b--\n")
	head := "Subject: Übersicht\nX-Note: a b\nContent-Type: multipart/mixed; boundary=b\n"
	body := "Preis 5 € für alle\n\nGrüße\n&\nPläne.pdf\nSubject: inner\ninner text\nSubject: hidden\n\r\nGrüße\n"
	for _, c := range []struct {
		what Text
		want string
	}{
		{Text{Header: true, Body: true}, head + body},
		{Text{Body: true}, body},
		{Text{Header: true}, head + "Subject: inner\nSubject: hidden\n"},
		{Text{Body: true, Limit: 9}, "Preis 5 "}, // no half of a character
		{Text{Body: true, Limit: 11}, "Preis 5 €"},
	} {
		if got := textOf(t, mail, c.what); got != c.want {
			t.Errorf("%+v:\n got %q\nwant %q", c.what, got, c.want)
		}
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }
func (f failing) Write([]byte) (int, error)         { return 0, f.err }

func TestWriteTextErrors(t *testing.T) {
	boom := errors.New("boom")
	for _, mail := range []string{"Subject: s\r\n\r\nb\r\n", "Content-Transfer-Encoding: base64\r\n\r\nAAAA",
		"Content-Type: text/html; charset=utf-16\r\n\r\nb"} {
		root := scan(mail).Root
		for _, what := range []Text{{Header: true}, {Body: true}} {
			if err := WriteText(&strings.Builder{}, failing{boom}, root, what); err != boom {
				t.Errorf("%q %+v: reading failed, got %v", mail, what, err)
			}
			if err := WriteText(failing{boom}, strings.NewReader(mail), root, what); err != boom {
				t.Errorf("%q %+v: writing failed, got %v", mail, what, err)
			}
		}
	}
}
