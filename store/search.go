package store

import (
	"context"
	"fmt"

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
	if q.Text == "" {
		return setOf(spans(entries)), nil
	}
	needle := message.Fold(q.Text)
	var hits []Entry
	err := m.Mails(ctx, entries, FieldParts, func(e Entry, mail *Mail) error {
		found, err := m.fileHolds(ctx, mail, q, needle)
		if found {
			hits = append(hits, e)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return setOf(spans(hits)), nil
}

// fileHolds looks for a folded text in a mail's file.
func (m *Mailbox) fileHolds(ctx context.Context, mail *Mail, q TextQuery, needle string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	found, err := m.v.b.mailHolds(func() (MailFile, error) { return m.OpenMail(mail) }, mail.parts, q, needle)
	if err != nil {
		return false, fmt.Errorf("searching message %d of %s: %w", mail.UID, m.Name(), err)
	}
	return found, nil
}
