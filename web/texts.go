package web

import (
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/text/language"

	"heimpost/pop3fetch"
)

//go:embed texts/*.toml
var textFiles embed.FS

// languages are what the pages speak; the first one is for who wants another.
var languages = []string{"en", "de"}

var matcher = language.NewMatcher([]language.Tag{language.English, language.German})

// texts are the pages' words by language and key.
type texts map[string]map[string]string

// loadTexts reads texts/*.toml.
func loadTexts() (texts, error) {
	all := texts{}
	for _, lang := range languages {
		b, err := textFiles.ReadFile(path.Join("texts", lang+".toml"))
		if err != nil {
			return nil, err
		}
		var one map[string]string
		if err := toml.Unmarshal(b, &one); err != nil {
			return nil, fmt.Errorf("texts/%s.toml: %w", lang, err)
		}
		all[lang] = one
	}
	return all, nil
}

// get gives a text with its arguments; a key that is missing stands for itself
// (a test keeps that from happening).
func (t texts) get(lang, key string, args ...any) string {
	text, ok := t[lang][key]
	if !ok {
		return key
	}
	if len(args) > 0 {
		return fmt.Sprintf(text, args...)
	}
	return text
}

// langOf gives the language a visitor wants: as he chose, else as his browser
// says.
func langOf(r *http.Request) string {
	if c, err := r.Cookie("lang"); err == nil {
		for _, l := range languages {
			if c.Value == l {
				return l
			}
		}
	}
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil || len(tags) == 0 {
		return languages[0]
	}
	_, i, confidence := matcher.Match(tags...)
	if confidence == language.No {
		return languages[0]
	}
	return languages[i]
}

// words are what pages call to speak a language.
func (t texts) words(lang string, now time.Time) template.FuncMap {
	return template.FuncMap{
		"t":       func(key string, args ...any) string { return t.get(lang, key, args...) },
		"lang":    func() string { return lang },
		"bytes":   func(n int64) string { return bytesText(lang, n) },
		"count":   func(n int) string { return countText(lang, int64(n)) },
		"when":    func(at any) string { return t.when(lang, at, now) },
		"day":     func(at time.Time) string { return dayText(lang, at) },
		"keeps":   func(keep string) string { return t.keeps(lang, keep) },
		"short":   func(s string) string { return cut(s, 120) },
		"stamp":   func(at time.Time) string { return stampText(lang, at) },
		"folder":  func(name string) string { return t.folder(lang, name) },
		"soon":    func(at time.Time) string { return t.soon(lang, at, now) },
		"retains": func(retain string) string { return t.retains(lang, retain) },
		"who":     func(person, device string) string { return strings.TrimSuffix(person+", "+device, ", ") },
		"lines":   func(s string) []string { return strings.Split(s, "\n") },
	}
}

// keeps says how long mail stays at the provider.
func (t texts) keeps(lang, keep string) string {
	k, err := pop3fetch.ParseKeep(keep)
	switch {
	case err != nil:
		return keep
	case k == pop3fetch.KeepAlways, k == pop3fetch.KeepNever:
		return t.get(lang, "keep.short."+keep)
	}
	return t.get(lang, "keep.short.days", int(k))
}

// countText writes a number with the language's thousands separator.
func countText(lang string, n int64) string {
	s := fmt.Sprint(n)
	sep := ","
	if lang == "de" {
		sep = "."
	}
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + sep + s[i:]
	}
	return s
}

// bytesText writes a size.
func bytesText(lang string, n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	v, u := float64(n), 0
	for v >= 1000 && u < len(units)-1 {
		v, u = v/1000, u+1
	}
	s := fmt.Sprintf("%.0f", v)
	if u > 0 && v < 100 {
		s = fmt.Sprintf("%.1f", v)
	}
	if lang == "de" {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s + " " + units[u]
}

// dayText writes a date.
func dayText(lang string, at time.Time) string {
	if lang == "de" {
		return at.Local().Format("02.01.2006")
	}
	return at.Local().Format("2 January 2006")
}

// when writes a time as seen from now: "3 minutes ago", "in 12 minutes", a date.
func (t texts) when(lang string, v any, now time.Time) string {
	var at time.Time
	switch v := v.(type) {
	case time.Time:
		at = v
	case *time.Time:
		if v != nil {
			at = *v
		}
	}
	if at.IsZero() {
		return t.get(lang, "when.never")
	}
	d := at.Sub(now)
	key := "when.in."
	if d < 0 {
		d, key = -d, "when.ago."
	}
	switch {
	case d < 50*time.Second:
		return t.get(lang, "when.now")
	case d < 90*time.Second:
		return t.get(lang, key+"minute")
	case d < time.Hour:
		return t.get(lang, key+"minutes", int(d.Round(time.Minute).Minutes()))
	case d < 90*time.Minute:
		return t.get(lang, key+"hour")
	case d < 24*time.Hour:
		return t.get(lang, key+"hours", int(d.Round(time.Hour).Hours()))
	}
	return stampText(lang, at)
}

// folders are those that every box has, with the ends of their texts' keys.
var folders = map[string]string{"INBOX": "inbox", "Archive": "archive", "Drafts": "drafts", "Junk": "junk", "Sent": "sent", "Trash": "trash"}

// folder gives a folder's name as people know it.
func (t texts) folder(lang, name string) string {
	if key := folders[name]; key != "" {
		return t.get(lang, "folder."+key)
	}
	return name
}

// folderNamed gives the name of a folder that somebody calls so.
func (t texts) folderNamed(lang, called string) string {
	for name := range folders {
		if strings.EqualFold(strings.TrimSpace(called), t.folder(lang, name)) {
			return name
		}
	}
	return called
}

// soon writes when something comes that has no other time than the next moment
// if none is known, or if its time is over.
func (t texts) soon(lang string, at, now time.Time) string {
	if !at.After(now) {
		return t.get(lang, "when.soon")
	}
	return t.when(lang, at, now)
}

// stampText writes a date with its time of day.
func stampText(lang string, at time.Time) string {
	if lang == "de" {
		return at.Local().Format("02.01.2006 15:04")
	}
	return at.Local().Format("2 Jan 2006 15:04")
}

// retains says how long deleted mail can be brought back.
func (t texts) retains(lang, retain string) string {
	days, err := strconv.Atoi(strings.TrimSuffix(retain, "d"))
	switch {
	case err != nil || days == 0:
		return t.get(lang, "retain.none")
	case days == 1:
		return t.get(lang, "retain.day")
	}
	return t.get(lang, "retain.days", days)
}
