package exchange

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const (
	// maxFileName is how many octets a name has at most; file systems take 255.
	maxFileName = 200
	// maxSubject is how many of them a subject gets.
	maxSubject = 120
)

// reserved are names that Windows keeps for devices, whatever ending they have.
var reserved = regexp.MustCompile(`(?i)^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?$`)

// portable makes a file's or folder's name of any text, one that each system
// takes and that hides nothing: no path, no control characters, no dot at its
// beginning or end.
func portable(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(`/\:*?"<>|`, r):
			return '_'
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "_"))
	s = strings.Join(strings.Fields(s), " ")
	if strings.HasPrefix(s, ".") {
		s = "_" + s[1:]
	}
	s = strings.TrimRight(cutText(s, maxFileName), ". ")
	switch {
	case s == "":
		return "_"
	case reserved.MatchString(s):
		return "_" + s
	}
	return s
}

// foldName gives what names have in common that a file system may hold for the
// same: some tell no capitals, some no composed letters from others.
func foldName(s string) string {
	return norm.NFC.String(strings.ToLower(strings.ToUpper(norm.NFC.String(s))))
}

// shortHash gives a few letters that stand for a text.
func shortHash(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:5])
}
