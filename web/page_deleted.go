package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"heimpost/hub"
)

// shownRows is how many rows a list shows; a page stays small, and who looks
// for something narrows the search.
const shownRows = 100

// filter is what narrows a list, as it stands in the page's address.
type filter struct {
	Box, Text, From, Mailbox, Person, Device, Message string
	Since                                             string // 2026-05-31
}

func filterOf(r *http.Request) filter {
	q := r.URL.Query()
	get := func(key string) string { return strings.TrimSpace(cut(q.Get(key), 200)) }
	return filter{Box: get("box"), Text: get("text"), From: get("from"), Mailbox: get("mailbox"), Person: get("person"),
		Device: get("device"), Message: get("message"), Since: get("since")}
}

// since gives the beginning of the day; what is no day does not narrow.
func (f filter) since() time.Time {
	at, err := time.ParseInLocation(time.DateOnly, f.Since, time.Local)
	if err != nil {
		return time.Time{}
	}
	return at
}

// cut shortens a text to so many characters.
func cut(s string, most int) string {
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:i] + "…"
		}
	}
	return s
}

// boxChosen gives one of the visitor's boxes: the one that is named, else the
// first. What he may not see he is not told of (errNotFound).
func boxChosen(boxes []ownBox, name string) (ownBox, error) {
	for _, b := range boxes {
		if b.Name == name || name == "" {
			return b, nil
		}
	}
	return ownBox{}, errNotFound
}

// writable lists the boxes that a visitor may write to, his own first.
func (s *Site) writable(v *visit) ([]ownBox, error) {
	all, err := s.boxesOf(v)
	if err != nil {
		return nil, err
	}
	var out []ownBox
	for _, b := range ownFirst(all, v.person.Name) {
		if b.mayWrite {
			out = append(out, b)
		}
	}
	return out, nil
}

// ownFirst puts a person's own box before the others.
func ownFirst(all []ownBox, person string) []ownBox {
	var own, others []ownBox
	for _, b := range all {
		if b.Person == person {
			own = append(own, b)
		} else {
			others = append(others, b)
		}
	}
	return append(own, others...)
}

type deletedView struct {
	filter
	Title  string // the box's
	Boxes  []ownBox
	Retain string
	Mails  []hub.DeletedMail
	More   bool
	Asked  bool // the list was narrowed
	Titles map[string]string
}

// deletedPage lists deleted mails that can be brought back.
func (s *Site) deletedPage(w http.ResponseWriter, v *visit) error {
	f := filterOf(v.r)
	boxes, err := s.writable(v)
	if err != nil {
		return err
	}
	box, err := boxChosen(boxes, f.Box)
	if err != nil {
		return err
	}
	f.Box = box.Name
	out := deletedView{filter: f, Title: boxTitle(box.Box), Boxes: boxes, Retain: box.Retain,
		Asked: f.Text+f.From+f.Mailbox != "" || !f.since().IsZero()}
	out.Mails, err = hub.Do(v.ctx(), s.h, hub.DeletedList, hub.DeletedParams{Box: box.Name, Text: f.Text, From: f.From,
		Since: f.since(), Mailbox: s.texts.folderNamed(v.lang, f.Mailbox), Limit: shownRows + 1}, nil)
	if err != nil {
		return err
	}
	if out.Titles, err = s.titles(v); err != nil {
		return err
	}
	if out.More = len(out.Mails) > shownRows; out.More {
		out.Mails = out.Mails[:shownRows]
	}
	return s.show(w, v, http.StatusOK, "deleted", page{Title: "deleted.title", Data: out})
}

// boxTitle is what people see of a box.
func boxTitle(b hub.Box) string {
	if b.Title != "" {
		return b.Title
	}
	return b.Name
}

// deletedMailPage shows one of them, as text.
func (s *Site) deletedMailPage(w http.ResponseWriter, v *visit) error {
	boxes, err := s.writable(v)
	if err != nil {
		return err
	}
	name := v.r.PathValue("box")
	id, bad := strconv.ParseInt(v.r.PathValue("id"), 10, 64)
	box, err := boxChosen(boxes, name)
	if err != nil || bad != nil || name == "" {
		return errNotFound
	}
	m, err := hub.Do(v.ctx(), s.h, hub.DeletedRead, hub.DeletedID{Box: box.Name, ID: id}, nil)
	if err != nil {
		return err
	}
	titles, err := s.titles(v)
	if err != nil {
		return err
	}
	return s.show(w, v, http.StatusOK, "deleted_mail", page{Title: "deleted.mail", Data: struct {
		hub.DeletedText
		Box    string
		Titles map[string]string
	}{m, box.Name, titles}})
}

// deletedRestore puts mails back where they were.
func (s *Site) deletedRestore(w http.ResponseWriter, v *visit) error {
	boxes, err := s.writable(v)
	if err != nil {
		return err
	}
	name := v.field("box")
	box, err := boxChosen(boxes, name)
	if err != nil || name == "" {
		return errNotFound
	}
	back := "/deleted?" + url.Values{"box": {box.Name}}.Encode()
	var ids []int64
	for _, text := range v.r.PostForm["id"] {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return errNotFound
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		v.say("deleted.none")
		http.Redirect(w, v.r, back, http.StatusSeeOther)
		return nil
	}
	done, err := hub.Do(v.ctx(), s.h, hub.DeletedRestore, hub.DeletedIDs{Box: box.Name, IDs: ids, By: v.person.Name}, nil)
	if err != nil {
		return err
	}
	if done.Done == 1 {
		v.say("deleted.restored.one")
	} else {
		v.say("deleted.restored", done.Done)
	}
	http.Redirect(w, v.r, back, http.StatusSeeOther)
	return nil
}
