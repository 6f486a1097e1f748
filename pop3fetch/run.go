package pop3fetch

import (
	"context"
	"sync"
	"time"

	"heimpost/store"
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
		next, looked := f.o.Now().Add(longest), f.takeWanted()
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
			at := f.due(ctx, a, looked[place{a.Box, a.Mailbox}])
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

// due gives when an account's next round is to begin; looked says that
// somebody looks at its mailbox.
func (f *Fetcher) due(ctx context.Context, a Account, looked bool) time.Time {
	now := f.o.Now()
	st, err := f.load(ctx, a)
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
		t := st.LastTry.Add(a.every() * 11 / 10)
		if looked {
			t = st.LastTry.Add(onDemand)
		}
		if t.Before(at) {
			at = t
		}
	}
	if allowed := a.allowed(&st); allowed.After(at) {
		at = allowed
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

// FetchIfDue starts a round of every account that drains into a mailbox, if
// the last one is a minute old and neither the provider's floor nor a back-off
// forbids it: for clients that open or refresh the mailbox. It returns at once;
// Run does the work.
func (f *Fetcher) FetchIfDue(box, mailbox store.ID) {
	f.mu.Lock()
	if len(f.wanted) < maxWanted {
		f.wanted[place{box, mailbox}] = true
	}
	f.mu.Unlock()
	f.Wake()
}

// place names a mailbox that somebody looks at.
type place struct{ box, mailbox store.ID }

const (
	// maxWanted bounds what FetchIfDue remembers between two looks of Run.
	maxWanted = 1000
	// onDemand is the least time between a round and one on demand.
	onDemand = time.Minute
)

// takeWanted gives what FetchIfDue was asked for since the last time.
func (f *Fetcher) takeWanted() map[place]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.wanted
	f.wanted = map[place]bool{}
	return w
}
