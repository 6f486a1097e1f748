package web

import (
	"context"
	"net/url"
	"slices"
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

// manages reports whether a visitor decides about a box: its person does, and
// an administrator where it is nobody's own.
func (v *visit) manages(b hub.Box) bool {
	return b.Person == v.person.Name || b.Person == "" && v.person.Admin
}

// boxesSeen lists the boxes that a visitor has or decides about, his own first.
func (s *Site) boxesSeen(v *visit) ([]ownBox, error) {
	mine, err := s.boxesOf(v)
	if err != nil || !v.person.Admin {
		return ownFirst(mine, v.person.Name), err
	}
	all, err := hub.Do(v.ctx(), s.h, hub.BoxList, hub.None{}, nil)
	for _, b := range all {
		if b.Person == "" && !slices.ContainsFunc(mine, func(o ownBox) bool { return o.Name == b.Name }) {
			mine = append(mine, ownBox{Box: b})
		}
	}
	return ownFirst(mine, v.person.Name), err
}

// boxManaged gives a box that a visitor decides about (errNotFound, or
// errForbidden where he may know of it).
func (s *Site) boxManaged(v *visit, name string) (hub.Box, error) {
	boxes, err := s.boxesSeen(v)
	if err != nil {
		return hub.Box{}, err
	}
	for _, b := range boxes {
		if b.Name == name {
			if !v.manages(b.Box) {
				return hub.Box{}, errForbidden
			}
			return b.Box, nil
		}
	}
	return hub.Box{}, errNotFound
}

// deviceOf gives a device that a visitor may change: his own, and any for an
// administrator.
func (s *Site) deviceOf(v *visit, person, device string) (hub.Device, error) {
	if person != v.person.Name && !v.person.Admin {
		return hub.Device{}, errForbidden
	}
	list, err := hub.Do(v.ctx(), s.h, hub.DeviceList, hub.NameParams{Name: person}, nil)
	if err != nil {
		return hub.Device{}, err
	}
	for _, d := range list {
		if person != "" && d.Name == device {
			return d, nil
		}
	}
	return hub.Device{}, errNotFound
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
