package store

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Names of what Backup gives beside files that have their own names.
const (
	BackupIndex = "index.db"  // the whole index
	BackupList  = "mails.txt" // the places of all mails' files
)

// BackupTo takes a backup of a box.
type BackupTo interface {
	// Has reports whether it has this content already.
	Has(Content) bool
	// Mail takes a content. ErrDamaged says that r gave another one; it is
	// then not taken.
	Mail(c Content, r io.Reader) error
	// File takes a file of the box's folder; name is its place there, with
	// slashes.
	File(name string, write func(io.Writer) error) error
}

// BackupReport says what a backup holds.
type BackupReport struct {
	Messages int // in mailboxes
	Deleted  int // that can be restored
	Mails    int
	Bytes    int64 // of the mails
	// Problems are mails that are missing in the backup because their files
	// are missing or damaged.
	Problems []Problem
}

// CopyMails gives to all mails that it does not have. The box is in use for as
// long as that takes; what cannot be read, or is deleted meanwhile, is left to
// Backup. progress may be nil.
func (b *Box) CopyMails(ctx context.Context, to BackupTo, progress func(done, total int)) error {
	return (&backup{b: b, ctx: ctx, to: to, q: b.index.read, progress: progress}).mails()
}

// Backup gives to what a box consists of at one moment: a copy of the index,
// the list of all mails' files and those of their contents that it does not
// have, and the small files from which an index can be rebuilt.
//
// From before the copy of the index is taken until all mails that it names have
// been given, no file of the box is removed or moved; who expunges mails does
// not wait for it. After CopyMails few mails are left to give, and that time is
// short.
func (b *Box) Backup(ctx context.Context, to BackupTo) (report BackupReport, err error) {
	b.backups.Lock()
	defer b.backups.Unlock()
	release, err := b.disk.hold(ctx)
	if err != nil {
		return report, err
	}
	defer release()
	if err := b.disk.logs.flush(); err != nil {
		return report, err
	}
	// Before the index: they may not tell of a mail that the backup lacks, lest
	// after a rebuild it is taken for one that was fetched. What they lack only
	// makes a mail come again.
	logs, err := b.copyLogs()
	if err != nil {
		return report, err
	}
	defer logs.close()
	path := filepath.Join(b.disk.dir, copyFile)
	defer os.Remove(path) // the next backup removes what remains
	if err := b.copyIndex(ctx, path); err != nil {
		return report, fmt.Errorf("copying %s: %w", indexFile, diskError(indexError(err)))
	}
	db, err := sql.Open("sqlite3", dsn(path, "mode=ro"))
	if err != nil {
		return report, err
	}
	defer db.Close()
	k := &backup{b: b, ctx: ctx, to: to, q: db, last: true, logs: logs}
	if err := k.mails(); err != nil {
		return report, err
	}
	if err := to.File(BackupList, k.list); err != nil {
		return report, err
	}
	release()
	if err := ctx.Err(); err != nil { // then files may have gone before
		return report, err
	}
	if err := k.smallFiles(); err != nil {
		return report, err
	}
	if err := db.Close(); err != nil {
		return report, err
	}
	return k.report, to.File(BackupIndex, func(w io.Writer) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, untilDone{ctx, f})
		return err
	})
}
