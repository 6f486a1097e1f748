package hub

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"heimpost/pop3fetch"
	"heimpost/store"
)

// Options say how a data folder is opened.
type Options struct {
	// Serve opens it for `serve`: alone, and boxes stay open.
	Serve bool
	// Existing opens only a folder that is there (KindNotFound).
	Existing bool
	Version  string       // the program's, exact
	Log      *slog.Logger // nil: nothing is logged
	Now      func() time.Time
	// MaxMessage is the size of the largest mail in octets; 0: 150 MiB.
	MaxMessage int64
	// Wait is how long to wait for what another process holds; OnWait is
	// called, once for each thing, when waiting begins.
	Wait   time.Duration
	OnWait func(what string)
	// LookupMX names the servers that take a domain's mail; nil: the DNS.
	LookupMX func(ctx context.Context, domain string) ([]string, error)
	// Fetch changes how accounts are fetched.
	Fetch pop3fetch.Options
}

// Hub is an open data folder. Its methods may be called from several
// goroutines.
type Hub struct {
	dir     string
	o       Options
	log     *slog.Logger
	now     func() time.Time
	lock    *os.File
	db      *sql.DB
	secrets secrets
	hasher  hasher

	boxes    boxes
	policies sync.Mutex // see setPolicy
	logins   logins
	throttle throttle
	sessions sessions
	fetcher  *pop3fetch.Fetcher
	demand   demand
	answers  answers
	growths  growths
	imports  imports
	network  *homeNetwork // nil where nothing is served
	signIns  signIns
	tries    tries
	// connections gives the number of IMAP connections, where there are any.
	connections func() int

	close func() error
}

// Open opens a data folder, which it creates where it is missing unless
// o.Existing says otherwise. With o.Serve the error is of KindRunning where
// another `serve` has it.
func Open(ctx context.Context, dir string, o Options) (_ *Hub, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if _, err := os.Stat(dir); o.Existing && errors.Is(err, fs.ErrNotExist) {
		return nil, notFound("there is no data folder %s: give the right one with --data or HEIMPOST_DATA (heimpost serve or heimpost person add NAME begins a new one)", dir)
	}
	h := &Hub{dir: dir, o: o, log: o.Log, now: o.Now, hasher: newHasher(),
		connections: func() int { return 0 }}
	h.secrets.path = filepath.Join(dir, secretFile)
	if err := unrestored(dir); err != nil { // before anything is made in it
		return nil, err
	}
	for _, d := range []string{dir, h.boxesDir()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("the data folder %s cannot be made: %w", dir, err)
		}
	}
	if h.lock, err = lockData(ctx, dir, o); err != nil {
		return nil, err
	}
	if err = unrestored(dir); err != nil {
		h.lock.Close()
		return nil, err
	}
	if o.Serve { // the lock is nobody else's
		if err := removeCopies(dir); err != nil {
			h.log.Warn("a copy of hub.db cannot be removed", "error", err)
		}
	}
	if h.db, err = openDB(ctx, filepath.Join(dir, dbFile)); err != nil {
		h.lock.Close()
		return nil, err
	}
	h.boxes.init(h)
	h.logins.init()
	h.throttle.init(h.now)
	h.sessions.init()
	h.answers.init()
	h.signIns.init()
	o.Fetch.Log, o.Fetch.Now = h.log, h.now
	o.Fetch.Limits.Message = o.MaxMessage
	h.fetcher = pop3fetch.New(directory{h}, o.Fetch)
	h.close = sync.OnceValue(h.closeAll)
	return h, nil
}

// Close closes boxes and hub.db and frees the data folder.
func (h *Hub) Close() error { return h.close() }

func (h *Hub) closeAll() error {
	h.signIns.close()
	return errors.Join(h.flushSeen(context.Background()), h.boxes.closeAll(), h.db.Close(), h.lock.Close())
}

// Dir gives the data folder.
func (h *Hub) Dir() string { return h.dir }

// Version gives the program's version.
func (h *Hub) Version() string { return h.o.Version }

// Watch calls fn after each committed change of a box until stop is called.
// fn must not block.
func (h *Hub) Watch(ctx context.Context, box string, fn func(store.Event)) (stop func(), err error) {
	info, err := h.box(ctx, h.db, box)
	if err != nil {
		return nil, err
	}
	b, release, err := h.boxes.use(ctx, info.ID)
	if err != nil {
		return nil, err
	}
	end := b.OnEvent(fn)
	return func() {
		end()
		release()
	}, nil
}

func (h *Hub) boxesDir() string          { return filepath.Join(h.dir, "boxes") }
func (h *Hub) removedDir() string        { return filepath.Join(h.dir, "removed") }
func (h *Hub) boxDir(name string) string { return filepath.Join(h.boxesDir(), name) }
func (h *Hub) storeOptions() store.Options {
	return store.Options{Now: h.now, MaxMessage: h.o.MaxMessage}
}

// ms and msTime keep times as numbers; 0 is never.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func msTime(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}
