package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
)

// VerifyOptions say how thorough Verify is.
type VerifyOptions struct {
	// Content reads every file and compares its hash; else only names and
	// sizes are compared.
	Content bool
	// Progress, if not nil, is called now and then.
	Progress func(done, total int)
}

// Problem is one thing that Verify found.
type Problem struct {
	Mailbox string `json:"mailbox,omitempty"`
	File    string `json:"file,omitempty"`
	Text    string `json:"text"` // a sentence
}

// VerifyReport is the outcome of Verify.
type VerifyReport struct {
	Messages int
	Mails    int
	Bytes    int64 // of the mails
	Problems []Problem
}

// Verify checks the box while it is in use: index against files both ways,
// invariants of the index, marks. It changes nothing. The error is for what
// kept it from checking; what it found is in the report.
func (b *Box) Verify(ctx context.Context, o VerifyOptions) (*VerifyReport, error) {
	v := &verifier{b: b, ctx: ctx, o: o}
	if err := v.settle(); err != nil { // ErrClosed
		return nil, err
	}
	if err := v.checkIndex(); err != nil {
		return nil, indexError(err)
	}
	for _, n := range b.tree.Load().list {
		if err := v.checkMemory(n); err != nil {
			return nil, err
		}
		if err := v.checkFiles(n); err != nil {
			return nil, indexError(err)
		}
	}
	if err := v.checkDeleted(); err != nil {
		return nil, indexError(err)
	}
	if err := v.checkFolders(); err != nil {
		return nil, indexError(err)
	}
	if o.Progress != nil {
		o.Progress(v.done, v.done)
	}
	return &v.report, nil
}

// verifier is a running Verify.
type verifier struct {
	b      *Box
	ctx    context.Context
	o      VerifyOptions
	report VerifyReport
	done   int
	total  int

	// What the writer has placed in vain and could not remove yet, by path.
	undone map[string]bool
}

// maxProblems bounds the report: a lost folder is one finding, not a million.
const maxProblems = 1000

func (v *verifier) found(mailbox, file, format string, args ...any) {
	if len(v.report.Problems) < maxProblems {
		v.report.Problems = append(v.report.Problems, Problem{mailbox, file, fmt.Sprintf(format, args...)})
	}
}

// step counts a message that was checked.
func (v *verifier) step() error {
	v.done++
	if v.o.Progress != nil && v.done%256 == 0 {
		v.o.Progress(v.done, max(v.total, v.done))
	}
	return v.ctx.Err()
}

// settle waits until the changes that are under way are committed or undone.
// What looked wrong in the middle of one is looked at again after it.
func (v *verifier) settle() error {
	return v.atRest(func() error { return nil })
}

// atRest runs fn between two groups of the writer.
func (v *verifier) atRest(fn func() error) error {
	w := v.b.writer
	return w.do(v.ctx, &request{plain: func() error {
		v.undone = map[string]bool{}
		for _, n := range w.left {
			v.undone[v.b.disk.path(n)] = true
		}
		for _, t := range w.limbo {
			for _, n := range t.files {
				v.undone[v.b.disk.path(n)] = true
			}
		}
		return fn()
	}})
}

// checkMemory compares what is in memory, in the index and in mailbox.json, at
// one moment.
func (v *verifier) checkMemory(n named) error {
	return v.atRest(func() error {
		s := n.state.Load()
		if s.isGone() {
			return nil
		}
		var uidNext, modSeq int64
		err := v.b.writer.conn.QueryRowContext(v.ctx, "SELECT uidnext, modseq FROM mailbox WHERE id=?", n.row).Scan(&uidNext, &modSeq)
		if errors.Is(err, sql.ErrNoRows) {
			v.found(s.name, "", "the mailbox is not in the index")
			return nil
		}
		if err != nil {
			return indexError(err)
		}
		if uidNext > int64(s.uidNext) || modSeq > int64(s.modSeq) {
			v.found(s.name, "", "the index has given UID %d and mod-sequence %d, more than in memory (%d, %d)", uidNext-1, modSeq, s.uidNext-1, s.modSeq)
		}
		var j mailboxJSON
		if err := v.b.disk.readJSON(n.file.path(), &j); err != nil {
			v.found(s.name, n.file.path(), "mailbox.json cannot be read: %v", err)
		} else {
			if j.UIDMark < s.uidNext-1 || j.ModSeqMark < s.modSeq {
				v.found(s.name, n.file.path(), "the marks (%d, %d) are below what was given (%d, %d)", j.UIDMark, j.ModSeqMark, s.uidNext-1, s.modSeq)
			}
			if j.Name != s.name || j.SpecialUse != s.use || j.UIDValidity != n.uidValidity {
				v.found(s.name, n.file.path(), "mailbox.json does not say what the index says")
			}
		}
		if s.snap == nil {
			return nil
		}
		chunks, err := loadChunks(v.b.writer.conn, n.row)
		if err != nil {
			return err
		}
		differ := 0
		Diff(s.snap, newSnapshot(chunks), func(c Change) bool {
			differ++
			return true
		})
		if differ > 0 || s.snap.UIDNext != 0 && (uint32(s.snap.UIDNext) != s.uidNext || s.snap.HighestModSeq != s.modSeq) {
			v.found(s.name, "", "%d messages are in memory other than in the index", differ)
		}
		return nil
	})
}

// checkFolders looks for folders and files under mail/ that belong to nothing.
func (v *verifier) checkFolders() error {
	strangers := func() ([]fs.DirEntry, error) {
		entries, err := v.b.disk.fs.ReadDir(v.b.disk.mailDir(""))
		if err != nil {
			return nil, diskError(err)
		}
		known := map[string]bool{tmpDirName: true}
		for _, n := range v.b.tree.Load().list {
			known[string(n.id)] = true
		}
		left, err := v.b.left(v.ctx, v.b.index.read)
		if err != nil {
			return nil, err
		}
		for _, l := range left {
			known[string(l.mailbox)] = known[string(l.mailbox)] || l.day == ""
		}
		var out []fs.DirEntry
		for _, e := range entries {
			if !known[e.Name()] {
				out = append(out, e)
			}
		}
		return out, nil
	}
	found, err := strangers()
	if err != nil || len(found) == 0 {
		return err
	}
	if err := v.settle(); err != nil {
		return err
	}
	if found, err = strangers(); err != nil {
		return err
	}
	for _, e := range found {
		v.found("", v.b.disk.mailDir(ID(e.Name())), "this belongs to no mailbox")
	}
	return nil
}
