package store

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
)

// hintedFS tells which mails' files were hinted to be read.
type hintedFS struct {
	FS
	mu    sync.Mutex
	open  int
	known bool // say that it was all in memory
	hints chan imap.UID
}

type hintedFile struct {
	File
	fs  *hintedFS
	uid imap.UID
}

func (h *hintedFS) Open(name string) (File, error) {
	f, err := h.FS.Open(name)
	n, isMail := parseBase("", filepath.Base(name))
	if err != nil || !isMail {
		return f, err
	}
	h.mu.Lock()
	h.open++
	h.mu.Unlock()
	return hintedFile{f, h, imap.UID(n.uid)}, nil
}

func (f hintedFile) StartRead(int64) bool {
	f.fs.hints <- f.uid
	return !f.fs.known
}

func (f hintedFile) Close() error {
	f.fs.mu.Lock()
	f.fs.open--
	f.fs.mu.Unlock()
	return f.File.Close()
}

// hintedBox makes a box with n mails of size octets.
func hintedBox(t *testing.T, n, size int) (*Mailbox, *hintedFS) {
	dir, files := filepath.Join(memDir(t), "box"), &hintedFS{FS: OSFS, hints: make(chan imap.UID, 10*n)}
	if err := CreateBox(dir, NewID(), Options{}); err != nil {
		t.Fatal(err)
	}
	b, err := OpenBox(ctx, dir, Options{FS: files})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeBox(t, b) })
	v := b.View(ViewOptions{})
	appendMails(t, v, inbox, slices.Repeat([]string{strings.Repeat("a", size)}, n)...)
	return open(t, v, inbox), files
}

// While a mail is being answered, the files of those that come next are read,
// each once, and not more of them than was agreed.
func TestFilesAhead(t *testing.T) {
	for _, c := range []struct{ n, size, first int }{
		{n: 100, size: 10, first: aheadFiles},
		{n: 20, size: aheadFirst + 10, first: aheadBytes / aheadFirst},
	} {
		t.Run(fmt.Sprint(c.size), func(t *testing.T) {
			m, files := hintedBox(t, c.n, c.size)
			at, asked := imap.UID(0), imap.UID(1)
			wait := func() {
				select {
				case uid := <-files.hints:
					if uid <= asked || uid <= at || int(uid-at) > c.first {
						t.Errorf("%d is read ahead at %d, after %d", uid, at, asked)
					}
					asked = uid
				case <-time.After(time.Minute):
					t.Fatalf("nothing is read ahead at %d, after %d", at, asked)
				}
			}
			err := m.Mails(ctx, allEntries(m), FieldFile, func(e Entry, _ *Mail) error {
				at = e.UID
				if at == 1 {
					for range c.first {
						wait()
					}
				}
				for int(asked) < min(int(at)+c.first/2, c.n) {
					wait()
				}
				return nil
			})
			if err != nil || int(asked) != c.n || len(files.hints) > 0 || files.open != 0 {
				t.Errorf("%v; the last was %d, %d more, %d files are open", err, asked, len(files.hints), files.open)
			}
		})
	}
}

// What is in memory is not asked for again and again.
func TestFilesAheadKnown(t *testing.T) {
	m, files := hintedBox(t, 200, 10)
	files.known = true
	for _, f := range []Fields{0, FieldFile} {
		if err := m.Mails(ctx, allEntries(m), f, func(Entry, *Mail) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if n := len(files.hints); f == 0 && n > 0 || n > aheadFiles+200/aheadFiles {
			t.Errorf("%d files were asked for", n)
		}
	}
}

// Who stops early leaves nothing behind.
func TestFilesAheadStop(t *testing.T) {
	m, files := hintedBox(t, 100, 10)
	stop := fmt.Errorf("stop")
	if err := m.Mails(ctx, allEntries(m), FieldFile, func(Entry, *Mail) error { return stop }); err != stop || files.open != 0 {
		t.Errorf("%v, %d files are open", err, files.open)
	}
}
