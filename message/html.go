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
	state htmlState

	name   []byte // of a tag or an entity, or what an unclear beginning was
	closes bool   // the tag is an end tag
	attr   int    // where in an attribute we are
	quote  byte   // that ends its value
	dashes int    // in a comment: the last octets were so many
	bang   bool   // in a comment: the last were "--!"
	fresh  bool   // in a comment: nothing else was yet
	drop   string // the element whose content is no text
}

type htmlState int

const (
	inText htmlState = iota
	inEntity
	inOpened // after "<"
	inTagName
	inAttributes
	inDeclaration // after "<!"
	inComment
	inBogus // what ends with the next ">"
)

// Write takes the next piece.
func (h *htmlText) Write(p []byte) error {
	for len(p) > 0 {
		n, err := htmlStates[h.state](h, p)
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// htmlStates take what they can of what comes.
var htmlStates = [...]func(*htmlText, []byte) (int, error){
	inText:        (*htmlText).text,
	inEntity:      (*htmlText).entity,
	inOpened:      (*htmlText).opened,
	inTagName:     (*htmlText).tagName,
	inAttributes:  (*htmlText).attributes,
	inDeclaration: (*htmlText).declaration,
	inComment:     (*htmlText).comment,
	inBogus:       (*htmlText).bogus,
}

// end writes what would have begun something.
func (h *htmlText) end() error {
	switch {
	case h.state == inEntity:
		return h.write([]byte(html.UnescapeString(string(h.name))))
	case h.state == inOpened && h.drop == "":
		return h.write(append([]byte{'<'}, h.name...))
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
		h.state = inEntity
	} else {
		h.state = inOpened
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
	h.state = inText
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
		h.state = inTagName
		return 0, nil
	case h.drop != "":
		h.state = inText
		return 0, nil
	case c == '!' && len(h.name) == 0:
		h.state, h.dashes = inDeclaration, 0
		return 1, nil
	case c == '?' || len(h.name) == 1:
		h.state = inBogus
		return 0, nil
	}
	h.state = inText
	return 0, h.write([]byte{'<'})
}

// declaration is the state after "<!": with two dashes a comment begins.
func (h *htmlText) declaration(p []byte) (int, error) {
	if p[0] != '-' {
		h.state = inBogus
		return 0, nil
	}
	if h.dashes++; h.dashes == 2 {
		h.state, h.dashes, h.fresh, h.bang = inComment, 0, true, false
	}
	return 1, nil
}

// comment ends with "-->" or "--!>"; "<!-->" and "<!--->" are whole ones.
func (h *htmlText) comment(p []byte) (int, error) {
	for i, c := range p {
		switch {
		case c == '>' && (h.fresh || h.bang || h.dashes >= 2):
			h.state = inText
			return i + 1, nil
		case c == '-':
			h.dashes++
			h.bang = false
			continue
		}
		h.bang = c == '!' && h.dashes >= 2
		h.fresh, h.dashes = false, 0
	}
	return len(p), nil
}

func (h *htmlText) bogus(p []byte) (int, error) {
	i := bytes.IndexByte(p, '>')
	if i < 0 {
		return len(p), nil
	}
	h.state = inText
	return i + 1, nil
}

const maxTagName = 16

func (h *htmlText) tagName(p []byte) (int, error) {
	c := p[0]
	if c != '>' && c != '/' && !isHTMLSpace(c) && (h.drop == "" || isLetter(c)) {
		if len(h.name) < maxTagName {
			h.name = append(h.name, c)
		}
		return 1, nil
	}
	name := string(asciiLower(h.name))
	if h.drop != "" && name != h.drop {
		h.state = inText
		return 0, nil
	}
	h.drop = ""
	if !h.closes && dropped[name] {
		h.drop = name
	}
	h.state, h.attr, h.quote = inAttributes, attrStart, 0
	if strings.Contains(blocks, " "+name+" ") {
		return 0, h.write(newline)
	}
	return 0, nil
}

// Where in an attribute we are: a quote opens after "=" only, and "=" ends a
// name that has begun.
const (
	attrStart = iota
	attrName
	attrNamed
	attrEquals
	attrValue // without quotes
)

// attributes passes over the rest of a tag.
func (h *htmlText) attributes(p []byte) (int, error) {
	for i := 0; i < len(p); i++ {
		c := p[i]
		space := isHTMLSpace(c)
		switch {
		case h.quote != 0:
			j := bytes.IndexByte(p[i:], h.quote)
			if j < 0 {
				return len(p), nil
			}
			i += j
			h.quote, h.attr = 0, attrStart
		case c == '>':
			h.state = inText
			return i + 1, nil
		case h.attr == attrStart:
			if !space && c != '/' {
				h.attr = attrName
			}
		case h.attr == attrEquals && (c == '"' || c == '\''):
			h.quote = c
		case h.attr == attrEquals && !space:
			h.attr = attrValue
		case h.attr == attrValue && space:
			h.attr = attrStart
		case h.attr == attrEquals || h.attr == attrValue:
		case c == '=':
			h.attr = attrEquals
		case c == '/':
			h.attr = attrStart
		case space:
			h.attr = attrNamed
		default:
			h.attr = attrName
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
