package web

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// option is a choice of a list.
type option struct {
	Value, Label string
	On           bool
}

// options makes choices with their words; what is set now is among them.
func options(now string, values []string, label func(string) string) []option {
	if now != "" && !slices.Contains(values, now) {
		values = append(slices.Clone(values), now)
	}
	out := make([]option, 0, len(values))
	for _, v := range values {
		out = append(out, option{v, label(v), v == now})
	}
	return out
}

// days reads a number of days such as "90d"; 0 for what is none.
func days(s string) int {
	n, err := strconv.Atoi(strings.TrimSuffix(s, "d"))
	if err != nil {
		return 0
	}
	return n
}

// windowLabel says how much a device shows.
func (t texts) windowLabel(lang, window string) string {
	switch n := days(window); n {
	case 0:
		return t.get(lang, "device.window.all")
	case 365:
		return t.get(lang, "device.window.year")
	default:
		return t.get(lang, "device.window.days", n)
	}
}

// everyLabel says how often an account is looked at.
func (t texts) everyLabel(lang, every string) string {
	d, err := time.ParseDuration(every)
	switch {
	case err != nil:
		return every
	case d == time.Hour:
		return t.get(lang, "every.hour")
	case d%time.Hour == 0:
		return t.get(lang, "every.hours", int(d/time.Hour))
	case d%time.Minute == 0:
		return t.get(lang, "every.minutes", int(d/time.Minute))
	}
	return every
}
