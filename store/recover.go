package store

import (
	"context"
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
	for _, n := range b.tree.Load().list {
		s := n.state.Load()
		if n.file, err = b.disk.openMailbox(n.id, s.name, s.use, n.uidValidity); err != nil {
			return fmt.Errorf("%s: %w", n.name, err)
		}
		if err := b.disk.setAside(n.file, s.uidNext); err != nil {
			return fmt.Errorf("%s: %w", n.name, err)
		}
		if clean {
			continue
		}
		// Nobody else sees the state yet: it may be changed.
		uid, modSeq := n.file.marks()
		s.uidNext, s.modSeq = max(s.uidNext, uid+1), max(s.modSeq, modSeq)
	}
	return b.collectLeft(ctx)
}

// collectLeft removes the files that the last run did not come to remove.
func (b *Box) collectLeft(ctx context.Context) error {
	rows, err := b.writer.conn.QueryContext(ctx, "SELECT id, mailbox, uids FROM gc")
	if err != nil {
		return indexError(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var mailbox ID
		var uids string
		if err := rows.Scan(&id, &mailbox, &uids); err != nil {
			return indexError(err)
		}
		b.disk.collectLeft(mailbox, uids, func() { b.collected(id) })
	}
	return indexError(rows.Err())
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
