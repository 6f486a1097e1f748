package hub

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"sync"
	"time"

	"heimpost/store"
)

// answers are the boxes in which a copy has arrived in Sent: which mail it
// answers is marked in every box that its sender may write to. The copy's box
// remembers what is to be marked until that is done, so a crash loses nothing;
// it happens right after the copy is stored.
type answers struct {
	mu   sync.Mutex
	due  map[store.ID]bool
	wake chan struct{} // capacity 1
	// done are the boxes in which a copy's mails are marked while another box
	// cannot yet be written; only the marking goroutine uses it.
	done map[answered]bool
}

// answered is a copy in a box's Sent, and a box in which it has marked mails.
type answered struct {
	box  store.ID
	sent int64
	in   store.ID
}

// answersAgain is how long a box that could not be marked is left alone.
const answersAgain = time.Minute

func (a *answers) init() {
	a.due, a.wake, a.done = map[store.ID]bool{}, make(chan struct{}, 1), map[answered]bool{}
}

// watch looks after a box that was opened.
func (a *answers) watch(id store.ID, box *store.Box) {
	box.OnEvent(func(e store.Event) {
		if e.Kind == "sent" {
			a.add(id)
		}
	})
	a.add(id) // what was left by the last run
}

func (a *answers) add(id store.ID) {
	a.mu.Lock()
	a.due[id] = true
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// take gives the boxes that are due.
func (a *answers) take() (ids []store.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id := range a.due {
		ids = append(ids, id)
	}
	clear(a.due)
	return ids
}

// markAnswered marks what was answered until ctx ends.
func (h *Hub) markAnswered(ctx context.Context) error {
	again := time.NewTimer(answersAgain)
	again.Stop()
	defer again.Stop()
	var failed []store.ID
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
			for _, id := range failed {
				h.answers.add(id)
			}
			failed = nil
			continue
		case <-h.answers.wake:
		}
		for _, id := range h.answers.take() {
			err := h.markSent(ctx, id)
			if err == nil || errors.Is(err, KindNotFound) || ctx.Err() != nil {
				continue
			}
			h.log.Error("answered mails cannot be marked", "box", id, "error", err)
			failed = append(failed, id)
			again.Reset(answersAgain)
		}
	}
}

// markSent marks what the copies in a box's Sent answer.
func (h *Hub) markSent(ctx context.Context, id store.ID) error {
	return h.withBox(ctx, id, func(box *store.Box) error {
		for {
			sent, err := box.Sent(ctx)
			if err != nil || len(sent) == 0 {
				return err
			}
			for _, s := range sent {
				if err := h.markIn(ctx, id, s); err != nil {
					return err
				}
				if err := box.SentDone(ctx, s); err != nil {
					return err
				}
				maps.DeleteFunc(h.answers.done, func(k answered, _ bool) bool { return k.box == id && k.sent == s.ID })
			}
		}
	})
}

// markIn marks what a copy in a box's Sent answers, in all boxes that take it.
func (h *Hub) markIn(ctx context.Context, id store.ID, s store.Sent) error {
	boxes, err := h.writable(ctx, s.Actor.Person)
	if err != nil {
		return err
	}
	var errs []error
	for _, to := range boxes {
		k := answered{id, s.ID, to}
		if h.answers.done[k] {
			continue
		}
		err := h.withBox(ctx, to, func(box *store.Box) error {
			_, err := box.MarkAnswered(ctx, s)
			return err
		})
		if err == nil {
			h.answers.done[k] = true
		} else if !errors.Is(err, KindNotFound) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// writable lists the boxes that a person may write to.
func (h *Hub) writable(ctx context.Context, person store.ID) ([]store.ID, error) {
	return collect(ctx, h.db, func(r *sql.Rows, id *store.ID) error { return r.Scan(id) },
		"SELECT id FROM box WHERE person=?1 UNION SELECT box FROM access WHERE person=?1 AND readonly=0", person)
}
