package hub

import (
	"errors"
	"strings"
	"testing"
)

func TestCleanName(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"marko", "marko"}, {" Marko ", "marko"}, {"a", "a"}, {"0-1.b_c", "0-1.b_c"},
		{strings.Repeat("x", 63), strings.Repeat("x", 63)},
		{"console", "console"}, {"comma", "comma"}, {"com10", "com10"},
	} {
		if got, err := CleanName(c.in); got != c.want || err != nil {
			t.Errorf("%q: %q, %v", c.in, got, err)
		}
	}
	// What is refused, and what is proposed instead.
	for _, c := range []struct{ in, proposes string }{
		{"Büro", "buero"}, {"Grüße & Küsse", "gruesse-kuesse"}, {"Éva Łuk", "eva-luk"}, {".hidden", "hidden"}, {"a b", "a-b"},
		{"dot.", "dot"}, {"con", "con-post"}, {"NUL.txt", "nul-txt-post"}, {"lpt9", "lpt9-post"},
		{strings.Repeat("x", 64), strings.Repeat("x", 63)}, {"../etc", "etc"}, {"a/b", "a-b"}, {"x@y.z", "x-y.z"},
		{"", ""}, {"???", ""}, {"日本", ""}, {"a\x00b", "ab"}, {"Büro", "buero"},
	} {
		_, err := CleanName(c.in)
		if !errors.Is(err, KindInvalid) {
			t.Errorf("%q: %v", c.in, err)
			continue
		}
		if c.proposes == "" && strings.Contains(err.Error(), "How about") || !strings.Contains(err.Error(), "How about "+c.proposes) && c.proposes != "" {
			t.Errorf("%q: %v, want the proposal %q", c.in, err, c.proposes)
		}
	}
}

// FuzzCleanName: what is accepted, or proposed, is usable as it is.
func FuzzCleanName(f *testing.F) {
	for _, s := range []string{"marko", "Büro", "con.x", "aux", strings.Repeat("com1.", 30), "ß..", "a\u0308b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := CleanName(s)
		if err != nil {
			if name = ProposeName(s); name == "" {
				return
			}
		}
		if again, err := CleanName(name); again != name || err != nil {
			t.Errorf("%q became %q, which is not usable: %v", s, name, err)
		}
	})
}

func TestCleanAddress(t *testing.T) {
	if a, err := CleanAddress(" Buero@Firma.Example "); a != "buero@firma.example" || err != nil {
		t.Error(a, err)
	}
	for _, bad := range []string{"", "x", "@x", "x@", "a b@c", "a@b\r\nc", "../a@b", strings.Repeat("x", 251) + "@abc"} {
		if _, err := CleanAddress(bad); !errors.Is(err, KindInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
