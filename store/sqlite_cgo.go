//go:build cgo

package store

import (
	"errors"

	"github.com/mattn/go-sqlite3"
)

// This is the only file that knows go-sqlite3's own types, so that the rest
// can be checked for other platforms without a C compiler.

// sqliteFull reports whether err is SQLite's word for a full disk. Of the file
// that readers share it only says that the system refused to make it.
func sqliteFull(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && (e.Code == sqlite3.ErrFull || isNoSpace(e.SystemErrno))
}

// sqliteDamaged reports whether err says that the file is no sound database.
func sqliteDamaged(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && (e.Code == sqlite3.ErrCorrupt || e.Code == sqlite3.ErrNotADB)
}
