// Package docs_test holds the documents to the code.
package docs_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// layers are the top-level folders from the ground up, as in architecture.md.
// A package imports its own folder and those of lower layers only.
var layers = [][]string{
	{"message"},
	{"store"},
	{"imapd", "pop3fetch", "certs", "announce", "backup"},
	{"exchange"},
	{"hub"},
	{"web"},
	{"cmd"},
}

func layerOf(dir string) (int, bool) {
	top, _, _ := strings.Cut(dir, "/")
	for i, l := range layers {
		for _, name := range l {
			if name == top {
				return i, true
			}
		}
	}
	return 0, false
}

// TestImportsRunDownwards reads every file that is no test.
func TestImportsRunDownwards(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		dir := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(path), ".."+string(filepath.Separator)))
		mine, ok := layerOf(dir)
		if !ok {
			return nil // helpers of tests and scripts
		}
		seen++
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			dep, ours := strings.CutPrefix(name, "heimpost/")
			if !ours {
				continue
			}
			theirs, ok := layerOf(dep)
			top, _, _ := strings.Cut(dir, "/")
			if depTop, _, _ := strings.Cut(dep, "/"); depTop == top {
				continue
			}
			if !ok || theirs >= mine {
				t.Errorf("%s imports %s", path, dep)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 50 {
		t.Errorf("only %d files were looked at", seen)
	}
}
