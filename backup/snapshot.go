package backup

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"time"

	"heimpost/store"
)

const (
	sumsName = "SHA256SUMS"
	infoName = "snapshot.json"
	dataName = "data"
	listName = store.BackupList + ".gz"
	// timeFormat names snapshots, in UTC; no colons.
	timeFormat = "2006-01-02T150405Z"
)

// Info is snapshot.json: what a snapshot is.
type Info struct {
	Version int       `json:"version"`
	Program string    `json:"program"` // the version of Heimpost that made it
	Time    time.Time `json:"time"`
	Boxes   []Box     `json:"boxes"`
	// Missing are mails whose files were missing or damaged in the data folder.
	Missing []Missing `json:"missing,omitempty"`
	// Files is the number of the other files.
	Files int `json:"files"`
}

// Box is what a snapshot holds of a box.
type Box struct {
	Name     string `json:"name"`
	Messages int    `json:"messages"`
	Deleted  int    `json:"deleted"` // that can be restored
	Mails    int    `json:"mails"`
	Bytes    int64  `json:"bytes"`
}

// Missing is a mail that a snapshot names and lacks.
type Missing struct {
	Box  string `json:"box"`
	File string `json:"file"`
	Text string `json:"text"`
}

// Writer is a snapshot being made.
type Writer struct {
	t    *Target
	name string
	tmp  string // its folder's name until it is visible
	at   time.Time
	sums []sum
	dirs []string // of the snapshot, relative to it; parents first
}

// sum is a line of SHA256SUMS.
type sum struct {
	hash string // hex
	file string // relative to the snapshot, with slashes
}

// Begin begins a snapshot.
func (t *Target) Begin(at time.Time) (*Writer, error) {
	entries, err := t.fs.ReadDir(t.path(snapshotsName))
	if err != nil {
		return nil, err
	}
	taken := map[string]bool{}
	for _, e := range entries {
		taken[strings.ToLower(e.Name())] = true
	}
	w := &Writer{t: t, tmp: unique("snapshot-"), at: at.UTC().Truncate(time.Second)}
	for w.name = w.at.Format(timeFormat); taken[strings.ToLower(w.name)]; w.name = w.at.Format(timeFormat) {
		w.at = w.at.Add(time.Second)
	}
	return w, w.folder(dataName)
}

// Name is the snapshot's name.
func (w *Writer) Name() string { return w.name }

// Time is the snapshot's time.
func (w *Writer) Time() time.Time { return w.at }

func (w *Writer) path(name string) string {
	return w.t.path(tmpName, w.tmp, filepath.FromSlash(name))
}

// folder makes a folder of the snapshot with its parents.
func (w *Writer) folder(name string) error {
	if err := w.t.fs.MkdirAll(w.path(name)); err != nil {
		return err
	}
	for dir := name; dir != "."; dir = path.Dir(dir) {
		w.dirs = append(w.dirs, dir)
	}
	return nil
}

// packed are the files that are kept compressed, by the names they have then.
// SQLite's files get an end that says what they are.
func packed(name string) string {
	switch dir, base := path.Split(name); base {
	case "index.db", "hub.db":
		return dir + strings.TrimSuffix(base, ".db") + ".sqlite.gz"
	case "state.log", store.BackupList:
		return name + ".gz"
	}
	return name
}

// unpacked gives the name that packed was given.
func unpacked(name string) string {
	if rest, is := strings.CutSuffix(name, ".sqlite.gz"); is {
		return rest + ".db"
	}
	return strings.TrimSuffix(name, ".gz")
}

// File adds a file of the data folder; name is its place there, with slashes.
func (w *Writer) File(name string, write func(io.Writer) error) error {
	name = path.Join(dataName, packed(name))
	if !strings.HasSuffix(name, ".gz") {
		return w.file(name, write)
	}
	return w.file(name, func(to io.Writer) error {
		z, err := gzip.NewWriterLevel(to, gzip.BestSpeed)
		if err != nil {
			return err
		}
		if err := write(z); err != nil {
			return err
		}
		return z.Close()
	})
}

// file adds a file, durably.
func (w *Writer) file(name string, write func(io.Writer) error) error {
	if err := w.folder(path.Dir(name)); err != nil {
		return err
	}
	f, err := w.t.fs.Create(w.path(name))
	if err != nil {
		return err
	}
	hash := sha256.New()
	err = write(io.MultiWriter(f, hash))
	if err == nil {
		err = sync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	w.sums = append(w.sums, sum{fmt.Sprintf("%x", hash.Sum(nil)), name})
	return nil
}

// Box gives what takes the backup of a box.
func (w *Writer) Box(name string) store.BackupTo { return boxTo{w.t, w, path.Join("boxes", name)} }

// Mails gives what takes mails alone.
func (t *Target) Mails() store.BackupTo { return boxTo{t, nil, ""} }

type boxTo struct {
	*Target
	w   *Writer
	dir string
}

func (b boxTo) File(name string, write func(io.Writer) error) error {
	return b.w.File(path.Join(b.dir, name), write)
}

// Commit makes the snapshot visible, when all that it names is durable.
func (w *Writer) Commit(info Info) error {
	if err := w.t.flush(); err != nil {
		return err
	}
	info.Version, info.Time, info.Files = version, w.at, len(w.sums)
	err := w.file(infoName, func(to io.Writer) error {
		b, err := json.MarshalIndent(info, "", "\t")
		if err == nil {
			_, err = to.Write(append(b, '\n'))
		}
		return err
	})
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, s := range w.sums {
		fmt.Fprintf(&text, "%s  %s\n", s.hash, s.file)
	}
	if err := w.file(sumsName, func(to io.Writer) error {
		_, err := io.WriteString(to, text.String())
		return err
	}); err != nil {
		return err
	}
	synced := map[string]bool{}
	for _, dir := range append(w.dirs, ".") {
		if !synced[dir] {
			synced[dir] = true
			if err := w.t.syncDir(w.path(dir)); err != nil {
				return err
			}
		}
	}
	if err := w.t.syncMails(); err != nil {
		return err
	}
	to := w.t.path(snapshotsName, w.name)
	if err := w.t.fs.Rename(w.path("."), to); err != nil {
		return err
	}
	return w.t.syncDir(w.t.path(snapshotsName))
}

// Snapshot is a snapshot that a target has.
type Snapshot struct {
	Name string
	Info
	Err error // why it cannot be read

	t     *Target
	files map[string]bool // its ordinary files, relative to it, with slashes
	sums  []sum
}

// Snapshots lists the snapshots, the oldest first. One that cannot be read is
// among them, with an error.
func (t *Target) Snapshots() ([]*Snapshot, error) {
	if e, err := t.entry("", snapshotsName); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	} else if !e.IsDir() {
		return nil, fmt.Errorf("%s: %w", t.path(snapshotsName), errLinked)
	}
	entries, err := t.fs.ReadDir(t.path(snapshotsName)) // sorted
	if err != nil {
		return nil, err
	}
	var out []*Snapshot
	for _, e := range entries {
		if e.IsDir() {
			s := &Snapshot{Name: e.Name(), t: t, files: map[string]bool{}}
			s.Err = s.read()
			out = append(out, s)
		}
	}
	return out, nil
}

// maxFiles bounds the files of a snapshot.
const maxFiles = 1 << 20

// read reads what a snapshot is.
func (s *Snapshot) read() error {
	if err := s.walk("."); err != nil {
		return err
	}
	if !s.files[sumsName] {
		return fmt.Errorf("%s is missing", sumsName)
	}
	f, err := s.t.fs.Open(s.path(sumsName))
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 256<<20))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		hash, file, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "  ")
		if !ok || len(hash) != 2*sha256.Size || !isOurs(file) {
			return fmt.Errorf("%s: %w", sumsName, errIncorrect)
		}
		s.sums = append(s.sums, sum{hash, file})
	}
	r, err := s.open(infoName)
	if err != nil {
		return err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxJSON))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &s.Info); err != nil {
		return fmt.Errorf("%s: %w (%v)", infoName, errIncorrect, err)
	}
	if s.Version > version {
		return store.ErrNewerVersion
	}
	for _, b := range s.Boxes {
		if !filepath.IsLocal(b.Name) || b.Name != filepath.Base(b.Name) {
			return fmt.Errorf("%s: %w", infoName, errIncorrect)
		}
	}
	if len(s.sums) != s.Files+1 {
		return fmt.Errorf("%s: %w", sumsName, errIncorrect)
	}
	return nil
}

// isOurs reports whether a snapshot may have a file of this name. What a data
// folder, or a restore, has beside these must come from no backup: a file that
// a later version adds needs a new version of the layout.
func isOurs(file string) bool {
	if filepath.ToSlash(filepath.Clean(filepath.FromSlash(file))) != file || !filepath.IsLocal(filepath.FromSlash(file)) {
		return false
	}
	in, is := strings.CutPrefix(file, dataName+"/")
	if !is {
		return file == infoName
	}
	switch top, below, _ := strings.Cut(in, "/"); top {
	case "heimpost.toml", "secret.key", "hub.sqlite.gz":
		return below == ""
	case "tls", "boxes":
		return below != ""
	}
	return false
}

// walk finds the ordinary files below a folder.
func (s *Snapshot) walk(dir string) error {
	entries, err := s.t.fs.ReadDir(s.path(dir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch {
		case e.IsDir():
			if err := s.walk(name); err != nil {
				return err
			}
		case e.Type().IsRegular() && len(s.files) < maxFiles:
			s.files[name] = true
		}
	}
	return nil
}

func (s *Snapshot) path(name string) string {
	return s.t.path(snapshotsName, s.Name, filepath.FromSlash(name))
}

// open opens a file of the snapshot. Reading it to its end tells whether it is
// what was written.
func (s *Snapshot) open(name string) (io.ReadCloser, error) {
	if !s.files[name] {
		return nil, fmt.Errorf("%s is missing", name)
	}
	for _, sum := range s.sums {
		if sum.file == name {
			f, err := s.t.fs.Open(s.path(name))
			if err != nil {
				return nil, err
			}
			return &checked{f, sha256.New(), sum}, nil
		}
	}
	return nil, fmt.Errorf("%s is not in %s", name, sumsName)
}

// eachMail calls take for each place of a mail in the snapshot: the box, the
// path below its folder, the content.
func (s *Snapshot) eachMail(take func(box, place string, c store.Content) error) error {
	if s.Err != nil {
		return s.Err
	}
	for _, b := range s.Boxes {
		if err := s.boxMails(b.Name, func(place string, c store.Content) error { return take(b.Name, place, c) }); err != nil {
			return err
		}
	}
	return nil
}

// boxMails does likewise for one box.
func (s *Snapshot) boxMails(box string, take func(place string, c store.Content) error) error {
	name := path.Join(dataName, "boxes", box, listName)
	return s.lines(name, func(line string) error {
		c, ok := store.BackupPath(line)
		if !ok {
			return fmt.Errorf("%s: %w", name, errIncorrect)
		}
		return take(line, c)
	})
}
