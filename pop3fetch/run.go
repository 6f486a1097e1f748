package pop3fetch

import (
	"context"
	"sync"
	"time"
)

// longest is how long the schedule sleeps at most: an account that changed
// without a Wake, or a clock that was set, is noticed after it.
const longest = time.Hour

// Run fetches all accounts by their schedule until ctx ends, and waits for
// running rounds to stop. It returns nil when ctx ended.
func (f *Fetcher) Run(ctx context.Context) error {
	var rounds sync.WaitGroup
	defer rounds.Wait()
	var mu sync.Mutex
	running := map[string]bool{} // by account's id
	for {
		next := f.o.Now().Add(longest)
		accounts, err := f.dir.Accounts(ctx)
		if err != nil && ctx.Err() == nil {
			f.o.Log.Error("the accounts could not be read; trying again in a minute", "err", err)
			next = f.o.Now().Add(time.Minute)
		}
		for _, a := range accounts {
			mu.Lock()
			busy := running[string(a.ID)]
			mu.Unlock()
			if busy {
				continue // it wakes us when it ends
			}
			at := f.due(ctx, a)
			if at.After(f.o.Now()) {
				if at.Before(next) {
					next = at
				}
				continue
			}
			mu.Lock()
			running[string(a.ID)] = true
			mu.Unlock()
			rounds.Go(func() {
				f.scheduled(ctx, a)
				mu.Lock()
				delete(running, string(a.ID))
				mu.Unlock()
				f.Wake()
			})
		}
		timer := time.NewTimer(max(next.Sub(f.o.Now()), time.Second))
		select {
		case <-timer.C:
		case <-f.wake:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// Wake makes Run look at the accounts again, after one was added, changed or
// removed.
func (f *Fetcher) Wake() {
	select {
	case f.wake <- struct{}{}:
	default: // it will look anyhow
	}
}

// due gives when an account's next round is to begin.
func (f *Fetcher) due(ctx context.Context, a Account) time.Time {
	now := f.o.Now()
	st, err := f.dir.LoadState(ctx, a.ID)
	if err != nil {
		f.o.Log.Error("an account's state could not be read; trying again in a minute", "account", a.Address, "err", err)
		return now.Add(time.Minute)
	}
	if st.SignIn {
		return now.Add(2 * longest) // SignedIn wakes us
	}
	at := st.NextCheck
	if st.Failures == 0 {
		// The interval may have been made shorter since.
		if t := st.LastTry.Add(a.every() * 11 / 10); t.Before(at) {
			at = t
		}
	}
	if allowed := a.allowed(&st); allowed.After(at) {
		at = allowed
	}
	// A clock that was set back must not stop an account for years.
	if limit := now.Add(2 * max(a.every(), maxLoginDelay)); at.After(limit) {
		at = limit
	}
	return at
}

// scheduled runs a round by schedule and tells the log how it went.
func (f *Fetcher) scheduled(ctx context.Context, a Account) {
	res := f.round(ctx, a, FetchOptions{}, false)
	log := f.o.Log.With("account", a.Address)
	switch {
	case ctx.Err() != nil:
	case res.Err != nil:
		log.Warn("fetching failed", "stored", res.Retrieved, "err", res.Err)
	case res.Retrieved > 0 || res.Deleted > 0 || res.Failed > 0:
		log.Info("fetched", "stored", res.Retrieved, "bytes", res.Bytes, "deleted", res.Deleted, "failed", res.Failed)
	default:
		log.Debug("nothing new", "listed", res.Listed)
	}
}
