package exchange

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
)

// readAll reads an mbox file's mails: bytes, flags, date.
func readAll(t testing.TB, text string) (bodies []string, infos []string) {
	t.Helper()
	f := bytes.NewReader([]byte(text))
	err := scanMbox(context.Background(), f, int64(len(text)), func(m mboxMail) error {
		b, err := io.ReadAll(m.body(f))
		bodies = append(bodies, string(b))
		info := fmt.Sprint(m.marks.flags)
		if !m.date.IsZero() {
			info += m.date.UTC().Format(" 2006-01-02T15:04:05")
		}
		if m.marks.gone {
			info += " gone"
		}
		infos = append(infos, info)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bodies, infos
}

const from1 = "From alice@example.org Fri Mar  1 14:23:00 2024\n"

func TestMbox(t *testing.T) {
	cases := []struct {
		name, text string
		want       []string
		infos      []string // nil: not looked at
	}{
		{"two", from1 + "A: 1\n\none\n\nFrom bob Sat Mar  2 03:04:05 2024\nA: 2\n\ntwo\n\n",
			[]string{"A: 1\n\none\n", "A: 2\n\ntwo\n"}, []string{"[] 2024-03-01T14:23:00", "[] 2024-03-02T03:04:05"}},
		{"CRLF", strings.ReplaceAll(from1+"A: 1\n\none\n\n"+from1+"A: 2\n\n>From two\n\n", "\n", "\r\n"),
			[]string{"A: 1\r\n\r\none\r\n", "A: 2\r\n\r\nFrom two\r\n"}, nil},
		{"no end of the last line", from1 + "A: 1\n\none\n\n" + from1 + "A: 2\n\ntwo", []string{"A: 1\n\none\n", "A: 2\n\ntwo"}, nil},
		{"no empty line at the end", from1 + "A: 1\n\none\n", []string{"A: 1\n\none\n"}, nil},
		{"cut off in a header", from1 + "A: 1\n\none\n\n" + from1 + "A: 2\nB", []string{"A: 1\n\none\n", "A: 2\nB"}, nil},
		{"cut off in a From_ line", from1 + "A: 1\n\none\n\nFrom al", []string{"A: 1\n\none\n\nFrom al"}, nil},
		{"nothing", "", nil, nil},
		{"empty lines before", "\n\n" + from1 + "A: 1\n\none\n\n", []string{"A: 1\n\none\n"}, nil},
		{"mboxrd", from1 + "A: 1\n\n>From me\n>>From you\n> From them\n>Fromage\n\n",
			[]string{"A: 1\n\nFrom me\n>From you\n> From them\n>Fromage\n"}, nil},
		{"From in a text, not quoted", from1 + "A: 1\n\nFrom here on it rains.\n\nFrom 12:30 on 3 May 2019 it rained\nand how.\n\n",
			[]string{"A: 1\n\nFrom here on it rains.\n\nFrom 12:30 on 3 May 2019 it rained\nand how.\n"}, nil},
		{"a From_ line in a text, not quoted, without an empty line before it", from1 + "A: 1\n\nlook:\n" + from1 + "and so on\n\n",
			[]string{"A: 1\n\nlook:\n" + from1 + "and so on\n"}, nil},
		{"no empty line between", from1 + "A: 1\n\none\n" + from1 + "A: 2\n\ntwo\n", []string{"A: 1\n\none\n", "A: 2\n\ntwo\n"}, nil},
		{"empty body", from1 + "A: 1\n\n\n" + from1 + "A: 2\n\n\n", []string{"A: 1\n\n", "A: 2\n\n"}, nil},
		{"no header", from1 + "\none\n\n" + from1 + "\ntwo\n\n", []string{"\none\n", "\ntwo\n"}, nil},
		{"Content-Length counts", from1 + "Content-Length: " + fmt.Sprint(len(from1)+9) + "\n\nx\n\n" + from1 + "A: b\n\n\n" + from1 + "A: 2\n\ntwo\n\n",
			[]string{"Content-Length: " + fmt.Sprint(len(from1)+9) + "\n\nx\n\n" + from1 + "A: b\n\n", "A: 2\n\ntwo\n"}, nil},
		{"a sender's Content-Length in our own", from1 + "Status: O\nX-Status: \nX-Keywords: \nContent-Length: 12\n\n>From me\nab\n\n", []string{"Content-Length: 12\n\nFrom me\nab\n"}, nil},
		{"Content-Length one too small", from1 + "Content-Length: 11\n\n>From me\nab\n\n", []string{"Content-Length: 11\n\nFrom me\nab\n"}, nil},
		{"Content-Length of another program", from1 + "Content-Length: 12\n\n>From me\nab\n\n", []string{"Content-Length: 12\n\n>From me\nab\n"}, nil},
		{"Content-Length counts nothing", from1 + "Content-Length: 7\n\none\n\n" + from1 + "Content-Length: 999999999999\n\ntwo\n\n",
			[]string{"Content-Length: 7\n\none\n", "Content-Length: 999999999999\n\ntwo\n"}, nil},
		{"a sender's Content-Length that would swallow the next mail", from1 + "A: 1\n\none\n\n" + from1 + "Content-Length: " + fmt.Sprint(2+len(from1)+10) + "\n\nx\n\n" + from1 + "A: 3\n\ny\n\n",
			[]string{"A: 1\n\none\n", "Content-Length: " + fmt.Sprint(2+len(from1)+10) + "\n\nx\n", "A: 3\n\ny\n"}, nil},
		{"Thunderbird", "From - Fri Mar 01 14:23:00 2024\nX-Account-Key: account2\nX-UIDL: 17\nX-Mozilla-Status: 1007\nX-Mozilla-Status2: 00000000\n" +
			"X-Mozilla-Keys: $label1 urgent                        \nReceived: x\n\none\n\n" +
			"From - Fri Mar 01 14:23:00 2024\nX-Mozilla-Status: 0009\nA: 2\n\ntwo\n\nFrom \nA: 3\n\nthree\n\nFrom -\nA: 4\n\nfour\n\n",
			[]string{"Received: x\n\none\n", "A: 2\n\ntwo\n", "A: 3\n\nthree\n", "A: 4\n\nfour\n"},
			[]string{`[$label1 urgent \Answered \Flagged \Seen $Forwarded]`, `[\Seen] gone`, "[]", "[]"}},
		{"mutt", from1 + "A: 1\nStatus: RO\nX-Status: AF\nX-Keywords: red\n\none\n\n" + from1 + "A: 2\nX-Status: F\nX-Mozilla-Status: 0009\n\ntwo\n\n",
			[]string{"A: 1\nStatus: RO\nX-Status: AF\nX-Keywords: red\n\none\n", "A: 2\nX-Status: F\nX-Mozilla-Status: 0009\n\ntwo\n"},
			[]string{`[\Answered \Flagged \Seen red] 2024-03-01T14:23:00`, "[] 2024-03-01T14:23:00"}},
		{"our own", from1 + "Status: RO\nX-Status: \nX-Keywords: \nX-UIDL: theirs\n\none\n\n" +
			from1 + "Status: O\nX-Status: F\nX-Keywords: a\nX-Heimpost-No-Line-End: yes\nB\n\n" + from1 + "Status: O\nX-Status: \nX-Keywords: \nX-Heimpost-No-Line-End: yes\n\n\n",
			[]string{"X-UIDL: theirs\n\none\n", "B", ""},
			[]string{`[\Seen] 2024-03-01T14:23:00`, `[\Flagged a] 2024-03-01T14:23:00`, "[] 2024-03-01T14:23:00"}},
		{"Gmail's own export", "From 1792@xxx Fri Mar 01 14:23:00 +0000 2024\nX-GM-THRID: 1\n\none\n\n", []string{"X-GM-THRID: 1\n\none\n"}, []string{"[] 2024-03-01T14:23:00"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bodies, infos := readAll(t, c.text)
			if fmt.Sprintf("%q", bodies) != fmt.Sprintf("%q", c.want) {
				t.Errorf("got  %q\nwant %q", bodies, c.want)
			}
			for i := range infos {
				infos[i] = sortFlags(infos[i])
			}
			for i := range c.infos {
				c.infos[i] = sortFlags(c.infos[i])
			}
			if c.infos != nil && fmt.Sprint(infos) != fmt.Sprint(c.infos) {
				t.Errorf("got  %q\nwant %q", infos, c.infos)
			}
		})
	}
}

// sortFlags orders the flags within brackets.
func sortFlags(s string) string {
	inner, rest, _ := strings.Cut(strings.TrimPrefix(s, "["), "]")
	words := strings.Fields(inner)
	for i := range words {
		for j := range i {
			if words[i] < words[j] {
				words[i], words[j] = words[j], words[i]
			}
		}
	}
	return strings.Join(words, " ") + rest
}

// A line longer than any buffer, as the first of a header and in a body.
func TestMboxLongLines(t *testing.T) {
	long := strings.Repeat("x", 3*mboxBuffer+17)
	first, second := "A: "+long+"\n\n>"+long+"\n", "B: 2\n\n"+long
	bodies, _ := readAll(t, from1+first+"\n"+from1+second+"\n\n")
	if len(bodies) != 2 || bodies[0] != first || bodies[1] != second+"\n" {
		t.Errorf("%d mails", len(bodies))
	}
}

// FuzzMbox reads anything: mails are pieces of the file in order, and the
// reader comes to an end.
func FuzzMbox(f *testing.F) {
	for _, text := range []string{"", from1 + "A: 1\n\none\n\n" + from1 + "Content-Length: 4\n\ntwo\n\n", "From \r\nX-Mozilla-Status: 0009\r\n\r\n\r\n",
		from1 + "Status: O\nX-Status: F\nX-Keywords: a\nX-Heimpost-No-Line-End: yes\n\n", from1 + ">From x\n>>From", "From - \n\nFrom -\n\n\n\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := bytes.NewReader(text)
		at := int64(0)
		err := scanMbox(context.Background(), r, int64(len(text)), func(m mboxMail) error {
			if m.start < at || m.end < m.start || m.end > int64(len(text)) {
				t.Fatalf("a mail from %d to %d after %d of %d", m.start, m.end, at, len(text))
			}
			at = m.end
			b, err := io.ReadAll(m.body(r))
			if int64(len(b)) > m.end-m.start {
				t.Fatalf("%d octets of %d", len(b), m.end-m.start)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
