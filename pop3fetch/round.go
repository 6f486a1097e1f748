package pop3fetch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"heimpost/store"
)

const (
	// waitByHand is how long a fetch by hand waits for the provider's floor.
	waitByHand = 60 * time.Second
	// maxSessions bounds the sessions of one round.
	maxSessions = 100
	// A maildrop that is in use is asked for again after 200 ms, 400 ms, …
	maxBusy   = 6
	firstBusy = 100 * time.Millisecond
	// carefulAfter sessions in a row that broke within a batch without getting
	// anywhere, messages come one by one.
	carefulAfter = 2
	// After so many messages of a round that each broke a session, the network
	// is more likely to blame than they are: the others wait for the next round.
	maxBlamed = 3
)

// Round fetches the account of this address now, by hand: whatever our own
// back-off says, but not before the provider's floor; up to a minute it waits
// for that, beyond it returns a *TooSoonError. If a round of the account runs,
// Round waits for it and then runs its own. The error is also Result.Err.
func (f *Fetcher) Round(ctx context.Context, address string, o FetchOptions) (Result, error) {
	a, err := f.account(ctx, address)
	if err != nil {
		return Result{Account: address, Err: err}, err
	}
	defer f.Wake() // the schedule goes on from here
	res := f.round(ctx, a, o, true)
	return res, res.Err
}

// Hold waits until no session of the account's login runs and keeps new ones
// from beginning until release is called. A round reads its account anew after
// that, so it never works with what was changed meanwhile.
func (f *Fetcher) Hold(ctx context.Context, a Account) (release func(), err error) {
	login := f.token(f.logins, a.login(), 1)
	if err := take(ctx, login); err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { give(login) }), nil
}

// account finds an account by its address.
func (f *Fetcher) account(ctx context.Context, address string) (Account, error) {
	all, err := f.dir.Accounts(ctx)
	if err != nil {
		return Account{}, err
	}
	for _, a := range all {
		if strings.EqualFold(a.Address, address) {
			return a, nil
		}
	}
	return Account{}, fmt.Errorf("%s: %w", address, ErrNoAccount)
}

// round runs one round of an account, when nobody else does.
func (f *Fetcher) round(ctx context.Context, a Account, o FetchOptions, byHand bool) (res Result) {
	res.Account = a.Address
	fail := func(err error) Result {
		res.Err = err
		return res
	}
	if err := a.Validate(); err != nil {
		return fail(err)
	}
	release, err := f.Hold(ctx, a)
	if err != nil {
		return fail(err)
	}
	defer release()
	// It may have been changed or removed while we waited.
	now, err := f.account(ctx, a.Address)
	if err != nil {
		return fail(err)
	}
	if now.login() != a.login() || now.ID != a.ID {
		return fail(fmt.Errorf("%s: the account was changed at this moment; fetch again", a.Address))
	}
	a = now
	st, err := f.load(ctx, a)
	if err != nil {
		return fail(err)
	}
	for tries := 0; ; tries++ {
		if e := f.waitAllowed(ctx, a, &st, byHand); e != nil {
			if tries == 0 {
				res.NextAllowed = a.allowed(&st)
				return fail(e)
			}
			err = e
			break
		}
		err = f.sessions(ctx, a, &st, &res, o, byHand)
		if tries > 0 || !byHand || err == nil || explain(a, err).class != classDelay || !a.allowed(&st).After(f.o.Now()) {
			break
		}
	}
	res.Err = f.settle(a, &st, o, err, ctx.Err() != nil)
	if at := a.allowed(&st); at.After(f.o.Now()) {
		res.NextAllowed = at
	}
	// What was learned is kept also when the round was stopped.
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := f.dir.SaveState(keep, a.ID, st); err != nil && res.Err == nil {
		res.Err = err
	}
	return res
}

// Allowed gives before when the provider wants no further login, by its preset
// or by what it announced; it holds back a fetch by hand, too. The zero time:
// nothing is known of such a wish.
func (a Account) Allowed(st State) time.Time { return a.allowed(&st) }

func (a Account) allowed(st *State) time.Time {
	if floor := max(a.MinInterval, st.LoginDelay); floor > 0 && !st.LastLogin.IsZero() {
		return st.LastLogin.Add(floor)
	}
	return time.Time{}
}

// waitAllowed waits until the provider allows a login: by hand a minute at
// most. The schedule comes when it is allowed.
func (f *Fetcher) waitAllowed(ctx context.Context, a Account, st *State, byHand bool) error {
	at := a.allowed(st)
	d := at.Sub(f.o.Now())
	if d <= 0 {
		return nil
	}
	if !byHand || d > waitByHand {
		return &TooSoonError{a.Address, at}
	}
	return sleep(ctx, d)
}

// sleep waits, or less if ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sessions drains an account in as many sessions as the provider allows in
// one round.
func (f *Fetcher) sessions(ctx context.Context, a Account, st *State, res *Result, o FetchOptions, byHand bool) error {
	host := f.token(f.hosts, strings.ToLower(a.Host), f.o.Limits.PerHost)
	if err := take(ctx, host); err != nil {
		return err
	}
	defer give(host)
	st.LastTry = f.o.Now()
	box, release, err := f.dir.Box(ctx, a.Box)
	if err != nil {
		return &sinkError{err}
	}
	defer release()
	mailbox, err := target(box, a.Mailbox)
	if err != nil {
		return &sinkError{err}
	}
	floor := func() bool { return a.MinInterval > 0 || st.LoginDelay > 0 }
	busy, blamed := 0, 0
	var broke error // why the session before ended
	for n := 1; ; n++ {
		s := &session{a: a, o: o, l: f.o.Limits, box: box, mailbox: mailbox, state: st, result: res,
			log: f.o.Log, now: f.o.Now, byHand: byHand, base: res.Retrieved, careful: st.Broken >= carefulAfter}
		s.limit()
		err := f.session(ctx, s)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if r, is := refused(err); is && (byHand || broke != nil) && !floor() && explain(a, r).class == classInUse {
			// Most likely it is our own session that broke a moment ago.
			if busy++; busy <= maxBusy {
				if err := sleep(ctx, firstBusy<<busy); err != nil {
					return err
				}
				continue
			}
			if broke != nil {
				return broke
			}
			return err
		}
		switch {
		case err == nil, s.settled > 0:
			st.Broken = 0
			if err != nil && s.careful && s.inBatch {
				st.Broken = carefulAfter
			}
		case s.inBatch:
			st.Broken++
		}
		if err != nil && s.careful && s.inBatch {
			blamed++
		}
		if o.DryRun || n >= maxSessions || floor() || blamed >= maxBlamed {
			return err
		}
		// This provider knows no floor, so what is left comes at once.
		again := err == nil && s.limited && s.settled > 0 ||
			s.expired && s.settled > 0 ||
			err != nil && passes(err) && (s.settled > 0 || s.inBatch && st.Broken <= carefulAfter)
		if !again {
			return err
		}
		broke, busy = err, 0
	}
}

// passes reports whether a new connection may help at once.
func passes(err error) bool {
	return errors.Is(err, errCut) || errorIs[stepError](err)
}

// target gives the mailbox that mail goes into.
func target(box *store.Box, id store.ID) (store.ID, error) {
	for _, m := range box.View(store.ViewOptions{}).Mailboxes() {
		if id == "" && m.Name == "INBOX" || id != "" && m.ID == id {
			return m.ID, nil
		}
	}
	return "", fmt.Errorf("the mailbox that this account drains into was deleted; choose another with account set --mailbox")
}

// session runs one session from the connection to its end.
func (f *Fetcher) session(ctx context.Context, s *session) error {
	a := s.a
	if s.recent {
		a.User = recentPrefix + a.User
	}
	c, err := f.open(ctx, a, s.state, "")
	if errorIs[*tokenRefused](err) {
		// It may have been revoked, or our clock be wrong: get another one, now
		// or with the next login that is allowed.
		if s.state.Renew = true; s.state.allowsAnother(a) {
			c, err = f.open(ctx, a, s.state, "")
		}
	}
	if err != nil {
		return err
	}
	s.c = c
	err = s.drain(ctx)
	if r, is := refused(err); is && tokenExpired(r) {
		s.state.Renew = true
		s.expired = true
	}
	return err
}

// open connects and logs in. password is used instead of the stored one if it
// is not empty.
func (f *Fetcher) open(ctx context.Context, a Account, st *State, password string) (_ *client, err error) {
	proof, err := f.secret(ctx, a, st, password)
	if err != nil {
		return nil, err
	}
	c, err := connect(ctx, &f.o, a)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.close()
			if ctx.Err() != nil {
				err = ctx.Err()
			}
		}
	}()
	delay, own := c.caps.loginDelay()
	st.LoginDelay = delay
	st.LastLogin = f.o.Now()
	if a.ID != "" && (a.MinInterval > 0 || delay > 0) {
		// Before the login: a crash must not lead to another one too soon.
		if err := f.dir.SaveState(ctx, a.ID, *st); err != nil {
			return nil, &sinkError{err}
		}
	}
	if err := c.login(a.User, proof); err != nil {
		// Another session, a limit or the provider's own trouble (RFC 2449, RFC
		// 3206) says nothing about the token.
		if r, is := refused(err); is && proof.token != "" && (r.code == "" || r.has("AUTH")) {
			return nil, &tokenRefused{err}
		}
		if r, is := refused(err); is && r.has("AUTH") && !c.caps.has("AUTH-RESP-CODE") {
			r.code = "" // it only looks like that code
		}
		return nil, err
	}
	if own {
		if err := c.readCapabilities(); err != nil {
			return nil, err
		}
		st.LoginDelay, _ = c.caps.loginDelay()
	}
	return c, nil
}

// settle writes the outcome of a round into the state and gives the error for
// people.
func (f *Fetcher) settle(a Account, st *State, o FetchOptions, err error, stopped bool) error {
	now := f.o.Now()
	p := explainIf(a, err)
	if stopped {
		return err
	}
	if p == nil || p.class != classRefused && p.class != classMaybe {
		if !st.LastLogin.Before(st.LastTry) {
			st.AuthFailures, st.AuthSince = 0, time.Time{}
		}
	} else {
		if st.AuthFailures == 0 {
			st.AuthSince = now
		}
		st.AuthFailures++
	}
	if p == nil {
		if o.DryRun {
			return nil
		}
		st.Failures, st.Error, st.ErrorDE, st.SignIn = 0, "", "", false
		st.LastSuccess = now
		next := now.Add(jitter(a.every()))
		if st.More {
			next = now.Add(jitter(minEvery)) // or when the provider's floor allows it
		}
		st.Drained = st.Drained || st.untried == 0 && !st.More
		st.NextCheck = later(next, a.allowed(st))
		return nil
	}
	st.Failures++
	st.SignIn = p.class == classSignIn
	if p.class == classMaybe && a.OAuth == "" && st.AuthFailures >= wrongAfter && now.Sub(st.AuthSince) >= wrongOver {
		p = &Problem{Text{"Since " + st.AuthSince.Local().Format("Jan 2 15:04") + " every login was refused: the password is probably wrong. " + p.Text.EN,
			"Seit " + st.AuthSince.Local().Format("2.1. 15:04") + " wurde jede Anmeldung abgelehnt: Das Passwort ist wahrscheinlich falsch. " + p.Text.DE}, p.class, p.err}
	}
	st.Error, st.ErrorDE = p.Text.EN, p.Text.DE
	wait := p.class.wait(a.every(), st.Failures, st.AuthFailures)
	st.NextCheck = later(now.Add(jitter(wait)), a.allowed(st))
	return p
}

// explainIf explains an error, if it is one.
func explainIf(a Account, err error) *Problem {
	if err == nil {
		return nil
	}
	return explain(a, err)
}

// later gives the later of two times, the second one with some room: the
// provider's clock is not ours.
func later(at, floor time.Time) time.Time {
	if at.Before(floor) {
		return floor.Add(jitter(10*time.Second) / 2)
	}
	return at
}

// jitter spreads a time by a tenth, so that accounts do not all come at once.
func jitter(d time.Duration) time.Duration {
	if d < 10 {
		return d
	}
	return d - d/10 + rand.N(d/5)
}

// token gives the channel that limits what runs for a key at a time.
func (f *Fetcher) token(m map[string]chan struct{}, key string, n int) chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := m[key]
	if c == nil {
		c = make(chan struct{}, n)
		m[key] = c
	}
	return c
}

func take(ctx context.Context, c chan struct{}) error {
	select {
	case c <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func give(c chan struct{}) { <-c }
