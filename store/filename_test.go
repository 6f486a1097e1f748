package store

import (
	"regexp"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestFileName(t *testing.T) {
	var f fileInfo
	f.size = 4711
	for i := range f.hash {
		f.hash[i] = byte(i)
	}
	const hash = "aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq"
	for _, c := range []struct {
		uid  uint32
		date time.Time
		want string
	}{
		{7, someDay, "7-1709227800w0530-4711-" + hash + ".eml"},
		{4294967295, time.Unix(0, 0).UTC(), "4294967295-0e0000-4711-" + hash + ".eml"},
		{1, time.Unix(-86400, 0).In(time.FixedZone("", 14*3600)), "1-n86400e1400-4711-" + hash + ".eml"},
		{1, time.Date(2024, 1, 1, 0, 0, 0, 999, time.FixedZone("LMT", -(52*60+58))), "1-1704070378w0052-4711-" + hash + ".eml"},
	} {
		f.date = c.date
		n := mailFileName{"aaaaaaaaaaaaaaaa", c.uid, f}
		if got := n.base(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
		back, ok := parseBase(n.mailbox, c.want)
		if !ok || back.uid != c.uid || !back.date.Equal(c.date.Truncate(time.Second)) || back.size != f.size || back.hash != f.hash {
			t.Errorf("%s reads as %+v, %v", c.want, back, ok)
		}
	}
	for _, bad := range []string{
		"", ".eml", "1-0e0000-1-" + hash, "0-0e0000-1-" + hash + ".eml", "01-0e0000-1-" + hash + ".eml",
		"1-0e0000-01-" + hash + ".eml", "1-0x0000-1-" + hash + ".eml", "1-e0000-1-" + hash + ".eml",
		"1-00e0000-1-" + hash + ".eml", "1-0e0060-1-" + hash + ".eml", "1-0e000-1-" + hash + ".eml",
		"1-0e0000--1-" + hash + ".eml", "1-0e0000-1-" + hash[1:] + ".eml", "1-0e0000-1-" + hash[1:] + "1.eml",
		"1-0E0000-1-" + hash + ".eml", "1-0e0000-1-" + hash[:51] + "r.eml", "1-n0e0000-1-" + hash + ".eml",
		"4294967296-0e0000-1-" + hash + ".eml", "1-0w0000-1-" + hash + ".eml",
	} {
		if n, ok := parseBase("aaaaaaaaaaaaaaaa", bad); ok {
			t.Errorf("%s reads as %+v", bad, n)
		}
	}
}

func TestFileNamesRoundTrip(t *testing.T) {
	portable := regexp.MustCompile(`^[a-z0-9-]+\.eml$`)
	rapid.Check(t, func(t *rapid.T) {
		n := mailFileName{mailbox: "aaaaaaaaaaaaaaaa", uid: rapid.Uint32Min(1).Draw(t, "uid")}
		n.size = rapid.Int64Min(0).Draw(t, "size")
		n.date = dateIn(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "date"), rapid.IntRange(-24*60, 24*60).Draw(t, "zone"))
		copy(n.hash[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
		name := n.base()
		if !portable.MatchString(name) {
			t.Fatalf("%s", name)
		}
		back, ok := parseBase(n.mailbox, name)
		if !ok || back.base() != name || zoneMinutes(back.date) != zoneMinutes(n.date) || !back.date.Equal(n.date) || back.hash != n.hash {
			t.Fatalf("%s reads as %+v, %v", name, back, ok)
		}
	})
}

func FuzzParseFileName(f *testing.F) {
	f.Add("7-1709227800w0530-4711-aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq.eml")
	f.Add("1-n86400e1400-0-aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq.eml")
	f.Fuzz(func(t *testing.T, name string) {
		if n, ok := parseBase("aaaaaaaaaaaaaaaa", name); ok && n.base() != name {
			t.Errorf("%q became %q", name, n.base())
		}
	})
}
