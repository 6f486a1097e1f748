package imapd

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/message"
	"heimpost/store"
)

// flagKey matches messages that have a flag. \Recent is the session's.
func flagKey(f imap.Flag) key {
	if strings.EqualFold(string(f), `\Recent`) {
		return arrayKey{func(q *query) func(store.Entry) bool {
			return func(e store.Entry) bool { return q.s.isRecent(e.UID) }
		}}
	}
	return bitKey{flag: f}
}

// bitKey matches messages that have a flag, or (not) those that lack it.
type bitKey struct {
	flag imap.Flag
	not  bool
}

func (bitKey) cost() cost { return costArrays }

func (k bitKey) find(q *query, in spans) (spans, error) {
	bit, ok := store.SystemFlag(k.flag)
	if !ok {
		bit, _ = q.told.Keywords.Bit(string(k.flag))
	}
	out := newSpans()
	for _, sp := range in {
		q.told.Flagged(sp.lo, sp.hi, bit, k.not, out.add)
	}
	return out, nil
}

// modSeqKey matches messages that changed at or after a mod-sequence (RFC
// 7162 §3.1.5).
func modSeqKey(n uint64) key {
	return arrayKey{func(*query) func(store.Entry) bool {
		return func(e store.Entry) bool { return e.ModSeq >= n }
	}}
}

// sizeKey compares RFC822.SIZE.
func sizeKey(match func(size int64) bool) key {
	return mailKey{match: func(_ *query, m *store.Mail) (bool, error) { return match(m.Size), nil }}
}

// day is a date without time and zone, in the order of the calendar.
type day int

func dayOf(t time.Time) day {
	y, m, d := t.Date()
	return day(y*10000 + int(m)*100 + d)
}

// dateKey compares INTERNALDATE, disregarding time and zone.
func dateKey(match func(day) bool) key {
	return mailKey{match: func(_ *query, m *store.Mail) (bool, error) { return match(dayOf(m.Date)), nil }}
}

// savedKey compares the day when the message came into the mailbox (RFC 8514).
func savedKey(match func(day) bool) key {
	return mailKey{fields: store.FieldSaved, match: func(_ *query, m *store.Mail) (bool, error) {
		return match(dayOf(m.Saved)), nil
	}}
}

// sentKey compares the Date field, disregarding time and zone. A mail without
// a date that can be read matches nothing.
func sentKey(match func(day) bool) key {
	return mailKey{fields: store.FieldHeader, match: func(q *query, m *store.Mail) (bool, error) {
		t, ok, err := q.sent(m)
		return ok && match(dayOf(t)), err
	}}
}

// sent gives the time in the mail's Date field.
func (q *query) sent(m *store.Mail) (t time.Time, ok bool, err error) {
	err = q.s.eachField(m, "Date", func(value string) bool {
		t, ok = message.ParseDate(value)
		return !ok
	})
	return t, ok, err
}

// youngerKey and olderKey compare INTERNALDATE with the time of the search;
// both hold for the very second (RFC 5032 §3).
func youngerKey(seconds int64) key {
	return mailKey{match: func(q *query, m *store.Mail) (bool, error) {
		return q.now.Unix()-m.Date.Unix() <= seconds, nil
	}}
}

func olderKey(seconds int64) key {
	return mailKey{match: func(q *query, m *store.Mail) (bool, error) {
		return q.now.Unix()-m.Date.Unix() >= seconds, nil
	}}
}

// headerKey looks for a text in the fields of a name; the empty text matches
// each mail that has the field.
func headerKey(name, text string) key {
	text = message.Fold(text)
	fields, folded := store.FoldedField(name)
	if !folded {
		fields = store.FieldHeader
	}
	needle := []byte(text)
	return mailKey{fields: fields, match: func(q *query, m *store.Mail) (found bool, err error) {
		if folded {
			if have, known := m.Folded(fields); known {
				return len(have) > 0 && bytes.Contains(have, needle), nil
			}
		}
		err = q.s.eachField(m, name, func(value string) bool {
			found = strings.Contains(message.Fold(value), text)
			return !found
		})
		return found, err
	}}
}

// emailIDKey is EMAILID (RFC 8474).
func emailIDKey(id string) key {
	return mailKey{match: func(_ *query, m *store.Mail) (bool, error) { return m.EmailID() == id, nil }}
}

// never matches nothing.
var never = arrayKey{func(*query) func(store.Entry) bool {
	return func(store.Entry) bool { return false }
}}

// eachField calls fn with the decoded value of each field of a name, until it
// returns false. The mail was read with FieldHeader.
func (s *session) eachField(m *store.Mail, name string, fn func(value string) bool) error {
	header, err := s.header(m, true, name)
	for n, field := range message.HeaderFields(header) {
		if equalName(n, name) && !fn(fieldValue(field)) {
			break
		}
	}
	return err
}

// header gives a mail's header with all the fields of these names or, unless
// only they are wanted, with all there are: from the index if it has them,
// else from the file. The mail was read with FieldHeader.
func (s *session) header(m *store.Mail, only bool, names ...string) ([]byte, error) {
	if m.HeaderComplete {
		return m.Header, nil
	}
	kept := only && len(m.Header) > 0
	for _, name := range names {
		kept = kept && message.Kept(name)
	}
	if kept {
		return m.Header, nil
	}
	return s.readHeader(m)
}

// maxHeader is how much of a mail's header is looked at where the index does
// not hold it.
const maxHeader = 4 << 20

// readHeader reads a mail's header from its file.
func (s *session) readHeader(m *store.Mail) ([]byte, error) {
	f, err := s.mbox.OpenMail(m)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var header []byte
	for size := int64(16 << 10); ; size *= 8 {
		size = min(size, f.Size(), maxHeader)
		header = slices.Grow(header[:0], int(size))[:size]
		n, err := f.ReadAt(header, 0)
		if err != nil && err != io.EOF {
			return nil, err
		}
		header = header[:n]
		if bytes.Contains(header, []byte("\r\n\r\n")) || size == min(f.Size(), maxHeader) {
			return header, nil
		}
	}
}
