package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// printJSON prints a result as JSON.
func (e *env) printJSON(v any) error {
	enc := json.NewEncoder(e.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// table prints rows in columns; none is said so.
func table[T any](e *env, list []T, none string, head string, row func(T) []any) error {
	if e.json {
		return e.printJSON(list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(e.out, none)
		return err
	}
	w := tabwriter.NewWriter(e.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, strings.ReplaceAll(head, " ", "\t"))
	for _, item := range list {
		for i, cell := range row(item) {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			text := strings.TrimSpace(strings.NewReplacer("\t", " ", "\n", " ", "\r", " ").Replace(fmt.Sprint(cell)))
			if text == "" {
				text = "-"
			}
			fmt.Fprint(w, text)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// say prints a sentence, or the result as JSON.
func (e *env) say(result any, format string, args ...any) error {
	if e.json {
		return e.printJSON(result)
	}
	_, err := fmt.Fprintf(e.out, format+"\n", args...)
	return err
}

// german reports whether the system speaks German. Then what is said of a
// provider is in German, too: its pages are, and so are the words on them.
func german() bool {
	return strings.HasPrefix(cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_MESSAGES"), os.Getenv("LANG")), "de")
}

// when writes a time for people; the zero time is never.
func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// size writes a number of octets for people.
func size(n int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB"}
	f, i := float64(n), 0
	for f >= 1000 && i < len(units)-1 {
		f, i = f/1000, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}

// count writes a number with its noun.
func count(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + more
}

// thousands writes a number so that its size is seen: 8,412.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// yes marks what is so.
func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}
