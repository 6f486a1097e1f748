package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"heimpost/message"
)

// TextQuery asks for mails that hold a text, compared after message.Fold:
// without case, umlauts and ß as people type them, any white space as a blank.
type TextQuery struct {
	Text   string // empty: every mail holds it
	Header bool   // look into the header fields
	Body   bool   // look into the text of the body and the names of attachments
}

// SearchText gives the UIDs of those messages among entries, which must ascend
// by UID, that hold a text (RFC 3501 §6.4.4: TEXT is Header and Body, BODY is
// Body). The answer is always complete: what the full-text index does not
// have yet is read from the mail files. Messages whose mail is gone are not
// in it.
func (m *Mailbox) SearchText(ctx context.Context, entries []Entry, q TextQuery) (imap.UIDSet, error) {
	needle := q.needle()
	if needle == "" {
		return setOf(spans(entries)), nil
	}
	if !q.Header && !q.Body {
		return nil, nil
	}
	v := newVerdicts(entries)
	if err := m.v.b.search.find(ctx, v, q, needle); err != nil {
		return nil, err
	}
	var hits, left []Entry
	for i, e := range entries {
		switch v.on(e.mail, i) {
		case holds:
			hits = append(hits, e)
		case unknown:
			left = append(left, e)
		}
	}
	if len(left) == 0 {
		return setOf(spans(hits)), nil
	}
	err := m.Mails(ctx, left, FieldParts, func(e Entry, mail *Mail) error {
		found, err := m.fileHolds(ctx, mail, q, needle)
		if found {
			hits = append(hits, e)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(hits, func(a, b Entry) int { return cmp.Compare(a.UID, b.UID) })
	return setOf(spans(hits)), nil
}

// needle gives the text in the form in which it is looked for: folded, without
// NUL, which mails' text does not have.
func (q TextQuery) needle() string { return strings.ReplaceAll(message.Fold(q.Text), "\x00", "") }

// fileHolds looks for a folded text in a mail's file.
func (m *Mailbox) fileHolds(ctx context.Context, mail *Mail, q TextQuery, needle string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	f, err := m.OpenMail(mail)
	if errors.Is(err, ErrExpunged) {
		return false, nil
	}
	if err == nil {
		defer f.Close()
		var found bool
		if found, err = holdsText(&stoppable{ctx, f}, f.Size(), mail.parts, q, needle); err == nil {
			return found, nil
		}
	}
	return false, fmt.Errorf("searching message %d of %s: %w", mail.UID, m.Name(), err)
}
