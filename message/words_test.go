package message

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDecodeHeader(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{" plain  text ", "plain  text"},
		{"=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"},
		{"=?UTF-8?B?R3LDvMOfZQ==?=", "Grüße"},
		{"=?UTF-8?B?R3LDvMOfZQ?=", "Grüße"}, // no padding
		{"=?UTF-8?B?R3LD vMOfZQ==?=", "Grüße"},
		{"a =?iso-8859-1?Q?=FCb?= c", "a üb c"},
		{"=?iso-8859-1?Q?a?= =?iso-8859-2?Q?b?=\r\n\t=?utf-8?q?c?= d", "abc d"}, // RFC 2047 §8
		{"=?utf-8?Q?a_b?=", "a b"},
		{"=?utf-8?Q?a b?=", "a b"},                  // blanks that must not be
		{"=?utf-8?Q?=C3?= =?utf-8?Q?=BC?=", "ü"},    // a character cut in two
		{"=?utf-8?B?w7w=?= =?utf-8?B?w7w=?=", "üü"}, // padding in between
		{"=?utf-8?Q?=C3?= =?UTF-8?Q?=BC?=", "ü"},
		{"\"=?utf-8?Q?=C3=BC?=\" <a@b>", "\"ü\" <a@b>"},
		{"x=?utf-8?Q?=C3=BC?=y", "xüy"},
		{"=?utf-8?Q?J=C3=BC?==?utf-8?Q?rgen?=", "Jürgen"},
		{"=?utf-8*de-AT?Q?=C3=BC?=", "ü"},
		{"=?windows-1252?Q?=84x=93?=", "„x“"},
		{"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"},
		{"=?x-unknown?Q?=FC=C3=BC?=", "üü"},
		{"=?us-ascii?Q?=C3=BC?=", "ü"},
		{"=?utf-8?Q?=FC?=", "ü"}, // it says UTF-8 and is not
		{"=?utf-8?X?a?=", "=?utf-8?X?a?="},
		{"=?utf-8?Q?open", "=?utf-8?Q?open"},
		{"=??Q?a?=", "=??Q?a?="},
		{"=?utf-8?Q??=", ""},
		{"a =?utf-8?Q??= b", "a  b"},
		{"=?", "=?"},
		{"raw ü", "raw ü"},
		{"raw \xfc", "raw ü"},
		{"=?utf-8?Q?line=0D=0AX-Evil:_1=00?=", "line  X-Evil: 1"}, // stays one line
		{"fol\r\n ded", "fol ded"},
		{"=?utf-7?Q?Gr+APwA3w-e?=", "Grüße"},
		{"=?gb2312?B?xOO6ww==?=", "你好"},
	} {
		if got := DecodeHeader(c.in); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func FuzzDecodeHeader(f *testing.F) {
	for _, s := range []string{"=?utf-8?Q?Gr=C3=BC=C3=9Fe?= x", "=?UTF-8?B?R3LDvMOfZQ?= =?utf-16?b?AA==?=", "\xff\x00=?a?q?=", "=?iso-2022-jp?B?GyRC?=", "=?utf-7?Q?+2D3eAA-?="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := DecodeHeader(s)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\r\n") {
			t.Fatalf("%q gives %q", s, got)
		}
	})
}

func TestCharsets(t *testing.T) {
	for _, c := range []struct{ charset, in, want string }{
		{"", "Gr\xfc\xdfe Gr\xc3\xbc\xc3\x9fe", "Grüße Grüße"},
		{"UTF-8", "a\xe2\x82", "aâ‚"},
		{"iso-8859-1", "\x80\xe4", "€ä"},
		{"ISO-8859-15", "\xa4", "€"},
		{"latin1", "\xe4", "ä"},
		{"cp1250", "\xe8", "č"},
		{"cp850", "\x81", "ü"},
		{"macintosh", "\x9f", "ü"},
		{"koi8-r", "\xd0", "п"},
		{"utf-16", "\x00A\x00\xfc", "Aü"},
		{"utf-16", "\xff\xfeA\x00", "A"},
		{"utf-16le", "A\x00", "A"},
		{"utf-16be", "\x00A", "A"},
		{"hz-gb-2312", "~{VPND~}", "中文"},
		{"gb18030", "\xc4\xe3", "你"},
		{"big5", "\xa7A", "你"},
		{"euc-kr", "\xb0\xa1", "가"},
		{"ks_c_5601-1987", "\xb0\xa1", "가"},
		{"shift_jis", "\x93\xfa", "日"},
		{"iso-2022-kr", "ab", "ab"}, // not known: nothing is lost
		{"utf-7", "1 +- 1 +2D3eAA- +AOQ", "1 + 1 😀 ä"},
		{" \"us-ascii\" ", "\xe4", "ä"},
		{"no such", "\xe4", "ä"},
	} {
		if got := decodeCharset(c.charset, []byte(c.in)); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.charset, c.in, got, c.want)
		}
	}
}
