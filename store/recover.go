package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// recover brings the mailboxes and their folders together at the start: after
// an unclean stop counting goes on above the marks, files that the index never
// named are set aside, what was to be removed is removed.
func (b *Box) recover(ctx context.Context) error {
	var clean bool
	err := b.writer.conn.QueryRowContext(ctx, "SELECT value FROM meta WHERE key='clean'").Scan(&clean)
	if err != nil {
		return indexError(err)
	}
	b.writer.dirty = !clean
	err = b.writer.conn.QueryRowContext(ctx, "SELECT coalesce(max(id), 0)+1 FROM mail").Scan(&b.writer.nextMail)
	if err != nil {
		return indexError(err)
	}
	left, err := b.left(ctx, b.writer.conn)
	if err != nil {
		return indexError(err)
	}
	known, next := map[ID]bool{}, map[ID]uint32{}
	for _, l := range left {
		if l.day == "" {
			known[l.mailbox] = true
		}
	}
	for _, n := range b.tree.Load().list {
		next[n.id] = n.state.Load().uidNext
	}
	strangers, err := b.disk.findUnnamed(next, func(id ID) bool { return known[id] })
	if err != nil {
		return diskError(err)
	}
	if strangers.newer > 0 {
		return fmt.Errorf("%w (mails newer than %s: %d; was an older one put back?)", ErrDamaged, indexFile, strangers.newer)
	}
	for _, n := range b.tree.Load().list {
		s := n.state.Load()
		if n.file, err = b.disk.openMailbox(n.id, s.name, s.use, n.uidValidity, s.uidNext-1, s.modSeq); err != nil {
			return fmt.Errorf("%s: %w", n.name, err)
		}
		n.file.state = b.stateOf(n.mailbox)
		// A clean stop leaves exact marks: higher ones are those of a later run,
		// whose index this is not.
		uid, modSeq := n.file.marks()
		if clean && uid < s.uidNext && modSeq <= s.modSeq {
			continue
		}
		// Nobody else sees the state yet: it may be changed.
		s.uidNext, s.modSeq = max(s.uidNext, uid+1), max(s.modSeq, modSeq)
		n.file.renew() // the last second's records may be missing from state.log
	}
	if err := b.disk.setAside(strangers); err != nil {
		return err
	}
	for _, l := range left {
		var keep []keptFile
		if l.day == "" {
			if keep, err = keptFiles(b.writer.conn, "x.mailbox=?", l.mailbox); err != nil {
				return indexError(err)
			}
		}
		b.disk.collectLeft(l, keep, func() { b.collected(l.row) })
	}
	return nil
}

// leftFiles is a row of table gc.
type leftFiles struct {
	row     int64
	mailbox ID
	uids    string
	day     string
}

// querier is what reads the index: a connection or a pool.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// left lists the files that the last run did not come to remove.
func (b *Box) left(ctx context.Context, c querier) (out []leftFiles, err error) {
	rows, err := c.QueryContext(ctx, "SELECT id, mailbox, uids, day FROM gc")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var l leftFiles
		if err := rows.Scan(&l.row, &l.mailbox, &l.uids, &l.day); err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, rows.Err()
}

// writeMarks writes exact marks into the mailboxes' mailbox.json.
func (b *Box) writeMarks() error {
	var errs []error
	for _, n := range b.tree.Load().list {
		s := n.state.Load()
		if err := n.file.exact(s.uidNext-1, s.modSeq); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", n.name, err))
		}
	}
	return errors.Join(errs...)
}

// recentClaimed reports whether \Recent was claimed since it was last written.
func (b *Box) recentClaimed() bool {
	for _, n := range b.tree.Load().list {
		if n.recent.Load() != n.recentWritten {
			return true
		}
	}
	return false
}

// markClean records that the box was closed cleanly, with all counters.
func (w *writer) markClean() error {
	if err := w.synchronous(false); err != nil {
		return indexError(err)
	}
	if _, err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return indexError(err)
	}
	g := &tx{b: w.b, w: w, states: map[*mailbox]*state{}}
	for _, n := range w.b.tree.Load().list {
		g.states[n.mailbox] = n.state.Load()
	}
	err := g.finish()
	if err == nil {
		_, err = w.exec("UPDATE meta SET value=1 WHERE key='clean'")
	}
	if err == nil {
		_, err = w.exec("COMMIT")
	}
	if err != nil {
		w.exec("ROLLBACK") // the error above is what counts
	}
	return indexError(err)
}
