package hub

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"

	"heimpost/exchange"
	"heimpost/store"
)

// ImportParams say what Import brings into a box.
type ImportParams struct {
	Box string `json:"box"`
	// Sources are absolute paths, as the hub's computer knows them, or addresses
	// of IMAP servers (imaps://user@host).
	Sources  []string `json:"sources"`
	Password string   `json:"password,omitempty"` // at the IMAP server
	Mailbox  string   `json:"mailbox,omitempty"`
	DryRun   bool     `json:"dry_run,omitempty"`
}

// Import brings mail from elsewhere into a box. It runs in the process that
// has the box, which therefore has to be allowed to read the sources.
var Import = newLongOp("import", (*Hub).importMail)

func (h *Hub) importMail(ctx context.Context, p ImportParams, tell func(Progress)) (out exchange.Report, err error) {
	out = exchange.Report{Mailboxes: []exchange.Imported{}, Skipped: []exchange.Skip{}, Notes: []string{}}
	b, err := h.box(ctx, h.db, p.Box)
	if err != nil {
		return out, err
	}
	if !p.DryRun {
		end, err := h.imports.begin(ctx, b.ID, func() {
			tell(Progress{What: b.Name, Note: "waiting for another import into this box to end"})
		})
		if err != nil {
			return out, err
		}
		defer end()
	}
	err = h.withBox(ctx, b.ID, func(box *store.Box) error {
		for _, s := range p.Sources {
			o := exchange.ImportOptions{Mailbox: p.Mailbox, DryRun: p.DryRun, MaxMessage: box.MaxMessage(), Tell: func(done, total int, bytes int64) {
				tell(Progress{What: b.Name, Done: done, Total: total, Bytes: bytes})
			}}
			if err := importSource(ctx, box.View(store.ViewOptions{}), s, p.Password, o, &out); err != nil {
				if n := out.Count().Imported; n > 0 && !p.DryRun {
					err = fmt.Errorf("%w (%d mails are imported; the same command goes on behind them)", err, n)
				}
				return err
			}
		}
		return nil
	})
	return out, err
}

// imports lets one import at a time into a box: each looks first at what is
// there, and must not miss what another one is about to add. The box's lock
// keeps other processes out.
type imports struct {
	mu      sync.Mutex
	running map[store.ID]chan struct{} // closed when it has ended
}

// begin waits until no import into a box runs any more, calling wait once
// where one does.
func (i *imports) begin(ctx context.Context, id store.ID, wait func()) (end func(), err error) {
	wait = sync.OnceFunc(wait)
	for {
		i.mu.Lock()
		other := i.running[id]
		if other == nil {
			break
		}
		i.mu.Unlock()
		wait()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	defer i.mu.Unlock()
	if i.running == nil {
		i.running = map[store.ID]chan struct{}{}
	}
	mine := make(chan struct{})
	i.running[id] = mine
	return func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		delete(i.running, id)
		close(mine)
	}, nil
}

// importSource imports one source.
func importSource(ctx context.Context, v *store.View, source, password string, o exchange.ImportOptions, out *exchange.Report) error {
	if exchange.IsIMAP(source) {
		src, err := exchange.OpenIMAP(ctx, source, exchange.IMAPOptions{Password: password})
		if err != nil {
			return err
		}
		defer src.Close()
		return exchange.Import(ctx, v, src, o, out)
	}
	if !filepath.IsAbs(source) {
		return invalid("%s: not a whole path", source)
	}
	src, base, err := exchange.OpenFiles(ctx, source)
	if err != nil {
		return err
	}
	defer src.Close()
	o.Base = base
	return exchange.Import(ctx, v, src, o, out)
}
