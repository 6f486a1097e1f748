package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sort"
)

// loadPiece is how many messages one statement reads: it bounds the text that
// SQLite builds, and is a multiple of chunkSize.
const loadPiece = 128 * chunkSize

// loadChunks reads a mailbox's messages. SQLite gathers each column as one
// JSON array, which takes a quarter of the time that a row at a time does.
func loadChunks(c *sql.Conn, mailbox int64) ([]*chunk, error) {
	var chunks []*chunk
	for after := int64(0); ; {
		n, last, err := loadSome(c, mailbox, after, &chunks)
		if err != nil {
			return nil, fmt.Errorf("loading a mailbox: %w", indexError(err))
		}
		if n < loadPiece {
			return chunks, nil
		}
		after = last
	}
}

// loadSome appends the next messages above UID after.
func loadSome(c *sql.Conn, mailbox, after int64, chunks *[]*chunk) (n int, last int64, err error) {
	rows, err := c.QueryContext(context.Background(), `
		SELECT json_group_array(uid), json_group_array(flags), json_group_array(modseq), json_group_array(mail)
		FROM (SELECT uid, flags, modseq, mail FROM entry WHERE mailbox=? AND uid>? ORDER BY uid LIMIT ?)`,
		mailbox, after, loadPiece)
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	if !rows.Next() {
		return 0, 0, errors.Join(rows.Err(), errors.New("no answer"))
	}
	var num [4]jsonInts
	if err := rows.Scan(&num[0], &num[1], &num[2], &num[3]); err != nil {
		return 0, 0, err
	}
	for num[0].more() {
		ch := &chunk{
			uid: make([]uint32, 0, chunkSize), flags: make([]uint64, 0, chunkSize),
			modseq: make([]uint64, 0, chunkSize), mail: make([]int64, 0, chunkSize),
		}
		for ch.len() < chunkSize && num[0].more() {
			last = num[0].next()
			ch.uid = append(ch.uid, uint32(last))
			ch.flags = append(ch.flags, uint64(num[1].next()))
			ch.modseq = append(ch.modseq, uint64(num[2].next()))
			ch.mail = append(ch.mail, num[3].next())
		}
		if !sort.SliceIsSorted(ch.uid, func(i, j int) bool { return ch.uid[i] < ch.uid[j] }) {
			return 0, 0, errors.New("messages out of order")
		}
		*chunks = append(*chunks, ch)
		n += ch.len()
	}
	if k := len(*chunks) - 1; k >= 0 && n > 0 && n < loadPiece {
		(*chunks)[k] = (*chunks)[k].grow(nil) // the last one without its spare room
	}
	return n, last, nil
}

// jsonInts is what is left of a JSON array of integers.
type jsonInts string

// more reports whether another number follows.
func (j jsonInts) more() bool { return len(j) > 1 && j[1] != ']' }

// next takes the next number; 0 at the end.
func (j *jsonInts) next() int64 {
	s, n, sign := *j, int64(0), int64(1)
	i := 1 // over '[' or ','
	if i < len(s) && s[i] == '-' {
		sign = -1
		i++
	}
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		n = n*10 + int64(s[i]-'0')
		i++
	}
	*j = s[min(i, len(s)):]
	return sign * n
}

// load makes sure that a mailbox's messages are in memory. The writer's
// goroutine does it, so that no change can come in between.
func (b *Box) load(ctx context.Context, m *mailbox) error {
	if s := m.state.Load(); s.snap != nil {
		return nil
	}
	return b.writer.do(ctx, &request{plain: func() error {
		s := *m.state.Load()
		if s.snap != nil {
			return nil
		}
		chunks, err := loadChunks(b.writer.conn, m.row)
		if err != nil {
			return err
		}
		s.snap = newSnapshot(chunks)
		if s.over, err = loadOverlay(b.writer.conn, m.row); err != nil {
			return indexError(err)
		}
		m.state.Store(s.filled())
		return nil
	}})
}
