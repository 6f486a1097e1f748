package store

import (
	"maps"
	"slices"
	"sync"
)

// callbacks is a set of functions of type F that want to hear of something.
type callbacks[F any] struct {
	mu   sync.Mutex
	next int
	fns  map[int]F
}

// add takes fn into the set until stop is called.
func (c *callbacks[F]) add(fn F) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fns == nil {
		c.fns = map[int]F{}
	}
	c.next++
	n := c.next
	c.fns[n] = fn
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.fns, n)
	}
}

// all gives the functions, to be called without the set's lock.
func (c *callbacks[F]) all() []F {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Values(c.fns))
}
