package imapd

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"heimpost/message"
	"heimpost/store"
)

// sortKey is a criterion of SORT (RFC 5256 §3, RFC 5957).
type sortKey struct {
	reverse bool
	field   sortField
}

// sortField is what a criterion compares.
type sortField struct {
	fields store.Fields
	time   func(*sorted) time.Time // one of the three
	text   func(*sorted) string
	number func(*sorted) int64
}

// sortFields are the criteria by name.
var sortFields = map[string]sortField{
	"ARRIVAL":     {time: func(m *sorted) time.Time { return m.date }},
	"DATE":        {fields: store.FieldEnvelope, time: (*sorted).sent},
	"SIZE":        {number: func(m *sorted) int64 { return m.size }},
	"SUBJECT":     {fields: store.FieldEnvelope, text: func(m *sorted) string { s, _ := baseSubject(m.env.subject); return s }},
	"FROM":        {fields: store.FieldEnvelope, text: func(m *sorted) string { return m.env.from.mailbox }},
	"TO":          {fields: store.FieldEnvelope, text: func(m *sorted) string { return m.env.to.mailbox }},
	"CC":          {fields: store.FieldEnvelope, text: func(m *sorted) string { return m.env.cc.mailbox }},
	"RELEVANCY":   {number: func(*sorted) int64 { return 100 }}, // RFC 6203 §5
	"DISPLAYFROM": {fields: store.FieldEnvelope, text: func(m *sorted) string { return m.env.from.display() }},
	"DISPLAYTO":   {fields: store.FieldEnvelope, text: func(m *sorted) string { return m.env.to.display() }},
}

// display gives what people see of an address (RFC 5957 §3).
func (a address) display() string {
	switch name := message.DecodeHeader(a.name); {
	case name != "":
		return name
	case a.host == "":
		return a.mailbox
	}
	return a.mailbox + "@" + a.host
}

// sorted is a message on its way through SORT or THREAD.
type sorted struct {
	index  int
	date   time.Time
	size   int64
	env    envelope
	values []value // of the criteria
}

// value is what a criterion compares of one message.
type value struct {
	text   string
	number int64
}

// sent gives the time in the Date field, or INTERNALDATE where there is none
// (RFC 5256 §2.2).
func (m *sorted) sent() time.Time {
	if t, ok := message.ParseDate(m.env.date); ok {
		return t
	}
	return m.date
}

// sort brings messages into the order that the criteria ask for; what is equal
// stays in the mailbox's order.
func (q *query) sort(found spans, by []sortKey) ([]int, error) {
	var fields store.Fields
	for _, k := range by {
		fields |= k.field.fields
	}
	all := make([]sorted, 0, found.count())
	values := make([]value, 0, len(by)*cap(all))
	err := q.mails(found, fields, func(i int, m *store.Mail) error {
		s := sorted{index: i, date: m.Date, size: m.Size, env: readEnvelope(m.Envelope)}
		for _, k := range by {
			var v value
			switch f := k.field; {
			case f.time != nil:
				v.number = f.time(&s).Unix()
			case f.text != nil:
				v.text = message.Fold(f.text(&s))
			default:
				v.number = f.number(&s)
			}
			values = append(values, v)
		}
		s.env = envelope{}
		s.values = values[len(values)-len(by):]
		all = append(all, s)
		return nil
	})
	slices.SortStableFunc(all, func(a, b sorted) int {
		for i, k := range by {
			c := cmp.Or(strings.Compare(a.values[i].text, b.values[i].text), cmp.Compare(a.values[i].number, b.values[i].number))
			if k.reverse {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	out := make([]int, len(all))
	for i := range all {
		out[i] = all[i].index
	}
	return out, err
}

// baseSubject gives what is left of a subject without "Re:", "Fwd:" and the
// like (RFC 5256 §2.1), and whether there was any of them.
func baseSubject(subject string) (base string, reply bool) {
	s := strings.Join(strings.Fields(message.DecodeHeader(subject)), " ")
	for {
		for { // trailing "(fwd)"
			t := strings.TrimRight(s, " ")
			if n := len(t) - len("(fwd)"); n >= 0 && strings.EqualFold(t[n:], "(fwd)") {
				s, reply = t[:n], true
				continue
			}
			s = t
			break
		}
		for {
			if rest, ok := cutLeader(s); ok {
				s, reply = rest, true
				continue
			}
			if rest, ok := cutBlob(s); ok && rest != "" {
				s = rest
				continue
			}
			break
		}
		if n := len(s); n > len("[fwd:]") && strings.EqualFold(s[:5], "[fwd:") && s[n-1] == ']' {
			s, reply = strings.TrimSpace(s[5:n-1]), true
			continue
		}
		return s, reply
	}
}

// cutBlob takes "[…] " off the beginning.
func cutBlob(s string) (rest string, ok bool) {
	if !strings.HasPrefix(s, "[") {
		return s, false
	}
	n := strings.IndexAny(s[1:], "[]") + 1
	if n == 0 || s[n] != ']' {
		return s, false
	}
	return strings.TrimLeft(s[n+1:], " "), true
}

// cutLeader takes "Re:", "Fw:" or "Fwd:", blobs before and within it included,
// off the beginning.
func cutLeader(s string) (rest string, ok bool) {
	t := s
	for {
		cut, ok := cutBlob(t)
		if !ok {
			break
		}
		t = cut
	}
	switch {
	case len(t) >= 3 && strings.EqualFold(t[:3], "fwd"):
		t = t[3:]
	case len(t) >= 2 && (strings.EqualFold(t[:2], "re") || strings.EqualFold(t[:2], "fw")):
		t = t[2:]
	default:
		return s, false
	}
	t = strings.TrimLeft(t, " ")
	if cut, ok := cutBlob(t); ok {
		t = cut
	}
	t, ok = strings.CutPrefix(t, ":")
	if !ok {
		return s, false
	}
	return strings.TrimLeft(t, " "), true
}
