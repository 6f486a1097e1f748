package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
)

// makeVersion1 turns the index of a closed box into one of the first version,
// with what that knew.
func makeVersion1(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, indexFile)
	if err := os.Rename(path, path+".now"); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", dsn(path, "mode=rwc", "_journal_mode=WAL"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	do := func(query string) {
		t.Helper()
		if _, err := db.Exec(query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	do(schema1)
	do("DELETE FROM meta")
	do("ATTACH '" + path + ".now' AS now")
	rows, err := db.Query("SELECT m.name, group_concat(c.name) FROM main.sqlite_schema m, pragma_table_info(m.name, 'main') c WHERE m.type='table' AND m.name NOT LIKE 'sqlite_%' GROUP BY m.name")
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]string{}
	for rows.Next() {
		var name, columns string
		if err := rows.Scan(&name, &columns); err != nil {
			t.Fatal(err)
		}
		tables[name] = columns
	}
	rows.Close()
	for name, columns := range tables {
		where := ""
		if name == "meta" {
			where = " WHERE key IN ('clean', 'uidvalidity')"
		}
		do("INSERT INTO " + name + "(" + columns + ") SELECT " + columns + " FROM now." + name + where)
	}
	do("PRAGMA user_version=1")
	do("DETACH now")
	do("PRAGMA wal_checkpoint(TRUNCATE)")
	if err := removeDatabase(OSFS, path+".now"); err != nil {
		t.Fatal(err)
	}
}

// oldBox makes a box as the first version left it, and tells what is in it.
func oldBox(t *testing.T, dir string) []string {
	t.Helper()
	if err := CreateBox(dir, NewID(), Options{}); err != nil {
		t.Fatal(err)
	}
	b, err := OpenBox(ctx, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	v := as(b, marko)
	if _, err := v.Append(ctx, "INBOX", []*Incoming{incoming(t, b, "a", imap.FlagSeen), incoming(t, b, "b", imap.FlagFlagged, "Work")}); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, v, "INBOX").Copy(ctx, imap.UIDSetNum(1), v, "Archive"); err != nil {
		t.Fatal(err)
	}
	was := describe(t, b)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	makeVersion1(t, dir)
	return was
}

// TestUpgrade: a box of the first version opens, with all that it had, and can
// do what is new.
func TestUpgrade(t *testing.T) {
	dir := filepath.Join(memDir(t), "box")
	was := oldBox(t, dir)
	b := reopen(t, dir)
	if now := describe(t, b); strings.Join(now, "\n") != strings.Join(was, "\n") {
		t.Errorf("now\n%s\nwas\n%s", strings.Join(now, "\n"), strings.Join(was, "\n"))
	}
	if rows, err := b.Activity(ctx, ActivityQuery{}); err != nil || len(rows) == 0 || rows[len(rows)-1].Action != "appended" {
		t.Errorf("activity: %+v %v", rows, err)
	}
	setPolicy(t, b, Policy{PrivateSeen: true, Readers: heShe, Devices: map[ID]DevicePolicy{phone.Device: {Here: true}}})
	flag(t, as(b, petra), "INBOX", FlagsAdd, 2, imap.FlagSeen)
	wantSees(t, as(b, petra), "INBOX", "1S 2SF")
	wantSees(t, as(b, marko), "INBOX", "1S 2F")
	if _, err := open(t, as(b, phone), "INBOX").Move(ctx, imap.UIDSetNum(1), as(b, phone), "Trash"); err != nil {
		t.Fatal(err)
	}
	wantSees(t, as(b, pc), "INBOX", "1S 2F")
}

// TestUpgradeKilled: a program that is killed while it migrates leaves a box
// that the next one migrates.
func TestUpgradeKilled(t *testing.T) {
	root := memDir(t)
	old := filepath.Join(root, "old")
	was := strings.Join(oldBox(t, old), "\n")
	statements := strings.SplitAfter(strings.Join(schema[1:], "\n"), ";\n")
	for n := range len(statements) + 1 {
		dir := filepath.Join(root, fmt.Sprint(n))
		if err := os.CopyFS(dir, os.DirFS(old)); err != nil {
			t.Fatal(err)
		}
		killed := dir + "-killed"
		func() {
			db, err := sql.Open("sqlite3", dsn(filepath.Join(dir, indexFile), "mode=rwc", "_journal_mode=WAL", "_txlock=immediate", "_cache_size=1"))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			tx, err := db.BeginTx(context.Background(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback()
			for _, s := range statements[:n] {
				if _, err := tx.Exec(s); err != nil {
					t.Fatalf("%s: %v", s, err)
				}
			}
			// What a killed process leaves is what the files hold now.
			if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
		}()
		b, err := OpenBox(ctx, killed, Options{})
		if err != nil {
			t.Fatalf("killed after %d statements: %v", n, err)
		}
		if now := strings.Join(describe(t, b), "\n"); now != was {
			t.Errorf("killed after %d statements: now\n%s\nwas\n%s", n, now, was)
		}
		closeBox(t, b)
	}
}

// TestUpgradeFails: a step that fails leaves the version before, untouched.
func TestUpgradeFails(t *testing.T) {
	dir := filepath.Join(memDir(t), "box")
	oldBox(t, dir)
	db, err := sql.Open("sqlite3", dsn(filepath.Join(dir, indexFile), "mode=rw"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := migrate(ctx, c, []string{schema1, schemaOverlay, "no SQL"}); err == nil {
		t.Error("a step that is no SQL succeeded")
	}
	var version, tables int
	if err := c.QueryRowContext(ctx, "SELECT user_version, (SELECT count(*) FROM sqlite_schema WHERE name='private') FROM pragma_user_version").Scan(&version, &tables); err != nil || version != 1 || tables != 0 {
		t.Errorf("version %d, %d new tables, %v", version, tables, err)
	}
}

// TestNewerIndex: what a newer program made is refused with a sentence.
func TestNewerIndex(t *testing.T) {
	dir := filepath.Join(memDir(t), "box")
	oldBox(t, dir)
	db, err := sql.Open("sqlite3", dsn(filepath.Join(dir, indexFile), "mode=rw"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version=1000"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if _, err := OpenBox(ctx, dir, Options{}); !errors.Is(err, ErrNewerVersion) || !strings.Contains(err.Error(), "1000") {
		t.Error(err)
	}
}
