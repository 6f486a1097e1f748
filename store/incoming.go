package store

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"path/filepath"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/message"
)

// Incoming is a mail on its way in. The caller writes its bytes, which go to
// a file under tmp/ while they are hashed and scanned (bare LF becomes CRLF,
// nothing else changes), then calls Finish, sets the exported fields and
// hands it to Append or Deliver; or it calls Abort.
type Incoming struct {
	// Date is the INTERNALDATE; zero: what Finish found (topmost plausible
	// Received date, else Date), else now.
	Date  time.Time
	Flags []imap.Flag
	// UIDL is the provider's row for this mail (Deliver only).
	UIDL *UIDL
	*tmpIncoming
}

// tmpIncoming is an Incoming's file.
type tmpIncoming struct {
	d        *disk
	f        File
	name     string
	closed   bool
	synced   bool // its bytes are durable
	placed   bool // it is a mailbox's now
	syncErrs int64
	now      func() time.Time

	buf    []byte // not yet written; from incomingBuffers
	lastCR bool
	scan   message.Scanner
	sum    hash.Hash
	size   int64
	err    error // the first one

	msg  *message.Message // once it is finished
	hash [32]byte
}

const incomingBuffer = 64 << 10

var incomingBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, incomingBuffer)
	return &b
}}

// tmpName gives a name under tmp/ that nothing has.
func (d *disk) tmpName() string { return filepath.Join(d.tmpDir(), rand.Text()) }

// NewIncoming begins a mail that shall be stored.
func (b *Box) NewIncoming() (*Incoming, error) {
	in := &tmpIncoming{d: b.disk, name: b.disk.tmpName(), now: b.now, sum: sha256.New(), syncErrs: b.disk.syncErrs.Load()}
	var err error
	if in.f, err = b.disk.fs.Create(in.name); err != nil {
		return nil, diskError(err)
	}
	in.buf = *incomingBuffers.Get().(*[]byte)
	return &Incoming{tmpIncoming: in}, nil
}

// Write takes the mail's next bytes. Errors: ErrTooBig, ErrNoSpace; after one
// nothing but Abort is left.
func (in *tmpIncoming) Write(p []byte) (int, error) {
	if in.msg != nil || in.closed {
		return 0, errors.New("the mail is finished")
	}
	for rest := p; len(rest) > 0 && in.err == nil; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			in.add(rest)
			in.lastCR = rest[len(rest)-1] == '\r'
			break
		}
		if i > 0 && rest[i-1] == '\r' || i == 0 && in.lastCR {
			in.add(rest[:i+1])
		} else {
			in.add(rest[:i])
			in.add(crlf)
		}
		in.lastCR = false
		rest = rest[i+1:]
	}
	if in.err != nil {
		return 0, in.err
	}
	return len(p), nil
}

var crlf = []byte("\r\n")

// add takes bytes of the stored mail.
func (in *tmpIncoming) add(p []byte) {
	in.size += int64(len(p))
	if in.size > in.d.max {
		in.fail(fmt.Errorf("%w (%d MiB)", ErrTooBig, in.d.max>>20))
	}
	for len(p) > 0 && in.err == nil {
		n := copy(in.buf[len(in.buf):cap(in.buf)], p)
		in.buf = in.buf[:len(in.buf)+n]
		p = p[n:]
		if len(in.buf) == cap(in.buf) {
			in.flush()
		}
	}
}

// flush hashes, scans and writes what is buffered.
func (in *tmpIncoming) flush() {
	in.sum.Write(in.buf)
	in.scan.Write(in.buf)
	if _, err := in.f.Write(in.buf); err != nil {
		in.fail(diskError(err))
	}
	in.buf = in.buf[:0]
}

func (in *tmpIncoming) fail(err error) {
	if in.err == nil {
		in.err = err
	}
}

// Finish ends the mail and gives what was found in it.
func (in *Incoming) Finish() (*message.Message, error) {
	if in.msg != nil {
		return in.msg, nil
	}
	if in.closed {
		return nil, errors.New("the mail was given up")
	}
	if in.err == nil {
		in.flush()
	}
	if in.err != nil {
		return nil, in.err
	}
	in.f.StartSync()
	in.freeBuffer()
	in.sum.Sum(in.hash[:0])
	in.msg = in.scan.Finish()
	if in.Date.IsZero() {
		in.Date = in.found()
	}
	return in.msg, nil
}

// found gives the topmost plausible date of arrival, else the mail's own, else
// none.
func (in *tmpIncoming) found() time.Time {
	latest := in.now().Add(24 * time.Hour)
	for _, t := range append(in.msg.Received[:len(in.msg.Received):len(in.msg.Received)], in.msg.Date) {
		if t.Year() >= 1980 && !t.After(latest) {
			return t
		}
	}
	return time.Time{}
}

// Hash gives the SHA-256 of the stored bytes, once the mail is finished.
func (in *tmpIncoming) Hash() [32]byte { return in.hash }

// Size gives the octets stored so far.
func (in *tmpIncoming) Size() int64 { return in.size }

// Abort gives the mail up. It does nothing to a mail that is stored.
func (in *tmpIncoming) Abort() {
	in.freeBuffer()
	if !in.closed {
		in.closed = true
		in.f.Close() // its file goes
	}
	if !in.placed {
		in.placed = true
		in.d.fs.Remove(in.name) // what remains goes at the next start
	}
}

func (in *tmpIncoming) freeBuffer() {
	if in.buf != nil {
		b := in.buf[:0]
		incomingBuffers.Put(&b)
		in.buf = nil
	}
}
