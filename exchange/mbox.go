package exchange

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"strconv"
	"time"

	"heimpost/message"
)

// An mbox file is a row of mails, each behind a line that begins with "From "
// (RFC 4155). How a line of a mail that begins so is told apart from that one,
// programs do not agree on:
//
//   - mboxrd and mboxo put a '>' before it (mboxo not before one that has a
//     '>' already). One '>' is taken off again, which is exact for mboxrd; of
//     mboxo only a line that had a '>' of its own comes out wrong, and there
//     the file does not say.
//   - mboxcl2 says each mail's Content-Length and quotes nothing. That is
//     believed where it leads exactly to the next mail, in files whose first
//     mail says it rightly, so that no mail can swallow others with a number
//     that its sender has made up. Such mails are taken without unquoting. In
//     what Export has written a Content-Length is a sender's and means nothing.
//   - Others quote nothing. So a line parts two mails only if it looks like
//     one that a program wrote (separator).

// mboxMail is a mail of an mbox file: what stands from start to end, behind its
// From_ line and the marks there, without the empty line that ends it.
type mboxMail struct {
	start, end int64
	quoted     bool // lines that begin with From have a '>'
	date       time.Time
	written    time.Time // when Thunderbird wrote the line
	marks      marks
}

const (
	mboxBuffer = 256 << 10
	// maxMarks is how far into a mail its marks are looked for.
	maxMarks = 64 << 10
	// maxFromLine is how long a line that parts two mails can be.
	maxFromLine = 500
)

var (
	fromDate  = regexp.MustCompile(`(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +(?:[A-Z][a-z][a-z] +\d{1,2}|\d{1,2} +[A-Z][a-z][a-z]) .*$`)
	fromTime  = regexp.MustCompile(`\d{1,2}:\d\d`)
	fromYear  = regexp.MustCompile(`\b(?:19|20)\d\d\b`)
	fieldLine = regexp.MustCompile(`^[!-9;-~]{1,200}[ \t]*:`)
)

// separation says how sure it is that a line parts two mails.
type separation int

const (
	noSeparator separation = iota
	bareSeparator
	fullSeparator // with a date as programs write it
)

// separator looks at a line without its end.
func separator(line []byte) (kind separation, date time.Time, thunderbird bool) {
	rest, is := bytes.CutPrefix(line, []byte("From "))
	if !is || len(line) > maxFromLine {
		return noSeparator, date, false
	}
	rest = bytes.TrimSpace(rest)
	sender, _, _ := bytes.Cut(rest, []byte(" "))
	dated := fromTime.Match(rest) && fromYear.Match(rest)
	if at := fromDate.FindIndex(rest); at != nil && dated {
		if t, ok := message.ParseDate(string(rest[at[0]:])); ok {
			// RFC 4155: the time is UTC. Thunderbird's, whose sender is "-", is
			// not when the mail arrived but when the line was written.
			return fullSeparator, t, string(sender) == "-"
		}
	}
	if len(rest) == 0 || string(rest) == "-" || dated {
		return bareSeparator, date, true
	}
	return noSeparator, date, false
}

// isMbox reports whether a file that begins so is an mbox file.
func isMbox(head []byte) bool {
	head = bytes.TrimLeft(head, "\r\n")
	line, next, more := bytes.Cut(head, []byte("\n"))
	switch kind, _, _ := separator(bytes.TrimRight(line, "\r")); kind {
	case fullSeparator:
		return true
	case bareSeparator:
		return !more || len(next) == 0 || fieldLine.Match(next)
	}
	return false
}

// mboxScan finds the mails of an mbox file.
type mboxScan struct {
	f    io.ReaderAt
	size int64
	r    *bufio.Reader
	at   int64 // of the next line

	counted  bool // the file's first mail has said its length rightly
	mails    int
	open     bool // a mail has begun
	now      mboxMail
	head     []byte // its header so far
	inHead   bool
	empty    bool // the line before is empty,
	emptyLen int64
}

// scanMbox calls fn with each mail of an mbox file.
func scanMbox(ctx context.Context, f io.ReaderAt, size int64, fn func(mboxMail) error) error {
	s := &mboxScan{f: f, size: size, r: bufio.NewReaderSize(nil, mboxBuffer), empty: true}
	s.seek(0)
	for n := 0; ; n++ {
		if n%4096 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		at := s.at
		line, whole, err := s.line()
		if err != nil && !errors.Is(err, io.EOF) {
			return readError{err}
		}
		if len(whole) == 0 && err != nil {
			return s.finish(s.size, fn)
		}
		if kind, date, rough := separator(line); kind != noSeparator {
			line, whole = bytes.Clone(line), bytes.Clone(whole) // looking ahead moves them
			if s.parts(kind) {
				if err := s.finish(at, fn); err != nil {
					return err
				}
				s.begin(date, rough)
				continue
			}
		}
		if !s.open {
			continue // what stands before the first mail is none
		}
		if s.inHead {
			if len(line) > 0 && len(s.head) < maxMarks {
				s.head = append(s.head, whole[:min(len(whole), maxMarks-len(s.head))]...)
			}
			if len(line) == 0 {
				if s.headEnds() {
					if err := s.jump(fn); err != nil {
						return err
					}
					continue
				}
			}
		}
		s.empty, s.emptyLen = len(line) == 0, int64(len(whole))
	}
}

func (s *mboxScan) seek(to int64) {
	s.at = to
	s.r.Reset(io.NewSectionReader(s.f, to, s.size-to))
}

// line reads a line: what counts of it, and as much as there was room for.
func (s *mboxScan) line() (text, whole []byte, err error) {
	whole, err = s.r.ReadSlice('\n')
	n := int64(len(whole))
	if errors.Is(err, bufio.ErrBufferFull) {
		whole = bytes.Clone(whole[:maxMarks])
		for errors.Is(err, bufio.ErrBufferFull) {
			var more []byte
			more, err = s.r.ReadSlice('\n')
			n += int64(len(more))
		}
	}
	s.at += n
	return bytes.TrimSuffix(bytes.TrimSuffix(whole, []byte("\n")), []byte("\r")), whole, err
}

// parts reports whether a line that may part two mails does so, after what
// stands before and behind it.
func (s *mboxScan) parts(kind separation) bool {
	if !s.open || kind == fullSeparator && s.empty {
		return true
	}
	if kind == bareSeparator && !s.empty {
		return false
	}
	next, _ := s.r.Peek(250)
	return fieldLine.Match(next)
}

// begin begins a mail behind its From_ line.
func (s *mboxScan) begin(date time.Time, rough bool) {
	s.mails++
	s.open, s.inHead, s.head, s.empty = true, true, s.head[:0], false
	s.now = mboxMail{start: s.at, quoted: true, date: date}
	if rough {
		s.now.date, s.now.written = time.Time{}, date
	}
}

// headEnds looks at the header that has just been read, and whether the mail's
// length is to be believed.
func (s *mboxScan) headEnds() (counted bool) {
	s.inHead = false
	end, ok := s.counts()
	if s.mails == 1 {
		s.counted = ok
	}
	if ok && s.counted {
		s.now.end, s.now.quoted = end, false
		return true
	}
	return false
}

// counts gives where the mail ends after its Content-Length, if it leads to the
// next mail or to the end of the file.
func (s *mboxScan) counts() (end int64, ok bool) {
	n, err := strconv.ParseInt(field(s.head, "Content-Length"), 10, 64)
	if err != nil || n < 0 || n > s.size-s.at {
		return 0, false
	}
	if m, _ := readMarks(s.head); m.own {
		return 0, false
	}
	end = s.at + n
	buf := make([]byte, maxFromLine)
	k, err := s.f.ReadAt(buf, end-1) // with the end of the mail's last line
	if err != nil && !errors.Is(err, io.EOF) || k == 0 || buf[0] != '\n' {
		return 0, false
	}
	// One empty line, or none.
	rest := bytes.TrimPrefix(bytes.TrimPrefix(buf[1:k], []byte("\r")), []byte("\n"))
	if len(rest) == 0 {
		return end, end-1+int64(k) == s.size
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	kind, _, _ := separator(bytes.TrimRight(line, "\r"))
	return end, kind == fullSeparator
}

// jump gives the mail whose end is known and goes on behind it.
func (s *mboxScan) jump(fn func(mboxMail) error) error {
	m := s.now
	s.open, s.empty = false, true
	s.seek(m.end)
	m.start += s.takeMarks(&m)
	return fn(m)
}

// finish gives the mail that ends where a line, or the file, does.
func (s *mboxScan) finish(at int64, fn func(mboxMail) error) error {
	if !s.open {
		return nil
	}
	s.open = false
	m := s.now
	if m.end = at; s.empty {
		m.end -= s.emptyLen
	}
	m.start += s.takeMarks(&m)
	if m.marks.cut && m.end > m.start {
		m.end-- // the line end that the writer has added
	}
	m.end = max(m.end, m.start)
	return fn(m)
}

// takeMarks reads the marks in a mail's header and gives how long those are
// that do not belong to it.
func (s *mboxScan) takeMarks(m *mboxMail) int64 {
	var n int
	m.marks, n = readMarks(s.head)
	return int64(n)
}

// unquote takes one '>' from lines that begin with '>'s and "From ".
type unquote struct {
	r       *bufio.Reader
	rest    []byte
	midline bool
	err     error
}

func newUnquote(r io.Reader) *unquote { return &unquote{r: bufio.NewReaderSize(r, 64<<10)} }

func (u *unquote) Read(p []byte) (int, error) {
	for len(u.rest) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		var err error
		u.rest, err = u.r.ReadSlice('\n')
		full := errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !full {
			u.err = err
		}
		if !u.midline && isQuoted(u.rest) {
			u.rest = u.rest[1:]
		}
		u.midline = full
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}

// isQuoted reports whether a line is a quoted "From ".
func isQuoted(line []byte) bool {
	rest := bytes.TrimLeft(line, ">")
	return len(rest) < len(line) && bytes.HasPrefix(rest, []byte("From "))
}

// body gives a mail's bytes.
func (m mboxMail) body(f io.ReaderAt) io.Reader {
	r := io.NewSectionReader(f, m.start, m.end-m.start)
	if m.quoted {
		return newUnquote(r)
	}
	return r
}
