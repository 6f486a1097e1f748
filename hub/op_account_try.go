package hub

import (
	"context"

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
	out.AccountTested = AccountTested{Account: a.Address, Summary: r.Summary, Messages: r.Messages, Bytes: r.Bytes, TLS: r.TLS,
		Capabilities: append([]string{}, r.Capabilities...), NextAllowed: r.NextAllowed}
	return out, nil
}
