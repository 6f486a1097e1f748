// Package sample is the mail of heimpost demo: some thirty mails as a family
// with a small business gets them, in German and English, made anew relative
// to the present so that they look fresh in a mail client.
package sample

import (
	"fmt"
	"slices"
	"time"
)

// Mails gives the sample mails, oldest first.
func Mails(now time.Time) [][]byte {
	w := &writer{now: now}
	for _, part := range [][]letter{family(w), thread(), business(w), letters(), odd()} {
		w.letters = append(w.letters, part...)
	}
	slices.SortStableFunc(w.letters, func(a, b letter) int { return w.date(a).Compare(w.date(b)) })
	out := make([][]byte, 0, len(w.letters)+1)
	for n, l := range w.letters {
		out = append(out, w.mail(l, n))
	}
	return append(out, malformed(w))
}

// Live gives the n-th of the mails that arrive while the demo runs.
func Live(now time.Time, n int) []byte {
	w := &writer{now: now}
	l := live[n%len(live)]
	l.id = fmt.Sprintf("live-%d-%d", now.UnixNano(), n)
	return w.mail(l, n)
}

// letter is a mail before it is put into MIME's clothes.
type letter struct {
	days    int    // ago
	at      string // time of day, "15:04"; "": now
	from    string // name <address>
	to      string // "": the demo's person
	cc      string
	subject string
	id, re  string // Message-ID and what it answers, without the domain
	refs    []string
	text    string // lines are kept short by hand
	html    string // an alternative to text
	inline  *file  // shown in html as cid:image
	files   []file // attached
	invite  string // text/calendar
	forward []byte // message/rfc822
	coding  coding
	extra   string // header lines
}

// coding is how the text travels: several are in use in the world, so the
// samples have them all.
type coding int

const (
	utf8QP     coding = iota // UTF-8, quoted-printable
	utf8Base64               // UTF-8, base64
	utf8Bare                 // UTF-8, 8bit
	latin1                   // ISO-8859-1, quoted-printable
	flowed                   // UTF-8, format=flowed (RFC 3676)
)

// file is an attachment.
type file struct {
	name, kind string
	body       []byte
}
