package hub

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"heimpost/exchange"
	"heimpost/store"
)

// ExportParams say what Export writes.
type ExportParams struct {
	Box     string          `json:"box"`
	Target  string          `json:"target"` // absolute, as the hub's computer knows it
	Format  exchange.Format `json:"format"`
	Mailbox string          `json:"mailbox,omitempty"`
	Since   time.Time       `json:"since,omitzero"`
}

// Export writes a box's mail into a folder, in a form that other programs
// read. It runs in the process that has the box, whose user the files belong
// to.
var Export = newLongOp("export", (*Hub).exportMail)

func (h *Hub) exportMail(ctx context.Context, p ExportParams, tell func(Progress)) (out []exchange.Exported, err error) {
	b, err := h.box(ctx, h.db, p.Box)
	if err != nil {
		return nil, err
	}
	switch {
	case !slices.Contains(exchange.Formats, p.Format):
		return nil, invalid("%q is no form: maildir, mbox or eml", p.Format)
	case !filepath.IsAbs(p.Target):
		return nil, invalid("%s: not a whole path", p.Target)
	}
	if data, err := filepath.Abs(h.dir); err == nil {
		if below, err := filepath.Rel(data, p.Target); err == nil && filepath.IsLocal(below) {
			return nil, invalid("%s lies in the data folder: name another one", p.Target)
		}
	}
	name := strings.Trim(p.Mailbox, "/")
	if strings.EqualFold(name, "INBOX") {
		name = "INBOX"
	}
	err = h.withBox(ctx, b.ID, func(box *store.Box) error {
		out, err = exchange.Export(ctx, box.View(store.ViewOptions{}), p.Target, exchange.ExportOptions{
			Box: box.ID(), Format: p.Format, Mailbox: name, Since: p.Since,
			Tell: func(done, total int, bytes int64) {
				tell(Progress{What: b.Name, Done: done, Total: total, Bytes: bytes})
			},
		})
		return err
	})
	return out, err
}
