package hub

import (
	"context"
	"errors"
	"os"
	"sync"

	"heimpost/store"
)

// boxes are the boxes that are open: each once, for all who use it. In a
// command a box is closed when its last user has let it go, in `serve` it
// stays open.
type boxes struct {
	h    *Hub
	mu   sync.Mutex
	open map[store.ID]*openBox
}

type openBox struct {
	ready chan struct{} // closed when box and err are set
	gone  chan struct{} // closed when it is no longer in the map
	idle  chan struct{} // closed when it is retired and nobody uses it
	box   *store.Box
	err   error
	refs  int
	// retired: nobody gets it any more.
	retired bool
}

func (b *boxes) init(h *Hub) {
	b.h, b.open = h, map[store.ID]*openBox{}
}

// errRetired is for a box that is just being removed.
var errRetired = newError(KindNotFound, "the box is being removed")

// use gives an open box until release is called.
func (b *boxes) use(ctx context.Context, id store.ID) (box *store.Box, release func(), err error) {
	for {
		b.mu.Lock()
		o := b.open[id]
		switch {
		case o == nil:
			o = &openBox{ready: make(chan struct{}), gone: make(chan struct{}), refs: 1}
			b.open[id] = o
			b.mu.Unlock()
			o.box, o.err = b.openBox(ctx, id)
			close(o.ready)
			if o.err == nil {
				// Who named somebody while it was being opened did not find it.
				if err := b.relabel(ctx, o.box); err != nil {
					b.release(id, o)
					return nil, nil, err
				}
			}
		case o.retired:
			b.mu.Unlock()
			return nil, nil, errRetired
		case b.closing(o):
			b.mu.Unlock()
			select {
			case <-o.gone:
				continue
			case <-ctx.Done():
				return nil, nil, context.Cause(ctx)
			}
		default:
			o.refs++
			b.mu.Unlock()
		}
		select {
		case <-o.ready:
		case <-ctx.Done():
			go func() { <-o.ready; b.release(id, o) }()
			return nil, nil, context.Cause(ctx)
		}
		if o.err != nil {
			err := o.err
			b.release(id, o)
			if errors.Is(err, context.Canceled) && ctx.Err() == nil {
				continue // it was the other one who gave up
			}
			return nil, nil, err
		}
		return o.box, sync.OnceFunc(func() { b.release(id, o) }), nil
	}
}

// closing reports whether a box that nobody uses is on its way out.
func (b *boxes) closing(o *openBox) bool {
	return o.refs == 0 && !o.retired && (!b.h.o.Serve || o.err != nil)
}

func (b *boxes) release(id store.ID, o *openBox) {
	b.mu.Lock()
	o.refs--
	if o.refs > 0 || b.open[id] != o {
		b.mu.Unlock()
		return
	}
	if o.retired {
		close(o.idle)
		b.mu.Unlock()
		return
	}
	if b.h.o.Serve && o.err == nil {
		b.mu.Unlock()
		return
	}
	b.mu.Unlock()
	if o.err == nil {
		if err := o.box.Close(); err != nil {
			b.h.log.Error("closing a box", "box", id, "error", err)
		}
	}
	b.forget(id, o)
}

func (b *boxes) forget(id store.ID, o *openBox) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, id)
	close(o.gone)
}

// openBox opens a box's folder and tells it everybody's names.
func (b *boxes) openBox(ctx context.Context, id store.ID) (*store.Box, error) {
	h := b.h
	info, err := h.boxByID(ctx, h.db, id)
	if err != nil {
		return nil, err
	}
	o := h.storeOptions()
	o.LockWait = h.o.Wait
	if h.o.OnWait != nil {
		o.OnWait = func() { h.o.OnWait("box " + info.Name) }
	}
	box, err := store.OpenBox(ctx, h.boxDir(info.Name), o)
	if err != nil {
		return nil, boxError(info.Name, err)
	}
	if box.ID() != id {
		return nil, errors.Join(newError("", "the folder %s holds another box than the one of this name: put the right folder back", h.boxDir(info.Name)), box.Close())
	}
	err = b.relabel(ctx, box)
	if err == nil {
		// An open box expires deleted mail; its index may be a new one.
		err = setRetain(ctx, info, box)
	}
	if err == nil && h.o.Serve { // only there somebody looks
		err = h.setPolicy(ctx, id, box)
		h.answers.watch(id, box)
	}
	if err != nil {
		return nil, errors.Join(boxError(info.Name, err), box.Close())
	}
	return box, nil
}

// boxError says what to do about a box that cannot be opened.
func boxError(name string, err error) error {
	switch {
	case errors.Is(err, store.ErrLocked):
		return newError(KindRunning, "the box %s is in use by another heimpost command: try again when it has ended", name)
	case errors.Is(err, store.ErrDamaged):
		return because("%v: heimpost rebuild %s", err, name)
	case errors.Is(err, store.ErrNotABox), errors.Is(err, os.ErrNotExist):
		return because("the folder of box %s is missing or is no box: put it back from a backup, or remove the box (%v)", name, err)
	}
	return err
}

// retire lets nobody use a box any more, waits until nobody does, and closes
// it. done frees its id again, whatever has become of it.
func (b *boxes) retire(ctx context.Context, id store.ID) (done func(), err error) {
	b.mu.Lock()
	o := b.open[id]
	for o != nil && b.closing(o) {
		b.mu.Unlock()
		<-o.gone
		b.mu.Lock()
		o = b.open[id]
	}
	if o != nil && o.retired {
		b.mu.Unlock()
		return nil, errRetired
	}
	if o == nil {
		o = &openBox{ready: make(chan struct{}), gone: make(chan struct{})}
		close(o.ready)
		b.open[id] = o
	}
	o.retired, o.idle = true, make(chan struct{})
	if o.refs == 0 {
		close(o.idle)
	}
	b.mu.Unlock()
	select {
	case <-o.idle:
	case <-ctx.Done():
		b.mu.Lock()
		stays := o.refs > 0
		o.retired = !stays
		b.mu.Unlock()
		if stays {
			return nil, newError("", "somebody still uses the box: try again in a moment")
		}
	}
	done = sync.OnceFunc(func() { b.forget(id, o) })
	if o.box != nil {
		if err := o.box.Close(); err != nil {
			done()
			return nil, err
		}
	}
	return done, nil
}

// each calls fn for the boxes that are open now.
func (b *boxes) each(fn func(id store.ID, box *store.Box) error) error {
	b.mu.Lock()
	ready := map[store.ID]*store.Box{}
	for id, o := range b.open {
		select {
		case <-o.ready:
			if o.box != nil && !o.retired {
				ready[id] = o.box
			}
		default: // it will be opened with what is true then
		}
	}
	b.mu.Unlock()
	var errs []error
	for id, box := range ready {
		if err := fn(id, box); err != nil && !errors.Is(err, store.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// closeAll closes all boxes; nobody uses them any more.
func (b *boxes) closeAll() error {
	return b.each(func(_ store.ID, box *store.Box) error { return box.Close() })
}

// labels are the names of persons and devices that box folders carry along.
func (h *Hub) labels(ctx context.Context) (map[store.ID]string, error) {
	out := map[store.ID]string{}
	rows, err := h.db.QueryContext(ctx, `
		SELECT id, iif(title='', name, title) FROM person
		UNION ALL SELECT d.id, d.name FROM device d`)
	if err != nil {
		return nil, dbError(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id store.ID
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			return nil, dbError(err)
		}
		out[id] = name
	}
	return out, dbError(rows.Err())
}

// relabel tells a box everybody's names.
func (b *boxes) relabel(ctx context.Context, box *store.Box) error {
	names, err := b.h.labels(ctx)
	if err != nil {
		return err
	}
	return box.SetNames(names)
}

// relabel tells open boxes of names that were given.
func (h *Hub) relabel(ctx context.Context) error {
	names, err := h.labels(ctx)
	if err != nil {
		return err
	}
	return h.boxes.each(func(_ store.ID, box *store.Box) error { return box.SetNames(names) })
}
