package message

import (
	"strings"
	"time"
)

// receivedDate reads the date at the end of a Received field.
func receivedDate(v string) (time.Time, bool) {
	v = dropComments(v)
	i := strings.LastIndexByte(v, ';')
	if i < 0 {
		return time.Time{}, false
	}
	return ParseDate(v[i+1:])
}

func dropComments(v string) string {
	if strings.IndexByte(v, '(') < 0 {
		return v
	}
	var b strings.Builder
	for v != "" {
		i := strings.IndexByte(v, '(')
		if i < 0 {
			b.WriteString(v)
			break
		}
		b.WriteString(v[:i])
		b.WriteByte(' ')
		_, v = cutComment(v[i:])
	}
	return b.String()
}

// ParseDate reads RFC 5322's date-time, its obsolete forms (§4.3) and what else
// stands in mails: no day's name, no seconds, no zone, month's names in full
// or in German, C's asctime, ISO 8601. The zone is kept.
func ParseDate(v string) (time.Time, bool) {
	if len(v) > 256 {
		v = v[:256]
	}
	var d dateParts
	d.year, d.month, d.day, d.hour, d.zone = -1, -1, -1, -1, noZone
	for _, word := range strings.FieldsFunc(dropComments(v), func(r rune) bool {
		return r == ' ' || r == '\t' || r == ',' || r == '\r' || r == '\n' || r == '"'
	}) {
		d.take(word)
	}
	return d.time()
}

type dateParts struct {
	year, month, day, hour, minute, second, zone int
	pm                                           int // 1: AM, 2: PM
}

const noZone = 1 << 20

// take files one word of a date.
func (d *dateParts) take(w string) {
	switch c := w[0]; {
	case '0' <= c && c <= '9':
		d.takeNumber(w)
	case (c == '+' || c == '-') && d.hour >= 0:
		d.takeOffset(w)
	case d.month < 0 && monthOf(w) > 0:
		d.month = monthOf(w)
	case d.hour >= 0:
		d.takeZone(strings.ToUpper(w))
	}
}

func (d *dateParts) takeNumber(w string) {
	// 2006-01-02T15:04:05Z, 2-Jan-2006, 2.1.2006
	if d.hour < 0 && strings.IndexByte(w, ':') < 0 {
		for _, sep := range []string{"-", ".", "/"} {
			if f := strings.Split(w, sep); len(f) == 3 {
				d.takeTriple(f[0], f[1], f[2], sep)
				return
			}
		}
	}
	if date, clock, ok := strings.Cut(w, "T"); ok && strings.Count(date, "-") == 2 {
		d.takeNumber(date)
		d.takeNumber(clock)
		return
	}
	if strings.IndexByte(w, ':') > 0 {
		if d.hour < 0 {
			d.takeClock(w)
		}
		return
	}
	n, rest := number(w)
	if rest != "" && rest != "." && rest != "st" && rest != "nd" && rest != "rd" && rest != "th" {
		return
	}
	switch {
	case d.day < 0 && len(w)-len(rest) <= 2:
		d.day = n
	case d.year < 0:
		d.setYear(n, len(w)-len(rest))
	}
}

func (d *dateParts) takeTriple(a, b, c, sep string) {
	if d.day >= 0 || d.year >= 0 {
		return
	}
	x, restA := number(a)
	y, restB := number(b)
	z, restC := number(c)
	if restA != "" || restC != "" || a == "" || c == "" {
		return
	}
	switch m := monthOf(b); {
	case m > 0:
		d.day, d.month = x, m
		d.setYear(z, len(c))
	case restB != "" || b == "":
	case len(a) == 4:
		d.year, d.month, d.day = x, y, z
	case sep == ".":
		d.day, d.month = x, y
		d.setYear(z, len(c))
	}
}

// setYear: RFC 5322 §4.3 says what years of two and three digits mean.
func (d *dateParts) setYear(n, digits int) {
	switch {
	case digits <= 2 && n < 50:
		n += 2000
	case digits <= 3:
		n += 1900
	}
	d.year = n
}

func (d *dateParts) takeClock(w string) {
	i := 0
	for i < len(w) && (w[i] == ':' || w[i] == '.' || '0' <= w[i] && w[i] <= '9') {
		i++
	}
	clock, zone := w[:i], w[i:]
	clock, _, _ = strings.Cut(clock, ".") // fractions
	f := strings.Split(clock, ":")
	if len(f) < 2 || len(f) > 3 {
		return
	}
	var n [3]int
	for i, s := range f {
		v, rest := number(s)
		if rest != "" || s == "" || len(s) > 2 {
			return
		}
		n[i] = v
	}
	d.hour, d.minute, d.second = n[0], n[1], n[2]
	if zone != "" {
		d.take(zone)
	}
}

func (d *dateParts) takeOffset(w string) {
	if d.zone != noZone && d.zone != 0 {
		return
	}
	digits := strings.ReplaceAll(w[1:], ":", "")
	n, rest := number(digits)
	if rest != "" {
		return
	}
	var minutes int
	switch len(digits) {
	case 1, 2:
		minutes = n * 60
	case 3, 4:
		minutes = n/100*60 + n%100
	default:
		return
	}
	if minutes > 15*60 || n%100 > 59 && len(digits) > 2 {
		minutes = 0 // no place on earth
	}
	if w[0] == '-' {
		minutes = -minutes
	}
	d.zone = minutes * 60
}

func (d *dateParts) takeZone(w string) {
	switch w {
	case "AM", "PM":
		d.pm = map[string]int{"AM": 1, "PM": 2}[w]
		return
	}
	if len(w) > 4 {
		for _, sign := range []string{"+", "-"} { // GMT+0200
			if name, offset, ok := strings.Cut(w, sign); ok && (name == "GMT" || name == "UTC") {
				d.takeOffset(sign + offset)
				return
			}
		}
	}
	if hours, ok := zones[w]; ok && d.zone == noZone {
		d.zone = hours * 3600
	}
}

// zones are RFC 5322's, and those that mailers in Europe wrote. Other letters
// say nothing (§4.3).
var zones = map[string]int{
	"UT": 0, "UTC": 0, "GMT": 0, "Z": 0, "WET": 0,
	"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
	"BST": 1, "WEST": 1, "CET": 1, "MET": 1, "MEZ": 1, "CEST": 2, "MEST": 2, "MESZ": 2,
	"EET": 2, "EEST": 3, "MSK": 3, "JST": 9, "KST": 9,
}

func (d *dateParts) time() (time.Time, bool) {
	if d.pm > 0 && d.hour <= 12 {
		d.hour = d.hour%12 + 12*(d.pm-1)
	}
	if d.second == 60 { // a leap second
		d.second = 59
	}
	if d.hour < 0 {
		d.hour = 0
	}
	if d.year < 1900 || d.year > 9999 || d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31 ||
		d.hour > 23 || d.minute > 59 || d.second > 59 {
		return time.Time{}, false
	}
	loc := time.UTC
	if d.zone != noZone && d.zone != 0 {
		loc = time.FixedZone("", d.zone)
	}
	t := time.Date(d.year, time.Month(d.month), d.day, d.hour, d.minute, d.second, 0, loc)
	if t.Day() != d.day { // 31 February
		return time.Time{}, false
	}
	return t, true
}

// monthOf knows the months by their first three letters, in English and German.
func monthOf(w string) int {
	w = strings.ToLower(strings.TrimSuffix(w, "."))
	if strings.HasPrefix(w, "mär") {
		return 3
	}
	if len(w) < 3 {
		return 0
	}
	switch w[:3] {
	case "jan":
		return 1
	case "feb":
		return 2
	case "mar", "mrz":
		return 3
	case "apr":
		return 4
	case "may", "mai":
		return 5
	case "jun":
		return 6
	case "jul":
		return 7
	case "aug":
		return 8
	case "sep":
		return 9
	case "oct", "okt":
		return 10
	case "nov":
		return 11
	case "dec", "dez":
		return 12
	}
	return 0
}

// number reads the digits that w begins with.
func number(w string) (n int, rest string) {
	i := 0
	for i < len(w) && '0' <= w[i] && w[i] <= '9' && i < 9 {
		n = n*10 + int(w[i]-'0')
		i++
	}
	return n, w[i:]
}
