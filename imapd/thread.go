package imapd

import (
	"cmp"
	"slices"
	"strings"

	"heimpost/message"
	"heimpost/store"
)

// thread is a message with the answers to it. One without a message (index
// -1) stands for a mail that is not there, or holds several together.
type thread struct {
	index    int
	sent     int64
	subject  string // base subject, folded
	reply    bool
	id       string
	refs     []string
	parent   *thread
	children []*thread
}

// threads reads what threading needs of messages.
func (q *query) threads(found spans, references bool) ([]*thread, error) {
	fields := store.FieldEnvelope
	if references {
		fields |= store.FieldHeader
	}
	all := make([]*thread, 0, found.count())
	err := q.mails(found, fields, func(i int, m *store.Mail) error {
		s := sorted{date: m.Date, env: readEnvelope(m.Envelope)}
		t := &thread{index: i, sent: s.sent().Unix()}
		t.subject, t.reply = baseSubject(s.env.subject)
		t.subject = message.Fold(t.subject)
		if all = append(all, t); !references {
			return nil
		}
		if ids := messageIDs(s.env.messageID); len(ids) > 0 {
			t.id = ids[0]
		}
		err := q.s.eachField(m, "References", func(value string) bool {
			t.refs = messageIDs(value)
			return len(t.refs) == 0
		})
		if len(t.refs) == 0 {
			if ids := messageIDs(s.env.inReplyTo); len(ids) > 0 {
				t.refs = ids[:1]
			}
		}
		return err
	})
	return all, err
}

// maxReferences bounds how many references of a mail are looked at: the last
// ones are those that matter.
const maxReferences = 200

// messageIDs gives the message ids in a header field's value.
func messageIDs(value string) []string {
	var ids []string
	for {
		_, rest, ok := strings.Cut(value, "<")
		if !ok {
			break
		}
		id, rest, ok := strings.Cut(rest, ">")
		if !ok {
			break
		}
		if id = strings.Join(strings.Fields(id), ""); id != "" {
			ids = append(ids, id)
		}
		value = rest
	}
	return ids[max(0, len(ids)-maxReferences):]
}

// orderedSubject makes threads of messages with the same base subject (RFC
// 5256 §3, ORDEREDSUBJECT): all of them answers to the oldest.
func orderedSubject(all []*thread) []*thread {
	slices.SortStableFunc(all, bySent)
	first := make(map[string]*thread)
	var roots []*thread
	for _, t := range all {
		if root := first[t.subject]; root != nil {
			root.children = append(root.children, t)
			continue
		}
		first[t.subject] = t
		roots = append(roots, t)
	}
	return roots
}

// bySent is the order of siblings: by the time of sending, then by number.
func bySent(a, b *thread) int {
	return cmp.Or(cmp.Compare(a.sent, b.sent), cmp.Compare(a.index, b.index))
}

// byReferences makes threads by the rules of RFC 5256 §3, REFERENCES.
func byReferences(all []*thread) []*thread {
	f := forest{ids: make(map[string]*thread, len(all))}
	for _, t := range all {
		f.add(t)
	}
	var roots []*thread
	for _, t := range f.all {
		if t.parent == nil {
			roots = append(roots, t)
		}
	}
	roots = prune(roots, true)
	for _, t := range roots {
		sortThread(t)
	}
	slices.SortStableFunc(roots, bySent)
	roots = joinSubjects(roots)
	for _, t := range roots {
		sortThread(t)
	}
	slices.SortStableFunc(roots, bySent)
	return roots
}

// forest is the first step: who answers whom.
type forest struct {
	ids map[string]*thread
	all []*thread
}

// add finds a message's place (step 1).
func (f *forest) add(t *thread) {
	if t.id != "" {
		switch known := f.ids[t.id]; {
		case known == nil:
			f.ids[t.id] = t
			f.all = append(f.all, t)
		case known.index < 0: // others named it before
			known.index, known.sent, known.subject, known.reply, known.refs = t.index, t.sent, t.subject, t.reply, t.refs
			t = known
		default: // a second mail of this id is another mail
			f.all = append(f.all, t)
		}
	} else {
		f.all = append(f.all, t)
	}
	var last *thread
	for _, id := range t.refs {
		ref := f.ids[id]
		if ref == nil {
			ref = &thread{index: -1, id: id}
			f.ids[id] = ref
			f.all = append(f.all, ref)
		}
		if last != nil && ref.parent == nil && !above(ref, last) {
			link(last, ref)
		}
		last = ref
	}
	if last == nil || above(t, last) {
		return
	}
	if t.parent != nil {
		t.parent.children = slices.DeleteFunc(t.parent.children, func(c *thread) bool { return c == t })
	}
	link(last, t)
}

func link(parent, child *thread) {
	child.parent = parent
	parent.children = append(parent.children, child)
}

// maxAncestors bounds the depth of threads, and so the work for each message.
const maxAncestors = 1000

// above reports whether t is below or the same as ancestor a, or too deep to
// be looked at: then no link is made.
func above(a, t *thread) bool {
	for n := 0; t != nil; t = t.parent {
		if n++; t == a || n > maxAncestors {
			return true
		}
	}
	return false
}

// prune takes out what stands for mails that are not there (step 3): their
// answers take their place, but several roots stay together.
func prune(siblings []*thread, root bool) []*thread {
	var out []*thread
	for _, t := range siblings {
		t.children = prune(t.children, false)
		switch {
		case t.index >= 0:
			out = append(out, t)
		case len(t.children) == 0:
		case root && len(t.children) > 1:
			out = append(out, t)
		default:
			out = append(out, t.children...)
		}
	}
	return out
}

// sortThread sorts all siblings below t (steps 4 and 6). What has no message
// has the time of its first child.
func sortThread(t *thread) {
	for _, c := range t.children {
		sortThread(c)
	}
	slices.SortStableFunc(t.children, bySent)
	if t.index < 0 && len(t.children) > 0 {
		t.sent = t.children[0].sent
	}
}

// first gives the message that a thread's subject is taken from.
func (t *thread) first() *thread {
	if t.index < 0 && len(t.children) > 0 {
		return t.children[0]
	}
	return t
}

// joinSubjects joins threads of the same base subject (step 5).
func joinSubjects(roots []*thread) []*thread {
	table := make(map[string]*thread)
	for _, t := range roots {
		f := t.first()
		if f.subject == "" {
			continue
		}
		old := table[f.subject]
		if old == nil || t.index < 0 && old.index >= 0 || old.index >= 0 && old.reply && !f.reply {
			table[f.subject] = t
		}
	}
	var out []*thread
	gone := make(map[*thread]bool)
	for _, t := range roots {
		f := t.first()
		other := table[f.subject]
		if f.subject == "" || other == t || other == nil {
			continue
		}
		switch {
		case other.index < 0 && t.index < 0:
			for _, c := range t.children {
				link(other, c)
			}
			gone[t] = true
		case other.index < 0, other.index >= 0 && f.reply && !other.reply:
			link(other, t)
			gone[t] = true
		default:
			// Neither answers the other: both stand below one without message.
			both := &thread{index: -1, sent: min(other.sent, t.sent)}
			link(both, other)
			link(both, t)
			table[f.subject] = both
			out = append(out, both)
			gone[other], gone[t] = true, true
		}
	}
	for _, t := range roots {
		if !gone[t] {
			out = append(out, t)
		}
	}
	return out
}
