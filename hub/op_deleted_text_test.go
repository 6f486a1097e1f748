package hub

import (
	"strings"
	"testing"

	"heimpost/message"
)

// readMail gives a mail's text as it is looked at.
func readMail(t *testing.T, mail string) DeletedText {
	t.Helper()
	mail = strings.ReplaceAll(mail, "\n", "\r\n")
	var s message.Scanner
	s.Write([]byte(mail))
	var d DeletedText
	if err := d.read(strings.NewReader(mail), s.Finish().Root); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestReadDeletedMail(t *testing.T) {
	for _, c := range []struct{ name, mail, text, attachments string }{
		{"plain", "Subject: x\n\nHallo\n\n\n\nWelt  \n", "Hallo\n\nWelt", ""},
		{"of two forms the plain one", "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/html\n\n<b>rich</b>\n--b\nContent-Type: text/plain\n\npoor\n--b--\n", "poor", ""},
		{"of forms without a plain one the last", "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/calendar; name=a.ics\n\nBEGIN\n--b\nContent-Type: text/html\n\n<p>rich</p><script>bad()</script>\n--b--\n", "rich", ""},
		{"an empty alternative", "Content-Type: multipart/alternative; boundary=b\n\n--b--\n", "", ""},
		{"attachments are named only", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nHallo\n--b\nContent-Type: text/plain; name=a.txt\nContent-Disposition: attachment\n\nsecret\n--b\nContent-Type: message/rfc822\n\nSubject: in\n\ninner\n--b--\n", "Hallo", "a.txt,message/rfc822"},
		{"nothing turns the writing round", "Content-Type: text/plain; charset=utf-8\n\na\u202eb\x1b[31mc\x00d\n", "ab[31mcd", ""},
		{"no mail at all", "", "", ""},
	} {
		d := readMail(t, c.mail)
		if d.Text != c.text || strings.Join(d.Attachments, ",") != c.attachments {
			t.Errorf("%s: %q %q, want %q %q", c.name, d.Text, d.Attachments, c.text, c.attachments)
		}
	}
	d := readMail(t, "Content-Type: text/plain; charset=utf-8\n\n"+strings.Repeat("grüße ", maxReadText))
	if !d.Cut || len(d.Text) > maxReadText+4 || len(d.Text) < maxReadText-4 {
		t.Errorf("a long text has %d octets, cut: %v", len(d.Text), d.Cut)
	}
	var many strings.Builder
	many.WriteString("Content-Type: multipart/mixed; boundary=b\n\n")
	for range 3 * maxReadAttachments {
		many.WriteString("--b\nContent-Type: image/png\n\nx\n")
	}
	if d := readMail(t, many.String()+"--b--\n"); len(d.Attachments) != maxReadAttachments {
		t.Errorf("%d attachments are named", len(d.Attachments))
	}
}
