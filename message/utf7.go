package message

import (
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/transform"
)

// utf7 decodes RFC 2152, which old Outlooks sent.
type utf7 struct{}

func (utf7) NewDecoder() *encoding.Decoder {
	return &encoding.Decoder{Transformer: &utf7Decoder{}}
}

func (utf7) NewEncoder() *encoding.Encoder { return encoding.Nop.NewEncoder() }

type utf7Decoder struct {
	shifted bool // after "+"
	empty   bool // directly after it
	bits    uint32
	n       uint // how many of bits count
	high    rune // the first half of a pair
}

func (d *utf7Decoder) Reset() { *d = utf7Decoder{} }

func (d *utf7Decoder) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for ; nSrc < len(src); nSrc++ {
		if nDst+2*utf8.UTFMax > len(dst) {
			return nDst, nSrc, transform.ErrShortDst
		}
		c := src[nSrc]
		if !d.shifted {
			if c == '+' {
				*d = utf7Decoder{shifted: true, empty: true}
			} else if c < utf8.RuneSelf {
				dst[nDst] = c
				nDst++
			} else {
				nDst += utf8.EncodeRune(dst[nDst:], utf8.RuneError)
			}
			continue
		}
		v := base64Values[c]
		if v >= 64 {
			if d.empty && c == '-' {
				dst[nDst] = '+'
				nDst++
			} else if c != '-' {
				dst[nDst] = c & 0x7f
				nDst++
			}
			*d = utf7Decoder{}
			continue
		}
		d.empty = false
		d.bits, d.n = d.bits<<6|uint32(v), d.n+6
		if d.n < 16 {
			continue
		}
		d.n -= 16
		r := rune(d.bits >> d.n & 0xffff)
		switch {
		case d.high != 0:
			r = utf16.DecodeRune(d.high, r)
			d.high = 0
		case utf16.IsSurrogate(r) && r < 0xdc00:
			d.high = r
			continue
		}
		nDst += utf8.EncodeRune(dst[nDst:], r)
	}
	return nDst, nSrc, nil
}
