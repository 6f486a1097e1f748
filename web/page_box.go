package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"heimpost/hub"
)

type boxesView struct {
	Boxes       []boxRow
	Title, Name string // of the new one
	NameAsked   bool
	Error       string
}

// boxRow is a box as the list shows it.
type boxRow struct {
	ownBox
	Manage bool
	Access []string // who has it, in words
}

func (s *Site) boxesPage(w http.ResponseWriter, v *visit) error {
	return s.boxes(w, v, http.StatusOK, boxesView{})
}

func (s *Site) boxes(w http.ResponseWriter, v *visit, status int, out boxesView) error {
	boxes, err := s.boxesSeen(v)
	if err != nil {
		return err
	}
	titles, err := s.titles(v)
	if err != nil {
		return err
	}
	for _, b := range boxes {
		row := boxRow{ownBox: b, Manage: v.manages(b.Box)}
		if b.Person != "" {
			row.Access = append(row.Access, titles[b.Person])
		}
		for _, g := range b.Grants {
			label := titles[g.Person]
			if g.Rights == "ro" {
				label = s.texts.get(v.lang, "boxes.reads", label)
			}
			row.Access = append(row.Access, label)
		}
		out.Boxes = append(out.Boxes, row)
	}
	return s.show(w, v, status, "boxes", page{Title: "boxes.title", Data: out})
}

// boxAdd makes a box that several people share; who makes it is in it.
func (s *Site) boxAdd(w http.ResponseWriter, v *visit) error {
	f := boxesView{Title: strings.TrimSpace(v.field("title")), Name: strings.TrimSpace(v.field("name"))}
	again := func(key string) error {
		f.Error = s.texts.get(v.lang, key)
		return s.boxes(w, v, http.StatusUnprocessableEntity, f)
	}
	if f.Title == "" {
		return again("share.noname")
	}
	f.NameAsked = f.Name != ""
	name, err := shortName(f.Name, f.Title)
	if err != nil {
		f.NameAsked = true
		return again("boxes.badname")
	}
	_, err = hub.Do(v.ctx(), s.h, hub.BoxAdd, hub.BoxAddParams{Name: name, Title: f.Title, Seen: v.field("seen")}, nil)
	switch {
	case errors.Is(err, hub.KindExists):
		f.Name, f.NameAsked = name, true
		return again("people.exists")
	case errors.Is(err, hub.KindInvalid):
		return again("people.badtitle")
	case err != nil:
		return err
	}
	if _, err := hub.Do(v.ctx(), s.h, hub.BoxGrant, hub.GrantParams{Box: name, Person: v.person.Name}, nil); err != nil {
		return err
	}
	return s.back(w, v, "/boxes/"+name, "boxes.added", f.Title)
}

const (
	// shownFolders bounds the list of folders that can be protected.
	shownFolders = 300
	// longRetain is offered beside the usual times.
	longRetain = "3650d"
)

type boxPageView struct {
	hub.Box
	Label   string
	Own     bool
	Admin   bool
	Shared  bool // more than one person has it
	People  []accessRow
	Others  []hub.Person // who could be given access
	Retains []option
	Folders []hub.Mailbox
	More    int // folders that are not shown
	Trouble string
	Error   string
}

// accessRow is a person who has access.
type accessRow struct {
	Name, Label string
	Owner       bool
	ReadOnly    bool
}

func (s *Site) boxPage(w http.ResponseWriter, v *visit) error {
	b, err := s.boxManaged(v, v.r.PathValue("box"))
	if err != nil {
		return err
	}
	return s.box(w, v, http.StatusOK, b, "")
}

func (s *Site) box(w http.ResponseWriter, v *visit, status int, b hub.Box, trouble string) error {
	people, err := hub.Do(v.ctx(), s.h, hub.PersonList, hub.None{}, nil)
	if err != nil {
		return err
	}
	out := boxPageView{Box: b, Label: boxTitle(b), Own: b.Person != "", Admin: v.person.Admin, Error: trouble}
	for _, p := range people {
		i := slices.IndexFunc(b.Grants, func(g hub.Grant) bool { return g.Person == p.Name })
		switch {
		case p.Name == b.Person:
			out.People = append(out.People, accessRow{Name: p.Name, Label: p.Label(), Owner: true})
		case i >= 0:
			out.People = append(out.People, accessRow{Name: p.Name, Label: p.Label(), ReadOnly: b.Grants[i].Rights == "ro"})
		default:
			out.Others = append(out.Others, p)
		}
	}
	out.Shared = len(out.People) > 1
	out.Retains = options(b.Retain, []string{"30d", "90d", "365d", longRetain}, func(r string) string { return s.texts.retains(v.lang, r) })
	// A box in trouble can still be shared, or removed.
	if out.Folders, err = hub.Do(v.ctx(), s.h, hub.BoxMailboxes, hub.NameParams{Name: b.Name}, nil); err != nil {
		out.Trouble = s.errorText(v, err)
	}
	slices.SortStableFunc(out.Folders, func(a, b hub.Mailbox) int { return btoi(b.Protected) - btoi(a.Protected) })
	if n := len(out.Folders); n > shownFolders {
		out.Folders, out.More = out.Folders[:shownFolders], n-shownFolders
	}
	return s.show(w, v, status, "box", page{Title: "boxes.one", Data: out})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// boxSet changes a box's name, read marks, how long deleted mail is kept, and
// the addresses that lead to it.
func (s *Site) boxSet(w http.ResponseWriter, v *visit) error {
	b, err := s.boxManaged(v, v.r.PathValue("box"))
	if err != nil {
		return err
	}
	title, seen, retain := strings.TrimSpace(v.field("title")), v.field("seen"), v.field("retain")
	p := hub.BoxSetParams{Name: b.Name, Title: &title, Seen: &seen, Retain: &retain}
	if addresses, changed := v.words("addresses", b.Addresses); changed {
		if !v.person.Admin { // whoever logs in by that address comes here
			return errForbidden
		}
		p.Addresses = &addresses
	}
	_, err = hub.Do(v.ctx(), s.h, hub.BoxSet, p, nil)
	b.Title = title // no answer is lost
	if p.Addresses != nil {
		b.Addresses = *p.Addresses
	}
	switch {
	case errors.Is(err, hub.KindExists):
		return s.box(w, v, http.StatusUnprocessableEntity, b, s.texts.get(v.lang, "boxes.addresstaken"))
	case errors.Is(err, hub.KindInvalid):
		return s.box(w, v, http.StatusUnprocessableEntity, b, s.errorText(v, err))
	}
	if err != nil {
		return err
	}
	return s.back(w, v, "/boxes/"+b.Name, "saved")
}

// boxProtect says which folders keep their mails. Folders that came or went
// while the page was looked at stay as they are.
func (s *Site) boxProtect(w http.ResponseWriter, v *visit) error {
	b, err := s.boxManaged(v, v.r.PathValue("box"))
	if err != nil {
		return err
	}
	folders, err := hub.Do(v.ctx(), s.h, hub.BoxMailboxes, hub.NameParams{Name: b.Name}, nil)
	if err != nil {
		return err
	}
	p := hub.BoxSetParams{Name: b.Name}
	for _, f := range folders {
		shown := slices.Contains(v.r.PostForm["shown"], f.Name)
		wanted := slices.Contains(v.r.PostForm["protect"], f.Name)
		switch {
		case shown && wanted && !f.Protected:
			p.Protect = append(p.Protect, f.Name)
		case shown && !wanted && f.Protected:
			p.Unprotect = append(p.Unprotect, f.Name)
		}
	}
	if len(p.Protect)+len(p.Unprotect) > 0 {
		if _, err := hub.Do(v.ctx(), s.h, hub.BoxSet, p, nil); err != nil {
			return err
		}
	}
	return s.back(w, v, "/boxes/"+b.Name, "saved")
}

// boxGrant gives a person access, or changes it.
func (s *Site) boxGrant(w http.ResponseWriter, v *visit) error {
	b, p, err := s.boxAndPerson(v)
	if err != nil {
		return err
	}
	rights := v.field("rights")
	if rights != "rw" && rights != "ro" {
		return s.box(w, v, http.StatusUnprocessableEntity, b, s.texts.get(v.lang, "error.form"))
	}
	if _, err := hub.Do(v.ctx(), s.h, hub.BoxGrant, hub.GrantParams{Box: b.Name, Person: p.Name, ReadOnly: rights == "ro"}, nil); err != nil {
		return err
	}
	return s.back(w, v, "/boxes/"+b.Name, "boxes.granted."+rights, p.Label())
}

// boxRevoke takes a person's access away.
func (s *Site) boxRevoke(w http.ResponseWriter, v *visit) error {
	b, p, err := s.boxAndPerson(v)
	if err != nil {
		return err
	}
	if _, err := hub.Do(v.ctx(), s.h, hub.BoxRevoke, hub.GrantParams{Box: b.Name, Person: p.Name}, nil); err != nil {
		return err
	}
	return s.back(w, v, "/boxes/"+b.Name, "boxes.revoked", p.Label())
}

// boxAndPerson gives what a form about access names; the own person's access
// stays as it is.
func (s *Site) boxAndPerson(v *visit) (hub.Box, hub.Person, error) {
	b, err := s.boxManaged(v, v.r.PathValue("box"))
	if err != nil {
		return b, hub.Person{}, err
	}
	p, _, err := s.h.PersonNamed(v.ctx(), v.field("person"))
	if err == nil && p.Name == b.Person {
		err = errNotFound
	}
	return b, p, err
}

// boxRemove puts a shared box's folder away.
func (s *Site) boxRemove(w http.ResponseWriter, v *visit) error {
	b, err := s.boxManaged(v, v.r.PathValue("box"))
	if err != nil {
		return err
	}
	if b.Person != "" {
		return errForbidden
	}
	lost, err := s.accountsInto(v, b.Name)
	if err != nil {
		return err
	}
	done, err := s.confirm(w, v, confirmation{Title: s.texts.get(v.lang, "boxes.remove.title", boxTitle(b)), Text: s.texts.get(v.lang, "boxes.remove.text"), More: lost,
		Action: "/boxes/" + b.Name + "/remove", Button: s.texts.get(v.lang, "boxes.remove"), Back: "/boxes/" + b.Name})
	if err != nil || !done {
		return err
	}
	gone, err := hub.Do(v.ctx(), s.h, hub.BoxRemove, hub.NameParams{Name: b.Name}, nil)
	if err != nil {
		return err
	}
	return s.back(w, v, "/boxes", "boxes.removed", boxTitle(b), gone.Folder)
}
