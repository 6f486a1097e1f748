package docs_test

import (
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSetupPictures: both languages of the guide show the same pictures, each
// is there and small, each is described, and no picture lies about unused.
func TestSetupPictures(t *testing.T) {
	shown := regexp.MustCompile(`!\[([^\]]*)\]\((pictures/[^)]+)\)`)
	var used []string
	names := map[string][]string{}
	for _, lang := range []string{"de", "en"} {
		text, err := os.ReadFile("setup." + lang + ".md")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range shown.FindAllStringSubmatch(string(text), -1) {
			if m[1] == "" {
				t.Errorf("setup.%s.md: %s is not described", lang, m[2])
			}
			name, ok := strings.CutSuffix(m[2], "."+lang+".png")
			if !ok {
				t.Errorf("setup.%s.md shows %s", lang, m[2])
			}
			names[lang] = append(names[lang], name)
			used = append(used, m[2])
			f, err := os.Open(m[2])
			if err != nil {
				t.Error(err)
				continue
			}
			if info, err := f.Stat(); err != nil || info.Size() > 100_000 {
				t.Errorf("%s: %v, more than 100 kB", m[2], err)
			}
			if _, err := png.DecodeConfig(f); err != nil {
				t.Errorf("%s: %v", m[2], err)
			}
			f.Close()
		}
	}
	if !slices.Equal(names["de"], names["en"]) || len(names["de"]) == 0 {
		t.Errorf("the guides show different pictures: %v and %v", names["de"], names["en"])
	}
	there, err := filepath.Glob("pictures/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range there {
		if !slices.Contains(used, filepath.ToSlash(p)) {
			t.Errorf("nobody shows %s (make pictures)", p)
		}
	}
}
