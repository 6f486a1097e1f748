package store

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// checkFiles compares a mailbox's messages with its files, shard by shard.
func (v *verifier) checkFiles(n named) error {
	shards, err := v.shards(n)
	if err != nil {
		return err
	}
	var doubts []doubt
	for _, s := range shards {
		more, err := v.checkShard(n, s)
		if err != nil {
			return err
		}
		if doubts = append(doubts, more...); len(doubts) > maxProblems {
			break
		}
	}
	doubts = append(doubts, v.strangers(n)...)
	if len(doubts) == 0 {
		return nil
	}
	// The box is in use: what is still so when all that was under way is done
	// is a problem.
	if err := v.settle(); err != nil {
		return err
	}
	for _, d := range doubts {
		if err := v.judge(n, d); err != nil {
			return err
		}
	}
	return nil
}

// shards lists the shards that have files or messages.
func (v *verifier) shards(n named) ([]uint32, error) {
	shards, err := v.b.disk.shardsBetween(n.id, 0, allShards)
	if err != nil {
		return nil, diskError(err)
	}
	rows, err := v.b.index.read.QueryContext(v.ctx, "SELECT DISTINCT uid/? FROM entry WHERE mailbox=?", shardSize, n.row)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s uint32
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		shards = append(shards, s)
	}
	slices.Sort(shards)
	return slices.Compact(shards), rows.Err()
}

// doubt is what looks wrong.
type doubt struct {
	path string
	uid  uint32 // 0: no mail's file
	text string // of a message: what is wrong with its file
}

// checkShard compares the messages and the files of a shard.
func (v *verifier) checkShard(n named, s uint32) (doubts []doubt, err error) {
	d := v.b.disk
	files := map[string]uint32{}
	err = d.eachMail(n.id, s, func(f mailFileName) { files[f.base()] = f.uid }, func(path string) {
		doubts = append(doubts, doubt{path: path})
	})
	if err != nil {
		return nil, diskError(err)
	}
	names, err := v.named(n, s*shardSize, min(uint64(s)*shardSize+shardSize-1, 1<<32-1))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		path, text := d.path(name), ""
		if _, there := files[name.base()]; !there {
			text = "the file of a message is missing"
		} else if text, err = v.checkFile(name); err != nil {
			return nil, err
		}
		if text != "" {
			doubts = append(doubts, doubt{path, name.uid, text})
		}
		delete(files, name.base())
		if err := v.step(); err != nil {
			return nil, err
		}
	}
	for base, uid := range files {
		doubts = append(doubts, doubt{path: filepath.Join(d.mailDir(n.id), shard(uid), base), uid: uid})
	}
	return doubts, nil
}

// named gives the files that the index names for UIDs from lo to hi.
func (v *verifier) named(n named, lo uint32, hi uint64) ([]mailFileName, error) {
	rows, err := v.b.index.read.QueryContext(v.ctx,
		"SELECT e.uid, m.date, m.zone, m.size, m.hash FROM entry e JOIN mail m ON m.id=e.mail WHERE e.mailbox=? AND e.uid BETWEEN ? AND ? ORDER BY e.uid",
		n.row, lo, int64(hi))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []mailFileName
	for rows.Next() {
		name := mailFileName{mailbox: n.id}
		var seconds int64
		var zone int
		var hash []byte
		if err := rows.Scan(&name.uid, &seconds, &zone, &name.size, &hash); err != nil {
			return nil, err
		}
		name.date = dateIn(seconds, zone)
		copy(name.hash[:], hash)
		out = append(out, name)
	}
	return out, rows.Err()
}

// checkFile tells what is wrong with a message's file; "" if nothing is.
func (v *verifier) checkFile(n mailFileName) (string, error) { return v.checkPath(v.b.disk.path(n), n) }

func (v *verifier) checkPath(path string, n mailFileName) (string, error) {
	if !v.o.Content {
		info, err := v.b.disk.fs.Stat(path)
		switch {
		case err != nil:
			return "the file of a message cannot be read: " + err.Error(), nil
		case info.Size() != n.size:
			return "the file of a message has the wrong size", nil
		}
		return "", nil
	}
	size, hash, err := v.b.disk.sumFile(path)
	switch {
	case err != nil:
		return "the file of a message cannot be read: " + err.Error(), v.ctx.Err()
	case size != n.size:
		return "the file of a message has the wrong size", nil
	case hash != n.hash:
		return "the file of a message holds other bytes than were received", nil
	}
	return "", nil
}

// sumFile reads a file whole and gives its size and hash.
func (d *disk) sumFile(path string) (size int64, hash [32]byte, err error) {
	f, err := d.fs.Open(path)
	if err != nil {
		return 0, hash, err
	}
	defer f.Close()
	sum := sha256.New()
	buf := incomingBuffers.Get().(*[]byte)
	defer incomingBuffers.Put(buf)
	size, err = io.CopyBuffer(sum, io.NewSectionReader(f, 0, 1<<62), (*buf)[:cap(*buf)])
	sum.Sum(hash[:0])
	return size, hash, err
}

// strangers lists what lies in a mailbox's folder and is none of its own.
func (v *verifier) strangers(n named) (doubts []doubt) {
	dir := v.b.disk.mailDir(n.id)
	entries, _ := v.b.disk.fs.ReadDir(dir) // a missing folder misses files, which is told for each
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), newSuffix)
		if _, isShard := parseShard(name); isShard && e.IsDir() || name == mailboxFileName || name == stateLogName {
			continue
		}
		doubts = append(doubts, doubt{path: filepath.Join(dir, e.Name())})
	}
	return doubts
}

// judge looks at a doubt again, now that nothing that began before it is
// under way.
func (v *verifier) judge(n named, d doubt) error {
	if n.state.Load().isGone() || v.undone[d.path] {
		return nil
	}
	there := func() bool {
		_, err := v.b.disk.fs.Stat(d.path)
		return !errors.Is(err, fs.ErrNotExist)
	}
	if d.uid == 0 {
		if there() {
			v.found(n.name, d.path, "this is no mail of this box")
		}
		return nil
	}
	names, err := v.named(n, d.uid, uint64(d.uid))
	if err != nil {
		return err
	}
	isNamed := len(names) > 0 && v.b.disk.path(names[0]) == d.path
	if d.text != "" {
		if !isNamed {
			return nil // expunged meanwhile
		}
		if there() {
			if d.text, err = v.checkFile(names[0]); err != nil {
				return err
			}
		}
		if d.text != "" {
			v.found(n.name, d.path, "%s", d.text)
		}
		return nil
	}
	if isNamed {
		return nil
	}
	left, err := v.b.left(v.ctx, v.b.index.read)
	if err != nil {
		return err
	}
	for _, l := range left {
		if l.mailbox == n.id && l.day == "" && (l.uids == "*" || inSpans(parseSpans(l.uids), d.uid)) {
			return nil // on its way out
		}
	}
	if there() { // last: it goes before the row that remembers it
		v.found(n.name, d.path, "no message has this file")
	}
	return nil
}
