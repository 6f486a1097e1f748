package pop3fetch

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
)

// listed is a message as a session lists it.
type listed struct {
	n    int    // its number in this session
	size int64  // as listed: a hint
	uid  string // "": none that could be used
}

// listing is what a session found in the maildrop.
type listing struct {
	count    int // by STAT
	size     int64
	numbered bool     // UIDL works
	messages []listed // ascending by number; those without doubt
	// complete: STAT, LIST and UIDL agree, so that what is not listed is not
	// there.
	complete bool
}

// maxUID bounds a unique-id. RFC 1939 §7 says 70 octets; a longer one is as
// good, for it is kept whole, but not any length.
const maxUID = 250

// parseStat reads STAT's "count size" (RFC 1939 §5).
func parseStat(text string) (count int, size int64, ok bool) {
	f := bytes.Fields([]byte(text))
	if len(f) < 2 {
		return 0, 0, false
	}
	c, err := parseNumber(f[0])
	s, err2 := parseNumber(f[1])
	return int(c), s, err == nil && err2 == nil && c <= 1<<30
}

// parseNumber reads digits; a sign is none.
func parseNumber(b []byte) (int64, error) {
	n, err := strconv.ParseUint(string(b), 10, 63)
	return int64(n), err
}

// parseList reads a line "number size" of LIST.
func parseList(line []byte) (n int, size int64, ok bool) {
	f := bytes.Fields(line)
	if len(f) < 2 {
		return 0, 0, false
	}
	num, err := parseNumber(f[0])
	size, err2 := parseNumber(f[1])
	return int(num), size, err == nil && err2 == nil && num >= 1 && num <= 1<<30
}

// parseUIDL reads a line "number unique-id" of UIDL. A line that names a
// message but no usable unique-id (blank, with blanks inside, too long, control
// characters) gives uid "": it is never cut to fit.
func parseUIDL(line []byte) (n int, uid string, ok bool) {
	num, rest, _ := bytes.Cut(bytes.TrimLeft(line, " "), []byte(" "))
	v, err := parseNumber(num)
	if err != nil || v < 1 || v > 1<<30 {
		return 0, "", false
	}
	rest = bytes.Trim(rest, " ")
	if len(rest) > maxUID || bytes.ContainsFunc(rest, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		rest = nil
	}
	return int(v), string(rest), true
}

// gather puts STAT, LIST and UIDL together.
type gather struct {
	sizes  map[int]int64
	uids   map[int]string
	doubts map[int]bool // numbers that came twice
	odd    bool         // a line could not be read
}

func newGather() *gather {
	return &gather{sizes: map[int]int64{}, uids: map[int]string{}, doubts: map[int]bool{}}
}

func (g *gather) list(line []byte) {
	n, size, ok := parseList(line)
	if _, twice := g.sizes[n]; ok && twice {
		g.doubts[n] = true
	}
	g.odd = g.odd || !ok
	if ok {
		g.sizes[n] = size
	}
}

func (g *gather) uidl(line []byte) {
	n, uid, ok := parseUIDL(line)
	if _, twice := g.uids[n]; ok && twice {
		g.doubts[n] = true
	}
	g.odd = g.odd || !ok
	if ok {
		g.uids[n] = uid
	}
}

// listing gives what agrees: a message stands in LIST and, where UIDL works,
// in UIDL, once each.
func (g *gather) listing(count int, size int64, numbered bool) *listing {
	l := &listing{count: count, size: size, numbered: numbered}
	for _, n := range slices.Sorted(maps.Keys(g.sizes)) {
		uid, named := g.uids[n]
		if g.doubts[n] || numbered && !named {
			continue
		}
		l.messages = append(l.messages, listed{n, g.sizes[n], uid})
	}
	l.complete = !g.odd && len(g.doubts) == 0 && len(l.messages) == count && len(g.sizes) == count &&
		(!numbered || len(g.uids) == count)
	return l
}
