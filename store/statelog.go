package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
)

// logDelay is how long a change waits at most until its record in state.log
// is written and synced: changes come in crowds, and a rebuild may miss a
// second of flags.
const logDelay = 500 * time.Millisecond

const (
	// logSmall is up to what size a state.log is never written anew.
	logSmall = 256 << 10
	// logPending is how much may wait for a disk that takes nothing; beyond
	// it the log is written anew from the index when the disk takes it.
	logPending = 4 << 20
)

// logKeeper writes the state logs of all mailboxes in the background.
type logKeeper struct {
	mu     sync.Mutex
	dirty  map[*stateLog]bool
	wake   chan struct{} // capacity 1
	quit   chan struct{}
	ended  chan struct{}
	once   sync.Once
	failed error // of the last round
}

func startLogKeeper() *logKeeper {
	k := &logKeeper{dirty: map[*stateLog]bool{}, wake: make(chan struct{}, 1), quit: make(chan struct{}), ended: make(chan struct{})}
	go k.loop()
	return k
}

func (k *logKeeper) loop() {
	defer close(k.ended)
	timer := time.NewTimer(logDelay)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-k.wake:
			timer.Reset(logDelay)
		case <-k.quit:
			return
		}
		select {
		case <-timer.C:
			if k.flush() != nil {
				signal(k.wake) // they are still dirty
			}
		case <-k.quit:
			return
		}
	}
}

// stop writes what is left and ends the keeper. It may be called again.
func (k *logKeeper) stop() error {
	k.once.Do(func() {
		close(k.quit)
		<-k.ended
		k.failed = k.flush()
	})
	return k.failed
}

// flush writes and syncs all logs that wait for it.
func (k *logKeeper) flush() error {
	k.mu.Lock()
	dirty := k.dirty
	k.dirty = map[*stateLog]bool{}
	k.mu.Unlock()
	var errs []error
	for l := range dirty {
		if err := l.flush(); err != nil {
			errs = append(errs, fmt.Errorf("%s of mailbox %s: %w", stateLogName, l.id, err))
			k.mu.Lock()
			k.dirty[l] = true
			k.mu.Unlock()
		}
	}
	return errors.Join(errs...)
}

// touch says that a log has something to write.
func (k *logKeeper) touch(l *stateLog) {
	k.mu.Lock()
	k.dirty[l] = true
	k.mu.Unlock()
	signal(k.wake)
}

// stateLog is a mailbox's state.log: flags, expunges, moves and UIDL rows for
// a rebuild. Each record is a line that says how things are, not how they
// changed, so that what was written twice does no harm; a later one goes
// before an earlier one.
type stateLog struct {
	keeper *logKeeper
	d      *disk
	id     ID

	mu      sync.Mutex
	pending []byte
	anew    bool // write all from the index instead of appending
	gone    bool // the mailbox was deleted
	// state writes all that a rebuild needs to know of the mailbox; nil as
	// long as the index is not open.
	state func(*logWriter) error

	// The keeper's, one flush after another.
	writing sync.Mutex
	size    int64 // of the file; 0: not yet known
	base    int64 // its size when this run last wrote it anew
}

func (k *logKeeper) open(d *disk, id ID) *stateLog {
	return &stateLog{keeper: k, d: d, id: id}
}

func (l *stateLog) logPath() string { return filepath.Join(l.d.mailDir(l.id), stateLogName) }

// renew has the log written anew from the index.
func (l *stateLog) renew() {
	l.mu.Lock()
	l.anew = true
	l.mu.Unlock()
	l.keeper.touch(l)
}

// drop forgets the log of a mailbox that is deleted, and waits for a flush
// that is under way.
func (l *stateLog) drop() {
	l.mu.Lock()
	l.gone, l.pending = true, nil
	l.mu.Unlock()
	l.writing.Lock()
	l.writing.Unlock() //lint:ignore SA2001 only to wait
}

// append queues records.
func (l *stateLog) append(write func(*logWriter)) {
	var b bytes.Buffer
	lw := &logWriter{w: &b}
	write(lw)
	if lw.flush() != nil || b.Len() == 0 {
		return
	}
	l.mu.Lock()
	if l.gone {
		l.mu.Unlock()
		return
	}
	if len(l.pending)+b.Len() > logPending && len(l.pending) > 0 {
		l.pending, l.anew = nil, true
	}
	if !l.anew || l.state == nil {
		l.pending = append(l.pending, b.Bytes()...)
	}
	l.mu.Unlock()
	l.keeper.touch(l)
}

// logNext records up to which UID messages are committed.
func (l *stateLog) logNext(uid uint32) {
	l.append(func(w *logWriter) { w.next(uid) })
}

// logFlags records the flags of messages.
func (l *stateLog) logFlags(entries []Entry, words Keywords) {
	l.append(func(w *logWriter) {
		for _, g := range byFlags(entries) {
			w.flags(setOf(g.uids), words.Names(g.flags))
		}
	})
}

// logExpunged records that messages were expunged.
func (l *stateLog) logExpunged(uids imap.UIDSet) {
	l.append(func(w *logWriter) { w.gone(uids) })
}

// logMoved records that messages went into another mailbox.
func (l *stateLog) logMoved(to ID, moved Copied) {
	l.append(func(w *logWriter) { w.moved(to, moved.Source, moved.Dest) })
}

// logScope records for which device alone messages exist.
func (l *stateLog) logScope(device ID, uids imap.UIDSet) {
	l.append(func(w *logWriter) { w.scope(device, uids) })
}

// logOwn records what messages are for a person or a device alone.
func (l *stateLog) logOwn(who ID, is ownKind, uids imap.UIDSet) {
	l.append(func(w *logWriter) { w.own(who, is, uids) })
}

// logUIDL records a provider's row.
func (l *stateLog) logUIDL(u UIDL) {
	l.append(func(w *logWriter) { w.uidl(u) })
}

// flush writes what is pending, and all anew where that is due.
func (l *stateLog) flush() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	pending, anew, gone := l.pending, l.anew && l.state != nil, l.gone
	l.pending = nil
	if anew {
		l.anew = false
	}
	l.mu.Unlock()
	if gone {
		return nil
	}
	var err error
	if anew {
		err = l.writeAnew()
	} else if len(pending) > 0 {
		err = l.writePending(pending)
	}
	if err != nil {
		// A mailbox that is deleted by now needs no log.
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.gone {
			return nil
		}
		l.pending, l.anew = append(pending, l.pending...), l.anew || anew
		return diskError(err)
	}
	if limit := max(logSmall, 2*l.base); l.size > limit && !anew {
		l.renew()
	}
	return nil
}

// writePending appends records to the file and syncs it.
func (l *stateLog) writePending(b []byte) (err error) {
	info, statErr := l.d.fs.Stat(l.logPath())
	f, err := l.d.fs.Append(l.logPath())
	if err != nil {
		return err
	}
	if statErr == nil && info.Size() > 0 && l.size != info.Size() {
		// Another run's, or torn: a line of its own begins.
		b = append([]byte{'\n'}, b...)
	}
	l.size = 0
	_, err = f.Write(b)
	if err == nil {
		if err = f.Sync(); err != nil {
			// What the disk did not take now it may never take: another file.
			l.mu.Lock()
			l.anew = true
			l.mu.Unlock()
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if statErr != nil {
		if err := l.d.fs.SyncDir(l.d.mailDir(l.id)); err != nil {
			return err
		}
		l.size = int64(len(b))
		return nil
	}
	l.size = info.Size() + int64(len(b))
	return nil
}

// writeAnew replaces the file by one that holds the present state alone.
// Records that are queued from now on repeat or outdo what it holds.
func (l *stateLog) writeAnew() error {
	var n counter
	err := l.d.writeFile(l.logPath(), func(w io.Writer) error {
		lw := &logWriter{w: io.MultiWriter(w, &n)}
		if err := l.state(lw); err != nil {
			return err
		}
		return lw.flush()
	})
	if err != nil {
		return err
	}
	l.size, l.base = int64(n), int64(n)
	return nil
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// committed gives the UID above the last one of which a mailbox's state.log
// says that a commit has named it; 0 where it says of none.
func (d *disk) committed(id ID) (next uint32, err error) {
	err = d.readLog(id, func(r *logRecord) { next = max(next, r.Next) })
	return next, err
}

// readLog reads a mailbox's state.log, if there is one.
func (d *disk) readLog(id ID, take func(*logRecord)) error {
	f, err := d.fs.Open(filepath.Join(d.mailDir(id), stateLogName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return readRecords(f, take)
}
