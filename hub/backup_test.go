package hub

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"heimpost/backup"
	"heimpost/store"
)

// quiet takes what a long action tells.
func quiet(Progress) {}

// TestBackupRefused: what must not be taken for a backup's folder.
func TestBackupRefused(t *testing.T) {
	h := newHub(t)
	household(t, h)
	dir := t.TempDir()
	fails(t, h, Backup, BackupParams{Target: filepath.Join(h.dir, "usb"), Keep: 1}, KindInvalid, "lies in the data folder")
	fails(t, h, Backup, BackupParams{Target: h.dir, Keep: 1}, KindInvalid, "lies in the data folder")
	fails(t, h, Backup, BackupParams{Target: filepath.Dir(h.dir), Keep: 1}, KindInvalid, "the data folder lies in")
	fails(t, h, Backup, BackupParams{Target: "usb", Keep: 1}, KindInvalid, "whole path")
	fails(t, h, Backup, BackupParams{Target: dir}, KindInvalid, "at least one")
	link := filepath.Join(dir, "link")
	if err := os.Symlink(h.dir, link); err != nil {
		t.Fatal(err)
	}
	fails(t, h, Backup, BackupParams{Target: filepath.Join(link, "usb"), Keep: 1}, KindInvalid, "lies in the data folder")
	fails(t, h, Backup, BackupParams{Target: filepath.Join(dir, "away", "usb"), Keep: 1}, "", "is the disk connected")
	usb := filepath.Join(dir, "usb")
	must(t, h, Backup, BackupParams{Target: usb, Keep: 1})
	other, err := backup.Open(store.OSFS, usb)
	if err != nil {
		t.Fatal(err)
	}
	fails(t, h, Backup, BackupParams{Target: usb, Keep: 1}, KindRunning, "another backup")
	if _, err := Restore(ctx, filepath.Join(dir, "new"), RestoreParams{Target: usb}, Options{}, quiet); !errors.Is(err, KindRunning) {
		t.Error(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	// Another hub does not push this one's snapshots out.
	fails(t, newHub(t), Backup, BackupParams{Target: usb, Keep: 1}, "", "another hub")
	// A box in trouble fails the backup, so that it is seen.
	if err := errors.Join(h.boxes.closeAll(), os.Rename(h.boxDir("buero"), filepath.Join(dir, "buero"))); err != nil {
		t.Fatal(err)
	}
	again := openHubAlone(t, h)
	fails(t, again, Backup, BackupParams{Target: usb, Keep: 1}, "", "buero")
	if list, err := BackupSnapshots(usb); err != nil || len(list) != 1 || len(list[0].Boxes) != 4 {
		t.Errorf("%+v %v", list, err)
	}
}

// openHubAlone opens the data folder of a hub that has ended.
func openHubAlone(t *testing.T, h *Hub) *Hub {
	t.Helper()
	if err := h.Close(); err != nil {
		t.Log(err) // its boxes were closed before
	}
	return openHub(t, h.dir, Options{})
}

// TestBackupHoldsAll: persons, passwords, devices, grants and files come back;
// older snapshots go, a removed box is only in those from before.
func TestBackupHoldsAll(t *testing.T) {
	now := time.Date(2026, 5, 31, 12, 0, 0, 0, time.UTC)
	h := openHub(t, filepath.Join(t.TempDir(), "data"), Options{Serve: true, Now: func() time.Time { return now }})
	household(t, h)
	phone := device(t, h, "marko", "phone")
	box, host, password := "marko", "pop.example.org", "the provider's"
	must(t, h, AccountAdd, AccountSetParams{Address: "marko@example.org", Box: &box, Host: &host, Password: &password})
	if err := errors.Join(os.Mkdir(filepath.Join(h.dir, "tls"), 0o700), os.WriteFile(filepath.Join(h.dir, "tls", "ca.pem"), []byte("the CA"), 0o600),
		os.WriteFile(filepath.Join(h.dir, ConfigFile), []byte("# mine\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	usb := filepath.Join(t.TempDir(), "usb")
	must(t, h, Backup, BackupParams{Target: usb, Keep: 2})
	must(t, h, BoxRemove, NameParams{"familie"})
	now = now.Add(24 * time.Hour)
	must(t, h, Backup, BackupParams{Target: usb, Keep: 2})

	dir := filepath.Join(t.TempDir(), "data")
	if _, err := Restore(ctx, dir, RestoreParams{Target: usb, Snapshot: "1999"}, Options{}, quiet); !errors.Is(err, backup.ErrNoSuch) {
		t.Error(err)
	}
	out, err := Restore(ctx, dir, RestoreParams{Target: usb, Snapshot: "2026-05-31"}, Options{}, quiet)
	if err != nil || out.Snapshot != "2026-05-31T120000Z" || len(out.Boxes) != 4 {
		t.Fatalf("%+v %v", out, err)
	}
	for name, want := range map[string]string{"tls/ca.pem": "the CA", ConfigFile: "# mine\n"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, secretFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	r := openHub(t, dir, Options{Serve: true})
	if l := mustLogin(t, r, "marko", phone); prefixes(l) != prefixes(mustLogin(t, r, "marko", "marko's secret")) {
		t.Error(prefixes(l))
	}
	mustLogin(t, r, "familie", "petra's secret")
	a, err := r.account(ctx, r.db, "marko@example.org")
	if err != nil {
		t.Fatal(err)
	}
	var sealed []byte
	if err := r.db.QueryRow("SELECT password FROM account WHERE id=?", a.ID).Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	if got, err := r.secrets.unseal(a.ID, sealed); got != password {
		t.Error(got, err)
	}
	for _, v := range must(t, r, Verify, NameParams{}) {
		if len(v.Problems) > 0 || v.Error != "" {
			t.Errorf("%+v", v)
		}
	}

	now = now.Add(24 * time.Hour)
	b := must(t, h, Backup, BackupParams{Target: usb, Keep: 2, Check: true})
	if !slices.Equal(b.Removed, []string{"2026-05-31T120000Z"}) || len(b.Boxes) != 3 || len(b.Problems) > 0 {
		t.Errorf("%+v", b)
	}
	if !slices.ContainsFunc(b.Notes, func(s string) bool { return strings.Contains(s, "removed") }) {
		t.Error(b.Notes)
	}
}

// TestRestoreCutShort: what a restore that was cut short has left is no hub, and
// the next one completes it.
func TestRestoreCutShort(t *testing.T) {
	h := newHub(t)
	household(t, h)
	usb := filepath.Join(t.TempDir(), "usb")
	must(t, h, Backup, BackupParams{Target: usb, Keep: 2})
	restore := func(dir string) Restored {
		t.Helper()
		out, err := Restore(ctx, dir, RestoreParams{Target: usb}, Options{}, quiet)
		if err != nil {
			t.Fatal(err)
		}
		if list := must(t, openHub(t, dir, Options{}), BoxList, None{}); len(list) != 4 {
			t.Errorf("%+v", list)
		}
		return out
	}
	refused := func(dir string) {
		t.Helper()
		if _, err := Open(ctx, dir, Options{}); err == nil || !strings.Contains(err.Error(), "cut short") {
			t.Error(err)
		}
	}
	// While it was copying.
	dir := filepath.Join(t.TempDir(), "data")
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, partFolder, "boxes", "marko"), 0o700),
		os.WriteFile(filepath.Join(dir, partFolder, dbFile), []byte("half"), 0o600)); err != nil {
		t.Fatal(err)
	}
	refused(dir)
	out := restore(dir)
	// While it was moving up.
	moved := filepath.Join(t.TempDir(), "data")
	text, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(t.TempDir(), "data")
	restore(whole)
	if err := errors.Join(os.MkdirAll(filepath.Join(moved, partFolder), 0o700), os.WriteFile(filepath.Join(moved, partFolder, completeFile), text, 0o600),
		os.CopyFS(filepath.Join(moved, "boxes"), os.DirFS(filepath.Join(whole, "boxes"))),
		os.Link(filepath.Join(whole, dbFile), filepath.Join(moved, partFolder, dbFile))); err != nil {
		t.Fatal(err)
	}
	refused(moved)
	if out := restore(moved); out.Snapshot == "" || len(out.Boxes) != 4 {
		t.Errorf("%+v", out)
	}
	if _, err := Restore(ctx, moved, RestoreParams{Target: usb}, Options{}, quiet); !errors.Is(err, KindExists) {
		t.Error(err)
	}
	// Before its last step.
	for _, again := range []bool{true, false} {
		if err := os.Mkdir(filepath.Join(whole, partFolder), 0o700); err != nil {
			t.Fatal(err)
		}
		if again {
			if _, err := Restore(ctx, whole, RestoreParams{Target: usb}, Options{}, quiet); !errors.Is(err, KindExists) {
				t.Error(err)
			}
		}
		if list := must(t, openHub(t, whole, Options{}), BoxList, None{}); len(list) != 4 {
			t.Errorf("%+v", list)
		}
	}
}

// TestBackupsAtOnce: backups into several folders at the same time do not write
// into each other's copies, and what a backup leaves that is killed goes.
func TestBackupsAtOnce(t *testing.T) {
	h := newHub(t)
	household(t, h)
	var running sync.WaitGroup
	for range 2 {
		target, err := backup.Create(store.OSFS, t.TempDir(), store.NewID())
		if err != nil {
			t.Fatal(err)
		}
		defer target.Close()
		running.Go(func() {
			for range 20 {
				w, err := target.Begin(h.now())
				if err == nil {
					err = h.backupDB(ctx, w)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	copies := func() []string {
		names, err := filepath.Glob(filepath.Join(h.dir, dbCopy+"*"))
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	if left := copies(); len(left) > 0 {
		t.Error(left)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dbCopy, dbCopy + "-123", dbCopy + "-123-journal"} {
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Commands share the folder: it may be somebody's.
	if err := openHub(t, h.dir, Options{}).Close(); err != nil || len(copies()) != 3 {
		t.Error(copies(), err)
	}
	openHub(t, h.dir, Options{Serve: true})
	if left := copies(); len(left) > 0 {
		t.Error(left)
	}
}

// TestBackupDiskAway: where a disk was and is not, no new backup is begun in the
// empty folder that it was mounted on.
func TestBackupDiskAway(t *testing.T) {
	h := newHub(t)
	household(t, h)
	dir := t.TempDir()
	usb, other, away := filepath.Join(dir, "usb"), filepath.Join(dir, "other"), filepath.Join(dir, "away")
	must(t, h, Backup, BackupParams{Target: usb, Keep: 2})
	must(t, h, Backup, BackupParams{Target: other, Keep: 2})
	if err := os.Rename(usb, away); err != nil {
		t.Fatal(err)
	}
	refused := func() {
		t.Helper()
		fails(t, h, Backup, BackupParams{Target: usb, Keep: 2}, KindNotFound, "is the disk connected?")
	}
	refused()
	if err := os.Mkdir(usb, 0o700); err != nil {
		t.Fatal(err)
	}
	refused()
	if entries, err := os.ReadDir(usb); err != nil || len(entries) > 0 {
		t.Error(entries, err)
	}
	if err := errors.Join(os.Remove(usb), os.Rename(away, usb)); err != nil {
		t.Fatal(err)
	}
	must(t, h, Backup, BackupParams{Target: usb, Keep: 2})
	if err := os.RemoveAll(usb); err != nil {
		t.Fatal(err)
	}
	// A version before remembered the last one alone.
	if _, err := h.db.Exec("DELETE FROM setting WHERE name LIKE ?", backupInto+"%"); err != nil {
		t.Fatal(err)
	}
	refused()
	must(t, h, Backup, BackupParams{Target: usb, Keep: 2, New: true})
	must(t, h, Backup, BackupParams{Target: usb, Keep: 2})
}
