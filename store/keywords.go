package store

import (
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// maxKeyword is how many octets a keyword's name may have.
const maxKeyword = 255

func equalFlag(a, b imap.Flag) bool { return strings.EqualFold(string(a), string(b)) }

// bits gives the bits of flags in mailbox m and, where make is set, makes the
// keywords that it does not know yet. \Recent is ignored.
func (t *tx) bits(m *mailbox, s *state, flags []imap.Flag, make bool) (bits Flags, err error) {
	var missing []string
	for _, f := range flags {
		name := string(f)
		if strings.HasPrefix(name, `\`) {
			if bit, ok := SystemFlag(f); ok {
				bits |= bit
			} else if !strings.EqualFold(name, `\Recent`) {
				return 0, fmt.Errorf("%.50q is no flag that a client may set", name)
			}
			continue
		}
		if bit, ok := s.keywords.Bit(name); ok {
			bits |= bit
			continue
		}
		if !validKeyword(name) {
			return 0, fmt.Errorf("%.50q is not a usable keyword", name)
		}
		if make && !slices.ContainsFunc(missing, func(n string) bool { return strings.EqualFold(n, name) }) {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return bits, nil
	}
	if err := t.makeKeywords(m, s, missing, bits); err != nil {
		return 0, err
	}
	for _, name := range missing {
		bit, _ := s.keywords.Bit(name)
		bits |= bit
	}
	return bits, nil
}

// makeKeywords gives new keywords their places. When no place is free, those
// that no message has and that keep does not name are freed; when that is not
// enough either, nothing is changed (ErrKeywordLimit).
func (t *tx) makeKeywords(m *mailbox, s *state, names []string, keep Flags) error {
	words := slices.Clone(s.keywords)
	var freed []int
	if free(words) < len(names) {
		full, err := t.loaded(m)
		if err != nil {
			return err
		}
		used := keep
		for _, e := range full.snap.All() {
			used |= e.Flags
		}
		for i := range words {
			if words[i] != "" && used&(1<<(firstKeyword+i)) == 0 {
				words[i] = ""
				freed = append(freed, i)
			}
		}
		if free(words) < len(names) {
			return fmt.Errorf("%s: %w", s.name, ErrKeywordLimit)
		}
		s.snap = full.snap
	}
	for _, i := range freed {
		if err := t.exec("DELETE FROM keyword WHERE mailbox=? AND place=?", m.row, i); err != nil {
			return err
		}
	}
	for _, name := range names {
		i := slices.Index(words, "")
		if i < 0 {
			i = len(words)
			words = append(words, "")
		}
		words[i] = name
		if err := t.exec("INSERT OR REPLACE INTO keyword(mailbox, place, name) VALUES(?, ?, ?)", m.row, i, name); err != nil {
			return err
		}
	}
	s.keywords = words
	return nil
}

// free counts the free places.
func free(words Keywords) int {
	n := MaxKeywords - len(words)
	for _, w := range words {
		if w == "" {
			n++
		}
	}
	return n
}

// validKeyword reports whether name is an atom (RFC 3501 flag-keyword).
func validKeyword(name string) bool {
	if name == "" || len(name) > maxKeyword {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`(){%*"\]`, c) >= 0 {
			return false
		}
	}
	return true
}
