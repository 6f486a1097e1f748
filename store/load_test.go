package store

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// insertEntries writes entries straight into the index. The functions give the
// columns by SQL of the message's number i, from 0.
func insertEntries(t testing.TB, b *Box, n int, uid, flags, modseq, mail string) *mailbox {
	t.Helper()
	m, err := b.mailbox(inbox)
	if err != nil {
		t.Fatal(err)
	}
	err = b.writer.do(ctx, &request{plain: func() error {
		_, err := b.writer.exec(`WITH RECURSIVE k(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM k WHERE i<?-1)
			INSERT INTO entry(mailbox, uid, flags, modseq, mail, saved) SELECT ?, `+uid+", "+flags+", "+modseq+", "+mail+", 0 FROM k", n, m.row)
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestLoad: what several readers gather, as differences, is what the index has.
func TestLoad(t *testing.T) {
	for _, c := range []struct {
		name                     string
		n                        int
		uid, flags, modseq, mail string
		readers                  bool
	}{
		{"one by one", loadPiece, "i+1", "0", "2", "i+1", false},
		{"a piece and one more", loadPiece + 1, "i+1", "i%5", "2+i", "i+9", false},
		{"in any order", 3*loadPiece + 7, "i*3+5", "(1<<62)+i", "(1<<50)-(i*7919)%10007", "1+(i*104729)%1000003", false},
		{"large", 2*loadSpan + 11, "i+1", "i%3", "2+i%2", "i+1", true},
		{"few, far apart", 1000, "(i+1)*4000000", "1", "1000-i", "4000000000+i*i", true},
		{"a hole", 2000, "i+1+(i>=1000)*5000000", "1", "i", "2000-i", true},
		{"none", 0, "i+1", "0", "0", "0", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := benchBox(t)
			m := insertEntries(t, b, max(c.n, 1), c.uid, c.flags, c.modseq, c.mail)
			if c.n == 0 {
				if _, err := b.index.write.ExecContext(ctx, "DELETE FROM entry"); err != nil {
					t.Fatal(err)
				}
			}
			var want []Entry
			rows, err := b.index.read.QueryContext(ctx, "SELECT uid, flags, modseq, mail FROM entry WHERE mailbox=? ORDER BY uid", m.row)
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				var e Entry
				if err := rows.Scan(&e.UID, &e.Flags, &e.ModSeq, &e.mail); err != nil {
					t.Fatal(err)
				}
				want = append(want, e)
			}
			if err := rows.Close(); err != nil || len(want) != c.n {
				t.Fatalf("%d rows: %v", len(want), err)
			}
			next := uint32(1)
			if c.n > 0 {
				next = uint32(want[c.n-1].UID) + 1
			}
			if several := next >= loadSpan; several != c.readers {
				t.Fatalf("UIDs below %d: several readers: %v", next, several)
			}
			one, err := loadChunks(b.index.write, m.row)
			if err != nil {
				t.Fatal(err)
			}
			some, err := b.index.loadChunks(m.row, next)
			if err != nil {
				t.Fatal(err)
			}
			low, err := b.index.loadChunks(m.row, max(next/3, 1)) // what no mark should be is read all the same
			if err != nil {
				t.Fatal(err)
			}
			for _, chunks := range [][]*chunk{one, some, low} {
				var got []Entry
				for _, ch := range chunks {
					if ch.len() == 0 || ch.len() > chunkSize {
						t.Fatalf("a chunk of %d", ch.len())
					}
					for i := range ch.len() {
						got = append(got, ch.entry(i))
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%d messages differ from %d", len(got), len(want))
				}
			}
		})
	}
}

// TestTaken: what was taken over from the driver stays as it is while the
// connection reads other things, and after it is closed.
func TestTaken(t *testing.T) {
	b := benchBox(t)
	var kept []taken
	for i := range 50 {
		var v taken
		if err := b.index.read.QueryRowContext(ctx, "SELECT CAST(group_concat(printf('%s:%0200d', ?, value)) AS BLOB) FROM json_each('[1,2,3]')", i).Scan(&v); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, v)
	}
	check := func() {
		t.Helper()
		seen := map[string]bool{}
		for i, v := range kept {
			if len(v) < 600 || seen[string(v)] {
				t.Fatalf("value %d: %q", i, v)
			}
			seen[string(v)] = true
		}
	}
	check()
	before := make([]string, len(kept))
	for i, v := range kept {
		before[i] = string(v)
	}
	rand.Shuffle(len(kept), func(i, j int) {
		kept[i], kept[j], before[i], before[j] = kept[j], kept[i], before[j], before[i]
	})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	check()
	for i, v := range kept {
		if string(v) != before[i] {
			t.Errorf("value %d is %q, was %q", i, v, before[i])
		}
	}
}

// BenchmarkLoad opens a mailbox of 300,000 messages for the first time.
func BenchmarkLoad(b *testing.B) {
	box := benchBox(b)
	const n = 300_000
	m := insertEntries(b, box, n, "i+1", "i%4<>0", "2", "i+1")
	for b.Loop() {
		if _, err := box.index.loadChunks(m.row, n+1); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/message")
}
