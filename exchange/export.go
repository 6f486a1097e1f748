package exchange

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/store"
)

// Format is a form in which Export writes.
type Format string

const (
	// FormatMaildir is Maildir++: the target is the INBOX, .A.B is B below A.
	// Names carry marks and the second of arrival; a file's time is that, too.
	// Lines end as in Unix. Lost are the zone of the arrival, keywords beyond
	// the 26th of a mailbox, and '.' in mailboxes' names ('_' instead).
	FormatMaildir Format = "maildir"
	// FormatMbox is mboxrd: A.mbox, and A/B.mbox for B below A. Marks stand in
	// fields before the mail's own (marks.go), the second of arrival, in UTC,
	// in the From_ line. Lost is the zone of the arrival.
	FormatMbox Format = "mbox"
	// FormatEML is for people: A/2024-03-01 1423 Subject.eml, octet for octet
	// what the box has. The file's time is the arrival, the name tells it in
	// its own zone. Lost are all marks.
	FormatEML Format = "eml"
)

// Formats are all forms, the usual one first.
var Formats = []Format{FormatMaildir, FormatMbox, FormatEML}

// ExportOptions say what Export writes.
type ExportOptions struct {
	Box     store.ID
	Format  Format
	Mailbox string    // that one and what lies below it; "": all
	Since   time.Time // what arrived then or later
	Tell    func(done, total int, bytes int64)
}

// Exported is what was written of one mailbox.
type Exported struct {
	Mailbox  string `json:"mailbox"`
	Path     string `json:"path"`
	Found    int    `json:"found"`
	Exported int    `json:"exported"`
	Already  int    `json:"already"` // written by an earlier run
	Failed   int    `json:"failed"`
	Bytes    int64  `json:"bytes"` // of mail, exported
	Failures []Skip `json:"failures"`
}

// ErrTarget says that a folder cannot be exported into.
var ErrTarget = errors.New("nothing was written")

// target writes the mails of one mailbox in one form.
type target interface {
	// write adds a mail; once commit has returned it is durable.
	write(e store.Entry, m *store.Mail, f store.MailFile, flags []imap.Flag) error
	// has reports whether a run that was cut short has written a mail.
	has(e store.Entry, m *store.Mail) (bool, error)
	commit() error
	close() error
}

// exporting is a run of Export.
type exporting struct {
	v     *store.View
	dir   string
	o     ExportOptions
	state *exportState
	done  int
	total int
	bytes int64
}

// Export writes what everybody sees of a box into a folder: a new or empty one,
// or one that holds an export of this box in this form, which it goes on with.
// A mail that cannot be read is counted and named, and tried again the next
// time.
func Export(ctx context.Context, v *store.View, dir string, o ExportOptions) (out []Exported, err error) {
	x := &exporting{v: v, dir: dir, o: o}
	var names []string
	for _, m := range v.Mailboxes() {
		if o.Mailbox == "" || m.Name == o.Mailbox || strings.HasPrefix(m.Name, o.Mailbox+"/") {
			names = append(names, m.Name)
			status, err := v.Mailbox(ctx, m.Name)
			if err != nil {
				return nil, err
			}
			x.total += status.Snapshot().Len()
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: %w", o.Mailbox, store.ErrNoMailbox)
	}
	if x.state, err = openState(dir, o); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, x.state.close()) }()
	for _, name := range names {
		if box, err := v.Mailbox(ctx, name); err == nil {
			x.state.mailbox(box, name)
		}
	}
	if err := x.state.save(); err != nil { // where each goes, before anything is written there
		return nil, spaceError(err)
	}
	if err := x.take(ctx, names); err != nil {
		return nil, spaceError(err)
	}
	out = []Exported{}
	for _, name := range names {
		r, err := x.mailbox(ctx, name)
		if errors.Is(err, store.ErrNoMailbox) {
			continue // deleted meanwhile
		}
		out = append(out, r)
		if err != nil {
			return out, spaceError(err)
		}
	}
	return out, spaceError(x.state.save())
}

// take makes the files or folders of those mailboxes that have none. Where it
// fails is seen again when the mailbox's turn comes.
func (x *exporting) take(ctx context.Context, names []string) error {
	taken := false
	for _, name := range names {
		if box, err := x.v.Mailbox(ctx, name); err == nil {
			if st := x.state.mailbox(box, name); !st.Taken && x.state.take(st) == nil {
				taken = true
			}
		}
	}
	if !taken {
		return nil
	}
	return x.state.save()
}

// spaceError says in common words that the disk is full.
func spaceError(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%w: what is written stays, and the same command goes on behind it", store.ErrNoSpace)
	}
	return err
}

// mailbox exports one mailbox.
func (x *exporting) mailbox(ctx context.Context, name string) (out Exported, err error) {
	out = Exported{Mailbox: name, Failures: []Skip{}}
	box, err := x.v.Mailbox(ctx, name)
	if err != nil {
		return out, err
	}
	st := x.state.mailbox(box, name)
	to, err := x.open(st)
	out.Path = x.state.file(st.Path)
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return out, err
	case err != nil: // the others can be written nevertheless
		out.Failed++
		out.Failures = append(out.Failures, Skip{out.Path, plain(err)})
		return out, nil
	}
	defer func() { err = errors.Join(err, to.close()) }()

	snap := box.Snapshot()
	var entries []store.Entry
	if x.o.Format == FormatEML && !st.Complete {
		// Which file is whose is seen from the first mail on only: equal ones
		// have equal names.
		st.Next = 1
	}
	for _, e := range snap.All() {
		switch {
		case slices.Contains(st.Failed, uint32(e.UID)), uint32(e.UID) >= st.Next:
			entries = append(entries, e)
		default:
			out.Found++
			out.Already++
			x.step(0)
		}
	}
	if len(entries) == 0 {
		st.Complete = true
		return out, nil
	}
	if st.Complete {
		st.Complete = false
		if err := x.state.save(); err != nil {
			return out, err
		}
	}
	old := st.Next
	var failed []uint32
	pending, size := 0, int64(0)
	commit := func() error {
		if err := to.commit(); err != nil {
			return err
		}
		pending, size = 0, 0
		return x.state.save()
	}
	err = box.Mails(ctx, entries, store.FieldHeader, func(e store.Entry, m *store.Mail) error {
		if m.Date.Before(x.o.Since) {
			x.step(0)
			st.Next = max(st.Next, uint32(e.UID)+1)
			return nil
		}
		out.Found++
		written, err := uint32(e.UID) >= old, error(nil)
		if written {
			written, err = to.has(e, m)
		}
		if err == nil && !written {
			err = x.write(box, to, e, m, snap.Keywords.Names(e.Flags))
		}
		var reading readError
		switch {
		case errors.Is(err, store.ErrExpunged):
			out.Found--
		case errors.As(err, &reading):
			failed = append(failed, uint32(e.UID))
			out.Failed++
			if len(out.Failures) < maxFailures {
				out.Failures = append(out.Failures, Skip{fmt.Sprintf("%s, message %d", name, e.UID), plain(reading.error)})
			}
		case err != nil:
			return err
		case written:
			out.Already++
		default:
			out.Exported++
			out.Bytes += m.Size
			pending, size = pending+1, size+m.Size
		}
		st.Next = max(st.Next, uint32(e.UID)+1)
		if uint32(e.UID) >= old {
			st.Failed = slices.Clone(failed) // those of before have had their turn
		}
		x.step(m.Size)
		if pending >= batchMails || size >= batchBytes {
			return commit()
		}
		return nil
	})
	if err != nil {
		return out, err
	}
	st.Failed, st.Complete = failed, true
	return out, commit()
}

// write writes one mail and proves on the way that it is whole.
func (x *exporting) write(box *store.Mailbox, to target, e store.Entry, m *store.Mail, flags []imap.Flag) error {
	f, err := box.OpenMail(m)
	if errors.Is(err, store.ErrExpunged) {
		return err
	}
	if err != nil {
		return readError{err}
	}
	defer f.Close()
	return to.write(e, m, f, flags)
}

func (x *exporting) step(size int64) {
	x.done++
	x.bytes += size
	if x.o.Tell != nil {
		x.o.Tell(x.done, max(x.total, x.done), x.bytes)
	}
}

// open opens what a mailbox is written to, which is this export's own.
func (x *exporting) open(st *mailboxState) (target, error) {
	if !st.Taken {
		if err := x.state.take(st); err != nil {
			return nil, err
		}
		if err := x.state.save(); err != nil {
			return nil, err
		}
	}
	path := x.state.file(st.Path)
	switch x.o.Format {
	case FormatMbox:
		return openMboxTarget(st, path)
	case FormatEML:
		return openEMLTarget(path)
	}
	return openMaildirTarget(path, st.UIDValidity)
}

// changedError says that somebody else has changed what an export wrote.
type changedError struct{ what string }

func (e *changedError) Error() string {
	return "it was changed since it was exported (" + e.what + "): export into another folder"
}

// syncDir makes a folder's names durable, where the system can.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && runtime.GOOS != "windows" && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

// part is a file that is written and not yet at its place.
type part struct {
	f        *os.File
	name, to string
	date     time.Time
}

// syncAtOnce is how many files are made durable at a time.
const syncAtOnce = 8

// settle makes files durable, then moves them to their places.
func settle(parts []part) error {
	errs := make([]error, len(parts))
	tokens := make(chan struct{}, syncAtOnce)
	var wg sync.WaitGroup
	for i, p := range parts {
		tokens <- struct{}{}
		wg.Go(func() {
			defer func() { <-tokens }()
			errs[i] = errors.Join(p.f.Sync(), p.f.Close())
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, p := range parts {
		if err := os.Chtimes(p.name, p.date, p.date); err != nil {
			return err
		}
		if err := os.Rename(p.name, p.to); err != nil {
			return err
		}
	}
	return nil
}

// drop gives up what is not settled.
func drop(parts []part) {
	for _, p := range parts {
		p.f.Close()
		os.Remove(p.name)
	}
}
