package message

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"golang.org/x/text/transform"
)

// Text says which text of a mail is wanted.
type Text struct {
	Header bool  // all header fields, decoded; those of embedded mails too
	Body   bool  // text parts, decoded, HTML without its tags; file names; embedded mails
	Limit  int64 // at most so many octets are written; 0: a generous default
}

const (
	defaultLimit = 8 << 20
	// An embedded mail that was encoded, which RFC 2046 §5.2.1 forbids, is
	// decoded in memory, one in another, as far as this.
	maxEncoded      = 4 << 20
	maxEncodedDepth = 3
)

// WriteText writes the searchable text of the mail in r, whose tree is root,
// as UTF-8 without NUL, its parts separated by line ends. The error is r's or
// w's, never one of the mail's content.
func WriteText(w io.Writer, r io.ReaderAt, root *Part, t Text) error {
	if t.Limit <= 0 {
		t.Limit = defaultLimit
	}
	out := &textOut{w: w, left: t.Limit}
	x := &extractor{r: &errorKeeper{r: r}, out: out, t: t}
	err := x.mail(root, t.Header)
	if err == nil {
		err = out.flush(true)
	}
	if err == errFull {
		err = nil
	}
	return err
}

// extractor writes the text of one mail's parts.
type extractor struct {
	r     *errorKeeper
	out   *textOut
	t     Text
	depth int // of encoded mails
	buf   []byte
}

func (x *extractor) mail(p *Part, header bool) error {
	if header {
		if err := x.header(p); err != nil {
			return err
		}
	}
	return x.part(p)
}

func (x *extractor) part(p *Part) error {
	if x.t.Body && p.FileName != "" {
		if err := x.line(p.FileName); err != nil {
			return err
		}
	}
	switch {
	case p.Type == "multipart":
		for _, kid := range p.Children {
			if err := x.part(kid); err != nil {
				return err
			}
		}
	case p.IsMessage() && (p.Encoding == "base64" || p.Encoding == "quoted-printable"):
		return x.encodedMail(p)
	case p.IsMessage():
		return x.mail(p.Children[0], true)
	case x.t.Body && (p.Type == "text" || p.Type == "message"):
		return x.text(p)
	}
	return nil
}

// header writes a mail's fields, each on a line.
func (x *extractor) header(p *Part) error {
	raw, err := io.ReadAll(io.NewSectionReader(x.r, p.Header, min(p.Body-p.Header, maxHeader)))
	if err := x.r.failure(err); err != nil {
		return err
	}
	for start := 0; start < len(raw); {
		end := start
		for {
			n := bytes.IndexByte(raw[end:], '\n') + 1
			if n == 0 {
				n = len(raw) - end
			}
			if end += n; end == len(raw) || !isBlank(raw[end]) {
				break
			}
		}
		if err := x.field(raw[start:end]); err != nil {
			return err
		}
		start = end
	}
	return nil
}

func (x *extractor) field(f []byte) error {
	n := fieldName(f)
	if n == 0 {
		return nil
	}
	return x.line(string(f[:n]) + ": " + DecodeHeader(unfold(fieldValue(f, n))))
}

func (x *extractor) line(s string) error {
	return x.out.write([]byte(s + "\n"))
}

// text writes a text part.
func (x *extractor) text(p *Part) error {
	content, _ := DecodePart(x.r, p)
	content = transform.NewReader(content, decoder(p.Charset))
	write := x.out.write
	end := func() error { return nil }
	if p.Type == "text" && p.Subtype == "html" {
		h := &htmlText{write: write}
		write, end = h.Write, h.end
	}
	if x.buf == nil {
		x.buf = make([]byte, 16<<10)
	}
	for {
		n, err := content.Read(x.buf)
		if err := write(x.buf[:n]); err != nil {
			return err
		}
		if err != nil {
			if err := x.r.failure(err); err != nil {
				return err
			}
			if err := end(); err != nil {
				return err
			}
			return x.out.write(newline)
		}
	}
}

// encodedMail writes the text of an embedded mail whose structure the
// encoding hid.
func (x *extractor) encodedMail(p *Part) error {
	if x.depth >= maxEncodedDepth {
		return nil
	}
	content, _ := DecodePart(x.r, p)
	mail, err := io.ReadAll(io.LimitReader(content, maxEncoded))
	if err := x.r.failure(err); err != nil {
		return err
	}
	var s Scanner
	s.Write(mail)
	inner := &extractor{r: &errorKeeper{r: bytes.NewReader(mail)}, out: x.out, t: x.t, depth: x.depth + 1}
	return inner.mail(s.Finish().Root, true)
}

// errorKeeper tells the errors of reading from those of what was read.
type errorKeeper struct {
	r   io.ReaderAt
	err error
}

func (k *errorKeeper) ReadAt(p []byte, off int64) (int, error) {
	n, err := k.r.ReadAt(p, off)
	if err != nil && err != io.EOF {
		k.err = err
	}
	return n, err
}

func (k *errorKeeper) failure(err error) error {
	if err != nil {
		return k.err
	}
	return nil
}

// textOut writes whole characters, up to its limit.
type textOut struct {
	w    io.Writer
	buf  []byte
	left int64
}

// errFull: the limit is reached; nothing more needs to be read.
var errFull = errors.New("limit reached")

const textBuffer = 32 << 10

func (o *textOut) write(p []byte) error {
	for len(p) > 0 {
		i := bytes.IndexByte(p, 0)
		if i < 0 {
			i = len(p)
		}
		i = min(i, textBuffer)
		o.buf = append(o.buf, p[:i]...)
		p = p[i:]
		if len(p) > 0 && p[0] == 0 {
			p = p[1:]
		}
		if len(o.buf) >= textBuffer {
			if err := o.flush(false); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush writes what is whole; at the end there is nothing else.
func (o *textOut) flush(end bool) error {
	n := len(o.buf)
	if !end {
		for i := 1; i < utf8.UTFMax && i <= n; i++ {
			if utf8.RuneStart(o.buf[n-i]) {
				if !utf8.FullRune(o.buf[n-i:]) {
					n -= i
				}
				break
			}
		}
	}
	full := int64(n) > o.left
	if full {
		n = int(o.left)
		for n > 0 && !utf8.RuneStart(o.buf[n]) {
			n--
		}
	}
	_, err := o.w.Write(o.buf[:n])
	o.left -= int64(n)
	o.buf = append(o.buf[:0], o.buf[n:]...)
	if err == nil && full {
		err = errFull
	}
	return err
}
