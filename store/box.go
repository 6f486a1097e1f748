package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"
)

// Options say how a box is opened.
type Options struct {
	FS         FS               // nil: OSFS
	Now        func() time.Time // nil: time.Now
	MaxMessage int64            // octets of one mail; 0: 150 MiB
	// LockWait is how long Open waits while another process has the box;
	// OnWait is called once when it begins to wait.
	LockWait time.Duration
	OnWait   func()
}

// withDefaults fills in what was left out.
func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = OSFS
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = 150 << 20
	}
	return o
}

// Box is an open box. All methods may be called from several goroutines.
type Box struct {
	disk   *disk
	index  *index
	writer *writer
	search *search
	expire func() // ends what removes deleted mail in time
	now    func() time.Time

	tree      atomic.Pointer[tree]
	policy    atomic.Pointer[policy]
	listeners callbacks[func(Event)]
	backups   sync.Mutex // one copy of the index at a time
	used      atomic.Pointer[usage]
	changes   atomic.Uint64 // how many groups were committed
	totals    totals
	close     func() error
}

// indexFile is the index's name in a box's folder.
const indexFile = "index.db"

// CreateBox makes a new box in folder dir, which must not exist or be empty,
// with INBOX and the special-use mailboxes Drafts, Sent, Trash, Junk, Archive.
func CreateBox(dir string, id ID, o Options) error {
	o = o.withDefaults()
	if err := createDisk(dir, id, o); err != nil {
		return err
	}
	b, err := OpenBox(context.Background(), dir, o)
	if err != nil {
		return err
	}
	return b.Close()
}

// OpenBox opens the box in folder dir: takes its lock (ErrLocked), migrates
// its index (ErrNewerVersion), sets orphans aside, counts on above the marks
// after an unclean stop, makes what every box has where its making was cut
// short.
func OpenBox(ctx context.Context, dir string, o Options) (_ *Box, err error) {
	o = o.withDefaults()
	b := &Box{now: o.Now}
	if b.disk, err = openDisk(ctx, dir, o); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			if b.index != nil {
				b.index.close()
			}
			b.disk.close()
			err = fmt.Errorf("box %s: %w", filepath.Base(dir), err)
		}
	}()
	path := filepath.Join(dir, indexFile)
	if _, err := o.FS.Stat(path); errors.Is(err, fs.ErrNotExist) {
		// A box whose making was cut short has no mailbox yet; one that has
		// some has lost its index.
		if folders, err := b.disk.mailboxFolders(); err != nil {
			return nil, err
		} else if len(folders) > 0 {
			return nil, fmt.Errorf("%w (there is no %s)", ErrDamaged, indexFile)
		}
	} else if err != nil {
		return nil, err
	}
	if b.index, err = openIndex(path); err != nil {
		return nil, err
	}
	if err := b.loadTree(b.index.write); err != nil {
		return nil, indexError(err)
	}
	if len(b.tree.Load().list) == 0 {
		// Likewise one whose index is empty: all its mails would be set aside.
		if has, err := b.disk.holdsMail(); err != nil {
			return nil, diskError(err)
		} else if has {
			return nil, fmt.Errorf("%w (%s is empty)", ErrDamaged, indexFile)
		}
	}
	rules, err := loadPolicy(b.index.write)
	if err != nil {
		return nil, indexError(err)
	}
	b.policy.Store(rules)
	b.writer = newWriter(b, b.index.write)
	b.disk.busy = b.writer.busy.Load
	if err := b.recover(ctx); err != nil {
		return nil, err
	}
	go b.writer.loop()
	b.startSearch(filepath.Join(dir, searchFile))
	b.expire = b.startExpire()
	b.close = sync.OnceValue(b.closeAll)
	if b.tree.Load().names[inbox] == nil {
		if err := b.writer.do(ctx, &request{run: (*tx).createFirst}); err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	return b, nil
}

// Close finishes running transactions, syncs the state logs, writes exact
// marks and frees the lock.
func (b *Box) Close() error { return b.close() }

func (b *Box) closeAll() error {
	b.expire()
	b.search.stop()
	b.writer.stop()
	err := b.disk.stop() // background work
	if err == nil && len(b.writer.limbo) == 0 && (b.writer.dirty || b.recentClaimed()) {
		// Only what is all on the disk may be called a clean stop.
		if err = b.writeMarks(); err == nil {
			err = b.writer.markClean()
		}
	}
	return errors.Join(err, b.index.close(), b.disk.close())
}

// ID gives the box's id from box.json.
func (b *Box) ID() ID { return b.disk.id() }

// SetNames records labels of persons and devices in box.json, so that the
// folder stands alone. Ids that are not named keep their labels.
func (b *Box) SetNames(names map[ID]string) error { return b.disk.setNames(names) }

// Names gives the labels that SetNames recorded, also those of who is gone.
func (b *Box) Names() map[ID]string { return b.disk.names() }

// Event tells of a committed change.
type Event struct {
	Kind        string // delivered, appended, imported, flags, expunged, moved, copied, mailbox, subscription
	Mailbox     ID
	MailboxName string
	Actor       Actor
	UIDs        imap.UIDSet
	Subject     string // of the first mail, where one arrived
	From        string
}

// OnEvent calls fn after each committed change until stop is called. fn runs
// without any lock held but must not block.
func (b *Box) OnEvent(fn func(Event)) (stop func()) { return b.listeners.add(fn) }

// MaxMessage gives how many octets a mail may have.
func (b *Box) MaxMessage() int64 { return b.disk.max }
