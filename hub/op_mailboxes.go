package hub

import (
	"context"

	"heimpost/store"
)

// Mailbox is a folder of a box.
type Mailbox struct {
	Name       string `json:"name"`
	SpecialUse string `json:"special_use"` // such as \Sent; "": none
	Protected  bool   `json:"protected"`
}

// BoxMailboxes lists a box's folders, INBOX first.
var BoxMailboxes = newOp("box.mailboxes", (*Hub).boxMailboxes)

func (h *Hub) boxMailboxes(ctx context.Context, p NameParams) ([]Mailbox, error) {
	b, err := h.box(ctx, h.db, p.Name)
	if err != nil {
		return nil, err
	}
	out := []Mailbox{}
	err = h.withBox(ctx, b.ID, func(box *store.Box) error {
		for _, m := range box.View(store.ViewOptions{}).Mailboxes() {
			out = append(out, Mailbox{m.Name, string(m.SpecialUse), m.Protected})
		}
		return nil
	})
	return out, err
}
