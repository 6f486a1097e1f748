package store

import (
	"context"
	"time"
)

// UIDLState is how far a message at the provider has come.
type UIDLState int

const (
	UIDLStored     UIDLState = iota + 1 // durable here
	UIDLDeleteSent                      // DELE was sent; unknown until it is absent from a complete listing
	UIDLGone                            // absent from a complete listing after that
)

// UIDL is what is remembered of one message at a provider, for ever: its row
// outlives DELE, QUIT, local deletion and the account's removal.
type UIDL struct {
	Address string // the account's address, lower case
	UID     string // the provider's unique-id, octet for octet (RFC 1939 UIDL)
	Ordinal int    // 0; 1, 2, … for further messages with the same UID in one listing

	Size    int64    // as listed at the provider
	Hash    [32]byte // of the stored bytes
	State   UIDLState
	FirstAt time.Time // when it was first stored: what "keep 14d" counts from
	SeenAt  time.Time // when a complete listing last held it
	Absent  bool      // a complete listing came without it since then
}

// UIDLs gives all rows of an account's address.
func (b *Box) UIDLs(ctx context.Context, address string) ([]UIDL, error) { panic("not built") }

// SetUIDLs inserts or replaces rows in one durable transaction. Deliver
// writes the row of a new mail itself; this is for what is learned later.
func (b *Box) SetUIDLs(ctx context.Context, rows []UIDL) error { panic("not built") }

// MailByHash tells whether the box holds, or ever received for this address,
// a mail with these bytes.
func (b *Box) MailByHash(ctx context.Context, hash [32]byte) (found bool, err error) {
	panic("not built")
}

// MailHeader reads the kept header fields of the mail with this hash, for
// comparing with TOP; found is false where it is no longer in the box.
func (b *Box) MailHeader(ctx context.Context, hash [32]byte) (header []byte, found bool, err error) {
	panic("not built")
}
