// Package mailgen makes mail for tests and measurements: a realistic mix,
// always the same for a seed, and mails with everything that trips programs
// up.
package mailgen

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"math/rand/v2"
	"mime"
	"strings"
	"time"
)

// Realistic gives the n-th mail of a mix as a mailbox of ten years has it: 60
// of 100 are plain text of 2-8 KiB, 25 text and HTML of 20-60 KiB, 15 carry
// an attachment of 100 KiB to 2 MiB.
func Realistic(seed uint64, n int) []byte {
	g := newGen(seed, n)
	switch kind := g.r.IntN(100); {
	case kind < 60:
		g.header("text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit")
		g.text(g.size(2<<10, 8<<10))
	case kind < 85:
		g.header("multipart/alternative; boundary=\"=_alt\"")
		half := g.size(20<<10, 60<<10) / 2
		g.part("=_alt", "text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit")
		g.text(half)
		g.part("=_alt", "text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit")
		g.b.WriteString("<html><body><p>\r\n")
		g.text(half)
		g.b.WriteString("</p></body></html>\r\n--=_alt--\r\n")
	default:
		g.header("multipart/mixed; boundary=\"=_mix\"")
		g.part("=_mix", "text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit")
		g.text(g.size(500, 4<<10))
		g.part("=_mix", "application/octet-stream; name=\"file.bin\"\r\nContent-Disposition: attachment; filename=\"file.bin\"\r\nContent-Transfer-Encoding: base64")
		g.attachment(g.size(100<<10, 2<<20) * 57 / 78)
		g.b.WriteString("--=_mix--\r\n")
	}
	return g.b.Bytes()
}

// Small gives the n-th of small mails that differ in everything: for models
// that move many. Some have bare LF, dots, NUL, no last line end, no header.
func Small(seed uint64, n int) []byte {
	g := newGen(seed, n)
	g.b.WriteString(fmt.Sprintf("Message-ID: <%d.%d@example.org>\r\nDate: %s\r\nFrom: a%d@example.org\r\nSubject: mail %d\r\n\r\n",
		seed, n, g.date.Format(time.RFC1123Z), g.r.IntN(5), n))
	for range g.r.IntN(6) {
		switch g.r.IntN(12) {
		case 0:
			g.b.WriteString(".\r\n")
		case 1:
			g.b.WriteString("..dots\r\n")
		case 2:
			g.b.WriteString("bare\n.\nline ends\n")
		case 3:
			g.b.WriteString("nul \x00 and \x7f\r\n")
		case 4:
			g.b.WriteString("bare \r in a line\r\n")
		case 5:
			g.b.WriteString("+OK 120 octets\r\n-ERR no\r\n")
		case 6:
			g.b.WriteString(strings.Repeat("long ", 300) + "\r\n")
		case 7:
			g.b.WriteString("8 bit: \xe4\xf6\xfc\xff\r\n")
		default:
			g.text(20 + g.r.IntN(200))
		}
	}
	if g.r.IntN(10) == 0 {
		g.b.WriteString("no end")
	}
	return g.b.Bytes()
}

// Special gives one mail of each kind that trips programs up, by name. The
// biggest has about 25 MB.
func Special() map[string][]byte {
	const head = "From: special@example.org\r\nSubject: special\r\n"
	return map[string][]byte{
		"empty":              {},
		"only a line end":    []byte("\r\n"),
		"no header":          []byte("\r\nbody only\r\n"),
		"no body":            []byte(head),
		"dots":               []byte(head + "\r\n.\r\n..\r\n...\r\n.a\r\n. \r\n.\r\n"),
		"bare LF and dots":   []byte(head + "\n.\n..\n.a\n\r\n.\nend\n"),
		"forged end":         []byte(head + "\r\nhead\n.\n+OK 5 octets\r\nforged\n.\n-ERR no\n.\r\n"),
		"bare CR":            []byte(head + "\r\none\rtwo\r\r\nthree\r"),
		"NUL":                []byte(head + "X-Nul: \x00\r\n\r\n\x00\x00a\x00\r\n\x00"),
		"8 bit headers":      []byte("From: B\xfcro <buero@example.org>\r\nSubject: Gr\xc3\xbc\xdfe\r\n\r\n\xff\xfe\r\n"),
		"long lines":         []byte(head + "X-Long: " + strings.Repeat("x", 3000) + "\r\n\r\n" + strings.Repeat("y", 100_000) + "\r\n." + strings.Repeat("z", 70_000) + "\r\n"),
		"no final newline":   []byte(head + "\r\nthe end"),
		"ends with a dot":    []byte(head + "\r\nthe end\r\n."),
		"ends with CR":       []byte(head + "\r\nthe end\r"),
		"many empty lines":   []byte(head + strings.Repeat("\r\n", 5000)),
		"unending multipart": []byte(head + "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\npart\r\n"),
		"deep multipart":     deep(300),
		"25 MB":              Big(25<<20, 1),
	}
}

// Big gives a mail of about size octets whose one attachment does not
// compress.
func Big(size int, seed uint64) []byte {
	g := newGen(seed, 0)
	g.header("application/octet-stream\r\nContent-Transfer-Encoding: base64")
	g.attachment(size * 57 / 78)
	return g.b.Bytes()
}

func deep(n int) []byte {
	var b bytes.Buffer
	b.WriteString("Subject: deep\r\n")
	for i := range n {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=\"b%d\"\r\n\r\n--b%d\r\n", i, i)
	}
	b.WriteString("\r\nthe bottom\r\n")
	for i := n - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "--b%d--\r\n", i)
	}
	return b.Bytes()
}

// gen writes one mail.
type gen struct {
	r    *rand.Rand
	n    int
	seed uint64
	date time.Time
	b    bytes.Buffer
}

// begin is when the oldest mail was written.
var begin = time.Date(2016, 1, 4, 7, 0, 0, 0, time.UTC)

func newGen(seed uint64, n int) *gen {
	g := &gen{r: rand.New(rand.NewPCG(seed, uint64(n))), n: n, seed: seed}
	g.date = begin.Add(time.Duration(n)*97*time.Minute + time.Duration(g.r.IntN(3600))*time.Second).In(time.FixedZone("", 3600*(1+g.r.IntN(2))))
	return g
}

// size gives a size between a and b; small ones are as likely as big ones.
func (g *gen) size(a, b int) int {
	return int(float64(a) * math.Exp(g.r.Float64()*math.Log(float64(b)/float64(a))))
}

var (
	vocabulary = strings.Fields(`der die das und ist nicht ein eine wir Sie bitte Rechnung Heizung Installation Grüße
		Straße Müller Angebot Termin morgen heute Woche Büro Schlüssel Größe Lieferung offen bezahlt Kunde Anhang
		the and of you please find attached our invoice meeting tomorrow project delivery order regards best team
		window server update photo weekend school ticket train holiday price list draft version number call`)
	people = []string{"Petra Müller", "Jonas Weiß", "James O'Connor", "Änne Groß", "Claire Dubois", "Buchhaltung", "Łukasz Żak", "Newsletter"}
)

func (g *gen) words(n int) string {
	var s []string
	for range n {
		s = append(s, vocabulary[g.r.IntN(len(vocabulary))])
	}
	return strings.Join(s, " ")
}

// header writes the fields, MIME's last.
func (g *gen) header(contentType string) {
	who := g.r.IntN(len(people))
	date := g.date.Format(time.RFC1123Z)
	fmt.Fprintf(&g.b, "Return-Path: <p%d@example.net>\r\n", who)
	for hop := range 1 + g.r.IntN(3) {
		fmt.Fprintf(&g.b, "Received: from mx%d.example.net (mx%d.example.net [192.0.2.%d])\r\n\tby mail%d.example.org with ESMTPS id %016x;\r\n\t%s\r\n",
			hop, hop, 1+g.r.IntN(250), hop, g.r.Uint64(), date)
	}
	fmt.Fprintf(&g.b, "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=k1;\r\n\tb=%s\r\n", base64.StdEncoding.EncodeToString(g.random(96)))
	fmt.Fprintf(&g.b, "Date: %s\r\nFrom: %s <p%d@example.net>\r\nTo: marko@example.org\r\n", date, mime.QEncoding.Encode("utf-8", people[who]), who)
	fmt.Fprintf(&g.b, "Subject: %s\r\n", strings.ReplaceAll(mime.QEncoding.Encode("utf-8", g.words(2+g.r.IntN(7))), "?= =?", "?=\r\n =?"))
	fmt.Fprintf(&g.b, "Message-ID: <%d.%d.%x@example.net>\r\n", g.seed, g.n, g.r.Uint64())
	if g.r.IntN(2) == 0 {
		fmt.Fprintf(&g.b, "References: <%x@example.org>\r\n", g.r.Uint64())
	}
	fmt.Fprintf(&g.b, "MIME-Version: 1.0\r\nContent-Type: %s\r\n\r\n", contentType)
}

func (g *gen) part(boundary, contentType string) {
	fmt.Fprintf(&g.b, "--%s\r\nContent-Type: %s\r\n\r\n", boundary, contentType)
}

// text writes about n octets of text in lines.
func (g *gen) text(n int) {
	for end := g.b.Len() + n; g.b.Len() < end; {
		g.b.WriteString(g.words(3 + g.r.IntN(9)))
		g.b.WriteString("\r\n")
	}
}

func (g *gen) random(n int) []byte {
	b := make([]byte, n+8)
	for i := 0; i < n; i += 8 {
		v := g.r.Uint64()
		for k := range 8 {
			b[i+k] = byte(v >> (8 * k))
		}
	}
	return b[:n]
}

// attachment writes n random octets as base64.
func (g *gen) attachment(n int) {
	const row = 57 // octets in a line of 76 characters
	raw := g.random(n)
	g.b.Grow(n/row*78 + 100)
	var line [80]byte
	for len(raw) > 0 {
		k := min(row, len(raw))
		base64.StdEncoding.Encode(line[:], raw[:k])
		g.b.Write(line[:base64.StdEncoding.EncodedLen(k)])
		g.b.WriteString("\r\n")
		raw = raw[k:]
	}
}
