package web

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"heimpost/hub"
)

type peopleView struct {
	People      []hub.Person
	Title, Name string // of the new one
	NameAsked   bool
	Admin       bool
	Error       string
}

func (s *Site) peoplePage(w http.ResponseWriter, v *visit) error {
	return s.people(w, v, http.StatusOK, peopleView{})
}

func (s *Site) people(w http.ResponseWriter, v *visit, status int, out peopleView) (err error) {
	if out.People, err = hub.Do(v.ctx(), s.h, hub.PersonList, hub.None{}, nil); err != nil {
		return err
	}
	return s.show(w, v, status, "people", page{Title: "people.title", Data: out})
}

// shortName gives the name that was typed, else one made of the title.
func shortName(typed, title string) (string, error) {
	return hub.CleanName(cmp.Or(typed, hub.ProposeName(title)))
}

// personAdd makes a person with a box of her own.
func (s *Site) personAdd(w http.ResponseWriter, v *visit) error {
	f := peopleView{Title: strings.TrimSpace(v.field("title")), Name: strings.TrimSpace(v.field("name")), Admin: v.field("admin") == "yes"}
	again := func(key string) error {
		f.Error = s.texts.get(v.lang, key)
		return s.people(w, v, http.StatusUnprocessableEntity, f)
	}
	if f.Title == "" {
		return again("people.noname")
	}
	f.NameAsked = f.Name != ""
	name, err := shortName(f.Name, f.Title)
	if err != nil {
		f.NameAsked = true
		return again("setup.badname")
	}
	password, wrong := v.newPassword()
	if wrong != "" {
		return again(wrong)
	}
	p, err := hub.Do(v.ctx(), s.h, hub.PersonAdd, hub.PersonAddParams{Name: name, Title: f.Title, Admin: f.Admin, Password: password}, nil)
	switch {
	case errors.Is(err, hub.KindExists):
		f.Name, f.NameAsked = name, true
		return again("people.exists")
	case errors.Is(err, hub.KindInvalid):
		return again("people.badtitle")
	case err != nil:
		return err
	}
	return s.back(w, v, "/people", "people.added", p.Label(), p.Name)
}

// personPassword gives a person a new password; devices keep theirs.
func (s *Site) personPassword(w http.ResponseWriter, v *visit) error {
	p, _, err := s.h.PersonNamed(v.ctx(), v.field("name"))
	if err != nil {
		return err
	}
	password, wrong := v.newPassword()
	if wrong != "" {
		return s.people(w, v, http.StatusUnprocessableEntity, peopleView{Error: s.texts.get(v.lang, wrong)})
	}
	if err := s.setPassword(v, p.Name, password); err != nil {
		return err
	}
	return s.back(w, v, "/people", "people.password.done", p.Label())
}

// personRemove removes a person with devices and the own box. Nobody removes
// himself, so an administrator stays.
func (s *Site) personRemove(w http.ResponseWriter, v *visit) error {
	p, _, err := s.h.PersonNamed(v.ctx(), v.field("name"))
	if err != nil {
		return err
	}
	if p.Name == v.person.Name {
		return s.people(w, v, http.StatusUnprocessableEntity, peopleView{Error: s.texts.get(v.lang, "people.notself")})
	}
	lost, err := s.accountsInto(v, p.Name)
	if err != nil {
		return err
	}
	done, err := s.confirm(w, v, confirmation{Title: s.texts.get(v.lang, "people.remove.title", p.Label()), Text: s.texts.get(v.lang, "people.remove.text"), More: lost,
		Action: "/people/remove", Fields: [][2]string{{"name", p.Name}}, Button: s.texts.get(v.lang, "people.remove"), Back: "/people"})
	if err != nil || !done {
		return err
	}
	gone, err := hub.Do(v.ctx(), s.h, hub.PersonRemove, hub.NameParams{Name: p.Name}, nil)
	if err != nil {
		return err
	}
	return s.back(w, v, "/people", "people.removed", p.Label(), gone.Folder)
}

// accountsInto says which accounts deliver into a box and would go with it.
func (s *Site) accountsInto(v *visit, box string) (out []string, err error) {
	all, err := hub.Do(v.ctx(), s.h, hub.AccountList, hub.None{}, nil)
	for _, a := range all {
		if a.Box == box {
			out = append(out, s.texts.get(v.lang, "boxes.remove.account", a.Address))
		}
	}
	return out, err
}
