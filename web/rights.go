package web

import (
	"context"
	"net/url"
	"time"

	"heimpost/hub"
)

// ownBox is a box with what a person may do in it.
type ownBox struct {
	hub.Box
	mayWrite bool
}

// boxesOf lists the boxes that a visitor has: his own and those shared with
// him; an administrator's are no more, for mail is private.
func (s *Site) boxesOf(v *visit) ([]ownBox, error) {
	all, err := hub.Do(v.ctx(), s.h, hub.BoxList, hub.None{}, nil)
	if err != nil {
		return nil, err
	}
	var out []ownBox
	for _, b := range all {
		if b.Person == v.person.Name {
			out = append(out, ownBox{b, true})
			continue
		}
		for _, g := range b.Grants {
			if g.Person == v.person.Name {
				out = append(out, ownBox{b, g.Rights == "rw"})
			}
		}
	}
	return out, nil
}

// accountsOf lists the accounts that a visitor may see and change: those of
// his boxes, and all for an administrator.
func (s *Site) accountsOf(v *visit) ([]hub.Account, error) {
	all, err := hub.Do(v.ctx(), s.h, hub.AccountList, hub.None{}, nil)
	if err != nil || v.person.Admin {
		return all, err
	}
	boxes, err := s.boxesOf(v)
	if err != nil {
		return nil, err
	}
	var out []hub.Account
	for _, a := range all {
		for _, b := range boxes {
			if b.Name == a.Box && b.mayWrite {
				out = append(out, a)
			}
		}
	}
	return out, nil
}

// accountOf gives one of them (errNotFound).
func (s *Site) accountOf(v *visit, address string) (hub.Account, error) {
	list, err := s.accountsOf(v)
	if err != nil {
		return hub.Account{}, err
	}
	for _, a := range list {
		if a.Address == address {
			return a, nil
		}
	}
	return hub.Account{}, errNotFound
}

// fetchInBackground runs a round whose visitor does not wait for it.
func (s *Site) fetchInBackground(address string) {
	s.background.Go(func() {
		ctx, cancel := context.WithTimeout(s.ctx, time.Hour)
		defer cancel()
		done, err := hub.Do(ctx, s.h, hub.Fetch, hub.FetchParams{Addresses: []string{address}}, nil)
		for _, f := range done {
			if f.Error != "" {
				s.log.Info("web: a round failed", "account", address, "error", f.Error)
			}
		}
		if err != nil && ctx.Err() == nil {
			s.log.Error("web: a round could not run", "account", address, "error", err)
		}
	})
}

func urlQuery(s string) string { return url.QueryEscape(s) }
