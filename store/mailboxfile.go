package store

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/emersion/go-imap/v2"
)

const (
	mailboxFileName = "mailbox.json"
	stateLogName    = "state.log"
)

const (
	// markStep is by how much the marks are raised at a time.
	markStep = 1000
	// lostMarks is how far counting skips ahead where a mailbox.json was lost
	// and with it the marks: further than anybody counts between two commits
	// that the disk keeps.
	lostMarks = 1 << 20
	// maxUID is the last UID that is given: UIDNEXT is above it and is one of
	// 32 bits, too.
	maxUID = 1<<32 - 2
)

// mailboxJSON is mailbox.json.
type mailboxJSON struct {
	Version     int              `json:"version"`
	Name        string           `json:"name"`
	SpecialUse  imap.MailboxAttr `json:"special_use,omitempty"`
	UIDValidity uint32           `json:"uidvalidity"`
	// No UID and no mod-sequence above these was ever given.
	UIDMark    uint32 `json:"uid_mark"`
	ModSeqMark uint64 `json:"modseq_mark"`
	// Scoped are UIDs of entries that exist for one device only, or did; who
	// it is says state.log.
	Scoped string `json:"scoped,omitempty"`
}

// mailboxFile is a mailbox's folder on the disk beside its mails:
// mailbox.json and state.log.
type mailboxFile struct {
	*stateLog
	d  *disk
	id ID

	mu sync.Mutex
	mailboxJSON
	unsure bool // a write failed: which version the disk has is not known
}

func (d *disk) newMailboxFile(id ID) *mailboxFile {
	return &mailboxFile{d: d, id: id, stateLog: d.logs.open(d, id)}
}

// createMailbox makes a mailbox's folder, durably.
func (d *disk) createMailbox(id ID, name string, use imap.MailboxAttr, validity uint32) (*mailboxFile, error) {
	f := d.newMailboxFile(id)
	f.mailboxJSON = mailboxJSON{Version: boxVersion, Name: name, SpecialUse: use, UIDValidity: validity, ModSeqMark: 1}
	if err := d.createFolder(f); err != nil {
		d.removeMailboxLater(id, nil)
		return nil, err
	}
	return f, nil
}

func (d *disk) createFolder(f *mailboxFile) error {
	if err := d.fs.MkdirAll(d.mailDir(f.id)); err != nil {
		return diskError(err)
	}
	if err := f.write(f.mailboxJSON); err != nil {
		return err
	}
	return diskError(d.fs.SyncDir(filepath.Dir(d.mailDir(f.id))))
}

// openMailbox opens a mailbox's folder. What the index says of it goes before
// its mailbox.json, which is put right; a lost one is made anew, above the UID
// and the mod-sequence that the index knows as given.
func (d *disk) openMailbox(id ID, name string, use imap.MailboxAttr, validity, given uint32, modSeq uint64) (*mailboxFile, error) {
	f := d.newMailboxFile(id)
	err := d.readJSON(f.path(), &f.mailboxJSON)
	lost := errors.Is(err, fs.ErrNotExist) || errors.Is(err, errDamagedJSON)
	if lost {
		f.mailboxJSON = mailboxJSON{UIDMark: given + min(lostMarks, maxUID-given), ModSeqMark: modSeq + lostMarks}
	} else if err != nil {
		return nil, diskError(err)
	}
	f.UIDMark = min(f.UIDMark, maxUID)
	want := f.mailboxJSON
	want.Version, want.Name, want.SpecialUse, want.UIDValidity = boxVersion, name, use, validity
	if lost {
		f.mailboxJSON = want
		return f, d.createFolder(f)
	}
	return f, f.change(want)
}

func (f *mailboxFile) path() string { return filepath.Join(f.d.mailDir(f.id), mailboxFileName) }

// write writes mailbox.json.
func (f *mailboxFile) write(j mailboxJSON) error { return f.d.writeJSON(f.path(), j) }

// change writes mailbox.json where it differs.
func (f *mailboxFile) change(j mailboxJSON) error {
	if j == f.mailboxJSON && !f.unsure {
		return nil
	}
	if err := f.write(j); err != nil {
		f.unsure = true
		return err
	}
	f.mailboxJSON, f.unsure = j, false
	return nil
}

// reserve raises the marks, durably, so that they are not below uid and modseq.
func (f *mailboxFile) reserve(uid uint32, modseq uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	j := f.mailboxJSON
	if uid > j.UIDMark {
		j.UIDMark = uid + min(markStep, maxUID-uid)
	}
	if modseq > j.ModSeqMark {
		j.ModSeqMark = modseq + markStep
	}
	return f.change(j)
}

// maxScopedRuns is from how many runs on UIDs that are gone are forgotten.
const maxScopedRuns = 1000

// addScoped remembers, durably, UIDs of entries of one device only. left tells
// which there are.
func (f *mailboxFile) addScoped(uids imap.UIDSet, left func() (imap.UIDSet, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	j := f.mailboxJSON
	all := setOf(parseSpans(j.Scoped))
	if len(all) > maxScopedRuns {
		var err error
		if all, err = left(); err != nil {
			return err
		}
	}
	all.AddSet(uids)
	j.Scoped = all.String()
	return f.change(j)
}

// exact sets the marks to what was given last.
func (f *mailboxFile) exact(uid uint32, modseq uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	j := f.mailboxJSON
	j.UIDMark, j.ModSeqMark = uid, modseq
	return f.change(j)
}

// marks gives the marks.
func (f *mailboxFile) marks() (uid uint32, modseq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.UIDMark, f.ModSeqMark
}

// rename writes a new name into mailbox.json.
func (f *mailboxFile) rename(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	j := f.mailboxJSON
	j.Name = name
	return f.change(j)
}
