package message

import "strings"

// address is one of IMAP's address structures.
type address struct {
	kind                       addressKind
	name, route, mailbox, host string
}

type addressKind byte

const (
	single addressKind = iota
	groupStart
	groupEnd
)

// parseAddresses reads an address list (RFC 5322 §3.4 and §4.4) and makes the
// best of what is none; it gives at most so many.
func parseAddresses(v string, most int) []address {
	p := addressParser{v: v}
	for p.v != "" && len(p.list) < most {
		p.next()
	}
	if p.group {
		p.list = append(p.list, address{kind: groupEnd})
	}
	return p.list
}

type addressParser struct {
	v     string
	list  []address
	group bool // in one
}

// word is a piece of an address list between specials.
type word struct {
	text   string
	at     bool // "@" itself
	spaced bool // white space or a comment stood before it
}

// joins reports whether w goes on where the word before ends.
func (w word) joins(before word) bool {
	return !w.spaced || strings.HasPrefix(w.text, ".") || strings.HasSuffix(before.text, ".")
}

// next reads up to the end of one address, or of the beginning of a group.
func (p *addressParser) next() {
	var words []word
	var comment string
	spaced := false
	add := func(w word) {
		w.spaced = spaced
		words = append(words, w)
		spaced = false
	}
	for p.v != "" {
		switch c := p.v[0]; {
		case isBlank(c):
			p.v = strings.TrimLeft(p.v, " \t")
			spaced = true
		case c == '(':
			comment, p.v = cutComment(p.v)
			spaced = true
		case c == '"':
			var text string
			text, p.v = cutQuoted(p.v)
			add(word{text: text})
		case c == '@':
			p.v = p.v[1:]
			add(word{at: true, text: "@"})
		case c == ',':
			p.v = p.v[1:]
			p.bare(words, comment)
			return
		case c == ';':
			p.v = p.v[1:]
			p.bare(words, comment)
			if p.group {
				p.list = append(p.list, address{kind: groupEnd})
				p.group = false
			}
			return
		case c == ':' && !p.group && len(words) > 0 && !hasAt(words):
			p.v = p.v[1:]
			p.list = append(p.list, address{kind: groupStart, mailbox: joinWords(words)})
			p.group = true
			return
		case c == '<':
			a := p.angle()
			a.name = joinWords(words)
			after := p.skipToEnd()
			if a.name == "" {
				a.name = or(comment, after)
			}
			if a.name != "" || a.mailbox != "" || a.host != "" {
				p.list = append(p.list, a)
			}
			return
		default:
			n := atomLength(p.v)
			add(word{text: p.v[:n]})
			p.v = p.v[n:]
		}
	}
	p.bare(words, comment)
}

// atomLength: up to the next special; an encoded word is one atom whatever
// specials it should not hold.
func atomLength(v string) int {
	if n := encodedWordLength(v); n > 0 {
		return n
	}
	i := literalLength(v)
	for i < len(v) && strings.IndexByte(" \t(\"@,;:<[", v[i]) < 0 {
		if v[i] == '=' && encodedWordLength(v[i:]) > 0 {
			break
		}
		i++
	}
	return i
}

// literalLength: a domain literal is one word, whatever stands in it.
func literalLength(v string) int {
	if v[0] != '[' {
		return 1
	}
	return max(1, strings.IndexByte(v[:min(len(v), 256)], ']')+1)
}

// angle reads "<route:local@host>".
func (p *addressParser) angle() (a address) {
	v := p.v[1:]
	p.v = ""
	var words []word
	for v != "" {
		switch c := v[0]; {
		case c == '>':
			p.v = v[1:]
			v = ""
		case isBlank(c):
			v = v[1:]
		case c == '(':
			_, v = cutComment(v)
		case c == '"':
			var text string
			text, v = cutQuoted(v)
			words = append(words, word{text: text})
		case c == '@':
			v = v[1:]
			words = append(words, word{at: true, text: "@"})
		case c == ':' && len(words) > 0 && words[0].at:
			a.route = concat(words)
			words = nil
			v = v[1:]
		case c == ',' && !(len(words) > 0 && words[0].at), c == '<', c == ';':
			p.v = v // the bracket was never closed
			v = ""
		default:
			i := literalLength(v)
			for i < len(v) && strings.IndexByte(" \t(\"@,;:<>[", v[i]) < 0 {
				i++
			}
			words = append(words, word{text: v[:i]})
			v = v[i:]
		}
	}
	a.mailbox, a.host = splitAt(words)
	return a
}

// skipToEnd passes over what follows "<…>" up to the next address and gives
// the last comment in it.
func (p *addressParser) skipToEnd() (comment string) {
	for p.v != "" {
		switch p.v[0] {
		case ',':
			p.v = p.v[1:]
			return comment
		case ';':
			if !p.group {
				p.v = p.v[1:]
			}
			return comment
		case '(':
			comment, p.v = cutComment(p.v)
		case '"':
			_, p.v = cutQuoted(p.v)
		default:
			p.v = p.v[1:]
		}
	}
	return comment
}

// bare files an address without brackets. Its comment is its name, as it was
// before RFC 822.
func (p *addressParser) bare(words []word, comment string) {
	if len(words) == 0 {
		return
	}
	at := -1
	for i, w := range words {
		if w.at {
			at = i
		}
	}
	a := address{}
	switch {
	case at >= 0:
		// White space stands only around its "@" and its dots.
		from, to := max(at-1, 0), min(at+2, len(words))
		for from > 0 && words[from].joins(words[from-1]) {
			from--
		}
		for to < len(words) && words[to].joins(words[to-1]) {
			to++
		}
		a.mailbox, a.host = splitAt(words[from:to])
		a.name = or(joinWords(words[:from]), comment)
	case len(words) == 1:
		a.mailbox, a.name = words[0].text, comment
	default:
		a.name = joinWords(words)
	}
	if a.name != "" || a.mailbox != "" || a.host != "" {
		p.list = append(p.list, a)
	}
}

func splitAt(words []word) (mailbox, host string) {
	for i := len(words) - 1; i >= 0; i-- {
		if words[i].at {
			return concat(words[:i]), concat(words[i+1:])
		}
	}
	return concat(words), ""
}

func hasAt(words []word) bool {
	for _, w := range words {
		if w.at {
			return true
		}
	}
	return false
}

func concat(words []word) string {
	var b strings.Builder
	for _, w := range words {
		b.WriteString(w.text)
	}
	return b.String()
}

// joinWords gives a phrase: white space of any length is one blank.
func joinWords(words []word) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 && w.spaced {
			b.WriteByte(' ')
		}
		b.WriteString(w.text)
	}
	return strings.Trim(b.String(), " \t")
}
