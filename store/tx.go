package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/emersion/go-imap/v2"
)

// state is a mailbox as a transaction left it. A state is never changed in
// place: a transaction puts a changed copy in its stead.
type state struct {
	name      string
	use       imap.MailboxAttr
	protected bool
	uidNext   uint32
	modSeq    uint64 // the highest that was given
	keywords  Keywords
	snap      *Snapshot // nil: not loaded
	over      *overlay  // never nil when loaded
}

// tx is a running transaction: a group's, or within it a request's, whose
// changes go into the group's when the request succeeds. It belongs to the
// writer's goroutine.
type tx struct {
	b      *Box
	w      *writer
	parent *tx // nil for a group's

	states map[*mailbox]*state // of mailboxes that it touched; nil: deleted
	tree   *tree               // nil: unchanged
	policy *policy             // nil: unchanged

	sync   map[string]bool // folders whose entries must be durable before the commit
	files  []mailFileName  // placed: removed when it is rolled back
	undo   []func()        // when it is rolled back, last first
	commit []func()        // after the commit, before anybody is answered
	events []Event         // told when everybody is answered
}

// state gives mailbox m as this transaction sees it; nil if it is deleted.
func (t *tx) state(m *mailbox) *state {
	for at := t; at != nil; at = at.parent {
		if s, ok := at.states[m]; ok {
			return s
		}
	}
	return m.state.Load()
}

// set puts a changed state in place.
func (t *tx) set(m *mailbox, s state) {
	t.states[m] = s.filled()
}

// filled gives a copy of s whose snapshot tells its counters and keywords.
func (s state) filled() *state {
	if s.snap != nil {
		snap := *s.snap
		snap.UIDNext, snap.HighestModSeq, snap.Keywords = imap.UID(s.uidNext), s.modSeq, s.keywords
		s.snap = &snap
	}
	return &s
}

// loaded gives a mailbox's state with its messages.
func (t *tx) loaded(m *mailbox) (state, error) {
	s := t.state(m)
	if s.isGone() {
		return state{}, ErrNoMailbox
	}
	if s.snap != nil {
		return *s, nil
	}
	with := *s
	chunks, err := loadChunks(t.w.conn, m.row)
	if err != nil {
		return state{}, err
	}
	with.snap = newSnapshot(chunks)
	if with.over, err = loadOverlay(t.w.conn, m.row); err != nil {
		return state{}, err
	}
	t.set(m, with)
	return *t.states[m], nil
}

// folders gives the tree as this transaction sees it.
func (t *tx) folders() *tree {
	for at := t; at != nil; at = at.parent {
		if at.tree != nil {
			return at.tree
		}
	}
	return t.b.tree.Load()
}

// mailbox finds a mailbox by name.
func (t *tx) mailbox(name string) (*mailbox, error) {
	if m := t.folders().names[name]; m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("%s: %w", name, ErrNoMailbox)
}

// exec runs a statement on the writer's connection.
func (t *tx) exec(query string, args ...any) error {
	_, err := t.w.exec(query, args...)
	return err
}

// row reads one row on the writer's connection.
func (t *tx) row(query string, args ...any) *sql.Row {
	return t.w.conn.QueryRowContext(context.Background(), query, args...)
}

// giveUIDs takes n UIDs, and a mod-sequence for them, out of s.
func (t *tx) giveUIDs(m *mailbox, s *state, n int) (first uint32, err error) {
	if int64(s.uidNext)+int64(n)-1 > maxUID {
		return 0, fmt.Errorf("%s has given all its UIDs: move its mails to a new mailbox", s.name)
	}
	first = s.uidNext
	s.uidNext += uint32(n)
	return first, t.giveModSeq(m, s)
}

// giveModSeq raises the mod-sequence of s and keeps both counters below
// the marks in mailbox.json. What was given stays given, whatever becomes of
// the request: a file that is undone must not be taken for a later one's.
func (t *tx) giveModSeq(m *mailbox, s *state) error {
	s.modSeq++
	if err := m.file.reserve(s.uidNext-1, s.modSeq); err != nil {
		return err
	}
	t.set(m, *s)
	return nil
}

// merge takes over what a request's transaction did.
func (t *tx) merge(r *tx) {
	for m, s := range r.states {
		t.states[m] = s
	}
	if r.tree != nil {
		t.tree = r.tree
	}
	if r.policy != nil {
		t.policy = r.policy
	}
	for dir := range r.sync {
		t.syncDir(dir)
	}
	t.files = append(t.files, r.files...)
	t.undo = append(t.undo, r.undo...)
	t.commit = append(t.commit, r.commit...)
	t.events = append(t.events, r.events...)
}

// syncDir asks for a folder's entries to be durable before the commit.
func (t *tx) syncDir(dir string) {
	if t.sync == nil {
		t.sync = map[string]bool{}
	}
	t.sync[dir] = true
}

// keepCounters takes over the counters alone of a request that failed: a UID
// that was given to a file is not given again.
func (t *tx) keepCounters(r *tx) {
	for m, s := range r.states {
		if now := t.state(m); now != nil && s != nil {
			t.states[m] = now.counted(s)
		}
	}
}

// burn takes the counters alone of a group that failed.
func (t *tx) burn(b *Box) {
	for m, s := range t.states {
		if now := m.state.Load(); now != nil && s != nil {
			m.state.Store(now.counted(s))
		}
	}
}

// counted gives a copy of s that gives no UID and no mod-sequence that
// other has given.
func (s *state) counted(other *state) *state {
	c := *s
	c.uidNext = max(c.uidNext, other.uidNext)
	c.modSeq = max(c.modSeq, other.modSeq)
	return c.filled()
}

func (t *tx) undoAll() {
	for i := len(t.undo) - 1; i >= 0; i-- {
		t.undo[i]()
	}
	t.undo = nil
	t.w.unplace(t.files)
	t.files = nil
}

// finish writes the counters of the mailboxes that a group touched and makes
// the folders durable in which it placed files.
func (t *tx) finish() error {
	for m, s := range t.states {
		if s == nil {
			continue
		}
		recent := m.recent.Load()
		if err := t.exec("UPDATE mailbox SET uidnext=?, modseq=?, recent=? WHERE id=?", s.uidNext, s.modSeq, recent, m.row); err != nil {
			return err
		}
		m.recentWritten = recent // if the transaction fails, at the latest Close writes it again
	}
	if err := t.forgetCollected(); err != nil {
		return err
	}
	if err := t.collectLeftFiles(); err != nil {
		return err
	}
	return t.b.disk.syncDirs(t.sync)
}

// publish shows what a group committed.
func (t *tx) publish() {
	t.b.changes.Add(1)
	for m, s := range t.states {
		if s == nil {
			m.gone()
			continue
		}
		m.state.Store(s)
	}
	if t.tree != nil {
		t.b.tree.Store(t.tree)
	}
	if t.policy != nil {
		t.b.policy.Store(t.policy)
	}
	for _, fn := range t.commit {
		fn()
	}
}

// notify wakes who watches a touched mailbox and tells of the events.
func (t *tx) notify() {
	for m := range t.states {
		for _, wake := range m.watchers.all() {
			wake()
		}
	}
	for _, tell := range t.b.listeners.all() {
		for _, e := range t.events {
			tell(e)
		}
	}
}
