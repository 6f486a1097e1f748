package exchange

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"heimpost/imapd/wire"
	"heimpost/store"
)

// stateFile is where Export notes, in its target, how far it has come.
const stateFile = "heimpost-export.json"

// stateLock is the file there by which one export at a time writes.
const stateLock = "heimpost-export.lock"

// exportState is that file.
type exportState struct {
	Version   int                        `json:"heimpost_export"`
	Box       store.ID                   `json:"box"`
	Format    Format                     `json:"format"`
	Since     time.Time                  `json:"since,omitzero"`
	Mailboxes map[store.ID]*mailboxState `json:"mailboxes"`

	dir  string
	used map[string]bool // paths, as foldName has them
	lock io.Closer
}

// mailboxState is how far a mailbox is written: all below Next, and for an mbox
// file how long it is.
type mailboxState struct {
	Name        string   `json:"name"`
	Path        string   `json:"path"`
	UIDValidity uint32   `json:"uidvalidity"`
	Next        uint32   `json:"next"`
	Failed      []uint32 `json:"failed,omitempty"` // below Next, yet not written
	Size        int64    `json:"size,omitempty"`
	Complete    bool     `json:"complete"`
	Taken       bool     `json:"taken,omitempty"` // what lies at Path is this export's

	fresh bool // Path was chosen in this run
}

// stateLimit bounds what is read of a state file.
const stateLimit = 64 << 20

// openState prepares a target, which is this run's alone until it is closed.
func openState(dir string, o ExportOptions) (_ *exportState, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &exportState{Version: 1, Box: o.Box, Format: o.Format, Since: o.Since.UTC(), Mailboxes: map[store.ID]*mailboxState{}, dir: dir, used: map[string]bool{stateFile: true, stateFile + ".new": true, stateLock: true}}
	if o.Since.IsZero() {
		s.Since = time.Time{}
	}
	if err := s.vacant(); err != nil { // nothing, not even a lock, is left in another's folder
		return nil, err
	}
	// Some network folders have no locks.
	s.lock, err = store.OSFS.Lock(s.file(stateLock))
	switch {
	case errors.Is(err, store.ErrLocked):
		return nil, fmt.Errorf("%w: another export writes into %s; wait until it is done, or name another folder", ErrTarget, dir)
	case err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.ENOLCK):
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	f, err := os.Open(s.file(stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, s.save()
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var old exportState
	if err := json.NewDecoder(io.LimitReader(f, stateLimit)).Decode(&old); err != nil || old.Version != 1 || old.Mailboxes == nil {
		return nil, fmt.Errorf("%w: %s in %s cannot be understood; name a new folder", ErrTarget, stateFile, dir)
	}
	if old.Box != s.Box || old.Format != s.Format || !old.Since.Equal(s.Since) {
		return nil, fmt.Errorf("%w: %s holds an export of another box, in another form or since another day; name a new folder", ErrTarget, dir)
	}
	for _, m := range old.Mailboxes {
		if m == nil || !filepath.IsLocal(filepath.FromSlash(m.Path)) {
			return nil, fmt.Errorf("%w: %s in %s cannot be understood; name a new folder", ErrTarget, stateFile, dir)
		}
		m.Taken = m.Taken || m.Complete || m.Next > 1
		s.used[foldName(m.Path)] = true
	}
	s.Mailboxes = old.Mailboxes
	return s, nil
}

// vacant checks that a folder holds an export, or nothing.
func (s *exportState) vacant() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	other := false
	for _, e := range entries {
		switch e.Name() {
		case stateFile:
			return nil
		case stateFile + ".new", stateLock: // of a run that was cut short at its very first write
		default:
			other = true
		}
	}
	if other {
		return fmt.Errorf("%w: %s is not empty; name a new folder, or one with an export to go on with", ErrTarget, s.dir)
	}
	return nil
}

// close lets others write.
func (s *exportState) close() error {
	if s.lock == nil {
		return nil
	}
	return s.lock.Close()
}

// save writes the file durably.
func (s *exportState) save() error {
	text, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	name := filepath.Join(s.dir, stateFile)
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	return syncDir(s.dir)
}

// mailbox gives the state of a mailbox; a new one is given its path.
func (s *exportState) mailbox(box *store.Mailbox, name string) *mailboxState {
	if st := s.Mailboxes[box.ID()]; st != nil && st.UIDValidity == box.UIDValidity() {
		st.Name = name
		return st
	}
	st := &mailboxState{Name: name, UIDValidity: box.UIDValidity(), Next: 1}
	s.Mailboxes[box.ID()] = st
	s.place(st)
	return st
}

// place chooses a path that no mailbox has, and where nothing lies.
func (s *exportState) place(st *mailboxState) {
	p := s.pathOf(st.Name, "")
	for n := 2; s.used[foldName(p)] || s.lies(p); n++ {
		p = s.pathOf(st.Name, fmt.Sprintf(" (%d)", n))
	}
	s.used[foldName(p)] = true
	st.Path, st.fresh = p, true
}

// lies reports whether something lies at a path already that is not merely a
// folder for what lies below it.
func (s *exportState) lies(p string) bool {
	info, err := os.Lstat(s.file(p))
	return err == nil && p != "." && !(info.IsDir() && s.above(p))
}

// above reports whether another mailbox goes below a path.
func (s *exportState) above(p string) bool {
	for _, m := range s.Mailboxes {
		if strings.HasPrefix(m.Path, p+"/") {
			return true
		}
	}
	return false
}

func (s *exportState) file(p string) string { return filepath.Join(s.dir, filepath.FromSlash(p)) }

// take makes a mailbox's file or folder, which must be new: some systems hold
// names for the same that foldName tells apart, and others may write there,
// too. Where something lies already, the mailbox gets another path.
func (s *exportState) take(st *mailboxState) error {
	for !st.Taken {
		name := s.file(st.Path)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		var err error
		if s.Format == FormatMbox {
			var f *os.File
			if f, err = os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
				err = f.Close()
			}
		} else if st.Path != "." {
			err = os.Mkdir(name, 0o700)
		}
		if errors.Is(err, fs.ErrExist) && !s.begun(st) {
			s.place(st)
			continue
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		st.Taken = true
	}
	return nil
}

// begun reports whether what lies at a mailbox's path was made by a run that
// was cut short before it could note that: an empty one, at the path chosen
// then, and no other mailbox's.
func (s *exportState) begun(st *mailboxState) bool {
	name := s.file(st.Path)
	info, err := os.Lstat(name)
	switch {
	case err != nil:
		return false
	case info.IsDir() && s.above(st.Path):
		return s.Format == FormatEML
	case st.fresh:
		return false
	case s.Format == FormatMbox:
		if !info.Mode().IsRegular() || info.Size() > 0 {
			return false
		}
	default:
		if entries, err := os.ReadDir(name); err != nil || len(entries) > 0 {
			return false
		}
	}
	for _, m := range s.Mailboxes {
		if m.Taken {
			if other, err := os.Lstat(s.file(m.Path)); err == nil && os.SameFile(info, other) {
				return false
			}
		}
	}
	return true
}

// pathOf gives where a mailbox goes.
func (s *exportState) pathOf(name, suffix string) string {
	levels := strings.Split(name, "/")
	for i, l := range levels {
		levels[i] = portable(l)
	}
	last := &levels[len(levels)-1]
	*last = strings.TrimRight(cutText(*last, maxFileName-len(suffix)), ". ") + suffix
	switch s.Format {
	case FormatMbox:
		for i, l := range levels[:len(levels)-1] {
			if strings.HasSuffix(foldName(l), ".mbox") { // which is another mailbox's file
				levels[i] = l + "_"
			}
		}
		return path.Join(levels...) + ".mbox"
	case FormatEML:
		return path.Join(levels...)
	}
	if name == inbox && suffix == "" {
		return "."
	}
	for i, l := range levels {
		levels[i] = wire.EncodeUTF7(strings.ReplaceAll(l, ".", "_"))
	}
	p := "." + strings.Join(levels, ".")
	if len(p) > maxFileName {
		p = strings.TrimRight(p[:maxFileName-len(suffix)-12], "&.") + "_" + shortHash(name) + suffix
	}
	return p
}
