package backup

import (
	"context"
	"errors"
	"fmt"

	"heimpost/store"
)

// damagedSuffix is what a damaged mail's name gets, so that nobody takes it for
// the mail and a human can still read it.
const damagedSuffix = ".damaged"

// maxProblems bounds what is told.
const maxProblems = 1000

// CheckMails reads all mails of the target. Those that are damaged get another
// name, so that they are brought anew; it gives their contents' names.
func (t *Target) CheckMails(ctx context.Context, progress func(done, total int, bytes int64)) (damaged []store.Content, err error) {
	done, bytes := 0, int64(0)
	for c := range t.mails {
		if err := ctx.Err(); err != nil {
			return damaged, err
		}
		// What cannot be read now may be whole: only wrong bytes are damage.
		if err := t.checkMail(c); err != nil && !errors.Is(err, store.ErrDamaged) {
			return damaged, fmt.Errorf("reading what is there: %w", err)
		} else if err != nil {
			if err := t.fs.Rename(t.mailPath(c), t.mailPath(c)+damagedSuffix); err != nil {
				return damaged, err
			}
			delete(t.mails, c)
			damaged = append(damaged, c)
		}
		done++
		bytes += c.Size
		progress(done, len(t.mails)+len(damaged), bytes)
	}
	return damaged, nil
}

func (t *Target) checkMail(c store.Content) error {
	f, err := t.fs.Open(t.mailPath(c))
	if err != nil {
		return err
	}
	defer f.Close()
	return copyHashed(discard{}, f, c)
}

// discard is io.Discard that does not pretend to know a faster way.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// CheckSnapshots reads all files of all snapshots and tells in words what is
// wrong: files that are damaged, mails that are not there.
func (t *Target) CheckSnapshots(ctx context.Context) (problems []string, err error) {
	all, err := t.Snapshots()
	if err != nil {
		return nil, err
	}
	found := func(s *Snapshot, format string, args ...any) {
		if len(problems) < maxProblems {
			problems = append(problems, fmt.Sprintf("snapshot %s: ", s.Name)+fmt.Sprintf(format, args...))
		}
	}
	for _, s := range all {
		if s.Err != nil {
			found(s, "it cannot be restored: %v", s.Err)
			continue
		}
		for _, sum := range s.sums {
			if err := ctx.Err(); err != nil {
				return problems, err
			}
			if err := s.check(sum.file); err != nil {
				found(s, "%v", err)
			}
		}
		missing := map[store.Content]bool{}
		if err := s.eachMail(func(_, _ string, c store.Content) error {
			if !t.Has(c) && len(missing) < maxProblems {
				missing[c] = true
			}
			return ctx.Err()
		}); err != nil {
			if ctx.Err() != nil {
				return problems, ctx.Err()
			}
			continue // told above
		}
		for c := range missing {
			found(s, "the mail %s is missing or damaged", c.Name())
		}
	}
	return problems, nil
}
