package message

import (
	"bytes"
	"html"
	"strings"
)

// htmlText takes HTML in pieces and writes the text that a reader sees: no
// tags, comments, scripts and styles, entities decoded, a line end where a
// block begins or ends. It holds no more than a name, however long an element
// is (images stand in attributes by the megabyte).
type htmlText struct {
	write func([]byte) error
	state func(h *htmlText, p []byte) (int, error) // takes what it can of p

	name   []byte // of a tag or an entity, or what an unclear beginning was
	closes bool   // the tag is an end tag
	attr   int    // where in an attribute we are
	quote  byte   // that ends its value
	dashes int    // in a comment: the last octets were so many
	drop   string // the element whose content is no text
}

// Write takes the next piece.
func (h *htmlText) Write(p []byte) error {
	if h.state == nil {
		h.state = (*htmlText).text
	}
	for len(p) > 0 {
		n, err := h.state(h, p)
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

func (h *htmlText) text(p []byte) (int, error) {
	i := bytes.IndexAny(p, "<&")
	if h.drop != "" {
		i = bytes.IndexByte(p, '<')
	}
	if i < 0 {
		i = len(p)
	}
	if h.drop == "" {
		if err := h.write(p[:i]); err != nil {
			return 0, err
		}
	}
	if i == len(p) {
		return i, nil
	}
	h.name = h.name[:0]
	if p[i] == '&' {
		h.name = append(h.name, '&')
		h.state = (*htmlText).entity
	} else {
		h.state = (*htmlText).opened
	}
	return i + 1, nil
}

const maxEntity = 40

func (h *htmlText) entity(p []byte) (int, error) {
	c := p[0]
	if isAlnum(c) && len(h.name) < maxEntity || c == '#' && len(h.name) == 1 {
		h.name = append(h.name, c)
		return 1, nil
	}
	n := 0
	if c == ';' {
		h.name = append(h.name, c)
		n = 1
	}
	h.state = (*htmlText).text
	return n, h.write([]byte(html.UnescapeString(string(h.name))))
}

// opened is the state after "<".
func (h *htmlText) opened(p []byte) (int, error) {
	c := p[0]
	switch {
	case c == '/' && len(h.name) == 0:
		h.name = append(h.name, c)
		return 1, nil
	case isLetter(c) && (h.drop == "" || len(h.name) == 1):
		h.closes = len(h.name) == 1
		h.name = h.name[:0]
		h.state = (*htmlText).tagName
		return 0, nil
	case h.drop != "":
		h.state = (*htmlText).text
		return 0, nil
	case c == '!' && len(h.name) == 0:
		h.state, h.dashes = (*htmlText).declaration, 0
		return 1, nil
	case c == '?' || len(h.name) == 1:
		h.state = (*htmlText).bogus
		return 0, nil
	}
	h.state = (*htmlText).text
	return 0, h.write([]byte{'<'})
}

// declaration is the state after "<!": with two dashes a comment begins.
func (h *htmlText) declaration(p []byte) (int, error) {
	if p[0] != '-' {
		h.state = (*htmlText).bogus
		return 0, nil
	}
	if h.dashes++; h.dashes == 2 {
		h.state = (*htmlText).comment
	}
	return 1, nil
}

// comment ends with "-->"; "<!-->" is one, too.
func (h *htmlText) comment(p []byte) (int, error) {
	for i, c := range p {
		switch {
		case c == '-':
			h.dashes++
		case c == '>' && h.dashes >= 2:
			h.state = (*htmlText).text
			return i + 1, nil
		case c == '!' && h.dashes >= 2: // "--!>"
			h.dashes = 2
		default:
			h.dashes = 0
		}
	}
	return len(p), nil
}

func (h *htmlText) bogus(p []byte) (int, error) {
	i := bytes.IndexByte(p, '>')
	if i < 0 {
		return len(p), nil
	}
	h.state = (*htmlText).text
	return i + 1, nil
}

const maxTagName = 16

func (h *htmlText) tagName(p []byte) (int, error) {
	c := p[0]
	if c != '>' && c != '/' && !isHTMLSpace(c) {
		if len(h.name) < maxTagName {
			h.name = append(h.name, c)
		}
		return 1, nil
	}
	name := string(asciiLower(h.name))
	if h.drop != "" && name != h.drop {
		h.state = (*htmlText).text
		return 0, nil
	}
	h.drop = ""
	if !h.closes && dropped[name] {
		h.drop = name
	}
	h.state, h.attr, h.quote = (*htmlText).attributes, attrName, 0
	if strings.Contains(blocks, " "+name+" ") {
		return 0, h.write(newline)
	}
	return 0, nil
}

const (
	attrName = iota
	attrEquals
	attrValue // without quotes
)

// attributes passes over the rest of a tag. A quote opens after "=" only.
func (h *htmlText) attributes(p []byte) (int, error) {
	for i := 0; i < len(p); i++ {
		c := p[i]
		switch {
		case h.quote != 0:
			j := bytes.IndexByte(p[i:], h.quote)
			if j < 0 {
				return len(p), nil
			}
			i += j
			h.quote = 0
		case c == '>':
			h.state = (*htmlText).text
			return i + 1, nil
		case h.attr == attrName:
			if c == '=' {
				h.attr = attrEquals
			}
		case isHTMLSpace(c):
			if h.attr == attrValue {
				h.attr = attrName
			}
		case h.attr == attrEquals && (c == '"' || c == '\''):
			h.quote, h.attr = c, attrName
		default:
			h.attr = attrValue
		}
	}
	return len(p), nil
}

var dropped = map[string]bool{"script": true, "style": true, "iframe": true, "noembed": true, "noframes": true}

const blocks = " address article aside blockquote body br button caption center dd div dl dt fieldset figcaption" +
	" figure footer form h1 h2 h3 h4 h5 h6 head header hr html img legend li main menu nav ol option p pre section" +
	" select summary table tbody td textarea tfoot th thead title tr ul "

func isLetter(c byte) bool    { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isAlnum(c byte) bool     { return isLetter(c) || '0' <= c && c <= '9' }
func isHTMLSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }
