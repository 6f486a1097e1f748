package web

import (
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/emersion/go-imap/v2"

	"heimpost/hub"
	"heimpost/imapd"
)

type loginForm struct {
	Name, Error string
}

func (s *Site) loginPage(w http.ResponseWriter, v *visit) error {
	if v.person.Name != "" {
		http.Redirect(w, v.r, "/", http.StatusSeeOther)
		return nil
	}
	empty, err := s.isEmpty(v.ctx())
	if err != nil {
		return err
	}
	if empty {
		return s.show(w, v, http.StatusOK, "unready", page{Title: "unready.title", Narrow: true})
	}
	return s.show(w, v, http.StatusOK, "login", page{Title: "login.title", Narrow: true, Data: loginForm{}})
}

func (s *Site) loginSave(w http.ResponseWriter, v *visit) error {
	p, err := s.h.SignIn(v.ctx(), v.field("name"), v.field("password"), remoteAddr(v.r))
	if refused := (*imapd.LoginError)(nil); errors.As(err, &refused) {
		status, text := http.StatusUnauthorized, "login.refused"
		if refused.Code == imap.ResponseCodeLimit {
			status, text = http.StatusTooManyRequests, "login.blocked"
		}
		return s.show(w, v, status, "login", page{Title: "login.title", Narrow: true, Data: loginForm{v.field("name"), s.texts.get(v.lang, text)}})
	}
	if err != nil {
		return err
	}
	if err := s.welcome(w, v, p.Name); err != nil {
		return err
	}
	http.Redirect(w, v.r, "/", http.StatusSeeOther)
	return nil
}

// welcome signs a person in, never in a session from before.
func (s *Site) welcome(w http.ResponseWriter, v *visit, name string) error {
	_, stamp, err := s.h.PersonNamed(v.ctx(), name)
	if err != nil {
		return err
	}
	s.sessions.end(w, v.r)
	s.sessions.start(w, v.r, &session{person: name, stamp: stamp})
	return nil
}

func (s *Site) logout(w http.ResponseWriter, v *visit) error {
	s.sessions.end(w, v.r)
	http.Redirect(w, v.r, "/login", http.StatusSeeOther)
	return nil
}

type setupForm struct {
	Title, Name, Error string
	NameAsked          bool // a login name has to be chosen by hand
}

// setupPage takes the link's token and asks who the first person is.
func (s *Site) setupPage(w http.ResponseWriter, v *visit) error {
	if token := v.r.URL.Query().Get("token"); token != "" {
		empty, err := s.isEmpty(v.ctx())
		if err != nil {
			return err
		}
		if !empty || !s.setup.take(token) {
			s.failure(w, v.r, http.StatusForbidden, "setup.used")
			return nil
		}
		s.sessions.end(w, v.r)
		s.sessions.start(w, v.r, &session{setup: true})
		http.Redirect(w, v.r, "/setup", http.StatusSeeOther) // the token leaves the address line
		return nil
	}
	if v.person.Name != "" {
		http.Redirect(w, v.r, "/accounts/new", http.StatusSeeOther)
		return nil
	}
	if v.session == nil || !v.session.setup {
		http.Redirect(w, v.r, "/login", http.StatusSeeOther)
		return nil
	}
	return s.show(w, v, http.StatusOK, "setup", page{Title: "setup.title", Narrow: true, Data: setupForm{}})
}

// setupSave makes the first person and goes on with the first account.
func (s *Site) setupSave(w http.ResponseWriter, v *visit) error {
	if v.session == nil || !v.session.setup {
		return errForbidden
	}
	f := setupForm{Title: v.field("title"), Name: v.field("name")}
	again := func(key string, args ...any) error {
		f.Error = s.texts.get(v.lang, key, args...)
		return s.show(w, v, http.StatusUnprocessableEntity, "setup", page{Title: "setup.title", Narrow: true, Data: f})
	}
	if f.Title == "" {
		return again("setup.noname")
	}
	if f.Name == "" {
		f.Name = hub.ProposeName(f.Title)
	}
	name, err := hub.CleanName(f.Name)
	if err != nil {
		f.NameAsked = true
		return again("setup.badname")
	}
	f.Name = name
	password, wrong := v.newPassword()
	if wrong != "" {
		return again(wrong)
	}
	empty, err := s.isEmpty(v.ctx())
	if err != nil {
		return err
	}
	if !empty {
		s.failure(w, v.r, http.StatusForbidden, "setup.used")
		return nil
	}
	p, err := hub.Do(v.ctx(), s.h, hub.PersonAdd, hub.PersonAddParams{Name: f.Name, Title: f.Title, Admin: true, Password: password}, nil)
	if errors.Is(err, hub.KindInvalid) || errors.Is(err, hub.KindExists) {
		f.NameAsked = true
		return again("error.failed", s.errorText(v, err))
	}
	if err != nil {
		return err
	}
	if err := s.welcome(w, v, p.Name); err != nil {
		return err
	}
	http.Redirect(w, v.r, "/accounts/new", http.StatusSeeOther)
	return nil
}

// minPassword is how many characters a person's password has at least.
const minPassword = 8

// newPassword gives a form's new password, which is typed twice, or the key of
// what is wrong with it.
func (v *visit) newPassword() (password, wrong string) {
	password = v.field("password")
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		return "", "setup.short"
	case len(password) > 1000 || strings.ContainsFunc(password, unicode.IsControl) || !utf8.ValidString(password):
		return "", "setup.badpassword"
	case password != v.field("again"):
		return "", "setup.differ"
	}
	return password, ""
}
