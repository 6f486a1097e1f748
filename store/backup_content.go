package store

import (
	"strconv"
	"strings"
	"time"
)

// Content names what a mail holds, in whatever mailboxes it is.
type Content struct {
	Hash [32]byte // SHA-256
	Size int64
}

// Name is the name of a file with this content: the mail's id as people see
// it, and the size.
func (c Content) Name() string {
	return idEncoding.EncodeToString(c.Hash[:]) + "-" + strconv.FormatInt(c.Size, 10) + ".eml"
}

// ParseContent reads what Name gives.
func ParseContent(name string) (c Content, ok bool) {
	hash, size, _ := strings.Cut(strings.TrimSuffix(name, ".eml"), "-")
	if len(hash) != idEncoding.EncodedLen(len(c.Hash)) {
		return c, false
	}
	if _, err := idEncoding.Decode(c.Hash[:], []byte(hash)); err != nil {
		return c, false
	}
	var err error
	c.Size, err = strconv.ParseInt(size, 10, 64)
	return c, err == nil && c.Name() == name
}

// BackupPath reads a line of a backup's list of mails: a file's place below
// the box's folder, with slashes. ok is false for what no box has.
func BackupPath(line string) (c Content, ok bool) {
	var n mailFileName
	switch f := strings.Split(line, "/"); {
	case len(f) == 4 && f[0] == mailDirName && ID(f[1]).Valid():
		n, ok = parseBase(ID(f[1]), f[3])
		ok = ok && f[2] == shard(n.uid) && n.uid <= maxUID
	case len(f) == 3 && f[0] == deletedName:
		at, err := time.Parse(time.DateOnly, f[1])
		var k keptFile
		k, ok = parseKept(f[1], f[2])
		n, ok = k.mailFileName, ok && err == nil && dayOf(at) == f[1]
	}
	return n.content(), ok && n.size >= 0
}

func (f fileInfo) content() Content { return Content{f.hash, f.size} }
