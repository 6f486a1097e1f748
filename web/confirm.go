package web

import "net/http"

// confirmation asks whether something shall really be done; its form comes
// back to the same action with sure=yes.
type confirmation struct {
	Title, Text string // in the visitor's language
	More        []string
	Action      string
	Fields      [][2]string
	Button      string
	Back        string
}

// confirm shows the question. done is true once it was answered.
func (s *Site) confirm(w http.ResponseWriter, v *visit, c confirmation) (done bool, err error) {
	if v.field("sure") == "yes" {
		return true, nil
	}
	return false, s.show(w, v, http.StatusOK, "confirm", page{Title: "confirm.title", Narrow: true, Data: c})
}

// back leads a visitor on with a notice.
func (s *Site) back(w http.ResponseWriter, v *visit, to, key string, args ...any) error {
	v.say(key, args...)
	http.Redirect(w, v.r, to, http.StatusSeeOther)
	return nil
}
