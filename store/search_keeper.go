package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// searchGather is how long the keeper lets company come before it takes
	// up new mail: a burst is one batch, and a box that is opened for a single
	// job is left alone. Who searches does not wait for it.
	searchGather = time.Second
	// searchRest is how many times as long as a round took it rests at least
	// before the next: in a large box a single new mail costs a pass over the
	// entries.
	searchRest = 20
	// searchRetry is how long it waits after an error, such as a full disk.
	searchRetry = time.Minute
	// droppedAtMost bounds what is remembered of mails that are gone; where
	// there are more, all mails are compared again.
	droppedAtMost = 1 << 16
)

// search is a box's full text: the database search.db and the keeper, a
// goroutine that brings and keeps it up to date, gently. What is not in the
// database is no error: whoever searches then reads the mail's file.
type search struct {
	b    *Box
	path string

	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{} // capacity 1: there is something to do
	hurry  chan struct{} // capacity 1: somebody waits for it
	ready  chan struct{} // closed when db was compared with the index, or could not be
	ended  chan struct{}

	mu sync.RWMutex // held for reading while db is in use
	db *searchDB    // nil: there is none that was compared with the index

	indexed atomic.Int64 // each mail of the index up to this row is in db
	damaged atomic.Bool  // a reader found db damaged

	droppedMu sync.Mutex
	dropped   []int64 // mails that are gone
	overflow  bool    // and more than that
}

// startSearch starts the keeper of a box's full text.
func (b *Box) startSearch(path string) {
	s := &search{b: b, path: path, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1),
		ready: make(chan struct{}), ended: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	b.search = s
	b.OnEvent(func(e Event) {
		switch e.Kind {
		case "delivered", "appended", "imported", "copied":
			s.notice()
		}
	})
	s.notice()
	go s.loop()
}

// stop ends the keeper and closes the database.
func (s *search) stop() {
	s.cancel()
	<-s.ended
}

// notice tells the keeper that there may be something to do.
func (s *search) notice() { signal(s.wake) }

// drop tells the keeper that mails are gone.
func (s *search) drop(mails []int64) {
	s.droppedMu.Lock()
	if len(s.dropped)+len(mails) > droppedAtMost {
		s.dropped, s.overflow = nil, true
	}
	if !s.overflow {
		s.dropped = append(s.dropped, mails...)
	}
	s.droppedMu.Unlock()
	s.notice()
}

// loop is the keeper.
func (s *search) loop() {
	defer close(s.ended)
	ready := sync.OnceFunc(func() { close(s.ready) })
	defer ready()
	defer s.close()
	failed, rest := false, searchGather
	for s.wait(s.wake) && s.pause(rest) {
		start := time.Now()
		err := s.keep(ready)
		rest = max(searchGather, min(searchRest*time.Since(start), searchRetry))
		ready()
		if err != nil && s.ctx.Err() == nil {
			// A database that cannot be read is made anew; whatever else it
			// is may pass.
			if errors.Is(err, ErrDamaged) || errors.Is(err, ErrNewerVersion) {
				err = s.discard()
			}
			if failed || err != nil {
				s.pause(searchRetry)
			}
			s.notice()
		}
		failed = err != nil
	}
}

// wait waits for a token; false: the box is being closed.
func (s *search) wait(c chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// pause waits for a time, or until somebody is in a hurry; false: the box is
// being closed.
func (s *search) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.hurry:
	case <-s.ctx.Done():
	}
	return s.ctx.Err() == nil
}

// keep opens the database where it is not open and brings it up to date.
func (s *search) keep(ready func()) error {
	if s.damaged.Load() {
		return ErrDamaged
	}
	x := s.db // only this goroutine changes it
	if x == nil {
		var err error
		if x, err = openSearchDB(s.path); err != nil {
			return err
		}
		indexed, err := s.compare(x)
		if err != nil {
			return errors.Join(err, x.close())
		}
		s.indexed.Store(indexed)
		s.mu.Lock()
		s.db = x
		s.mu.Unlock()
		ready()
	}
	for {
		if err := s.removeDropped(x); err != nil {
			return err
		}
		if more, err := s.index(x); err != nil || !more {
			return err
		}
	}
}

// close closes the database.
func (s *search) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return nil
	}
	x := s.db
	s.db = nil
	return x.close()
}

// discard removes a database that is of no use.
func (s *search) discard() error {
	s.close() // it is damaged: an error is no news
	if err := removeSearchDB(s.path); err != nil {
		return err
	}
	s.damaged.Store(false)
	return nil
}

// removeDropped takes mails that are gone out of the database.
func (s *search) removeDropped(x *searchDB) error {
	s.droppedMu.Lock()
	ids, overflow := s.dropped, s.overflow
	s.dropped, s.overflow = nil, false
	s.droppedMu.Unlock()
	if overflow {
		_, err := s.compare(x)
		return err
	}
	return s.remove(x, ids)
}

// SearchPending gives how many mails of the box are not yet in its full-text
// index. They are found all the same, only slower.
func (b *Box) SearchPending(ctx context.Context) (n int, err error) {
	var docs int
	err = b.search.use(ctx, func(x *searchDB) error {
		after := b.search.indexed.Load()
		if err := x.read.QueryRowContext(ctx, "SELECT count(*) FROM doc WHERE id>?", after).Scan(&docs); err != nil {
			return err
		}
		return b.index.read.QueryRowContext(ctx, "SELECT count(*) FROM mail WHERE id>?", after).Scan(&n)
	})
	if errors.Is(err, errNoSearch) {
		err = b.index.read.QueryRowContext(ctx, "SELECT count(*) FROM mail").Scan(&n)
	}
	if err != nil {
		return 0, fmt.Errorf("counting what is not indexed: %w", indexError(err))
	}
	return max(0, n-docs), nil
}

// errNoSearch says that the database cannot be used.
var errNoSearch = errors.New("there is no full-text index")

// use runs fn with the database, which it keeps open and in place meanwhile;
// at the start it waits until the database was compared with the index.
func (s *search) use(ctx context.Context, fn func(*searchDB) error) error {
	select {
	case <-s.ready:
	default:
		signal(s.hurry)
		select {
		case <-s.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.db == nil {
		return errNoSearch
	}
	err := fn(s.db)
	if errors.Is(indexError(err), ErrDamaged) {
		s.damaged.Store(true)
		s.notice()
	}
	return err
}
