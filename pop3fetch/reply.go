package pop3fetch

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// refusal is a reply that begins with -ERR.
type refusal struct {
	verb string // of the command; "" for the greeting
	code string // response code in capitals (RFC 2449 §8), "" where there is none
	text string // for people, without the code
}

func (r *refusal) Error() string {
	what := r.verb
	if what == "" {
		what = "the connection"
	}
	if r.text == "" {
		return fmt.Sprintf("the provider refused %s without a reason", what)
	}
	return fmt.Sprintf("the provider refused %s: %q", what, r.text)
}

// has reports whether the response code is this one or below it: SYS has
// SYS/TEMP (RFC 2449 §8).
func (r *refusal) has(code string) bool {
	rest, is := strings.CutPrefix(r.code, code)
	return is && (rest == "" || rest[0] == '/')
}

// newRefusal reads the text behind -ERR.
func newRefusal(verb, text string) *refusal {
	r := &refusal{verb: verb}
	text = strings.TrimSpace(text)
	if rest, is := strings.CutPrefix(text, "["); is {
		if code, after, closed := strings.Cut(rest, "]"); closed {
			r.code = strings.ToUpper(printable(code))
			text = strings.TrimSpace(after)
		}
	}
	r.text = printable(text)
	return r
}

// printable makes a provider's words safe to show.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200]) + "…"
	}
	return strings.TrimSpace(s)
}

// refused gives err as a refusal.
func refused(err error) (*refusal, bool) {
	var r *refusal
	return r, errors.As(err, &r)
}

// capabilities is what CAPA announced (RFC 2449 §5): words in capitals with
// their parameters. It is nil where there is no CAPA.
type capabilities map[string][]string

// maxCapabilities bounds the lines of a CAPA answer.
const maxCapabilities = 200

// add takes a line of the answer.
func (c capabilities) add(line []byte) {
	f := strings.Fields(printable(string(line)))
	if len(f) > 0 {
		c[strings.ToUpper(f[0])] = f[1:]
	}
}

func (c capabilities) has(word string) bool {
	_, is := c[word]
	return is
}

// mechanism reports whether SASL has one.
func (c capabilities) mechanism(name string) bool {
	for _, m := range c["SASL"] {
		if strings.EqualFold(m, name) {
			return true
		}
	}
	return false
}

// maxLoginDelay bounds what a provider can demand.
const maxLoginDelay = 24 * time.Hour

// loginDelay gives the least time between logins (RFC 2449 §6.5). own says
// that it may be another one for this user, after the login.
func (c capabilities) loginDelay() (d time.Duration, own bool) {
	p := c["LOGIN-DELAY"]
	if len(p) == 0 {
		return 0, false
	}
	n, err := strconv.ParseUint(p[0], 10, 32)
	if err != nil {
		return 0, false
	}
	return min(time.Duration(n)*time.Second, maxLoginDelay), len(p) > 1 && strings.EqualFold(p[1], "USER")
}

// removes reports whether the provider removes what was retrieved by itself
// (RFC 2449 §6.7: EXPIRE 0).
func (c capabilities) removes() bool {
	p := c["EXPIRE"]
	return len(p) > 0 && p[0] == "0"
}

// list gives the capabilities as they were announced, ordered.
func (c capabilities) list() []string {
	out := make([]string, 0, len(c))
	for word, params := range c {
		out = append(out, strings.Join(append([]string{word}, params...), " "))
	}
	slices.Sort(out)
	return out
}
