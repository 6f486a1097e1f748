package hub

import (
	"context"
	"errors"
	"sync"
	"time"

	"heimpost/pop3fetch"
)

// FetchParams are those of Fetch; no address: all accounts.
type FetchParams struct {
	Addresses []string `json:"addresses"`
	DryRun    bool     `json:"dry_run"`
}

// Fetched is the outcome of a round.
type Fetched struct {
	Account       string     `json:"account"`
	Listed        int        `json:"listed"`
	Retrieved     int        `json:"retrieved"`
	Bytes         int64      `json:"bytes"`
	Deleted       int        `json:"deleted"`
	Failed        int        `json:"failed"`
	Error         string     `json:"error"`
	ErrorDE       string     `json:"error_de,omitempty"`
	Removes       bool       `json:"provider_removes,omitempty"` // by itself what was fetched (EXPIRE 0)
	TooSoon       bool       `json:"too_soon,omitempty"`
	NextAllowed   *time.Time `json:"next_allowed"`
	WouldRetrieve *int       `json:"would_retrieve,omitempty"`
	WouldDelete   *int       `json:"would_delete,omitempty"`
	WouldBytes    *int64     `json:"would_bytes,omitempty"`
}

// Fetch runs a round of each account now.
var Fetch = newLongOp("fetch", (*Hub).fetch)

// fetchAtOnce is how many rounds one Fetch runs at a time; the fetcher has
// limits of its own for each host.
const fetchAtOnce = 8

func (h *Hub) fetch(ctx context.Context, p FetchParams, tell func(Progress)) ([]Fetched, error) {
	addresses := []string{}
	for _, a := range p.Addresses {
		account, err := h.account(ctx, h.db, a)
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, account.Address)
	}
	if len(addresses) == 0 {
		all, err := directory{h}.Accounts(ctx)
		if err != nil {
			return nil, err
		}
		for _, a := range all {
			addresses = append(addresses, a.Address)
		}
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	tokens := make(chan struct{}, fetchAtOnce)
	out := make([]Fetched, len(addresses))
	for i, address := range addresses {
		wg.Go(func() {
			tokens <- struct{}{}
			defer func() { <-tokens }()
			r, err := h.fetcher.Round(ctx, address, pop3fetch.FetchOptions{DryRun: p.DryRun, Progress: func(p pop3fetch.Progress) {
				mu.Lock()
				defer mu.Unlock()
				tell(Progress{What: p.Account, Done: p.Retrieved, Total: p.Total, Bytes: p.Bytes})
			}})
			out[i] = fetched(address, r, err, p.DryRun)
		})
	}
	wg.Wait()
	return out, nil
}

func fetched(address string, r pop3fetch.Result, err error, dryRun bool) Fetched {
	f := Fetched{Account: address, Listed: r.Listed, Retrieved: r.Retrieved, Bytes: r.Bytes, Deleted: r.Deleted, Failed: r.Failed, Removes: r.Removes,
		NextAllowed: timeOrNull(r.NextAllowed), TooSoon: errors.Is(err, pop3fetch.ErrTooSoon)}
	if err != nil {
		f.Error, f.ErrorDE = err.Error(), pop3fetch.German(err)
		if soon := (*pop3fetch.TooSoonError)(nil); errors.As(err, &soon) && f.NextAllowed == nil {
			f.NextAllowed = timeOrNull(soon.At)
		}
	}
	if dryRun {
		f.WouldRetrieve, f.WouldDelete, f.WouldBytes = &r.WouldRetrieve, &r.WouldDelete, &r.WouldBytes
	}
	return f
}
