package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
)

// verdict is what the full-text index says of a mail.
type verdict byte

const (
	holdsNot verdict = iota
	holds
	unknown // its file must be read
	// From here on, what is kept of its text must be read.
	inHeader verdict = 4
	inBody   verdict = 8
)

// candidate is the verdict on a mail of which nothing is known.
func (q TextQuery) candidate() (v verdict) {
	if q.Header {
		v |= inHeader
	}
	if q.Body {
		v |= inBody
	}
	return v
}

// verdicts are the verdicts on mails.
type verdicts struct {
	mails []int64 // ascending, each once
	is    []verdict
}

// newVerdicts makes the verdicts on the mails of entries, all unknown.
func newVerdicts(entries []Entry) *verdicts {
	v := &verdicts{mails: make([]int64, len(entries))}
	for i, e := range entries {
		v.mails[i] = e.mail
	}
	v.sort()
	return v
}

// sort puts the mails in order; all verdicts are unknown.
func (v *verdicts) sort() {
	if !slices.IsSorted(v.mails) {
		slices.Sort(v.mails)
	}
	v.mails = slices.Compact(v.mails)
	v.is = make([]verdict, len(v.mails))
	v.all(unknown)
}

func (v *verdicts) all(is verdict) {
	for i := range v.is {
		v.is[i] = is
	}
}

// on gives the verdict on a mail; at is where it is likely to be found.
func (v *verdicts) on(mail int64, at int) verdict {
	if at < len(v.mails) && v.mails[at] == mail {
		return v.is[at]
	}
	i, _ := slices.BinarySearch(v.mails, mail)
	return v.is[i]
}

// walk gives the function that sets the verdicts on some of an ascending
// series of mails to what set makes of them.
func (v *verdicts) walk(set func(*verdict)) func(mail int64) {
	i := 0
	return func(mail int64) {
		for i < len(v.mails) && v.mails[i] < mail {
			i++
		}
		if i < len(v.mails) && v.mails[i] == mail {
			set(&v.is[i])
		}
	}
}

// find asks the full-text index which mails hold a folded text.
func (s *search) find(ctx context.Context, v *verdicts, q TextQuery, needle string) error {
	if len(v.mails) == 0 {
		return nil
	}
	err := s.use(ctx, func(x *searchDB) error {
		if err := s.candidates(ctx, x, v, q, needle); err != nil {
			return err
		}
		return s.check(ctx, x, v, q, needle)
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		v.all(unknown) // then the files are read
	}
	return nil
}

// candidates says of which mails the text must be read, at one moment of the
// database: a mail that is taken in meanwhile is not passed over.
func (s *search) candidates(ctx context.Context, x *searchDB, v *verdicts, q TextQuery, needle string) error {
	lo, hi := v.mails[0], v.mails[len(v.mails)-1]
	indexed := s.indexed.Load()
	tx, err := x.read.BeginTx(context.Background(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer tx.Rollback() // it has changed nothing
	// Up to indexed all are in it; above, those that it has.
	first, _ := slices.BinarySearch(v.mails, indexed+1)
	for i := range first {
		v.is[i] = holdsNot
	}
	err = ids(ctx, tx, max(lo-1, indexed), hi, v.walk(func(is *verdict) { *is = holdsNot }),
		"SELECT id FROM doc WHERE id>? AND id<=? ORDER BY id")
	if err != nil {
		return err
	}
	all := v.walk(func(is *verdict) {
		if *is == holdsNot {
			*is = q.candidate()
		}
	})
	grams, whole := trigrams(needle)
	if grams == "" {
		return ids(ctx, tx, lo-1, hi, all, "SELECT id FROM doc WHERE id>? AND id<=? ORDER BY id")
	}
	part := inHeader
	found := v.walk(func(is *verdict) {
		switch {
		case q.candidate()&part == 0 || *is == unknown:
		case whole: // the needle is one trigram: whoever has it holds it
			*is = holds
		case *is != holds:
			*is |= part
		}
	})
	err = ids(ctx, tx, gramRow(lo, 0)-1, gramRow(hi, 1), func(row int64) {
		part = inHeader << (row & 1)
		found(row >> 1)
	}, "SELECT rowid AS id FROM gram WHERE gram MATCH ? AND rowid>? AND rowid<=? ORDER BY rowid", grams)
	if err != nil {
		return err
	}
	return ids(ctx, tx, lo-1, hi, all, "SELECT id FROM doc WHERE state!=0 AND id>? AND id<=? ORDER BY id")
}

// gramsAtMost bounds how many trigrams of a long text are asked for.
const gramsAtMost = 24

// trigrams gives the query that finds all texts with the needle's trigrams;
// "" if it is shorter than one; whole: it is exactly one.
func trigrams(needle string) (query string, whole bool) {
	r := []rune(needle)
	n := len(r) - 2
	if n < 1 {
		return "", false
	}
	var grams []string
	step := (n + gramsAtMost - 1) / gramsAtMost
	for i := 0; i < n; i += step {
		g := `"` + strings.ReplaceAll(string(r[i:i+3]), `"`, `""`) + `"`
		if !slices.Contains(grams, g) {
			grams = append(grams, g)
		}
	}
	return strings.Join(grams, " AND "), n == 1
}

// check reads the texts of the candidates: all headers before the bodies,
// which are larger.
func (s *search) check(ctx context.Context, x *searchDB, v *verdicts, q TextQuery, needle string) error {
	for _, part := range []verdict{inHeader, inBody} {
		r := textReader{db: x.read, part: part, needle: []byte(needle)}
		var block []int64
		var at []int
		for i := 0; ; i++ {
			if i < len(v.mails) && v.is[i]&part != 0 {
				block, at = append(block, v.mails[i]), append(at, i)
			}
			if len(block) == mailsBlock || i >= len(v.mails) && len(block) > 0 {
				if err := errors.Join(ctx.Err(), s.ctx.Err()); err != nil {
					return err
				}
				is, err := r.read(block)
				if err != nil {
					return err
				}
				for j, here := range is {
					if rest := v.is[at[j]] &^ part; here == holdsNot && rest != 0 {
						here = rest // it may be in the other part
					}
					v.is[at[j]] = here
				}
				block, at = block[:0], at[:0]
			}
			if i >= len(v.mails) {
				break
			}
		}
	}
	return nil
}

// textReader looks for a text in one part of blocks of mails' kept texts.
type textReader struct {
	db     *sql.DB
	part   verdict
	needle []byte
	is     []verdict
	buf    []byte
}

func (r *textReader) read(block []int64) ([]verdict, error) {
	r.is = r.is[:0]
	for range block {
		r.is = append(r.is, unknown) // not in the database any more, or unread
	}
	from, where, args := "json_each(?) j CROSS JOIN text t ON t.id=j.value", "1", []any{idList(block)}
	if lo, hi := block[0], block[len(block)-1]; hi-lo < 2*int64(len(block)) {
		from, where, args = "text t", "t.id BETWEEN ? AND ?", []any{lo, hi}
	}
	column := "t.header"
	if r.part == inBody {
		column = "t.body"
	}
	rows, err := r.db.Query("SELECT t.id, d.state, "+column+" FROM "+from+" JOIN doc d ON d.id=t.id WHERE "+where+" ORDER BY t.id", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var id int64
	var state int
	var packed sql.RawBytes
	i := 0
	for rows.Next() {
		if err := rows.Scan(&id, &state, &packed); err != nil {
			return nil, err
		}
		for i < len(block) && block[i] < id {
			i++
		}
		if i == len(block) || block[i] != id {
			continue
		}
		if state == docWhole {
			r.is[i] = holdsNot
		}
		if r.buf, err = unpack(r.buf[:0], packed); err != nil {
			return nil, err
		}
		if bytes.Contains(r.buf, r.needle) {
			r.is[i] = holds
		}
	}
	return r.is, rows.Err()
}
