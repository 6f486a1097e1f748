package store

// This plain disk half lets the index half run; it keeps no state logs, sets
// no orphans aside and normalises nothing.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/emersion/go-imap/v2"

	"heimpost/message"
)

type mailFileName struct {
	mailbox ID
	uid     uint32
	fileInfo
}

type disk struct {
	dir   string
	boxID ID
	wg    sync.WaitGroup
	max   int64
}

type osfs struct{ FS }

func (osfs) Stat(n string) (fs.FileInfo, error) { return os.Stat(n) }

var OSFS FS = osfs{}

func createDisk(dir string, id ID, o Options) error {
	if err := os.MkdirAll(filepath.Join(dir, "mail", "tmp"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "box.json"), []byte(id), 0o600)
}

func openDisk(ctx context.Context, dir string, o Options) (*disk, error) {
	id, err := os.ReadFile(filepath.Join(dir, "box.json"))
	if err != nil {
		return nil, ErrNotABox
	}
	return &disk{dir: dir, boxID: ID(id), max: o.MaxMessage}, nil
}

func (d *disk) id() ID                       { return d.boxID }
func (d *disk) setNames(map[ID]string) error { return nil }
func (d *disk) stop() error                  { d.wg.Wait(); return nil }
func (d *disk) close() error                 { return nil }
func (d *disk) mailDir(id ID) string         { return filepath.Join(d.dir, "mail", string(id)) }

func (d *disk) path(n mailFileName) string {
	return filepath.Join(d.mailDir(n.mailbox), fmt.Sprint(n.uid/1000), fmt.Sprintf("%d-%d-%d-%x.eml", n.uid, n.date.Unix(), n.size, n.hash))
}

type mailboxFile struct {
	d      *disk
	id     ID
	mu     sync.Mutex
	UID    uint32
	ModSeq uint64
	Name   string
}

func (f *mailboxFile) write() error {
	b, _ := json.Marshal(f)
	return os.WriteFile(filepath.Join(f.d.mailDir(f.id), "mailbox.json"), b, 0o600)
}

func (d *disk) createMailbox(id ID, name string, use imap.MailboxAttr, validity uint32) (*mailboxFile, error) {
	if err := os.MkdirAll(d.mailDir(id), 0o700); err != nil {
		return nil, err
	}
	f := &mailboxFile{d: d, id: id, Name: name}
	return f, f.write()
}

func (d *disk) openMailbox(id ID, name string, use imap.MailboxAttr, validity uint32) (*mailboxFile, error) {
	b, err := os.ReadFile(filepath.Join(d.mailDir(id), "mailbox.json"))
	if err != nil {
		return nil, err
	}
	f := &mailboxFile{d: d, id: id}
	return f, json.Unmarshal(b, f)
}

func (d *disk) setAside(f *mailboxFile, uidNext uint32) error { return nil }

func (f *mailboxFile) reserve(uid uint32, modseq uint64) error {
	if uid <= f.UID && modseq <= f.ModSeq {
		return nil
	}
	if uid > f.UID {
		f.UID = uid + 1000
	}
	if modseq > f.ModSeq {
		f.ModSeq = modseq + 1000
	}
	return f.write()
}
func (f *mailboxFile) exact(uid uint32, modseq uint64) error {
	f.UID, f.ModSeq = uid, modseq
	return f.write()
}
func (f *mailboxFile) marks() (uint32, uint64) { return f.UID, f.ModSeq }
func (f *mailboxFile) rename(name string) error {
	f.Name = name
	return f.write()
}
func (f *mailboxFile) logFlags([]Entry, Keywords)   {}
func (f *mailboxFile) logExpunged(imap.UIDSet)      {}
func (f *mailboxFile) logMoved(to ID, moved Copied) {}
func (f *mailboxFile) logUIDL(UIDL)                 {}

func (d *disk) syncFiles(ctx context.Context, mails []*Incoming) error {
	for _, in := range mails {
		if err := in.f.Sync(); err != nil {
			return err
		}
	}
	return nil
}

func (d *disk) place(in *Incoming, id ID, uid uint32, f fileInfo) (string, error) {
	to := d.path(mailFileName{id, uid, f})
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return "", err
	}
	in.placed = true
	in.f.Close()
	return filepath.Dir(to), os.Rename(in.f.Name(), to)
}

func (d *disk) link(from ID, fromUID uint32, toID ID, uid uint32, f fileInfo) (string, error) {
	to := d.path(mailFileName{toID, uid, f})
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return "", err
	}
	return filepath.Dir(to), os.Link(d.path(mailFileName{from, fromUID, f}), to)
}

func (d *disk) syncDirs(dirs map[string]bool) error {
	for dir := range dirs {
		f, err := os.Open(dir)
		if err != nil {
			return err
		}
		err = f.Sync()
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *disk) removeLater(names []mailFileName, done func()) {
	d.wg.Add(1)
	go func() {
		defer d.wg.Done()
		for _, n := range names {
			os.Remove(d.path(n))
		}
		if done != nil {
			done()
		}
	}()
}

func (d *disk) removeMailboxLater(id ID, done func()) {
	d.wg.Add(1)
	go func() {
		defer d.wg.Done()
		os.RemoveAll(d.mailDir(id))
		if done != nil {
			done()
		}
	}()
}

func (d *disk) collectLeft(id ID, uids string, done func()) { done() }

type openFile struct {
	*os.File
	size int64
}

func (f openFile) Size() int64 { return f.size }

func (d *disk) openMail(n mailFileName) (MailFile, error) {
	f, err := os.Open(d.path(n))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrExpunged
	}
	return openFile{f, n.size}, err
}

// --- incoming

func (b *Box) NewIncoming() (*Incoming, error) {
	f, err := os.CreateTemp(filepath.Join(b.disk.dir, "mail", "tmp"), "in")
	if err != nil {
		return nil, err
	}
	return &Incoming{tmpIncoming: &tmpIncoming{f: f, h: sha256.New()}}, nil
}

func (in *Incoming) Write(p []byte) (int, error) {
	in.size += int64(len(p))
	in.h.Write(p)
	in.buf.Write(p)
	return in.f.Write(p)
}
func (in *Incoming) Finish() (*message.Message, error) {
	head, _, _ := strings.Cut(in.buf.String(), "\r\n\r\n")
	var subject string
	for _, l := range strings.Split(head, "\r\n") {
		if s, ok := strings.CutPrefix(l, "Subject: "); ok {
			subject = s
		}
	}
	in.msg = &message.Message{Header: []byte(head), HeaderComplete: true, Envelope: []byte("(" + subject + ")"), BodyStructure: []byte("(X)"), Subject: subject, Root: &message.Part{}}
	return in.msg, nil
}
func (in *Incoming) Hash() (h [32]byte) { in.h.Sum(h[:0]); return }
func (in *Incoming) Abort() {
	if !in.placed {
		in.placed = true
		in.f.Close()
		os.Remove(in.f.Name())
	}
}

type tmpIncoming struct {
	f      *os.File
	h      hash.Hash
	buf    bytes.Buffer
	msg    *message.Message
	size   int64
	placed bool
}

var _ io.Writer = (*Incoming)(nil)
