package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// This file is how messages become deleted ones: rows of table deleted take
// over the mails' rows, and the files move to deleted/DAY/ in the background.

// deletion is a row of table deletion being made: one for each command and
// mailbox.
type deletion struct {
	row int64 // 0: nothing is kept
	day string
}

// dayOf names the folder of what was deleted at a time.
func dayOf(at time.Time) string { return at.UTC().Format(time.DateOnly) }

// beginDeletion begins the deletion of messages of a mailbox.
func (t *tx) beginDeletion(m *mailbox, s *state, who Actor) (*deletion, error) {
	var retain, latest int64
	if err := t.row("SELECT value, coalesce((SELECT value FROM meta WHERE key='clock'), 0) FROM meta WHERE key='retain'").Scan(&retain, &latest); err != nil {
		return nil, err
	}
	if retain <= 0 {
		return &deletion{}, nil
	}
	person, err := t.actor(who.Person)
	if err != nil {
		return nil, err
	}
	device, err := t.actor(who.Device)
	if err != nil {
		return nil, err
	}
	words := s.keywords
	if words == nil {
		words = Keywords{}
	}
	keywords, err := json.Marshal(words)
	if err != nil {
		return nil, err
	}
	at := max(t.b.now().Unix(), latest)
	d := &deletion{day: dayOf(time.Unix(at, 0))}
	err = t.row(`INSERT INTO deletion(at, person, device, mailbox, place, name, specialuse, keywords)
		VALUES(?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		at, person, device, m.id, m.row, s.name, s.use, string(keywords)).Scan(&d.row)
	return d, err
}

// keywordsOf reads a deletion's keywords; damaged ones are lost.
func keywordsOf(list []byte) (words Keywords) {
	if json.Unmarshal(list, &words) != nil || len(words) > MaxKeywords {
		return nil
	}
	return words
}

// dropEntries takes back the references of selected entries, which are about
// to be removed, and keeps in the deletion what is to be restorable: each
// message that was everybody's, and the last of a mail that was one device's.
func (t *tx) dropEntries(d *deletion, sel selection) error {
	keep := func(which string) error {
		if d.row == 0 {
			return nil
		}
		return t.exec("INSERT INTO deleted(deletion, uid, mail, flags) SELECT ?, uid, mail, flags FROM entry WHERE "+sel.where+which,
			append([]any{d.row}, sel.args...)...)
	}
	if err := keep(" AND scope=0 ORDER BY uid"); err != nil {
		return err
	}
	if err := t.addRefs(sel, -1); err != nil {
		return err
	}
	if err := keep(` AND scope<>0 AND (SELECT refs FROM mail WHERE mail.id=entry.mail)<=0 AND NOT EXISTS (SELECT 1 FROM deleted x WHERE x.mail=entry.mail) ORDER BY uid`); err != nil {
		return err
	}
	return t.dropMails("SELECT mail FROM entry WHERE "+sel.where, sel.args...)
}

// keptIn gives which of the UIDs of files a deletion keeps, and takes them out
// of files.
func (t *tx) keptIn(d *deletion, files map[uint32]fileInfo) (map[uint32]fileInfo, error) {
	kept := map[uint32]fileInfo{}
	if d == nil || d.row == 0 {
		return kept, nil
	}
	var list jsonInts
	if err := t.row("SELECT json_group_array(uid) FROM deleted WHERE deletion=?", d.row).Scan(&list); err != nil {
		return nil, err
	}
	for list.more() {
		uid := uint32(list.next())
		if f, ok := files[uid]; ok {
			kept[uid] = f
			delete(files, uid)
		}
	}
	return kept, nil
}

// keptFiles gives the files of deleted mails; x is table deletion, d deleted.
func (t *tx) keptFiles(where string, args ...any) ([]keptFile, error) {
	return keptFiles(t.w.conn, where, args...)
}

func keptFiles(c querier, where string, args ...any) (out []keptFile, err error) {
	rows, err := c.QueryContext(context.Background(), `
		SELECT x.at, x.mailbox, d.uid, m.date, m.zone, m.size, m.hash
		FROM deletion x JOIN deleted d ON d.deletion=x.id JOIN mail m ON m.id=d.mail WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var k keptFile
		var at, seconds int64
		var zone int
		hash := k.hash[:0]
		if err := rows.Scan(&at, &k.mailbox, &k.uid, &seconds, &zone, &k.size, &hash); err != nil {
			return nil, err
		}
		copy(k.hash[:], hash)
		k.date, k.day = dateIn(seconds, zone), dayOf(time.Unix(at, 0))
		out = append(out, k)
	}
	return out, rows.Err()
}

// endDeletion forgets a deletion that keeps nothing.
func (t *tx) endDeletion(d *deletion) error {
	if d.row == 0 {
		return nil
	}
	return t.exec("DELETE FROM deletion WHERE id=?1 AND NOT EXISTS (SELECT 1 FROM deleted WHERE deletion=?1)", d.row)
}

// SetRetain sets how long deleted mail stays restorable; 0: what is deleted is
// gone at once. What was deleted before is kept by the new time, too.
func (b *Box) SetRetain(ctx context.Context, d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("deleted mail cannot be kept for %v", d)
	}
	return b.writer.do(ctx, &request{run: func(t *tx) error {
		return t.exec("UPDATE meta SET value=? WHERE key='retain'", int64(d/time.Second))
	}})
}

// Retain gives how long deleted mail stays restorable.
func (b *Box) Retain(ctx context.Context) (time.Duration, error) {
	var seconds int64
	err := b.index.read.QueryRowContext(ctx, "SELECT value FROM meta WHERE key='retain'").Scan(&seconds)
	return time.Duration(seconds) * time.Second, indexError(err)
}
