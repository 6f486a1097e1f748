package hub

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"heimpost/pop3fetch"
	"heimpost/store"
)

// onlyInEnglish are files whose errors come before there are pages, or to
// commands alone.
var onlyInEnglish = []string{"config.go", "connect.go", "control.go", "datadir.go", "errors.go", "hub.go", "lock.go", "op.go", "op_backup.go", "op_export.go", "op_import.go", "restore.go", "serve.go", "socket.go"}

// TestEveryErrorInGerman reads the code for errors: each that can reach a page has
// German words with the same places for arguments, and no German words lie
// about unused.
func TestEveryErrorInGerman(t *testing.T) {
	names, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{"%v": true}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, is := n.(*ast.CallExpr)
			if !is {
				return true
			}
			first := -1 // where the format stands
			switch f := call.Fun.(type) {
			case *ast.Ident:
				first = map[string]int{"invalid": 1, "notFound": 1, "exists": 1, "because": 1, "newError": 2}[f.Name] - 1
			case *ast.SelectorExpr:
				if x, is := f.X.(*ast.Ident); is && (x.Name == "fmt" && f.Sel.Name == "Errorf" || x.Name == "errors" && f.Sel.Name == "New") && !slices.Contains(onlyInEnglish, name) {
					if text, is := call.Args[0].(*ast.BasicLit); is && text.Value != `"held"` && !strings.HasSuffix(text.Value, `: %w"`) {
						t.Errorf("%s: %s has no German words", name, text.Value)
					}
				}
			}
			if first < 0 {
				return true
			}
			lit, is := call.Args[first].(*ast.BasicLit)
			if !is {
				return true
			}
			format, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			used[format] = true
			de := german[format]
			if de == "" && !strings.HasPrefix(format, "%v\n") && !slices.Contains(onlyInEnglish, name) {
				t.Errorf("%s: %q has no German words", name, format)
				return true
			}
			args := []any{}
			for i, v := range regexp.MustCompile(`%[.0-9]*[a-z]`).FindAllString(format, -1) {
				if strings.HasSuffix(v, "d") {
					args = append(args, i+7)
				} else {
					args = append(args, fmt.Sprintf("<%d>", i))
				}
			}
			if text := inGerman(format, args); strings.Contains(text, "%!") {
				t.Errorf("%s: %q becomes %q", name, format, text)
			}
			return true
		})
	}
	for format, de := range german {
		if !used[format] || de == "" {
			t.Errorf("nobody says %q", format)
		}
	}
}

func TestGerman(t *testing.T) {
	for _, c := range []struct {
		err      error
		en, want string
	}{
		{invalid("the name is empty"), "the name is empty", "Der Name fehlt."},
		{notFound("%s has no device %q (heimpost device list %s shows all)", "marko", "PC", "marko"),
			`marko has no device "PC" (heimpost device list marko shows all)`, `marko hat kein Gerät "PC".`},
		{boxError("buero", fmt.Errorf("box buero: %w", store.ErrNotABox)), "the folder of box buero is missing or is no box: put it back from a backup, or remove the box (box buero: there is no box in this folder)",
			"Der Ordner des Fachs buero fehlt oder ist kein Fach: Legen Sie ihn aus einer Sicherung zurück, oder entfernen Sie das Fach (In diesem Ordner liegt kein Fach. Legen Sie ihn aus einer Sicherung zurück.)."},
		{fmt.Errorf("box buero: %w", store.ErrNoSpace), "box buero: no space left on the disk", "Die Festplatte dieses Computers ist voll. Schaffen Sie Platz; verloren ist nichts."},
		{invalid("%v", pop3fetch.Account{Address: "a@example.org", Host: "h", Port: 99999, User: "a"}.Validate()), "99999 is not a port (1 to 65535; POP3 with TLS is usually 995)", "99999 ist kein Port (1 bis 65535; für POP3 mit TLS meist 995)."},
		{newError("", "cannot listen on %s: %s", "10.0.0.1:993", "this computer does not have that address: choose another one"),
			"cannot listen on 10.0.0.1:993: this computer does not have that address: choose another one", "An 10.0.0.1:993 lässt sich nichts öffnen: Diese Adresse hat der Computer nicht: Wählen Sie eine andere."},
	} {
		if c.err.Error() != c.en {
			t.Errorf("%q, want %q", c.err, c.en)
		}
		if got := German(c.err); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	_, err := CleanName("CON")
	if de := German(err); !strings.Contains(de, "Windows behält diesen Namen für sich") {
		t.Error(de)
	}
	if err := dbError(errors.New("database is locked")); !strings.Contains(German(err), "anderen Programm") {
		t.Error(German(err))
	}
	if err := dbError(fs.ErrPermission); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v has lost its cause", err)
	}
}
