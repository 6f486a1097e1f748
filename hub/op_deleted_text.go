package hub

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode"

	"heimpost/message"
	"heimpost/store"
)

// DeletedID names one deleted mail of a box.
type DeletedID struct {
	Box string `json:"box"`
	ID  int64  `json:"id"`
}

// DeletedText is a deleted mail as it can be looked at without risk: nothing
// of it is more than text.
type DeletedText struct {
	DeletedMail
	Text        string   `json:"text"`
	Cut         bool     `json:"cut"`         // there is more text
	FromHTML    bool     `json:"from_html"`   // it had no plain text
	Attachments []string `json:"attachments"` // their names
}

// DeletedRead gives a deleted mail's text.
var DeletedRead = newOp("deleted.read", (*Hub).deletedRead)

const (
	maxReadText        = 48 << 10
	maxReadAttachments = 50
)

func (h *Hub) deletedRead(ctx context.Context, p DeletedID) (out DeletedText, err error) {
	b, err := h.box(ctx, h.db, p.Box)
	if err != nil {
		return out, err
	}
	names, err := h.actorNames(ctx)
	if err != nil {
		return out, err
	}
	err = h.withBox(ctx, b.ID, func(box *store.Box) error {
		m, f, root, err := box.OpenDeleted(ctx, p.ID)
		if errors.Is(err, store.ErrExpunged) {
			return notFound("the box %s has no deleted mail %d (heimpost deleted list %s shows all)", b.Name, p.ID, b.Name)
		}
		if err != nil {
			return err
		}
		defer f.Close()
		out.DeletedMail = deletedMail(m, names.of(box))
		return out.read(f, root)
	})
	return out, err
}

// read fills in the text of a mail and its attachments.
func (d *DeletedText) read(f io.ReaderAt, root *message.Part) error {
	r := reader{out: d, f: f}
	d.Attachments = []string{}
	if err := r.part(root); err != nil {
		return because("reading a deleted mail: %v", err)
	}
	d.Text, d.Cut = tidy(r.text.Bytes())
	return nil
}

// reader collects what people read of a mail.
type reader struct {
	out  *DeletedText
	f    io.ReaderAt
	text bytes.Buffer
}

func (r *reader) part(p *message.Part) error {
	switch {
	case p.IsMultipart() && p.Subtype == "alternative":
		return r.part(best(p.Children))
	case p.IsMultipart():
		for _, kid := range p.Children {
			if err := r.part(kid); err != nil {
				return err
			}
		}
		return nil
	case p.Type == "text" && !p.Attachment && p.FileName == "":
		left := maxReadText + 1 - r.text.Len()
		if left <= 0 {
			return nil
		}
		r.out.FromHTML = r.out.FromHTML || p.Subtype == "html"
		return message.WriteText(&r.text, r.f, p, message.Text{Body: true, Limit: int64(left)})
	case len(r.out.Attachments) < maxReadAttachments:
		name := p.FileName
		if name == "" {
			name = p.Type + "/" + p.Subtype
		}
		r.out.Attachments = append(r.out.Attachments, visible(name))
	}
	return nil
}

// best gives that of several forms of one text which is plain, else the last
// one (RFC 2046 §5.1.4: the last is the richest).
func best(forms []*message.Part) *message.Part {
	if len(forms) == 0 {
		return &message.Part{Type: "text", Subtype: "plain"}
	}
	if i := slices.IndexFunc(forms, func(p *message.Part) bool { return p.Type == "text" && p.Subtype == "plain" && !p.Attachment }); i >= 0 {
		return forms[i]
	}
	return forms[len(forms)-1]
}

// tidy gives text in lines without what cannot be seen, at most one empty line
// in a row.
func tidy(text []byte) (out string, cut bool) {
	if cut = len(text) > maxReadText; cut {
		text = text[:maxReadText]
	}
	var b strings.Builder
	empty := true
	for line := range strings.Lines(strings.ToValidUTF8(string(text), "�")) {
		line = strings.TrimRight(visible(line), " \t")
		if line == "" && empty {
			continue
		}
		empty = line == ""
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n"), cut
}

// visible drops control characters and what turns the direction of writing:
// both make text look like what it is not.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return -1
		}
		return r
	}, s)
}
