package message

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// decoder gives what makes UTF-8 of a charset's text. What no charset is, and
// UTF-8 too, is read as UTF-8 where it is that and as windows-1252 where not:
// nothing is lost, and the commonest lie is seen through.
func decoder(charset string) transform.Transformer {
	name := strings.ToLower(strings.Trim(charset, " \t\"'"))
	if e := charsetEncoding(name); e != nil {
		return e.NewDecoder()
	}
	return sniffer{}
}

func charsetEncoding(name string) encoding.Encoding {
	switch name {
	case "", "us-ascii", "ascii", "ansi_x3.4-1968", "utf-8", "utf8", "unicode-1-1-utf-8",
		"unknown", "unknown-8bit", "x-unknown", "default", "default_charset", "binary", "8bit", "7bit":
		return nil
	case "utf-16", "utf16", "unicode", "iso-10646-ucs-2", "ucs-2":
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM) // RFC 2781 §4.3
	case "utf-16be":
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	case "utf-7", "utf7", "unicode-1-1-utf-7":
		return utf7{}
	case "gb2312", "gb_2312-80", "euc-cn", "gbk", "cp936", "x-gbk":
		return simplifiedchinese.GB18030
	case "hz-gb-2312", "hz":
		return simplifiedchinese.HZGB2312
	case "ks_c_5601-1987", "ks_c_5601", "cp949", "uhc", "x-windows-949":
		return korean.EUCKR
	case "iso-2022-jp-2", "iso-2022-jp-ms", "cp50220", "cp50221":
		return japanese.ISO2022JP
	case "cp932", "x-sjis", "windows-932":
		return japanese.ShiftJIS
	case "cp850":
		return charmap.CodePage850
	case "cp437":
		return charmap.CodePage437
	case "cp1252", "win-1252", "iso-8859-1-windows-3.1-latin-1":
		return charmap.Windows1252
	}
	// WHATWG reads iso-8859-1 as windows-1252, as everybody does, and gives
	// "replacement" for what no browser should read.
	if e, err := htmlindex.Get(name); err == nil && e != encoding.Replacement {
		return e
	}
	if e, err := ianaindex.MIME.Encoding(name); err == nil && e != nil {
		return e
	}
	for _, prefix := range []string{"cp", "cs", "x-"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			for _, try := range []string{rest, "windows-" + rest, "ibm" + rest} {
				if e, err := htmlindex.Get(try); err == nil && e != encoding.Replacement {
					return e
				}
			}
		}
	}
	return nil
}

// decodeCharset makes UTF-8 of text, whatever it is.
func decodeCharset(charset string, text []byte) string {
	out, _, err := transform.Bytes(decoder(charset), text)
	if err != nil {
		out, _, _ = transform.Bytes(sniffer{}, text)
	}
	return string(out)
}

// sniffer lets UTF-8 pass and reads every other octet as windows-1252.
type sniffer struct{ transform.NopResetter }

func (sniffer) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		c := src[nSrc]
		if c < utf8.RuneSelf {
			if nDst == len(dst) {
				return nDst, nSrc, transform.ErrShortDst
			}
			dst[nDst] = c
			nDst++
			nSrc++
			continue
		}
		r, size := utf8.DecodeRune(src[nSrc:])
		if r == utf8.RuneError && size == 1 {
			if !atEOF && !utf8.FullRune(src[nSrc:]) {
				return nDst, nSrc, transform.ErrShortSrc
			}
			r = charmap.Windows1252.DecodeByte(c)
		}
		if nDst+utf8.RuneLen(r) > len(dst) {
			return nDst, nSrc, transform.ErrShortDst
		}
		nDst += utf8.EncodeRune(dst[nDst:], r)
		nSrc += size
	}
	return nDst, nSrc, nil
}
