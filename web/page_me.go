package web

import (
	"errors"
	"net/http"

	"heimpost/hub"
	"heimpost/imapd"
)

// settingsPage leads to what is set now and then.
func (s *Site) settingsPage(w http.ResponseWriter, v *visit) error {
	return s.show(w, v, http.StatusOK, "settings", page{Title: "nav.settings"})
}

// mePage is where a person changes the own password.
func (s *Site) mePage(w http.ResponseWriter, v *visit) error {
	return s.show(w, v, http.StatusOK, "me", page{Title: "me.title", Narrow: true, Data: ""})
}

// meSave takes the old password and the new one. Other browsers of that person
// are signed out by it.
func (s *Site) meSave(w http.ResponseWriter, v *visit) error {
	again := func(status int, key string) error {
		return s.show(w, v, status, "me", page{Title: "me.title", Narrow: true, Data: s.texts.get(v.lang, key)})
	}
	password, wrong := v.newPassword()
	if wrong != "" {
		return again(http.StatusUnprocessableEntity, wrong)
	}
	_, err := s.h.SignIn(v.ctx(), v.person.Name, v.field("old"), remoteAddr(v.r))
	if refused := (*imapd.LoginError)(nil); errors.As(err, &refused) {
		return again(http.StatusUnauthorized, "me.wrong")
	}
	if err != nil {
		return err
	}
	if err := s.setPassword(v, v.person.Name, password); err != nil {
		return err
	}
	return s.back(w, v, "/settings", "me.done")
}

// setPassword gives a person a password. The visitor's own session goes on.
func (s *Site) setPassword(v *visit, name, password string) error {
	if _, err := hub.Do(v.ctx(), s.h, hub.PersonPassword, hub.PersonPasswordParams{Name: name, Password: password}, nil); err != nil {
		return err
	}
	if name != v.person.Name {
		return nil
	}
	_, stamp, err := s.h.PersonNamed(v.ctx(), name)
	v.session.mu.Lock()
	v.session.stamp = stamp
	v.session.mu.Unlock()
	return err
}
