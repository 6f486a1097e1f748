package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
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

// gathered are the columns that SQLite gathers beside colNumbers: their tables,
// what is to be known of each value as a number (its length, and for a header
// twice that and whether it is complete), and the values.
var gathered = map[column]struct{ table, number, value string }{
	colEnvelope:  {"mail_envelope", "length(t.envelope)", "t.envelope"},
	colStructure: {"mail_structure", "length(t.structure)", "t.structure"},
	colParts:     {"mail_structure", "length(t.parts)", "t.parts"},
	colHeader:    {"mail_header", "2*length(t.header)+t.complete", "t.header"},
}

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
	cols, err := r.query(missing, pick{
		behind: " t WHERE t.id BETWEEN ? AND ?",
		args:   []any{no << coldBits, no<<coldBits | (coldRows - 1)},
		place:  func(mail int64) int { return int(mail & (coldRows - 1)) },
	})
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
	cols, err := r.query(r.wanted, pick{
		before: "(SELECT DISTINCT value FROM json_each(?)) j CROSS JOIN ",
		behind: " t ON t.id=j.value",
		args:   []any{string(append(list, ']'))},
		place:  func(mail int64) int { return r.at[mail] },
	})
	for i, col := range r.wanted {
		r.block[i] = cols[col]
	}
	return err
}

// pick says which mails are read: what stands before and behind the table's
// name in FROM, and the place of each.
type pick struct {
	before, behind string
	args           []any
	place          func(mail int64) int
}

// query reads columns of mails, each table by a statement of its own: rows
// never change, and one that goes between two statements is missing in the
// second. SQLite gathers each column into one value: a row at a time costs a
// multiple.
func (r *mailReader) query(cols []column, of pick) (map[column]*packed, error) {
	out := map[column]*packed{}
	if slices.Contains(cols, colNumbers) {
		var dates, zones, sizes jsonInts
		var hashes taken
		places, err := r.gather(of, "mail", "json_group_array(t.date), json_group_array(t.zone), json_group_array(t.size), CAST(group_concat(t.hash, '') AS BLOB)",
			&dates, &zones, &sizes, &hashes)
		if err != nil {
			return nil, err
		}
		if out[colNumbers], err = packNumbers(places, dates, zones, sizes, hashes); err != nil {
			return nil, err
		}
	}
	for col := colEnvelope; col <= colHeader; col++ {
		folded := col == colHeader && slices.ContainsFunc(cols, func(c column) bool { return c >= colFolded })
		if !slices.Contains(cols, col) && !folded {
			continue
		}
		from := gathered[col]
		var lengths jsonInts
		var values taken
		places, err := r.gather(of, from.table, "json_group_array("+from.number+"), CAST(group_concat("+from.value+", '') AS BLOB)", &lengths, &values)
		if err != nil {
			return nil, err
		}
		if out[col], err = packColumn(places, lengths, values, col == colHeader); err != nil {
			return nil, err
		}
	}
	for _, col := range cols {
		if col >= colFolded {
			out[col] = packFolded(out[colHeader], foldedNames[col-colFolded])
		}
	}
	return out, nil
}

// gather reads values of a table, and the places of their mails.
func (r *mailReader) gather(of pick, table, values string, into ...any) (places []int, err error) {
	found, err := r.index.read.QueryContext(context.Background(),
		"SELECT json_group_array(t.id), "+values+" FROM "+of.before+table+of.behind, of.args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	if !found.Next() {
		return nil, errors.Join(found.Err(), errors.New("no answer"))
	}
	var ids jsonInts
	if err := found.Scan(append([]any{&ids}, into...)...); err != nil {
		return nil, err
	}
	places = make([]int, 0, coldRows)
	for ids.more() {
		places = append(places, of.place(ids.next()))
	}
	return places, found.Err()
}

// taken takes over a BLOB instead of copying it: go-sqlite3 gives each value in
// memory of its own, which nobody uses again. For a first reading, fresh memory
// is what costs most.
type taken []byte

func (t *taken) Scan(value any) error {
	switch value := value.(type) {
	case []byte:
		*t = value
	case nil:
		*t = nil
	default:
		return fmt.Errorf("a value of type %T: %w", value, ErrDamaged)
	}
	return nil
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
		from := len(p.data)
		p.data = binary.LittleEndian.AppendUint64(p.data, uint64(dates.next()))
		p.data = binary.LittleEndian.AppendUint32(p.data, uint32(int32(zones.next())))
		p.data = binary.LittleEndian.AppendUint64(p.data, uint64(sizes.next()))
		p.data = append(p.data, hashes[32*i:32*i+32]...)
		p.is(place, from, len(p.data))
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

// packColumn makes a column of values that were gathered one after another.
func packColumn(places []int, lengths jsonInts, values []byte, marked bool) (*packed, error) {
	p := &packed{data: values}
	at := int64(0)
	for _, place := range places {
		n := lengths.next()
		if marked {
			p.marked[place], n = n&1 == 1, n>>1
		}
		if n < 0 || n > int64(len(values))-at {
			return nil, ErrDamaged
		}
		p.is(place, int(at), int(at+n))
		at += n
	}
	if at != int64(len(values)) {
		return nil, ErrDamaged
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
			m.HeaderComplete, m.Header = p.marked[place], b
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
