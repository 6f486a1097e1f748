package message

import (
	"slices"
	"strconv"
	"strings"
)

// param is a parameter of Content-Type or Content-Disposition. The name is in
// lower case and ends with "*" where the value is RFC 2231's
// charset'language'text.
type param struct{ name, value string }

type parameters []param

const maxParams = 64

// get gives a parameter's value as it was written.
func (ps parameters) get(name string) string {
	if i := ps.index(name); i >= 0 {
		return ps[i].value
	}
	return ""
}

func (ps parameters) has(name string) bool { return ps.index(name) >= 0 }

func (ps parameters) index(name string) int {
	return slices.IndexFunc(ps, func(p param) bool { return p.name == name })
}

// decoded gives a parameter's value for people: RFC 2231, else what many send
// instead, RFC 2047. One line, without control characters.
func (ps parameters) decoded(name string) string {
	if v := ps.get(name + "*"); v != "" {
		return oneLine(decodeExtended(v))
	}
	return DecodeHeader(ps.get(name))
}

// cutToken splits what a structured field begins with from its parameters,
// without comments; blanks around a slash are allowed, if by nobody used.
func cutToken(v string) (token, rest string) {
	token, rest = cutWord(v)
	if after := skipCFWS(rest); !strings.Contains(token, "/") && strings.HasPrefix(after, "/") {
		token, rest = token+"/", after[1:]
	}
	if strings.HasSuffix(token, "/") {
		var sub string
		sub, rest = cutWord(rest)
		token += sub
	}
	return token, rest
}

func cutWord(v string) (word, rest string) {
	v = skipCFWS(v)
	i := 0
	for i < len(v) && v[i] != ';' && v[i] != '(' && !isBlank(v[i]) {
		i++
	}
	return v[:i], v[i:]
}

// parseParams reads ";name=value" as often as it stands there, also where
// semicolons are missing and values should have been quoted.
func parseParams(v string) parameters {
	var ps parameters
	for len(ps) < maxParams {
		v = strings.TrimLeft(skipCFWS(v), ";")
		v = skipCFWS(v)
		if v == "" {
			break
		}
		if v[0] == ';' {
			continue
		}
		i := strings.IndexAny(v, "=;")
		if i < 0 {
			break
		}
		name := strings.ToLower(strings.TrimRight(v[:i], " \t"))
		if k := strings.LastIndexAny(name, " \t"); k >= 0 {
			name = name[k+1:] // what stands before belongs to nothing
		}
		if v[i] == ';' {
			v = v[i:]
			continue
		}
		var value string
		value, v = cutValue(skipCFWS(v[i+1:]))
		if isToken(name) {
			ps = append(ps, param{name, value})
		}
	}
	return ps.joined()
}

// cutValue splits a parameter's value from what follows it.
func cutValue(v string) (value, rest string) {
	if strings.HasPrefix(v, `"`) {
		return cutQuoted(v)
	}
	i := strings.IndexByte(v, ';')
	if i < 0 {
		i = len(v)
	}
	value, rest = v[:i], v[i:]
	// A blank in it: a comment, or the next parameter without its semicolon,
	// or a value that should have been quoted. A few are looked at.
	for j, blanks := 0, 0; j < len(value) && blanks < 8; j++ {
		if !isBlank(value[j]) {
			continue
		}
		blanks++
		next := strings.TrimLeft(value[j:], " \t")
		if strings.HasPrefix(next, "(") && skipCFWS(next) == "" {
			return value[:j], rest
		}
		if name, _, ok := strings.Cut(next, "="); ok && isToken(name) {
			return value[:j], v[len(v)-len(next)-len(rest):]
		}
	}
	return strings.TrimRight(value, " \t"), rest
}

// cutQuoted takes a quoted string from the beginning of v; it ends with v at
// the latest.
func cutQuoted(v string) (content, rest string) {
	i := 1
	for i < len(v) && v[i] != '"' && v[i] != '\\' {
		i++
	}
	if i < len(v) && v[i] == '"' {
		return v[1:i], v[i+1:]
	}
	b := append([]byte(nil), v[1:i]...)
	for ; i < len(v); i++ {
		switch {
		case v[i] == '"':
			return string(b), v[i+1:]
		case v[i] == '\\' && i+1 < len(v):
			i++
			b = append(b, v[i])
		default:
			b = append(b, v[i])
		}
	}
	return string(b), ""
}

// skipCFWS passes over white space and comments (RFC 5322 §3.2.2).
func skipCFWS(v string) string {
	for {
		v = strings.TrimLeft(v, " \t")
		if !strings.HasPrefix(v, "(") {
			return v
		}
		_, v = cutComment(v)
	}
}

// cutComment takes a comment, which may hold others, from the beginning of v.
func cutComment(v string) (content, rest string) {
	var b []byte
	depth := 0
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case c == '\\' && i+1 < len(v):
			i++
			b = append(b, v[i])
			continue
		case c == '(':
			if depth++; depth == 1 {
				continue
			}
		case c == ')':
			if depth--; depth == 0 {
				return string(b), v[i+1:]
			}
		}
		b = append(b, v[i])
	}
	return string(b), ""
}

// joined joins continued parameters, as RFC 2231 §7 asks of IMAP servers.
// Of parameters with the same name the first counts.
func (ps parameters) joined() parameters {
	type section struct {
		value    string
		extended bool
	}
	sections := map[string]map[int]section{}
	var out parameters
	for _, p := range ps {
		base, number, ok := strings.Cut(p.name, "*")
		number, extended := strings.CutSuffix(number, "*")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || n < 0 || n >= maxParams {
			if !out.has(p.name) {
				out = append(out, p)
			}
			continue
		}
		all := sections[base]
		if all == nil {
			all = map[int]section{}
			sections[base] = all
			out = append(out, param{base + "*0", ""}) // holds the place
		}
		if _, there := all[n]; !there {
			all[n] = section{p.value, extended}
		}
	}
	for i, p := range out {
		base, ok := strings.CutSuffix(p.name, "*0")
		all := sections[base]
		if !ok || all == nil {
			continue
		}
		extended := false
		for _, s := range all {
			extended = extended || s.extended
		}
		var v strings.Builder
		if extended && !all[0].extended {
			v.WriteString("''")
		}
		for n := 0; ; n++ {
			s, ok := all[n]
			if !ok {
				break
			}
			if extended && !s.extended {
				s.value = strings.ReplaceAll(s.value, "%", "%25")
			}
			v.WriteString(s.value)
		}
		if out[i] = (param{base, v.String()}); extended {
			out[i].name += "*"
		}
	}
	return out
}

// decodeExtended decodes RFC 2231's charset'language'text.
func decodeExtended(v string) string {
	charset, text, ok := strings.Cut(v, "'")
	if ok {
		_, text, ok = strings.Cut(text, "'")
	}
	if !ok {
		charset, text = "", v
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if hi, lo := unhex(text[i+1]), unhex(text[i+2]); hi >= 0 && lo >= 0 {
				b = append(b, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		b = append(b, text[i])
	}
	return decodeCharset(charset, b)
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}
