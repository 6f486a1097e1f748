package message

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// checkTree checks what holds for every mail, however broken.
func checkTree(t testing.TB, mail []byte, m *Message) {
	t.Helper()
	if m.Size != int64(len(mail)) || m.Root.Header != 0 || m.Root.End != m.Size {
		t.Fatalf("the root is %+v of %d, the mail has %d octets", *m.Root, m.Size, len(mail))
	}
	var walk func(p *Part)
	walk = func(p *Part) {
		if p.Header > p.Body || p.Body > p.End || p.End > int64(len(mail)) || p.Header < 0 {
			t.Fatalf("offsets of %+v", *p)
		}
		if n := bytes.Count(mail[p.Body:p.End], newline); int64(n) != p.Lines {
			t.Fatalf("%d lines in %+v", n, *p)
		}
		if p.Type == "" || p.Subtype == "" || p.Encoding == "" {
			t.Fatalf("nothing said in %+v", *p)
		}
		if (p.Type == "multipart") != p.IsMultipart() {
			t.Fatalf("a multipart without parts: %+v", *p)
		}
		if mail := p.Type == "message" && (p.Subtype == "rfc822" || p.Subtype == "global"); mail != p.IsMessage() {
			t.Fatalf("a message without mail: %+v", *p)
		}
		if p.IsMessage() && (p.Children[0].Header != p.Body || p.Children[0].End != p.End) {
			t.Fatalf("embedded: %+v in %+v", *p.Children[0], *p)
		}
		from := p.Body
		for _, kid := range p.Children {
			if kid.Header < from || kid.End > p.End {
				t.Fatalf("child %+v of %+v, after %d", *kid, *p, from)
			}
			if gap := bytes.TrimRight(mail[from:kid.Header], "\r\n"); p.IsMultipart() && kid.Header > from {
				line := gap[bytes.LastIndexByte(gap, '\n')+1:]
				if !bytes.HasPrefix(line, []byte("--")) {
					t.Fatalf("child %+v begins after %q", *kid, gap)
				}
			}
			walk(kid)
			from = kid.End
		}
	}
	walk(m.Root)
	if m.HeaderComplete && len(m.Header) > int(m.Root.Body)+2 {
		t.Fatalf("%d octets of fields in a header of %d", len(m.Header), m.Root.Body)
	}

	b := m.AppendParts([]byte("before"))
	got, err := DecodeParts(b[len("before"):])
	if err != nil || !reflect.DeepEqual(got, m.Root) {
		t.Fatalf("the compact form gives %+v, %v, want %+v", got, err, *m.Root)
	}
	checkWire(t, m)
}

func TestCorpusInvariants(t *testing.T) {
	names, mails := corpus(t)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			mail := mails[name]
			whole := scanBytes(mail)
			checkTree(t, mail, whole)
			for _, size := range []int{1, 2, 3, 7, 64, 1000} {
				if got := scanSplit(mail, func() int { return size }); !reflect.DeepEqual(got, whole) {
					t.Fatalf("in pieces of %d: %+v, at once: %+v", size, *got, *whole)
				}
			}
		})
	}
}

func scanSplit(mail []byte, size func() int) *Message {
	var s Scanner
	for len(mail) > 0 {
		n := min(size(), len(mail))
		s.Write(bytes.Clone(mail[:n])) // what was written is not the Scanner's
		mail = mail[n:]
	}
	return s.Finish()
}

// lines of which broken mails are made.
var lines = []string{
	"", "", "", "text", "text", ".", "-", "--", "---", "--a", "--a", "--a--", "--ab", "--ab--", "--b", "--b ", "--b--x", "--bc", " --a",
	"Content-Type: multipart/mixed; boundary=a", "Content-Type: multipart/digest; boundary=ab", "Content-Type: multipart/x; boundary=\"b\"",
	"Content-Type: message/rfc822", "Content-Type: message/global", "Content-Type: multipart/mixed", "Content-Type: text/html; charset=\"\xfc\"",
	"Content-Type: multipart/mixed; boundary=a", "Content-Type: message/rfc822",
	"Content-Transfer-Encoding: base64", "Subject: s", " folded", "\tboundary=a", "From: a <b@c>, d:e;", "Date: 1 Jan 2020 10:00", "no field", "\x00\xff", ":", "x:",
}

func drawMail(t *rapid.T) []byte {
	var b []byte
	for range rapid.IntRange(0, 40).Draw(t, "lines") {
		b = append(b, rapid.SampledFrom(lines).Draw(t, "line")...)
		b = append(b, rapid.SampledFrom([]string{"\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r\r\n", "\r", ""}).Draw(t, "end")...)
	}
	return b
}

// TestScanAnything: any lines, in any pieces.
func TestScanAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mail := drawMail(rt)
		whole := scanBytes(mail)
		checkTree(t, mail, whole)
		seed := rapid.Uint64().Draw(rt, "seed")
		random := rand.New(rand.NewPCG(seed, 1))
		got := scanSplit(mail, func() int { return 1 + random.IntN(12) })
		if !reflect.DeepEqual(got, whole) {
			rt.Fatalf("in pieces %+v, at once %+v", *got, *whole)
		}
	})
}

// TestDepth: beyond the bound a part is a leaf, and what is inside still ends
// where it should.
func TestDepth(t *testing.T) {
	nested := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
		}
		b.WriteString("\r\ninnermost\r\n")
		for i := n - 1; i >= 0; i-- {
			fmt.Fprintf(&b, "--b%d--\r\n", i)
		}
		return b.String()
	}
	depth := func(m *Message) (n int, leaf *Part) {
		for leaf = m.Root; len(leaf.Children) > 0; n++ {
			leaf = leaf.Children[0]
		}
		return n, leaf
	}
	for _, n := range []int{1, 50, maxDepth} {
		mail := nested(n)
		m := scan(mail)
		checkTree(t, []byte(mail), m)
		if d, leaf := depth(m); d != n || mail[leaf.Body:leaf.End] != "innermost" {
			t.Errorf("%d deep: found %d, %+v", n, d, *leaf)
		}
	}
	for _, mail := range []string{nested(maxDepth + 1), nested(500), strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 3000) + "end"} {
		m := scan(mail)
		checkTree(t, []byte(mail), m)
		if d, leaf := depth(m); d != maxDepth || leaf.Type != "application" {
			t.Errorf("found %d deep, %+v", d, *leaf)
		}
	}
}

func TestManyParts(t *testing.T) {
	var b strings.Builder
	b.WriteString("Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n")
	for i := range 2 * maxParts {
		fmt.Fprintf(&b, "--i\r\nContent-Type: text/x; name=part%d\r\n\r\n%d\r\n", i, i)
	}
	b.WriteString("--i--\r\n--o--\r\nepilogue")
	mail := b.String()
	m := scan(mail)
	checkTree(t, []byte(mail), m)
	inner := m.Root.Children[0]
	if n := len(inner.Children); n != maxParts-2 {
		t.Errorf("%d parts", n)
	}
	if end := strings.LastIndex(mail, "\r\n--o--"); inner.End != int64(end) {
		t.Errorf("the inner multipart ends at %d, not %d", inner.End, end)
	}
	if p := inner.Children[4000]; mail[p.Body:p.End] != "4000" {
		t.Errorf("part 4000 is %q", mail[p.Body:p.End])
	}
}

// TestBigHeaders: of a big header those fields are kept that clients want; of
// a monstrous one none, rather than some.
func TestBigHeaders(t *testing.T) {
	received := strings.Repeat("Received: from a by b; Tue, 14 Oct 2025 09:12:33 +0200\r\n", 600)
	head := "subject: one\r\n" + received + "TO: a@example.org\r\nX-Last: x\r\n"
	m := scan(head + "\r\nbody")
	if m.HeaderComplete || string(m.Header) != "subject: one\r\nTO: a@example.org\r\n" {
		t.Errorf("complete %v: %q", m.HeaderComplete, m.Header)
	}
	if len(m.Received) != maxReceived {
		t.Errorf("%d dates", len(m.Received))
	}
	if m := scan("A: b\r\n" + strings.Repeat("x", 3) + "\r\nSubject: s"); string(m.Header) != "A: b\r\nSubject: s\r\n" || !m.HeaderComplete {
		t.Errorf("modest: %q", m.Header)
	}
	for _, monster := range []string{
		"Subject: one\r\nTo: " + strings.Repeat("someone@example.org, ", 10000) + "last@example.org\r\n",
		"Subject: one\r\n" + strings.Repeat("Cc: "+strings.Repeat("someone@example.org, ", 40)+"x@example.org\r\n", 100),
		"Subject: one\r\nX: " + strings.Repeat(strings.Repeat("y", 100)+"\r\n ", 20000) + "\r\nTo: a@example.org\r\n",
	} {
		m := scan(monster + "\r\nbody")
		if m.HeaderComplete || len(m.Header) > 0 {
			t.Errorf("%.40q: complete %v, %d octets", monster, m.HeaderComplete, len(m.Header))
		}
		if m.Subject != "one" || m.Root.Body != int64(len(monster)+2) {
			t.Errorf("%.40q: subject %q, body at %d", monster, m.Subject, m.Root.Body)
		}
		checkTree(t, []byte(monster+"\r\nbody"), m)
	}
	// Half an address is none.
	m = scan("To: " + strings.Repeat("someone@example.org, ", 10000) + "last@example.org\r\n\r\n")
	if n := bytes.Count(m.Envelope, []byte(`(NIL NIL "someone" "example.org")`)); n != maxAddresses || bytes.Contains(m.Envelope, []byte("MISSING")) {
		t.Errorf("%d addresses in %.100s", n, m.Envelope)
	}
}

// TestMemory: what a Scanner holds does not grow with the mail.
func TestMemory(t *testing.T) {
	base64 := bytes.Repeat([]byte("JVBERi0xLjQKJeLjz9MKMyAwIG9iago8PC9MZW5ndGggNCAwIFIvRmlsdGVyL0ZsYXRlRGVjb2Rl\r\n"), 800)
	unfolded := bytes.Repeat([]byte("x"), 64<<10)
	for name, c := range map[string]struct {
		head string
		body []byte
	}{
		"attachment":    {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\n", base64},
		"one line":      {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--", unfolded},
		"in the header": {"Subject: ", unfolded},
		"fields":        {"Subject: x\r\n", bytes.Repeat([]byte("Received: x; Tue, 14 Oct 2025 09:12:33 +0200\r\n"), 1000)},
		"parts":         {"Content-Type: multipart/mixed; boundary=b\r\n\r\n", bytes.Repeat([]byte("--b\r\nContent-Type: text/plain; name=abcdefghijk\r\n\r\n"), 1000)},
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var s Scanner
		s.Write([]byte(c.head))
		for range 500 {
			s.Write(c.body)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		s.Finish()
		most := int64(512 << 10)
		if name == "parts" {
			most = 8 << 20 // ten thousand of them
		}
		if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > most {
			t.Errorf("%s: %d KiB held", name, held>>10)
		}
	}
}
