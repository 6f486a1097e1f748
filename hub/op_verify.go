package hub

import (
	"context"

	"heimpost/store"
)

// Verified is what Verify found in one box.
type Verified struct {
	Name     string          `json:"name"`
	Messages int             `json:"messages"`
	Mails    int             `json:"mails"`
	Bytes    int64           `json:"bytes"`
	Problems []store.Problem `json:"problems"`
	Error    string          `json:"error,omitempty"` // what kept it from looking
}

// Rebuilt is the outcome of Rebuild.
type Rebuilt struct {
	Name      string   `json:"name"`
	Mailboxes int      `json:"mailboxes"`
	Messages  int      `json:"messages"`
	UIDLs     int      `json:"uidls"`
	SetAside  []string `json:"set_aside"`
}

var (
	// Verify checks a box, or all, while they are in use.
	Verify = newLongOp("verify", (*Hub).verifyBoxes)
	// Rebuild makes a box's index anew from its files. `serve` does not do it.
	Rebuild = newLongOp("rebuild", (*Hub).rebuild)
)

func (h *Hub) verifyBoxes(ctx context.Context, p NameParams, tell func(Progress)) ([]Verified, error) {
	boxes, err := h.boxList(ctx, None{})
	if err != nil {
		return nil, err
	}
	if p.Name != "" {
		b, err := h.box(ctx, h.db, p.Name)
		if err != nil {
			return nil, err
		}
		boxes = []Box{b}
	}
	out := []Verified{}
	for _, b := range boxes {
		v := Verified{Name: b.Name, Problems: []store.Problem{}}
		err := h.withBox(ctx, b.ID, func(box *store.Box) error {
			r, err := box.Verify(ctx, store.VerifyOptions{Content: true, Progress: func(done, total int) {
				tell(Progress{What: b.Name, Done: done, Total: total})
			}})
			if err == nil {
				v.Messages, v.Mails, v.Bytes = r.Messages, r.Mails, r.Bytes
				v.Problems = append(v.Problems, r.Problems...)
			}
			return err
		})
		if err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			v.Error = err.Error()
		}
		out = append(out, v)
	}
	return out, nil
}

func (h *Hub) rebuild(ctx context.Context, p NameParams, tell func(Progress)) (out Rebuilt, err error) {
	b, err := h.box(ctx, h.db, p.Name)
	if err != nil {
		return out, err
	}
	if h.o.Serve {
		return out, newError(KindRunning, "heimpost serve is running and has the box %s open: stop it, then rebuild", b.Name)
	}
	o := h.storeOptions()
	o.LockWait = h.o.Wait
	if h.o.OnWait != nil {
		o.OnWait = func() { h.o.OnWait("box " + b.Name) }
	}
	r, err := store.Rebuild(ctx, h.boxDir(b.Name), o, func(done, total int) {
		tell(Progress{What: b.Name, Done: done, Total: total})
	})
	if err != nil {
		return out, boxError(b.Name, err)
	}
	return Rebuilt{Name: b.Name, Mailboxes: r.Mailboxes, Messages: r.Messages, UIDLs: r.UIDLs, SetAside: append([]string{}, r.SetAside...)}, nil
}
