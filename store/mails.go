package store

import (
	"context"
	"database/sql"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/message"
)

// Fields chooses what Mails reads beside UID, date, size and hash.
type Fields uint

const (
	FieldHeader    Fields = 1 << iota // Mail.Header
	FieldEnvelope                     // Mail.Envelope
	FieldStructure                    // Mail.BodyStructure
	FieldParts                        // Mail.Parts
	FieldSaved                        // Mail.Saved
)

// Mail is what the index knows of a mail. Its slices are valid until the
// callback that got it returns.
type Mail struct {
	UID  imap.UID
	Date time.Time // INTERNALDATE with its zone
	Size int64     // RFC822.SIZE
	Hash [32]byte  // SHA-256 of the stored bytes

	Header         []byte // message.Message.Header
	HeaderComplete bool
	Envelope       []byte // ready for the wire
	BodyStructure  []byte // ready for the wire
	parts          []byte
	Saved          time.Time // when it came into this mailbox (RFC 8514)
}

// Parts decodes the MIME tree with its offsets (FieldParts).
func (m *Mail) Parts() (*message.Part, error) { return message.DecodeParts(m.parts) }

// EmailID gives the mail's id for people and for RFC 8474: base32 of its hash.
func (m *Mail) EmailID() string { return idEncoding.EncodeToString(m.Hash[:]) }

// mailsBlock is how many messages Mails reads at a time: enough to make a
// statement's cost small, few enough that a block fits the caches and no read
// stays open for long.
const mailsBlock = 256

// Mails reads the messages of entries, which must ascend by UID, from the
// index and calls fn for each in order. Messages whose mail is gone are passed
// over. It reads in blocks and holds no lock or transaction while fn runs, so
// fn may write to a slow peer. fn's error ends it and is returned.
func (m *Mailbox) Mails(ctx context.Context, entries []Entry, f Fields, fn func(Entry, *Mail) error) error {
	r := mailReader{db: m.v.b.index.read, mailbox: m.m.row, fields: f}
	for len(entries) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		block := entries[:min(mailsBlock, len(entries))]
		entries = entries[len(block):]
		if err := r.read(block); err != nil {
			return indexError(err)
		}
		for i, e := range block {
			mail := r.mails[i]
			if mail.UID == 0 {
				continue
			}
			if err := fn(e, &mail); err != nil {
				return err
			}
		}
	}
	return nil
}

// mailReader reads blocks of mails.
type mailReader struct {
	db      *sql.DB
	mailbox int64
	fields  Fields

	mails []Mail        // of the block's entries; UID 0: gone
	at    map[int64]int // mail → where it is in the block
	arena []byte        // what the mails' slices lie in
}

// read fills r.mails for a block of entries.
func (r *mailReader) read(block []Entry) error {
	r.mails = append(r.mails[:0], make([]Mail, len(block))...)
	r.arena = r.arena[:0]
	if r.at == nil {
		r.at = make(map[int64]int, len(block))
	}
	clear(r.at)
	lo, hi := block[0].mail, block[0].mail
	for i, e := range block {
		r.at[e.mail] = i
		lo, hi = min(lo, e.mail), max(hi, e.mail)
	}
	var err error
	if hi-lo < 2*int64(len(block)) {
		err = r.query("mail m", "m.id BETWEEN ? AND ?", lo, hi)
	} else {
		list := []byte{'['}
		for _, e := range block {
			list = append(strconv.AppendInt(list, e.mail, 10), ',')
		}
		list[len(list)-1] = ']'
		err = r.query("json_each(?) j CROSS JOIN mail m ON m.id=j.value", "1", string(list))
	}
	if err != nil {
		return err
	}
	for i, e := range block {
		// Several entries of a block may be copies of one mail.
		if m := r.mails[r.at[e.mail]]; m.UID != 0 {
			r.mails[i] = m
			r.mails[i].UID = e.UID
		}
	}
	if r.fields&FieldSaved != 0 {
		return r.saved(block)
	}
	return nil
}

// query reads the fields of the mails that from and where pick. SQLite gathers
// each column of the block into one value: a row at a time costs a multiple.
func (r *mailReader) query(from, where string, args ...any) error {
	const numbers = 5
	columns := []string{
		"json_group_array(m.id)", "json_group_array(m.date)", "json_group_array(m.zone)", "json_group_array(m.size)",
		"CAST(group_concat(m.hash, '') AS BLOB)",
	}
	var fields []func(*Mail, []byte)
	add := func(f Fields, table, join, column string, set func(*Mail, []byte)) {
		if r.fields&f == 0 {
			return
		}
		columns = append(columns, "CAST(group_concat(length("+column+") || ',' || "+column+", '') AS BLOB)")
		fields = append(fields, set)
		if !strings.Contains(from, table) {
			from += " JOIN " + table + " " + join
		}
	}
	add(FieldEnvelope, "mail_envelope e", "ON e.id=m.id", "e.envelope", func(m *Mail, b []byte) { m.Envelope = b })
	add(FieldStructure, "mail_structure s", "ON s.id=m.id", "s.structure", func(m *Mail, b []byte) { m.BodyStructure = b })
	add(FieldParts, "mail_structure s", "ON s.id=m.id", "s.parts", func(m *Mail, b []byte) { m.parts = b })
	add(FieldHeader, "mail_header h", "ON h.id=m.id", "h.header", func(m *Mail, b []byte) { m.Header = b })
	add(FieldHeader, "mail_header h", "ON h.id=m.id", "h.complete", func(m *Mail, b []byte) { m.HeaderComplete = b[0] == '1' })
	rows, err := r.db.QueryContext(context.Background(), "SELECT "+strings.Join(columns, ", ")+" FROM "+from+" WHERE "+where, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	if !rows.Next() {
		return rows.Err()
	}
	cols := make([]sql.RawBytes, len(columns))
	into := make([]any, len(cols))
	for i := range cols {
		into[i] = &cols[i]
	}
	if err := rows.Scan(into...); err != nil {
		return err
	}
	packed := make([][]byte, len(fields))
	for i := range fields {
		packed[i] = r.keep(cols[numbers+i])
	}
	ids, dates, zones, sizes, hashes := jsonInts(cols[0]), jsonInts(cols[1]), jsonInts(cols[2]), jsonInts(cols[3]), cols[4]
	for ids.more() && len(hashes) >= 32 {
		id, seconds, zone, size := ids.next(), dates.next(), zones.next(), sizes.next()
		m := &Mail{}
		i, wanted := r.at[id]
		if wanted {
			m = &r.mails[i]
		}
		m.UID = 1 // it is there; read puts the entry's in its stead
		m.Date, m.Size = dateIn(seconds, int(zone)), size
		copy(m.Hash[:], hashes)
		hashes = hashes[32:]
		for k, set := range fields {
			value, rest, ok := firstValue(packed[k])
			if !ok {
				return ErrDamaged
			}
			set(m, value)
			packed[k] = rest
		}
	}
	return rows.Err()
}

// firstValue takes the first value off a column that was gathered as
// "length,octets" one after another.
func firstValue(b []byte) (value, rest []byte, ok bool) {
	n, i := 0, 0
	for i < len(b) && b[i] >= '0' && b[i] <= '9' && n < 1<<30 {
		n = n*10 + int(b[i]-'0')
		i++
	}
	if i == 0 || i == len(b) || b[i] != ',' || len(b)-i-1 < n {
		return nil, nil, false
	}
	b = b[i+1:]
	return b[:n:n], b[n:], true
}

// keep copies b, which the next row overwrites.
func (r *mailReader) keep(b []byte) []byte {
	n := len(r.arena)
	r.arena = append(r.arena, b...)
	return r.arena[n:len(r.arena):len(r.arena)]
}

// saved fills when the block's messages came into the mailbox.
func (r *mailReader) saved(block []Entry) error {
	rows, err := r.db.QueryContext(context.Background(), "SELECT uid, saved FROM entry WHERE mailbox=? AND uid BETWEEN ? AND ? ORDER BY uid",
		r.mailbox, uint32(block[0].UID), uint32(block[len(block)-1].UID))
	if err != nil {
		return err
	}
	defer rows.Close()
	i := 0
	for rows.Next() {
		var uid uint32
		var at int64
		if err := rows.Scan(&uid, &at); err != nil {
			return err
		}
		for i < len(block) && uint32(block[i].UID) < uid {
			i++
		}
		if i < len(block) && uint32(block[i].UID) == uid {
			r.mails[i].Saved = time.Unix(at, 0).UTC()
		}
	}
	return rows.Err()
}

// OpenMail opens the file of a mail that Mails gave (ErrExpunged if it is
// gone). The file holds exactly the bytes that were received.
func (m *Mailbox) OpenMail(mail *Mail) (MailFile, error) {
	return m.v.b.openMail(m.m, mail.UID, fileInfo{date: mail.Date, size: mail.Size, hash: mail.Hash})
}

// MailFile is an open mail file.
type MailFile interface {
	io.ReaderAt
	io.Closer
	Size() int64
}
