package store

import (
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// benchMails is how many mails BenchmarkSearch looks through.
const benchMails = 20_000

// prose makes text of words as frequent as words are in a language: few are
// everywhere, most are rare.
type prose struct {
	r     *rand.Rand
	zipf  *rand.Zipf
	words []string
}

func newProse() *prose {
	r := rand.New(rand.NewPCG(1, 2))
	p := &prose{r: r, zipf: rand.NewZipf(r, 1.1, 2, 49_999)}
	syllables := strings.Fields("be ge ver ent ung heit lich keit ein an ab zu vor nach stra ßen hei zung rech nung mit ter gar ten haus tür grü ße schön en er es ist und der die das auf trag ge ber pro jekt ka bel lei tung wär me pum pe fens ter")
	for range 50_000 {
		w := ""
		for range 1 + r.IntN(4) {
			w += syllables[r.IntN(len(syllables))]
		}
		p.words = append(p.words, w)
	}
	return p
}

func (p *prose) text(octets int) string {
	var s strings.Builder
	for line := 0; s.Len() < octets; {
		w := p.words[p.zipf.Uint64()]
		s.WriteString(w)
		if line += len(w) + 1; line > 70 {
			s.WriteString("\r\n")
			line = 0
		} else {
			s.WriteByte(' ')
		}
	}
	return s.String()
}

// mail makes one of a usual mixture: most are plain text, some have HTML
// beside it, some an attachment.
func (p *prose) mail(n int) string {
	head := fmt.Sprintf("From: Sender %d <sender%d@example.org>\r\nTo: Marko <marko@example.org>\r\nSubject: %sMessage-ID: <%d@example.org>\r\nMIME-Version: 1.0\r\n",
		n%97, n%97, p.text(30)+"\r\n", n)
	head = strings.ReplaceAll(head, " \r\n", "\r\n")
	head = strings.ReplaceAll(head, "\r\n\r\n", "\r\n")
	plain := "Content-Type: text/plain; charset=utf-8\r\n\r\n" + p.text(1000+p.r.IntN(5000)) + "\r\n"
	switch k := p.r.IntN(100); {
	case k < 60:
		return head + plain
	case k < 85:
		html := "<html><body><p>" + strings.ReplaceAll(p.text(2000+p.r.IntN(10_000)), "\r\n", "</p>\r\n<p style=\"margin:0\">") + "</p></body></html>"
		return head + "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n" + plain +
			"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html + "\r\n--b--\r\n"
	default:
		attached := make([]byte, 10_000+p.r.IntN(100_000))
		for i := range attached {
			attached[i] = byte(p.r.Uint32())
		}
		return head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + plain +
			"--b\r\nContent-Type: application/pdf; name=\"Rechnung " + fmt.Sprint(n) + ".pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
			base64.StdEncoding.EncodeToString(attached) + "\r\n--b--\r\n"
	}
}

// BenchmarkSearch makes a box, indexes it and searches it, before and after.
func BenchmarkSearch(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "box")
	if err := CreateBox(dir, NewID(), Options{}); err != nil {
		b.Fatal(err)
	}
	box, err := OpenBox(ctx, dir, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer box.Close()
	v := box.View(ViewOptions{})
	p := newProse()
	text := int64(0)
	for n := 0; n < benchMails; {
		var mails []*Incoming
		for range 64 {
			in, err := v.NewIncoming()
			if err != nil {
				b.Fatal(err)
			}
			if _, err = io.WriteString(in, p.mail(n)); err == nil {
				_, err = in.Finish()
			}
			if err != nil {
				b.Fatal(err)
			}
			mails = append(mails, in)
			n++
		}
		if _, err := v.Append(ctx, "INBOX", mails); err != nil {
			b.Fatal(err)
		}
	}
	m := open(b, v, "INBOX")
	entries := allEntries(m)
	queries := []struct {
		name string
		q    TextQuery
	}{
		{"rare", TextQuery{"Rechnung 1234", true, true}},
		{"common", TextQuery{"heizung", true, true}},
		{"two words", TextQuery{p.words[100] + " " + p.words[7], true, true}},
		{"subject only", TextQuery{"heizung", true, false}},
		{"none", TextQuery{"Quittungsbuch", true, true}},
		{"three letters", TextQuery{"tür", true, true}},
		{"two letters", TextQuery{"tü", true, true}},
	}
	search := func(b *testing.B, q TextQuery) {
		hits := 0
		for b.Loop() {
			got, err := m.SearchText(ctx, entries, q)
			if err != nil {
				b.Fatal(err)
			}
			hits = 0
			for _, r := range got {
				hits += int(r.Stop - r.Start + 1)
			}
		}
		b.ReportMetric(float64(hits), "hits")
	}
	start := time.Now()
	settle(b, box)
	took := time.Since(start)
	if err := box.search.db.read.QueryRow("SELECT sum(length(header)+length(body)) FROM text").Scan(&text); err != nil {
		b.Fatal(err)
	}
	size := int64(0)
	for _, f := range []string{searchFile, searchFile + "-wal"} {
		if i, err := os.Stat(filepath.Join(dir, f)); err == nil {
			size += i.Size()
		}
	}
	b.Run("build", func(b *testing.B) {
		for b.Loop() {
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(took.Seconds(), "s")
		b.ReportMetric(float64(size)/1e6, "MB")
		b.ReportMetric(float64(text)/1e6, "MB-text")
	})
	for _, q := range queries {
		b.Run(q.name, func(b *testing.B) { search(b, q.q) })
	}
	b.Run("files read", func(b *testing.B) {
		for b.Loop() {
			err := m.Mails(ctx, entries, FieldParts, func(e Entry, mail *Mail) error {
				_, err := m.fileHolds(ctx, mail, TextQuery{"", true, true}, "heizung")
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
