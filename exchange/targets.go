package exchange

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/message"
	"heimpost/store"
)

// copyWhole copies a mail and proves that it is the one that came; what is
// wrong with reading is a readError.
func copyWhole(to io.Writer, m *store.Mail, f store.MailFile) error {
	sum := sha256.New()
	buf := make([]byte, 64<<10)
	for at := int64(0); at < f.Size(); {
		n, err := f.ReadAt(buf[:min(int64(len(buf)), f.Size()-at)], at)
		if err != nil && !errors.Is(err, io.EOF) || n == 0 {
			return readError{errors.Join(errors.New("its file cannot be read"), err)}
		}
		sum.Write(buf[:n])
		if _, err := to.Write(buf[:n]); err != nil {
			return err
		}
		at += int64(n)
	}
	if [32]byte(sum.Sum(nil)) != m.Hash {
		return readError{errors.New("its file is damaged (heimpost verify says more)")}
	}
	return nil
}

// folderTarget writes each mail as a file.
type folderTarget struct {
	dir   string // whose names are to be synced
	parts []part
}

// put writes a mail as a file that goes to its place at the commit.
func (t *folderTarget) put(tmp, to string, m *store.Mail, f store.MailFile, through func(io.Writer) flusher) error {
	out, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	p := part{out, tmp, to, m.Date}
	w := through(out)
	if err := copyWhole(w, m, f); err != nil {
		drop([]part{p})
		return err
	}
	if err := w.Flush(); err != nil {
		drop([]part{p})
		return err
	}
	t.parts = append(t.parts, p)
	return nil
}

func (t *folderTarget) commit() error {
	parts := t.parts
	t.parts = nil
	if err := settle(parts); err != nil {
		return err
	}
	return syncDir(t.dir)
}

func (t *folderTarget) close() error {
	drop(t.parts)
	t.parts = nil
	return nil
}

// maildirTarget is a Maildir.
type maildirTarget struct {
	folderTarget
	root        string
	uidValidity uint32
	info        string          // ":2,", or what the file system takes instead
	there       map[string]bool // names without marks
	keywords    []string        // by their letters
	changed     bool            // they are to be written
}

// keywordLetters is how many keywords a Maildir can name.
const keywordLetters = 26

func openMaildirTarget(dir string, uidValidity uint32) (*maildirTarget, error) {
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	t := &maildirTarget{folderTarget: folderTarget{dir: filepath.Join(dir, "cur")}, root: dir, uidValidity: uidValidity, info: ":2,", there: map[string]bool{}}
	// Windows' file systems take no ':', wherever they are mounted.
	probe := filepath.Join(dir, "tmp", "heimpost:2,")
	if f, err := os.OpenFile(probe, os.O_CREATE|os.O_WRONLY, 0o600); err != nil || runtime.GOOS == "windows" {
		t.info = ";2,"
		if err == nil {
			f.Close()
		}
	} else if err := errors.Join(f.Close(), os.Remove(probe)); err != nil {
		return nil, err
	}
	for _, sub := range []string{"cur", "new"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			base, _ := cutInfo(e.Name())
			t.there[base] = true
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	for _, k := range maildirKeywords(root, ".") {
		t.keywords = append(t.keywords, string(k))
	}
	for len(t.keywords) > 0 && t.keywords[len(t.keywords)-1] == "" {
		t.keywords = t.keywords[:len(t.keywords)-1]
	}
	return t, errors.Join(syncDir(dir), syncDir(filepath.Dir(dir)))
}

// base is a mail's name without its marks.
func (t *maildirTarget) base(e store.Entry, m *store.Mail) string {
	return fmt.Sprintf("%d.V%dU%d.heimpost", m.Date.Unix(), t.uidValidity, e.UID)
}

func (t *maildirTarget) has(e store.Entry, m *store.Mail) (bool, error) {
	return t.there[t.base(e, m)], nil
}

func (t *maildirTarget) write(e store.Entry, m *store.Mail, f store.MailFile, flags []imap.Flag) error {
	base := t.base(e, m)
	name := base + t.info + t.letters(flags)
	return t.put(filepath.Join(t.root, "tmp", base), filepath.Join(t.dir, name), m, f, func(w io.Writer) flusher { return newUnixLines(w, false) })
}

// letters gives the marks in a mail's name.
func (t *maildirTarget) letters(flags []imap.Flag) string {
	var system, words []byte
	for _, f := range maildirFlags {
		if hasFlag(flags, f.flag) {
			system = append(system, f.letter)
		}
	}
	for _, f := range flags {
		if _, is := store.SystemFlag(f); is || strings.EqualFold(string(f), string(imap.FlagForwarded)) {
			continue
		}
		i := 0
		for i < len(t.keywords) && !strings.EqualFold(t.keywords[i], string(f)) {
			i++
		}
		if i == len(t.keywords) && i < keywordLetters {
			t.keywords, t.changed = append(t.keywords, string(f)), true
		}
		if i < keywordLetters {
			words = append(words, 'a'+byte(i))
		}
	}
	sortBytes(words)
	return string(system) + string(words)
}

// commit writes the keywords' letters before the names that hold them.
func (t *maildirTarget) commit() error {
	if t.changed {
		var b strings.Builder
		for i, k := range t.keywords {
			fmt.Fprintf(&b, "%d %s\n", i, k)
		}
		name := filepath.Join(t.root, keywordsFile)
		f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = f.WriteString(b.String())
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return err
		}
		if err := os.Rename(name+".new", name); err != nil {
			return err
		}
		if err := syncDir(t.root); err != nil {
			return err
		}
		t.changed = false
	}
	return t.folderTarget.commit()
}

func hasFlag(flags []imap.Flag, f imap.Flag) bool {
	for _, g := range flags {
		if strings.EqualFold(string(g), string(f)) {
			return true
		}
	}
	return false
}

func sortBytes(b []byte) {
	for i := range b {
		for j := i; j > 0 && b[j] < b[j-1]; j-- {
			b[j], b[j-1] = b[j-1], b[j]
		}
	}
}

// emlTarget is a folder for people.
type emlTarget struct {
	folderTarget
	taken map[string]bool // names given in this run, as foldName has them
	n     int
}

func openEMLTarget(dir string) (*emlTarget, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &emlTarget{folderTarget: folderTarget{dir: dir}, taken: map[string]bool{}}, syncDir(filepath.Dir(dir))
}

// names gives the n-th name for a mail, from 1.
func (t *emlTarget) name(m *store.Mail, n int) string {
	subject := portable(cutText(portable(message.DecodeHeader(field(unfolded(m.Header), "Subject"))), maxSubject))
	if subject == "_" {
		subject = "(no subject)"
	}
	name := m.Date.Format(emlTime) + " " + subject
	if n > 1 {
		name += fmt.Sprintf(" (%d)", n)
	}
	return name + ".eml"
}

// has looks whether a run that was cut short has written this mail: a file of
// one of its names that holds it, and is no other mail's.
func (t *emlTarget) has(_ store.Entry, m *store.Mail) (bool, error) {
	for n := 1; ; n++ {
		name := t.name(m, n)
		info, err := os.Lstat(filepath.Join(t.dir, name))
		if errors.Is(err, fs.ErrNotExist) && !t.taken[foldName(name)] {
			return false, nil
		}
		if t.taken[foldName(name)] || err != nil || !info.Mode().IsRegular() || info.Size() != m.Size {
			continue
		}
		f, err := os.Open(filepath.Join(t.dir, name))
		if err != nil {
			return false, err
		}
		sum := sha256.New()
		_, err = io.Copy(sum, f)
		f.Close()
		if err != nil {
			return false, err
		}
		if [32]byte(sum.Sum(nil)) == m.Hash {
			t.taken[foldName(name)] = true
			return true, nil
		}
	}
}

func (t *emlTarget) write(_ store.Entry, m *store.Mail, f store.MailFile, _ []imap.Flag) error {
	var name string
	for n := 1; ; n++ {
		name = t.name(m, n)
		if t.taken[foldName(name)] {
			continue
		}
		if _, err := os.Lstat(filepath.Join(t.dir, name)); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return err
		}
	}
	t.n++
	err := t.put(filepath.Join(t.dir, fmt.Sprintf(".heimpost-%d.part", t.n)), filepath.Join(t.dir, name), m, f, func(w io.Writer) flusher { return bufio.NewWriterSize(w, 64<<10) })
	if err == nil {
		t.taken[foldName(name)] = true
	}
	return err
}

// mboxTarget is an mbox file.
type mboxTarget struct {
	st   *mailboxState
	f    *os.File
	w    *bufio.Writer
	size int64
	dir  string
}

func openMboxTarget(st *mailboxState, path string) (*mboxTarget, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	how := os.O_RDWR
	if info, err := os.Lstat(path); err == nil {
		switch {
		case !info.Mode().IsRegular():
			return nil, &changedError{"it is no file"}
		case info.Size() < st.Size:
			return nil, &changedError{"it is shorter"}
		case st.Complete && info.Size() != st.Size:
			return nil, &changedError{"it is longer"}
		}
	} else if st.Size > 0 && errors.Is(err, fs.ErrNotExist) {
		return nil, &changedError{"it is gone"}
	} else {
		how |= os.O_CREATE | os.O_EXCL
	}
	f, err := os.OpenFile(path, how, 0o600)
	if err != nil {
		return nil, err
	}
	t := &mboxTarget{st: st, f: f, w: bufio.NewWriterSize(f, 256<<10), size: st.Size, dir: filepath.Dir(path)}
	if err := t.back(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return t, nil
}

// back cuts off what was begun and not finished.
func (t *mboxTarget) back() error {
	t.w.Reset(t.f)
	if err := t.f.Truncate(t.size); err != nil {
		return err
	}
	_, err := t.f.Seek(t.size, io.SeekStart)
	return err
}

func (t *mboxTarget) has(store.Entry, *store.Mail) (bool, error) { return false, nil }

func (t *mboxTarget) write(_ store.Entry, m *store.Mail, f store.MailFile, flags []imap.Flag) error {
	// The mails of this batch that are whole stay.
	if err := t.w.Flush(); err != nil {
		return err
	}
	w := newUnixLines(t.w, true)
	fmt.Fprintf(t.w, "From MAILER-DAEMON %s\n%s", m.Date.UTC().Format(time.ANSIC), ownMarks(flags))
	var ends [1]byte
	cut := f.Size() == 0
	if !cut {
		if _, err := f.ReadAt(ends[:], f.Size()-1); err != nil && !errors.Is(err, io.EOF) {
			return errors.Join(readError{err}, t.back())
		}
		cut = ends[0] != '\n'
	}
	begin := make([]byte, len(noLineEnd))
	n, _ := f.ReadAt(begin, 0)
	switch {
	case cut:
		fmt.Fprintf(t.w, "%s: yes\n", noLineEnd)
	case string(begin[:n]) == noLineEnd:
		fmt.Fprintf(t.w, "%s: no\n", noLineEnd)
	}
	err := copyWhole(w, m, f)
	if err == nil {
		err = w.Flush()
	}
	if err == nil && cut {
		err = t.w.WriteByte('\n')
	}
	if err == nil {
		err = t.w.WriteByte('\n')
	}
	if err == nil {
		err = t.w.Flush()
	}
	if err != nil {
		return errors.Join(err, t.back())
	}
	t.size, err = t.f.Seek(0, io.SeekCurrent)
	return err
}

// ownMarks gives the fields before a mail that hold its marks.
func ownMarks(flags []imap.Flag) string {
	status, x := "O", ""
	var words []string
	for _, f := range flags {
		switch strings.ToLower(string(f)) {
		case `\seen`:
			status = "RO"
		case `\answered`:
			x += "A"
		case `\flagged`:
			x += "F"
		case `\draft`:
			x += "T"
		case `\deleted`:
			x += "D"
		default:
			words = append(words, string(f))
		}
	}
	return "Status: " + status + "\nX-Status: " + x + "\nX-Keywords: " + strings.Join(words, " ") + "\n"
}

func (t *mboxTarget) commit() error {
	if err := t.f.Sync(); err != nil {
		return err
	}
	t.st.Size = t.size
	return syncDir(t.dir)
}

func (t *mboxTarget) close() error { return t.f.Close() }
