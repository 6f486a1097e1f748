package hub

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"heimpost/store" // brings the sqlite3 driver along
)

// schema holds one step of SQL for each version of hub.db; the version is
// PRAGMA user_version. A step that was released is never changed.
var schema = []string{schema1, schema2, schema3}

// Times are unix milliseconds, 0 is never. Ids are store.ID and are never
// used again; names are labels.
const schema1 = `
CREATE TABLE box(
	id      TEXT PRIMARY KEY,
	name    TEXT NOT NULL UNIQUE,           -- also its folder's
	title   TEXT NOT NULL DEFAULT '',
	person  TEXT UNIQUE,                    -- whose own box it is; NULL: nobody's
	seen    TEXT NOT NULL DEFAULT 'shared', -- or 'private'
	retain  INTEGER NOT NULL DEFAULT 365,   -- days
	protect TEXT NOT NULL DEFAULT '[]',     -- names of mailboxes
	created INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE address(
	address TEXT PRIMARY KEY,
	box     TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX address_box ON address(box);

CREATE TABLE person(
	id       TEXT PRIMARY KEY,
	name     TEXT NOT NULL UNIQUE,
	title    TEXT NOT NULL DEFAULT '',
	admin    INTEGER NOT NULL DEFAULT 0,
	password TEXT NOT NULL DEFAULT '',      -- argon2id; '': devices only
	created  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE device(
	id       TEXT PRIMARY KEY,
	person   TEXT NOT NULL,
	name     TEXT NOT NULL,
	password BLOB NOT NULL UNIQUE,          -- SHA-256
	deletes  TEXT NOT NULL DEFAULT 'everywhere', -- or 'here'
	days     INTEGER NOT NULL DEFAULT 0,    -- age window; 0: all
	without  TEXT NOT NULL DEFAULT '[]',    -- capabilities it shall not see
	client   TEXT NOT NULL DEFAULT '',      -- what it said of itself last
	seen     INTEGER NOT NULL DEFAULT 0,
	created  INTEGER NOT NULL,
	UNIQUE(person, name)
) WITHOUT ROWID;

CREATE TABLE access(
	box      TEXT NOT NULL,
	person   TEXT NOT NULL,
	readonly INTEGER NOT NULL,
	PRIMARY KEY(box, person)
) WITHOUT ROWID;
CREATE INDEX access_person ON access(person);

CREATE TABLE account(
	id               TEXT PRIMARY KEY,
	address          TEXT NOT NULL UNIQUE,
	box              TEXT NOT NULL,
	mailbox          TEXT NOT NULL DEFAULT '', -- id; '': INBOX
	host             TEXT NOT NULL,
	port             INTEGER NOT NULL,
	tls              TEXT NOT NULL,
	user             TEXT NOT NULL,
	keep             TEXT NOT NULL,
	every            INTEGER NOT NULL,         -- seconds
	mininterval      INTEGER NOT NULL DEFAULT 0, -- seconds, the preset's
	sessionmessages  INTEGER NOT NULL DEFAULT 0,
	sessionbytes     INTEGER NOT NULL DEFAULT 0,
	daybytes         INTEGER NOT NULL DEFAULT 0,
	seenbefore       INTEGER NOT NULL DEFAULT 0, -- seconds
	password         BLOB NOT NULL,            -- encrypted, see secret.go
	state            TEXT NOT NULL DEFAULT '{}', -- pop3fetch.State
	created          INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX account_box ON account(box);
`

// schema2: accounts that sign in instead of having a password (which is then
// an empty blob).
const schema2 = `
ALTER TABLE account ADD COLUMN oauth TEXT NOT NULL DEFAULT ''; -- provider's name; '': by password
ALTER TABLE account ADD COLUMN token BLOB;                     -- encrypted signIn; NULL: nobody has signed in
`

// schema3: what is set in the pages rather than in heimpost.toml.
const schema3 = `
CREATE TABLE setting(
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL
) WITHOUT ROWID;
`

// dbFile is hub.db's name in DATA.
const dbFile = "hub.db"

// openDB opens or creates hub.db and brings its schema up to date.
func openDB(ctx context.Context, path string) (*sql.DB, error) {
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // C:/…
	}
	// The WAL's default is synchronous=NORMAL, which may lose what was
	// answered with OK: FULL must be said.
	if f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, dbError(err)
	} else if err := f.Close(); err != nil { // only its mode was wanted: SQLite would let others read it
		return nil, dbError(err)
	}
	db, err := sql.Open("sqlite3", "file://"+(&url.URL{Path: p}).EscapedPath()+
		"?mode=rwc&_journal_mode=WAL&_synchronous=FULL&_txlock=immediate&_busy_timeout=10000")
	if err != nil {
		return nil, dbError(err)
	}
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4)
	if err := migrate(ctx, db); err != nil {
		db.Close()
		return nil, dbError(err)
	}
	return db, nil
}

// migrate brings hub.db's schema to the newest version, in one transaction.
func migrate(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil) // immediate: another command may be at it
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing after Commit
	var have int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	if have > len(schema) {
		return newError("", "hub.db: %v (its version is %d, this program knows %d): install the newer version again", store.ErrNewerVersion, have, len(schema))
	}
	if have == len(schema) {
		return nil
	}
	for _, step := range schema[have:] {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version=%d", len(schema))); err != nil {
		return err
	}
	return tx.Commit()
}

// tx runs fn in one transaction.
func (h *Hub) tx(ctx context.Context, fn func(q *sql.Tx) error) error {
	tx, err := h.db.BeginTx(ctx, nil)
	if err != nil {
		return dbError(err)
	}
	defer tx.Rollback() // nothing after Commit
	if err := fn(tx); err != nil {
		return dbError(err)
	}
	return dbError(tx.Commit())
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// exec runs statements that share their arguments.
func exec(ctx context.Context, q querier, args []any, statements ...string) error {
	for _, s := range statements {
		if _, err := q.ExecContext(ctx, s, args...); err != nil {
			return err
		}
	}
	return nil
}

// collect reads all rows of a query.
func collect[T any](ctx context.Context, q querier, scan func(*sql.Rows, *T) error, query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, dbError(err)
	}
	defer rows.Close()
	out := []T{}
	for rows.Next() {
		var t T
		if err := scan(rows, &t); err != nil {
			return nil, dbError(err)
		}
		out = append(out, t)
	}
	return out, dbError(rows.Err())
}
