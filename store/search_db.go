package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// searchFile is the full text's name in a box's folder.
const searchFile = "search.db"

// searchSchema holds one step of SQL for each version of search.db. All of it
// can be made again from the mail files: a step that changes what is kept
// drops the rows.
var searchSchema = []string{`
-- The mails that are in here, by their rows in index.db.
CREATE TABLE doc(
	id    INTEGER PRIMARY KEY,
	hash  BLOB NOT NULL,   -- the first octets of the mail's, so that a row is never taken for another mail's
	state INTEGER NOT NULL -- docWhole, docCut, docUnread
);
CREATE INDEX doc_part ON doc(id) WHERE state!=0;

-- Their folded text, compressed.
CREATE TABLE text(
	id     INTEGER PRIMARY KEY,
	header BLOB NOT NULL,
	body   BLOB NOT NULL
);

-- Which mails have three characters in a row. The text is folded already.
CREATE VIRTUAL TABLE gram USING fts5(text, content='', contentless_delete=1, detail=none, tokenize='trigram case_sensitive 1');
`, `
-- Header and body have a row each (gramRow), so that who looks into one does
-- not read what has his characters in the other. Short texts are kept as they
-- are (pack).
DROP TABLE gram;
DELETE FROM text;
DELETE FROM doc;
CREATE VIRTUAL TABLE gram USING fts5(text, content='', contentless_delete=1, detail=none, tokenize='trigram case_sensitive 1');
`}

// gramRow gives the row in table gram of a mail's header (0) or body (1).
func gramRow(mail, part int64) int64 { return mail<<1 | part }

const (
	docWhole  = iota // all of the mail's text is kept
	docCut           // the mail has more text than is kept: in doubt its file is read
	docUnread        // the file could not be read: it is tried again at the next start
)

// docHash is how many octets of a mail's hash are kept.
const docHash = 8

// doc is a mail as search.db has it.
type doc struct {
	id           int64
	hash         []byte
	state        int
	header, body string // folded
}

// searchDB is the database search.db: one connection that writes, used by the
// indexer's goroutine alone, and a pool that reads.
type searchDB struct {
	writeDB *sql.DB
	write   *sql.Conn
	read    *sql.DB
}

// openSearchDB opens or creates the database file.
func openSearchDB(path string) (_ *searchDB, err error) {
	x := &searchDB{}
	defer func() {
		if err != nil {
			x.close()
			err = fmt.Errorf("%s: %w", searchFile, indexError(err))
		}
	}()
	if x.writeDB, err = sql.Open("sqlite3", dsn(path, "mode=rwc", "_journal_mode=WAL", "_synchronous=NORMAL",
		"_txlock=immediate", "_stmt_cache_size=32", "_cache_size=-4000")); err != nil {
		return nil, err
	}
	x.writeDB.SetMaxOpenConns(1)
	ctx := context.Background()
	if x.write, err = x.writeDB.Conn(ctx); err != nil {
		return nil, err
	}
	for _, pragma := range []string{
		"PRAGMA wal_autocheckpoint=2000",
		"PRAGMA journal_size_limit=8000000",
	} {
		if _, err = x.write.ExecContext(ctx, pragma); err != nil {
			return nil, err
		}
	}
	if err = migrate(ctx, x.write, searchSchema); err != nil {
		return nil, err
	}
	if _, err = x.write.ExecContext(ctx, "SELECT d.hash, d.state, t.header, t.body FROM doc d, text t, gram LIMIT 0"); err != nil {
		return nil, fmt.Errorf("%w (%v)", ErrDamaged, err) // a table is missing
	}
	if x.read, err = sql.Open("sqlite3", dsn(path, "mode=ro", "_query_only=1", "_stmt_cache_size=16", "_cache_size=-4000")); err != nil {
		return nil, err
	}
	x.read.SetMaxOpenConns(readers)
	x.read.SetMaxIdleConns(1)
	return x, nil
}

func (x *searchDB) close() error {
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

// removeSearchDB removes the database file with what SQLite keeps beside it.
func removeSearchDB(path string) error {
	var errs []error
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// update runs fn in one transaction on the writing connection.
func (x *searchDB) update(fn func(*sql.Tx) error) error {
	tx, err := x.write.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return errors.Join(err, ignoreNoTransaction(err, tx.Rollback()))
	}
	return tx.Commit()
}

// put writes a mail's text.
func (d *doc) put(tx *sql.Tx) error {
	if _, err := tx.Exec("INSERT INTO doc(id, hash, state) VALUES(?, ?, ?)", d.id, d.hash, d.state); err != nil {
		return err
	}
	if d.state == docUnread {
		return nil
	}
	header, err := pack(d.header)
	if err != nil {
		return err
	}
	body, err := pack(d.body)
	if err != nil {
		return err
	}
	if _, err := tx.Exec("INSERT INTO text(id, header, body) VALUES(?, ?, ?)", d.id, header, body); err != nil {
		return err
	}
	for part, text := range []string{d.header, d.body} {
		if _, err = tx.Exec("INSERT INTO gram(rowid, text) VALUES(?, ?)", gramRow(d.id, int64(part)), text); err != nil {
			return err
		}
	}
	return nil
}

// removeDocs takes mails out.
func removeDocs(tx *sql.Tx, ids []int64) error {
	for _, id := range ids {
		for _, stmt := range []string{
			"DELETE FROM gram WHERE rowid BETWEEN ?1*2 AND ?1*2+1",
			"DELETE FROM text WHERE id=?",
			"DELETE FROM doc WHERE id=?",
		} {
			if _, err := tx.Exec(stmt, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// idsAtOnce is how many ids a statement of searchDB.ids gives at most.
const idsAtOnce = 1 << 16

// ids calls fn for each id that a statement gives, ascending. The statement's
// last two parameters are the id above which and that up to which it looks.
func ids(ctx context.Context, tx *sql.Tx, after, last int64, fn func(int64), query string, args ...any) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		var list jsonInts
		rows, err := tx.Query("SELECT json_group_array(id) FROM ("+query+" LIMIT ?)", append(args[:len(args):len(args)], after, last, idsAtOnce)...)
		if err != nil {
			return err
		}
		n := 0
		if rows.Next() {
			if err = rows.Scan(&list); err == nil {
				for ; list.more(); n++ {
					after = list.next()
					fn(after)
				}
			}
		}
		rows.Close()
		if err := errors.Join(err, rows.Err()); err != nil || n < idsAtOnce {
			return err
		}
	}
}

// idList makes the JSON array of ids.
func idList(ids []int64) string {
	list := []byte{'['}
	for i, id := range ids {
		if i > 0 {
			list = append(list, ',')
		}
		list = strconv.AppendInt(list, id, 10)
	}
	return string(append(list, ']'))
}

// textMemory bounds what unpacking a text may take: texts are far smaller,
// so only a damaged one asks for more.
const textMemory = 8 << 20

// One encoder and one decoder serve all boxes. A small window keeps the
// encoder small; most texts are smaller than it.
var packer = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(128<<10), zstd.WithLowerEncoderMem(true))
})

var unpacker = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(readers), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(textMemory))
})

// A text of less than packFrom octets, as most headers are, is kept as it is,
// behind an octet that no compressed one begins with: to unpack it would take
// longer than to read it.
const (
	packFrom  = 1 << 10
	plainText = 0
)

// pack compresses a text; an empty one is empty.
func pack(s string) ([]byte, error) {
	switch {
	case s == "":
		return []byte{}, nil
	case len(s) < packFrom:
		return append([]byte{plainText}, s...), nil
	}
	enc, err := packer()
	if err != nil {
		return nil, err
	}
	return enc.EncodeAll([]byte(s), nil), nil
}

// unpack appends to buf what pack compressed; the error is for damaged data.
func unpack(buf, b []byte) ([]byte, error) {
	switch {
	case len(b) == 0:
		return buf, nil
	case b[0] == plainText:
		return append(buf, b[1:]...), nil
	}
	dec, err := unpacker()
	if err != nil {
		return nil, err
	}
	buf, err = dec.DecodeAll(b, buf)
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", ErrDamaged, err)
	}
	return buf, nil
}
