package message

import "io"

// Scanner is the one pass over a mail. The zero value is ready.
type Scanner struct{ n int64 }

// Write takes the next bytes of the mail; it never fails.
func (s *Scanner) Write(p []byte) (int, error) { s.n += int64(len(p)); return len(p), nil }

// Finish gives what was found. The Scanner must not be used after it.
func (s *Scanner) Finish() *Message { panic("not built") }

// AppendParts appends the MIME tree in a compact form for the index.
func (m *Message) AppendParts(b []byte) []byte { return b }

// DecodeParts reads what AppendParts wrote.
func DecodeParts(b []byte) (*Part, error) { return &Part{}, nil }

// Body gives RFC 3501's BODY (without extension data) of a BODYSTRUCTURE that
// a Scanner made.
func Body(structure []byte) []byte { panic("not built") }

// Text says which text of a mail is wanted.
type Text struct {
	Header bool  // all header fields, decoded; those of embedded mails too
	Body   bool  // text parts, decoded, HTML without its tags; file names of attachments
	Limit  int64 // at most so many octets are written; 0: a generous default
}

// WriteText writes the searchable text of the mail in r, whose tree is root,
// as UTF-8 without NUL, its parts separated by line ends. The error is r's or
// w's, never one of the mail's content.
func WriteText(w io.Writer, r io.ReaderAt, root *Part, t Text) error { panic("not built") }

// Fold gives text in the form in which it is compared: NFC, without case, ß as
// ss, white space (line ends too) as single blanks. What a German types finds what
// a German wrote: Fold("GRÜSSE") == Fold("Grüße").
func Fold(s string) string { panic("not built") }

// DecodeHeader decodes a header field's value for people (RFC 2047), unfolded,
// as UTF-8.
func DecodeHeader(value string) string { panic("not built") }

// DecodePart gives a reader of a part's content with its transfer encoding
// undone (RFC 3516 BINARY). ok is false for an encoding that is not known.
func DecodePart(r io.ReaderAt, p *Part) (content io.Reader, ok bool) { panic("not built") }
