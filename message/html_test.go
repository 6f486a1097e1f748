package message

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
	"pgregory.net/rapid"
)

func htmlToText(s string, size int) string {
	var b strings.Builder
	h := &htmlText{write: func(p []byte) error { b.Write(p); return nil }}
	for len(s) > 0 {
		n := min(size, len(s))
		h.Write([]byte(s[:n]))
		s = s[n:]
	}
	h.end()
	return b.String()
}

func TestHTML(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"plain", "plain"},
		{"<p>a<b>b</b>c</p>d", "\nabc\nd"},
		{"a<br/>b<BR>c", "a\nb\nc"},
		{"&auml;&#252;&#xDF;&nbsp;&amp;&lt;b&gt;&unknown;&amp", "äüß\u00a0&<b>&unknown;&"},
		{"&#0;&#x110000;& b &", "\ufffd\ufffd& b &"},
		{"a<script>if (a<b) \"</p>\"; </scriptx></script >b", "ab"},
		{"a<style><!-- p{} --></STYLE>b", "ab"},
		{"a<!-- x > -- --- y -->b<!-->c<!--->d<!doctype x>e<?pi?>f</>g", "abcdefg"},
		{"<a title=\"x > y\" href='>'>t</a><a b=c\"d>e</a>", "te"},
		{"1 < 2 <3 <", "1 < 2 <3 <"},
		{"<img src=\"data:" + strings.Repeat("A", 1<<20) + "\">x", "\nx"},
		{"<p", ""},
		{"<a href=\"never closed", ""},
		{"<script>never closed", ""},
	} {
		for _, size := range []int{1, 3, 1 << 30} {
			if got := htmlToText(c.in, size); got != c.want {
				t.Errorf("%.60q in pieces of %d: %q, want %q", c.in, size, got, c.want)
			}
		}
	}
}

// TestHTMLAgainstTokenizer: x/net's tokenizer sees the same text.
func TestHTMLAgainstTokenizer(t *testing.T) {
	pieces := []string{"a", "b c", "<", ">", "<b>", "</b>", "<p ", "/>", "<br>", "\"", "'", "=", " x=", "&amp;", "&lt", "&", "&#65;",
		"<!--", "-->", "-", "!", "<!x", "<?", "</", "<iframe>", "</iframe>", "<style a='>'>", "</style>", "ä", "</sty"}
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 20).Draw(t, "pieces"), "")
		var want strings.Builder
		drop := ""
		z := html.NewTokenizer(strings.NewReader(s))
		for z.Next() != html.ErrorToken {
			switch tok := z.Token(); tok.Type {
			case html.TextToken:
				if drop == "" {
					want.WriteString(tok.Data)
				}
			case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
				drop = ""
				if tok.Type != html.EndTagToken && dropped[tok.Data] {
					drop = tok.Data
				}
			}
		}
		got := htmlToText(s, rapid.IntRange(1, 9).Draw(t, "size"))
		plain := strings.NewReplacer("\n", "", " ", "")
		if got, want := plain.Replace(got), plain.Replace(want.String()); got != want {
			t.Fatalf("%q: %q, the tokenizer sees %q", s, got, want)
		}
	})
}
