package exchange

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"heimpost/imapd/wire"
)

// tree is mail in files: one file, or a folder with all below it.
type tree struct {
	root *os.Root
	dir  string // what root is, for people
	top  string // the folder or file that is the source, below root
	base string // its name, where that names a mailbox; "" is INBOX

	folders  []Folder
	byPath   map[string]int
	skipped  []Skip
	failures []Skip
}

// piece is a part of a folder: where its mails are.
type piece struct {
	kind  pieceKind
	path  string   // below the root, with '/'
	names []string // of a folder's mails
}

type pieceKind int

const (
	mailFile   pieceKind = iota // one mail
	mailFolder                  // a folder of such files
	mboxFile
	maildir
)

// maxSkips bounds how many names of what is passed over are kept.
const maxSkips = 1000

// headSize is how much of a file tells what it is.
const headSize = 2 << 10

// openTree opens a file or folder as a source.
func openTree(ctx context.Context, name string) (_ *tree, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	t := &tree{dir: name, top: ".", base: mailboxName(filepath.Base(name)), byPath: map[string]int{}}
	if !info.IsDir() {
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is neither a file nor a folder", name)
		}
		t.dir, t.top = filepath.Dir(name), filepath.Base(name)
	}
	if t.root, err = os.OpenRoot(t.dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			t.root.Close()
		}
	}()
	if info.IsDir() {
		return t, t.walk(ctx, t.top, nil, 0)
	}
	kind, ok, err := t.recognise(t.top)
	if err == nil && !ok {
		err = fmt.Errorf("%s is no mail, no mbox file and no folder of mail", name)
	}
	if err != nil {
		return nil, err
	}
	if kind == mailFile {
		t.base = ""
	}
	t.add(nil, piece{kind: kind, path: t.top}, estimate(kind, info.Size()))
	return t, nil
}

func (t *tree) Close() error { return t.root.Close() }

func (t *tree) Folders(context.Context) ([]Folder, error) { return t.folders, nil }

// local gives a path as this system writes it.
func local(p string) string { return filepath.FromSlash(p) }

// where names a path for people.
func (t *tree) where(p string) string { return filepath.Join(t.dir, local(p)) }

func (t *tree) skip(p, why string) {
	if len(t.skipped) < maxSkips {
		t.skipped = append(t.skipped, Skip{t.where(p), why})
	}
}

func (t *tree) fail(p string, err error) {
	if len(t.failures) < maxSkips {
		t.failures = append(t.failures, Skip{t.where(p), plain(err)})
	}
}

// plain says an error of the file system without the path in it.
func plain(err error) string {
	var e *fs.PathError
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "the user that heimpost runs as may not read it"
	case errors.As(err, &e):
		return e.Err.Error()
	}
	return err.Error()
}

// estimate guesses how many mails a file holds: for a bar that shows how far
// the reading is.
func estimate(kind pieceKind, size int64) int {
	if kind == mboxFile {
		return int(size/50_000) + 1
	}
	return 1
}

// add adds a piece to the folder of a path.
func (t *tree) add(at []string, p piece, mails int) {
	key := strings.Join(at, "\x00")
	i, known := t.byPath[key]
	if !known {
		if len(t.folders) == maxFolders {
			t.fail(p.path, fmt.Errorf("there are more than %d folders", maxFolders))
			return
		}
		i = len(t.folders)
		t.byPath[key] = i
		t.folders = append(t.folders, Folder{Path: slices.Clone(at)})
	}
	t.folders[i].pieces = append(t.folders[i].pieces, p)
	t.folders[i].Mails += mails
}

func (t *tree) entries(dir string) ([]fs.DirEntry, error) { return fs.ReadDir(t.root.FS(), dir) }

// regular reports whether an entry is a file; what is neither file nor folder
// is passed over.
func (t *tree) regular(dir string, e fs.DirEntry) bool {
	switch {
	case e.Type().IsRegular():
		return true
	case e.Type()&fs.ModeSymlink != 0:
		t.skip(path.Join(dir, e.Name()), "a link: name what it leads to as a source of its own")
	case !e.IsDir():
		t.skip(path.Join(dir, e.Name()), "not a file")
	}
	return false
}

var (
	// notMail are names of files that mail programs keep beside the mail: if
	// they hold none, nobody misses them.
	notMail = regexp.MustCompile(`(?i)^(.*\.(msf|dat|json|jsonl|html|log|lock|plist|sqlite|db|bak|cmeta|ev-summary|ibex\.index.*|index(\.ids|\.sorted)?)|dovecot.*|courier.*|subscriptions|maildirfolder|maildirsize|table_of_contents|heimpost-export\.json|thumbs\.db|desktop\.ini)$`)
	// numbered are the names of mails in MH's folders.
	numbered = regexp.MustCompile(`^\d+$`)
)

// walk finds the mail in a folder and below it.
func (t *tree) walk(ctx context.Context, dir string, at []string, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := t.entries(dir)
	if err != nil {
		if depth == 0 {
			return fmt.Errorf("%s: %s", t.dir, plain(err))
		}
		t.fail(dir, err)
		return nil
	}
	if depth > maxDepth {
		t.fail(dir, fmt.Errorf("it lies more than %d folders deep", maxDepth))
		return nil
	}
	isDir := isMaildir(entries, strings.HasPrefix(path.Base(dir), ".") && dir != ".")
	if isDir {
		if depth == 0 {
			t.base = "" // a Maildir is an INBOX
		}
		n := 0
		for _, sub := range []string{"cur", "new"} {
			files, err := t.entries(path.Join(dir, sub))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.fail(path.Join(dir, sub), err)
			}
			n += len(files)
		}
		t.add(at, piece{kind: maildir, path: dir}, n)
	}
	var mails []string
	for _, e := range entries {
		name, p := e.Name(), path.Join(dir, e.Name())
		if e.IsDir() {
			if isDir && (name == "cur" || name == "new" || name == "tmp") {
				continue
			}
			below, ok := t.below(p, name, at)
			if !ok {
				continue
			}
			if err := t.walk(ctx, p, below, depth+1); err != nil {
				return err
			}
			continue
		}
		if strings.HasPrefix(name, ".") || !t.regular(dir, e) {
			continue
		}
		if strings.EqualFold(path.Ext(name), ".eml") {
			mails = append(mails, name)
			continue
		}
		info, err := e.Info()
		if err == nil && info.Size() == 0 {
			continue // an mbox file without a mail, or nothing at all
		}
		var kind pieceKind
		var ok bool
		if err == nil {
			kind, ok, err = t.recognise(p)
		}
		switch {
		case err != nil:
			t.fail(p, err)
		case (!ok || kind == mailFile) && notMail.MatchString(name):
		case !ok:
			t.skip(p, "not recognised as mail")
		case kind == mailFile && numbered.MatchString(name):
			mails = append(mails, name)
		case kind == mailFile:
			t.skip(p, "a mail without the ending .eml")
		case name == "mbox" && strings.HasSuffix(dir, ".mbox") || name == "mbox" && depth == 0:
			t.add(at, piece{kind: mboxFile, path: p}, estimate(kind, info.Size())) // Apple Mail: X.mbox/mbox is X
		default:
			t.add(append(slices.Clip(at), mailboxName(name)), piece{kind: mboxFile, path: p}, estimate(kind, info.Size()))
		}
	}
	if len(mails) > 0 {
		t.add(at, piece{mailFolder, dir, mails}, len(mails))
	}
	return nil
}

// below gives the path of what is in a subfolder; ok is false for one without
// mail of ours.
func (t *tree) below(p, name string, at []string) (path []string, ok bool) {
	if rest, is := strings.CutPrefix(name, "."); is {
		if of, is := strings.CutSuffix(rest, ".directory"); is && of != "" {
			return append(slices.Clip(at), of), true // KMail: what lies below the folder beside it
		}
		// Maildir++: .A.B is B below A, in modified UTF-7.
		entries, err := t.entries(p)
		if err != nil || !isMaildir(entries, true) {
			t.skip(p, "a hidden folder")
			return nil, false
		}
		for level := range strings.SplitSeq(rest, ".") {
			if plain, err := wire.DecodeUTF7(level); err == nil {
				level = plain
			}
			at = append(slices.Clip(at), level)
		}
		return at, true
	}
	if strings.EqualFold(name, ".sbd") || strings.HasSuffix(strings.ToLower(name), ".mozmsgs") {
		return nil, false
	}
	return append(slices.Clip(at), mailboxName(name)), true
}

// mailboxName gives the mailbox that a file or folder of a name is.
func mailboxName(name string) string {
	for _, end := range []string{".sbd", ".mbox", ".mbx", ".eml"} {
		if n := len(name) - len(end); n > 0 && strings.EqualFold(name[n:], end) {
			return name[:n]
		}
	}
	return name
}

var errNoFile = errors.New("it is no file any more")

// openFile opens a file, and nothing else: a link is not followed, a pipe not
// waited for, even if it has taken the file's place just now.
func openFile(root *os.Root, p string) (*os.File, fs.FileInfo, error) {
	before, err := root.Lstat(local(p))
	if err != nil {
		return nil, nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, nil, errNoFile
	}
	flag := os.O_RDONLY
	if runtime.GOOS != "windows" {
		flag |= syscall.O_NONBLOCK // opening a pipe does not wait for a writer
	}
	f, err := root.OpenFile(local(p), flag, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !(info.Mode().IsRegular() && os.SameFile(before, info)) {
		err = errNoFile
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// recognise tells what a file is by how it begins.
func (t *tree) recognise(p string) (kind pieceKind, ok bool, err error) {
	f, _, err := openFile(t.root, p)
	if err != nil {
		return 0, false, err
	}
	defer f.Close()
	head := make([]byte, headSize)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, false, err
	}
	head = head[:n]
	switch {
	case isMbox(head):
		return mboxFile, true, nil
	case strings.EqualFold(path.Ext(p), ".eml"), fieldLine.Match(head):
		return mailFile, true, nil
	}
	return mboxFile, n == 0, nil
}

// file makes the mail of a file.
func (t *tree) file(p string) *Mail {
	m := &Mail{Where: t.where(p)}
	info, err := t.root.Lstat(local(p))
	if err == nil && !info.Mode().IsRegular() {
		err = errNoFile
	}
	if err != nil {
		m.Err = errors.New(plain(err))
		return m
	}
	m.Size, m.Fallback = info.Size(), info.ModTime()
	m.Open = func() (io.ReadCloser, error) {
		f, _, err := openFile(t.root, p)
		return f, err
	}
	return m
}

// PassedOver tells what is no mail, and what could not be read at all.
func (t *tree) PassedOver() (skipped, failed []Skip) { return t.skipped, t.failures }

func (t *tree) Read(ctx context.Context, f Folder, _ func(*Mail) bool, fn func(*Mail) error) error {
	var errs []error
	for _, p := range f.pieces {
		err := t.readPiece(ctx, p, fn)
		var reading readError
		if errors.As(err, &reading) {
			errs = append(errs, fmt.Errorf("%s: %s", t.where(p.path), plain(err)))
			continue
		}
		if err != nil {
			return err
		}
	}
	if len(errs) > 0 {
		return readError{errors.Join(errs...)}
	}
	return nil
}

func (t *tree) readPiece(ctx context.Context, p piece, fn func(*Mail) error) error {
	switch p.kind {
	case maildir:
		return t.readMaildir(ctx, p.path, fn)
	case mboxFile:
		return t.readMbox(ctx, p.path, fn)
	case mailFile:
		return fn(t.eml(p.path))
	}
	for _, name := range p.names {
		if err := cmp.Or(ctx.Err(), fn(t.eml(path.Join(p.path, name)))); err != nil {
			return err
		}
	}
	return nil
}

// emlTime is how the name of a file begins that Export has written.
const emlTime = "2006-01-02 1504"

// eml makes the mail of an .eml file. One that Export has written has its date
// in its time, which is believed as long as it fits the name: the name tells
// the time in the mail's own zone.
func (t *tree) eml(p string) *Mail {
	m := t.file(p)
	name := path.Base(p)
	if m.Err != nil || len(name) < len(emlTime) {
		return m
	}
	minute, err := time.Parse(emlTime, name[:len(emlTime)])
	if err != nil {
		return m
	}
	zone := minute.Sub(m.Fallback.UTC().Truncate(time.Minute))
	if zone.Abs() <= 14*time.Hour && zone%(15*time.Minute) == 0 {
		m.Date = m.Fallback.In(time.FixedZone("", int(zone.Seconds())))
	} else {
		m.Fallback = minute
	}
	return m
}

// readMbox reads the mails of an mbox file.
func (t *tree) readMbox(ctx context.Context, p string, fn func(*Mail) error) error {
	f, info, err := openFile(t.root, p)
	if err != nil {
		return readError{err}
	}
	defer f.Close()
	return scanMbox(ctx, f, info.Size(), func(b mboxMail) error {
		if b.marks.gone {
			return nil
		}
		return fn(&Mail{
			Where: fmt.Sprintf("%s at byte %d", t.where(p), b.start), Flags: b.marks.flags,
			Date: b.date, Fallback: cmp.Or(b.written, info.ModTime()), Size: b.end - b.start,
			Open: func() (io.ReadCloser, error) { return io.NopCloser(b.body(f)), nil },
		})
	})
}
