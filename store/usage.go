package store

import (
	"context"
	"time"
)

// usageAge is how long a box's size is remembered: some clients ask for it
// each time they open a mailbox.
const usageAge = 30 * time.Second

// usage is a box's size at a moment.
type usage struct {
	at    time.Time
	bytes int64
}

// Usage gives the octets of all mails in the view's box, as they were at most
// half a minute ago.
func (v *View) Usage(ctx context.Context) (bytes int64, err error) {
	now := v.b.now()
	if u := v.b.used.Load(); u != nil && now.Sub(u.at) < usageAge {
		return u.bytes, nil
	}
	_, bytes, err = v.b.Stats(ctx)
	if err == nil {
		v.b.used.Store(&usage{now, bytes})
	}
	return bytes, err
}

// DeletedSize gives the octets of the messages of a mailbox that are flagged
// \Deleted (RFC 9208 §5.1.4).
func (v *View) DeletedSize(ctx context.Context, name string) (bytes int64, err error) {
	m, err := v.Mailbox(ctx, name)
	if err != nil {
		return 0, err
	}
	var out []Entry
	for _, e := range m.Snapshot().All() {
		if e.Flags&FlagDeleted != 0 {
			out = append(out, e)
		}
	}
	err = m.Mails(ctx, out, 0, func(_ Entry, mail *Mail) error {
		bytes += mail.Size
		return nil
	})
	return bytes, err
}
