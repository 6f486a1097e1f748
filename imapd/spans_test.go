package imapd

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-imap/v2"
	"pgregory.net/rapid"

	"heimpost/store"
)

// flat gives the indexes of a set one by one, and checks its form.
func flat(t rapid.TB, s spans) []int {
	var out []int
	for i, sp := range s {
		if sp.lo >= sp.hi || i > 0 && s[i-1].hi >= sp.lo {
			t.Fatalf("%v is not in order", s)
		}
		for j := sp.lo; j < sp.hi; j++ {
			out = append(out, j)
		}
	}
	return out
}

func anySpans(t *rapid.T, name string) (s spans, in map[int]bool) {
	in = map[int]bool{}
	for _, i := range rapid.SliceOfN(rapid.IntRange(0, 30), 0, 20).Draw(t, name) {
		in[i] = true
	}
	for i := range 31 {
		if in[i] {
			s.push(i)
		}
	}
	return s, in
}

func TestSpansAreSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, ina := anySpans(t, "a")
		b, inb := anySpans(t, "b")
		var or, and, without []int
		for i := range 31 {
			if ina[i] || inb[i] {
				or = append(or, i)
			}
			if ina[i] && inb[i] {
				and = append(and, i)
			}
			if ina[i] && !inb[i] {
				without = append(without, i)
			}
			if a.contains(i) != ina[i] {
				t.Fatalf("%v contains %d: %v", a, i, a.contains(i))
			}
		}
		for _, c := range []struct {
			name string
			got  spans
			want []int
		}{{"or", a.or(b), or}, {"and", a.and(b), and}, {"without", a.without(b), without}} {
			if got := flat(t, c.got); !slices.Equal(got, c.want) {
				t.Fatalf("%v %s %v is %v, want %v", a, c.name, b, got, c.want)
			}
		}
		if a.count() != len(flat(t, a)) {
			t.Fatalf("%v counts %d", a, a.count())
		}
		lo := rapid.IntRange(0, 32).Draw(t, "lo")
		hi := rapid.IntRange(lo, 32).Draw(t, "hi")
		all := flat(t, a)
		want := all[min(lo, len(all)):min(hi, len(all))]
		if got := flat(t, a.places(lo, hi)); !slices.Equal(got, want) {
			t.Fatalf("places %d to %d of %v are %v, want %v", lo, hi, a, got, want)
		}
	})
}

func TestUIDSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) (set imap.UIDSet, in map[imap.UID]bool) {
			in = map[imap.UID]bool{}
			for range rapid.IntRange(0, 6).Draw(t, name) {
				a := imap.UID(rapid.IntRange(0, 20).Draw(t, "start"))
				b := imap.UID(rapid.IntRange(0, 20).Draw(t, "stop"))
				set = append(set, imap.UIDRange{Start: a, Stop: b})
				if a == 0 {
					a = 15
				}
				if b == 0 {
					b = 15
				}
				for u := min(a, b); u <= max(a, b); u++ {
					in[u] = true
				}
			}
			return set, in
		}
		a, ina := draw("a")
		b, inb := draw("b")
		a, b = ascending(a, 15), ascending(b, 15)
		both, only := common(a, b), minus(a, b)
		for u := imap.UID(1); u < 25; u++ {
			if a.Contains(u) != ina[u] || b.Contains(u) != inb[u] || both.Contains(u) != (ina[u] && inb[u]) || only.Contains(u) != (ina[u] && !inb[u]) {
				t.Fatalf("UID %d: %v, %v, both %v, only %v", u, a, b, both, only)
			}
		}
		for _, set := range []imap.UIDSet{a, b, both, only} {
			for i, r := range set {
				if r.Start > r.Stop || i > 0 && set[i-1].Stop >= r.Start {
					t.Fatalf("%v is not in order", set)
				}
			}
		}
	})
}

func TestPartialRange(t *testing.T) {
	for _, c := range []struct {
		from, to int64
		n        int
		lo, hi   int
	}{
		{1, 10, 100, 0, 10},
		{10, 1, 100, 0, 10},
		{91, 200, 100, 90, 100},
		{101, 200, 100, 100, 100},
		{-1, -10, 100, 90, 100},
		{-10, -1, 100, 90, 100},
		{-95, -200, 100, 0, 6},
		{-101, -200, 100, 0, 0},
		{1, 1, 0, 0, 0},
		{-1, -1, 0, 0, 0},
	} {
		p := partialRange{c.from, c.to}
		if lo, hi := p.of(c.n); max(lo, 0) != c.lo || hi != c.hi {
			t.Errorf("%s of %d: %d to %d, want %d to %d", p.String(), c.n, lo, hi, c.lo, c.hi)
		}
	}
}

// TestAnsweredSpans: memory of results that were answered serves others, and
// what is kept of a result does not change with it.
func TestAnsweredSpans(t *testing.T) {
	w := newWorld(t)
	const n = 2*keptSpansMin + 10
	w.deliver("marko", "INBOX", make([]string, n)...)
	var odd, even, set strings.Builder
	for i := 1; i <= n; i++ {
		if i%2 == 0 {
			fmt.Fprintf(&even, " %d", i)
			continue
		}
		fmt.Fprintf(&odd, " %d", i)
		fmt.Fprintf(&set, "%d,", i)
	}
	setup := &fetcher{t: t, c: w.connect()}
	setup.command("a LOGIN marko secret")
	setup.command("a SELECT INBOX")
	setup.command(`a STORE ` + strings.TrimSuffix(set.String(), ",") + ` +FLAGS.SILENT (\Seen)`)
	setup.command("a SEARCH RETURN (SAVE) SEEN")

	var at sync.WaitGroup
	for key, want := range map[string]string{"SEEN": odd.String(), "UNSEEN": even.String(), "UNSEEN NOT DRAFT": even.String(), "OR SEEN DRAFT": odd.String()} {
		f := &fetcher{t: t, c: w.connect()}
		f.command("a LOGIN marko secret")
		f.command("a SELECT INBOX")
		at.Go(func() {
			for range 30 {
				if _, err := fmt.Fprintf(f.c.out, "a SEARCH %s\r\n", key); err != nil {
					t.Error(err)
					return
				}
				line, err := f.c.in.ReadString('\n')
				if err != nil || line != "* SEARCH"+want+"\r\n" {
					t.Errorf("SEARCH %s: %.60q…, want%.60s…: %v", key, line, want, err)
					return
				}
				if line, err = f.c.in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "a OK ") {
					t.Errorf("SEARCH %s: %q, %v", key, line, err)
					return
				}
			}
		})
	}
	at.Wait()
	for range 3 {
		setup.command("a SEARCH UNSEEN")
		if got := setup.command("a SEARCH $"); got[len(got)-1] != "* SEARCH"+odd.String() {
			t.Errorf("what was saved: %.60q…", got)
		}
	}
}

// BenchmarkFlags looks for a flag that every fourth message lacks.
func BenchmarkFlags(b *testing.B) {
	w := newWorld(b)
	const n = 4000
	w.deliver("marko", "INBOX", make([]string, n)...)
	m, err := w.view("marko").Mailbox(ctx, "INBOX")
	if err != nil {
		b.Fatal(err)
	}
	var seen imap.UIDSet
	for uid := imap.UID(1); uid <= n; uid += 4 {
		seen.AddRange(uid, uid+2)
	}
	if _, err := m.StoreFlags(ctx, store.FlagsChange{UIDs: seen, Op: store.FlagsAdd, Flags: []imap.Flag{imap.FlagSeen}}); err != nil {
		b.Fatal(err)
	}
	q := &query{ctx: ctx, told: m.Snapshot()}
	b.ReportAllocs()
	for b.Loop() {
		found, err := bitKey{flag: imap.FlagSeen, not: true}.find(q, everything(q.told))
		if err != nil || found.count() != n/4 {
			b.Fatal(found.count(), err)
		}
		found.release()
	}
}
