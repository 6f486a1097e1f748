package store

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/emersion/go-imap/v2"
)

// inbox is the name of the mailbox that every box has (RFC 3501 §5.1).
const inbox = "INBOX"

// mailbox is a mailbox of a box, shared by all views.
type mailbox struct {
	row         int64
	id          ID
	uidValidity uint32
	file        *mailboxFile

	state         atomic.Pointer[state]
	recent        atomic.Uint32 // lowest UID that no session was told as \Recent
	watchers      callbacks[func()]
	recentWritten uint32 // as the index has it; the writer's
	counted       atomic.Pointer[counts]
	lensed        lensed
}

// gone publishes that the mailbox was deleted. One that was made in the same
// group has never been seen.
func (m *mailbox) gone() {
	var last state
	if s := m.state.Load(); s != nil {
		last = *s
	}
	snap := Snapshot{UIDNext: imap.UID(last.uidNext), HighestModSeq: last.modSeq, Gone: true}
	last.snap = &snap
	m.state.Store(&last)
}

// isGone reports whether the mailbox was deleted.
func (s *state) isGone() bool { return s == nil || s.snap != nil && s.snap.Gone }

// tree is a box's mailboxes and subscriptions. A tree is never changed in
// place.
type tree struct {
	names map[string]*mailbox
	list  []named // ordered by name, INBOX first
	subs  map[subscription]bool
}

type named struct {
	name string
	*mailbox
}

// subscription is a person's word on a name; person "" stands for everybody
// who has said nothing about it.
type subscription struct {
	person ID
	name   string
}

// newTree orders names.
func newTree(names map[string]*mailbox, subs map[subscription]bool) *tree {
	t := &tree{names: names, subs: subs, list: make([]named, 0, len(names))}
	for name, m := range names {
		t.list = append(t.list, named{name, m})
	}
	slices.SortFunc(t.list, func(a, b named) int {
		if (a.name == inbox) != (b.name == inbox) {
			if a.name == inbox {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.name, b.name)
	})
	return t
}

// changed gives a copy of t in which fn has changed the names.
func (t *tree) changed(fn func(map[string]*mailbox)) *tree {
	names := maps.Clone(t.names)
	fn(names)
	return newTree(names, t.subs)
}

// subscribed reports whether a person has subscribed to a name.
func (t *tree) subscribed(person ID, name string) bool {
	if on, said := t.subs[subscription{person, name}]; said {
		return on
	}
	return t.subs[subscription{"", name}]
}

// subscriptions lists a person's subscriptions, ordered.
func (t *tree) subscriptions(person ID) []string {
	seen := map[string]bool{}
	for s := range t.subs {
		if (s.person == person || s.person == "") && t.subscribed(person, s.name) {
			seen[s.name] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// loadTree reads mailboxes, keywords and subscriptions from the index.
func (b *Box) loadTree(c *sql.Conn) error {
	ctx := context.Background()
	byRow := map[int64]*mailbox{}
	names := map[string]*mailbox{}
	rows, err := c.QueryContext(ctx, "SELECT id, mailbox, name, specialuse, uidvalidity, uidnext, modseq, recent, protected FROM mailbox")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		m, s, recent := &mailbox{}, &state{}, uint32(0)
		if err := rows.Scan(&m.row, &m.id, &s.name, &s.use, &m.uidValidity, &s.uidNext, &s.modSeq, &recent, &s.protected); err != nil {
			return err
		}
		m.recent.Store(recent)
		m.recentWritten = recent
		m.state.Store(s)
		byRow[m.row], names[s.name] = m, m
	}
	if err := rows.Err(); err != nil {
		return err
	}

	rows, err = c.QueryContext(ctx, "SELECT mailbox, place, name FROM keyword ORDER BY mailbox, place")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var row int64
		var place int
		var name string
		if err := rows.Scan(&row, &place, &name); err != nil {
			return err
		}
		if m := byRow[row]; m != nil && place >= 0 && place < MaxKeywords {
			s := m.state.Load() // not yet shared: it may be changed
			for len(s.keywords) <= place {
				s.keywords = append(s.keywords, "")
			}
			s.keywords[place] = name
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}

	subs := map[subscription]bool{}
	rows, err = c.QueryContext(ctx, "SELECT coalesce(a.actor, ''), s.name, s.subscribed FROM subscription s LEFT JOIN actor a ON a.id=s.person")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var s subscription
		var on bool
		if err := rows.Scan(&s.person, &s.name, &on); err != nil {
			return err
		}
		subs[s] = on
	}
	b.tree.Store(newTree(names, subs))
	return rows.Err()
}
