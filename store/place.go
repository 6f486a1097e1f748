package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
)

// syncfsFrom is from how many files on one syncfs is cheaper than a fsync for
// each: syncfs also waits for what others wrote to the file system.
const syncfsFrom = 16

// syncFiles makes the bytes of mails durable that lie in tmp/.
func (d *disk) syncFiles(ctx context.Context, mails []*Incoming) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	mails = slices.DeleteFunc(slices.Clone(mails), func(in *Incoming) bool { return in.synced })
	if len(mails) >= syncfsFrom && d.syncAll(mails) {
		return nil
	}
	errs := make([]error, len(mails))
	var wait sync.WaitGroup
	slots := make(chan struct{}, syncParallel)
	for i, in := range mails {
		slots <- struct{}{}
		wait.Go(func() {
			errs[i] = in.f.Sync()
			<-slots
		})
	}
	wait.Wait()
	return diskError(errors.Join(errs...))
}

// settle makes the bytes of mails durable and closes their files: of many that
// are to be stored at once, few are open.
func (d *disk) settle(ctx context.Context, mails []*Incoming) error {
	if err := d.syncFiles(ctx, mails); err != nil {
		return err
	}
	for _, in := range mails {
		in.synced, in.closed = true, true
		if err := in.f.Close(); err != nil {
			return diskError(err)
		}
	}
	return nil
}

// syncParallel is how many files are synced at a time: the file system makes
// one flush of those that wait together.
const syncParallel = 8

// syncAll makes them durable by one syncfs. It reports false where that cannot
// be relied on: an error of it may concern any file that was begun before, so
// each of those is synced by itself and tells its own.
func (d *disk) syncAll(mails []*Incoming) bool {
	d.syncMu.Lock()
	defer d.syncMu.Unlock()
	for _, in := range mails {
		if in.syncErrs != d.syncErrs.Load() {
			return false
		}
	}
	done, err := d.sync.SyncAll()
	if err != nil {
		d.syncErrs.Add(1)
		return false
	}
	return done
}

// syncDirs makes the entries of folders durable.
func (d *disk) syncDirs(dirs map[string]bool) error {
	for dir := range dirs {
		if err := d.fs.SyncDir(dir); err != nil {
			return diskError(err)
		}
	}
	return nil
}

// place gives a mail that lies in tmp/ its name, and tells the folder whose
// entries must be synced. The mail's file is closed.
func (d *disk) place(in *Incoming, name mailFileName) (dir string, err error) {
	if dir, err = d.shardDir(name.mailbox, name.uid); err != nil {
		return "", err
	}
	if !in.closed {
		if err := in.f.Close(); err != nil {
			return "", diskError(err)
		}
		in.closed = true
	}
	if err := d.fs.Rename(in.name, d.path(name)); err != nil {
		return "", diskError(err)
	}
	in.placed = true
	return dir, nil
}

// shardDir makes the folder of a UID, durably.
func (d *disk) shardDir(id ID, uid uint32) (string, error) {
	dir := filepath.Join(d.mailDir(id), shard(uid))
	d.shardMu.Lock()
	defer d.shardMu.Unlock()
	if d.shards[dir] {
		return dir, nil
	}
	if err := d.fs.MkdirAll(dir); err != nil {
		return "", diskError(err)
	}
	if err := d.fs.SyncDir(d.mailDir(id)); err != nil {
		return "", diskError(err)
	}
	if len(d.shards) >= maxShards {
		clear(d.shards)
	}
	d.shards[dir] = true
	return dir, nil
}

// maxShards bounds how many folders are remembered as durable.
const maxShards = 10_000

// link gives a mail's file a second name in another mailbox, or where the
// file system cannot, copies it.
func (d *disk) link(from, to mailFileName) (dir string, err error) {
	dir, err = d.linkPath(d.path(from), to)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("the file of message %d is missing: %w", from.uid, ErrDamaged)
	}
	return dir, err
}

// linkPath gives a mail's file at path from another name.
func (d *disk) linkPath(from string, to mailFileName) (dir string, err error) {
	if dir, err = d.shardDir(to.mailbox, to.uid); err != nil {
		return "", err
	}
	if err := d.fs.Link(from, d.path(to)); err == nil {
		return dir, nil
	} else if errors.Is(err, fs.ErrNotExist) {
		return "", err
	} else if isNoSpace(err) {
		return "", diskError(err)
	}
	return dir, diskError(d.copyFile(from, to))
}

// copyFile copies a mail's file at path from, durably, if it has the bytes
// that its new name promises.
func (d *disk) copyFile(from string, n mailFileName) (err error) {
	src, err := d.fs.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	tmp := d.tmpName()
	dst, err := d.fs.Create(tmp)
	if err != nil {
		return err
	}
	sum := sha256.New()
	size, err := io.Copy(io.MultiWriter(dst, sum), src)
	if err == nil && (size != n.size || [32]byte(sum.Sum(nil)) != n.hash) {
		err = fmt.Errorf("the file of a message to be copied is damaged: %w", ErrDamaged)
	}
	if err == nil {
		err = dst.Sync()
	}
	if err = errors.Join(err, dst.Close()); err == nil {
		err = d.fs.Rename(tmp, d.path(n))
	}
	if err != nil {
		d.fs.Remove(tmp) // what remains goes at the next start
	}
	return err
}

// openFile is a mail's file that is being read.
type openFile struct {
	File
	size int64
}

func (f openFile) Size() int64 { return f.size }

// openMail opens a mail's file.
func (d *disk) openMail(n mailFileName) (MailFile, error) {
	f, err := d.openPath(d.path(n), n)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrExpunged
	}
	return f, err
}

// openPath opens a mail's file at a path.
func (d *disk) openPath(path string, n mailFileName) (MailFile, error) {
	f, err := d.fs.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() != n.size {
		err = fmt.Errorf("the file of message %d has %d octets instead of %d: %w", n.uid, info.Size(), n.size, ErrDamaged)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return openFile{f, n.size}, nil
}
