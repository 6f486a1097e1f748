package store

import (
	"context"
	"database/sql"
)

// loadOverlay reads what views have of their own on a mailbox.
func loadOverlay(c *sql.Conn, mailbox int64) (*overlay, error) {
	o := noOverlay.clone()
	err := each(c, `SELECT a.actor, p.uid, p.bits, p.modseq FROM private p JOIN actor a ON a.id=p.actor
		WHERE p.mailbox=? ORDER BY p.actor, p.uid`, mailbox, func(rows *sql.Rows) error {
		var who ID
		var r privateRow
		err := rows.Scan(&who, &r.uid, &r.bits, &r.modSeq)
		o.rows[who] = append(o.rows[who], r)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = each(c, `SELECT a.actor, h.lo, h.hi, h.why, h.modseq FROM hidden h JOIN actor a ON a.id=h.device
		WHERE h.mailbox=? ORDER BY h.device, h.lo`, mailbox, func(rows *sql.Rows) error {
		var who ID
		var r hiddenRange
		err := rows.Scan(&who, &r.lo, &r.hi, &r.why, &r.modSeq)
		o.hidden[who] = append(o.hidden[who], r)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = each(c, `SELECT e.uid, a.actor FROM entry e JOIN actor a ON a.id=e.scope
		WHERE e.mailbox=? AND e.scope<>0 ORDER BY e.uid`, mailbox, func(rows *sql.Rows) error {
		var s scoped
		err := rows.Scan(&s.uid, &s.device)
		o.scoped = append(o.scoped, s)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(o.rows) == 0 && len(o.hidden) == 0 && len(o.scoped) == 0 {
		return noOverlay, nil
	}
	return o, nil
}

// each calls fn for each row of a query with one argument.
func each(c *sql.Conn, query string, arg any, fn func(*sql.Rows) error) error {
	rows, err := c.QueryContext(context.Background(), query, arg)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
