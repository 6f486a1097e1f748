package store

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Content names what a mail holds, in whatever mailboxes it is.
type Content struct {
	Hash [32]byte // SHA-256
	Size int64
}

// Name is the name of a file with this content: the mail's id as people see
// it, and the size.
func (c Content) Name() string {
	return idEncoding.EncodeToString(c.Hash[:]) + "-" + strconv.FormatInt(c.Size, 10) + ".eml"
}

// ParseContent reads what Name gives.
func ParseContent(name string) (c Content, ok bool) {
	hash, size, _ := strings.Cut(strings.TrimSuffix(name, ".eml"), "-")
	if len(hash) != idEncoding.EncodedLen(len(c.Hash)) {
		return c, false
	}
	if _, err := idEncoding.Decode(c.Hash[:], []byte(hash)); err != nil {
		return c, false
	}
	var err error
	c.Size, err = strconv.ParseInt(size, 10, 64)
	return c, err == nil && c.Name() == name
}

// BackupPath reads a line of a backup's list of mails: a file's place below
// the box's folder, with slashes. ok is false for what no box has.
func BackupPath(line string) (c Content, ok bool) {
	var n mailFileName
	switch f := strings.Split(line, "/"); {
	case len(f) == 4 && f[0] == mailDirName && ID(f[1]).Valid():
		n, ok = parseBase(ID(f[1]), f[3])
		ok = ok && f[2] == shard(n.uid) && n.uid <= maxUID
	case len(f) == 3 && f[0] == deletedName:
		at, err := time.Parse(time.DateOnly, f[1])
		var k keptFile
		k, ok = parseKept(f[1], f[2])
		n, ok = k.mailFileName, ok && err == nil && dayOf(at) == f[1]
	}
	return n.content(), ok && n.size >= 0
}

func (f fileInfo) content() Content { return Content{f.hash, f.size} }

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

// backupPage is how many mails are read from the index at a time: no reading
// lasts long, so that the log of the index does not grow meanwhile.
const backupPage = 512

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

// NoSpace reports whether an error says that a disk is full.
func NoSpace(err error) bool { return err != nil && (errors.Is(err, ErrNoSpace) || isNoSpace(err)) }
