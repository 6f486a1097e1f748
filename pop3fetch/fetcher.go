package pop3fetch

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"heimpost/pop3fetch/oauth"
	"heimpost/store"
)

// Directory is what the fetcher asks of the hub. Its methods may be called
// from several goroutines.
type Directory interface {
	// Accounts lists all accounts.
	Accounts(ctx context.Context) ([]Account, error)
	// Password gives an account's password in clear.
	Password(ctx context.Context, a Account) (string, error)
	// Box opens an account's box until release is called.
	Box(ctx context.Context, id store.ID) (b *store.Box, release func(), err error)
	// LoadState gives what SaveState kept for an account; zero if nothing.
	LoadState(ctx context.Context, id store.ID) (State, error)
	SaveState(ctx context.Context, id store.ID, s State) error
}

// SignIns is what a Directory implements as well if its accounts can sign in
// with OAuth2 instead of a password.
type SignIns interface {
	// SignIn gives the provider, with its client id, and the account's token.
	SignIn(ctx context.Context, a Account) (oauth.Provider, oauth.Token, error)
	// SaveToken keeps a token; it is durable when SaveToken returns nil. Only
	// then it is used: the one before may be void already.
	SaveToken(ctx context.Context, a Account, t oauth.Token) error
}

// Options change how a Fetcher works; the zero value is right for use.
type Options struct {
	Log *slog.Logger     // nil: slog.Default()
	Now func() time.Time // nil: time.Now
	// Dial opens connections; nil: a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Roots verify certificates; nil: the system's (SSL_CERT_FILE works).
	Roots  *x509.CertPool
	Limits Limits
}

// Limits bound what a provider can make us do. A zero field takes the value
// of DefaultLimits.
type Limits struct {
	Message       int64         // octets of one mail
	Listed        int           // messages of a maildrop
	BatchMessages int           // messages made durable together
	BatchBytes    int64         // octets (as listed) made durable together
	PerHost       int           // sessions at one host
	Idle          time.Duration // without a byte: ends a session
	Reply         time.Duration // to PASS, STAT, LIST, UIDL, from big or locked maildrops
	Session       time.Duration // a whole session
}

// DefaultLimits are the limits in use where Options says nothing else.
var DefaultLimits = Limits{
	Message:       150 << 20,
	Listed:        500_000,
	BatchMessages: 50,
	BatchBytes:    25 << 20,
	PerHost:       2,
	Idle:          60 * time.Second,
	Reply:         120 * time.Second,
	Session:       4 * time.Hour,
}

// withDefaults fills in what was left out.
func (l Limits) withDefaults() Limits {
	d := DefaultLimits
	if l.Message > 0 {
		d.Message = l.Message
	}
	if l.Listed > 0 {
		d.Listed = l.Listed
	}
	if l.BatchMessages > 0 {
		d.BatchMessages = l.BatchMessages
	}
	if l.BatchBytes > 0 {
		d.BatchBytes = l.BatchBytes
	}
	if l.PerHost > 0 {
		d.PerHost = l.PerHost
	}
	if l.Idle > 0 {
		d.Idle = l.Idle
	}
	if l.Reply > 0 {
		d.Reply = l.Reply
	}
	if l.Session > 0 {
		d.Session = l.Session
	}
	return d
}

// FetchOptions are those of one round.
type FetchOptions struct {
	DryRun   bool           // list and count only; nothing is retrieved or deleted
	Progress func(Progress) // called after each batch and at the start; must not block
}

// Progress tells how far a round has come.
type Progress struct {
	Account   string
	Retrieved int
	Total     int // to be retrieved in this round
	Bytes     int64
}

// Result is the outcome of a round. A round may have stored mail and still
// have failed.
type Result struct {
	Account       string
	Listed        int
	Retrieved     int   // stored
	Bytes         int64 // of them
	Deleted       int   // DELE answered with +OK, QUIT too
	Failed        int   // messages that could not be retrieved
	Err           error
	NextAllowed   time.Time // zero: at any time
	WouldRetrieve int       // dry run only
	WouldBytes    int64     // of them, as listed; dry run only
	WouldDelete   int       // dry run only
	// Removes: the provider deletes by itself what was fetched (EXPIRE 0).
	Removes bool
}

// Report is what a test of an account found out.
type Report struct {
	Summary      string // in plain sentences
	SummaryDE    string
	Messages     int
	Bytes        int64
	TLS          string // version; "" for clear text
	Capabilities []string
	NextAllowed  time.Time
}

// TooSoonError says that the provider wants no login yet.
type TooSoonError struct {
	Account string
	At      time.Time // when it does
}

func (e *TooSoonError) Error() string {
	return fmt.Sprintf("%s: the provider wants its mail checked less often; the next check is possible at %s",
		e.Account, e.At.Local().Format("15:04:05"))
}

func (e *TooSoonError) german() string {
	return fmt.Sprintf("%s: Der Anbieter möchte seltener abgefragt werden; die nächste Abfrage ist um %s möglich",
		e.Account, e.At.Local().Format("15:04:05"))
}

// Is makes errors.Is(err, ErrTooSoon) work.
func (e *TooSoonError) Is(target error) bool { return target == ErrTooSoon }

// ErrTooSoon is matched by every *TooSoonError.
var ErrTooSoon = errors.New("too soon")

// ErrNoAccount is returned for an address that no account has.
var ErrNoAccount = errors.New("there is no account of this address")

// Fetcher drains accounts by schedule and by hand.
type Fetcher struct {
	dir  Directory
	o    Options
	wake chan struct{} // holds a token when Run shall look again

	mu     sync.Mutex
	logins map[string]chan struct{} // holds a token while a session of that login runs
	hosts  map[string]chan struct{} // a token for each session at that host
	wanted map[place]bool           // mailboxes that somebody looks at
}

// New makes a Fetcher. Nothing happens until Run, Round or Test.
func New(dir Directory, o Options) *Fetcher {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{Timeout: 30 * time.Second}).DialContext
	}
	o.Limits = o.Limits.withDefaults()
	return &Fetcher{dir: dir, o: o, wake: make(chan struct{}, 1),
		logins: map[string]chan struct{}{}, hosts: map[string]chan struct{}{}, wanted: map[place]bool{}}
}
