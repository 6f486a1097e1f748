package hub

import (
	"context"
	"sync"
	"time"

	"heimpost/pop3fetch"
)

// Tried is what a test of an account found that is not stored yet.
type Tried struct {
	AccountTested
	Provider string   `json:"provider,omitempty"`
	Hints    []string `json:"hints,omitempty"`
	HintsDE  []string `json:"hints_de,omitempty"`
	Error    string   `json:"error,omitempty"`
	ErrorDE  string   `json:"error_de,omitempty"`
}

// AccountTry logs in with settings that are not stored, and looks. What is
// wrong stands in the result, in both languages.
var AccountTry = newOp("account.try", (*Hub).accountTry)

func (h *Hub) accountTry(ctx context.Context, p AccountSetParams) (out Tried, err error) {
	a, preset, err := h.newAccount(ctx, p)
	if err != nil {
		return out, err
	}
	out.Provider = preset.Provider
	out.Hints, out.HintsDE = hints(preset)
	p.Box, p.Mailbox = nil, nil // nothing of the test is kept
	if _, err := h.applyAccount(ctx, &a, p); err != nil {
		return out, err
	}
	password := ""
	if p.Password != nil {
		password = *p.Password
	}
	a.ID = ""
	r, err := h.fetcher.Test(ctx, a, password)
	if err != nil {
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		out.Error, out.ErrorDE = err.Error(), pop3fetch.German(err)
		return out, nil
	}
	out.AccountTested = tested(a, r)
	h.tries.note(a, h.now(), r.NextAllowed)
	return out, nil
}

// tries are logins of accounts that are not stored, not yet or not any more, at
// providers that want few of them: the first round of such an account comes
// when it is allowed.
type tries struct {
	mu    sync.Mutex
	login map[triedLogin]pop3fetch.State
}

type triedLogin struct{ host, user string }

// maxTries bounds what is remembered.
const maxTries = 100

func (t *tries) note(a pop3fetch.Account, at, allowed time.Time) {
	if allowed.IsZero() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.login == nil || len(t.login) >= maxTries {
		t.login = map[triedLogin]pop3fetch.State{}
	}
	t.login[triedLogin{a.Host, a.User}] = pop3fetch.State{LastLogin: at, LoginDelay: allowed.Sub(at)}
}

// take gives the state with which an account begins.
func (t *tries) take(a pop3fetch.Account) (pop3fetch.State, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	st, is := t.login[triedLogin{a.Host, a.User}]
	delete(t.login, triedLogin{a.Host, a.User})
	return st, is
}
