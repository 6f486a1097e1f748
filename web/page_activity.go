package web

import (
	"errors"
	"net/http"

	"heimpost/hub"
)

type activityView struct {
	filter
	Boxes   []ownBox
	People  []string
	Devices []string
	Rows    []activityRow
	More    bool
	Asked   bool
	Titles  map[string]string
}

// activityRow is a row in plain words.
type activityRow struct {
	hub.Action
	Who  string
	What string
}

// activityPage tells who did what to the mails of a box.
func (s *Site) activityPage(w http.ResponseWriter, v *visit) error {
	f := filterOf(v.r)
	boxes, err := s.boxesOf(v)
	if err != nil {
		return err
	}
	boxes = ownFirst(boxes, v.person.Name)
	box, err := boxChosen(boxes, f.Box)
	if err != nil {
		return err
	}
	f.Box = box.Name
	out := activityView{filter: f, Boxes: boxes, Asked: f.Person+f.Device+f.Message != "" || !f.since().IsZero()}
	titles, err := s.titles(v)
	if err != nil {
		return err
	}
	out.Titles = titles
	// Who may be asked for: those who have the box, and their devices.
	out.People = append(out.People, box.Person)
	for _, g := range box.Grants {
		out.People = append(out.People, g.Person)
	}
	if out.People[0] == "" {
		out.People = out.People[1:]
	}
	devices, err := hub.Do(v.ctx(), s.h, hub.DeviceList, hub.NameParams{Name: v.person.Name}, nil)
	if err != nil {
		return err
	}
	for _, d := range devices {
		out.Devices = append(out.Devices, d.Name)
	}
	p := hub.ActivityParams{Box: box.Name, Message: f.Message, Person: f.Person, Device: f.Device, Since: f.since(), Limit: shownRows + 1}
	if p.Device != "" && p.Person == "" {
		p.Person = v.person.Name
	}
	rows, err := hub.Do(v.ctx(), s.h, hub.Activity, p, nil)
	if err != nil && !errors.Is(err, hub.KindNotFound) { // nobody of that name: nothing was done
		return err
	}
	if out.More = len(rows) > shownRows; out.More {
		rows = rows[:shownRows]
	}
	for _, a := range rows {
		out.Rows = append(out.Rows, activityRow{a, s.who(v, a, titles), s.what(v, a)})
	}
	return s.show(w, v, http.StatusOK, "activity", page{Title: "activity.title", Data: out})
}

// titles gives what people are called, by login name.
func (s *Site) titles(v *visit) (map[string]string, error) {
	people, err := hub.Do(v.ctx(), s.h, hub.PersonList, hub.None{}, nil)
	out := map[string]string{}
	for _, p := range people {
		out[p.Name] = p.Label()
	}
	return out, err
}

// who says who did something, and with what.
func (s *Site) who(v *visit, a hub.Action, titles map[string]string) string {
	name := a.Person
	if titles[name] != "" {
		name = titles[name]
	}
	switch {
	case a.Account != "":
		return a.Account
	case name == "":
		return s.texts.get(v.lang, "activity.hub")
	case a.Device != "":
		return name + ", " + a.Device
	}
	return name
}

// what says in a sentence what was done; an action that no language has words
// for is called by its name.
func (s *Site) what(v *visit, a hub.Action) string {
	key := "did." + a.Action
	if _, known := s.texts[v.lang][key]; !known {
		return a.Action
	}
	return s.texts.get(v.lang, key)
}
