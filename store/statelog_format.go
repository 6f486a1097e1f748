package store

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// A state.log is lines: the CRC-32C of the rest as eight hex digits, a blank,
// a JSON object. A line that is torn or damaged is passed over.

// logRecord is one line; exactly one of its parts is there.
type logRecord struct {
	Flags *logFlags `json:"flags,omitempty"`
	Gone  string    `json:"gone,omitempty"` // expunged UIDs
	Moved *logMoved `json:"moved,omitempty"`
	UIDL  *logUIDL  `json:"uidl,omitempty"`
	Scope *logScope `json:"scope,omitempty"`
	Own   *logOwn   `json:"own,omitempty"`
	// Next: commits that stand have named messages below this UID, up to the
	// one before it. An index with a lower UIDNEXT is older than that.
	Next uint32 `json:"next,omitempty"`
}

// logFlags says that messages have these flags and no others.
type logFlags struct {
	UIDs  string      `json:"uids"`
	Names []imap.Flag `json:"names"`
}

// logMoved says that the n-th UID of UIDs became the n-th of As in mailbox To.
type logMoved struct {
	UIDs string `json:"uids"`
	To   ID     `json:"to"`
	As   string `json:"as"`
}

// logScope says that messages exist for one device only.
type logScope struct {
	UIDs   string `json:"uids"`
	Device ID     `json:"device"`
}

// logOwn says what messages are for a person or a device alone. What is beyond
// a device's window is found anew.
type logOwn struct {
	Who  ID      `json:"who"`
	Is   ownKind `json:"is"`
	UIDs string  `json:"uids"`
}

type ownKind string

const (
	ownUnread ownKind = "unread" // though somebody has read it
	ownRead   ownKind = "read"
	ownHidden ownKind = "hidden" // deleted on the device
	ownShown  ownKind = "shown"
)

// logUIDL is a provider's row. The unique-id is kept octet for octet.
type logUIDL struct {
	Address string    `json:"address"`
	UID     []byte    `json:"uid"`
	Ordinal int       `json:"ordinal,omitempty"`
	Size    int64     `json:"size"`
	Hash    []byte    `json:"hash"`
	State   UIDLState `json:"state"`
	FirstAt int64     `json:"first"`
	SeenAt  int64     `json:"seen,omitempty"`
	Absent  bool      `json:"absent,omitempty"`
}

const (
	logRuns   = 400     // runs of UIDs in a record
	logLine   = 1 << 20 // octets of a line that is read
	logBuffer = 64 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// logWriter writes records.
type logWriter struct {
	w   io.Writer
	buf []byte
	err error
}

func (w *logWriter) record(r logRecord) {
	b, err := json.Marshal(r)
	if err != nil {
		w.err = err
		return
	}
	w.buf = fmt.Appendf(w.buf, "%08x %s\n", crc32.Checksum(b, castagnoli), b)
	if len(w.buf) > logBuffer {
		w.flush()
	}
}

// flush writes what is buffered and tells the first error.
func (w *logWriter) flush() error {
	if w.err == nil && len(w.buf) > 0 {
		_, w.err = w.w.Write(w.buf)
	}
	w.buf = w.buf[:0]
	return w.err
}

func (w *logWriter) flags(uids imap.UIDSet, names []imap.Flag) {
	if names == nil {
		names = []imap.Flag{}
	}
	for some := range slices.Chunk(uids, logRuns) {
		w.record(logRecord{Flags: &logFlags{UIDs: some.String(), Names: names}})
	}
}

func (w *logWriter) next(uid uint32) { w.record(logRecord{Next: uid}) }

func (w *logWriter) gone(uids imap.UIDSet) {
	for some := range slices.Chunk(uids, logRuns) {
		w.record(logRecord{Gone: some.String()})
	}
}

func (w *logWriter) moved(to ID, from, as []imap.UID) {
	for len(from) > 0 {
		n := min(logRuns, len(from))
		w.record(logRecord{Moved: &logMoved{UIDs: imap.UIDSetNum(from[:n]...).String(), To: to, As: imap.UIDSetNum(as[:n]...).String()}})
		from, as = from[n:], as[n:]
	}
}

func (w *logWriter) scope(device ID, uids imap.UIDSet) {
	for some := range slices.Chunk(uids, logRuns) {
		w.record(logRecord{Scope: &logScope{UIDs: some.String(), Device: device}})
	}
}

func (w *logWriter) own(who ID, is ownKind, uids imap.UIDSet) {
	for some := range slices.Chunk(uids, logRuns) {
		w.record(logRecord{Own: &logOwn{Who: who, Is: is, UIDs: some.String()}})
	}
}

func (w *logWriter) uidl(u UIDL) {
	w.record(logRecord{UIDL: &logUIDL{
		Address: u.Address, UID: []byte(u.UID), Ordinal: u.Ordinal, Size: u.Size, Hash: u.Hash[:],
		State: u.State, FirstAt: unixSeconds(u.FirstAt), SeenAt: unixSeconds(u.SeenAt), Absent: u.Absent,
	}})
}

// row gives the row that a record holds.
func (u *logUIDL) row() UIDL {
	r := UIDL{
		Address: u.Address, UID: string(u.UID), Ordinal: u.Ordinal, Size: u.Size,
		State: u.State, FirstAt: unixTime(u.FirstAt), SeenAt: unixTime(u.SeenAt), Absent: u.Absent,
	}
	copy(r.Hash[:], u.Hash)
	return r
}

// readRecords reads all records that are whole.
func readRecords(r io.Reader, take func(*logRecord)) error {
	lines := bufio.NewReaderSize(r, logBuffer)
	var line []byte
	for {
		part, err := lines.ReadSlice('\n')
		if len(line) <= logLine {
			line = append(line, part...)
		}
		switch err {
		case bufio.ErrBufferFull:
			continue
		case nil, io.EOF:
			if rec := parseRecord(bytes.TrimSuffix(line, []byte("\n"))); rec != nil && err == nil {
				take(rec)
			}
			line = line[:0]
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// parseRecord reads a line; nil if it is damaged.
func parseRecord(line []byte) *logRecord {
	if len(line) < 10 || len(line) > logLine || line[8] != ' ' {
		return nil
	}
	sum, err := strconv.ParseUint(string(line[:8]), 16, 32)
	if err != nil || uint32(sum) != crc32.Checksum(line[9:], castagnoli) {
		return nil
	}
	var r logRecord
	if json.Unmarshal(line[9:], &r) != nil {
		return nil
	}
	return &r
}

// parseSpans reads a set of UIDs; what is none of ours gives none.
func parseSpans(set string) []span {
	var out []span
	for _, part := range strings.Split(set, ",") {
		lo, hi, isRun := strings.Cut(part, ":")
		if !isRun {
			hi = lo
		}
		l, ok1 := parseUint32(lo)
		h, ok2 := parseUint32(hi)
		if !ok1 || !ok2 || l == 0 || h < l {
			return nil
		}
		out = append(out, span{l, h})
	}
	return out
}

// flagGroup is messages that have the same flags.
type flagGroup struct {
	flags Flags
	uids  []span
}

// byFlags groups entries, which ascend, by their flags, in the order in which
// the flags come.
func byFlags(entries []Entry) []flagGroup {
	var out []flagGroup
	at := map[Flags]int{}
	for _, e := range entries {
		i, known := at[e.Flags]
		if !known {
			i = len(out)
			at[e.Flags] = i
			out = append(out, flagGroup{flags: e.Flags})
		}
		out[i].add(uint32(e.UID))
	}
	return out
}

func (g *flagGroup) add(uid uint32) {
	if n := len(g.uids); n > 0 && g.uids[n-1].hi+1 == uid {
		g.uids[n-1].hi = uid
		return
	}
	g.uids = append(g.uids, span{uid, uid})
}
