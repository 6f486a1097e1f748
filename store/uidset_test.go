package store

import (
	"slices"
	"testing"

	"github.com/emersion/go-imap/v2"
	"pgregory.net/rapid"
)

// drawSnapshot builds a snapshot as commands do, beside a plain list of what
// it must hold; it also gives the snapshots on the way.
func drawSnapshots(t *rapid.T) (all []*Snapshot, lists [][]Entry) {
	s, list := newSnapshot(nil), []Entry(nil)
	next, modseq := imap.UID(1), uint64(1)
	for range rapid.IntRange(1, 12).Draw(t, "steps") {
		modseq++
		pick := func() []int {
			every := rapid.IntRange(1, 700).Draw(t, "every")
			from := rapid.IntRange(0, max(0, len(list)-1)).Draw(t, "from")
			to := rapid.IntRange(from, len(list)).Draw(t, "to")
			var at []int
			for i := from; i < to; i += every {
				at = append(at, i)
			}
			return at
		}
		switch rapid.SampledFrom([]string{"add", "add", "flags", "remove"}).Draw(t, "step") {
		case "add":
			var more []Entry
			for range rapid.IntRange(1, 3*chunkSize).Draw(t, "n") {
				more = append(more, Entry{UID: next, ModSeq: modseq, mail: int64(next) * 10})
				next += imap.UID(1 + next%3/2)
			}
			s, list = s.add(more), slices.Concat(list, more)
		case "flags":
			at := pick()
			list = slices.Clone(list)
			for _, i := range at {
				list[i].Flags, list[i].ModSeq = list[i].Flags|FlagSeen, modseq
			}
			s = s.setFlags(at, func(f Flags) Flags { return f | FlagSeen }, modseq)
		case "remove":
			at := pick()
			list = slices.Clone(list)
			for _, i := range slices.Backward(at) {
				list = slices.Delete(list, i, i+1)
			}
			s = s.remove(at)
		}
		all, lists = append(all, s), append(lists, list)
	}
	return all, lists
}

func TestSnapshotsHoldWhatTheyShould(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, lists := drawSnapshots(t)
		for k, s := range all {
			var got []Entry
			for i, e := range s.All() {
				if i != len(got) {
					t.Fatalf("index %d after %d messages", i, len(got))
				}
				got = append(got, e)
			}
			if !slices.Equal(got, lists[k]) || s.Len() != len(got) {
				t.Fatalf("snapshot %d holds %d messages, want %d", k, len(got), len(lists[k]))
			}
			for _, c := range s.chunks {
				if c.len() == 0 || c.len() > chunkSize {
					t.Fatalf("a chunk of %d", c.len())
				}
			}
		}
	})
}

func TestDiffTellsAllDifferences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, lists := drawSnapshots(t)
		a := rapid.IntRange(0, len(all)-1).Draw(t, "a")
		b := rapid.IntRange(0, len(all)-1).Draw(t, "b")
		known := map[imap.UID]Entry{}
		for _, e := range lists[a] {
			known[e.UID] = e
		}
		want := map[imap.UID]Change{}
		for _, e := range lists[b] {
			if known[e.UID] != e {
				want[e.UID] = Change{Old: known[e.UID], New: e}
			}
			delete(known, e.UID)
		}
		for uid, e := range known {
			want[uid] = Change{Old: e}
		}
		last := imap.UID(0)
		Diff(all[a], all[b], func(c Change) bool {
			uid := max(c.Old.UID, c.New.UID)
			if uid <= last || want[uid] != c {
				t.Fatalf("after %d came %+v, want %+v", last, c, want[uid])
			}
			last = uid
			delete(want, uid)
			return true
		})
		if len(want) > 0 {
			t.Fatalf("not told: %v", want)
		}
	})
}

func TestFindInAnyOrder(t *testing.T) {
	s := newSnapshot(nil).add([]Entry{{UID: 2}, {UID: 3}, {UID: 7}, {UID: 9}})
	for _, c := range []struct {
		set  imap.UIDSet
		want []int
	}{
		{nil, nil},
		{imap.UIDSet{{Start: 1, Stop: 1}}, nil},
		{imap.UIDSet{{Start: 1, Stop: 3}, {Start: 9, Stop: 4000000000}}, []int{0, 1, 3}},
		{imap.UIDSet{{Start: 7, Stop: 9}, {Start: 2, Stop: 2}}, []int{0, 2, 3}},
		{imap.UIDSet{{Start: 2, Stop: 7}, {Start: 3, Stop: 9}}, []int{0, 1, 2, 3}},
		{imap.UIDSet{{Start: 3, Stop: 0}, {Start: 0, Stop: 0}, {Start: 9, Stop: 2}, {Start: 7, Stop: 7}}, []int{2}},
	} {
		if got := s.find(c.set); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.set, got, c.want)
		}
	}
}

func TestSpansAndSelections(t *testing.T) {
	var entries []Entry
	for _, u := range []imap.UID{1, 2, 3, 5, 7, 8, 20, 22, 24, 26} {
		entries = append(entries, Entry{UID: u})
	}
	s := newSnapshot(nil).add(entries)
	if got := setOf(spans(entries)).String(); got != "1:3,5,7:8,20,22,24,26" {
		t.Error(got)
	}
	// 1 and 3 are neighbours in the mailbox only if 2 is chosen, too; 3, 5 and 7 are.
	if sel := s.selections(1, []int{0, 2, 3, 4}); len(sel) != 2 || sel[1].args[1] != uint32(3) || sel[1].args[2] != uint32(7) {
		t.Errorf("%+v", sel)
	}
	if sel := s.selections(1, []int{0, 2, 4, 6, 8}); len(sel) != 1 || sel[0].args[1] != "[1,3,7,20,24]" {
		t.Errorf("%+v", sel)
	}
}
