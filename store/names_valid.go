package store

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxNameLength = 1000 // octets
	maxNameLevels = 32
)

// cleanName checks a mailbox name and gives its one spelling: no '/' at the
// end (RFC 3501 §6.3.3), INBOX in capitals wherever it is the first level.
func cleanName(name string) (string, error) {
	name = strings.TrimSuffix(name, "/")
	levels := strings.Split(name, "/")
	bad := len(name) > maxNameLength || len(levels) > maxNameLevels || !utf8.ValidString(name) ||
		strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' })
	for _, l := range levels {
		bad = bad || l == ""
	}
	if bad {
		return "", fmt.Errorf("%.100q: %w", name, ErrInvalidName)
	}
	if strings.EqualFold(levels[0], inbox) {
		levels[0] = inbox
	}
	return strings.Join(levels, "/"), nil
}

// parents lists the names above name, the highest first.
func parents(name string) []string {
	var out []string
	for i := range len(name) {
		if name[i] == '/' {
			out = append(out, name[:i])
		}
	}
	return out
}
