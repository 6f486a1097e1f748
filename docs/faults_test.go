package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestFaultsAreTested: every test that faults.md names is there, and each of
// the 23 kinds of fault has one.
func TestFaultsAreTested(t *testing.T) {
	text, err := os.ReadFile("faults.md")
	if err != nil {
		t.Fatal(err)
	}
	code := map[string]string{}
	for _, folder := range []string{"pop3fetch", "store", "cmd/heimpost"} {
		files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			code[folder] += string(b)
		}
	}
	word := regexp.MustCompile("pop3fetch|store|cmd/heimpost|`Test[A-Za-z0-9]+`")
	kinds := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || !regexp.MustCompile(`^ \d+ $`).MatchString(cells[1]) {
			continue
		}
		kinds++
		folder, named := "", 0
		for _, w := range word.FindAllString(cells[4], -1) {
			name, is := strings.CutPrefix(strings.TrimSuffix(w, "`"), "`")
			if !is {
				folder = w
				continue
			}
			named++
			if !strings.Contains(code[folder], "func "+name+"(t *testing.T)") {
				t.Errorf("fault%s: there is no %s in %s", cells[1], name, folder)
			}
		}
		if named == 0 {
			t.Errorf("fault%s has no test", cells[1])
		}
	}
	if kinds != 23 {
		t.Errorf("%d kinds of fault", kinds)
	}
}
