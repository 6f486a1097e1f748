package store

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"

	"golang.org/x/text/unicode/norm"

	"heimpost/message"
)

// This file is how the text of a mail is folded and searched as a stream, so
// that a mail of any size takes the memory of one piece.

// foldPiece is how many octets of text are folded at a time.
const foldPiece = 64 << 10

// foldWriter hands what is written to it on, folded. Where its pieces end
// makes no difference to what comes out.
type foldWriter struct {
	to    func(folded string) error
	buf   []byte
	blank bool // the last octet handed on was a blank
}

func (w *foldWriter) Write(p []byte) (int, error) {
	w.buf = append(w.buf, p...)
	for len(w.buf) >= foldPiece {
		cut := foldCut(w.buf[:foldPiece])
		if err := w.piece(w.buf[:cut]); err != nil {
			return 0, err
		}
		w.buf = w.buf[:copy(w.buf, w.buf[cut:])]
	}
	return len(p), nil
}

// finish hands on what is left.
func (w *foldWriter) finish() error {
	defer func() { w.buf = w.buf[:0] }()
	return w.piece(w.buf)
}

func (w *foldWriter) piece(b []byte) error {
	s := message.Fold(string(b))
	if w.blank && s != "" && s[0] == ' ' {
		s = s[1:] // white space that a cut has parted
	}
	if s == "" {
		return nil
	}
	w.blank = s[len(s)-1] == ' '
	return w.to(s)
}

// foldCut gives where text can be cut so that its parts fold as the whole
// does: before white space, else where no character composes with the next.
func foldCut(b []byte) int {
	if i := bytes.LastIndexAny(b, " \n\t\r"); i > 0 {
		return i
	}
	if i := norm.NFC.LastBoundary(b); i > 0 {
		return i
	}
	return len(b)
}

// finder looks for a folded text in pieces of folded text.
type finder struct {
	needle string
	tail   string // what a match may begin with
}

// errFound ends the writing of a text in which enough was found.
var errFound = errors.New("found")

// look gives errFound when the text up to and with s holds the needle.
func (f *finder) look(s string) error {
	s = f.tail + s
	if strings.Contains(s, f.needle) {
		return errFound
	}
	f.tail = s[max(0, len(s)-len(f.needle)+1):]
	return nil
}

// writeText hands on the folded text of a mail's header or body.
func writeText(file io.ReaderAt, root *message.Part, t message.Text, to func(string) error) error {
	w := &foldWriter{to: to}
	if err := message.WriteText(w, file, root, t); err != nil {
		return err
	}
	return w.finish()
}

// texts are the parts of a mail that a query looks into. Each is searched by
// itself, so that no hit begins in the header and ends in the body.
func (q TextQuery) texts() []message.Text {
	var out []message.Text
	if q.Header {
		out = append(out, message.Text{Header: true, Limit: math.MaxInt64})
	}
	if q.Body {
		out = append(out, message.Text{Body: true, Limit: math.MaxInt64})
	}
	return out
}

// holdsText looks for a folded text in a mail's file; parts is the mail's tree
// as the index has it.
func holdsText(file io.ReaderAt, size int64, parts []byte, q TextQuery, needle string) (bool, error) {
	root, err := partsOf(file, size, parts)
	if err != nil {
		return false, err
	}
	for _, t := range q.texts() {
		err := writeText(file, root, t, (&finder{needle: needle}).look)
		if errors.Is(err, errFound) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// partsOf decodes a mail's tree; where that cannot be done it scans the mail
// anew.
func partsOf(file io.ReaderAt, size int64, parts []byte) (*message.Part, error) {
	if root, err := message.DecodeParts(parts); err == nil {
		return root, nil
	}
	var s message.Scanner
	if _, err := io.Copy(&s, io.NewSectionReader(file, 0, size)); err != nil {
		return nil, err
	}
	return s.Finish().Root, nil
}
