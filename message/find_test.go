package message

import (
	"strings"
	"testing"
)

func scan(mail string) *Message {
	var s Scanner
	s.Write([]byte(mail))
	return s.Finish()
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// TestFind walks RFC 3501 §6.4.5's own example and the cases beside it.
func TestFind(t *testing.T) {
	inner := "Subject: inner\nContent-Type: multipart/mixed; boundary=i\n\n--i\nContent-Type: text/plain\n\nfour-two-one\n--i\n" +
		"Content-Type: multipart/alternative; boundary=a\n\n--a\n\nplain\n--a\nContent-Type: text/richtext\n\nrich\n--a--\n--i--\n"
	mail := crlf("Subject: outer\nContent-Type: multipart/mixed; boundary=o\n\n" +
		"--o\n\none\n" +
		"--o\nContent-Type: message/rfc822\n\nSubject: simple\n\nsimple text\n" +
		"--o\nContent-Type: message/rfc822\n\n" + inner +
		"--o\nContent-Type: message/rfc822\n\nSubject: deep\nContent-Type: message/rfc822\n\nSubject: deeper\n\ndeepest\n" +
		"--o--\n")
	single := crlf("Subject: s\n\nthe body\n")
	forwarded := crlf("Subject: root\nContent-Type: message/rfc822\n\nSubject: e\n\ntext\n")
	forwardedMulti := crlf("Subject: root\nContent-Type: message/rfc822\n\n" + inner)
	for _, c := range []struct {
		mail    string
		numbers []int
		body    string // "-": there is no such part
	}{
		{single, nil, "the body\n"},
		{single, []int{1}, "the body\n"},
		{single, []int{2}, "-"},
		{single, []int{0}, "-"},
		{single, []int{1, 1}, "-"},
		{mail, []int{1}, "one"},
		{mail, []int{1, 1}, "-"},
		{mail, []int{5}, "-"},
		{mail, []int{2}, "Subject: simple\n\nsimple text"},
		{mail, []int{2, 1}, "simple text"},
		{mail, []int{2, 2}, "-"},
		{mail, []int{2, 1, 1}, "-"},
		{mail, []int{3, 1}, "four-two-one"},
		{mail, []int{3, 2, 1}, "plain"},
		{mail, []int{3, 2, 2}, "rich"},
		{mail, []int{3, 2, 3}, "-"},
		{mail, []int{4, 1}, "Subject: deeper\n\ndeepest"},
		{mail, []int{4, 1, 1}, "deepest"},
		{mail, []int{4, 1, 1, 1}, "-"},
		{forwarded, []int{1}, "Subject: e\n\ntext\n"},
		{forwarded, []int{1, 1}, "text\n"},
		{forwarded, []int{2}, "-"},
		{forwardedMulti, []int{1, 1}, "four-two-one"},
		{forwardedMulti, []int{1, 2, 2}, "rich"},
		{forwardedMulti, []int{1, 3}, "-"},
	} {
		got := "-"
		if p := scan(c.mail).Root.Find(c.numbers); p != nil {
			got = c.mail[p.Body:p.End]
		}
		if got != crlf(c.body) {
			t.Errorf("%v: got %q, want %q", c.numbers, got, c.body)
		}
	}
	p := scan(mail).Root.Find([]int{3})
	if !p.IsMessage() || mail[p.Children[0].Header:p.Children[0].Body] != crlf("Subject: inner\nContent-Type: multipart/mixed; boundary=i\n\n") {
		t.Error("3.HEADER is not the embedded mail's header")
	}
	if mail[p.Header:p.Body] != crlf("Content-Type: message/rfc822\n\n") {
		t.Error("3.MIME is not the part's header")
	}
}
