package store

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"sort"
)

// shardsBetween lists a mailbox's shards from lo to hi that are there,
// ascending.
func (d *disk) shardsBetween(id ID, lo, hi uint32) ([]uint32, error) {
	entries, err := d.fs.ReadDir(d.mailDir(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []uint32
	for _, e := range entries {
		if n, ok := parseShard(e.Name()); ok && e.IsDir() && n >= lo && n <= hi {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

// allShards is the highest shard that there can be.
const allShards = ^uint32(0) / shardSize

// eachMail calls take for each file of a shard that is named as a mail that
// belongs there, and other, if not nil, for the rest.
func (d *disk) eachMail(id ID, s uint32, take func(mailFileName), other func(path string)) error {
	dir := filepath.Join(d.mailDir(id), shard(s*shardSize))
	entries, err := d.fs.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		n, ok := parseBase(id, e.Name())
		switch {
		case ok && !e.IsDir() && n.uid/shardSize == s && n.uid <= maxUID:
			take(n)
		case other != nil:
			other(filepath.Join(dir, e.Name()))
		}
	}
	return nil
}

// mailboxFolders lists the mailboxes that have a folder.
func (d *disk) mailboxFolders() ([]ID, error) {
	entries, err := d.fs.ReadDir(filepath.Join(d.dir, mailDirName))
	if err != nil {
		return nil, err
	}
	var out []ID
	for _, e := range entries {
		if id := ID(e.Name()); e.IsDir() && id.Valid() {
			out = append(out, id)
		}
	}
	return out, nil
}

// holdsMail reports whether a mailbox's folder has a shard.
func (d *disk) holdsMail() (bool, error) {
	folders, err := d.mailboxFolders()
	for _, id := range folders {
		if shards, err := d.shardsBetween(id, 0, allShards); err != nil || len(shards) > 0 {
			return true, err
		}
	}
	return false, err
}

// inSpans reports whether uid is in runs, which ascend.
func inSpans(runs []span, uid uint32) bool {
	i := sort.Search(len(runs), func(i int) bool { return runs[i].hi >= uid })
	return i < len(runs) && runs[i].lo <= uid
}
