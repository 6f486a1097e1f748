package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// readers is how many reads of the index can run at a time. Reads are short
// (a block of rows), so more would only keep more page caches.
const readers = 4

// index is the database index.db: one connection that writes, used by the
// writer's goroutine alone, and a pool that reads.
type index struct {
	writeDB *sql.DB
	write   *sql.Conn
	read    *sql.DB

	deletions int          // of mails; under coldMails' lock
	reading   atomic.Int32 // pieces of mailboxes that are being read
}

// openIndex opens or creates the database file and brings its schema up to
// date (ErrNewerVersion, ErrDamaged).
func openIndex(path string) (_ *index, err error) {
	x := &index{}
	defer func() {
		if err != nil {
			x.close()
			err = fmt.Errorf("index.db: %w", indexError(err))
		}
	}()
	// The WAL's default is synchronous=NORMAL, which may lose what was
	// answered with OK: FULL must be said.
	if x.writeDB, err = sql.Open("sqlite3", dsn(path, "mode=rwc", "_journal_mode=WAL", "_synchronous=FULL",
		"_txlock=immediate", "_stmt_cache_size=128")); err != nil {
		return nil, err
	}
	x.writeDB.SetMaxOpenConns(1)
	ctx := context.Background()
	if x.write, err = x.writeDB.Conn(ctx); err != nil {
		return nil, err
	}
	for _, pragma := range []string{
		"PRAGMA fullfsync=1",             // macOS: fsync alone does not reach the disk
		"PRAGMA checkpoint_fullfsync=1",  // likewise
		"PRAGMA wal_autocheckpoint=4000", // pages: 16 MB
		// A commit that writes over an old one waits for its pages alone, one
		// that makes the WAL longer for the file system's journal, too: all but
		// what a large transaction made it grow is kept.
		"PRAGMA journal_size_limit=17000000",
		"PRAGMA cache_size=-16000", // KiB
	} {
		if _, err = x.write.ExecContext(ctx, pragma); err != nil {
			return nil, err
		}
	}
	if err = migrate(ctx, x.write, schema); err != nil {
		return nil, err
	}
	if x.read, err = sql.Open("sqlite3", dsn(path, "mode=ro", "_query_only=1", "_stmt_cache_size=64", "_cache_size=-500")); err != nil {
		return nil, err
	}
	x.read.SetMaxOpenConns(readers)
	x.read.SetMaxIdleConns(readers)
	return x, nil
}

func (x *index) close() error {
	coldMails.close(x)
	var errs []error
	if x.read != nil {
		errs = append(errs, x.read.Close())
	}
	if x.write != nil {
		errs = append(errs, x.write.Close())
	}
	if x.writeDB != nil {
		errs = append(errs, x.writeDB.Close())
	}
	return errors.Join(errs...)
}

// dsn makes go-sqlite3's data source name of a file's path.
func dsn(path string, params ...string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	return "file://" + (&url.URL{Path: path}).EscapedPath() + "?_busy_timeout=5000&" + strings.Join(params, "&")
}

// indexError gives SQLite's errors the names that callers know.
func indexError(err error) error {
	switch {
	case err == nil:
		return nil
	case sqliteFull(err):
		return fmt.Errorf("%w (%v)", ErrNoSpace, err)
	case sqliteDamaged(err):
		return fmt.Errorf("%w (%v)", ErrDamaged, err)
	}
	return err
}
