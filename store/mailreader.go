package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"time"
)

// column is one column of what the index knows of mails, as it is cached.
type column uint8

const (
	colNumbers column = iota // date, zone, size and hash
	colEnvelope
	colStructure
	colParts
	colHeader
	colFolded                                        // the first of foldedNames
	columns   = colFolded + column(len(foldedNames)) // how many there are
)

// gathered are the columns that SQLite gathers, with their tables and values.
var gathered = map[column]struct{ join, value string }{
	colEnvelope:  {"mail_envelope e ON e.id=m.id", blobColumn("e.envelope")},
	colStructure: {"mail_structure s ON s.id=m.id", blobColumn("s.structure")},
	colParts:     {"mail_structure s ON s.id=m.id", blobColumn("s.parts")},
	// An octet before it says whether it is complete.
	colHeader: {"mail_header h ON h.id=m.id", "(length(h.header)+1) || ',' || h.complete || h.header"},
}

func blobColumn(name string) string { return "length(" + name + ") || ',' || " + name }

// readersAhead is how many pieces one reading of a mailbox may have under way
// at a time.
const readersAhead = 3

// readAhead reads a piece of a mailbox while the ones before are being
// answered.
type readAhead struct {
	x       *index
	mailbox int64
	fields  Fields
	entries []Entry

	done chan struct{}
	read []*mailReader
	err  error
}

func (a *readAhead) run() {
	defer close(a.done)
	a.x.reading.Add(1)
	defer a.x.reading.Add(-1)
	for entries := a.entries; len(entries) > 0 && a.err == nil; {
		r := newMailReader(a.x, a.mailbox, a.fields)
		var n int
		if n, a.err = r.read(entries); a.err == nil {
			r.entries = entries[:n]
			a.read = append(a.read, r)
			entries = entries[n:]
		}
	}
}

// mayReadAhead reports whether the index has a reader to spare: who reads
// ahead takes none from the others.
func (x *index) mayReadAhead() bool { return x.reading.Load() < readersAhead }

// piece gives how many of the first entries are read at a time: those of one
// block, or as many that lie scattered.
func piece(entries []Entry) int {
	n := run(entries)
	for n < denseRun && n < len(entries) {
		more := run(entries[n:])
		if more >= denseRun {
			break
		}
		n += more
	}
	return n
}

// mailReader reads runs of mails. Mails that came one after another, as most
// of a mailbox's did, are read by whole blocks and these kept for who comes
// next (coldCache); what lies scattered is read as it is asked for.
type mailReader struct {
	index   *index
	mailbox int64
	fields  Fields
	entries []Entry  // that were read
	wanted  []column // what the fields need; colNumbers first

	block   []*packed     // of wanted: the run is of one block
	at      map[int64]int // else: mail → its place in found
	savedAt []time.Time
	now     Mail // the one that fn gets
}

func newMailReader(x *index, mailbox int64, f Fields) *mailReader {
	r := &mailReader{index: x, mailbox: mailbox, fields: f, wanted: []column{colNumbers}}
	for _, w := range []struct {
		field Fields
		col   column
	}{{FieldEnvelope, colEnvelope}, {FieldStructure, colStructure}, {FieldParts, colParts}, {FieldHeader, colHeader}} {
		if f&w.field != 0 {
			r.wanted = append(r.wanted, w.col)
		}
	}
	for i := range foldedNames {
		if f&(FieldFolded<<i) != 0 {
			r.wanted = append(r.wanted, colFolded+column(i))
		}
	}
	r.block = make([]*packed, len(r.wanted))
	return r
}

// denseRun is from how many messages of one block on the block is read whole.
const denseRun = coldRows / 4

// run gives how many of the first entries have mails of one block.
func run(entries []Entry) int {
	block, _ := coldBlock(entries[0].mail)
	n := 1
	for n < len(entries) && n < mailsBlock && entries[n].mail>>coldBits == block {
		n++
	}
	return n
}

// read reads the first n entries.
func (r *mailReader) read(entries []Entry) (n int, err error) {
	n = run(entries)
	known, err := r.readBlock(entries[:n])
	if err == nil && !known {
		for n < min(len(entries), mailsBlock) {
			more := run(entries[n:])
			if more >= denseRun {
				break
			}
			n = min(n+more, mailsBlock)
		}
		err = r.readScattered(entries[:n])
	}
	if err == nil && r.fields&FieldSaved != 0 {
		err = r.saved(entries[:n])
	}
	return n, err
}

// readBlock finds the mails of one block in the cache, or reads the block
// where that is worth it.
func (r *mailReader) readBlock(entries []Entry) (known bool, err error) {
	r.at = nil
	no, _ := coldBlock(entries[0].mail)
	coldMails.get(r.index, no, r.wanted, r.block)
	var missing []column
	for i, p := range r.block {
		for _, e := range entries {
			if _, place := coldBlock(e.mail); p == nil || !p.has(place) {
				missing = append(missing, r.wanted[i])
				break
			}
		}
	}
	if len(missing) == 0 {
		return true, nil
	}
	if len(entries) < denseRun {
		return false, nil
	}
	changes := coldMails.changes(r.index)
	placeOf := func(mail int64) int { return int(mail & (coldRows - 1)) }
	cols, err := r.query(missing, placeOf, "mail m", "m.id BETWEEN ? AND ?", no<<coldBits, no<<coldBits|(coldRows-1))
	if err != nil {
		return false, err
	}
	for i, col := range r.wanted {
		if p := cols[col]; p != nil {
			r.block[i] = p
			coldMails.put(r.index, changes, no, col, p)
		}
	}
	return true, nil
}

// readScattered reads mails wherever they lie.
func (r *mailReader) readScattered(entries []Entry) (err error) {
	r.at = make(map[int64]int, len(entries))
	list := []byte{'['}
	for i, e := range entries {
		if i > 0 {
			list = append(list, ',')
		}
		list = strconv.AppendInt(list, e.mail, 10)
		if _, is := r.at[e.mail]; !is { // several entries may be copies of one mail
			r.at[e.mail] = len(r.at)
		}
	}
	placeOf := func(mail int64) int { return r.at[mail] }
	cols, err := r.query(r.wanted, placeOf, "(SELECT DISTINCT value FROM json_each(?)) j CROSS JOIN mail m ON m.id=j.value", "1", string(append(list, ']')))
	for i, col := range r.wanted {
		r.block[i] = cols[col]
	}
	return err
}

// query reads columns of the mails that from and where pick, each mail's value
// at its place. SQLite gathers each column into one value: a row at a time
// costs a multiple.
func (r *mailReader) query(cols []column, placeOf func(mail int64) int, from, where string, args ...any) (map[column]*packed, error) {
	var read []column
	folded := false
	for _, col := range cols {
		if col >= colFolded {
			folded = true
		} else if col != colNumbers {
			read = append(read, col)
		}
	}
	if folded && !slices.Contains(cols, colHeader) {
		read = append(read, colHeader)
	}
	values := []string{
		"json_group_array(m.id)", "json_group_array(m.date)", "json_group_array(m.zone)", "json_group_array(m.size)",
		"CAST(group_concat(m.hash, '') AS BLOB)",
	}
	const numbers = 5
	for _, col := range read {
		values = append(values, "CAST(group_concat("+gathered[col].value+", '') AS BLOB)")
		if !strings.Contains(from, gathered[col].join) {
			from += " JOIN " + gathered[col].join
		}
	}
	rows, err := r.index.read.QueryContext(context.Background(), "SELECT "+strings.Join(values, ", ")+" FROM "+from+" WHERE "+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[column]*packed{}
	if !rows.Next() {
		return out, rows.Err()
	}
	raw := make([]sql.RawBytes, len(values))
	into := make([]any, len(raw))
	for i := range raw {
		into[i] = &raw[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	places := make([]int, 0, coldRows)
	for ids := jsonInts(raw[0]); ids.more(); {
		places = append(places, placeOf(ids.next()))
	}
	if out[colNumbers], err = packNumbers(places, jsonInts(raw[1]), jsonInts(raw[2]), jsonInts(raw[3]), raw[4]); err != nil {
		return nil, err
	}
	for i, col := range read {
		if out[col], err = packColumn(places, raw[numbers+i]); err != nil {
			return nil, err
		}
	}
	for _, col := range cols {
		if col >= colFolded {
			out[col] = packFolded(out[colHeader], foldedNames[col-colFolded])
		}
	}
	return out, rows.Err()
}

// sizeOfNumbers is how long a value of colNumbers is.
const sizeOfNumbers = 8 + 4 + 8 + 32

// packNumbers makes colNumbers.
func packNumbers(places []int, dates, zones, sizes jsonInts, hashes []byte) (*packed, error) {
	if len(hashes) != 32*len(places) {
		return nil, ErrDamaged
	}
	p := &packed{data: make([]byte, 0, sizeOfNumbers*len(places))}
	for i, place := range places {
		p.from[place] = uint32(len(p.data))
		p.data = binary.LittleEndian.AppendUint64(p.data, uint64(dates.next()))
		p.data = binary.LittleEndian.AppendUint32(p.data, uint32(int32(zones.next())))
		p.data = binary.LittleEndian.AppendUint64(p.data, uint64(sizes.next()))
		p.data = append(p.data, hashes[32*i:32*i+32]...)
		p.to[place] = uint32(len(p.data))
	}
	return p, nil
}

// numbers reads a value of colNumbers.
func numbers(b []byte) (f fileInfo) {
	f.date = dateIn(int64(binary.LittleEndian.Uint64(b)), int(int32(binary.LittleEndian.Uint32(b[8:]))))
	f.size = int64(binary.LittleEndian.Uint64(b[12:]))
	copy(f.hash[:], b[20:])
	return f
}

// packColumn takes over a column that was gathered as "length,octets" one
// after another.
func packColumn(places []int, raw []byte) (*packed, error) {
	p := &packed{data: make([]byte, len(raw))} // what was scanned is SQLite's
	copy(p.data, raw)
	i := 0
	for _, place := range places {
		n, digits := 0, i
		for i < len(raw) && raw[i] >= '0' && raw[i] <= '9' && n < 1<<30 {
			n = n*10 + int(raw[i]-'0')
			i++
		}
		if i == digits || i == len(raw) || raw[i] != ',' || len(raw)-i-1 < n {
			return nil, ErrDamaged
		}
		i++
		p.from[place], p.to[place] = uint32(i), uint32(i+n)
		i += n
	}
	return p, nil
}

// file gives what the name of the i-th entry's file tells; false: it is gone.
func (r *mailReader) file(i int) (fileInfo, bool) {
	place := r.place(r.entries[i])
	if p := r.block[0]; p != nil && p.has(place) {
		return numbers(p.at(place)), true
	}
	return fileInfo{}, false
}

// place gives where an entry's mail is in the blocks.
func (r *mailReader) place(e Entry) int {
	if r.at != nil {
		return r.at[e.mail]
	}
	_, place := coldBlock(e.mail)
	return place
}

// mail fills r.now with the i-th entry of what was read; false: it is gone.
func (r *mailReader) mail(i int, e Entry) bool {
	place := r.place(e)
	m := &r.now
	for k, col := range r.wanted {
		p := r.block[k]
		if p == nil || !p.has(place) {
			return false
		}
		b := p.at(place)
		switch col {
		case colNumbers:
			info := numbers(b)
			m.Date, m.Size, m.Hash = info.date, info.size, info.hash
		case colEnvelope:
			m.Envelope = b
		case colStructure:
			m.BodyStructure = b
		case colParts:
			m.parts = b
		case colHeader:
			m.HeaderComplete, m.Header = b[0] == '1', b[1:]
		default:
			m.folded[col-colFolded] = b
		}
	}
	m.UID = e.UID
	if r.fields&FieldSaved != 0 {
		m.Saved = r.savedAt[i]
	}
	return true
}

// saved fills when the block's messages came into the mailbox.
func (r *mailReader) saved(block []Entry) error {
	r.savedAt = append(r.savedAt[:0], make([]time.Time, len(block))...)
	rows, err := r.index.read.QueryContext(context.Background(), "SELECT uid, saved FROM entry WHERE mailbox=? AND uid BETWEEN ? AND ? ORDER BY uid",
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
			r.savedAt[i] = time.Unix(at, 0).UTC()
		}
	}
	return rows.Err()
}
