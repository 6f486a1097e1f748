package imapd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/emersion/go-imap/v2"

	"heimpost/message"
	"heimpost/store"
)

// fetch is a FETCH that runs.
type fetch struct {
	*conn
	fetchArgs
	seen spans // messages that it marked as read: it tells their flags
	gone int   // messages that are not there any more
	src  source
	err  error // the first thing that went wrong with a message; the others are answered
}

// fields gives what has to be read from the index.
func (f *fetch) fields() (fields store.Fields, index bool) {
	for item, field := range map[fetchItems]store.Fields{
		itemDate: 0, itemSize: 0, itemEmailID: 0,
		itemEnvelope: store.FieldEnvelope, itemBody: store.FieldStructure, itemStructure: store.FieldStructure,
		itemSaved: store.FieldSaved, itemPreview: store.FieldParts,
	} {
		if f.items&item != 0 {
			fields, index = fields|field, true
		}
	}
	for i := range f.sections {
		index = true
		s := &f.sections[i]
		switch {
		case s.listed():
			fields |= store.FieldHeader
		case !s.whole():
			fields |= store.FieldParts
		}
		if !s.partial && (s.whole() || s.portion == portionText && len(s.numbers) == 0) {
			fields |= store.FieldFile
		}
	}
	return fields, index
}

// whole reports whether the section is all of the mail.
func (s *section) whole() bool { return s.portion == portionAll && len(s.numbers) == 0 && !s.binary }

// listed reports whether the section is a choice of the mail's own header.
func (s *section) listed() bool {
	return (s.portion == portionFields || s.portion == portionFieldsNot) && len(s.numbers) == 0
}

// run answers for messages of the snapshot that the client was told of.
func (f *fetch) run(of spans) {
	s := f.sel
	fields, index := f.fields()
	if !index {
		for _, sp := range of {
			for i, e := range s.told.Range(sp.lo, sp.hi) {
				if f.out.Err() != nil {
					return
				}
				f.begin(i, e)
				f.endFetch()
			}
		}
		return
	}
	err := of.blocks(s.told, func(index []int, block []store.Entry) error {
		f.gone += len(block)
		return s.mbox.Mails(f.ctx, block, fields, func(e store.Entry, m *store.Mail) error {
			for block[0].UID != e.UID { // what was passed over is gone
				index, block = index[1:], block[1:]
			}
			f.gone--
			err := f.message(index[0], e, m)
			switch {
			case errors.Is(err, store.ErrExpunged):
				f.gone++
			case err != nil && f.err == nil:
				f.err = err
			}
			return f.out.Err()
		})
	})
	if err != nil && f.err == nil {
		f.err = err
	}
}

// begin writes a response up to what the index is needed for.
func (f *fetch) begin(i int, e store.Entry) {
	f.beginFetch(i, e, f.cmd.uid || f.items&itemUID != 0)
	seen := len(f.seen) > 0 && f.seen.contains(i)
	if seen || f.items&itemFlags != 0 {
		f.item("FLAGS (").Raw(f.flagNames(e)).Special(')')
	}
	if seen && f.modSeqs() || f.items&itemModSeq != 0 {
		f.item("MODSEQ (").Number(e.ModSeq).Special(')')
	}
	if f.items&itemThreadID != 0 {
		f.item("THREADID NIL")
	}
}

// message writes the response for one message. It begins to write only when
// all that can fail but the reading of bytes that are there has been done.
func (f *fetch) message(i int, e store.Entry, m *store.Mail) error {
	src := &f.src
	src.of(f.sel, m)
	defer src.close()
	for j := range f.sections {
		c, err := src.content(&f.sections[j])
		if err != nil {
			return err
		}
		if len(src.picked) > maxHeld { // all else is read when it is written
			return no(imap.ResponseCodeLimit, "This is more of the headers than can be told at a time.")
		}
		src.bodies = append(src.bodies, c)
	}
	var preview string
	if f.items&itemPreview != 0 {
		var err error
		if preview, err = src.preview(); err != nil {
			return err
		}
	}

	f.begin(i, e)
	if f.items&itemDate != 0 {
		f.item("INTERNALDATE ").DateTime(m.Date)
	}
	if f.items&itemSize != 0 {
		f.item("RFC822.SIZE ").Number(uint64(m.Size))
	}
	if f.items&itemEnvelope != 0 {
		f.item("ENVELOPE ").Bytes(m.Envelope)
	}
	if f.items&itemBody != 0 {
		f.item("BODY ").Bytes(message.Body(m.BodyStructure))
	}
	if f.items&itemStructure != 0 {
		f.item("BODYSTRUCTURE ").Bytes(m.BodyStructure)
	}
	if f.items&itemSaved != 0 {
		f.item("SAVEDATE ").DateTime(m.Saved)
	}
	if f.items&itemEmailID != 0 {
		f.item("EMAILID (").Raw(m.EmailID()).Special(')')
	}
	if f.items&itemPreview != 0 {
		f.item("PREVIEW ").String(preview)
	}
	for j, b := range src.bodies {
		f.body(&f.sections[j], b)
	}
	f.endFetch()
	return f.out.Err()
}

// maxHeld bounds what of a mail's headers is told in one response.
const maxHeld = 4 * maxHeader

// body writes a section's content. An empty one is "", not {0}: iOS waits for
// a minute after an empty literal.
func (f *fetch) body(s *section, b content) {
	f.item(s.label).SP()
	switch {
	case s.onlyLen:
		f.out.Number(uint64(b.size))
	case b.size == 0:
		f.out.Raw(`""`)
	case b.picked != nil:
		f.out.Literal(b.size).Bytes(b.picked)
	case s.binary:
		f.out.Literal8(b.size).Copy(b.r, b.size)
	default:
		f.out.Literal(b.size).Copy(b.r, b.size)
	}
}

// content is what a section answers: picked, if that is not nil, else what
// can be read.
type content struct {
	r      io.Reader
	size   int64
	picked []byte
}

func (c content) reader() io.Reader {
	if c.picked != nil {
		return bytes.NewReader(c.picked)
	}
	return c.r
}

// source is a mail that sections are read from; its file is opened when it is
// needed first.
type source struct {
	s    *session
	m    *store.Mail
	file store.MailFile
	root *message.Part

	bodies []content
	picked []byte // header fields that contents name
}

// of turns to another mail; what was used for the last one is used again.
func (src *source) of(s *session, m *store.Mail) {
	*src = source{s: s, m: m, bodies: src.bodies[:0], picked: src.picked[:0]}
}

func (src *source) close() {
	if src.file != nil {
		src.file.Close()
	}
}

// open opens the file. One whose size is not what the index says would make
// sections of other bytes than were asked for.
func (src *source) open() (io.ReaderAt, error) {
	if src.file == nil {
		file, err := src.s.mbox.OpenMail(src.m)
		if err != nil {
			return nil, err
		}
		src.file = file
		if file.Size() != src.m.Size {
			return nil, fmt.Errorf("the file of message %d has %d octets instead of %d: %w", src.m.UID, file.Size(), src.m.Size, store.ErrDamaged)
		}
	}
	return src.file, nil
}

// tree gives the mail's MIME tree.
func (src *source) tree() (_ *message.Part, err error) {
	if src.root == nil {
		if src.root, err = src.m.Parts(); err != nil {
			return nil, fmt.Errorf("the structure of message %d: %w", src.m.UID, err)
		}
	}
	return src.root, nil
}

// content prepares a section.
func (src *source) content(s *section) (content, error) {
	switch {
	case s.binary:
		return src.binary(s)
	case s.listed():
		header, err := src.s.header(src.m, s.portion == portionFields, s.fields...)
		return src.choose(s, header), err
	}
	at := extent{0, src.m.Size}
	if !s.whole() {
		root, err := src.tree()
		if err != nil {
			return content{}, err
		}
		at = s.locate(root)
	}
	choice := s.portion == portionFields || s.portion == portionFieldsNot
	if !choice {
		at = s.cut(at)
	}
	if at.len() == 0 {
		return content{}, nil
	}
	file, err := src.open()
	if err != nil {
		return content{}, err
	}
	if !choice {
		return content{r: io.NewSectionReader(file, at.from, at.len()), size: at.len()}, nil
	}
	header := make([]byte, min(at.len(), maxHeader))
	if _, err := file.ReadAt(header, at.from); err != nil && err != io.EOF {
		return content{}, err
	}
	return src.choose(s, header), nil
}

// choose picks the section's fields from a header.
func (src *source) choose(s *section, header []byte) content {
	from := len(src.picked)
	src.picked = pickFields(src.picked, header, s.fields, s.portion == portionFieldsNot)
	at := s.cut(extent{int64(from), int64(len(src.picked))})
	n := copy(src.picked[from:], src.picked[at.from:at.to])
	src.picked = src.picked[:from+n]
	return content{picked: src.picked[from:], size: int64(n)}
}

// binary prepares a part's content without its transfer encoding (RFC 3516
// §4.2). Of what holds other parts there is none to be undone.
func (src *source) binary(s *section) (content, error) {
	root, err := src.tree()
	if err != nil {
		return content{}, err
	}
	p, at := root.Find(s.numbers), s.locate(root)
	if at.len() == 0 {
		return content{}, nil
	}
	file, err := src.open()
	if err != nil {
		return content{}, err
	}
	if len(s.numbers) == 0 || p.IsMultipart() || p.IsMessage() {
		at = s.cut(at)
		return content{r: io.NewSectionReader(file, at.from, at.len()), size: at.len()}, nil
	}
	r, ok := message.DecodePart(file, p)
	if !ok {
		return content{}, no("UNKNOWN-CTE", "The encoding of part %s is not known.", s.label)
	}
	size, err := io.Copy(io.Discard, r)
	if err != nil {
		return content{}, err
	}
	at = s.cut(extent{0, size})
	r, _ = message.DecodePart(file, p)
	if _, err := io.CopyN(io.Discard, r, at.from); err != nil {
		return content{}, err
	}
	return content{r: io.LimitReader(r, at.len()), size: at.len()}, nil
}

// previewLength is how many characters a preview has at most (RFC 8970 §3.2).
const previewLength = 200

// preview gives the beginning of the mail's text, one line without markup.
func (src *source) preview() (string, error) {
	root, err := src.tree()
	if err != nil {
		return "", err
	}
	p := firstText(root)
	if p == nil {
		return "", nil
	}
	file, err := src.open()
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := message.WriteText(&b, file, p, message.Text{Body: true, Limit: 16 << 10}); err != nil {
		return "", err
	}
	text := []rune(strings.Join(strings.Fields(strings.ToValidUTF8(b.String(), "")), " "))
	return string(text[:min(len(text), previewLength)]), nil
}

// firstText gives the first part that is text and no attachment.
func firstText(p *message.Part) *message.Part {
	if p.Type == "text" && !p.Attachment {
		return p
	}
	if p.IsMessage() {
		return nil
	}
	for _, child := range p.Children {
		if t := firstText(child); t != nil {
			return t
		}
	}
	return nil
}
