package store

import (
	"context"
	"database/sql"
)

// stateOf gives the function that writes all that a rebuild needs to know of a
// mailbox, beside its files and its mailbox.json, from the index.
func (b *Box) stateOf(m *mailbox) func(*logWriter) error {
	return func(w *logWriter) error {
		tx, err := b.index.read.BeginTx(context.Background(), nil) // one moment
		if err != nil {
			return err
		}
		defer tx.Rollback() // it only read
		s := stateWriter{tx: tx, m: m, w: w}
		if err := s.flags(); err != nil {
			return err
		}
		if err := s.gone(); err != nil {
			return err
		}
		if in := b.tree.Load().names[inbox]; in == nil || in.id != m.id {
			return nil
		}
		return s.uidls()
	}
}

type stateWriter struct {
	tx *sql.Tx
	m  *mailbox
	w  *logWriter
}

// flags writes the flags of all messages that have some.
func (s *stateWriter) flags() error {
	words := make(Keywords, MaxKeywords)
	err := eachRow(s.tx, func(rows *sql.Rows) error {
		var place int
		var name string
		err := rows.Scan(&place, &name)
		if err == nil && place >= 0 && place < MaxKeywords {
			words[place] = name
		}
		return err
	}, "SELECT place, name FROM keyword WHERE mailbox=?", s.m.row)
	if err != nil {
		return err
	}
	var g flagGroup
	err = eachRow(s.tx, func(rows *sql.Rows) error {
		var flags int64
		var uid uint32
		if err := rows.Scan(&flags, &uid); err != nil {
			return err
		}
		if Flags(flags) != g.flags || len(g.uids) == logRuns {
			s.w.flags(setOf(g.uids), words.Names(g.flags))
			g = flagGroup{flags: Flags(flags)}
		}
		g.add(uid)
		return nil
	}, "SELECT flags, uid FROM entry WHERE mailbox=? AND flags!=0 ORDER BY flags, uid", s.m.row)
	s.w.flags(setOf(g.uids), words.Names(g.flags))
	return err
}

// gone writes which messages are expunged whose files may still be there.
func (s *stateWriter) gone() error {
	return eachRow(s.tx, func(rows *sql.Rows) error {
		var uids string
		err := rows.Scan(&uids)
		s.w.gone(setOf(parseSpans(uids)))
		return err
	}, "SELECT uids FROM gc WHERE mailbox=? AND uids!='*' AND day=''", s.m.id)
}

// uidls writes all providers' rows.
func (s *stateWriter) uidls() error {
	return eachRow(s.tx, func(rows *sql.Rows) error {
		u, err := scanUIDL(rows)
		s.w.uidl(u)
		return err
	}, "SELECT "+uidlColumns+" FROM uidl ORDER BY address, uid, ordinal")
}

// eachRow calls take for each row that a query gives.
func eachRow(tx *sql.Tx, take func(*sql.Rows) error, query string, args ...any) error {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := take(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
