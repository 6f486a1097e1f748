package message

import (
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestFold(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"", ""},
		{"Hello World", "hello world"},
		{"GRÜSSE", "grüsse"},
		{"Grüße", "grüsse"},
		{"GRU\u0308SSE", "grüsse"},
		{"STRAẞE", "strasse"},
		{"a\r\n\t b\u00a0\u2003c", "a b c"},
		{" a ", " a "},
		{"Donau\u00addampf\u200bschiff", "donaudampfschiff"},
		{"u\u00ad\u0308", "ü"},
		{"ΣΊΣΥΦΟΣ", "σίσυφοσ"},
		{"ﬁx", "fix"},
		{"„Ärger“ – 5 €", "„ärger“ – 5 €"},
		{"日本語", "日本語"},
		{"한국어", "한국어"},
		{"a\xffb", "a\ufffdb"},
	} {
		if got := Fold(c.in); got != c.out {
			t.Errorf("Fold(%q) = %q, want %q", c.in, got, c.out)
		}
	}
}

// TestFoldProperties: folded text is NFC, does not change when it is folded
// again, and is what the slow way gives.
func TestFoldProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom(
			[]rune("aUßẞ \t\n\u00ad\u0308\u0301\u0345İıſµ\u200dΐΣςﬃ가\u1100\u1161\U0001d15e\u00a0é")))).Draw(t, "s")
		got := Fold(s)
		if again := Fold(got); again != got {
			t.Fatalf("Fold(%q) = %q, again %q", s, got, again)
		}
		if !norm.NFC.IsNormalString(got) || !utf8.ValidString(got) {
			t.Fatalf("Fold(%q) = %q is not NFC", s, got)
		}
		slow := folder{}
		slow.add(foldRun(s))
		if got != string(slow.out) {
			t.Fatalf("Fold(%q) = %q, the slow way %q", s, got, slow.out)
		}
	})
}

func BenchmarkFold(b *testing.B) {
	s := ""
	for len(s) < 64<<10 {
		s += "Sehr geehrte Damen und Herren, anbei „die Unterlagen“ für unser Gespräch – mit Grüßen aus Köln.\r\n"
	}
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		Fold(s)
	}
}
