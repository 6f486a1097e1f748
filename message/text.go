package message

import "io"

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
