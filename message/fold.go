package message

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold gives text in the form in which it is compared: NFC, without case, ß as
// ss, white space (line ends too) as single blanks, without what cannot be
// seen (soft hyphens, joiners). What a German types finds what a German wrote:
// Fold("GRÜSSE") == Fold("Grüße").
func Fold(s string) string {
	f := folder{out: make([]byte, 0, len(s))}
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf && (i+1 == len(s) || s[i+1] < utf8.RuneSelf) {
			f.ascii(c)
			i++
			continue
		}
		// A run ends before a character of the simple ones: those stand for
		// themselves unless a mark follows.
		r, n := utf8.DecodeRuneInString(s[i:])
		j := i + n
		for j < len(s) {
			next, n := utf8.DecodeRuneInString(s[j:])
			if simple(next) {
				break
			}
			j += n
		}
		if simple(r) && j == i+n {
			f.add(simpleFolds()[r])
		} else {
			f.add(foldRun(s[i:j]))
		}
		i = j
	}
	return string(f.out)
}

// simple: what joins no character before it. Such are all below the combining
// marks, and the signs from the dashes to the currencies; there are more, but
// these make up nearly all that is written in Latin letters.
func simple(r rune) bool {
	return (r < 0x300 || 0x2010 <= r && r < simpleEnd) && !unseen(r)
}

const simpleEnd = 0x20d0

var simpleFolds = sync.OnceValue(func() []string {
	table := make([]string, simpleEnd)
	for r := range rune(simpleEnd) {
		if simple(r) {
			table[r] = foldRun(string(r))
		}
	}
	return table
})

// foldRun is Unicode's canonical caseless form (3.13, D145), composed, of what
// can be seen.
func foldRun(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unseen(r):
			return -1
		case 0xab70 <= r && r <= 0xabbf: // Cherokee: x/text swaps its cases
			return r - 0xab70 + 0x13a0
		case 0x13f8 <= r && r <= 0x13fd:
			return r - 8
		}
		return r
	}, s)
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(s)))
}

// unseen: soft hyphen, joiners, marks of direction, variation selectors.
func unseen(r rune) bool {
	switch {
	case r < 0xad:
		return false
	case r == 0xad, r == 0x34f, r == 0x61c, r == 0x180e, r == 0xfeff,
		0x200b <= r && r <= 0x200f, 0x202a <= r && r <= 0x202e,
		0x2060 <= r && r <= 0x206f, 0xfe00 <= r && r <= 0xfe0f:
		return true
	}
	return false
}

type folder struct {
	out   []byte
	blank bool // the last of out
}

func (f *folder) ascii(c byte) {
	switch {
	case c == ' ' || '\t' <= c && c <= '\r':
		f.space()
		return
	case 'A' <= c && c <= 'Z':
		c += 'a' - 'A'
	}
	f.out, f.blank = append(f.out, c), false
}

func (f *folder) add(s string) {
	for _, r := range s {
		if unicode.IsSpace(r) {
			f.space()
		} else {
			f.out, f.blank = utf8.AppendRune(f.out, r), false
		}
	}
}

func (f *folder) space() {
	if !f.blank {
		f.out, f.blank = append(f.out, ' '), true
	}
}
