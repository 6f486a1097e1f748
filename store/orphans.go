package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Files that the index never named are set aside in orphans/, never removed
// and never served: a crash between the rename of a file and its commit leaves
// one, and nobody was answered OK for it.

// setAside takes files whose UID the index never gave out of a mailbox. Only
// the last shards can hold any.
func (d *disk) setAside(f *mailboxFile, uidNext uint32) error {
	shards, err := d.shardsBetween(f.id, uidNext/shardSize, allShards)
	if err != nil {
		return diskError(err)
	}
	for _, s := range shards {
		var names []mailFileName
		if err := d.eachMail(f.id, s, func(n mailFileName) {
			if n.uid >= uidNext {
				names = append(names, n)
			}
		}, nil); err != nil {
			return diskError(err)
		}
		for _, n := range names {
			if _, err := d.orphan(d.path(n), string(f.id)+"-"+n.base()); err != nil {
				return err
			}
		}
		if len(names) == 0 {
			continue
		}
		// For good: counting goes on above them, so after a power cut nobody
		// would look for them here again.
		for _, dir := range []string{d.dir, filepath.Join(d.dir, orphansName), filepath.Dir(d.path(names[0]))} {
			if err := d.fs.SyncDir(dir); err != nil {
				return diskError(err)
			}
		}
	}
	return nil
}

// setFoldersAside takes folders out of mail/ that belong to no mailbox; one
// that holds no mail is removed.
func (d *disk) setFoldersAside(known func(ID) bool) error {
	folders, err := d.mailboxFolders()
	if err != nil {
		return diskError(err)
	}
	for _, id := range folders {
		if known(id) {
			continue
		}
		shards, err := d.shardsBetween(id, 0, allShards)
		if err != nil {
			return diskError(err)
		}
		if len(shards) == 0 {
			d.removeMailboxLater(id, nil)
			continue
		}
		if _, err := d.orphan(d.mailDir(id), string(id)); err != nil {
			return err
		}
	}
	return nil
}

// orphan moves a file or folder into orphans/ and gives its new name.
func (d *disk) orphan(path, name string) (string, error) {
	dir := filepath.Join(d.dir, orphansName)
	if err := d.fs.MkdirAll(dir); err != nil {
		return "", diskError(err)
	}
	to := filepath.Join(dir, name)
	for i := 2; ; i++ {
		_, err := d.fs.Stat(to)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return "", diskError(err)
		}
		to = filepath.Join(dir, fmt.Sprintf("%s.%d", name, i))
	}
	if err := d.fs.Rename(path, to); err != nil {
		return "", diskError(err)
	}
	return to, nil
}
