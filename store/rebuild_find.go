package store

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/emersion/go-imap/v2"

	"heimpost/message"
)

func imapUID(uid uint32) imap.UID { return imap.UID(uid) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// foundMailbox is a mailbox's folder that Rebuild has found.
type foundMailbox struct {
	*mailbox
	mailboxJSON
	id     ID
	known  bool // its mailbox.json could be read
	state  *state
	shards []uint32
	uids   []uint32 // of its files, ascending
}

// findMailboxes looks at all folders, and at the names of all files.
func (r *rebuilder) findMailboxes() error {
	folders, err := r.d.mailboxFolders()
	if err != nil {
		return err
	}
	for _, id := range folders {
		m := &foundMailbox{id: id}
		err := r.d.readJSON(filepath.Join(r.d.mailDir(id), mailboxFileName), &m.mailboxJSON)
		if m.known = err == nil; !m.known {
			m.mailboxJSON = mailboxJSON{} // nor what could be read of it
		}
		m.UIDMark = min(m.UIDMark, maxUID)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errDamagedJSON) {
			return err
		}
		if m.Version > boxVersion {
			return fmt.Errorf("mailbox %s: %w", id, ErrNewerVersion)
		}
		if err := r.findFiles(m); err != nil {
			return err
		}
		if !m.known && len(m.uids) == 0 {
			// The making of a mailbox was cut short.
			r.setAside(r.d.mailDir(id), string(id))
			continue
		}
		r.mailboxes = append(r.mailboxes, m)
		r.total += len(m.uids)
	}
	r.name()
	return nil
}

// findFiles lists the UIDs of a mailbox's files, and what is strange there.
func (r *rebuilder) findFiles(m *foundMailbox) (err error) {
	if m.shards, err = r.d.shardsBetween(m.id, 0, allShards); err != nil {
		return err
	}
	for _, s := range m.shards {
		err := r.d.eachMail(m.id, s, func(n mailFileName) { m.uids = append(m.uids, n.uid) }, func(path string) {
			r.setAside(path, string(m.id)+"-"+filepath.Base(path))
		})
		if err != nil {
			return err
		}
	}
	slices.Sort(m.uids)
	m.uids = slices.Compact(m.uids)
	return nil
}

// name settles the mailboxes' names, special uses and UIDVALIDITYs: each is
// there once. What cannot be as its mailbox.json says is named as recovered
// and gets a new UIDVALIDITY.
func (r *rebuilder) name() {
	// Of two the one made later keeps the name; the other is what a crash
	// left.
	slices.SortFunc(r.mailboxes, func(a, b *foundMailbox) int {
		return cmp.Or(-cmp.Compare(a.UIDValidity, b.UIDValidity), cmp.Compare(a.id, b.id))
	})
	validity := uint32(r.t.b.now().Unix())
	for _, m := range r.mailboxes {
		validity = max(validity, m.UIDValidity)
	}
	names, taken := map[string]bool{}, map[imap.MailboxAttr]bool{}
	for _, m := range r.mailboxes {
		name, err := cleanName(m.Name)
		if !m.known || err != nil || names[name] {
			name = "Recovered " + string(m.id)
			m.SpecialUse = ""
		}
		if m.UIDValidity == 0 {
			validity++
			m.UIDValidity = validity
		}
		if taken[m.SpecialUse] || !uses[m.SpecialUse] {
			m.SpecialUse = ""
		}
		m.Name = name
		names[name], taken[m.SpecialUse] = true, m.SpecialUse != ""
	}
	// INBOX first, whose state.log has the providers' rows.
	slices.SortFunc(r.mailboxes, func(a, b *foundMailbox) int {
		if (a.Name == inbox) != (b.Name == inbox) {
			if a.Name == inbox {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
}

// insertMailbox makes a mailbox's row. It counts on above all that was given.
func (r *rebuilder) insertMailbox(m *foundMailbox) error {
	s := state{name: m.Name, use: m.SpecialUse, uidNext: m.UIDMark + 1, modSeq: m.ModSeqMark + 1}
	if n := len(m.uids); n > 0 && m.uids[n-1] > m.UIDMark {
		s.uidNext = m.uids[n-1] + 1
	}
	m.mailbox = &mailbox{id: m.id, uidValidity: m.UIDValidity}
	if err := r.t.row(`INSERT INTO mailbox(mailbox, name, specialuse, uidvalidity, uidnext, modseq, recent) VALUES(?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		m.id, s.name, s.use, m.UIDValidity, s.uidNext, int64(s.modSeq), s.uidNext).Scan(&m.row); err != nil {
		return err
	}
	if err := r.t.exec("UPDATE meta SET value=max(value, ?) WHERE key='uidvalidity'", m.UIDValidity); err != nil {
		return err
	}
	m.mailbox.file = r.d.newMailboxFile(m.id)
	j := m.mailboxJSON
	j.Version = boxVersion
	m.mailbox.file.mailboxJSON, m.mailbox.file.unsure = j, true // name or UIDVALIDITY may be new
	r.t.set(m.mailbox, s)
	m.state = r.t.states[m.mailbox]
	r.t.tree = r.t.folders().changed(func(names map[string]*mailbox) { names[s.name] = m.mailbox })
	return nil
}

// shardNames lists the mail files of a shard by UID.
func (r *rebuilder) shardNames(m *foundMailbox, s uint32) (names []mailFileName, err error) {
	err = r.d.eachMail(m.id, s, func(n mailFileName) { names = append(names, n) }, nil)
	slices.SortFunc(names, func(a, b mailFileName) int {
		return cmp.Or(cmp.Compare(a.uid, b.uid), strings.Compare(a.base(), b.base()))
	})
	return names, err
}

// readAll reads mails, several at a time.
func (r *rebuilder) readAll(names []mailFileName) []readMail {
	paths := make([]string, len(names))
	for i, n := range names {
		paths[i] = r.d.path(n)
	}
	return r.readPaths(paths, names)
}

// readPaths reads mails, whose names promise what they hold, at paths.
func (r *rebuilder) readPaths(paths []string, names []mailFileName) []readMail {
	out := make([]readMail, len(names))
	var wait sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, n := range names {
		slots <- struct{}{}
		wait.Go(func() {
			out[i] = r.read(paths[i], n)
			<-slots
		})
	}
	wait.Wait()
	return out
}

// read reads a mail's file and compares it with its name.
func (r *rebuilder) read(path string, n mailFileName) (m readMail) {
	f, err := r.d.fs.Open(path)
	if err != nil {
		return readMail{err: err}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return readMail{err: err}
	}
	if info.Size() != n.size {
		return readMail{damaged: true}
	}
	sum := sha256.New()
	var scan message.Scanner
	buf := incomingBuffers.Get().(*[]byte)
	defer incomingBuffers.Put(buf)
	if _, err := io.CopyBuffer(io.MultiWriter(sum, &scan), io.NewSectionReader(f, 0, n.size), (*buf)[:cap(*buf)]); err != nil {
		return readMail{err: err}
	}
	if [32]byte(sum.Sum(nil)) != n.hash {
		return readMail{damaged: true}
	}
	found := scan.Finish()
	return readMail{saved: info.ModTime(), cold: coldOf(&Incoming{Date: n.date,
		tmpIncoming: &tmpIncoming{size: n.size, hash: n.hash, msg: found}})}
}

// sameMail finds the row of a mail that has the same bytes and date; 0 if
// there is none.
func (r *rebuilder) sameMail(n mailFileName) (id int64, err error) {
	err = r.t.row(`SELECT coalesce(max(id), 0) FROM mail WHERE substr(hash, 1, 8)=? AND hash=? AND date=? AND zone=?`,
		n.hash[:8], n.hash[:], n.date.Unix(), zoneMinutes(n.date)).Scan(&id)
	return id, err
}
