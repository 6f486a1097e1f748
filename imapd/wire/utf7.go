package wire

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// utf7 is the base64 of modified UTF-7 (RFC 3501 §5.1.3). Bits left over must
// be zero.
var utf7 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").
	WithPadding(base64.NoPadding).Strict()

// errUTF7 is what is wrong with a name.
var errUTF7 = errors.New("not modified UTF-7")

// isPlain reports whether an octet stands for itself in modified UTF-7.
func isPlain(b byte) bool { return b >= ' ' && b < 0x7f && b != '&' }

// EncodeUTF7 gives a name, which is UTF-8, in modified UTF-7. Octets that are
// not UTF-8 become U+FFFD.
func EncodeUTF7(name string) string {
	var out strings.Builder
	for i := 0; i < len(name); {
		start := i
		for i < len(name) && isPlain(name[i]) {
			i++
		}
		out.WriteString(name[start:i])
		if i == len(name) {
			break
		}
		if name[i] == '&' {
			out.WriteString("&-")
			i++
			continue
		}
		start = i
		for i < len(name) && !isPlain(name[i]) && name[i] != '&' {
			i++
		}
		var b []byte
		for _, u := range utf16.Encode([]rune(name[start:i])) {
			b = append(b, byte(u>>8), byte(u))
		}
		out.WriteByte('&')
		out.WriteString(utf7.EncodeToString(b))
		out.WriteByte('-')
	}
	return out.String()
}

// DecodeUTF7 gives a name in modified UTF-7 in UTF-8. Each name has one
// spelling only: what EncodeUTF7 would write in another way is an error.
func DecodeUTF7(name string) (string, error) {
	if strings.IndexByte(name, '&') < 0 {
		for i := range len(name) {
			if !isPlain(name[i]) {
				return "", errUTF7
			}
		}
		return name, nil
	}
	var out []byte
	for i := 0; i < len(name); i++ {
		if isPlain(name[i]) {
			out = append(out, name[i])
			continue
		}
		if name[i] != '&' {
			return "", errUTF7
		}
		n := strings.IndexByte(name[i:], '-')
		if n < 0 {
			return "", errUTF7
		}
		coded := name[i+1 : i+n]
		i += n
		if coded == "" {
			out = append(out, '&')
			continue
		}
		b, err := utf7.DecodeString(coded)
		if err != nil || len(b)%2 != 0 {
			return "", errUTF7
		}
		units := make([]uint16, len(b)/2)
		for j := range units {
			units[j] = uint16(b[2*j])<<8 | uint16(b[2*j+1])
		}
		for _, r := range utf16.Decode(units) {
			out = utf8.AppendRune(out, r)
		}
	}
	if EncodeUTF7(string(out)) != name {
		return "", errUTF7
	}
	return string(out), nil
}
