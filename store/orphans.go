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
//
// But if a mailbox's state.log, which is written after a commit, knows of such
// a file, then it is the index that is at fault: an older one was put back, or
// a disk has lost what it promised to keep. Such files are mails that somebody
// was answered OK for. They stay where they are, and a rebuild takes them in.

// unnamed are files in mail/ that the index never named.
type unnamed struct {
	files   []mailFileName
	folders []ID // of mailboxes that it does not know
	empty   []ID // likewise, without any mail
	newer   int  // so many of all these files are mails
}

// findUnnamed looks for them. next gives the UIDNEXT that the index tells of a
// mailbox, 0 for one that it does not know; known tells of which of these it
// knows all the same, because they are about to go. Only the last shards of a
// mailbox can hold any.
func (d *disk) findUnnamed(next map[ID]uint32, known func(ID) bool) (u unnamed, err error) {
	folders, err := d.mailboxFolders()
	if err != nil {
		return u, err
	}
	for _, id := range folders {
		uidNext := next[id]
		if uidNext == 0 && known(id) {
			continue
		}
		shards, err := d.shardsBetween(id, uidNext/shardSize, allShards)
		if err != nil {
			return u, err
		}
		var files []mailFileName
		for _, s := range shards {
			if err := d.eachMail(id, s, func(n mailFileName) {
				if n.uid >= uidNext {
					files = append(files, n)
				}
			}, nil); err != nil {
				return u, err
			}
		}
		switch {
		case uidNext != 0:
			u.files = append(u.files, files...)
		case len(shards) == 0:
			u.empty = append(u.empty, id)
		default:
			u.folders = append(u.folders, id)
		}
		if len(files) == 0 {
			continue
		}
		committed, err := d.committed(id)
		if err != nil {
			return u, err
		}
		for _, f := range files {
			if f.uid < committed {
				u.newer++
			}
		}
	}
	return u, nil
}

// setAside takes them out of mail/; a folder that holds no mail is removed.
func (d *disk) setAside(u unnamed) error {
	dirs := map[string]bool{}
	for _, n := range u.files {
		if _, err := d.orphan(d.path(n), string(n.mailbox)+"-"+n.base()); err != nil {
			return err
		}
		dirs[filepath.Dir(d.path(n))] = true
	}
	for _, id := range u.folders {
		if _, err := d.orphan(d.mailDir(id), string(id)); err != nil {
			return err
		}
		dirs[filepath.Dir(d.mailDir(id))] = true
	}
	if len(dirs) > 0 {
		// For good: counting goes on above them, so after a power cut nobody
		// would look for them here again.
		dirs[d.dir], dirs[filepath.Join(d.dir, orphansName)] = true, true
	}
	for dir := range dirs {
		if err := d.fs.SyncDir(dir); err != nil {
			return diskError(err)
		}
	}
	for _, id := range u.empty {
		d.removeMailboxLater(id, nil)
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
