//go:build unix

package exchange

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A pipe where a Maildir's keywords should be is not waited for.
func TestImportPipeForKeywords(t *testing.T) {
	dir := files(t, map[string]string{"cur/1.a:2,Sa": lf(letter("a"))})
	if err := syscall.Mkfifo(filepath.Join(dir, keywordsFile), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := importFrom(t, newBox(t), dir, ImportOptions{}); summary(r) != "INBOX 1=1+0+0" {
		t.Error(summary(r))
	}
}

// A file that a pipe or a link has replaced since it was found is not opened.
func TestImportReplacedFile(t *testing.T) {
	dir := files(t, map[string]string{"a.eml": letter("a"), "b.eml": letter("b")})
	src, err := openTree(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	m := src.file("a.eml")
	if m.Err != nil {
		t.Fatal(m.Err)
	}
	name := filepath.Join(dir, "a.eml")
	for what, put := range map[string]func() error{
		"pipe": func() error { return syscall.Mkfifo(name, 0o600) },
		"link": func() error { return os.Symlink("b.eml", name) },
	} {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if err := put(); err != nil {
			t.Fatal(err)
		}
		if err := copyMail(io.Discard, m, make([]byte, 100)); err == nil {
			t.Errorf("%s: it was read", what)
		}
		if _, _, err := src.recognise("a.eml"); err == nil {
			t.Errorf("%s: it was looked into", what)
		}
	}
}
