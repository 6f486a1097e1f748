package store

import (
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A mail's file is named UID-DATE-SIZE-HASH.eml, so that a torn or foreign
// file is found and the index can be made anew: DATE is unix seconds, 'e' or
// 'w' for east or west of Greenwich and the zone as hhmm; HASH is the mail's id
// as people see it. Lower case, no ':', so that every file system takes it.

// mailFileName names a mail's file.
type mailFileName struct {
	mailbox ID
	uid     uint32
	fileInfo
}

// shardSize is how many UIDs share a folder.
const shardSize = 1000

// shard names the folder of a UID within its mailbox's.
func shard(uid uint32) string { return strconv.FormatUint(uint64(uid/shardSize), 10) }

// parseShard reads a folder's name.
func parseShard(name string) (n uint32, ok bool) { return parseUint32(name) }

// base gives the file's name within its shard.
func (n mailFileName) base() string {
	b := make([]byte, 0, 100)
	b = append(strconv.AppendUint(b, uint64(n.uid), 10), '-')
	b = append(appendDate(b, n.date), '-')
	b = append(strconv.AppendInt(b, n.size, 10), '-')
	b = idEncoding.AppendEncode(b, n.hash[:])
	return string(append(b, ".eml"...))
}

// parseBase reads a file's name within its shard; ok is false if base does
// not give exactly this name.
func parseBase(mailbox ID, name string) (n mailFileName, ok bool) {
	rest, isMail := strings.CutSuffix(name, ".eml")
	f := strings.Split(rest, "-")
	if !isMail || len(f) != 4 {
		return n, false
	}
	n.mailbox = mailbox
	if n.uid, ok = parseUint32(f[0]); !ok || n.uid == 0 {
		return n, false
	}
	if n.date, ok = parseDate(f[1]); !ok {
		return n, false
	}
	var err error
	if n.size, err = strconv.ParseInt(f[2], 10, 64); err != nil {
		return n, false
	}
	if len(f[3]) != idEncoding.EncodedLen(len(n.hash)) {
		return n, false
	}
	if _, err := idEncoding.Decode(n.hash[:], []byte(f[3])); err != nil {
		return n, false
	}
	return n, n.base() == name
}

// appendDate writes a date; what is before 1970 begins with 'n'.
func appendDate(b []byte, t time.Time) []byte {
	seconds := t.Unix()
	if seconds < 0 {
		b, seconds = append(b, 'n'), -seconds
	}
	b = strconv.AppendInt(b, seconds, 10)
	zone, side := zoneMinutes(t), byte('e')
	if zone < 0 {
		zone, side = -zone, 'w'
	}
	hh, mm := zone/60, zone%60
	return append(b, side, byte('0'+hh/10%10), byte('0'+hh%10), byte('0'+mm/10), byte('0'+mm%10))
}

func parseDate(s string) (time.Time, bool) {
	s, before := strings.CutPrefix(s, "n")
	if len(s) < 6 {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(s[:len(s)-5], 10, 64)
	zone, zoneErr := strconv.ParseUint(s[len(s)-4:], 10, 16)
	if err != nil || zoneErr != nil || seconds < 0 {
		return time.Time{}, false
	}
	minutes := int(zone/100*60 + zone%100)
	switch s[len(s)-5] {
	case 'w':
		minutes = -minutes
	case 'e':
	default:
		return time.Time{}, false
	}
	if before {
		seconds = -seconds
	}
	return dateIn(seconds, minutes), true
}

// parseUint32 reads a number that is written without needless zeros.
func parseUint32(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && strconv.FormatUint(n, 10) == s
}

// path gives a mail file's place on the disk.
func (d *disk) path(n mailFileName) string {
	return filepath.Join(d.mailDir(n.mailbox), shard(n.uid), n.base())
}
