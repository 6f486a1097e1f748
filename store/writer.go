package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
)

// A group commits at most so much at once, so that nobody waits long for
// strangers' mail. A single request may exceed it: it is never split.
const (
	groupMails    = 64
	groupBytes    = 4 << 20
	groupRequests = 256
)

// request is one change that waits for its turn.
type request struct {
	run   func(*tx) error // within the group's transaction; its error undoes this request alone
	plain func() error    // instead of run: outside of any transaction

	mails     int
	bytes     int64
	flagsOnly bool // may be lost with the power: committed with synchronous=NORMAL

	err  error
	done chan struct{}
}

// writer runs all changes of a box, one group after another. What arrives
// while a group runs forms the next one; it never waits for company.
type writer struct {
	b    *Box
	conn *sql.Conn

	mu        sync.Mutex
	queue     []*request
	closed    bool
	collected []int64       // rows of table gc whose files are gone
	wake      chan struct{} // capacity 1
	ended     chan struct{}
	busy      atomic.Bool // requests are running or waiting

	// Used by the writer's goroutine only.
	normal   bool           // synchronous=NORMAL is set on conn
	dirty    bool           // the database says that the box was not closed cleanly
	left     []mailFileName // placed in vain and not yet removed
	limbo    []*tx          // what to undo of groups whose COMMIT failed, once another one succeeds
	actors   map[ID]int64   // known persons and devices
	nextMail int64          // row of the next mail: never used again while the box is open
}

func newWriter(b *Box, conn *sql.Conn) *writer {
	return &writer{b: b, conn: conn, wake: make(chan struct{}, 1), ended: make(chan struct{}), actors: map[ID]int64{}}
}

// do queues a request and waits for its outcome. A context that ends takes it
// out of the queue; once its turn has come do waits, so that the caller never
// is in doubt about a commit.
func (w *writer) do(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.done = make(chan struct{})
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return ErrClosed
	}
	w.queue = append(w.queue, r)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		if w.withdraw(r) {
			return ctx.Err()
		}
		<-r.done
	}
	return r.err
}

func (w *writer) withdraw(r *request) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.queue, r)
	if i < 0 {
		return false
	}
	w.queue = slices.Delete(w.queue, i, i+1)
	return true
}

// stop lets what is queued finish and ends the writer's goroutine.
func (w *writer) stop() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	<-w.ended
}

func (w *writer) loop() {
	defer close(w.ended)
	for {
		group := w.take()
		if group == nil {
			return
		}
		if r := group[0]; r.plain != nil {
			r.err = r.plain()
			close(r.done)
			continue
		}
		w.group(group)
	}
}

// take waits for requests and takes as many as form a group; nil at the end.
func (w *writer) take() []*request {
	for {
		w.mu.Lock()
		if len(w.queue) > 0 {
			break
		}
		closed := w.closed
		w.busy.Store(false)
		w.mu.Unlock()
		if closed {
			return nil
		}
		<-w.wake
	}
	defer w.mu.Unlock()
	n, mails, bytes := 0, 0, int64(0)
	for _, r := range w.queue {
		if n > 0 && (r.plain != nil || w.queue[0].plain != nil || n == groupRequests ||
			mails+r.mails > groupMails || bytes+r.bytes > groupBytes) {
			break
		}
		n, mails, bytes = n+1, mails+r.mails, bytes+r.bytes
	}
	w.busy.Store(true)
	group := slices.Clone(w.queue[:n])
	w.queue = slices.Delete(w.queue, 0, n)
	return group
}

// group runs requests in one transaction, publishes what they did and answers.
func (w *writer) group(reqs []*request) {
	g := &tx{b: w.b, w: w, states: map[*mailbox]*state{}}
	if err := w.transaction(g, reqs); err != nil {
		for _, r := range reqs {
			if r.err == nil {
				r.err = indexError(err)
			}
		}
	} else {
		g.publish()
	}
	for _, r := range reqs {
		close(r.done)
	}
	g.notify()
}

func (w *writer) transaction(g *tx, reqs []*request) error {
	if err := w.begin(reqs); err != nil {
		return err
	}
	kept, err := w.runAll(g, reqs)
	if err == nil && kept > 0 {
		err = g.finish()
	}
	if err != nil || kept == 0 {
		// Nothing of this transaction can come back: what it did to
		// files is undone at once.
		_, rollback := w.exec("ROLLBACK")
		g.undoAll()
		g.burn(w.b)
		return errors.Join(err, ignoreNoTransaction(err, rollback))
	}
	if _, err := w.exec("COMMIT"); err != nil {
		// The transaction may stand complete in the WAL and be found there
		// after a crash; until another commit has overwritten it, the files
		// it names must stay.
		w.exec("ROLLBACK") // an error only means that SQLite has done it already
		w.limbo = append(w.limbo, g)
		g.burn(w.b)
		return err
	}
	for _, t := range w.limbo {
		t.undoAll()
	}
	w.limbo = nil
	return nil
}

// ignoreNoTransaction drops ROLLBACK's complaint when an earlier error, such
// as a full disk, has made SQLite roll back by itself.
func ignoreNoTransaction(cause, rollback error) error {
	if cause != nil {
		return nil
	}
	return rollback
}

// begin starts the group's transaction; before the first one it records that
// the box is in use, so that an unclean stop is seen at the next start.
func (w *writer) begin(reqs []*request) error {
	if !w.dirty {
		if err := w.synchronous(false); err != nil {
			return err
		}
		if _, err := w.exec("UPDATE meta SET value=0 WHERE key='clean'"); err != nil {
			return err
		}
		w.dirty = true
	}
	normal := true
	for _, r := range reqs {
		normal = normal && r.flagsOnly
	}
	if err := w.synchronous(normal); err != nil {
		return err
	}
	_, err := w.exec("BEGIN IMMEDIATE")
	return err
}

func (w *writer) synchronous(normal bool) error {
	if w.normal == normal {
		return nil
	}
	mode := "PRAGMA synchronous=FULL"
	if normal {
		mode = "PRAGMA synchronous=NORMAL"
	}
	_, err := w.exec(mode)
	if err == nil {
		w.normal = normal
	}
	return err
}

// runAll runs each request within a savepoint and gives how many succeeded. A
// request that is alone needs none: with it the whole transaction goes. The
// error is for what ended the whole transaction.
func (w *writer) runAll(g *tx, reqs []*request) (kept int, err error) {
	if len(reqs) == 1 {
		r := reqs[0]
		t := &tx{b: g.b, w: w, parent: g, states: map[*mailbox]*state{}}
		if r.err = indexError(r.run(t)); r.err != nil {
			t.undoAll()
			g.keepCounters(t)
			return 0, nil
		}
		g.merge(t)
		return 1, nil
	}
	for _, r := range reqs {
		if _, err := w.exec("SAVEPOINT r"); err != nil {
			return 0, err
		}
		t := &tx{b: g.b, w: w, parent: g, states: map[*mailbox]*state{}}
		if r.err = indexError(r.run(t)); r.err != nil {
			if _, err := w.exec("ROLLBACK TO r"); err != nil {
				t.undoAll()
				g.keepCounters(t)
				return 0, r.err
			}
			t.undoAll()
			g.keepCounters(t)
		} else {
			g.merge(t)
			kept++
		}
		if _, err := w.exec("RELEASE r"); err != nil {
			return 0, err
		}
	}
	return kept, nil
}

// statements is what a test's FS may have beside: it is asked before each
// statement and may give an error in its place.
type statements interface{ Statement(query string) error }

func (w *writer) exec(query string, args ...any) (sql.Result, error) {
	if s, is := w.b.disk.fs.(statements); is {
		if err := s.Statement(query); err != nil {
			return nil, err
		}
	}
	return w.conn.ExecContext(context.Background(), query, args...)
}
