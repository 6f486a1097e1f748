package store

import (
	"context"
	"database/sql"
	"errors"
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
func (b *Box) UIDLs(ctx context.Context, address string) ([]UIDL, error) {
	rows, err := b.index.read.QueryContext(ctx, "SELECT "+uidlColumns+" FROM uidl WHERE address=? ORDER BY uid, ordinal", address)
	if err != nil {
		return nil, indexError(err)
	}
	defer rows.Close()
	var out []UIDL
	for rows.Next() {
		u, err := scanUIDL(rows)
		if err != nil {
			return nil, indexError(err)
		}
		out = append(out, u)
	}
	return out, indexError(rows.Err())
}

const uidlColumns = "address, uid, ordinal, size, hash, state, firstat, seenat, absent"

func scanUIDL(rows *sql.Rows) (u UIDL, err error) {
	var uid, hash []byte
	var first, seen int64
	if err := rows.Scan(&u.Address, &uid, &u.Ordinal, &u.Size, &hash, &u.State, &first, &seen, &u.Absent); err != nil {
		return UIDL{}, err
	}
	u.UID, u.FirstAt, u.SeenAt = string(uid), unixTime(first), unixTime(seen)
	copy(u.Hash[:], hash)
	return u, nil
}

// unixSeconds keeps a time as a number; 0 is the zero time.
func unixSeconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func unixTime(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// SetUIDLs inserts or replaces rows in one durable transaction. Deliver
// writes the row of a new mail itself; this is for what is learned later.
func (b *Box) SetUIDLs(ctx context.Context, rows []UIDL) error {
	if len(rows) == 0 {
		return nil
	}
	return b.writer.do(ctx, &request{run: func(t *tx) error {
		for _, u := range rows {
			if err := t.setUIDL(u); err != nil {
				return err
			}
		}
		return nil
	}})
}

// setUIDL writes one row; a state.log keeps it for a rebuild, unless all that
// changed is when it was last seen.
func (t *tx) setUIDL(u UIDL) error {
	var same bool
	err := t.row("SELECT size=? AND hash=? AND state=? AND firstat=? AND absent=? FROM uidl WHERE address=? AND uid=? AND ordinal=?",
		u.Size, u.Hash[:], int(u.State), unixSeconds(u.FirstAt), u.Absent, u.Address, []byte(u.UID), u.Ordinal).Scan(&same)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if !same {
		t.logUIDL(u)
	}
	return t.exec("INSERT OR REPLACE INTO uidl("+uidlColumns+") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
		u.Address, []byte(u.UID), u.Ordinal, u.Size, u.Hash[:], int(u.State), unixSeconds(u.FirstAt), unixSeconds(u.SeenAt), u.Absent)
}

// Rebuilt reports whether the index was made by Rebuild: then there may be mails
// whose UIDL rows were lost (Unclaimed).
func (b *Box) Rebuilt(ctx context.Context) (is bool, err error) {
	err = b.index.read.QueryRowContext(ctx, "SELECT EXISTS(SELECT 1 FROM meta WHERE key='rebuilt')").Scan(&is)
	return is, indexError(err)
}

// Unclaimed gives how many messages with these bytes there are that Rebuild has
// found and for which no UIDL row of another address stands. Where the rows of
// this one are fewer, the log that held them was lost.
func (b *Box) Unclaimed(ctx context.Context, hash [32]byte, address string) (n int, err error) {
	err = b.index.read.QueryRowContext(ctx, `
		SELECT (SELECT coalesce(sum(refs), 0) FROM mail WHERE substr(hash, 1, 8)=?1 AND hash=?2
				AND id<=(SELECT value FROM meta WHERE key='rebuilt'))
			- (SELECT count(*) FROM uidl WHERE substr(hash, 1, 8)=?1 AND hash=?2 AND address<>?3)`,
		hash[:8], hash[:], address).Scan(&n)
	return n, indexError(err)
}

// MailHeader reads the kept header fields of the mail with this hash, for
// comparing with TOP; found is false where it is no longer in the box.
func (b *Box) MailHeader(ctx context.Context, hash [32]byte) (header []byte, found bool, err error) {
	err = b.index.read.QueryRowContext(ctx, `
		SELECT h.header FROM mail m JOIN mail_header h ON h.id=m.id
		WHERE substr(m.hash, 1, 8)=? AND m.hash=? LIMIT 1`, hash[:8], hash[:]).Scan(&header)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return header, err == nil, indexError(err)
}
