package message

import (
	"strings"
	"unicode/utf8"
)

// DecodeHeader decodes a header field's value for people (RFC 2047), unfolded,
// as UTF-8 on one line. Words of one charset that follow each other are decoded
// together, because many cut characters in two; words without the blanks that
// should stand around them are decoded too. Raw 8-bit text is UTF-8 if it can
// be, else windows-1252.
func DecodeHeader(v string) string {
	if strings.ContainsAny(v, "\r\n") {
		v = unfold([]byte(v))
	}
	if !strings.Contains(v, "=?") {
		return oneLine(rawText(v))
	}
	var out strings.Builder
	var charset string // of the words in held
	var held []byte
	flush := func() {
		if held != nil {
			out.WriteString(decodeCharset(charset, held))
			held = nil
		}
	}
	for v != "" {
		i := strings.Index(v, "=?")
		if i < 0 {
			break
		}
		n := encodedWordLength(v[i:])
		if n == 0 {
			flush()
			out.WriteString(rawText(v[:i+2]))
			v = v[i+2:]
			continue
		}
		// White space between two words is none (RFC 2047 §6.2).
		if between := v[:i]; held == nil || strings.Trim(between, " \t") != "" {
			flush()
			out.WriteString(rawText(between))
		}
		c, text := decodeWord(v[i : i+n])
		if !strings.EqualFold(c, charset) {
			flush()
		}
		charset, held = c, append(held, text...)
		if held == nil {
			held = []byte{}
		}
		v = v[i+n:]
	}
	flush()
	out.WriteString(rawText(v))
	return oneLine(out.String())
}

// maxWord bounds the search for an encoded word's end; RFC 2047 allows 75,
// nobody keeps to it.
const maxWord = 4096

// encodedWordLength gives the length of the encoded word that v begins with;
// 0: with none.
func encodedWordLength(v string) int {
	if !strings.HasPrefix(v, "=?") {
		return 0
	}
	v = v[:min(len(v), maxWord)]
	i := 2
	for i < len(v) && v[i] != '?' {
		if c := v[i]; c <= ' ' || c >= 127 || i > 64 {
			return 0
		}
		i++
	}
	if i == 2 || i+2 >= len(v) || v[i+2] != '?' || strings.IndexByte("bBqQ", v[i+1]) < 0 {
		return 0
	}
	start := i + 3
	end := strings.Index(v[start:], "?=")
	if end < 0 {
		return 0
	}
	return start + end + 2
}

// decodeWord takes an encoded word apart.
func decodeWord(w string) (charset string, text []byte) {
	charset, rest, _ := strings.Cut(w[2:len(w)-2], "?")
	charset, _, _ = strings.Cut(charset, "*") // RFC 2231 §5: the language
	if rest[0] == 'b' || rest[0] == 'B' {
		return charset, decodeBase64(rest[2:])
	}
	text = make([]byte, 0, len(rest))
	for i := 2; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '_':
			text = append(text, ' ')
		case c == '=' && i+2 < len(rest) && unhex(rest[i+1]) >= 0 && unhex(rest[i+2]) >= 0:
			text = append(text, byte(unhex(rest[i+1])<<4|unhex(rest[i+2])))
			i += 2
		default:
			text = append(text, c)
		}
	}
	return charset, text
}

// decodeBase64 decodes what can be decoded.
func decodeBase64(s string) []byte {
	var d base64Decoder
	return d.end(d.decode(make([]byte, 0, len(s)), []byte(s)))
}

// rawText makes UTF-8 of text that says no charset.
func rawText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return decodeCharset("windows-1252", []byte(s))
}

// oneLine puts a blank for each control character but NUL, which goes.
func oneLine(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 127 {
			s = strings.Map(func(r rune) rune {
				switch {
				case r == 0:
					return -1
				case r < ' ' || r == 127:
					return ' '
				}
				return r
			}, s)
			break
		}
	}
	return strings.Trim(s, " ")
}
