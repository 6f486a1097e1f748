package store

import (
	"strings"

	"github.com/emersion/go-imap/v2"
)

// Flags are a message's flags as bits: 0-7 system flags, 8-62 the mailbox's
// keywords by their place in its Keywords.
type Flags uint64

// System flags (RFC 3501 §2.3.2). \Recent belongs to a session, not to a
// message, and has no bit.
const (
	FlagSeen Flags = 1 << iota
	FlagAnswered
	FlagFlagged
	FlagDeleted
	FlagDraft
)

const (
	firstKeyword = 8
	// MaxKeywords is how many keywords a mailbox can hold at a time.
	MaxKeywords = 55
)

var systemFlags = [...]struct {
	bit  Flags
	name imap.Flag
}{
	{FlagAnswered, imap.FlagAnswered},
	{FlagFlagged, imap.FlagFlagged},
	{FlagDeleted, imap.FlagDeleted},
	{FlagSeen, imap.FlagSeen},
	{FlagDraft, imap.FlagDraft},
}

// SystemFlag gives the bit of a system flag, compared without case; ok is
// false for keywords and for \Recent.
func SystemFlag(f imap.Flag) (bit Flags, ok bool) {
	for _, s := range systemFlags {
		if strings.EqualFold(string(s.name), string(f)) {
			return s.bit, true
		}
	}
	return 0, false
}

// Keywords is a mailbox's table of keywords: the name at place i has the bit
// 8+i; an empty name is a free place. A Keywords is never changed in place.
type Keywords []string

// Bit gives the bit of a keyword, compared without case; ok is false if the
// mailbox does not know it.
func (k Keywords) Bit(name string) (bit Flags, ok bool) {
	for i, n := range k {
		if n != "" && strings.EqualFold(n, name) {
			return 1 << (firstKeyword + i), true
		}
	}
	return 0, false
}

// Full reports whether there is no room for another keyword.
func (k Keywords) Full() bool {
	used := 0
	for _, n := range k {
		if n != "" {
			used++
		}
	}
	return used >= MaxKeywords
}

// Names lists flags f as IMAP names, system flags first.
func (k Keywords) Names(f Flags) []imap.Flag {
	var out []imap.Flag
	for _, s := range systemFlags {
		if f&s.bit != 0 {
			out = append(out, s.name)
		}
	}
	for i, n := range k {
		if n != "" && f&(1<<(firstKeyword+i)) != 0 {
			out = append(out, imap.Flag(n))
		}
	}
	return out
}
