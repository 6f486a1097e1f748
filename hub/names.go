package hub

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

var (
	loginName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)
	// Windows reserves these for devices, with any ending too: boxes are folders.
	reserved = regexp.MustCompile(`^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)`)
)

// CleanName checks a name for a person or a box and gives its one spelling.
// The error proposes another name where it can.
func CleanName(name string) (string, error) {
	n := strings.ToLower(strings.TrimSpace(name))
	switch {
	case n == "":
		return "", invalid("the name is empty")
	case loginName.MatchString(n) && !reserved.MatchString(n) && !strings.HasSuffix(n, "."):
		return n, nil
	}
	why := "a name is made of the letters a-z, digits, dot, dash and underscore, begins with a letter or digit and has at most 63 of them"
	if reserved.MatchString(n) {
		why = "Windows reserves this name for itself"
	} else if loginName.MatchString(n) {
		why = "Windows cannot keep a folder whose name ends in a dot"
	}
	if p := ProposeName(n); p != "" {
		return "", invalid("%q cannot be used: %s. How about %s? (What people see can be set with --title.)", name, why, p)
	}
	return "", invalid("%.80q cannot be used: %s", name, why)
}

// spelled are letters that German and its neighbours write with others.
var spelled = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "æ", "ae", "œ", "oe", "ø", "oe", "å", "aa",
	"ł", "l", "đ", "d", "ð", "d", "þ", "th", "ı", "i", " ", "-", "/", "-", "@", "-", "&", "-")

// ProposeName makes a usable name of one that is not; "" if nothing is left.
func ProposeName(name string) string {
	var out strings.Builder
	for _, r := range norm.NFD.String(spelled.Replace(norm.NFC.String(strings.ToLower(name)))) {
		if r == '-' && strings.HasSuffix(out.String(), "-") {
			continue
		}
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || (r == '.' || r == '_' || r == '-') && out.Len() > 0 {
			out.WriteRune(r)
		}
	}
	p := out.String()
	p = strings.TrimRight(p[:min(len(p), 63)], "._-")
	if reserved.MatchString(p) {
		p = strings.Replace(p[:min(len(p), 58)], ".", "-", 1) + "-post"
	}
	if !loginName.MatchString(p) || reserved.MatchString(p) {
		return ""
	}
	return p
}

// cleanText checks a free text such as a title or a device's name.
func cleanText(what, s string) (string, error) {
	s = norm.NFC.String(strings.TrimSpace(s))
	if len(s) > 200 || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }) {
		return "", invalid("%.80q cannot be %s: at most 200 characters, none of them a control character", s, what)
	}
	return s, nil
}

// CleanAddress checks a mail address and gives its one spelling.
func CleanAddress(address string) (string, error) {
	a := strings.ToLower(norm.NFC.String(strings.TrimSpace(address)))
	at := strings.LastIndexByte(a, '@')
	if at < 1 || at == len(a)-1 || len(a) > 254 || !utf8.ValidString(a) ||
		strings.ContainsFunc(a, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) || r == '/' || r == '\\' }) {
		return "", invalid("%.80q is not a mail address", address)
	}
	return a, nil
}

// foldLogin gives the one spelling of what somebody types as login name.
func foldLogin(name string) string {
	return strings.ToLower(norm.NFC.String(strings.TrimSpace(name)))
}
