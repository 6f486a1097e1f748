package hub

import (
	"context"
	"encoding/json"
	"fmt"
)

// Progress tells of a long action while it runs.
type Progress struct {
	What  string `json:"what"` // an account's address or a box's name
	Done  int    `json:"done"`
	Total int    `json:"total"`
	Bytes int64  `json:"bytes,omitempty"`
	Note  string `json:"note,omitempty"` // a sentence
}

// Op is an action with parameters P and result R. Commands ask for it by its
// name; it runs in the one process that may write.
type Op[P, R any] struct {
	name string
	run  func(h *Hub, ctx context.Context, p P, tell func(Progress)) (R, error)
}

// None stands for no parameters or no result.
type None struct{}

// ops are the actions by name, as the control channel finds them.
var ops = map[string]func(ctx context.Context, h *Hub, params json.RawMessage, tell func(Progress)) (any, error){}

// newOp makes an action known.
func newOp[P, R any](name string, run func(h *Hub, ctx context.Context, p P) (R, error)) Op[P, R] {
	return newLongOp(name, func(h *Hub, ctx context.Context, p P, _ func(Progress)) (R, error) { return run(h, ctx, p) })
}

// newLongOp makes an action known that tells how far it has come.
func newLongOp[P, R any](name string, run func(h *Hub, ctx context.Context, p P, tell func(Progress)) (R, error)) Op[P, R] {
	ops[name] = func(ctx context.Context, h *Hub, params json.RawMessage, tell func(Progress)) (any, error) {
		var p P
		if err := json.Unmarshal(params, &p); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return run(h, ctx, p, tell)
	}
	return Op[P, R]{name, run}
}

// Caller is a way to have actions done: an open data folder, or the `serve`
// that has it open.
type Caller interface {
	call(ctx context.Context, name string, params any, result any, tell func(Progress)) error
	Close() error
}

// Do has an action done. tell may be nil and is called by one goroutine.
func Do[P, R any](ctx context.Context, c Caller, op Op[P, R], p P, tell func(Progress)) (r R, err error) {
	if tell == nil {
		tell = func(Progress) {}
	}
	if h, here := c.(*Hub); here {
		return op.run(h, ctx, p, tell)
	}
	err = c.call(ctx, op.name, p, &r, tell)
	return r, err
}

// call makes a Hub a Caller; Do takes the shorter way.
func (h *Hub) call(ctx context.Context, name string, params, result any, tell func(Progress)) error {
	return fmt.Errorf("%s: not through a channel", name)
}
