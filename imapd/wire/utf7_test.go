package wire

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestUTF7(t *testing.T) {
	for name, coded := range map[string]string{
		"":               "",
		"INBOX":          "INBOX",
		"Büro":           "B&APw-ro",
		"Entwürfe/Größe": "Entw&APw-rfe/Gr&APYA3w-e",
		"A&B":            "A&-B",
		"&":              "&-",
		"&&":             "&-&-",
		"~peter/台北/日本語":  "~peter/&U,BTFw-/&ZeVnLIqe-",
		"😀":              "&2D3eAA-",
		"a\tb":           "a&AAk-b",
		"ä&ö":            "&AOQ-&-&APY-",
		"Ä-":             "&AMQ--",
	} {
		if got := EncodeUTF7(name); got != coded {
			t.Errorf("%q is coded %q, want %q", name, got, coded)
		}
		if got, err := DecodeUTF7(coded); err != nil || got != name {
			t.Errorf("%q is decoded %q, %v; want %q", coded, got, err, name)
		}
	}
	for _, coded := range []string{
		"B\xfcro", "Büro", "&", "a&", "&AOQ", "&AOQ-&APY-", "&AEE-", "&A-", "&AOR-", "&2D0-", "&3gA-", "&ACY-", "&/,8=-", "&AOQ=-", "&A\nOQ-", "a\x00", "a\x7f",
	} {
		if got, err := DecodeUTF7(coded); err == nil {
			t.Errorf("%q is decoded %q, want an error", coded, got)
		}
	}
	if got := EncodeUTF7("a\xff"); got != "a&,,0-" {
		t.Errorf("octets that are not UTF-8 are coded %q", got)
	}
}

func FuzzUTF7(f *testing.F) {
	for _, s := range []string{"", "INBOX", "Büro", "&-", "&AOQ-", "😀", "\xff", "&2D3eAA-", "&AOQ-&-&APY-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		coded := EncodeUTF7(s)
		if strings.ContainsFunc(coded, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q is coded %q", s, coded)
		}
		if got, err := DecodeUTF7(coded); err != nil || utf8.ValidString(s) && got != s {
			t.Errorf("%q is coded %q, that is decoded %q, %v", s, coded, got, err)
		}
		if name, err := DecodeUTF7(s); err == nil && EncodeUTF7(name) != s {
			t.Errorf("%q is decoded %q, which has another spelling", s, name)
		}
	})
}
