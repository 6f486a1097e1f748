package store

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
)

// list writes the places of all mails' files in a restored box, and counts.
func (k *backup) list(to io.Writer) error {
	w := bufio.NewWriterSize(to, 64<<10)
	if err := k.listEntries(w); err != nil {
		return err
	}
	kept, err := keptFiles(k.q, "1")
	if err != nil {
		return err
	}
	for _, f := range kept {
		k.report.Deleted++
		fmt.Fprintf(w, "%s/%s/%s-%s\n", deletedName, f.day, f.mailbox, f.base())
	}
	if err := k.one("SELECT count(*) FROM mail", &k.report.Mails); err != nil {
		return err
	}
	if err := k.one("SELECT coalesce(sum(size), 0) FROM mail", &k.report.Bytes); err != nil {
		return err
	}
	return w.Flush()
}

func (k *backup) listEntries(w io.Writer) error {
	rows, err := k.q.QueryContext(k.ctx, `SELECT b.mailbox, e.uid, m.date, m.zone, m.size, m.hash
		FROM mailbox b JOIN entry e ON e.mailbox=b.id JOIN mail m ON m.id=e.mail ORDER BY b.id, e.uid`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var n mailFileName
		var seconds int64
		var zone int
		var hash sql.RawBytes
		if err := rows.Scan(&n.mailbox, &n.uid, &seconds, &zone, &n.size, &hash); err != nil {
			return err
		}
		copy(n.hash[:], hash)
		n.date = dateIn(seconds, zone)
		k.report.Messages++
		if _, err := fmt.Fprintf(w, "%s/%s/%s/%s\n", mailDirName, n.mailbox, shard(n.uid), n.base()); err != nil {
			return err
		}
	}
	return rows.Err()
}

// smallFiles gives what a rebuild needs beside the mails. What a mailbox that
// was just deleted had is not there any more.
func (k *backup) smallFiles() error {
	names := []string{boxFileName}
	rows, err := k.q.QueryContext(k.ctx, "SELECT mailbox FROM mailbox ORDER BY id")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		names = append(names, path.Join(mailDirName, id, mailboxFileName), path.Join(mailDirName, id, stateLogName))
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	days, err := k.b.disk.days(nil)
	if err != nil {
		return err
	}
	for _, day := range days {
		entries, err := k.b.disk.fs.ReadDir(k.b.disk.dayDir(day))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			if isKeptMailbox(e.Name()) {
				names = append(names, path.Join(deletedName, day, e.Name()))
			}
		}
	}
	for _, name := range names {
		if err := k.smallFile(name); err != nil && (name == boxFileName || !errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	return nil
}

func (k *backup) smallFile(name string) error {
	if path.Base(name) == stateLogName {
		at, copied := k.logs.of[name]
		if !copied { // the mailbox is newer
			return nil
		}
		return k.to.File(name, func(w io.Writer) error {
			_, err := io.Copy(w, io.NewSectionReader(k.logs.f, at.from, at.size))
			return err
		})
	}
	f, err := k.b.disk.fs.Open(filepath.Join(k.b.disk.dir, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	defer f.Close()
	return k.to.File(name, func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(f, 0, 1<<62))
		return err
	})
}
