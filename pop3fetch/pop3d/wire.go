package pop3d

import "bytes"

// Canonical gives a mail as a provider that keeps the RFC sends it: bare LF as
// CRLF, the last line ended. Nothing else changes.
func Canonical(mail []byte) []byte {
	out := make([]byte, 0, len(mail)+len(mail)/64+2)
	for i, c := range mail {
		if c == '\n' && (i == 0 || mail[i-1] != '\r') {
			out = append(out, '\r')
		}
		out = append(out, c)
	}
	if len(out) > 0 && !bytes.HasSuffix(out, []byte("\r\n")) {
		out = append(out, "\r\n"...)
	}
	return out
}

// Stuff gives a canonical mail as the body of a multi-line reply (RFC 1939
// §3): dots at the beginning of lines doubled, a line with a dot at the end.
func Stuff(mail []byte) []byte {
	out := make([]byte, 0, len(mail)+len(mail)/64+3)
	for len(mail) > 0 {
		line := mail
		if i := bytes.Index(mail, []byte("\r\n")); i >= 0 {
			line = mail[:i+2]
		}
		if line[0] == '.' {
			out = append(out, '.')
		}
		out = append(out, line...)
		mail = mail[len(line):]
	}
	return append(out, ".\r\n"...)
}

// top gives the header, the empty line and n lines of the body of a canonical
// mail.
func top(mail []byte, n int) []byte {
	end := bytes.Index(mail, []byte("\r\n\r\n"))
	if end < 0 {
		return mail
	}
	end += 4
	for ; n > 0 && end < len(mail); n-- {
		i := bytes.Index(mail[end:], []byte("\r\n"))
		if i < 0 {
			return mail
		}
		end += i + 2
	}
	return mail[:end]
}
