package message

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// corpus gives the mails of testdata by name, in order.
func corpus(t testing.TB) (names []string, mails map[string][]byte) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.eml")
	if err != nil || len(files) == 0 {
		t.Fatal("no mails in testdata", err)
	}
	mails = map[string][]byte{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(f), ".eml")
		names, mails[name] = append(names, name), b
	}
	slices.Sort(names)
	return names, mails
}

func scanBytes(b []byte) *Message {
	var s Scanner
	s.Write(b)
	return s.Finish()
}

// TestGolden compares all that is said of each mail of the corpus with what
// was read and found right before: go test -run Golden -update writes it anew.
func TestGolden(t *testing.T) {
	names, mails := corpus(t)
	for _, name := range names {
		mail := mails[name]
		got := describeMail(t, mail)
		file := filepath.Join("testdata", name+".golden")
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

func describeMail(t *testing.T, mail []byte) []byte {
	m := scanBytes(mail)
	var b bytes.Buffer
	fmt.Fprintf(&b, "ENVELOPE %s\n", m.Envelope)
	fmt.Fprintf(&b, "BODYSTRUCTURE %s\n", m.BodyStructure)
	fmt.Fprintf(&b, "BODY %s\n", Body(m.BodyStructure))
	fmt.Fprintf(&b, "size %d, header %d complete %v\n", m.Size, len(m.Header), m.HeaderComplete)
	fmt.Fprintf(&b, "subject %q\nfrom %q\nid %q, in reply to %q, references %q\n", m.Subject, m.From, m.MessageID, m.InReplyTo, m.References)
	fmt.Fprintf(&b, "date %s\n", showTime(m.Date))
	for _, r := range m.Received {
		fmt.Fprintf(&b, "received %s\n", showTime(r))
	}
	var tree func(p *Part, number string)
	tree = func(p *Part, number string) {
		fmt.Fprintf(&b, "%s: %d-%d-%d %d lines %s/%s %s", number, p.Header, p.Body, p.End, p.Lines, p.Type, p.Subtype, p.Encoding)
		if p.Charset != "" {
			fmt.Fprintf(&b, " charset %q", p.Charset)
		}
		if p.FileName != "" {
			fmt.Fprintf(&b, " file %q", p.FileName)
		}
		if p.Attachment {
			b.WriteString(" attachment")
		}
		b.WriteByte('\n')
		for i, kid := range p.Children {
			tree(kid, fmt.Sprintf("  %s.%d", number, i+1))
		}
	}
	tree(m.Root, "part")
	fmt.Fprintf(&b, "text\n%s\n", textOf(t, string(mail), Text{Body: true}))
	return b.Bytes()
}

func showTime(t time.Time) string {
	if t.IsZero() {
		return "none"
	}
	return t.Format(time.RFC3339)
}
