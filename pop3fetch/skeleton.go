package pop3fetch

import (
	"context"
	"errors"
)

var errNotBuilt = errors.New("not built")

// Run fetches all accounts by their schedule until ctx ends, and waits for
// running rounds to stop. It returns nil when ctx ended.
func (f *Fetcher) Run(ctx context.Context) error { return errNotBuilt }

// Wake makes Run look at the accounts again, after one was added, changed or
// removed.
func (f *Fetcher) Wake() {}

// Round fetches the account of this address now, by hand: whatever our own
// back-off says, but not before the provider's floor; up to a minute it waits
// for that, beyond it returns a *TooSoonError. If a round of the account runs,
// Round waits for it and then runs its own. The error is also Result.Err.
func (f *Fetcher) Round(ctx context.Context, address string, o FetchOptions) (Result, error) {
	return Result{}, errNotBuilt
}

// Test logs in and looks without retrieving or deleting anything. The account
// need not be stored (ID ""). The error says in plain words what is wrong and
// what to do.
func (f *Fetcher) Test(ctx context.Context, a Account, password string) (Report, error) {
	return Report{}, errNotBuilt
}
