package hub

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"heimpost/pop3fetch"
	"heimpost/pop3fetch/oauth"
	"heimpost/store"
)

// KindNoClient says that this hub is not registered at a provider yet; what to
// register stands in package oauth, in English and German.
const KindNoClient Kind = "no_client"

// SignInParams begin a sign-in.
type SignInParams struct {
	Address string `json:"address"`
	// ClientID is the hub's registration at the provider; "": that of
	// heimpost.toml, else that of the account's last sign-in.
	// ClientSecret goes along with ClientID where the provider wants one.
	ClientID     string `json:"client_id,omitempty"`
	ClientSecret string `json:"client_secret,omitempty"`
}

// SignInStarted says what its owner has to do to sign an account in.
type SignInStarted struct {
	ID       string `json:"id"`
	Address  string `json:"address"`
	Provider string `json:"provider"` // for people
	// Code is to be typed at URL, on any device. Without a Code URL is to be
	// opened by a browser on this computer; where another computer's browser
	// opens it, it ends at a page that cannot be shown and whose address
	// begins with Redirect: that address is to be given to SignInWait.
	URL      string    `json:"url"`
	Code     string    `json:"code,omitempty"`
	Redirect string    `json:"redirect,omitempty"`
	Expires  time.Time `json:"expires"`
}

// SignInStep is how a sign-in that was begun goes on.
type SignInStep struct {
	ID     string `json:"id"`
	Pasted string `json:"pasted,omitempty"` // the address that the browser was sent to
}

// SignInState is how far a sign-in has come.
type SignInState struct {
	Address string `json:"address"`
	Done    bool   `json:"done"`            // it has ended, well or with Error
	Error   string `json:"error,omitempty"` // why nobody is signed in
}

var (
	// SignInStart begins to sign an account in at its provider. It goes on
	// by itself for as long as the code is good; a second one takes its place.
	SignInStart = newOp("account.signin", (*Hub).signInStart)
	// SignInWait returns when somebody has signed in, or why not.
	SignInWait = newOp("account.signin.wait", (*Hub).signInWait)
	// SignInLook tells how far a sign-in has come, at once.
	SignInLook = newOp("account.signin.look", (*Hub).signInLook)
)

// signInTime bounds a sign-in for which the provider sets no end.
const signInTime = 15 * time.Minute

// signIn is what hub.db keeps, encrypted, of an account that has signed in. A
// refresh token belongs to the registration that it was given to, so that goes
// along.
type signIn struct {
	Provider string      `json:"provider"`
	ClientID string      `json:"client_id"`
	Secret   string      `json:"client_secret,omitempty"`
	TokenURL string      `json:"token_url"`
	Token    oauth.Token `json:"token"`
}

func (s signIn) provider() (oauth.Provider, error) {
	p, known := oauth.Lookup(s.Provider)
	if !known {
		return p, newError("", "signing in at %q is not known", s.Provider)
	}
	p.ClientID, p.Secret, p.TokenURL = s.ClientID, s.Secret, s.TokenURL
	return p, nil
}

// tokenName is under which name a sign-in is sealed: not its password's.
func tokenName(account store.ID) store.ID { return account + "/sign-in" }

// loadSignIn gives an account's sign-in; oauth.ErrNobody where there is none.
func (h *Hub) loadSignIn(ctx context.Context, q querier, a pop3fetch.Account) (s signIn, err error) {
	var sealed []byte
	err = q.QueryRowContext(ctx, "SELECT token FROM account WHERE id=?", a.ID).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) && a.ID != "" {
		return s, pop3fetch.ErrNoAccount
	}
	if err != nil && a.ID != "" {
		return s, dbError(err)
	}
	if len(sealed) == 0 {
		return s, fmt.Errorf("%s: %w", a.Address, oauth.ErrNobody)
	}
	text, err := h.secrets.unseal(tokenName(a.ID), sealed)
	if err != nil {
		// A key that was lost is like a sign-in that has ended.
		return s, fmt.Errorf("%w: %w", oauth.ErrSignIn, err)
	}
	return s, json.Unmarshal([]byte(text), &s)
}

func (h *Hub) sealSignIn(account store.ID, s signIn) ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return h.secrets.seal(tokenName(account), string(text))
}

// SignIn gives an account's provider and token (pop3fetch.SignIns).
func (d directory) SignIn(ctx context.Context, a pop3fetch.Account) (oauth.Provider, oauth.Token, error) {
	s, err := d.h.loadSignIn(ctx, d.h.db, a)
	if err != nil {
		return oauth.Provider{}, oauth.Token{}, err
	}
	p, err := s.provider()
	return p, s.Token, err
}

// SaveToken keeps a token; it is durable at its return (hub.db is FULL).
func (d directory) SaveToken(ctx context.Context, a pop3fetch.Account, t oauth.Token) error {
	return d.h.tx(ctx, func(q *sql.Tx) error {
		s, err := d.h.loadSignIn(ctx, q, a)
		if err != nil {
			return err
		}
		s.Token = t
		sealed, err := d.h.sealSignIn(a.ID, s)
		if err != nil {
			return err
		}
		_, err = q.ExecContext(ctx, "UPDATE account SET token=? WHERE id=?", sealed, a.ID)
		return err
	})
}

// signIns are the sign-ins that wait for somebody, one an account.
type signIns struct {
	ctx  context.Context // ends with the hub
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu   sync.Mutex
	open map[store.ID]*pendingSignIn
}

func (s *signIns) init() {
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.open = map[store.ID]*pendingSignIn{}
}

// close ends all that wait.
func (s *signIns) close() {
	s.stop()
	s.wg.Wait()
}

// pendingSignIn waits for somebody who signs in.
type pendingSignIn struct {
	id      string
	account pop3fetch.Account
	keep    signIn // but for the token
	browser *oauth.Browser
	cancel  context.CancelFunc
	pasted  chan pastedAddress
	done    chan struct{}
	err     error // readable when done
}

// pastedAddress is an address that the browser was sent to, and who waits to
// hear whether it is the right one.
type pastedAddress struct {
	text   string
	answer chan error
}

// configured gives a provider as heimpost.toml has it now: a registration that
// is written there counts without a new start.
func (h *Hub) configured(name string) (oauth.Provider, error) {
	p, known := oauth.Lookup(name)
	if !known {
		return p, invalid("signing in at %q is not known", name)
	}
	config, err := LoadConfig(h.dir, false)
	if err != nil {
		return p, err
	}
	c := config.OAuth[name]
	p.ClientID, p.Secret = c.ClientID, c.ClientSecret
	p.AuthURL, p.TokenURL, p.DeviceURL = cmp.Or(c.AuthURL, p.AuthURL), cmp.Or(c.TokenURL, p.TokenURL), cmp.Or(c.DeviceURL, p.DeviceURL)
	return p, nil
}

// registered gives a provider with the registration of this hub: the one that
// is given, that of heimpost.toml, or that of the account's last sign-in.
func (h *Hub) registered(ctx context.Context, a pop3fetch.Account, name string, given SignInParams) (oauth.Provider, error) {
	p, err := h.configured(name)
	if err != nil {
		return p, err
	}
	if given.ClientID != "" && given.ClientID != p.ClientID {
		p.ClientID, p.Secret = given.ClientID, cmp.Or(given.ClientSecret, p.Secret)
	}
	if p.ClientID == "" {
		if last, err := h.loadSignIn(ctx, h.db, a); err == nil && last.Provider == name {
			p.ClientID, p.Secret = last.ClientID, cmp.Or(p.Secret, last.Secret)
		}
	}
	if err := p.Err(); err != nil {
		return p, newError(KindNoClient, "%v\nThe client id goes into %s under [oauth.%s], or behind --client-id.", err, filepath.Join(h.dir, ConfigFile), name)
	}
	return p, nil
}

func (h *Hub) signInStart(ctx context.Context, p SignInParams) (out SignInStarted, err error) {
	a, err := h.account(ctx, h.db, p.Address)
	if err != nil {
		return out, err
	}
	name := a.OAuth
	if name == "" {
		preset, err := h.preset(ctx, a.Address)
		if err != nil {
			return out, err
		}
		if name = preset.OAuth; name == "" {
			return out, invalid("%s logs in with a password; no sign-in is known at its provider (heimpost account set %s --oauth google|microsoft names one)", a.Address, a.Address)
		}
	}
	provider, err := h.registered(ctx, a, name, p)
	if err != nil {
		return out, err
	}
	provider.Login = a.Address
	w := &pendingSignIn{id: rand.Text(), account: a, pasted: make(chan pastedAddress), done: make(chan struct{}),
		keep: signIn{Provider: name, ClientID: provider.ClientID, Secret: provider.Secret, TokenURL: provider.TokenURL}}
	out = SignInStarted{ID: w.id, Address: a.Address, Provider: provider.Title, Expires: time.Now().Add(signInTime)}
	var wait func(context.Context) (oauth.Token, error)
	device, err := provider.StartDevice(ctx)
	switch {
	case err == nil:
		out.URL, out.Code = device.URL, device.Code
		if !device.Expires.IsZero() && device.Expires.Before(out.Expires) {
			out.Expires = device.Expires
		}
		wait = device.Wait
	case errors.Is(err, oauth.ErrNoDevice):
		if w.browser, err = provider.StartBrowser(ctx); err != nil {
			return out, err
		}
		out.URL, out.Redirect = w.browser.URL, w.browser.Redirect()
		wait = w.browser.Wait
	default:
		return out, err
	}
	h.signIns.begin(h, w, out.Expires, wait)
	return out, nil
}

// begin lets a sign-in wait; the one before it of the same account ends.
func (s *signIns) begin(h *Hub, w *pendingSignIn, until time.Time, wait func(context.Context) (oauth.Token, error)) {
	ctx, cancel := context.WithDeadline(s.ctx, until)
	w.cancel = cancel
	s.mu.Lock()
	before := s.open[w.account.ID]
	s.open[w.account.ID] = w
	s.mu.Unlock()
	if before != nil {
		before.cancel()
	}
	s.wg.Go(func() {
		defer cancel()
		defer close(w.done)
		token, err := w.token(ctx, wait)
		if err == nil {
			// What the provider gave is kept, however long a round runs.
			w.err = h.signedIn(s.ctx, w, token)
			return
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = newError("", "nobody has signed in within %d minutes; begin again", int(signInTime.Minutes()))
		} else if ctx.Err() != nil {
			err = newError("", "the sign-in was given up: another one was begun, or heimpost was stopped")
		}
		w.err = err
	})
}

// token waits for the provider, the browser, or the address that is pasted.
func (w *pendingSignIn) token(ctx context.Context, wait func(context.Context) (oauth.Token, error)) (oauth.Token, error) {
	type outcome struct {
		token oauth.Token
		err   error
	}
	if w.browser != nil {
		defer w.browser.Close()
	}
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	got := make(chan outcome, 1)
	go func() {
		token, err := wait(waiting)
		got <- outcome{token, err}
	}()
	for {
		select {
		case o := <-got:
			return o.token, o.err
		case p := <-w.pasted:
			token, err := w.browser.Paste(ctx, p.text)
			p.answer <- err
			if err == nil {
				stop()
				<-got
				return token, nil
			}
		}
	}
}

// signedIn keeps a new sign-in, while no round uses the one before.
func (h *Hub) signedIn(ctx context.Context, w *pendingSignIn, token oauth.Token) error {
	w.keep.Token = token
	a := w.account
	sealed, err := h.sealSignIn(a.ID, w.keep)
	if err != nil {
		return err
	}
	release, err := h.fetcher.Hold(ctx, a)
	if err != nil {
		return err
	}
	err = h.tx(ctx, func(q *sql.Tx) error {
		res, err := q.ExecContext(ctx, "UPDATE account SET oauth=?, token=?, password=x'' WHERE id=?", w.keep.Provider, sealed, a.ID)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return cmp.Or(err, notFound("the account %s was removed meanwhile", a.Address))
		}
		return nil
	})
	release()
	if err != nil {
		return err
	}
	h.changed(func(*session) bool { return false })
	h.log.Info("signed in", "account", a.Address, "provider", w.keep.Provider)
	return h.fetcher.SignedIn(ctx, a)
}

// find gives a sign-in by its id.
func (s *signIns) find(id string) (*pendingSignIn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.open {
		if w.id == id {
			return w, nil
		}
	}
	return nil, notFound("there is no such sign-in any more: begin again")
}

func (h *Hub) signInWait(ctx context.Context, p SignInStep) (out SignInState, err error) {
	w, err := h.signIns.find(p.ID)
	if err != nil {
		return out, err
	}
	if p.Pasted != "" {
		if w.browser == nil {
			return out, invalid("this sign-in is by code; there is no address to paste")
		}
		answer := make(chan error, 1)
		select {
		case w.pasted <- pastedAddress{p.Pasted, answer}:
			if err := <-answer; err != nil {
				return out, err
			}
		case <-w.done:
		case <-ctx.Done():
			return out, ctx.Err()
		}
	}
	select {
	case <-w.done:
		return SignInState{Address: w.account.Address, Done: true}, w.err
	case <-ctx.Done():
		return out, ctx.Err()
	}
}

func (h *Hub) signInLook(ctx context.Context, p SignInStep) (out SignInState, err error) {
	w, err := h.signIns.find(p.ID)
	if err != nil {
		return out, err
	}
	out.Address = w.account.Address
	select {
	case <-w.done:
		out.Done = true
		if w.err != nil {
			out.Error = w.err.Error()
		}
	default:
	}
	return out, nil
}
