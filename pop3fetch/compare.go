package pop3fetch

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"heimpost/store"
)

// maxTop bounds a header that is compared. A longer one is compared by content.
const maxTop = 256 << 10

// sizeSlack is how much a mail's listed size may change while it stays the
// same mail: providers write Status and the like into it.
const sizeSlack = 1 << 10

// compare asks TOP for messages and decides by their headers whether each is
// the mail that its UID's row stands for. Those that it cannot decide are left
// as they are, to be compared by content.
func (s *session) compare(ctx context.Context, messages []*message) error {
	if len(messages) == 0 || s.c.caps != nil && !s.c.caps.has("TOP") {
		return nil
	}
	var same []store.UIDL
	err := s.tops(messages, func(m *message, header []byte) error {
		r, err := s.recogniseRow(ctx, m, header)
		if err != nil || r == nil {
			return err
		}
		if m.row != nil && m.row != r {
			delete(s.here, m.row)
		}
		if m.doubtful {
			s.book.seen(r, m.size, s.now())
			same = append(same, *r)
		}
		m.row, m.sure, m.doubtful = r, true, false
		s.here[r] = true
		return nil
	})
	if err != nil {
		return err
	}
	if len(same) > 0 {
		if err := s.c.prove(); err != nil {
			return err
		}
	}
	return s.write(ctx, same)
}

// recogniseRow gives the row of a message's UID whose stored mail has this
// header; nil where that is not certain.
func (s *session) recogniseRow(ctx context.Context, m *message, header []byte) (*store.UIDL, error) {
	top := fieldsOf(header)
	var found *store.UIDL
	for _, r := range s.book.uids[m.uid] {
		if s.here[r] && r != m.row {
			continue // another message's
		}
		if m.doubtful && abs(r.Size-m.size) > sizeSlack {
			continue
		}
		kept, is, err := s.box.MailHeader(ctx, r.Hash)
		if err != nil {
			return nil, &sinkError{err}
		}
		if !is || !sameFields(fieldsOf(kept), top) {
			continue
		}
		if found != nil && found.Hash != r.Hash {
			return nil, nil
		}
		if found == nil || r == m.row {
			found = r
		}
	}
	return found, nil
}

// sameMail reports whether a message that was retrieved under a UID whose row
// was never in doubt has the header of that row's mail: then it is that mail,
// even if the provider delivers it with other bytes each time.
func (s *session) sameMail(m *message, header []byte) bool {
	if m.row == nil || m.doubtful || m.uid == "" {
		return false
	}
	kept, is, err := s.box.MailHeader(context.Background(), m.row.Hash)
	return err == nil && is && sameFields(fieldsOf(kept), fieldsOf(header))
}

// tops asks TOP n 0 for messages and calls fn with each header that came.
func (s *session) tops(messages []*message, fn func(m *message, header []byte) error) error {
	most := 1
	if s.c.pipelines() && !s.careful {
		most = window
	}
	asked := 0
	var header bytes.Buffer
	for i, m := range messages {
		for ; asked < len(messages) && asked < i+most; asked++ {
			if err := s.c.send("TOP %d 0", messages[asked].n); err != nil {
				return err
			}
		}
		_, err := s.c.reply("TOP")
		if r, no := refused(err); no {
			if tokenExpired(r) {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		again, err := s.c.g.replyAgain()
		if err != nil {
			return err
		}
		header.Reset()
		fits, err := s.c.g.body(&header, maxTop)
		if err != nil {
			return err
		}
		if fits && again == 0 { // else the content decides
			if err := fn(m, header.Bytes()); err != nil {
				return err
			}
		}
	}
	return nil
}

// fields are a header's fields: lower-case names with their values, white
// space evened out, in order.
type fields map[string][]string

// fieldsOf reads a header. It ends at the first empty line.
func fieldsOf(header []byte) fields {
	f := fields{}
	var name, value string
	keep := func() {
		if name != "" {
			f[name] = append(f[name], strings.Join(strings.Fields(value), " "))
		}
	}
	for line := range bytes.Lines(header) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			value += " " + string(line)
			continue
		}
		keep()
		n, v, is := strings.Cut(string(line), ":")
		if name, value = strings.ToLower(strings.TrimSpace(n)), v; !is {
			name = ""
		}
	}
	keep()
	return f
}

// identifies reports whether a header has what at least must be there before
// equal headers mean the same mail. A date is not enough: devices without
// Message-IDs send several alarms in one second.
func identifies(f fields) bool { return len(f["message-id"]) > 0 }

// sameFields reports whether all fields that are kept of a stored mail stand
// in another header with the same values.
func sameFields(kept, other fields) bool {
	if !identifies(kept) {
		return false
	}
	for name, values := range kept {
		if !slices.Equal(values, other[name]) {
			return false
		}
	}
	return true
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}
