package pop3fetch

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestListings(t *testing.T) {
	long := strings.Repeat("u", maxUID)
	for _, test := range []struct {
		stat, list, uidl string
		want             []listed
		complete         bool
	}{
		{"2 30", "1 10|2 20", "1 a|2 b", []listed{{1, 10, "a"}, {2, 20, "b"}}, true},
		{"0 0", "", "", nil, true},
		{"2 30", "2 20|1 10", "2 b|1 a", []listed{{1, 10, "a"}, {2, 20, "b"}}, true},
		{"3 30", "1 10|2 20", "1 a|2 b", []listed{{1, 10, "a"}, {2, 20, "b"}}, false},
		{"2 30", "1 10", "1 a|2 b", []listed{{1, 10, "a"}}, false},
		{"2 30", "1 10|2 20", "1 a", []listed{{1, 10, "a"}}, false},
		{"2 30", "1 10|2 20", "1 a|rubbish", []listed{{1, 10, "a"}}, false},
		{"2 30", "1 10|1 20", "1 a|2 b", nil, false},
		{"2 30", "1 10|2 20", "1 a|2 b|2 c", []listed{{1, 10, "a"}}, false},
		{"2 30", "1 10 x|2 20", "1  a |2 b", []listed{{1, 10, "a"}, {2, 20, "b"}}, true},
		{"3 30", "1 1|2 2|3 3", "1|2 |3 x y", []listed{{1, 1, ""}, {2, 2, ""}, {3, 3, ""}}, true},
		{"2 30", "1 1|2 2", "1 " + long + "|2 " + long + "u", []listed{{1, 1, long}, {2, 2, ""}}, true},
		{"1 1", "1 -1", "1 a", nil, false},
		{"1 1", "1073741824 1", "1073741824 a", []listed{{1 << 30, 1, "a"}}, true},
		{"1 1", "99999999999999999999 1", "1 a", nil, false},
		{"2 2", "1 1|2 1", "1 same|2 same", []listed{{1, 1, "same"}, {2, 1, "same"}}, true},
		{"1 1", "1 1", "1 \xe4\x01", []listed{{1, 1, ""}}, true},
		{"1 1", "1 1", "1 \xe4", []listed{{1, 1, "\xe4"}}, true},
	} {
		g := newGather()
		for _, l := range split(test.list) {
			g.list([]byte(l))
		}
		for _, l := range split(test.uidl) {
			g.uidl([]byte(l))
		}
		count, size, ok := parseStat(test.stat)
		l := g.listing(count, size, true)
		if !ok || l.complete != test.complete || !reflect.DeepEqual(l.messages, test.want) {
			t.Errorf("%q %q %q gives %v, complete %v", test.stat, test.list, test.uidl, l.messages, l.complete)
		}
	}
}

func split(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "|")
}

func TestStat(t *testing.T) {
	for text, ok := range map[string]bool{
		"2 320": true, "2 320 more words": true, "0 0": true,
		"": false, "2": false, "two 320": false, "-1 5": false, "+1 5": false, "9999999999 1": false,
	} {
		if _, _, got := parseStat(text); got != ok {
			t.Errorf("STAT %q: %v", text, got)
		}
	}
}

func TestRefusals(t *testing.T) {
	for text, want := range map[string]refusal{
		"[IN-USE] locked":        {code: "IN-USE", text: "locked"},
		" [sys/temp] try later ": {code: "SYS/TEMP", text: "try later"},
		"no code [here]":         {text: "no code [here]"},
		"[open":                  {text: "[open"},
		"":                       {},
		"a\x00b\x1b[31mc":        {text: "a b [31mc"},
	} {
		if got := *newRefusal("", text); got != want {
			t.Errorf("%q gives %+v", text, got)
		}
	}
	r := newRefusal("", "[SYS/TEMP/DISK] x")
	if !r.has("SYS") || !r.has("SYS/TEMP") || r.has("SY") || r.has("SYS/PERM") {
		t.Error("response codes are hierarchical")
	}
}

func TestCapabilities(t *testing.T) {
	c := capabilities{}
	for _, l := range []string{"TOP", "sasl PLAIN xoauth2", "LOGIN-DELAY 900 USER", "EXPIRE 0", "", "IMPLEMENTATION a b"} {
		c.add([]byte(l))
	}
	if d, own := c.loginDelay(); d != 15*time.Minute || !own {
		t.Errorf("login delay %v %v", d, own)
	}
	if !c.has("TOP") || !c.mechanism("XOAUTH2") || !c.removes() || c.has("UIDL") {
		t.Errorf("%v", c)
	}
	for _, l := range []string{"LOGIN-DELAY", "LOGIN-DELAY x", "LOGIN-DELAY -5", "LOGIN-DELAY 99999999999"} {
		c := capabilities{}
		c.add([]byte(l))
		if d, _ := c.loginDelay(); d != 0 {
			t.Errorf("%q gives %v", l, d)
		}
	}
}
