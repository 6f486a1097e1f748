package store

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// maxSubject bounds the decoded subject that is kept for the activity.
	maxSubject = 200
	// maxMessageID bounds what is indexed; a longer one is no Message-ID.
	maxMessageID = 500
)

// cold is what the index keeps of a mail besides its entries.
type cold struct {
	date      time.Time
	size      int64
	hash      [32]byte
	envelope  []byte
	structure []byte
	parts     []byte
	header    []byte
	complete  bool
	subject   string
	messageID string
}

// coldOf gives what is kept of a mail that arrives.
func coldOf(in *Incoming) cold {
	m := in.msg
	return cold{
		date: in.Date, size: in.size, hash: in.Hash(),
		envelope: m.Envelope, structure: m.BodyStructure, parts: m.AppendParts(nil),
		header: m.Header, complete: m.HeaderComplete,
		subject: m.Subject, messageID: m.MessageID,
	}
}

// insertMail writes a mail's rows, referred to by one entry.
func (t *tx) insertMail(id int64, c cold) error {
	zone := zoneMinutes(c.date)
	if err := t.exec("INSERT INTO mail(id, refs, date, zone, size, hash) VALUES(?, 1, ?, ?, ?, ?)",
		id, c.date.Unix(), zone, c.size, c.hash[:]); err != nil {
		return err
	}
	var messageID any
	if c.messageID != "" && len(c.messageID) <= maxMessageID {
		messageID = c.messageID
	}
	if err := t.exec("INSERT INTO mail_envelope(id, envelope, subject, messageid) VALUES(?, ?, ?, ?)",
		id, blob(c.envelope), shorten(c.subject, maxSubject), messageID); err != nil {
		return err
	}
	if err := t.exec("INSERT INTO mail_structure(id, structure, parts) VALUES(?, ?, ?)", id, blob(c.structure), blob(c.parts)); err != nil {
		return err
	}
	return t.exec("INSERT INTO mail_header(id, complete, header) VALUES(?, ?, ?)", id, c.complete, blob(c.header))
}

// blob makes a nil slice an empty BLOB instead of NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// shorten cuts s to at most n octets, between characters.
func shorten(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// zoneMinutes gives a time's zone in minutes east of UTC.
func zoneMinutes(t time.Time) int {
	_, seconds := t.Zone()
	return seconds / 60
}

// dateIn gives the time that is kept as unix seconds and zone.
func dateIn(seconds int64, zone int) time.Time {
	if zone == 0 {
		return time.Unix(seconds, 0).UTC()
	}
	return time.Unix(seconds, 0).In(time.FixedZone("", zone*60))
}

// mailTables hold what insertMail writes beside table mail.
var mailTables = []string{"mail_envelope", "mail_structure", "mail_header"}

// addRefs counts n (1 or -1) further entries for the mails of selected ones.
func (t *tx) addRefs(sel selection, n int) error {
	return t.exec(`UPDATE mail SET refs=refs+?*x.n FROM (SELECT mail, count(*) AS n FROM entry WHERE `+sel.where+` GROUP BY mail) x
		WHERE mail.id=x.mail`, append([]any{n}, sel.args...)...)
}

// dropMails deletes those of the mails that a query gives which no message
// names any more, nor a deleted one.
func (t *tx) dropMails(query string, args ...any) error {
	gone, err := t.deleteMails("refs<=0 AND id IN ("+query+") AND NOT EXISTS (SELECT 1 FROM deleted d WHERE d.mail=mail.id)", args...)
	if err != nil {
		return err
	}
	if len(gone) == 0 {
		return nil
	}
	t.commit = append(t.commit, func() {
		coldMails.forget(t.b.index, gone)
		t.b.search.drop(gone)
	})
	for _, table := range mailTables {
		if err := t.exec("DELETE FROM "+table+" WHERE id IN (SELECT value FROM json_each(?))", idList(gone)); err != nil {
			return err
		}
	}
	return nil
}

// deleteMails deletes the rows of mails from table mail and gives them.
func (t *tx) deleteMails(where string, args ...any) (gone []int64, err error) {
	rows, err := t.w.conn.QueryContext(context.Background(), "DELETE FROM mail WHERE "+where+" RETURNING id", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		gone = append(gone, id)
	}
	return gone, rows.Err()
}

// fileInfos gives, for selected entries by UID, what their files' names hold.
func (t *tx) fileInfos(sel selection, into map[uint32]fileInfo) error {
	var u, d, z, n jsonInts
	var hashes taken
	err := t.row(`SELECT json_group_array(e.uid), json_group_array(m.date), json_group_array(m.zone), json_group_array(m.size),
			CAST(group_concat(m.hash, '') AS BLOB)
		FROM (SELECT uid, mail FROM entry WHERE `+sel.where+`) e JOIN mail m ON m.id=e.mail`, sel.args...).Scan(&u, &d, &z, &n, &hashes)
	if err != nil {
		return err
	}
	for ; u.more(); hashes = hashes[32:] {
		if len(hashes) < 32 {
			return ErrDamaged
		}
		f := fileInfo{date: dateIn(d.next(), int(z.next())), size: n.next(), hash: [32]byte(hashes[:32])}
		into[uint32(u.next())] = f
	}
	return nil
}

// fileInfo is what a mail file's name holds beside its UID.
type fileInfo struct {
	date time.Time
	size int64
	hash [32]byte
}
