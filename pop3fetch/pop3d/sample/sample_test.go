package sample

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var now = time.Date(2026, 3, 10, 6, 30, 0, 0, time.FixedZone("CET", 3600))

func TestMails(t *testing.T) {
	mails := Mails(now)
	if len(mails) < 28 || len(mails) > 35 {
		t.Errorf("%d mails", len(mails))
	}
	var biggest, broken, invitations, umlauts, replies, html int
	ids := map[string]bool{}
	for i, b := range mails {
		biggest = max(biggest, len(b))
		m, err := mail.ReadMessage(bytes.NewReader(b))
		if err != nil {
			broken++
			continue
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		if err != nil || !utf8.ValidString(subject) {
			t.Errorf("%d: subject %q, %v", i, subject, err)
		}
		if strings.ContainsAny(subject, "äöüÄÖÜß") {
			umlauts++
		}
		date, err := m.Header.Date()
		if err != nil || date.After(now) || now.Sub(date) > 15*24*time.Hour {
			t.Errorf("%s: date %v, %v", subject, date, err)
		}
		for _, field := range []string{"From", "To"} {
			if list, err := m.Header.AddressList(field); err != nil || len(list) == 0 {
				t.Errorf("%s: %s: %v", subject, field, err)
			}
		}
		if id := m.Header.Get("Message-ID"); id == "" || ids[id] {
			t.Errorf("%s: Message-ID %q is missing or not new", subject, id)
		} else {
			ids[id] = true
		}
		if re := m.Header.Get("In-Reply-To"); re != "" {
			replies++
			if !ids[re] {
				t.Errorf("%s answers %s, which is not older", subject, re)
			}
		}
		if bytes.Contains(bytes.ReplaceAll(b, []byte("\r\n"), nil), []byte("\n")) {
			t.Errorf("%s: bare LF", subject)
		}
		kinds := leaves(t, subject, m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)
		for _, k := range kinds {
			switch k {
			case "text/calendar":
				invitations++
			case "text/html":
				html++
			}
		}
	}
	if biggest < 2<<20 || biggest > 8<<20 || broken != 1 || invitations != 1 || umlauts < 5 || replies < 4 || html < 4 {
		t.Errorf("biggest %d, broken %d, invitations %d, umlauts %d, replies %d, html %d", biggest, broken, invitations, umlauts, replies, html)
	}
}

// leaves reads a part to its end and gives the types of what is in it.
func leaves(t *testing.T, name, contentType, transfer string, r io.Reader) []string {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Errorf("%s: %q: %v", name, contentType, err)
		return nil
	}
	if !strings.HasPrefix(kind, "multipart/") {
		if transfer == "quoted-printable" {
			r = quotedprintable.NewReader(r)
		}
		if b, err := io.ReadAll(r); err != nil || len(b) == 0 {
			t.Errorf("%s: %s: %d octets, %v", name, kind, len(b), err)
		}
		return []string{kind}
	}
	var out []string
	for mr := multipart.NewReader(r, params["boundary"]); ; {
		p, err := mr.NextRawPart()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return out
		}
		out = append(out, leaves(t, name, p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p)...)
	}
}

func TestSameAgain(t *testing.T) {
	a, b := Mails(now), Mails(now)
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			t.Errorf("mail %d is different the second time", i)
		}
	}
	if bytes.Equal(Live(now, 0), Live(now, len(live))) {
		t.Error("live mails are all the same")
	}
}
