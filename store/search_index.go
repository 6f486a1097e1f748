package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"math"
	"strings"
	"time"

	"heimpost/message"
)

const (
	// searchHeader and searchBody bound the folded text that is kept of a
	// mail. Of what is cut off, searches read the file.
	searchHeader = 256 << 10
	searchBody   = 1 << 20
	// searchWindow is how many mails are looked up in the index at a time,
	// for the price of one pass over its entries.
	searchWindow = 1 << 14
	// searchCommit is how many octets of text go into one transaction.
	searchCommit = 8 << 20
	// docsAtOnce is how many mails are removed in one transaction.
	docsAtOnce = 512
)

// compare takes out of the database what the index does not have, or has
// another mail for, and gives up to which row the database is complete.
func (s *search) compare(x *searchDB) (indexed int64, err error) {
	missing := int64(0) // the first mail that the database does not have
	for after := int64(0); ; {
		mails, err := readHashes(s.b.index.read, "SELECT id, substr(hash, 1, ?), 0 FROM mail WHERE id>? ORDER BY id LIMIT ?", docHash, after, searchWindow)
		if err != nil {
			return 0, err
		}
		last := int64(math.MaxInt64)
		if len(mails) == searchWindow {
			last = mails[len(mails)-1].id
		}
		docs, err := readHashes(x.read, "SELECT id, hash, state FROM doc WHERE id>? AND id<=? ORDER BY id", after, last)
		if err != nil {
			return 0, err
		}
		var surplus []int64
		i := 0
		for _, d := range docs {
			for ; i < len(mails) && mails[i].id < d.id; i++ {
				if missing == 0 {
					missing = mails[i].id
				}
			}
			if i < len(mails) && mails[i].id == d.id && bytes.Equal(mails[i].hash, d.hash) && d.state != docUnread {
				i++
				continue
			}
			surplus = append(surplus, d.id)
		}
		if i < len(mails) && missing == 0 {
			missing = mails[i].id
		}
		if len(mails) > 0 {
			indexed = mails[len(mails)-1].id
		}
		if err := s.remove(x, surplus); err != nil {
			return 0, err
		}
		if after = last; after == math.MaxInt64 {
			break
		}
	}
	if missing != 0 {
		indexed = missing - 1
	}
	return indexed, nil
}

// readHashes reads id, hash and state of rows.
func readHashes(db *sql.DB, query string, args ...any) (out []doc, err error) {
	rows, err := db.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var d doc
		if err := rows.Scan(&d.id, &d.hash, &d.state); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

// remove takes mails out of the database.
func (s *search) remove(x *searchDB, ids []int64) error {
	for len(ids) > 0 {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		some := ids[:min(docsAtOnce, len(ids))]
		ids = ids[len(some):]
		if err := x.update(func(tx *sql.Tx) error { return removeDocs(tx, some) }); err != nil {
			return err
		}
	}
	return nil
}

// place is where a mail's file is: a message's, or (day) a deleted one's.
type place struct {
	mailbox ID
	uid     uint32
	day     string
}

// index takes the next mails in; more says that there may be others.
func (s *search) index(x *searchDB) (more bool, err error) {
	missing, last, err := s.missing(x)
	if err != nil || last == 0 {
		return false, err
	}
	if len(missing) > 0 {
		places, err := s.places(missing[0].mail, missing[len(missing)-1].mail)
		if err != nil {
			return false, err
		}
		for len(missing) > 0 {
			n, err := s.indexBlock(x, missing[:min(mailsBlock, len(missing))], places)
			if err != nil {
				return false, err
			}
			s.indexed.Store(missing[n-1].mail)
			missing = missing[n:]
		}
	}
	s.indexed.Store(last)
	return true, nil
}

// missing gives the next mails that are to be taken in, and the last row that
// was looked at; 0: there is none.
func (s *search) missing(x *searchDB) (missing []Entry, last int64, err error) {
	after := s.indexed.Load()
	mails, err := readHashes(s.b.index.read, "SELECT id, NULL, 0 FROM mail WHERE id>? ORDER BY id LIMIT ?", after, searchWindow)
	if err != nil || len(mails) == 0 {
		return nil, 0, err
	}
	last = mails[len(mails)-1].id
	docs, err := readHashes(x.read, "SELECT id, NULL, 0 FROM doc WHERE id>? AND id<=? ORDER BY id", after, last)
	if err != nil {
		return nil, 0, err
	}
	for _, m := range mails {
		for len(docs) > 0 && docs[0].id < m.id {
			docs = docs[1:]
		}
		if len(docs) == 0 || docs[0].id != m.id {
			missing = append(missing, Entry{mail: m.id})
		}
	}
	return missing, last, nil
}

// places gives for the mails of rows lo to hi one message each that they are,
// or a deleted one.
func (s *search) places(lo, hi int64) (map[int64]place, error) {
	rows, err := s.b.index.read.Query(`
		SELECT d.mail, x.mailbox, d.uid, x.at FROM deleted d JOIN deletion x ON x.id=d.deletion WHERE d.mail BETWEEN ?1 AND ?2
		UNION ALL
		SELECT e.mail, b.mailbox, e.uid, 0 FROM entry e JOIN mailbox b ON b.id=e.mailbox WHERE e.mail BETWEEN ?1 AND ?2`, lo, hi)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[int64]place{}
	for rows.Next() {
		var mail, deleted int64
		var at place
		if err := rows.Scan(&mail, &at.mailbox, &at.uid, &deleted); err != nil {
			return nil, err
		}
		if deleted != 0 {
			at.day = dayOf(time.Unix(deleted, 0))
		}
		out[mail] = at
	}
	return out, rows.Err()
}

// indexBlock takes in mails of a block in one transaction and says how many
// of its mails it has dealt with.
func (s *search) indexBlock(x *searchDB, block []Entry, places map[int64]place) (n int, err error) {
	r := newMailReader(s.b.index, 0, FieldParts)
	if err := r.readScattered(block); err != nil {
		return 0, err
	}
	err = x.update(func(tx *sql.Tx) error {
		size := 0
		for n = 0; n < len(block) && size < searchCommit; n++ {
			start := time.Now()
			if !r.mail(n, block[n]) {
				continue // gone
			}
			d, err := s.read(block[n].mail, &r.now, places[block[n].mail])
			if err != nil {
				return err
			}
			size += len(d.header) + len(d.body)
			if err := d.put(tx); err != nil {
				return err
			}
			s.giveWay(time.Since(start))
		}
		return nil
	})
	return n, err
}

// giveWay waits after a piece of work while the writer is busy, so that beside
// a busy writer the keeper takes a sixteenth of the time.
func (s *search) giveWay(took time.Duration) {
	if !s.b.writer.busy.Load() {
		return
	}
	t := time.NewTimer(15 * min(took, time.Second))
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.ctx.Done():
	}
}

// read reads the text of a mail from its file. That the file cannot be read
// is no error: such a mail is kept as docUnread.
func (s *search) read(id int64, mail *Mail, at place) (*doc, error) {
	d := &doc{id: id, hash: mail.Hash[:docHash]}
	for range 3 {
		err := s.readFile(d, mail, at)
		if err == nil || s.ctx.Err() != nil {
			return d, s.ctx.Err()
		}
		if !errors.Is(err, ErrExpunged) {
			break
		}
		// It was moved in the meantime.
		places, err := s.places(id, id)
		if err != nil {
			return nil, err
		}
		at = places[id]
	}
	d.state, d.header, d.body = docUnread, "", ""
	return d, nil
}

func (s *search) readFile(d *doc, mail *Mail, at place) error {
	if at.uid == 0 {
		return ErrExpunged
	}
	name := mailFileName{at.mailbox, at.uid, fileInfo{date: mail.Date, size: mail.Size, hash: mail.Hash}}
	open := func() (MailFile, error) { return s.b.disk.openMail(name) }
	if at.day != "" {
		open = func() (MailFile, error) { return s.b.disk.openKept(keptFile{name, at.day}) }
	}
	f, err := open()
	if err != nil {
		return err
	}
	defer f.Close()
	in := &stoppable{s.ctx, f}
	root, err := partsOf(in, f.Size(), mail.parts)
	if err != nil {
		return err
	}
	header, cut, err := readText(in, root, message.Text{Header: true, Limit: math.MaxInt64}, searchHeader)
	if err != nil {
		return err
	}
	body, bodyCut, err := readText(in, root, message.Text{Body: true, Limit: math.MaxInt64}, searchBody)
	if err != nil {
		return err
	}
	d.header, d.body, d.state = header, body, docWhole
	if cut || bodyCut {
		d.state = docCut
	}
	return nil
}

// readText reads a mail's folded text, of which it keeps at most so many
// octets.
func readText(in io.ReaderAt, root *message.Part, t message.Text, most int) (text string, cut bool, err error) {
	var out strings.Builder
	err = writeText(in, root, t, func(s string) error {
		if out.Len()+len(s) > most {
			out.WriteString(shorten(s, most-out.Len()))
			return errFound
		}
		out.WriteString(s)
		return nil
	})
	if errors.Is(err, errFound) {
		return out.String(), true, nil
	}
	return out.String(), false, err
}

// stoppable is a file that cannot be read any more once ctx has ended.
type stoppable struct {
	ctx context.Context
	io.ReaderAt
}

func (f *stoppable) ReadAt(p []byte, at int64) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, err
	}
	return f.ReaderAt.ReadAt(p, at)
}
