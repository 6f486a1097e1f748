package pop3fetch

import (
	"context"
	"strings"

	"heimpost/store"
)

// When a provider gives all its messages new UIDs, as after a migration, they
// look like new mail. It is taken for that if at least renumbered known
// messages were there last time, less than a fifth of them still is, at least
// four fifths of what is listed is unknown, and there is about as much of it.
// Then a message that has the header of exactly one of the missing mails takes
// that mail's place and is not retrieved again; of the others the content
// decides.
const renumbered = 20

// missing are the mails whose messages went when the provider renumbered.
type missing struct {
	rows map[string][]*store.UIDL // by what identifies a header
	kept map[*store.UIDL]fields
}

// recognise looks for renumbering and recognises what it can by TOP. gone are
// the rows whose messages were listed last time and are no longer.
func (s *session) recognise(ctx context.Context, gone []store.UIDL) error {
	if lists(s.a) == onceOnly {
		return nil // there it is no wonder that others are listed each time
	}
	var unknown []*message
	known := 0
	for _, m := range s.messages {
		if m.row != nil {
			known++
		} else if !m.doubtful && m.uid != "" {
			unknown = append(unknown, m)
		}
	}
	var left []*store.UIDL
	for _, g := range gone {
		if g.State == store.UIDLStored && g.UID != "" { // not deleted by us
			left = append(left, s.book.rows[rowKey{g.UID, g.Ordinal}])
		}
	}
	before, now := known+len(left), len(s.messages)
	if before < renumbered || known*5 >= before || len(unknown)*5 < now*4 || now*2 < before || now > before*2 {
		return nil
	}
	s.log.Warn("the provider has given its messages new numbers; comparing them by their headers",
		"account", s.a.Address, "messages", now)
	s.missing = &missing{rows: map[string][]*store.UIDL{}, kept: map[*store.UIDL]fields{}}
	for _, r := range left {
		header, found, err := s.box.MailHeader(ctx, r.Hash)
		if err != nil {
			return &sinkError{err}
		}
		if f := fieldsOf(header); found && identifies(f) {
			s.missing.rows[f.key()] = append(s.missing.rows[f.key()], r)
			s.missing.kept[r] = f
		}
	}
	if s.c.caps != nil && !s.c.caps.has("TOP") {
		return nil
	}
	var adopted []store.UIDL
	err := s.tops(unknown, func(m *message, header []byte) error {
		if r := s.missing.take(fieldsOf(header), m.size); r != nil {
			m.row = s.book.add(m.uid, m.size, r.Hash, r.FirstAt, s.now())
			s.here[m.row] = true
			adopted = append(adopted, *m.row)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.c.prove(); err != nil {
		return err
	}
	return s.write(ctx, adopted)
}

// take gives the one missing mail that has this header and about this size,
// and takes it away; nil if there is none or it is not certain.
func (x *missing) take(header fields, size int64) *store.UIDL {
	rows := x.rows[header.key()]
	if len(rows) != 1 || !sameFields(x.kept[rows[0]], header) || abs(rows[0].Size-size) > sizeSlack {
		return nil
	}
	delete(x.rows, header.key())
	return rows[0]
}

// key is what mails are looked up by; equal keys are not yet equal mails.
func (f fields) key() string {
	return strings.Join(f["message-id"], "\n") + "\x00" + strings.Join(f["date"], "\n")
}
