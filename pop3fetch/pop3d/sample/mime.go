package sample

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"

	"golang.org/x/text/encoding/charmap"
)

const (
	domain = "heimpost.example"
	person = "Demo Muster <demo@" + domain + ">"
)

// writer turns letters into mails.
type writer struct {
	now     time.Time
	letters []letter
	b       bytes.Buffer
	parts   int // boundaries given
}

// date gives when a letter was written; never in the future.
func (w *writer) date(l letter) time.Time {
	if l.at == "" {
		return w.now
	}
	var h, m int
	fmt.Sscanf(l.at, "%d:%d", &h, &m)
	day := w.now.AddDate(0, 0, -l.days)
	t := time.Date(day.Year(), day.Month(), day.Day(), h, m, (h*7+m)%60, 0, w.now.Location())
	if t.After(w.now) {
		t = t.AddDate(0, 0, -1)
	}
	return t
}

// mail writes the n-th letter.
func (w *writer) mail(l letter, n int) []byte {
	w.b.Reset()
	to := l.to
	if to == "" {
		to = person
	}
	if l.id == "" {
		l.id = fmt.Sprintf("sample-%d", n)
	}
	date := w.date(l).Format("Mon, 02 Jan 2006 15:04:05 -0700")
	_, from, _ := strings.Cut(l.from, "@")
	w.line("Return-Path: %s", l.from[strings.IndexByte(l.from, '<'):])
	w.line("Received: from mail.%s (mail.%s [192.0.2.%d])\r\n\tby mx.%s with ESMTPS id %08X;\r\n\t%s",
		strings.Trim(from, ">"), strings.Trim(from, ">"), 10+n%200, domain, n*7919+4711, date)
	w.line("Date: %s", date)
	w.line("From: %s", addresses(l.from, l.coding))
	w.line("To: %s", addresses(to, l.coding))
	if l.cc != "" {
		w.line("Cc: %s", addresses(l.cc, l.coding))
	}
	w.line("Subject: %s", words(l.subject, l.coding))
	w.line("Message-ID: <%s@%s>", l.id, domain)
	if l.re != "" {
		w.line("In-Reply-To: <%s@%s>", l.re, domain)
		var refs []string
		for _, r := range append(l.refs, l.re) {
			refs = append(refs, "<"+r+"@"+domain+">")
		}
		w.line("References: %s", strings.Join(refs, "\r\n\t"))
	}
	w.b.WriteString(strings.ReplaceAll(l.extra, "\n", "\r\n"))
	w.line("MIME-Version: 1.0")
	w.body(l)
	return bytes.Clone(w.b.Bytes())
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.b, format+"\r\n", args...) }

// body writes what a letter consists of, from the outside in.
func (w *writer) body(l letter) {
	if len(l.files) > 0 || l.forward != nil {
		w.multipart("mixed", func(next func()) {
			inner := l
			inner.files, inner.forward = nil, nil
			next()
			w.body(inner)
			for _, f := range l.files {
				next()
				w.file(f, "attachment", "")
			}
			if l.forward != nil {
				next()
				w.line("Content-Type: message/rfc822\r\nContent-Disposition: attachment\r\n")
				w.b.Write(l.forward)
			}
		})
		return
	}
	if l.html == "" && l.invite == "" {
		w.text("plain", l.text, l.coding)
		return
	}
	w.multipart("alternative", func(next func()) {
		next()
		w.text("plain", l.text, l.coding)
		switch {
		case l.inline != nil:
			next()
			w.multipart("related", func(next func()) {
				next()
				w.text("html", page(l.html), l.coding)
				next()
				w.file(*l.inline, "inline", "image@"+domain)
			})
		case l.html != "":
			next()
			w.text("html", page(l.html), l.coding)
		}
		if l.invite != "" {
			next()
			w.line("Content-Type: text/calendar; charset=utf-8; method=REQUEST; name=invite.ics\r\nContent-Transfer-Encoding: base64\r\n")
			w.base64([]byte(strings.ReplaceAll(l.invite, "\n", "\r\n")))
		}
	})
}

// multipart writes a multipart; its function calls next before each part.
func (w *writer) multipart(kind string, parts func(next func())) {
	w.parts++
	boundary := fmt.Sprintf("=_heimpost_%d", w.parts)
	w.line("Content-Type: multipart/%s;\r\n\tboundary=\"%s\"\r\n", kind, boundary)
	if w.parts == 1 {
		w.line("This is a message in MIME format.")
	}
	parts(func() { w.line("\r\n--%s", boundary) })
	w.line("\r\n--%s--", boundary)
}

// text writes a text part.
func (w *writer) text(kind, text string, c coding) {
	text = strings.TrimLeft(text, "\n")
	charset, transfer, params := "utf-8", "quoted-printable", ""
	switch c {
	case utf8Base64:
		transfer = "base64"
	case utf8Bare:
		transfer = "8bit"
	case latin1:
		charset = "iso-8859-1"
		if s, err := charmap.ISO8859_1.NewEncoder().String(text); err == nil {
			text = s
		} else {
			charset = "utf-8"
		}
	case flowed:
		transfer = "8bit"
		if kind == "plain" {
			params = "; format=flowed"
		}
	}
	w.line("Content-Type: text/%s; charset=%s%s\r\nContent-Transfer-Encoding: %s\r\n", kind, charset, params, transfer)
	text = strings.ReplaceAll(text, "\n", "\r\n")
	switch transfer {
	case "base64":
		w.base64([]byte(text))
	case "quoted-printable":
		q := quotedprintable.NewWriter(&w.b)
		q.Write([]byte(text))
		q.Close()
	default:
		w.b.WriteString(text)
	}
}

// file writes an attachment; a name beyond ASCII goes by RFC 2231, and for
// old clients by RFC 2047 as well.
func (w *writer) file(f file, disposition, cid string) {
	w.line("Content-Type: %s;\r\n\tname=\"%s\"", f.kind, mime.QEncoding.Encode("utf-8", f.name))
	w.line("Content-Transfer-Encoding: base64")
	if cid != "" {
		w.line("Content-ID: <%s>", cid)
	}
	w.line("Content-Disposition: %s\r\n", mime.FormatMediaType(disposition, map[string]string{"filename": f.name}))
	w.base64(f.body)
}

func (w *writer) base64(b []byte) {
	const line = 57 // octets in a line of 76 characters
	for len(b) > 0 {
		n := min(line, len(b))
		w.line("%s", base64.StdEncoding.EncodeToString(b[:n]))
		b = b[n:]
	}
}

// words encodes a header's text (RFC 2047); the library folds what is long.
func words(s string, c coding) string {
	switch c {
	case utf8Base64:
		return mime.BEncoding.Encode("utf-8", s)
	case latin1:
		if l, err := charmap.ISO8859_1.NewEncoder().String(s); err == nil {
			return mime.QEncoding.Encode("iso-8859-1", l)
		}
	}
	return strings.ReplaceAll(mime.QEncoding.Encode("utf-8", s), "?= =?", "?=\r\n =?")
}

// addresses writes a list of addresses.
func addresses(list string, c coding) string {
	parsed, err := mail.ParseAddressList(list)
	if err != nil {
		return list
	}
	var out []string
	for _, a := range parsed {
		name := words(a.Name, c)
		if name == a.Name {
			out = append(out, a.String())
			continue
		}
		out = append(out, name+" <"+a.Address+">")
	}
	return strings.Join(out, ",\r\n\t")
}

// page is a small HTML page.
func page(body string) string {
	return `<!DOCTYPE html>
<html><head><meta charset="utf-8"><style>
body { font-family: sans-serif; color: #222; max-width: 40em; margin: auto; padding: 1em }
h1 { color: #1a5fb4; font-size: 1.4em } td, th { text-align: left; padding: .3em .8em }
</style></head><body>
` + strings.TrimLeft(body, "\n") + `</body></html>
`
}
