package store

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
)

// copyFile is the copy of the index while a backup is made.
const copyFile = indexFile + ".copy"

// logsCopy is a copy of all state logs while a backup is made: the logs one
// after the other, and where each of them lies.
type logsCopy struct {
	f  *os.File
	of map[string]span64
}

type span64 struct{ from, size int64 }

const logsCopyFile = stateLogName + ".copy"

// copyLogs makes a copy of the state logs as they are now.
func (b *Box) copyLogs() (_ *logsCopy, err error) {
	f, err := os.OpenFile(filepath.Join(b.disk.dir, logsCopyFile), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, diskError(err)
	}
	l := &logsCopy{f, map[string]span64{}}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	folders, err := b.disk.mailboxFolders()
	if err != nil {
		return nil, diskError(err)
	}
	end := int64(0)
	for _, id := range folders {
		from, err := b.disk.fs.Open(filepath.Join(b.disk.mailDir(id), stateLogName))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, diskError(err)
		}
		n, err := io.Copy(f, io.NewSectionReader(from, 0, 1<<62))
		if err = errors.Join(err, from.Close()); err != nil {
			return nil, diskError(err)
		}
		l.of[path.Join(mailDirName, string(id), stateLogName)] = span64{end, n}
		end += n
	}
	return l, nil
}

// close removes the copy.
func (l *logsCopy) close() { // what remains is overwritten by the next backup
	l.f.Close()
	os.Remove(l.f.Name())
}

// copyIndex makes a copy of the index as it is at this moment.
func (b *Box) copyIndex(ctx context.Context, path string) error {
	return CopyDatabase(ctx, filepath.Join(b.disk.dir, indexFile), path)
}

// CopyDatabase makes a copy of an SQLite database that is in use, with mode
// 0600, as it is at one moment. It is not synced.
func CopyDatabase(ctx context.Context, from, to string) error {
	f, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600) // SQLite would let others read it
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	db, err := sql.Open("sqlite3", dsn(from, "mode=ro", "_synchronous=OFF"))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", to)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return errors.Join(err, db.Close())
}

// hold lets no file of a message go, or go elsewhere, until release is called
// or ctx ends: what the commits from now on take away waits. A target that does
// not answer keeps no box from being closed.
func (d *disk) hold(ctx context.Context) (release func(), err error) {
	held, end := make(chan struct{}), make(chan struct{})
	free := sync.OnceFunc(func() { close(end) })
	stop := context.AfterFunc(ctx, free)
	release = func() { stop(); free() }
	d.work.do(func() {
		close(held)
		<-end
	})
	select {
	case <-held:
		return release, nil
	case <-ctx.Done():
		release()
		return nil, ctx.Err()
	}
}
