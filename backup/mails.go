package backup

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	gosync "sync"

	"heimpost/store"
)

// A batch of mails is made durable at once: one flush of the disk for many.
const (
	batchMails = 128
	batchBytes = 32 << 20
	// syncParallel is how many files are synced at a time where they must be
	// synced one by one.
	syncParallel = 8
)

// placed is a mail whose bytes are written and not durable yet.
type placed struct {
	content store.Content
	tmp     string
	file    store.File
}

// shard names the folder of a mail.
func shard(c store.Content) string { return c.Name()[:2] }

func (t *Target) mailPath(c store.Content) string { return t.path(mailsName, shard(c), c.Name()) }

// look finds the mails that the target has.
func (t *Target) look() error {
	if e, err := t.entry("", mailsName); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	} else if !e.IsDir() {
		return fmt.Errorf("%s: %w", t.path(mailsName), errLinked)
	}
	shards, err := t.fs.ReadDir(t.path(mailsName))
	if err != nil {
		return err
	}
	for _, s := range shards {
		if !isShard(s) {
			continue
		}
		entries, err := t.fs.ReadDir(t.path(mailsName, s.Name()))
		if err != nil {
			return err
		}
		for _, e := range entries {
			c, ok := store.ParseContent(e.Name())
			if !ok || shard(c) != s.Name() || !e.Type().IsRegular() {
				continue
			}
			// One that was cut short by whatever it was is none.
			if info, err := e.Info(); err == nil && info.Size() == c.Size {
				t.mails[c] = false
			}
		}
	}
	return nil
}

func isShard(e fs.DirEntry) bool { return e.IsDir() && len(e.Name()) == 2 }

// Has reports whether the target has a mail.
func (t *Target) Has(c store.Content) bool {
	_, has := t.mails[c]
	return has
}

// Copied tells how many mails this Target has brought.
func (t *Target) Copied() Copied { return t.copied }

// Mail brings a mail.
func (t *Target) Mail(c store.Content, r io.Reader) error {
	if t.Has(c) {
		return nil
	}
	tmp := t.path(tmpName, unique("mail-"))
	f, err := t.fs.Create(tmp)
	if err != nil {
		return err
	}
	if err := copyHashed(f, r, c); err != nil {
		f.Close()
		return errors.Join(err, t.fs.Remove(tmp))
	}
	f.StartSync()
	t.wait = append(t.wait, placed{c, tmp, f})
	t.mails[c] = false
	t.bytes += c.Size
	if len(t.wait) >= batchMails || t.bytes >= batchBytes {
		return t.flush()
	}
	return nil
}

// unique makes a name that no other process takes either: where there are no
// locks, two may write into a target.
func unique(prefix string) string { return prefix + strings.ToLower(rand.Text()) }

// copyHashed copies a mail, and answers store.ErrDamaged where r gives others
// bytes than its name says.
func copyHashed(w io.Writer, r io.Reader, c store.Content) error {
	sum := sha256.New()
	// One octet more than there may be tells that there are more.
	n, err := io.Copy(io.MultiWriter(w, sum), io.LimitReader(r, c.Size+1))
	if err != nil {
		return err
	}
	if n != c.Size || [32]byte(sum.Sum(nil)) != c.Hash {
		return fmt.Errorf("%s: %w", c.Name(), store.ErrDamaged)
	}
	return nil
}

// flush makes the mails durable that wait for it and gives them their names.
func (t *Target) flush() error {
	wait := t.wait
	t.wait, t.bytes = nil, 0
	if len(wait) == 0 {
		return nil
	}
	files := make([]store.File, len(wait))
	for i, p := range wait {
		files[i] = p.file
	}
	err := syncFiles(t.sync, files)
	for _, f := range files {
		err = errors.Join(err, f.Close())
	}
	for _, p := range wait {
		if err == nil {
			err = t.fs.MkdirAll(t.path(mailsName, shard(p.content)))
		}
		if err == nil {
			err = t.fs.Rename(p.tmp, t.mailPath(p.content))
		}
		if err != nil {
			delete(t.mails, p.content) // it is not sure that it has its name
			continue
		}
		t.copied.Mails++
		t.copied.Bytes += p.content.Size
	}
	return err
}

// syncFiles makes files durable: by one syncfs where that can be relied on,
// else, or when it tells of an error, which may be anybody's, one by one.
func syncFiles(all store.Syncer, files []store.File) error {
	if len(files) >= 2*syncParallel {
		if done, err := all.SyncAll(); done && err == nil {
			return nil
		}
	}
	errs := make([]error, len(files))
	var running gosync.WaitGroup
	slots := make(chan struct{}, syncParallel)
	for i, f := range files {
		slots <- struct{}{}
		running.Go(func() {
			errs[i] = sync(f)
			<-slots
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// syncMails makes the names of all mails durable, also of those that a run
// brought that was cut short.
func (t *Target) syncMails() error {
	shards, err := t.fs.ReadDir(t.path(mailsName))
	if err != nil {
		return err
	}
	for _, s := range shards {
		if isShard(s) {
			if err := t.syncDir(t.path(mailsName, s.Name())); err != nil {
				return err
			}
		}
	}
	if err := t.syncDir(t.path(mailsName)); err != nil {
		return err
	}
	return t.syncDir(t.dir)
}
