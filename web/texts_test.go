package web

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var verb = regexp.MustCompile(`%[-+ 0-9.\[\]]*[a-zA-Z%]`)

// TestLanguagesAreComplete: each key stands in every language, with the same
// places for arguments.
func TestLanguagesAreComplete(t *testing.T) {
	all, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range languages {
		for key, text := range all[languages[0]] {
			other, ok := all[lang][key]
			if !ok || strings.TrimSpace(other) == "" {
				t.Errorf("%s: %q is missing", lang, key)
			}
			if a, b := verb.FindAllString(text, -1), verb.FindAllString(other, -1); !slices.Equal(a, b) {
				t.Errorf("%s: %q has places %v, want %v", lang, key, b, a)
			}
		}
		for key := range all[lang] {
			if _, ok := all[languages[0]][key]; !ok {
				t.Errorf("%s: %q stands in no other language", lang, key)
			}
		}
	}
}

// TestKeysInUseExist reads the pages and the code for keys.
func TestKeysInUseExist(t *testing.T) {
	all, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	inPage := regexp.MustCompile(`[{( ]t "([a-z0-9.]+)"`)
	seen := map[string]bool{}
	names, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil || len(names) < 10 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		b, err := pageFiles.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range inPage.FindAllStringSubmatch(string(b), -1) {
			seen[m[1]] = true
			if _, ok := all["en"][m[1]]; !ok {
				t.Errorf("%s: there is no text %q", name, m[1])
			}
		}
	}
	for _, k := range kinds {
		for _, key := range []string{"device.kind." + k, "device.steps." + k + ".1"} {
			if _, ok := all["en"][key]; !ok {
				t.Errorf("there is no text %q", key)
			}
		}
	}
	if len(seen) < 50 {
		t.Errorf("only %d keys were found", len(seen))
	}
}

func TestWords(t *testing.T) {
	all, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ got, want string }{
		{countText("en", 8412), "8,412"}, {countText("de", 1234567), "1.234.567"}, {countText("de", -1234), "-1.234"}, {countText("en", 7), "7"},
		{bytesText("en", 2_100_000_000), "2.1 GB"}, {bytesText("de", 2_100_000_000), "2,1 GB"}, {bytesText("de", 512), "512 B"},
		{all.when("en", now.Add(-3*time.Minute), now), "3 minutes ago"}, {all.when("de", now.Add(12*time.Minute), now), "in 12 Minuten"},
		{all.when("de", time.Time{}, now), "nie"}, {all.when("en", (*time.Time)(nil), now), "never"},
		{all.keeps("de", "14d"), "14 Tage"}, {all.keeps("en", "always"), "for good"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
