package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/message"
)

// DeletedQuery says which deleted mails Deleted gives; what is zero does not
// narrow.
type DeletedQuery struct {
	Text    string    // in the header or the body, as SearchText finds it
	From    string    // in the From field
	Since   time.Time // deleted then or later
	Mailbox string    // deleted from the mailbox of this name
	Limit   int       // 0: deletedLimit
}

// deletedLimit is how many deleted mails Deleted gives unless it is told.
const deletedLimit = 1000

// DeletedMail is a deleted mail that can be restored.
type DeletedMail struct {
	ID        int64 // what Restore and Purge take
	MailID    string
	MessageID string
	Subject   string
	From      string
	Date      time.Time // INTERNALDATE
	Size      int64
	Mailbox   string // its name then
	DeletedAt time.Time
	Person    ID // who deleted it, with which device
	Device    ID
	Flags     []imap.Flag // that it had

	mail  int64
	parts []byte
	file  keptFile
}

// Deleted lists deleted mails, those first that were deleted last.
func (b *Box) Deleted(ctx context.Context, q DeletedQuery) ([]DeletedMail, error) {
	limit := q.Limit
	if limit <= 0 {
		limit = deletedLimit
	}
	if q.Mailbox != "" {
		var err error
		if q.Mailbox, err = cleanName(q.Mailbox); err != nil {
			return nil, err
		}
	}
	var out []DeletedMail
	for before := int64(1<<63 - 1); before != 0; {
		page, last, err := b.deletedPage(ctx, q, before, mailsBlock)
		if err == nil && q.Text != "" {
			page, err = b.deletedWith(ctx, page, q.Text)
		}
		if err != nil {
			return nil, fmt.Errorf("listing deleted mail: %w", indexError(err))
		}
		if out = append(out, page...); len(out) >= limit {
			return out[:limit], nil
		}
		before = last
	}
	return out, nil
}

// OpenDeleted opens a deleted mail for reading, with its MIME tree; the
// caller closes it. ErrExpunged: there is no deleted mail of this id any more.
func (b *Box) OpenDeleted(ctx context.Context, id int64) (m DeletedMail, f MailFile, root *message.Part, err error) {
	page, _, err := b.deletedPage(ctx, DeletedQuery{}, id+1, 1)
	if err != nil {
		return m, nil, nil, fmt.Errorf("opening a deleted mail: %w", indexError(err))
	}
	if len(page) == 0 || page[0].ID != id {
		return m, nil, nil, ErrExpunged
	}
	m = page[0]
	if f, err = b.disk.openKept(m.file); err != nil {
		return m, nil, nil, err
	}
	if root, err = partsOf(f, f.Size(), m.parts); err != nil {
		f.Close()
		return m, nil, nil, err
	}
	return m, f, root, nil
}

// deletedPage gives the deleted mails of at most so many rows before one that fit the
// query save for its text, and the last of those rows, 0 at the end.
func (b *Box) deletedPage(ctx context.Context, q DeletedQuery, before int64, most int) (out []DeletedMail, last int64, err error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	from := message.Fold(q.From)
	rows, err := b.index.read.QueryContext(context.WithoutCancel(ctx), `
		SELECT d.id, d.mail, d.uid, d.flags, x.at, coalesce(p.actor, ''), coalesce(v.actor, ''), x.mailbox, x.name, x.keywords,
			m.date, m.zone, m.size, m.hash, e.subject, coalesce(e.messageid, ''), h.header, s.parts
		FROM deleted d JOIN deletion x ON x.id=d.deletion LEFT JOIN actor p ON p.id=x.person LEFT JOIN actor v ON v.id=x.device
		JOIN mail m ON m.id=d.mail JOIN mail_envelope e ON e.id=d.mail JOIN mail_header h ON h.id=d.mail JOIN mail_structure s ON s.id=d.mail
		WHERE d.id<? ORDER BY d.id DESC LIMIT ?`, before, most)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var m DeletedMail
		var flags, at, seconds int64
		var zone int
		var keywords, header []byte
		hash := m.file.hash[:0]
		if err := rows.Scan(&m.ID, &m.mail, &m.file.uid, &flags, &at, &m.Person, &m.Device, &m.file.mailbox, &m.Mailbox, &keywords,
			&seconds, &zone, &m.Size, &hash, &m.Subject, &m.MessageID, &header, &m.parts); err != nil {
			return nil, 0, err
		}
		last = m.ID
		m.DeletedAt, m.From = time.Unix(at, 0).UTC(), message.DecodeHeader(fieldOf(header, "From"))
		if m.DeletedAt.Before(q.Since) || q.Mailbox != "" && m.Mailbox != q.Mailbox || !strings.Contains(message.Fold(m.From), from) {
			continue
		}
		m.Date = dateIn(seconds, zone)
		copy(m.file.hash[:], hash)
		m.file.date, m.file.size, m.file.day = m.Date, m.Size, dayOf(m.DeletedAt)
		m.MailID = idEncoding.EncodeToString(hash)
		m.Flags = keywordsOf(keywords).Names(Flags(flags))
		out = append(out, m)
	}
	if n < most {
		last = 0
	}
	return out, last, rows.Err()
}

// deletedWith gives those of deleted mails that hold a text.
func (b *Box) deletedWith(ctx context.Context, mails []DeletedMail, text string) (out []DeletedMail, err error) {
	q := TextQuery{Text: text, Header: true, Body: true}
	needle := q.needle()
	if needle == "" {
		return mails, nil
	}
	v := &verdicts{}
	for _, m := range mails {
		v.mails = append(v.mails, m.mail)
	}
	v.sort()
	if err := b.search.find(ctx, v, q, needle); err != nil {
		return nil, err
	}
	for i, m := range mails {
		is := v.on(m.mail, i)
		if is == unknown {
			found, err := b.keptHolds(ctx, m, q, needle)
			if err != nil {
				return nil, err
			}
			if found {
				is = holds
			}
		}
		if is == holds {
			out = append(out, m)
		}
	}
	return out, nil
}

// keptHolds looks for a folded text in a deleted mail's file.
func (b *Box) keptHolds(ctx context.Context, m DeletedMail, q TextQuery, needle string) (bool, error) {
	f, err := b.disk.openKept(m.file)
	if errors.Is(err, ErrExpunged) {
		return false, nil // restored or purged meanwhile
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	return holdsText(&stoppable{ctx, f}, f.Size(), m.parts, q, needle)
}

// fieldOf gives the value of the first header field of a name, unfolded.
func fieldOf(header []byte, name string) string {
	var value []byte
	found := false
	for line := range bytes.Lines(header) {
		switch {
		case found && (line[0] == ' ' || line[0] == '\t'):
			value = append(value, bytes.TrimRight(line, "\r\n")...)
		case found:
			return strings.TrimSpace(string(value))
		case len(line) > len(name) && line[len(name)] == ':' && strings.EqualFold(string(line[:len(name)]), name):
			found, value = true, slices.Clone(bytes.TrimRight(line[len(name)+1:], "\r\n"))
		}
	}
	return strings.TrimSpace(string(value))
}
