package store

import "context"

// RebuildReport is the outcome of Rebuild.
type RebuildReport struct {
	Mailboxes int
	Messages  int
	UIDLs     int
	SetAside  []string // files that are no mails of ours, or damaged, now in orphans/
}

// Rebuild makes the index of the box in dir anew from its mail/ folder alone:
// mailboxes, UIDVALIDITY, UIDs and dates exactly, flags, keywords and UIDL
// rows up to the last synced state.log. In doubt it brings a mail back. The
// old index is replaced only when the new one is complete. It takes the box's
// lock (ErrLocked).
func Rebuild(ctx context.Context, dir string, o Options, progress func(done, total int)) (*RebuildReport, error) {
	panic("not built")
}
