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
		if err := s.next(); err != nil {
			return err
		}
		if err := s.flags(); err != nil {
			return err
		}
		if err := s.gone(); err != nil {
			return err
		}
		if err := s.own(); err != nil {
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

// next writes up to which UID messages are there. The counter is no measure: a
// commit that the power may take back raises it, too.
func (s *stateWriter) next() error {
	return eachRow(s.tx, func(rows *sql.Rows) error {
		var uid uint32
		err := rows.Scan(&uid)
		if err == nil && uid > 0 {
			s.w.next(uid + 1)
		}
		return err
	}, "SELECT coalesce(max(uid), 0) FROM entry WHERE mailbox=?", s.m.row)
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

// own writes what single persons and devices have of their own.
func (s *stateWriter) own() error {
	var who ID
	var uids []span
	collect := func(flush func()) func(*sql.Rows) error {
		return func(rows *sql.Rows) error {
			var id ID
			var r span
			if err := rows.Scan(&id, &r.lo, &r.hi); err != nil {
				return err
			}
			if id != who || len(uids) == logRuns {
				flush()
				who, uids = id, nil
			}
			if n := len(uids); n > 0 && uids[n-1].hi+1 == r.lo {
				uids[n-1].hi = r.hi
			} else {
				uids = append(uids, r)
			}
			return nil
		}
	}
	for _, kind := range []struct {
		query string
		write func()
	}{
		{"SELECT a.actor, e.uid, e.uid FROM entry e JOIN actor a ON a.id=e.scope WHERE e.mailbox=? AND e.scope<>0 ORDER BY 1, 2",
			func() { s.w.scope(who, setOf(uids)) }},
		{"SELECT a.actor, p.uid, p.uid FROM private p JOIN actor a ON a.id=p.actor WHERE p.mailbox=? AND p.bits & 1 ORDER BY 1, 2",
			func() { s.w.own(who, ownUnread, setOf(uids)) }},
		{"SELECT a.actor, h.lo, h.hi FROM hidden h JOIN actor a ON a.id=h.device WHERE h.mailbox=? AND h.why=1 ORDER BY 1, 2",
			func() { s.w.own(who, ownHidden, setOf(uids)) }},
	} {
		who, uids = "", nil
		if err := eachRow(s.tx, collect(kind.write), kind.query, s.m.row); err != nil {
			return err
		}
		kind.write()
	}
	return nil
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
