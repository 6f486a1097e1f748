package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"pgregory.net/rapid"
)

// model is what a box must be like after a series of commands, in the
// plainest terms.
type model struct {
	dir   string
	b     *Box
	boxes map[string]*modelMailbox
	next  int // names the mails
	views []*modelView
	gone  []modelDeleted
}

// modelDeleted is what can be restored.
type modelDeleted struct {
	box  *modelMailbox // that it was in
	name string        // of it, then
	msg  modelMsg
}

type modelMailbox struct {
	msgs     []modelMsg
	uidNext  imap.UID
	modSeq   uint64
	vanished map[imap.UID]uint64
}

type modelMsg struct {
	uid     imap.UID
	subject string
	flags   []string // sorted
	modSeq  uint64
}

// modelView is a second client: it follows a mailbox by differences alone.
type modelView struct {
	m    *Mailbox
	name string
	last *Snapshot
	seen map[imap.UID]Entry
}

func (v *modelView) follow(t *rapid.T) {
	now := v.m.Snapshot()
	last := imap.UID(0)
	Diff(v.last, now, func(c Change) bool {
		uid := max(c.Old.UID, c.New.UID)
		if uid <= last {
			t.Fatalf("Diff went from UID %d to %d", last, uid)
		}
		last = uid
		if old, had := v.seen[uid]; had != (c.Old.UID != 0) || had && old != c.Old {
			t.Fatalf("Diff says %+v, known was %+v", c, old)
		}
		delete(v.seen, uid)
		if c.New.UID != 0 {
			v.seen[uid] = c.New
		}
		return true
	})
	v.last = now
	if now.Len() != len(v.seen) {
		t.Fatalf("%d messages by differences, %d in all", len(v.seen), now.Len())
	}
	for i, e := range now.All() {
		if v.seen[e.UID] != e || now.At(i) != e {
			t.Fatalf("%+v by differences, %+v in all, %+v by index", v.seen[e.UID], e, now.At(i))
		}
		if at, found := now.Search(e.UID); at != i || !found {
			t.Fatalf("Search(%d) = %d, %v; it is at %d", e.UID, at, found, i)
		}
	}
}

func (mo *model) names() []string {
	var out []string
	for n := range mo.boxes {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func (mo *model) view() *View { return mo.b.View(ViewOptions{Actor: marko}) }

// drawSet draws some of a mailbox's messages, and UIDs that it does not have.
func (mo *model) drawSet(t *rapid.T, name string) imap.UIDSet {
	var set imap.UIDSet
	for range rapid.IntRange(1, 3).Draw(t, "ranges") {
		lo := rapid.Uint32Range(1, uint32(mo.boxes[name].uidNext)).Draw(t, "lo")
		set.AddRange(imap.UID(lo), imap.UID(lo+rapid.Uint32Range(0, 4).Draw(t, "n")))
	}
	return set
}

var modelFlags = []imap.Flag{imap.FlagSeen, imap.FlagDeleted, imap.FlagFlagged, "$Label1", "Work"}

func (mo *model) steps() map[string]func(*rapid.T) {
	mailbox := func(t *rapid.T) string { return rapid.SampledFrom(mo.names()).Draw(t, "mailbox") }
	newName := func(t *rapid.T) string {
		return rapid.SampledFrom([]string{"A", "B", "A/x", "A/x/y", "Grüße", "B/z"}).Draw(t, "name")
	}
	create := func(name string) {
		for _, p := range append(parents(name), name) {
			if mo.boxes[p] == nil {
				mo.boxes[p] = &modelMailbox{uidNext: 1, modSeq: 1, vanished: map[imap.UID]uint64{}}
			}
		}
	}
	transfer := func(t *rapid.T, move bool) {
		name, to := mailbox(t), mailbox(t)
		set := mo.drawSet(t, name)
		m := open(t, mo.view(), name)
		src := mo.boxes[name]
		var picked []modelMsg
		for _, msg := range src.msgs {
			if set.Contains(msg.uid) {
				picked = append(picked, msg)
			}
		}
		do := m.Copy
		if move {
			do = m.Move
		}
		done, err := do(ctx, set, mo.view(), to)
		if err != nil {
			t.Fatal(err)
		}
		dst := mo.boxes[to]
		if len(picked) > 0 {
			dst.modSeq++
		}
		for i, msg := range picked {
			if done.Source[i] != msg.uid || done.Dest[i] != dst.uidNext {
				t.Fatalf("copied %v to %v", done.Source, done.Dest)
			}
			dst.msgs = append(dst.msgs, modelMsg{dst.uidNext, msg.subject, msg.flags, dst.modSeq})
			dst.uidNext++
		}
		if len(done.Source) != len(picked) {
			t.Fatalf("copied %v", done.Source)
		}
		if move && len(picked) > 0 {
			src.modSeq++
			src.remove(picked)
		}
	}
	return map[string]func(*rapid.T){
		"append": func(t *rapid.T) {
			name := mailbox(t)
			box := mo.boxes[name]
			box.modSeq++
			var mails []*Incoming
			for range rapid.IntRange(1, 3).Draw(t, "mails") {
				mo.next++
				subject := fmt.Sprintf("m%d", mo.next)
				flags := rapid.SliceOfDistinct(rapid.SampledFrom(modelFlags), rapid.ID).Draw(t, "flags")
				mails = append(mails, incoming(t, mo.b, subject, flags...))
				box.msgs = append(box.msgs, modelMsg{box.uidNext, subject, sorted(flags), box.modSeq})
				box.uidNext++
			}
			if _, err := mo.view().Append(ctx, name, mails); err != nil {
				t.Fatal(err)
			}
		},
		"flags": func(t *rapid.T) {
			name := mailbox(t)
			c := FlagsChange{
				UIDs:  mo.drawSet(t, name),
				Op:    FlagsOp(rapid.IntRange(0, 2).Draw(t, "op")),
				Flags: rapid.SliceOfDistinct(rapid.SampledFrom(modelFlags), rapid.ID).Draw(t, "flags"),
			}
			if rapid.Bool().Draw(t, "conditional") {
				since := rapid.Uint64Range(0, mo.boxes[name].modSeq).Draw(t, "since")
				c.UnchangedSince = &since
			}
			done, err := open(t, mo.view(), name).StoreFlags(ctx, c)
			if err != nil {
				t.Fatal(err)
			}
			modified, changed := mo.boxes[name].storeFlags(c)
			if done.Modified.String() != modified.String() || (done.ModSeq != 0) != changed {
				t.Fatalf("StoreFlags: %+v; want modified %v, changed %v", done, modified, changed)
			}
		},
		"expunge": func(t *rapid.T) {
			name := mailbox(t)
			box := mo.boxes[name]
			var set imap.UIDSet
			if rapid.Bool().Draw(t, "some") {
				set = mo.drawSet(t, name)
			}
			var gone []modelMsg
			var want imap.UIDSet
			for _, msg := range box.msgs {
				if slices.Contains(msg.flags, string(imap.FlagDeleted)) && (set == nil || set.Contains(msg.uid)) {
					gone = append(gone, msg)
					want.AddNum(msg.uid)
				}
			}
			if len(gone) > 0 {
				box.modSeq++
				box.remove(gone)
				mo.delete(box, name, gone)
			}
			got, err := open(t, mo.view(), name).Expunge(ctx, set)
			if err != nil || got.String() != want.String() {
				t.Fatalf("Expunge: %v %v, want %v", got, err, want)
			}
		},
		"copy": func(t *rapid.T) { transfer(t, false) },
		"move": func(t *rapid.T) { transfer(t, true) },
		"create": func(t *rapid.T) {
			name := newName(t)
			_, err := mo.view().CreateMailbox(ctx, name, "")
			if (err == nil) != (mo.boxes[name] == nil) || err != nil && !errors.Is(err, ErrExists) {
				t.Fatal(err)
			}
			if err == nil {
				create(name)
			}
		},
		"delete": func(t *rapid.T) {
			name := mailbox(t)
			err := mo.view().DeleteMailbox(ctx, name)
			if name == inbox {
				if !errors.Is(err, ErrCannotDelete) {
					t.Fatal(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			mo.delete(mo.boxes[name], name, mo.boxes[name].msgs)
			delete(mo.boxes, name)
			for i, v := range mo.views {
				if v.name == name && !v.m.Snapshot().Gone {
					t.Fatalf("%s is deleted, its snapshot does not say so", name)
				} else if v.name == name {
					mo.views = slices.Delete(mo.views, i, i+1)
					break
				}
			}
		},
		"rename": func(t *rapid.T) {
			from, to := mailbox(t), newName(t)
			err := mo.view().RenameMailbox(ctx, from, to)
			if from == inbox {
				if (err == nil) != (mo.boxes[to] == nil) {
					t.Fatal(err)
				}
				if err == nil {
					create(to)
					src, dst := mo.boxes[inbox], mo.boxes[to]
					if len(src.msgs) > 0 {
						src.modSeq++
						dst.modSeq++
					}
					for _, msg := range src.msgs {
						dst.msgs = append(dst.msgs, modelMsg{dst.uidNext, msg.subject, msg.flags, dst.modSeq})
						dst.uidNext++
					}
					src.remove(slices.Clone(src.msgs))
				}
				return
			}
			below := strings.HasPrefix(to+"/", from+"/")
			clash := false
			for _, n := range mo.names() {
				if rest, ok := strings.CutPrefix(n+"/", from+"/"); ok && mo.boxes[strings.TrimSuffix(to+"/"+rest, "/")] != nil {
					clash = true
				}
			}
			if (err == nil) != (!below && !clash) {
				t.Fatalf("rename %s %s: %v", from, to, err)
			}
			if err != nil {
				return
			}
			renamed := map[string]*modelMailbox{}
			for _, n := range mo.names() {
				if rest, ok := strings.CutPrefix(n+"/", from+"/"); ok {
					renamed[strings.TrimSuffix(to+"/"+rest, "/")] = mo.boxes[n]
					delete(mo.boxes, n)
				}
			}
			for _, v := range mo.views {
				if rest, ok := strings.CutPrefix(v.name+"/", from+"/"); ok {
					v.name = strings.TrimSuffix(to+"/"+rest, "/")
				}
			}
			for n, box := range renamed {
				mo.boxes[n] = box
			}
			for _, p := range parents(to) {
				create(p)
			}
		},
		"restore": func(t *rapid.T) {
			if len(mo.gone) == 0 {
				return
			}
			i := rapid.IntRange(0, len(mo.gone)-1).Draw(t, "which")
			d := mo.gone[i]
			mo.gone = slices.Delete(mo.gone, i, i+1)
			if missing, err := mo.b.Restore(ctx, petra, []int64{mo.deletedID(t, i)}); err != nil || len(missing) > 0 {
				t.Fatal(missing, err)
			}
			box := d.box
			if !slices.ContainsFunc(mo.names(), func(name string) bool { return mo.boxes[name] == box }) {
				if mo.boxes[d.name] == nil { // else its parents may be missing, as they were
					create(d.name)
				}
				box = mo.boxes[d.name]
			}
			box.modSeq++
			msg := modelMsg{box.uidNext, d.msg.subject, slices.DeleteFunc(slices.Clone(d.msg.flags), func(f string) bool { return f == string(imap.FlagDeleted) }), box.modSeq}
			box.msgs = append(box.msgs, msg)
			box.uidNext++
		},
		"purge": func(t *rapid.T) {
			if len(mo.gone) == 0 {
				return
			}
			i := rapid.IntRange(0, len(mo.gone)-1).Draw(t, "which")
			mo.gone = slices.Delete(mo.gone, i, i+1)
			if missing, err := mo.b.Purge(ctx, petra, []int64{mo.deletedID(t, i)}); err != nil || len(missing) > 0 {
				t.Fatal(missing, err)
			}
		},
		"view": func(t *rapid.T) {
			name := mailbox(t)
			m := open(t, mo.b.View(ViewOptions{Actor: petra}), name)
			v := &modelView{m: m, name: name, last: newSnapshot(nil), seen: map[imap.UID]Entry{}}
			v.follow(t)
			mo.views = append(mo.views, v)
		},
		"follow": func(t *rapid.T) {
			if len(mo.views) > 0 {
				rapid.SampledFrom(mo.views).Draw(t, "view").follow(t)
			}
		},
		"reopen": func(t *rapid.T) {
			closeBox(t, mo.b)
			mo.views = nil
			b, err := OpenBox(ctx, mo.dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			mo.b = b
		},
		"": mo.check,
	}
}

// check compares the box with the model.
func (mo *model) check(t *rapid.T) {
	var names []string
	for _, i := range mo.view().Mailboxes() {
		names = append(names, i.Name)
	}
	slices.Sort(names)
	if !slices.Equal(names, mo.names()) {
		t.Fatalf("mailboxes %q, want %q", names, mo.names())
	}
	messages := 0
	for name, box := range mo.boxes {
		messages += len(box.msgs)
		st, err := mo.view().Status(ctx, name, true) // before the mailbox is loaded
		if err != nil {
			t.Fatal(err)
		}
		m := open(t, mo.view(), name)
		var want []string
		unseen, deleted, size := 0, 0, int64(0)
		for _, msg := range box.msgs {
			want = append(want, fmt.Sprintf("%d:%s%v", msg.uid, msg.subject, msg.flags))
			if !slices.Contains(msg.flags, string(imap.FlagSeen)) {
				unseen++
			}
			if slices.Contains(msg.flags, string(imap.FlagDeleted)) {
				deleted++
			}
			size += int64(len(mailText(msg.subject)))
		}
		snap := m.Snapshot()
		var got []string
		for i, c := range contents(t, m) {
			e := snap.At(i)
			subject := c[strings.Index(c, ":")+1 : strings.Index(c, "[")]
			got = append(got, fmt.Sprintf("%d:%s%v", e.UID, subject, sorted(snap.Keywords.Names(e.Flags))))
			if i < len(box.msgs) && e.ModSeq != box.msgs[i].modSeq {
				t.Fatalf("%s: UID %d has mod-sequence %d, want %d", name, e.UID, e.ModSeq, box.msgs[i].modSeq)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%s holds %q, want %q", name, got, want)
		}
		if snap.UIDNext != box.uidNext || snap.HighestModSeq != box.modSeq || m.Name() != name {
			t.Fatalf("%s: UIDNEXT %d, HIGHESTMODSEQ %d; want %d, %d", name, snap.UIDNext, snap.HighestModSeq, box.uidNext, box.modSeq)
		}
		wantStatus := Status{ID: m.ID(), Messages: len(want), Unseen: unseen, Deleted: deleted, Recent: len(want), UIDNext: box.uidNext,
			UIDValidity: m.UIDValidity(), HighestModSeq: box.modSeq, Size: size}
		if st != wantStatus {
			t.Fatalf("%s: status %+v, want %+v", name, st, wantStatus)
		}
		since := box.modSeq / 2
		gone, err := m.Vanished(ctx, since)
		if err != nil {
			t.Fatal(err)
		}
		var wantGone imap.UIDSet
		for uid, at := range box.vanished {
			if at > since {
				wantGone.AddNum(uid)
			}
		}
		if gone.String() != wantGone.String() {
			t.Fatalf("%s: vanished %v, want %v", name, gone, wantGone)
		}
	}
	var want []string
	for _, d := range mo.gone {
		want = append(want, fmt.Sprintf("%s %v %s marko", d.msg.subject, d.msg.flags, d.name))
	}
	got, err := mo.b.Deleted(ctx, DeletedQuery{})
	if err != nil || len(got) != len(want) {
		t.Fatalf("deleted are %+v %v, want %q", got, err, want)
	}
	for i, d := range slices.Backward(got) {
		if s := fmt.Sprintf("%s %v %s marko", d.Subject, sorted(d.Flags), d.Mailbox); s != want[len(got)-1-i] {
			t.Fatalf("%q is deleted, want %q", s, want[len(got)-1-i])
		}
	}
	if n, _, err := mo.b.Stats(ctx); err != nil || n != messages {
		t.Fatalf("%d messages, %v; want %d", n, err, messages)
	}
}

// delete remembers what was expunged from a mailbox.
func (mo *model) delete(box *modelMailbox, name string, msgs []modelMsg) {
	for _, m := range msgs {
		mo.gone = append(mo.gone, modelDeleted{box, name, m})
	}
}

// deletedID gives the id of a deleted mail by its place in the list.
func (mo *model) deletedID(t *rapid.T, i int) int64 {
	mails, err := mo.b.Deleted(ctx, DeletedQuery{})
	if err != nil {
		t.Fatal(err)
	}
	return mails[len(mails)-1-i].ID
}

func (box *modelMailbox) remove(gone []modelMsg) {
	for _, msg := range gone {
		box.vanished[msg.uid] = box.modSeq
		box.msgs = slices.DeleteFunc(box.msgs, func(m modelMsg) bool { return m.uid == msg.uid })
	}
}

func (box *modelMailbox) storeFlags(c FlagsChange) (modified imap.UIDSet, changed bool) {
	for i, msg := range box.msgs {
		if !c.UIDs.Contains(msg.uid) {
			continue
		}
		if c.UnchangedSince != nil && msg.modSeq > *c.UnchangedSince {
			modified.AddNum(msg.uid)
			continue
		}
		var flags []string
		switch names := sorted(c.Flags); c.Op {
		case FlagsSet:
			flags = names
		case FlagsAdd:
			flags = slices.Concat(msg.flags, names)
		case FlagsRemove:
			for _, f := range msg.flags {
				if !slices.Contains(names, f) {
					flags = append(flags, f)
				}
			}
		}
		slices.Sort(flags)
		flags = slices.Compact(flags)
		if !slices.Equal(flags, msg.flags) {
			box.msgs[i].flags, box.msgs[i].modSeq = flags, box.modSeq+1
			changed = true
		}
	}
	if changed {
		box.modSeq++
	}
	return modified, changed
}

func sorted(flags []imap.Flag) []string {
	var out []string
	for _, f := range flags {
		out = append(out, string(f))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestBoxFollowsModel(t *testing.T) {
	root := memDir(t)
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(root, "")
		if err != nil {
			t.Fatal(err)
		}
		mo := &model{dir: filepath.Join(dir, "box"), boxes: map[string]*modelMailbox{}}
		if err := CreateBox(mo.dir, NewID(), Options{}); err != nil {
			t.Fatal(err)
		}
		if mo.b, err = OpenBox(ctx, mo.dir, Options{}); err != nil {
			t.Fatal(err)
		}
		defer func() { closeBox(t, mo.b) }()
		for _, f := range firstMailboxes {
			mo.boxes[f.name] = &modelMailbox{uidNext: 1, modSeq: 1, vanished: map[imap.UID]uint64{}}
		}
		t.Repeat(mo.steps())
	})
}
