package hub

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"heimpost/backup"
	"heimpost/store"
)

// BackupParams are those of Backup.
type BackupParams struct {
	Target string `json:"target"` // a folder, absolute
	Keep   int    `json:"keep"`   // how many snapshots stay
	Check  bool   `json:"check"`  // read all that is there already
	New    bool   `json:"new"`    // begin anew where a backup was and is gone
}

// BackedUp is the outcome of Backup.
type BackedUp struct {
	LastBackup
	Boxes       []backup.Box `json:"boxes"`
	Mails       int          `json:"mails"` // that were copied
	Bytes       int64        `json:"bytes"`
	Removed     []string     `json:"removed"` // snapshots
	RemovedMail int          `json:"removed_mails"`
	// Damaged were mails in the target that --check found so; Renewed of them
	// are whole again.
	Damaged int `json:"damaged"`
	Renewed int `json:"renewed"`
	// Problems say what the backup lacks, Notes what is good to know.
	Problems []string `json:"problems"`
	Notes    []string `json:"notes"`
}

// LastBackup says which backup was the last.
type LastBackup struct {
	Time     time.Time `json:"time"`
	Target   string    `json:"target"`
	Snapshot string    `json:"snapshot"`
}

// Backup brings the data folder's state into a backup's folder.
var Backup = newLongOp("backup", (*Hub).backup)

// snapshotTries is how often a snapshot is begun anew because boxes or accounts
// have come or gone while it was made.
const snapshotTries = 3

func (h *Hub) backup(ctx context.Context, p BackupParams, tell func(Progress)) (out BackedUp, err error) {
	if p.Keep < 1 {
		return out, invalid("at least one snapshot must be kept")
	}
	if err := apart(h.dir, p.Target); err != nil {
		return out, err
	}
	if !p.New {
		if err := h.stillThere(ctx, p.Target); err != nil {
			return out, err
		}
	}
	id, err := h.hubID(ctx)
	if err != nil {
		return out, err
	}
	t, err := backup.Create(store.OSFS, p.Target, id)
	if err != nil {
		return out, targetError(p.Target, err)
	}
	defer func() {
		if err != nil {
			t.Discard() // what remains goes at the next run
			err = targetError(p.Target, err)
		}
		err = errors.Join(err, t.Close())
	}()
	out = BackedUp{Removed: []string{}, Problems: []string{}, Notes: h.backupNotes(p.Target)}
	out.Target = p.Target
	var damaged []store.Content
	if p.Check {
		if damaged, err = t.CheckMails(ctx, func(done, total int, bytes int64) {
			tell(Progress{What: "checking what is there", Done: done, Total: total, Bytes: bytes})
		}); err != nil {
			return out, err
		}
	}
	if err := h.backupMails(ctx, t, tell); err != nil {
		return out, err
	}
	info, err := h.backupSnapshot(ctx, t, &out, tell)
	if err != nil {
		return out, err
	}
	out.Boxes = info.Boxes
	for _, m := range info.Missing {
		out.Problems = append(out.Problems, fmt.Sprintf("box %s: %s: %s", m.Box, m.Text, m.File))
	}
	if err := errors.Join(h.setSetting(ctx, lastBackup, out.LastBackup), h.setSetting(ctx, backupInto+realPath(p.Target), out.LastBackup)); err != nil {
		return out, err
	}
	// The backup stands. What fails from here on is told.
	out.Mails, out.Bytes = t.Copied().Mails, t.Copied().Bytes
	swept, err := t.Sweep(ctx, p.Keep, out.Snapshot)
	out.Removed, out.RemovedMail = append(out.Removed, swept.Snapshots...), swept.Mails
	if err != nil {
		out.Problems = append(out.Problems, "what is old was not removed: "+err.Error())
	}
	out.Damaged = len(damaged)
	for _, c := range damaged {
		if t.Has(c) {
			out.Renewed++
		}
	}
	if p.Check {
		problems, err := t.CheckSnapshots(ctx)
		if err != nil {
			return out, err
		}
		out.Problems = append(out.Problems, problems...)
	}
	return out, nil
}

// backupMails copies the mails of all boxes, while they are in use. This takes
// as long as it takes; the snapshot that follows has little left to copy.
func (h *Hub) backupMails(ctx context.Context, t *backup.Target, tell func(Progress)) error {
	boxes, err := h.boxList(ctx, None{})
	if err != nil {
		return err
	}
	for _, b := range boxes {
		opened := false
		err := h.withBox(ctx, b.ID, func(box *store.Box) error {
			opened = true
			return box.CopyMails(ctx, t.Mails(), func(done, total int) {
				tell(Progress{What: b.Name, Done: done, Total: total, Bytes: t.Copied().Bytes})
			})
		})
		// A box in trouble does not keep the others' mails from being copied;
		// the snapshot will tell.
		if err != nil && (ctx.Err() != nil || opened && !errors.Is(err, store.ErrDamaged)) {
			return err
		}
	}
	return nil
}

// backupSnapshot makes the snapshot.
func (h *Hub) backupSnapshot(ctx context.Context, t *backup.Target, out *BackedUp, tell func(Progress)) (info backup.Info, err error) {
	for try := 1; ; try++ {
		before, err := h.structure(ctx)
		if err != nil {
			return info, err
		}
		w, err := t.Begin(h.now())
		if err != nil {
			return info, err
		}
		info, err = h.fillSnapshot(ctx, w, tell)
		after, structErr := h.structure(ctx)
		if structErr != nil {
			return info, errors.Join(err, structErr)
		}
		// An account that has gone to another box meanwhile would be without
		// its rows there, and its mails would come twice.
		if before != after && try < snapshotTries {
			continue
		}
		if err != nil {
			return info, err
		}
		if before != after {
			return info, newError("", "boxes or accounts are being changed: try again in a moment")
		}
		if err := w.Commit(info); err != nil {
			return info, err
		}
		out.Snapshot = w.Name()
		out.Time = w.Time()
		return info, nil
	}
}

// structure tells which boxes there are and which account delivers into which.
func (h *Hub) structure(ctx context.Context) (string, error) {
	rows, err := collect(ctx, h.db, func(r *sql.Rows, s *string) error { return r.Scan(s) },
		"SELECT id || ' ' || name FROM box UNION ALL SELECT id || ' ' || box FROM account ORDER BY 1")
	return strings.Join(rows, "\n"), err
}

// fillSnapshot writes all files of a snapshot.
func (h *Hub) fillSnapshot(ctx context.Context, w *backup.Writer, tell func(Progress)) (info backup.Info, err error) {
	info.Program, info.Boxes = h.o.Version, []backup.Box{}
	if err := h.backupDB(ctx, w); err != nil {
		return info, err
	}
	if err := h.backupFiles(w); err != nil {
		return info, err
	}
	boxes, err := h.boxList(ctx, None{})
	if err != nil {
		return info, err
	}
	for i, b := range boxes {
		tell(Progress{What: "snapshot", Done: i, Total: len(boxes)})
		if err := h.withBox(ctx, b.ID, func(box *store.Box) error {
			r, err := box.Backup(ctx, w.Box(b.Name))
			info.Boxes = append(info.Boxes, backup.Box{Name: b.Name, Messages: r.Messages, Deleted: r.Deleted, Mails: r.Mails, Bytes: r.Bytes})
			for _, p := range r.Problems {
				info.Missing = append(info.Missing, backup.Missing{Box: b.Name, File: p.File, Text: p.Text})
			}
			return err
		}); err != nil {
			return info, fmt.Errorf("box %s: %w", b.Name, err)
		}
	}
	return info, nil
}

// dbCopy is how the name of a copy of hub.db begins while a backup is made:
// each of those that are made at the same time has its own.
const dbCopy = "hub.db.copy"

func (h *Hub) backupDB(ctx context.Context, w *backup.Writer) error {
	f, err := os.CreateTemp(h.dir, dbCopy+"-*") // mode 0600
	if err != nil {
		return err
	}
	to := f.Name()
	defer os.Remove(to) // the next start of serve removes what remains
	if err := f.Close(); err != nil {
		return err
	}
	if err := store.CopyDatabase(ctx, filepath.Join(h.dir, dbFile), to); err != nil {
		return dbError(err)
	}
	return backupFile(w, "hub.db", to)
}

// removeCopies removes the copies of hub.db that are left of backups that were
// cut short. Nobody else may have the data folder.
func removeCopies(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), dbCopy) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// backupFiles gives the files beside databases and boxes.
func (h *Hub) backupFiles(w *backup.Writer) error {
	names := []string{ConfigFile, secretFile}
	entries, err := os.ReadDir(filepath.Join(h.dir, "tls"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if e.Type().IsRegular() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, path.Join("tls", e.Name()))
		}
	}
	for _, name := range names {
		if err := backupFile(w, name, filepath.Join(h.dir, filepath.FromSlash(name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func backupFile(w *backup.Writer, name, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return w.File(name, func(to io.Writer) error {
		_, err := io.Copy(to, f)
		return err
	})
}

// backupNotes says what is good to know about a backup into a folder.
func (h *Hub) backupNotes(target string) []string {
	out := []string{}
	if sameDisk(h.dir, target) {
		out = append(out, "the backup lies on the same disk as the mail: when that disk dies, both are gone")
	}
	if entries, err := os.ReadDir(h.removedDir()); err == nil && len(entries) > 0 {
		out = append(out, "removed boxes ("+h.removedDir()+") are not part of it")
	}
	return out
}

// Settings: the last backup, and the last one into each folder.
const (
	lastBackup = "backup"
	backupInto = "backup into "
)

// stillThere refuses a folder into which a backup was made before and in which
// there is none: where a disk is not connected, the empty folder that it is
// mounted on may be, and lies on another disk.
func (h *Hub) stillThere(ctx context.Context, target string) error {
	into, err := h.backupMade(ctx, backupInto+realPath(target))
	if err != nil {
		return err
	}
	if into == nil { // a version before did not remember each
		if into, err = h.lastBackupMade(ctx); err != nil || into == nil || realPath(into.Target) != realPath(target) {
			return err
		}
	}
	if _, err := os.Stat(filepath.Dir(target)); err != nil {
		return nil // Create tells
	}
	is, err := backup.Is(store.OSFS, target)
	if err != nil {
		return targetError(target, err)
	}
	if !is {
		return notFound("the backup that was in %s (the last one of %s) is gone: is the disk connected? To begin anew there: --new", target, into.Time.Local().Format(time.DateTime))
	}
	return nil
}

// hubID gives the id by which a backup knows its hub.
func (h *Hub) hubID(ctx context.Context) (id store.ID, err error) {
	if _, err = h.db.ExecContext(ctx, "INSERT OR IGNORE INTO setting(name, value) VALUES('hub', ?)", store.NewID()); err == nil {
		err = h.db.QueryRowContext(ctx, "SELECT value FROM setting WHERE name='hub'").Scan(&id)
	}
	return id, dbError(err)
}

func (h *Hub) setSetting(ctx context.Context, name string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, err = h.db.ExecContext(ctx, "INSERT OR REPLACE INTO setting(name, value) VALUES(?, ?)", name, string(text))
	return dbError(err)
}

// lastBackupMade tells of the last backup; nil if there was none.
func (h *Hub) lastBackupMade(ctx context.Context) (*LastBackup, error) {
	return h.backupMade(ctx, lastBackup)
}

func (h *Hub) backupMade(ctx context.Context, setting string) (*LastBackup, error) {
	var text string
	err := h.db.QueryRowContext(ctx, "SELECT value FROM setting WHERE name=?", setting).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	var out LastBackup
	if err == nil {
		err = json.Unmarshal([]byte(text), &out)
	}
	return &out, dbError(err)
}

// apart refuses a backup's folder that lies in the data folder, or the other
// way round.
func apart(data, target string) error {
	if !filepath.IsAbs(target) {
		return invalid("%q is no whole path", target)
	}
	d, t := realPath(data), realPath(target)
	if within(d, t) {
		return invalid("the backup's folder %s lies in the data folder: give one elsewhere, best on another disk", target)
	}
	if within(t, d) {
		return invalid("the data folder lies in the backup's folder %s: give one elsewhere, best on another disk", target)
	}
	return nil
}

// realPath gives a path without links, as far as it exists.
func realPath(p string) string {
	rest := ""
	for {
		if r, err := filepath.EvalSymlinks(p); err == nil {
			return filepath.Join(r, rest)
		}
		up := filepath.Dir(p)
		if up == p {
			return filepath.Join(p, rest)
		}
		p, rest = up, filepath.Join(filepath.Base(p), rest)
	}
}

// within reports whether p is dir or lies in it.
func within(dir, p string) bool {
	rel, err := filepath.Rel(dir, p)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// targetError says in common words what is wrong with a backup's folder.
func targetError(target string, err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case store.NoSpace(err):
		return fmt.Errorf("there is no space left for the backup in %s (or for a copy of the index in the data folder): nothing was removed, older snapshots stand; make space, or keep fewer with --keep (%w)", target, err)
	case errors.Is(err, backup.ErrInUse):
		return newError(KindRunning, "%s: %v", target, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the backup's folder %s cannot be written by this user (while heimpost serve runs, by the user who runs it): %w", target, err)
	}
	return fmt.Errorf("%s: %w", target, err)
}
