package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

const (
	// loadPiece is how many messages one statement reads, a multiple of
	// chunkSize: so few that the memory of what SQLite gathers is used again,
	// for fresh memory costs more than reading.
	loadPiece = 8 * chunkSize
	// loadSpan is how many UIDs of a large mailbox a reader takes up at a time,
	// loadSpans how many such spans there are at most.
	loadSpan  = 16 * loadPiece
	loadSpans = 64
	// loadReaders is how many readers one mailbox may have: others have one.
	loadReaders = readers - 1
)

// loadChunks reads a mailbox's messages.
func loadChunks(q querier, mailbox int64) ([]*chunk, error) {
	return loadUIDs(q, mailbox, 0, math.MaxInt64)
}

// loadChunks reads a mailbox's messages, of which uidNext is the next, with
// several readers at a time if there are many. The writer's goroutine calls it
// outside of any transaction: so nothing is written meanwhile, and all readers
// see the same state.
func (x *index) loadChunks(mailbox int64, uidNext uint32) ([]*chunk, error) {
	span := max(loadSpan, int64(uidNext)/loadSpans+1)
	spans := make([][]*chunk, int64(uidNext)/span+1)
	if len(spans) == 1 {
		return loadChunks(x.write, mailbox)
	}
	errs := make([]error, len(spans))
	var next atomic.Int64
	var work sync.WaitGroup
	for range min(len(spans), loadReaders, runtime.GOMAXPROCS(0)) {
		work.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(spans)); i = next.Add(1) - 1 {
				upTo := (i + 1) * span
				if i == int64(len(spans))-1 {
					upTo = math.MaxInt64
				}
				spans[i], errs[i] = loadUIDs(x.read, mailbox, i*span, upTo)
			}
		})
	}
	work.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return slices.Concat(spans...), nil
}

// loadUIDs reads the messages with after < UID <= upTo.
func loadUIDs(q querier, mailbox, after, upTo int64) ([]*chunk, error) {
	l := loader{q: q, mailbox: mailbox, uid: after, upTo: upTo}
	for {
		n, err := l.piece()
		if err != nil {
			return nil, fmt.Errorf("loading a mailbox: %w", indexError(err))
		}
		if n < loadPiece {
			return l.chunks, nil
		}
	}
}

// loader reads a mailbox's messages by ascending UIDs. SQLite gathers each
// column as one JSON array, which takes a quarter of the time that a row at a
// time does; and as differences to the message read last, which are short.
type loader struct {
	q             querier
	mailbox, upTo int64
	chunks        []*chunk

	// Of the last message:
	uid, modseq int64
	ahead       int64 // its mail's row is so much higher than its UID
}

// piece reads the next messages.
func (l *loader) piece() (n int, err error) {
	rows, err := l.q.QueryContext(context.Background(), `
		SELECT json_group_array(uid-?1), json_group_array(flags), json_group_array(modseq-?2), json_group_array(mail-uid-?3)
		FROM (SELECT uid, flags, modseq, mail FROM entry WHERE mailbox=?4 AND uid>?1 AND uid<=?5 ORDER BY uid LIMIT ?6)`,
		l.uid, l.modseq, l.ahead, l.mailbox, l.upTo, loadPiece)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	if !rows.Next() {
		return 0, errors.Join(rows.Err(), errors.New("no answer"))
	}
	var uids, flags, modseqs, mails jsonInts
	if err := rows.Scan(&uids, &flags, &modseqs, &mails); err != nil {
		return 0, err
	}
	was := *l
	for uids.more() {
		ch := &chunk{
			uid: make([]uint32, 0, chunkSize), flags: make([]uint64, 0, chunkSize),
			modseq: make([]uint64, 0, chunkSize), mail: make([]int64, 0, chunkSize),
		}
		for ch.len() < chunkSize && uids.more() {
			uid := was.uid + uids.next()
			if uid <= l.uid {
				return 0, errors.New("messages out of order")
			}
			l.uid, l.modseq, l.ahead = uid, was.modseq+modseqs.next(), was.ahead+mails.next()
			ch.uid = append(ch.uid, uint32(uid))
			ch.flags = append(ch.flags, uint64(flags.next()))
			ch.modseq = append(ch.modseq, uint64(l.modseq))
			ch.mail = append(ch.mail, uid+l.ahead)
		}
		l.chunks = append(l.chunks, ch)
		n += ch.len()
	}
	if k := len(l.chunks) - 1; k >= 0 && n > 0 && n < loadPiece {
		l.chunks[k] = l.chunks[k].grow(nil) // the last one without its spare room
	}
	return n, rows.Err()
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
		chunks, err := b.index.loadChunks(m.row, s.uidNext)
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
