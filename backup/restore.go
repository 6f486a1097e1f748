package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"

	"heimpost/store"
)

// Find gives the latest snapshot, or the latest whose name begins so.
func (t *Target) Find(name string) (*Snapshot, error) {
	all, err := t.Snapshots()
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, ErrNoneYet
	}
	for i := len(all) - 1; i >= 0; i-- {
		if strings.HasPrefix(all[i].Name, name) {
			return all[i], nil
		}
	}
	return nil, ErrNoSuch
}

// Restore writes a snapshot into folder dir, which must be empty, durably. It
// compares all that it writes with its hash. What is missing or damaged is left
// out and told; without mails that are so the rest is whole. lost are all mails
// that were left out, by box.
func (s *Snapshot) Restore(ctx context.Context, dir string, progress func(done int, bytes int64)) (missing []Missing, lost map[string][]store.Content, err error) {
	if s.Err != nil {
		return nil, nil, fmt.Errorf("the snapshot %s cannot be read: %w", s.Name, s.Err)
	}
	r := &restoring{s: s, fs: store.OSFS, dir: dir, progress: progress, dirs: map[string]bool{}, lost: map[string][]store.Content{}}
	if r.sync, err = r.fs.OpenSync(dir); err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	for _, sum := range s.sums {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		if name, is := strings.CutPrefix(sum.file, dataName+"/"); is && path.Base(name) != listName {
			if err := r.file(sum.file, name); err != nil {
				return nil, nil, err
			}
		}
	}
	for _, b := range s.Boxes {
		if err := r.mails(ctx, b.Name); err != nil {
			return r.missing, r.lost, err
		}
	}
	return r.missing, r.lost, r.finish()
}

type restoring struct {
	s        *Snapshot
	fs       store.FS
	dir      string
	sync     store.Syncer
	wait     []store.File // not durable yet
	bytes    int64        // of those
	dirs     map[string]bool
	missing  []Missing
	lost     map[string][]store.Content
	progress func(done int, bytes int64)
	done     int
	total    int64 // octets
}

func (r *restoring) close() error {
	var errs []error
	for _, f := range r.wait {
		errs = append(errs, f.Close())
	}
	r.wait = nil
	return errors.Join(append(errs, r.sync.Close())...)
}

// create makes a file and its folders.
func (r *restoring) create(name string) (store.File, string, error) {
	to := filepath.Join(r.dir, filepath.FromSlash(name))
	if err := r.folder(filepath.Dir(to)); err != nil {
		return nil, "", err
	}
	f, err := r.fs.Create(to)
	return f, to, err
}

func (r *restoring) folder(dir string) error {
	if r.dirs[dir] {
		return nil
	}
	for d := dir; len(d) > len(r.dir); d = filepath.Dir(d) {
		r.dirs[d] = true
	}
	return r.fs.MkdirAll(dir)
}

// keep takes a file that is written: it is durable after the next flush.
func (r *restoring) keep(f store.File, size int64) error {
	f.StartSync()
	r.wait = append(r.wait, f)
	r.bytes += size
	if len(r.wait) >= batchMails || r.bytes >= batchBytes {
		return r.flush()
	}
	return nil
}

func (r *restoring) flush() error {
	err := syncFiles(r.sync, r.wait)
	for _, f := range r.wait {
		err = errors.Join(err, f.Close())
	}
	r.wait, r.bytes = nil, 0
	return err
}

// file restores a small file.
func (r *restoring) file(from, name string) error {
	f, to, err := r.create(unpacked(name))
	if err != nil {
		return err
	}
	write := func(src io.Reader) error {
		_, err := io.Copy(wrote{f}, src)
		return err
	}
	if strings.HasSuffix(name, ".gz") {
		err = r.s.unzip(from, write)
	} else {
		var src io.ReadCloser
		if src, err = r.s.open(from); err == nil {
			err = errors.Join(write(src), src.Close())
		}
	}
	if err == nil {
		return r.keep(f, 0)
	}
	if ours := new(writeError); errors.As(err, ours) {
		return errors.Join(ours.error, f.Close())
	}
	r.miss("", from, err.Error())
	return errors.Join(f.Close(), r.fs.Remove(to))
}

// miss remembers what is not whole.
func (r *restoring) miss(box, file, text string) {
	if len(r.missing) < maxProblems {
		r.missing = append(r.missing, Missing{box, file, text})
	}
}

// mails restores the mails of a box.
func (r *restoring) mails(ctx context.Context, box string) error {
	// Of contents that are in several places, the others become links.
	seen, places := map[store.Content]bool{}, map[store.Content]string{}
	each := func(take func(place string, c store.Content) error) error {
		return r.s.boxMails(box, func(place string, c store.Content) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return take(place, c)
		})
	}
	if err := each(func(_ string, c store.Content) error {
		if seen[c] {
			places[c] = ""
		}
		seen[c] = true
		return nil
	}); err != nil {
		return err
	}
	seen = nil
	return each(func(place string, c store.Content) error {
		name := path.Join("boxes", box, place)
		if at := places[c]; at != "" {
			to := filepath.Join(r.dir, filepath.FromSlash(name))
			if err := r.folder(filepath.Dir(to)); err != nil {
				return err
			}
			if r.fs.Link(at, to) == nil {
				r.step(0)
				return nil
			}
		}
		to, err := r.mail(name, box, c)
		if _, several := places[c]; several && to != "" {
			places[c] = to
		}
		return err
	})
}

// mail restores a mail and gives where; "" if it is not whole.
func (r *restoring) mail(name, box string, c store.Content) (string, error) {
	f, to, err := r.create(name)
	if err != nil {
		return "", err
	}
	text := "it is missing"
	if r.s.t.Has(c) {
		src, err := r.s.t.fs.Open(r.s.t.mailPath(c))
		if err == nil {
			err = copyHashed(wrote{f}, src, c)
			src.Close()
		}
		var ours writeError
		switch {
		case err == nil:
			r.step(c.Size)
			return to, r.keep(f, c.Size)
		case errors.As(err, &ours):
			return "", errors.Join(ours.error, f.Close())
		}
		text = err.Error()
		if errors.Is(err, store.ErrDamaged) {
			text = "it is damaged"
		}
	}
	r.lost[box] = append(r.lost[box], c)
	r.miss(box, path.Join(mailsName, shard(c), c.Name()), text)
	return "", errors.Join(f.Close(), r.fs.Remove(to))
}

// wrote tells errors of writing apart from those of the backup.
type wrote struct{ w io.Writer }

type writeError struct{ error }

func (w wrote) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil {
		err = writeError{err}
	}
	return n, err
}

func (r *restoring) step(bytes int64) {
	r.done++
	r.total += bytes
	r.progress(r.done, r.total)
}

// finish makes all durable.
func (r *restoring) finish() error {
	if err := r.flush(); err != nil {
		return err
	}
	for dir := range r.dirs {
		if err := r.fs.SyncDir(dir); err != nil {
			return err
		}
	}
	return r.fs.SyncDir(r.dir)
}
