package message

import "strings"

// header collects the fields of one header that say something about its part
// or its mail. Of fields that should stand once the first counts; addresses of
// repeated ones are joined, so that none is hidden.
type header struct {
	field []byte // the one that is being read, with its line ends
	cut   bool   // it is longer than field
	size  int    // of the fields so far
	full  bool   // maxHeader is reached

	contentType, encoding, disposition       value
	id, description, md5, language, location value

	date, subject, messageID, inReplyTo value
	from, sender, replyTo, to, cc, bcc  value

	references value
	received   []string
}

// value is a field's unfolded content. Missing and empty differ in ENVELOPE.
type value struct {
	s      string
	there  bool
	joined int // so many fields more
}

func (h *header) reset() { *h = header{field: h.field[:0]} }

// begin starts a field with its first line.
func (h *header) begin(line []byte) {
	h.field, h.cut = h.field[:0], false
	h.grow(line)
}

// continued adds a folded line; what it continues may be no field at all.
func (h *header) continued(line []byte) {
	if len(h.field) > 0 {
		h.grow(line)
	}
}

func (h *header) grow(line []byte) {
	if h.size += len(line); h.size > maxHeader {
		h.full = true
	}
	room := maxField - len(h.field)
	h.cut = h.cut || h.full || len(line) > room
	if !h.full {
		h.field = append(h.field, line[:min(len(line), room)]...)
	}
}

// take files the field that was read.
func (h *header) take(mail, root bool) {
	f := h.field
	h.field = h.field[:0]
	n := fieldName(f)
	if n == 0 || h.full {
		return
	}
	name := lowerName(f[:n])
	var to *value
	list := false // of addresses
	switch name {
	case "content-type":
		to = &h.contentType
	case "content-transfer-encoding":
		to = &h.encoding
	case "content-disposition":
		to = &h.disposition
	case "content-id":
		to = &h.id
	case "content-description":
		to = &h.description
	case "content-md5":
		to = &h.md5
	case "content-language":
		to = &h.language
	case "content-location":
		to = &h.location
	}
	if mail && to == nil {
		switch name {
		case "date":
			to = &h.date
		case "subject":
			to = &h.subject
		case "message-id":
			to = &h.messageID
		case "in-reply-to":
			to = &h.inReplyTo
		case "from":
			to, list = &h.from, true
		case "sender":
			to, list = &h.sender, true
		case "reply-to":
			to, list = &h.replyTo, true
		case "to":
			to, list = &h.to, true
		case "cc":
			to, list = &h.cc, true
		case "bcc":
			to, list = &h.bcc, true
		}
	}
	if root && to == nil {
		switch name {
		case "references":
			to = &h.references
		case "received":
			if len(h.received) < maxReceived {
				h.received = append(h.received, unfold(fieldValue(f, n)))
			}
		}
	}
	if to == nil || to.there && !list {
		return
	}
	v := unfold(fieldValue(f, n))
	if h.cut && list {
		v = v[:strings.LastIndexByte(v, ',')+1] // half an address is another one
	}
	switch {
	case !to.there:
		*to = value{s: v, there: true}
	case to.s == "":
		to.s = v
	case v != "" && len(to.s)+len(v) < maxField && to.joined < maxJoined:
		to.s += ", " + v
		to.joined++
	}
}

// The bounds of what may come many times.
const (
	maxReceived   = 32
	maxReferences = 100
	maxJoined     = 50 // fields of one kind
)

// summary fills what the index keeps beside the wire forms.
func (h *header) summary(m *Message) {
	m.Subject = DecodeHeader(h.subject.s)
	if list := parseAddresses(h.from.s, maxSenders); len(list) > 0 {
		m.From = firstSender(list)
	}
	if ids := messageIDs(h.messageID.s, true); len(ids) > 0 {
		m.MessageID = ids[0]
	}
	m.InReplyTo = messageIDs(h.inReplyTo.s, false)
	m.References = messageIDs(h.references.s, false)
	if t, ok := ParseDate(h.date.s); ok {
		m.Date = t
	}
	for _, r := range h.received {
		if t, ok := receivedDate(r); ok {
			m.Received = append(m.Received, t)
		}
	}
}

// messageIDs finds the Message-IDs in a field. What has no brackets counts
// where it is one word (one: whatever it looks like). Of very many the first
// and the last are kept.
func messageIDs(v string, one bool) []string {
	var ids []string
	for rest := v; ; {
		i := strings.IndexByte(rest, '<')
		if i < 0 {
			break
		}
		rest = rest[i+1:]
		j := strings.IndexByte(rest, '>')
		if j < 0 {
			break
		}
		id := rest[:j]
		if k := strings.LastIndexByte(id, '<'); k >= 0 {
			id = id[k+1:]
		}
		rest = rest[j+1:]
		id = strings.Map(dropSpace, id)
		if id != "" && len(id) <= 1000 {
			if len(ids) >= maxReferences {
				copy(ids[1:], ids[2:])
				ids = ids[:len(ids)-1]
			}
			ids = append(ids, "<"+id+">")
		}
	}
	if len(ids) == 0 {
		v = strings.Trim(v, "<> \t")
		if v != "" && len(v) <= 1000 && !strings.ContainsAny(v, " \t") && (one || strings.Contains(v, "@")) {
			ids = []string{"<" + v + ">"}
		}
	}
	return ids
}

func dropSpace(r rune) rune {
	if r <= ' ' {
		return -1
	}
	return r
}

// fieldName gives the length of the field name that a line begins with; 0
// where it begins with none (RFC 5322 §2.2; §4.5 allows blanks before the
// colon).
func fieldName(line []byte) int {
	for i, c := range line {
		switch {
		case c == ':':
			return i
		case isBlank(c) && i > 0:
			for _, c := range line[i:] {
				if c == ':' {
					return i
				}
				if !isBlank(c) {
					return 0
				}
			}
			return 0
		case c <= ' ' || c >= 127:
			return 0
		}
	}
	return 0
}

// fieldValue gives what follows the colon of a field whose name has n octets.
func fieldValue(f []byte, n int) []byte {
	for n < len(f) && f[n] != ':' {
		n++
	}
	return f[min(n+1, len(f)):]
}

func lowerName(b []byte) string {
	var buf [64]byte
	return string(asciiLower(append(buf[:0], b...)))
}

func asciiLower(b []byte) []byte {
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// isEmptyLine: some send CR CR LF.
func isEmptyLine(line []byte) bool {
	for _, c := range line {
		if c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}

// unfold gives a field's content as one line: a line end with the white space
// after it is one blank (RFC 5322 §2.2.3), a NUL is a question mark.
func unfold(b []byte) string {
	var s strings.Builder
	s.Grow(len(b))
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '\r', '\n':
			for i+1 < len(b) && (isBlank(b[i+1]) || b[i+1] == '\r' || b[i+1] == '\n') {
				i++
			}
			s.WriteByte(' ')
		case 0:
			s.WriteByte('?')
		default:
			s.WriteByte(c)
		}
	}
	return strings.Trim(s.String(), " \t")
}
