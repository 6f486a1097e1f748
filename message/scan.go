package message

import "bytes"

// What a mail may make us hold. Beyond the first two a part is a leaf of
// unknown content; beyond the others fields are as if they were missing.
const (
	maxDepth    = 100   // nested parts
	maxParts    = 10000 // parts of a mail
	maxBoundary = 256   // RFC 2046 allows 70
	maxField    = 128 << 10
	maxHeader   = 1 << 20 // fields of one header that are looked at
	maxKept     = 1 << 20 // what the parts' fields add to the structure
)

// Scanner is the one pass over a mail. The zero value is ready.
//
// It works by lines: a line end is LF, a CR before it belongs to it. In a
// header every line is looked at, in a body only those that begin like a
// delimiter.
type Scanner struct {
	pos   int64 // where the current line starts
	lines int64 // line ends before pos
	eol   int   // length of the line end before pos

	// The current line as far as it has come: its first octets, its length,
	// its last octet.
	line []byte
	got  int64
	last byte

	root     *node
	open     []*node // from the root to where we are
	live     []delimiting
	count    int  // parts
	inHeader bool // in that of the last of open
	head     header
	kept     int // octets of fields kept for the structure
	found    Message
	keep     keeper
}

// delimiting is an open multipart whose delimiters count: all but those whose
// last one was seen.
type delimiting struct {
	boundary string
	at       int // in open
}

// node is a part while its mail is scanned.
type node struct {
	Part
	kids []*node

	boundary string // of a multipart
	closed   bool   // its last delimiter was seen
	digest   bool   // its parts are mails unless they say otherwise
	mail     bool   // the root of a mail: the header has an envelope
	bare     bool   // may have no header at all, the empty line included
	bodyAt   int64  // line ends before Body
	endAt    int64  // line ends before End

	fields   []byte // body-fld-param to body-fld-enc, for the wire
	md5      []byte // body-fld-md5
	ext      []byte // body-fld-dsp to body-fld-loc
	envelope []byte
}

// Write takes the next bytes of the mail; it never fails.
func (s *Scanner) Write(p []byte) (int, error) {
	s.start()
	n := len(p)
	for len(p) > 0 {
		if s.got == 0 && !s.inHeader {
			if p = s.skim(p); len(p) == 0 {
				break
			}
		}
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			s.hold(p)
			break
		}
		eol := 1
		if i > 0 && p[i-1] == '\r' || i == 0 && s.got > 0 && s.last == '\r' {
			eol = 2
		}
		if s.got == 0 {
			s.endLine(p[:min(i+1, s.holds())], int64(i+1), eol)
		} else {
			s.hold(p[:i+1])
			s.endLine(s.line, s.got, eol)
			s.line, s.got = s.line[:0], 0
		}
		p = p[i+1:]
	}
	return n, nil
}

// Finish gives what was found. The Scanner must not be used after it.
func (s *Scanner) Finish() *Message {
	s.start()
	if s.got > 0 {
		s.endLine(s.line, s.got, 0)
	}
	s.endHeaders(s.pos)
	s.closeAbove(0, s.pos, s.lines)
	s.root.close(s.pos, s.lines)
	m := &s.found
	m.Root = &s.root.Part
	m.Size = s.pos
	m.Envelope = s.root.envelope
	m.BodyStructure = s.root.appendStructure(nil)
	m.Header, m.HeaderComplete = s.keep.buf, !s.keep.left
	return m
}

func (s *Scanner) start() {
	if s.root == nil {
		s.root = &node{mail: true}
		s.push(s.root, 0)
	}
}

// skim passes over the lines of a body that cannot be delimiters, up to the
// first that may be one or has not wholly come.
func (s *Scanner) skim(p []byte) []byte {
	i := 0
	if len(s.live) == 0 {
		i = bytes.LastIndexByte(p, '\n') + 1
		s.lines += int64(bytes.Count(p[:i], newline))
	} else {
		for i < len(p) && !(p[i] == '-' && (i+1 == len(p) || p[i+1] == '-')) {
			n := bytes.IndexByte(p[i:], '\n')
			if n < 0 {
				break
			}
			i += n + 1
			s.lines++
		}
	}
	if i > 0 {
		s.pos += int64(i)
		s.eol = 1
		if i > 1 && p[i-2] == '\r' {
			s.eol = 2
		}
	}
	return p[i:]
}

var newline = []byte{'\n'}

// holds says how much of a line's beginning is of use.
func (s *Scanner) holds() int {
	if s.inHeader {
		return maxField
	}
	return maxBoundary + 8
}

// hold takes p as the next octets of the current line.
func (s *Scanner) hold(p []byte) {
	if room := s.holds() - len(s.line); room > 0 {
		s.line = append(s.line, p[:min(room, len(p))]...)
	}
	s.got += int64(len(p))
	s.last = p[len(p)-1]
}

// endLine takes a whole line, of which the first octets are given. Only the
// mail's last line may be without a line end (eol 0).
func (s *Scanner) endLine(line []byte, length int64, eol int) {
	start, at := s.pos, s.lines
	next, nextAt := start+length, at
	if eol > 0 {
		nextAt++
	}
	if i, last := s.delimiter(line); i >= 0 {
		s.endHeaders(start)
		// The line end before a delimiter belongs to it (RFC 2046 §5.1.1).
		end, endAt := start-int64(s.eol), at
		if s.eol > 0 {
			endAt--
		}
		s.closeAbove(i, end, endAt)
		s.pos, s.lines, s.eol = next, nextAt, eol
		multi := s.open[i]
		if last {
			multi.closed = true
			s.live = s.live[:len(s.live)-1]
		} else {
			s.push(multi.add(&node{bare: true}), next)
		}
		return
	}
	if s.inHeader {
		s.headerLine(line, start, next, nextAt)
	}
	s.pos, s.lines, s.eol = next, nextAt, eol
}

// delimiter says which of the open multiparts a line delimits, and whether it
// is that one's last delimiter; -1: none. A delimiter is followed by nothing,
// white space or, at the end, "--" (RFC 2046 §5.1.1). One boundary may be the
// beginning of another: the longest that fits is meant, of equal ones the
// innermost.
func (s *Scanner) delimiter(line []byte) (at int, last bool) {
	at = -1
	if len(s.live) == 0 || len(line) < 2 || line[0] != '-' || line[1] != '-' {
		return at, false
	}
	line = line[2:]
	longest := -1
	for i := len(s.live) - 1; i >= 0; i-- {
		b := s.live[i].boundary
		if len(line) < len(b) || len(b) <= longest || string(line[:len(b)]) != b {
			continue
		}
		rest := line[len(b):]
		ends := len(rest) > 1 && rest[0] == '-' && rest[1] == '-'
		if ends || len(rest) == 0 || isBlank(rest[0]) || rest[0] == '\r' || rest[0] == '\n' {
			at, last, longest = s.live[i].at, ends, len(b)
		}
	}
	if !last && s.count >= maxParts {
		return -1, false
	}
	return at, last
}

// push opens a part whose header starts at pos.
func (s *Scanner) push(n *node, pos int64) {
	n.Header = pos
	s.open = append(s.open, n)
	s.count++
	s.inHeader = true
	s.head.reset()
}

// closeAbove ends the open parts below open[i].
func (s *Scanner) closeAbove(i int, end, endAt int64) {
	for j := len(s.open) - 1; j > i; j-- {
		s.open[j].close(end, endAt)
	}
	for len(s.live) > 0 && s.live[len(s.live)-1].at > i {
		s.live = s.live[:len(s.live)-1]
	}
	s.open = s.open[:i+1]
}

// add makes kid the last of n's children.
func (n *node) add(kid *node) *node {
	n.kids = append(n.kids, kid)
	n.Children = append(n.Children, &kid.Part)
	return kid
}

// close ends a part at end, or later where it has grown beyond: the line end
// before a delimiter may have ended a header already.
func (n *node) close(end, endAt int64) {
	if end < n.Body {
		end, endAt = n.Body, n.bodyAt
	}
	if k := len(n.kids); k > 0 && n.kids[k-1].End > end {
		end, endAt = n.kids[k-1].End, n.kids[k-1].endAt
	}
	n.End, n.endAt, n.Lines = end, endAt, endAt-n.bodyAt
	if n.Type == "multipart" && len(n.kids) == 0 {
		// A multipart has parts, on the wire too (RFC 3501 §9, body-type-mpart).
		// One without delimiters is read as the text that it holds.
		text := &node{bodyAt: n.bodyAt}
		text.Header, text.Body = n.Body, n.Body
		text.describe(&header{}, false, true)
		if n.closed {
			text.close(n.Body, n.bodyAt)
		} else {
			text.close(end, endAt)
		}
		n.add(text)
	}
}

// headerLine takes a line of a header.
func (s *Scanner) headerLine(line []byte, start, next, nextAt int64) {
	n := s.open[len(s.open)-1]
	switch {
	case isEmptyLine(line):
		s.endHeader(next, nextAt)
	case fieldName(line) > 0:
		s.takeField()
		s.head.begin(line)
	case n.bare && start == n.Header:
		s.endHeader(start, s.lines)
		if s.inHeader {
			s.headerLine(line, start, next, nextAt)
		}
	case isBlank(line[0]):
		s.head.continued(line)
	default: // mbox's "From ", or what is no field: passed over
		s.takeField()
	}
}

// takeField gives the field that has just ended to whom it concerns.
func (s *Scanner) takeField() {
	n := s.open[len(s.open)-1]
	if n == s.root {
		s.keep.add(&s.head)
	}
	s.head.take(n.mail, n == s.root)
}

// endHeader ends the header of the part that was opened last and opens what
// its body holds.
func (s *Scanner) endHeader(body, bodyAt int64) {
	s.takeField()
	n := s.open[len(s.open)-1]
	n.Body, n.bodyAt = body, bodyAt
	s.inHeader = false

	digest := len(s.open) > 1 && s.open[len(s.open)-2].digest
	n.describe(&s.head, digest, len(s.open) > maxDepth || s.count >= maxParts)
	if n == s.root {
		s.head.summary(&s.found)
	} else if s.kept += len(n.fields) + len(n.md5) + len(n.ext) + len(n.envelope); s.kept > maxKept {
		n.forget()
	}
	switch {
	case n.boundary != "":
		s.live = append(s.live, delimiting{n.boundary, len(s.open) - 1})
	case n.isMail():
		s.push(n.add(&node{mail: true, bare: n.Encoding == "base64"}), body)
	}
}

// endHeaders ends the header that is still open, and those of the mails that
// this opens, at pos.
func (s *Scanner) endHeaders(pos int64) {
	for s.inHeader {
		s.endHeader(pos, s.lines)
	}
}

// isMail is Part.IsMessage before there are children.
func (n *node) isMail() bool {
	return n.Type == "message" && (n.Subtype == "rfc822" || n.Subtype == "global")
}
