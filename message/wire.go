package message

import "strconv"

// The wire forms of RFC 3501 §9. A quoted string is 7-bit text without line
// ends; everything else is a literal. No NUL may be in either.

func appendString[T string | []byte](b []byte, s T) []byte {
	for i := range len(s) {
		if c := s[i]; c >= 128 || c == '\r' || c == '\n' || c == 0 {
			return appendLiteral(b, s)
		}
	}
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

func appendLiteral[T string | []byte](b []byte, s T) []byte {
	b = append(b, '{')
	b = strconv.AppendInt(b, int64(len(s)), 10)
	b = append(b, "}\r\n"...)
	at := len(b)
	b = append(b, s...)
	for i := at; i < len(b); i++ {
		if b[i] == 0 {
			b[i] = '?'
		}
	}
	return b
}

// appendNString: what is missing is NIL, what is empty is "".
func appendNString(b []byte, v value) []byte {
	if !v.there {
		return append(b, "NIL"...)
	}
	return appendString(b, v.s)
}

// appendNonEmpty: what is empty is NIL.
func appendNonEmpty(b []byte, s string) []byte {
	return appendNString(b, value{s: s, there: s != ""})
}
