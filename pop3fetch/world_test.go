package pop3fetch

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/pop3fetch/pop3d"
	"heimpost/pop3fetch/pop3d/mailgen"
	"heimpost/store"
	"heimpost/store/faultfs"
)

// world is a provider, a box and the fetcher between them, in which everything
// goes wrong by chance, and the model of what must hold all the same: what
// ever was delivered at the provider.
type world struct {
	seed   uint64
	r      *rand.Rand
	dir    string // SQLite's files lie here, all others in fs
	fs     *faultfs.FS
	box    *store.Box
	hub    *worldHub
	f      *Fetcher
	drop   *pop3d.Maildrop
	server *pop3d.Server
	log    []string // what was done, for whoever has to find out why

	mu    sync.Mutex
	now   time.Time
	fault *fault // of the running round; nil: none

	want     map[int]wanted // by pop3d.Mail.ID
	sizes    map[int64]bool // that a mail has had
	injected map[string]int // faults that came to pass
	rounds   int
}

// wanted is what the model knows of a mail.
type wanted struct {
	hash     [32]byte
	optional bool // another client took it away before we could have it
	expunged bool // deleted here after it was stored: it must not come back
	seen     bool // was stored once
}

// failure is what the model found wrong.
type failure string

func (w *world) failf(format string, args ...any) {
	panic(failure(fmt.Sprintf(format, args...)))
}

func (w *world) logf(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

// worldHub is the hub of a world: what a process that has ended writes is lost.
type worldHub struct {
	w       *world
	account Account
	state   State
}

func (h *worldHub) Accounts(context.Context) ([]Account, error) { return []Account{h.account}, nil }
func (h *worldHub) Password(context.Context, Account) (string, error) {
	return h.w.drop.Password, nil
}
func (h *worldHub) Box(context.Context, store.ID) (*store.Box, func(), error) {
	return h.w.box, func() {}, nil
}
func (h *worldHub) LoadState(context.Context, store.ID) (State, error) { return h.state, nil }
func (h *worldHub) SaveState(_ context.Context, _ store.ID, s State) error {
	if h.w.fs.Crashed() {
		return faultfs.ErrCrashed
	}
	h.state = s
	return nil
}

// newWorld makes a world; in is where SQLite's files may lie.
func newWorld(in string, seed uint64) (*world, error) {
	w := &world{seed: seed, r: rand.New(rand.NewPCG(seed, 0x9093)), fs: faultfs.New(seed), dir: filepath.Join(in, fmt.Sprint("w", seed)),
		now: time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC), want: map[int]wanted{}, sizes: map[int64]bool{}, injected: map[string]int{}}
	w.drop = pop3d.NewMaildrop("a@example.org", "secret")
	w.drop.Gmail = w.r.IntN(12) == 0
	var without []string
	for _, word := range []string{"PIPELINING", "CAPA", "TOP", "AUTH"} {
		if w.r.IntN(5) == 0 {
			without = append(without, word)
		}
	}
	w.server = pop3d.New(pop3d.Options{Without: without, Script: w.script}, w.drop)
	addr, err := w.server.Listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := Account{ID: store.NewID(), Address: w.drop.User, Host: "127.0.0.1", TLS: TLSNone, User: w.drop.User, Keep: w.anyKeep()}
	if _, err := fmt.Sscanf(addr.String(), "127.0.0.1:%d", &a.Port); err != nil {
		return nil, err
	}
	if w.drop.Gmail {
		// As its preset does it: what is kept there is read through recent:.
		if a.Keep = KeepNever; w.r.IntN(2) == 0 {
			a.Keep, a.User = DefaultKeep, "recent:"+a.User
		} else {
			w.drop.Session = 2 + w.r.IntN(5)
		}
	}
	w.hub = &worldHub{w: w, account: a}
	w.f = New(w.hub, Options{Log: quiet, Now: w.clock, Limits: Limits{BatchMessages: 1 + w.r.IntN(5), BatchBytes: 1 << (9 + w.r.IntN(6)),
		Idle: 5 * time.Second, Reply: 5 * time.Second}})
	w.logf("without %v, keep %v, gmail %v, session %d", without, a.Keep, w.drop.Gmail, w.drop.Session)
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return nil, err
	}
	if err := w.fs.MkdirAll(w.dir); err != nil {
		return nil, err
	}
	if err := store.CreateBox(w.boxDir(), store.NewID(), store.Options{FS: w.fs, Now: w.clock}); err != nil {
		return nil, err
	}
	// What stands around the box was there for long.
	all, err := w.fs.OpenSync(w.dir)
	if err != nil {
		return nil, err
	}
	if _, err := all.SyncAll(); err != nil {
		return nil, err
	}
	return w, w.open()
}

func (w *world) boxDir() string { return filepath.Join(w.dir, "box") }

func (w *world) open() (err error) {
	w.box, err = store.OpenBox(ctx, w.boxDir(), store.Options{FS: w.fs, Now: w.clock})
	return err
}

// reopen closes the box, in whatever state it is, and opens it again.
func (w *world) reopen() {
	w.fs.Before(nil)
	w.box.Close() // what it complains of is in the log of a process that is gone
	w.fs.Restart()
	if err := w.open(); err != nil {
		w.failf("the box does not open any more: %v", err)
	}
}

// end takes everything down.
func (w *world) end() {
	w.server.Close()
	if w.box != nil {
		w.box.Close()
	}
	os.RemoveAll(w.dir)
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) anyKeep() Keep {
	return []Keep{KeepNever, KeepNever, KeepAlways, 1, DefaultKeep}[w.r.IntN(5)]
}

// deliver brings new mail to the provider.
func (w *world) deliver() {
	removed := w.drop.Removed()
	for range w.r.IntN(5) {
		n := len(w.want)
		text := mailgen.Small(w.seed, n)
		// Where a UID may be used again its mail must differ in size; so all do.
		for w.sizes[int64(len(pop3d.Canonical(text)))] {
			text = append(text, "pad\r\n"...)
		}
		w.sizes[int64(len(pop3d.Canonical(text)))] = true
		m := pop3d.Mail{Bytes: text, At: w.clock()}
		hash := sha256.Sum256(pop3d.Canonical(text))
		switch kind := w.r.IntN(20); {
		case kind == 0 && len(removed) > 0:
			m.UID = removed[w.r.IntN(len(removed))].UID // RFC 1939 §7 allows it
		case kind == 1:
			m.Size = int64(1 + w.r.IntN(5000)) // a lie
		case kind == 2 && strings.HasSuffix(string(text), "\r\n"):
			// Bare LF as it is, dots stuffed after CRLF only.
			m.Wire, m.Size = pop3d.Stuff(text), int64(len(text))
		case kind == 3:
			m.UID = strings.Repeat("x", 60+w.r.IntN(30)) + fmt.Sprint(n) // longer than allowed
		case kind == 4:
			m.UID = fmt.Sprint("with blank ", n)
		}
		m = w.drop.Add(m)
		w.want[m.ID] = wanted{hash: hash}
		w.logf("delivered %d: UID %.20q, %d octets listed", m.ID, m.UID, m.Size)
	}
}

// meddle is what people and the provider do between two rounds.
func (w *world) meddle() {
	switch w.r.IntN(12) {
	case 0:
		w.expunge()
	case 1: // another client takes a mail away
		if held := w.drop.Held(); len(held) > 0 {
			m := held[w.r.IntN(len(held))]
			w.drop.Take(m.ID)
			x := w.want[m.ID]
			x.optional = !x.seen
			w.want[m.ID] = x
			w.logf("another client deletes %d", m.ID)
		}
	case 2: // the provider migrates
		n := w.r.IntN(1000)
		some := w.r.IntN(3)
		w.drop.Rename(func(m pop3d.Mail) string {
			if some > 0 && m.ID%3 == some {
				return m.UID
			}
			return fmt.Sprintf("new%d-%d", n, m.ID)
		})
		w.logf("UIDs change")
	case 3:
		if w.drop.Gmail {
			break
		}
		w.hub.account.Keep = w.anyKeep()
		w.logf("keep %v", w.hub.account.Keep)
	case 4:
		w.hub.state = State{} // a crash may take what was learned
		w.logf("state lost")
	case 5:
		w.reopen()
		w.logf("box reopened")
	}
	w.advance(time.Duration(w.r.IntN(50*60)) * time.Minute)
}

// expunge deletes a stored mail here.
func (w *world) expunge() {
	m, err := w.box.View(store.ViewOptions{}).Mailbox(ctx, "INBOX")
	if err != nil {
		w.failf("%v", err)
	}
	s := m.Snapshot()
	if s.Len() == 0 {
		return
	}
	e := s.At(w.r.IntN(s.Len()))
	var hash [32]byte
	err = m.Mails(ctx, []store.Entry{e}, 0, func(_ store.Entry, mail *store.Mail) error {
		hash = mail.Hash
		return nil
	})
	uids := imap.UIDSetNum(e.UID)
	if err == nil {
		_, err = m.StoreFlags(ctx, store.FlagsChange{UIDs: uids, Op: store.FlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}})
	}
	if err == nil {
		_, err = m.Expunge(ctx, uids)
	}
	if err != nil {
		w.failf("expunge: %v", err)
	}
	for id, x := range w.want {
		if x.hash == hash {
			x.expunged = true
			w.want[id] = x
			w.logf("%d is deleted here", id)
		}
	}
}

// stored gives how often each mail is in the box, by the hash of its file.
func (w *world) stored() map[[32]byte]int {
	m, err := w.box.View(store.ViewOptions{}).Mailbox(ctx, "INBOX")
	if err != nil {
		w.failf("%v", err)
	}
	var entries []store.Entry
	for _, e := range m.Snapshot().All() {
		entries = append(entries, e)
	}
	out := map[[32]byte]int{}
	err = m.Mails(ctx, entries, 0, func(_ store.Entry, mail *store.Mail) error {
		f, err := m.OpenMail(mail)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, io.NewSectionReader(f, 0, f.Size())); err != nil {
			return err
		}
		out[[32]byte(h.Sum(nil))]++
		return nil
	})
	if err != nil {
		w.failf("reading the box: %v", err)
	}
	return out
}
