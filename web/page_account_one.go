package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"heimpost/hub"
)

type accountOneView struct {
	accountView
	Keeps, Everys []option
	BoxLabel      string
	Error         string
	Tested        string // what a test found, in words
}

func accountPath(address string) string { return "/accounts/one?address=" + urlQuery(address) }

// accountPage shows an account and what can be changed of it.
func (s *Site) accountPage(w http.ResponseWriter, v *visit) error {
	a, err := s.accountOf(v, v.r.URL.Query().Get("address"))
	if err != nil {
		return err
	}
	return s.account(w, v, http.StatusOK, a, accountOneView{})
}

func (s *Site) account(w http.ResponseWriter, v *visit, status int, a hub.Account, out accountOneView) error {
	out.accountView = s.accountView(v, a)
	var err error
	if out.BoxLabel, err = s.boxLabel(v, a.Box); err != nil {
		return err
	}
	out.Keeps = options(a.Keep, []string{"14d", "30d", "90d", "always", "never"}, func(k string) string { return s.texts.keeps(v.lang, k) })
	out.Everys = options(a.Every, []string{"5m", "15m", "30m", "1h", "3h", "12h"}, func(e string) string { return s.texts.everyLabel(v.lang, e) })
	return s.show(w, v, status, "account", page{Title: "account.one", Narrow: true, Data: out})
}

// boxLabel gives what people call a box.
func (s *Site) boxLabel(v *visit, name string) (string, error) {
	titles, err := s.titles(v)
	if err != nil || titles[name] != "" { // a person's own box bears the person's name
		return titles[name], err
	}
	all, err := hub.Do(v.ctx(), s.h, hub.BoxList, hub.None{}, nil)
	for _, b := range all {
		if b.Name == name {
			name = boxTitle(b)
		}
	}
	return name, err
}

// accountSet changes an account; an empty password leaves it as it is.
func (s *Site) accountSet(w http.ResponseWriter, v *visit) error {
	a, err := s.accountOf(v, v.field("address"))
	if err != nil {
		return err
	}
	keep, every, mailbox := v.field("keep"), v.field("every"), s.texts.folderNamed(v.lang, v.field("mailbox"))
	p := hub.AccountSetParams{Address: a.Address, Keep: &keep, Every: &every}
	if mailbox != "" && mailbox != a.Mailbox {
		p.Mailbox = &mailbox
	}
	if password := v.field("password"); password != "" {
		p.Password = &password
	}
	ctx, cancel := context.WithTimeout(v.ctx(), time.Minute)
	defer cancel()
	_, err = hub.Do(ctx, s.h, hub.AccountSet, p, nil)
	switch {
	case errors.Is(err, hub.KindInvalid):
		return s.account(w, v, http.StatusUnprocessableEntity, a, accountOneView{Error: s.texts.get(v.lang, "account.badset")})
	case errors.Is(err, hub.KindRunning):
		return s.account(w, v, http.StatusConflict, a, accountOneView{Error: s.texts.get(v.lang, "error.busy")})
	case err != nil:
		return err
	}
	return s.back(w, v, accountPath(a.Address), "saved")
}

// accountTest looks at the provider whether the account works.
func (s *Site) accountTest(w http.ResponseWriter, v *visit) error {
	a, err := s.accountOf(v, v.field("address"))
	if err != nil {
		return err
	}
	if a.NextAllowed.After(s.now()) {
		return s.back(w, v, accountPath(a.Address), "status.notyet", a.Address, s.texts.when(v.lang, a.NextAllowed, s.now()))
	}
	ctx, cancel := context.WithTimeout(v.ctx(), 2*time.Minute)
	defer cancel()
	found, err := hub.Do(ctx, s.h, hub.AccountTest, hub.AccountParams{Address: a.Address}, nil)
	switch {
	case v.ctx().Err() != nil:
		return v.ctx().Err()
	case err != nil:
		return s.account(w, v, http.StatusOK, a, accountOneView{Error: s.errorText(v, err)})
	}
	return s.account(w, v, http.StatusOK, a, accountOneView{Tested: s.texts.get(v.lang, "account.tested",
		countText(v.lang, int64(found.Messages)), bytesText(v.lang, found.Bytes))})
}
