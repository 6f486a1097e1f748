package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
)

var names = []string{"Marko Huber", "Petra Lang", "Büro Lang", "Jürgen Groß", "Anna Fischer", "Stadtwerke", "Lieferant Nord"}

var topics = []string{"Rechnung", "Angebot Heizung", "Termin am Montag", "Grüße aus Köln", "Bestellung", "Newsletter", "Lieferschein", "Aufmaß"}

var words = strings.Fields("wir haben die Anlage geprüft und melden uns morgen wegen der Lieferung bitte senden Sie das Angebot an unser Büro vielen Dank für Ihre Nachricht der Monteur kommt am Dienstag gegen acht die Teile sind bestellt und treffen nächste Woche ein freundliche Grüße")

// text gives about n octets of prose; one mail in two hundred speaks of a
// heating installation.
func text(r *rand.Rand, n int, rare bool) string {
	var b strings.Builder
	if rare {
		b.WriteString("Die Heizung und ihre Installation sind fertig.\r\n")
	}
	for line := 0; b.Len() < n; {
		w := words[r.IntN(len(words))]
		if line += len(w) + 1; line > 72 {
			b.WriteString("\r\n")
			line = len(w)
		} else if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w)
	}
	b.WriteString("\r\n")
	return b.String()
}

// benchMail makes mail i of the mix of docs/performance.md: 60 % plain of 2–8
// KiB, 25 % multipart/alternative of 20–60 KiB, 15 % with an attachment of 100
// KiB–2 MiB. The same i gives the same mail.
func benchMail(i int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(i)))
	from, to := names[r.IntN(len(names))], names[r.IntN(len(names))]
	subject := topics[r.IntN(len(topics))]
	var b bytes.Buffer
	fmt.Fprintf(&b, "Return-Path: <%d@example.org>\r\nReceived: from mx.example.org (mx.example.org [192.0.2.1])\r\n\tby in.example.org with ESMTPS id %08x;\r\n\t%s\r\n", i, r.Uint32(), benchDate(i).Format("Mon, 2 Jan 2006 15:04:05 -0700"))
	fmt.Fprintf(&b, "From: %s <%s@example.org>\r\nTo: %s <info@example.com>\r\nSubject: %s\r\n", encoded(from), strings.ToLower(strings.Fields(from)[0][:1]), encoded(to), encoded(fmt.Sprintf("%s %d", subject, i)))
	fmt.Fprintf(&b, "Date: %s\r\nMessage-ID: <%d.%08x@example.org>\r\n", benchDate(i).Format("Mon, 2 Jan 2006 15:04:05 -0700"), i, r.Uint32())
	if i > 10 && r.IntN(3) == 0 {
		fmt.Fprintf(&b, "In-Reply-To: <%d.x@example.org>\r\nReferences: <%d.x@example.org>\r\n", i-10, i-10)
	}
	b.WriteString("MIME-Version: 1.0\r\n")
	rare := i%200 == 7
	switch k := r.IntN(100); {
	case k < 60:
		b.WriteString("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
		b.WriteString(text(r, 2<<10+r.IntN(6<<10), rare))
	case k < 85:
		plain := text(r, 6<<10+r.IntN(10<<10), rare)
		fmt.Fprintf(&b, "Content-Type: multipart/alternative; boundary=\"=_%d\"\r\n\r\n--=_%d\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s\r\n--=_%d\r\n", i, i, plain, i)
		fmt.Fprintf(&b, "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<html><body><p>%s</p>%s</body></html>\r\n\r\n--=_%d--\r\n", plain, strings.Repeat("<td style=\"padding:0 8px\">&nbsp;</td>\r\n", 200+r.IntN(500)), i)
	default:
		data := make([]byte, 75<<10+r.IntN(1400<<10))
		for j := 0; j+8 <= len(data); j += 8 {
			v := r.Uint64()
			for k := range 8 {
				data[j+k] = byte(v >> (8 * k))
			}
		}
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=\"=_%d\"\r\n\r\n--=_%d\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s\r\n--=_%d\r\nContent-Type: application/pdf; name=\"plan.pdf\"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"plan.pdf\"\r\n\r\n", i, i, text(r, 2<<10, rare), i)
		enc := base64.StdEncoding.EncodeToString(data)
		for len(enc) > 0 {
			n := min(76, len(enc))
			b.WriteString(enc[:n])
			b.WriteString("\r\n")
			enc = enc[n:]
		}
		fmt.Fprintf(&b, "\r\n--=_%d--\r\n", i)
	}
	return b.Bytes()
}

// encoded gives a header text as one encoded word where it needs one.
func encoded(s string) string {
	for _, r := range s {
		if r >= 0x80 {
			return "=?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
		}
	}
	return s
}

// smallMail is a plain mail of n octets.
func smallMail(n int) []byte {
	var b bytes.Buffer
	b.WriteString("From: Petra <petra@example.org>\r\nTo: info@example.com\r\nSubject: small\r\nMessage-ID: <small@example.org>\r\nContent-Type: text/plain\r\n\r\n")
	for b.Len() < n-2 {
		b.WriteString("0123456789abcdef"[:min(16, n-2-b.Len())])
	}
	b.WriteString("\r\n")
	return b.Bytes()
}
