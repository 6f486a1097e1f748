package imapd

import (
	"context"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/store"
)

// query is a search that runs: the messages it looks at do not change meanwhile.
type query struct {
	ctx  context.Context
	s    *session
	told *store.Snapshot
	now  time.Time
	// report, if not nil, is told how many of all messages were looked at.
	report func(done, all int)
}

// key is a search key (RFC 3501 §6.4.4), or several that belong together.
type key interface {
	// find gives those of the messages in that match.
	find(q *query, in spans) (spans, error)
	cost() cost
}

// cost says what a key has to look at. Cheap keys go first, so that dear ones
// see few messages.
type cost int

const (
	costArrays cost = iota // uid, flags and mod-sequence, in memory
	costIndex              // the index
	costText               // the mail's text
)

// allKey is ALL.
type allKey struct{}

func (allKey) cost() cost                             { return costArrays }
func (allKey) find(_ *query, in spans) (spans, error) { return in, nil }

// arrayKey looks at what is in memory.
type arrayKey struct {
	// prepare gives the test once the mailbox is known.
	prepare func(*query) func(store.Entry) bool
}

func (arrayKey) cost() cost { return costArrays }

func (k arrayKey) find(q *query, in spans) (spans, error) {
	match := k.prepare(q)
	var out spans
	for _, sp := range in {
		for i, e := range q.told.Range(sp.lo, sp.hi) {
			if match(e) {
				out.push(i)
			}
		}
	}
	return out, nil
}

// setKey is a set of sequence numbers or UIDs.
type setKey struct{ set imap.NumSet }

func (setKey) cost() cost { return costArrays }

func (k setKey) find(q *query, in spans) (spans, error) {
	// Numbers that do not exist match nothing: clients search 1:n while a
	// message goes away.
	if seq, ok := k.set.(imap.SeqSet); ok {
		k.set = q.s.existing(seq)
	}
	n, err := q.s.resolve(k.set)
	return n.spans.and(in), err
}

// mailKey looks at what the index knows of a mail.
type mailKey struct {
	fields store.Fields
	match  func(*query, *store.Mail) (bool, error)
}

func (mailKey) cost() cost { return costIndex }

func (k mailKey) find(q *query, in spans) (spans, error) {
	var out spans
	err := q.mails(in, k.fields, func(i int, m *store.Mail) error {
		ok, err := k.match(q, m)
		if ok {
			out.push(i)
		}
		return err
	})
	return out, err
}

// blocks calls fn for messages some at a time and reports.
func (q *query) blocks(of spans, fn func(index []int, block []store.Entry) error) error {
	done, all := 0, of.count()
	return of.blocks(q.told, func(index []int, block []store.Entry) error {
		if q.report != nil {
			q.report(done, all)
		}
		done += len(block)
		return fn(index, block)
	})
}

// mails calls fn for messages in order, with their indexes.
func (q *query) mails(of spans, fields store.Fields, fn func(i int, m *store.Mail) error) error {
	return q.blocks(of, func(index []int, block []store.Entry) error {
		return q.s.mbox.Mails(q.ctx, block, fields, func(e store.Entry, m *store.Mail) error {
			for block[0].UID != e.UID { // what was passed over is gone
				index, block = index[1:], block[1:]
			}
			return fn(index[0], m)
		})
	})
}

// textKey is TEXT or BODY.
type textKey struct{ text store.TextQuery }

func (textKey) cost() cost { return costText }

func (k textKey) find(q *query, in spans) (spans, error) {
	var out spans
	err := q.blocks(in, func(_ []int, block []store.Entry) error {
		uids, err := q.s.mbox.SearchText(q.ctx, block, k.text)
		if err != nil {
			return err
		}
		for _, sp := range spansOf(q.told, uids) {
			out.add(sp.lo, sp.hi)
		}
		return nil
	})
	return out, err
}

// andKey matches what all of its keys match, of which there is at least one,
// the cheap ones first.
type andKey []key

func (k andKey) cost() cost { return k[len(k)-1].cost() }

func (k andKey) find(q *query, in spans) (spans, error) {
	for _, sub := range k {
		if len(in) == 0 {
			break
		}
		var err error
		if in, err = sub.find(q, in); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// allOf makes a key of several that must all match.
func allOf(keys ...key) key {
	var cheap, dear andKey
	var mail *mailKey
	for _, k := range keys {
		switch k := k.(type) {
		case allKey:
		case mailKey:
			if mail == nil {
				mail = &k
				continue
			}
			a, b := *mail, k // one reading of the index serves both
			mail = &mailKey{a.fields | b.fields, func(q *query, m *store.Mail) (bool, error) {
				if ok, err := a.match(q, m); !ok || err != nil {
					return false, err
				}
				return b.match(q, m)
			}}
		default:
			if k.cost() == costArrays {
				cheap = append(cheap, k)
			} else {
				dear = append(dear, k)
			}
		}
	}
	if mail != nil {
		cheap = append(cheap, *mail)
	}
	for c := costIndex; c <= costText; c++ {
		for _, k := range dear {
			if k.cost() == c {
				cheap = append(cheap, k)
			}
		}
	}
	switch len(cheap) {
	case 0:
		return allKey{}
	case 1:
		return cheap[0]
	}
	return cheap
}

// orKey is OR.
type orKey struct{ a, b key }

func (k orKey) cost() cost { return max(k.a.cost(), k.b.cost()) }

func (k orKey) find(q *query, in spans) (spans, error) {
	a, err := k.a.find(q, in)
	if err != nil {
		return nil, err
	}
	b, err := k.b.find(q, in.without(a))
	return a.or(b), err
}

// anyOf makes a key of two of which one must match.
func anyOf(a, b key) key {
	if a.cost() > b.cost() {
		a, b = b, a
	}
	ma, aok := a.(mailKey)
	mb, bok := b.(mailKey)
	if !aok || !bok {
		return orKey{a, b}
	}
	return mailKey{ma.fields | mb.fields, func(q *query, m *store.Mail) (bool, error) {
		if ok, err := ma.match(q, m); ok || err != nil {
			return ok, err
		}
		return mb.match(q, m)
	}}
}

// notKey is NOT.
type notKey struct{ k key }

func (k notKey) cost() cost { return k.k.cost() }

func (k notKey) find(q *query, in spans) (spans, error) {
	out, err := k.k.find(q, in)
	return in.without(out), err
}

// noneOf makes the key that matches what k does not.
func noneOf(k key) key {
	switch k := k.(type) {
	case notKey:
		return k.k
	case bitKey:
		k.not = !k.not
		return k
	}
	m, ok := k.(mailKey)
	if !ok {
		return notKey{k}
	}
	return mailKey{m.fields, func(q *query, mail *store.Mail) (bool, error) {
		ok, err := m.match(q, mail)
		return !ok, err
	}}
}
