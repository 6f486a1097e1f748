package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"heimpost/store"
	"heimpost/store/faultfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

const (
	hubID = store.ID("aaaaaaaaaaaaaaaa")
	dir   = "/media/usb"
)

var noon = time.Date(2026, 5, 31, 12, 0, 0, 0, time.UTC)

// box is what a data folder holds: mails by number.
type box map[int]bool

func text(n int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "Subject: %d\r\n\r\nHello %d\r\n", n, n), 1+n%3)
}

func content(n int) store.Content {
	return store.Content{Hash: sha256.Sum256(text(n)), Size: int64(len(text(n)))}
}

// place is where a mail lies in its box.
func place(n int) string {
	hash, size, _ := strings.Cut(strings.TrimSuffix(content(n).Name(), ".eml"), "-")
	return fmt.Sprintf("mail/bbbbbbbbbbbbbbbb/0/%d-0e0000-%s-%s.eml", n+1, size, hash)
}

func (b box) numbers() []int { return slices.Sorted(maps.Keys(b)) }

// into makes a snapshot of the box.
func (b box) into(t *Target, at time.Time) (name string, err error) {
	w, err := t.Begin(at)
	if err != nil {
		return "", err
	}
	to := w.Box("marko")
	for _, n := range b.numbers() {
		if !to.Has(content(n)) {
			if err := to.Mail(content(n), bytes.NewReader(text(n))); err != nil {
				return "", err
			}
		}
	}
	if err := to.File(store.BackupList, func(w io.Writer) error {
		for _, n := range b.numbers() {
			fmt.Fprintln(w, place(n))
		}
		return nil
	}); err != nil {
		return "", err
	}
	if err := w.File("hub.db", func(w io.Writer) error { _, err := fmt.Fprint(w, "the hub"); return err }); err != nil {
		return "", err
	}
	return w.Name(), w.Commit(Info{Boxes: []Box{{Name: "marko", Messages: len(b), Mails: len(b)}}})
}

// run makes a whole backup.
func (b box) run(f store.FS, dir string, at time.Time, keep int) (name string, err error) {
	t, err := Create(f, dir, hubID)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if name, err = b.into(t, at); err == nil {
		_, err = t.Sweep(ctx, keep, name)
	}
	return name, err
}

func newDisk(t rapid.TB, seed uint64) *faultfs.FS {
	t.Helper()
	f := faultfs.New(seed)
	if err := f.MkdirAll(filepath.Dir(dir)); err != nil {
		t.Fatal(err)
	}
	f.Settle()
	return f
}

// whole checks that every snapshot of a target can be restored, and that each
// file with a mail's name is that mail. It gives the snapshots' names.
func whole(t rapid.TB, f store.FS, dir string) (names []string) {
	t.Helper()
	target, err := Open(f, dir)
	if errors.Is(err, ErrNoBackup) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	problems, err := target.CheckSnapshots(ctx)
	if err != nil || len(problems) > 0 {
		t.Fatalf("%v %q", err, problems)
	}
	for c := range target.mails {
		if err := target.checkMail(c); err != nil {
			t.Fatal(err)
		}
	}
	all, err := target.Snapshots()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		names = append(names, s.Name)
	}
	return names
}

// TestInterrupted: whenever the process ends, the power goes or a call fails,
// the older snapshot stands, nothing that looks like one is not whole, and the
// next run completes.
func TestInterrupted(t *testing.T) {
	before, after := box{1: true, 2: true, 3: true}, box{3: true, 4: true, 5: true, 6: true, 7: true}
	for n := 20; n < 40; n++ {
		after[n] = true // enough for one SyncAll
	}
	prepare := func(seed uint64) *faultfs.FS {
		f := newDisk(t, seed)
		for i := range 2 {
			if _, err := before.run(f, dir, noon.Add(time.Duration(i)*time.Hour), 2); err != nil {
				t.Fatal(err)
			}
		}
		f.Settle()
		return f
	}
	f := prepare(0)
	first := f.Calls()
	if _, err := after.run(f, dir, noon.Add(24*time.Hour), 2); err != nil {
		t.Fatal(err)
	}
	total := f.Calls() - first
	every := total/40 + 1
	if os.Getenv("HEIMPOST_SOAK") != "" {
		every = 1
	}
	for _, how := range []string{"killed", "power", "error", "full"} {
		for n := 1 + int(time.Now().UnixNano())%every; n <= total; n += every {
			f := prepare(uint64(n))
			f.SetSyncAll(n%2 == 0)
			f.SetLinks(false)
			at := f.Calls() + n
			f.Before(func(c faultfs.Call) error {
				switch {
				case c.N < at, c.N > at && how != "full":
				case how == "killed", how == "power":
					f.Crash(how == "power")
				case how == "full" && (c.Op == "write" || c.Op == "create" || c.Op == "mkdir"):
					return syscall.ENOSPC
				case how == "error":
					return syscall.EIO
				}
				return nil
			})
			_, err := after.run(f, dir, noon.Add(24*time.Hour), 2)
			f.Before(nil)
			f.Restart()
			if how == "full" && err != nil && !store.NoSpace(err) {
				t.Errorf("full at call %d: %v", n, err)
			}
			names := whole(t, f, dir)
			if !slices.Contains(names, "2026-05-31T130000Z") {
				t.Fatalf("%s at call %d: only %v are left", how, n, names)
			}
			last, err := after.run(f, dir, noon.Add(48*time.Hour), 2)
			if err != nil {
				t.Fatalf("%s at call %d, again: %v", how, n, err)
			}
			if names := whole(t, f, dir); len(names) != 2 || names[1] != last {
				t.Fatalf("%s at call %d, again: %v", how, n, names)
			}
			f.Crash(true) // what was told to be done is durable
			f.Restart()
			if names := whole(t, f, dir); !slices.Contains(names, last) {
				t.Fatalf("%s at call %d, power cut after it: %v", how, n, names)
			}
		}
	}
}

// TestSweep: whatever comes and goes, a snapshot that stays has all its mails,
// and after a snapshot went the others are gone.
func TestSweep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newDisk(t, 1)
		b := box{}
		held := map[string]box{} // by snapshot
		for i := range rapid.IntRange(1, 8).Draw(t, "runs") {
			for _, n := range rapid.SliceOfN(rapid.IntRange(1, 12), 0, 4).Draw(t, "changed") {
				if b[n] {
					delete(b, n)
				} else {
					b[n] = true
				}
			}
			keep := rapid.IntRange(1, 4).Draw(t, "keep")
			// The clock may go back: what was just made stays all the same.
			name, err := b.run(f, dir, noon.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "at"))*time.Hour), keep)
			if err != nil {
				t.Fatal(err)
			}
			held[name] = maps.Clone(b)
			names := whole(t, f, dir)
			if len(names) != min(keep, len(held)) || !slices.Contains(names, name) {
				t.Fatalf("run %d: %d are to be kept, there are %v", i, keep, names)
			}
			swept := len(names) < len(held)
			maps.DeleteFunc(held, func(name string, _ box) bool { return !slices.Contains(names, name) })
			target, err := Open(f, dir)
			if err != nil {
				t.Fatal(err)
			}
			named := map[store.Content]bool{}
			for _, b := range held {
				for n := range b {
					if c := content(n); !target.Has(c) {
						t.Fatalf("mail %d is gone", n)
					} else {
						named[c] = true
					}
				}
			}
			if swept && len(target.mails) != len(named) {
				t.Fatalf("%d mails are there, %d are named", len(target.mails), len(named))
			}
			target.Close()
		}
	})
}

// usb is a target in a real folder with two snapshots.
func usb(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "usb")
	b := box{1: true, 2: true}
	for i := range 2 {
		b[3+i] = true
		if _, err := b.run(store.OSFS, dir, noon.Add(time.Duration(i)*time.Hour), 9); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func mailFile(dir string, n int) string {
	return filepath.Join(dir, mailsName, shard(content(n)), content(n).Name())
}

// TestDamage: bit rot is found by a check and mended by the next run, and what
// cannot be read keeps all from being removed.
func TestDamage(t *testing.T) {
	dir := usb(t)
	bad := bytes.ToUpper(text(1))
	if err := os.WriteFile(mailFile(dir, 1), bad, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(mailFile(dir, 2), 3); err != nil {
		t.Fatal(err)
	}
	restored := func(mails int) []Missing {
		target, err := Open(store.OSFS, dir)
		if err != nil {
			t.Fatal(err)
		}
		defer target.Close()
		s, err := target.Find("")
		if err != nil {
			t.Fatal(err)
		}
		to := t.TempDir()
		missing, _, err := s.Restore(ctx, to, func(int, int64) {})
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= mails; n++ {
			got, err := os.ReadFile(filepath.Join(to, "boxes", "marko", filepath.FromSlash(place(n))))
			lost := slices.ContainsFunc(missing, func(m Missing) bool { return strings.HasSuffix(m.File, content(n).Name()) })
			if lost != errors.Is(err, fs.ErrNotExist) || !lost && !bytes.Equal(got, text(n)) {
				t.Errorf("mail %d: %q %v", n, got, err)
			}
		}
		if got, err := os.ReadFile(filepath.Join(to, "hub.db")); string(got) != "the hub" {
			t.Errorf("%q %v", got, err)
		}
		return missing
	}
	if missing := restored(4); len(missing) != 2 {
		t.Errorf("%+v", missing)
	}
	target, err := Create(store.OSFS, dir, hubID)
	if err != nil {
		t.Fatal(err)
	}
	damaged, err := target.CheckMails(ctx, func(int, int, int64) {})
	if err != nil || len(damaged) != 1 || damaged[0] != content(1) {
		t.Errorf("%v %v", damaged, err)
	}
	if got, _ := os.ReadFile(mailFile(dir, 1) + damagedSuffix); !bytes.Equal(got, bad) {
		t.Errorf("what is left of it: %q", got)
	}
	if _, err := (box{1: true, 2: true}).into(target, noon.Add(time.Hour*2)); err != nil {
		t.Fatal(err)
	}
	if problems, err := target.CheckSnapshots(ctx); len(problems) > 0 || err != nil {
		t.Errorf("%v %v", problems, err)
	}

	for _, file := range []string{infoName, dataName + "/boxes/marko/" + listName, sumsName} {
		path := filepath.Join(dir, snapshotsName, "2026-05-31T130000Z", filepath.FromSlash(file))
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		damagedFile := bytes.Clone(good)
		damagedFile[len(good)/2] ^= 4
		if err := os.WriteFile(path, damagedFile, 0o600); err != nil {
			t.Fatal(err)
		}
		if problems, err := target.CheckSnapshots(ctx); len(problems) == 0 || err != nil {
			t.Errorf("%s is damaged: %v %v", file, problems, err)
		}
		// Damaged sums alone do not keep it from naming its mails.
		if swept, err := target.Sweep(ctx, 2, ""); file != sumsName && (err == nil || len(swept.Snapshots)+swept.Mails > 0) {
			t.Errorf("%s is damaged, and %+v was removed: %v", file, swept, err)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	whole(t, store.OSFS, dir)
	if missing := restored(2); len(missing) > 0 {
		t.Errorf("%+v", missing)
	}
}

// TestRefused: what must not be written into or read from.
func TestRefused(t *testing.T) {
	dir := usb(t)
	a, err := Create(store.OSFS, dir, hubID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(store.OSFS, dir, hubID); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	if _, err := Open(store.OSFS, dir); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	if err := a.Mail(content(8), bytes.NewReader(text(9))); !errors.Is(err, store.ErrDamaged) || a.Has(content(8)) {
		t.Error(err)
	}
	if err := a.Mail(content(8), bytes.NewReader(append(text(8), '!'))); !errors.Is(err, store.ErrDamaged) || a.Has(content(8)) {
		t.Error(err)
	}
	a.Close()
	if _, err := Create(store.OSFS, dir, "cccccccccccccccc"); !errors.Is(err, ErrOthers) {
		t.Error(err)
	}
	mine := t.TempDir()
	for _, name := range []string{"tmp", "mails"} {
		if err := os.Mkdir(filepath.Join(mine, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Create(store.OSFS, mine, hubID); !errors.Is(err, ErrNotEmpty) {
		t.Error(err)
	}
	if _, err := Open(store.OSFS, mine); !errors.Is(err, ErrNoBackup) {
		t.Error(err)
	}
	if _, err := Create(store.OSFS, filepath.Join(mine, "away", "usb"), hubID); err == nil {
		t.Error("a disk that is not there was made")
	}
}

// TestLinks: links in the target lead nowhere.
func TestLinks(t *testing.T) {
	for _, name := range []string{mailsName, snapshotsName, tmpName} {
		dir, elsewhere := usb(t), t.TempDir()
		precious := filepath.Join(elsewhere, "precious")
		if err := os.WriteFile(precious, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(elsewhere, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		_, err := box{1: true}.run(store.OSFS, dir, noon.Add(9*time.Hour), 1)
		if name != tmpName && err == nil {
			t.Error(name, "was followed")
		}
		if left, _ := os.ReadDir(elsewhere); len(left) != 1 {
			t.Error(name, left)
		}
	}
	dir, elsewhere := usb(t), filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(elsewhere, text(1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(mailFile(dir, 1)), os.Symlink(elsewhere, mailFile(dir, 1))); err != nil {
		t.Fatal(err)
	}
	target, err := Open(store.OSFS, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if target.Has(content(1)) {
		t.Error("a link is a mail")
	}
}

// TestNames: every name fits on every file system, also one that knows no
// upper case.
func TestNames(t *testing.T) {
	dir := usb(t)
	folded := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.ContainsAny(e.Name(), `<>:"|?*\`) || len(e.Name()) > 120 || strings.HasSuffix(e.Name(), ".") {
			t.Errorf("%q", e.Name())
		}
		low := strings.ToLower(path)
		if folded[low] {
			t.Errorf("%q is there twice", path)
		}
		folded[low] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestCheckUnreadable: a mail that cannot be read just now keeps its name; only
// wrong bytes are damage.
func TestCheckUnreadable(t *testing.T) {
	f := newDisk(t, 1)
	if _, err := (box{1: true, 2: true}).run(f, dir, noon, 9); err != nil {
		t.Fatal(err)
	}
	target, err := Create(f, dir, hubID)
	if err != nil {
		t.Fatal(err)
	}
	f.Before(func(c faultfs.Call) error {
		if c.Op == "open" && strings.HasSuffix(c.Name, ".eml") {
			return syscall.EMFILE
		}
		return nil
	})
	if damaged, err := target.CheckMails(ctx, func(int, int, int64) {}); !errors.Is(err, syscall.EMFILE) || len(damaged) > 0 {
		t.Errorf("%v %v", damaged, err)
	}
	f.Before(nil)
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	if whole(t, f, dir); t.Failed() {
		return
	}
	if _, err := f.Stat(mailFile(dir, 1)); err != nil {
		t.Error(err)
	}
}

// TestHostile: no list of files leads a restore out of its folder, nor to what
// it uses itself.
func TestHostile(t *testing.T) {
	for _, name := range []string{
		"data/../x", "data/../../x", "data/./x", "data//x", "data/tls/../x", "data", "/x", "x", "", "data/boxes",
		"data/complete.json", "data/complete.json.gz", "data/heimpost.lock", "data/restore.part/hub.db", "data/hub.db", "data/secret.key/x",
	} {
		dir := usb(t)
		snapshot := filepath.Join(dir, snapshotsName, "2026-05-31T130000Z")
		sums, err := os.ReadFile(filepath.Join(snapshot, sumsName))
		if err != nil {
			t.Fatal(err)
		}
		line := strings.Repeat("0", 64) + "  data/hub.sqlite.gz\n"
		at := bytes.Index(sums, []byte(line[64:]))
		evil := append(bytes.Clone(sums[:at]), "  "+name+"\n"...)
		evil = append(evil, sums[at+len(line)-64:]...)
		if err := os.WriteFile(filepath.Join(snapshot, sumsName), evil, 0o600); err != nil {
			t.Fatal(err)
		}
		target, err := Open(store.OSFS, dir)
		if err != nil {
			t.Fatal(err)
		}
		s, err := target.Find("")
		if err != nil {
			t.Fatal(err)
		}
		if !errors.Is(s.Err, errIncorrect) {
			t.Errorf("%q: %v", name, s.Err)
		}
		target.Close()
	}
}

// noLocks is a network folder that knows no locks.
type noLocks struct{ store.FS }

func (noLocks) Lock(string) (io.Closer, error) { return nil, errors.ErrUnsupported }

// TestTwoAtOnce: where nothing keeps two backups apart, neither's mails get the
// names of the other's.
func TestTwoAtOnce(t *testing.T) {
	f := noLocks{newDisk(t, 1)}
	var both []*Target
	for range 2 {
		target, err := Create(f, dir, hubID)
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, target)
	}
	for i, target := range both {
		for n := range 3 {
			if err := target.Mail(content(3*i+n), bytes.NewReader(text(3*i+n))); err != nil {
				t.Error(err)
			}
		}
	}
	for i, target := range both {
		b := box{}
		for n := range 3 {
			b[3*i+n] = true
		}
		if _, err := b.into(target, noon.Add(time.Duration(i)*time.Hour)); err != nil {
			t.Error(err)
		}
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	}
	if names := whole(t, f, dir); len(names) != 2 {
		t.Error(names)
	}
}
