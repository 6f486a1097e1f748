package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
)

// backupPage is how many mails are read from the index at a time: no reading
// lasts long, so that the log of the index does not grow meanwhile.
const backupPage = 512

// backup is a running CopyMails or Backup.
type backup struct {
	b        *Box
	ctx      context.Context
	to       BackupTo
	q        querier
	last     bool // what cannot be given is a problem
	logs     *logsCopy
	progress func(done, total int)
	report   BackupReport
}

// mails gives all mails that are not there yet.
func (k *backup) mails() error {
	total := 0
	if k.progress != nil {
		if err := k.one("SELECT count(*) FROM mail", &total); err != nil {
			return err
		}
	}
	for done, after := 0, int64(0); ; {
		some, last, err := k.page(after)
		if err != nil {
			return indexError(err)
		}
		for _, m := range some {
			if err := k.ctx.Err(); err != nil {
				return err
			}
			if !k.to.Has(m.content()) {
				if err := k.give(m); err != nil {
					return err
				}
			}
			if done++; k.progress != nil {
				k.progress(done, max(done, total))
			}
		}
		if len(some) == 0 {
			return nil
		}
		after = last
	}
}

type backupMail struct {
	id int64
	fileInfo
}

// page reads the next mails after a row.
func (k *backup) page(after int64) (out []backupMail, last int64, err error) {
	rows, err := k.q.QueryContext(k.ctx, "SELECT id, date, zone, size, hash FROM mail WHERE id>? ORDER BY id LIMIT ?", after, backupPage)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var m backupMail
		var seconds int64
		var zone int
		var hash []byte
		if err := rows.Scan(&m.id, &seconds, &zone, &m.size, &hash); err != nil {
			return nil, 0, err
		}
		copy(m.hash[:], hash)
		m.date, last = dateIn(seconds, zone), m.id
		out = append(out, m)
	}
	return out, last, rows.Err()
}

// give gives a mail from the first of its places that has it whole.
func (k *backup) give(m backupMail) error {
	places, mailbox, err := k.places(m)
	if err != nil {
		return indexError(err)
	}
	trouble := fs.ErrNotExist
	for _, p := range places {
		err := k.giveFile(p, m.content())
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			trouble = err
		}
		var source sourceError
		if !errors.As(err, &source) && !errors.Is(err, ErrDamaged) {
			return err
		}
	}
	if !k.last || len(places) == 0 || len(k.report.Problems) >= maxProblems {
		return nil
	}
	text := "the file of a message cannot be read: " + trouble.Error()
	switch {
	case errors.Is(trouble, ErrDamaged):
		text = "the file of a message holds other bytes than were received"
	case errors.Is(trouble, fs.ErrNotExist):
		text = "the file of a message is missing"
	}
	k.report.Problems = append(k.report.Problems, Problem{mailbox, places[0], text})
	return nil
}

// sourceError is an error of a file that is to be given, not of the target.
type sourceError struct{ error }

func (e sourceError) Unwrap() error { return e.error }

// untilDone reads until a context ends: a big file takes its time.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// sourceReader tells the errors of reading apart from those of the target.
type sourceReader struct{ r io.Reader }

func (s sourceReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		err = sourceError{err}
	}
	return n, err
}

func (k *backup) giveFile(path string, c Content) error {
	f, err := k.b.disk.fs.Open(path)
	if err != nil {
		return sourceError{err}
	}
	defer f.Close()
	return k.to.Mail(c, untilDone{k.ctx, sourceReader{f}})
}

// places lists where a mail's file may be, and a mailbox that it is in.
func (k *backup) places(m backupMail) (out []string, mailbox string, err error) {
	d := k.b.disk
	inMail := func(n mailFileName) {
		// The folder of a mailbox that was just deleted waits in tmp/.
		out = append(out, d.path(n), filepath.Join(d.tmpDir(), string(n.mailbox), shard(n.uid), n.base()))
	}
	rows, err := k.q.QueryContext(k.ctx, "SELECT b.mailbox, b.name, e.uid FROM entry e JOIN mailbox b ON b.id=e.mailbox WHERE e.mail=?", m.id)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	for rows.Next() {
		n := mailFileName{fileInfo: m.fileInfo}
		if err := rows.Scan(&n.mailbox, &mailbox, &n.uid); err != nil {
			return nil, "", err
		}
		inMail(n)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, "", err
	}
	kept, err := keptFiles(k.q, "d.mail=?", m.id)
	for _, f := range kept {
		out = append(out, d.keptPath(f))
		inMail(f.mailFileName)
		out = append(out, d.keptPath(f)) // it may have been moved in between
	}
	return out, mailbox, err
}

// one reads a single value.
func (k *backup) one(query string, into any) error {
	rows, err := k.q.QueryContext(k.ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	if rows.Next() {
		if err := rows.Scan(into); err != nil {
			return err
		}
	}
	return rows.Err()
}
