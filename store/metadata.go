package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrMetadataLimit: a mailbox or the box has no room for another entry.
var ErrMetadataLimit = errors.New("there are too many annotations")

// maxMetadata is how many entries a mailbox, or the box, has for everybody,
// and how many for each person.
const maxMetadata = 200

// sharedEntries is what the names of entries begin with that everybody sees
// (RFC 5464 §3.2); all others are one person's own.
const sharedEntries = "/shared/"

// Metadata gives the annotations of a mailbox, or with the name "" those of
// the box: "/shared/…" and this person's "/private/…" (RFC 5464).
func (v *View) Metadata(ctx context.Context, name string) (map[string][]byte, error) {
	row, err := v.metadataRow(name)
	if err != nil {
		return nil, err
	}
	rows, err := v.b.index.read.QueryContext(ctx, `
		SELECT entry, value FROM metadata WHERE mailbox=? AND
		(person=0 AND entry LIKE '/shared/%' OR entry LIKE '/private/%' AND person=coalesce((SELECT id FROM actor WHERE actor=?), 0))`,
		row, v.o.Actor.Person)
	if err != nil {
		return nil, indexError(err)
	}
	defer rows.Close()
	out := map[string][]byte{}
	for rows.Next() {
		var entry string
		var value []byte
		if err := rows.Scan(&entry, &value); err != nil {
			return nil, indexError(err)
		}
		out[entry] = append([]byte{}, value...)
	}
	return out, indexError(rows.Err())
}

// metadataRow gives the row of the mailbox of this name, 0 for the box.
func (v *View) metadataRow(name string) (int64, error) {
	if name == "" {
		return 0, nil
	}
	m, err := v.b.mailbox(name)
	if err != nil {
		return 0, err
	}
	return m.row, nil
}

// SetMetadata changes annotations, all or none; a nil value removes one. Own
// ones can be changed through a view that may only read, too. Errors:
// ErrNoMailbox, ErrReadOnly, ErrMetadataLimit.
func (v *View) SetMetadata(ctx context.Context, name string, changes map[string][]byte) error {
	for entry := range changes {
		if v.o.ReadOnly && strings.HasPrefix(entry, sharedEntries) {
			return ErrReadOnly
		}
	}
	return v.b.writer.do(ctx, &request{run: func(t *tx) error {
		var row int64
		var m *mailbox
		if name != "" {
			var err error
			if m, err = t.mailbox(name); err != nil {
				return err
			}
			row = m.row
		}
		person, err := t.actor(v.o.Actor.Person)
		if err != nil {
			return err
		}
		for entry, value := range changes {
			if err := t.setMetadata(row, person, entry, value); err != nil {
				return err
			}
		}
		for _, who := range []int64{0, person} {
			var n int
			if err := t.row("SELECT count(*) FROM metadata WHERE mailbox=? AND person=?", row, who).Scan(&n); err != nil {
				return err
			}
			if n > maxMetadata {
				return fmt.Errorf("more than %d: %w", maxMetadata, ErrMetadataLimit)
			}
		}
		if m == nil {
			return nil
		}
		return t.record(deed{who: v.o.Actor, action: "annotated", place: m.row, name: t.state(m).name})
	}})
}

func (t *tx) setMetadata(mailbox, person int64, entry string, value []byte) error {
	if strings.HasPrefix(entry, sharedEntries) {
		person = 0
	}
	if value == nil {
		return t.exec("DELETE FROM metadata WHERE mailbox=? AND person=? AND entry=?", mailbox, person, entry)
	}
	return t.exec("INSERT OR REPLACE INTO metadata(mailbox, person, entry, value) VALUES(?, ?, ?, ?)", mailbox, person, entry, value)
}
