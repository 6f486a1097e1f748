package exchange

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/store"
)

// ImportOptions say how Import works.
type ImportOptions struct {
	Mailbox    string // everything goes there, and below
	Base       string // the mailbox of mail that lies in no folder; "": INBOX
	DryRun     bool
	MaxMessage int64
	// Tell is called now and then: how many mails of about how many were
	// looked at, and their octets.
	Tell func(done, total int, bytes int64)
}

// Imported is what came into one mailbox.
type Imported struct {
	Mailbox  string `json:"mailbox"`
	Found    int    `json:"found"`
	Imported int    `json:"imported"` // of a dry run: that would be
	Already  int    `json:"already"`
	Failed   int    `json:"failed"`
	Bytes    int64  `json:"bytes"` // imported
	// Failures are the first ones, one by one.
	Failures []Skip `json:"failures"`
}

// Report is the outcome of Import.
type Report struct {
	// Mailboxes are in the order of the source. One without a name stands for
	// files that could not be read at all.
	Mailboxes []Imported `json:"mailboxes"`
	Skipped   []Skip     `json:"skipped"` // what is no mail
	Notes     []string   `json:"notes"`
}

// Count adds up all mailboxes.
func (r *Report) Count() (all Imported) {
	for _, m := range r.Mailboxes {
		all.Found, all.Imported, all.Already = all.Found+m.Found, all.Imported+m.Imported, all.Already+m.Already
		all.Failed, all.Bytes = all.Failed+m.Failed, all.Bytes+m.Bytes
	}
	return all
}

// row gives a mailbox's.
func (r *Report) row(mailbox string) *Imported {
	for i := range r.Mailboxes {
		if r.Mailboxes[i].Mailbox == mailbox {
			return &r.Mailboxes[i]
		}
	}
	r.Mailboxes = append(r.Mailboxes, Imported{Mailbox: mailbox, Failures: []Skip{}})
	return &r.Mailboxes[len(r.Mailboxes)-1]
}

const (
	// A batch is one transaction: durable before the next one is read.
	batchMails = 128
	batchBytes = 32 << 20
	// maxFailures is how many failures are told one by one.
	maxFailures = 100
)

// importing is a run of Import.
type importing struct {
	view  *store.View
	o     ImportOptions
	out   *Report
	buf   []byte
	done  int
	total int
	bytes int64

	// The present folder's.
	mailbox string
	use     imap.MailboxAttr
	found   *Imported
	have    map[[32]byte]int   // copies that the mailbox has and the source has not shown yet
	known   map[mailKey]hashes // likewise, by what a server tells of them
	room    *keywordRoom
	batch   []*store.Incoming
	size    int64
}

// mailKey is what an IMAP server tells of a mail without its bytes.
type mailKey struct {
	id   string // Message-ID
	date int64
	size int64
}

type hashes [][32]byte

// Import brings a source's mail into a box and tells it in a report, which may
// hold other sources' already. What it did until an error stays; done again it
// goes on there.
func Import(ctx context.Context, v *store.View, src Source, o ImportOptions, out *Report) error {
	folders, err := src.Folders(ctx)
	if err != nil {
		return err
	}
	before := out.Count()
	m := &importing{view: v, o: o, out: out, buf: make([]byte, 64<<10), done: before.Found, total: before.Found, bytes: before.Bytes}
	for _, f := range folders {
		m.total += f.Mails
	}
	defer m.abort()
	for _, f := range folders {
		if err := m.folder(ctx, src, f); err != nil {
			return err
		}
	}
	skipped, failed := src.PassedOver()
	out.Skipped = append(out.Skipped, skipped...)
	for _, f := range failed {
		out.row("").fail(f.Where, f.Why)
	}
	out.Mailboxes = slices.DeleteFunc(out.Mailboxes, func(r Imported) bool { return r.Found == 0 && r.Failed == 0 })
	return nil
}

// folder imports one folder.
func (m *importing) folder(ctx context.Context, src Source, f Folder) error {
	m.mailbox, m.use = place(m.view, f, m.o.Base, m.o.Mailbox)
	switch err := m.open(ctx, f.Anywhere); {
	case errors.Is(err, store.ErrInvalidName):
		m.found.fail(m.mailbox, err.Error())
		return nil
	case err != nil:
		return err
	}
	err := src.Read(ctx, f, m.want, func(mail *Mail) error { return m.mail(ctx, mail) })
	if err := cmp.Or(ctx.Err(), m.flush(ctx)); err != nil {
		return err
	}
	if m.room.dropped > 0 {
		m.out.Notes = append(m.out.Notes, m.room.note(m.mailbox))
	}
	var reading readError
	if errors.As(err, &reading) {
		m.found.fail(m.mailbox, reading.Error())
		return nil
	}
	return err
}

// open looks at what the mailbox has already, or the whole box.
func (m *importing) open(ctx context.Context, anywhere bool) error {
	m.found = m.out.row(m.mailbox)
	m.have, m.known, m.room = map[[32]byte]int{}, map[mailKey]hashes{}, newKeywordRoom(nil)
	names := []string{m.mailbox}
	if anywhere {
		for _, info := range m.view.Mailboxes() {
			if info.Name != m.mailbox {
				names = append(names, info.Name)
			}
		}
	}
	for _, name := range names {
		if err := m.look(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// look looks at the mails of a mailbox.
func (m *importing) look(ctx context.Context, name string) error {
	box, err := m.view.Mailbox(ctx, name)
	if errors.Is(err, store.ErrNoMailbox) {
		return nil
	}
	if err != nil {
		return err
	}
	snap := box.Snapshot()
	if name == m.mailbox {
		m.room = newKeywordRoom(snap.Keywords)
	}
	entries := make([]store.Entry, 0, snap.Len())
	for _, e := range snap.All() {
		entries = append(entries, e)
	}
	return box.Mails(ctx, entries, store.FieldHeader, func(_ store.Entry, mail *store.Mail) error {
		m.have[mail.Hash]++
		if id := field(unfolded(mail.Header), "Message-ID"); id != "" {
			k := mailKey{id, mail.Date.Unix(), mail.Size}
			m.known[k] = append(m.known[k], mail.Hash)
		}
		return nil
	})
}

// want reports whether a mail of which all but its bytes is known has to be
// fetched. One with the same Message-ID, size and second of arrival as one that
// lies in the mailbox is that one.
func (m *importing) want(mail *Mail) bool {
	if mail.MessageID != "" && mail.Size > 0 && !mail.Date.IsZero() {
		k := mailKey{mail.MessageID, mail.Date.Unix(), mail.Size}
		for i, h := range m.known[k] {
			if m.have[h] > 0 {
				m.have[h]--
				m.known[k] = m.known[k][i+1:]
				m.found.Found++
				m.found.Already++
				m.step(mail.Size)
				return false
			}
		}
	}
	if mail.Size > m.o.MaxMessage {
		m.found.Found++
		m.refuse(mail, tooBig(m.o.MaxMessage))
		return false
	}
	if m.o.DryRun {
		m.found.Found++
		m.found.Imported++
		m.found.Bytes += mail.Size
		m.step(mail.Size)
		return false
	}
	return true
}

func tooBig(most int64) string {
	return fmt.Sprintf("it is larger than this hub accepts (%d MiB)", most>>20)
}

// mail imports one mail.
func (m *importing) mail(ctx context.Context, mail *Mail) error {
	m.found.Found++
	if mail.Err != nil {
		m.refuse(mail, mail.Err.Error())
		return nil
	}
	if m.o.DryRun || len(m.have) > 0 && !mail.Once {
		// A mail that is there already is not written first.
		c := newCanonical(m.o.MaxMessage)
		if err := copyMail(c, mail, m.buf); err != nil {
			return m.cannot(mail, err)
		}
		h := c.hash()
		if m.isThere(h, c.size) {
			return nil
		}
		if m.o.DryRun {
			m.found.Imported++
			m.found.Bytes += c.size
			m.step(c.size)
			return nil
		}
	}
	in, err := m.view.NewIncoming()
	if err != nil {
		return err
	}
	if err := copyMail(in, mail, m.buf); err != nil {
		in.Abort()
		return m.cannot(mail, err)
	}
	in.Date = plausible(mail.Date)
	if _, err := in.Finish(); err != nil {
		in.Abort()
		return m.cannot(mail, err)
	}
	if m.isThere(in.Hash(), in.Size()) {
		in.Abort()
		return nil
	}
	if in.Date.IsZero() {
		in.Date = plausible(mail.Fallback)
	}
	in.Flags = m.room.take(mail.Flags)
	m.batch = append(m.batch, in)
	m.size += in.Size()
	if len(m.batch) >= batchMails || m.size >= batchBytes {
		return m.flush(ctx)
	}
	return nil
}

// isThere reports whether the mailbox has one more copy of a mail than the
// source has shown so far, and counts the mail if so.
func (m *importing) isThere(h [32]byte, size int64) bool {
	if m.have[h] == 0 {
		return false
	}
	m.have[h]--
	m.found.Already++
	m.step(size)
	return true
}

// plausible drops dates that stand for none, and those that cannot be written
// everywhere.
func plausible(t time.Time) time.Time {
	if t.Unix() <= 0 || t.UTC().Year() > 9998 {
		return time.Time{}
	}
	return t
}

// cannot counts a mail that cannot be had; what is wrong with the box ends the
// import.
func (m *importing) cannot(mail *Mail, err error) error {
	var reading readError
	switch {
	case errors.Is(err, errTooBig), errors.Is(err, store.ErrTooBig):
		m.refuse(mail, tooBig(m.o.MaxMessage))
		return nil
	case errors.As(err, &reading):
		m.refuse(mail, plain(reading.error))
		return nil
	}
	return err
}

func (m *importing) refuse(mail *Mail, why string) {
	m.found.fail(mail.Where, why)
	m.step(0)
}

// fail counts what could not be imported.
func (r *Imported) fail(where, why string) {
	r.Failed++
	if len(r.Failures) < maxFailures {
		r.Failures = append(r.Failures, Skip{where, why})
	}
}

func (m *importing) step(size int64) {
	m.done++
	m.bytes += size
	if m.o.Tell != nil {
		m.o.Tell(m.done, max(m.total, m.done), m.bytes)
	}
}

// flush makes the batch durable.
func (m *importing) flush(ctx context.Context) error {
	if len(m.batch) == 0 {
		return nil
	}
	if _, err := m.view.Info(m.mailbox); errors.Is(err, store.ErrNoMailbox) {
		if err := m.make(ctx); err != nil {
			return fmt.Errorf("making the mailbox %s: %w", m.mailbox, err)
		}
	}
	batch, n, size := m.batch, len(m.batch), m.size
	m.batch, m.size = nil, 0
	sizes := make([]int64, n)
	for i, in := range batch {
		sizes[i] = in.Size()
	}
	if _, err := m.view.Import(ctx, m.mailbox, batch); err != nil {
		return err
	}
	m.found.Imported += n
	m.found.Bytes += size
	for _, s := range sizes {
		m.step(s)
	}
	return nil
}

// make makes the mailbox, for everybody to see.
func (m *importing) make(ctx context.Context) error {
	made, err := m.view.CreateMailbox(ctx, m.mailbox, m.use)
	if err != nil {
		return err
	}
	for i := range made.Name {
		if made.Name[i] == '/' {
			if err := m.view.Subscribe(ctx, made.Name[:i], true); err != nil {
				return err
			}
		}
	}
	return m.view.Subscribe(ctx, made.Name, true)
}

// abort gives up what is not stored.
func (m *importing) abort() {
	for _, in := range m.batch {
		in.Abort()
	}
	m.batch = nil
}
