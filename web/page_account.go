package web

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"heimpost/hub"
	"heimpost/pop3fetch"
)

// draft is an account that is being set up; it stays in the session, so that
// going back loses no answer.
type draft struct {
	Address  string
	password string
	Kept     bool // the password stands though its field comes empty
	// What the provider's table does not know, or what is unusual.
	Host, Port, TLS, User string
	Tried                 *hub.Tried
	SignIn                string // the provider to sign in at in place of a password
	Keep                  string
	Shared                bool   // several read it, in a new box
	Existing              string // the name of a shared box that it goes to
	BoxTitle              string
	PrivateSeen           bool
}

// params are the draft as the hub takes it.
func (d *draft) params() hub.AccountSetParams {
	p := hub.AccountSetParams{Address: d.Address, Password: &d.password}
	if d.SignIn != "" {
		p.Password, p.OAuth = nil, &d.SignIn
	}
	if d.Host != "" {
		p.Host = &d.Host
		tls := d.TLS
		if tls != "" {
			p.TLS = &tls
		}
		if n, err := strconv.Atoi(d.Port); err == nil {
			p.Port = &n
		}
	}
	if d.User != "" {
		p.User = &d.User
	}
	return p
}

// draft gives the session's draft, to be given back by keep.
func (v *visit) draft() draft {
	v.session.mu.Lock()
	defer v.session.mu.Unlock()
	return v.session.draft
}

func (v *visit) keep(d draft) {
	v.session.mu.Lock()
	defer v.session.mu.Unlock()
	v.session.draft = d
}

type accountForm struct {
	draft
	Error    string
	Hints    []string
	Provider string
	AskHost  bool
	Boxes    []ownBox // shared ones that it could go to
	Admin    bool     // may make one
}

func (s *Site) accountNewPage(w http.ResponseWriter, v *visit) error {
	return s.show(w, v, http.StatusOK, "account_new", page{Title: "account.title", Narrow: true, Data: accountForm{draft: v.draft()}})
}

// accountNewSave tests the address and its password at the provider.
func (s *Site) accountNewSave(w http.ResponseWriter, v *visit) error {
	d := v.draft()
	d.Kept = d.Kept && strings.EqualFold(strings.TrimSpace(v.field("address")), d.Address)
	d.Address, d.Host, d.Port, d.TLS, d.User = strings.TrimSpace(v.field("address")), v.field("host"), v.field("port"), v.field("tls"), v.field("user")
	if p := v.field("password"); p != "" || !d.Kept {
		d.password = p // on the way back the field is empty and the answer stands
	}
	d.Kept = d.password != ""
	d.Tried, d.SignIn = nil, ""
	f := accountForm{draft: d}
	again := func(text string) error {
		v.keep(d)
		f.Error = text
		return s.show(w, v, http.StatusUnprocessableEntity, "account_new", page{Title: "account.title", Narrow: true, Data: f})
	}
	address, err := hub.CleanAddress(d.Address)
	if err != nil {
		return again(s.texts.get(v.lang, "account.badaddress"))
	}
	d.Address, f.Address = address, address
	if preset, known := pop3fetch.PresetFor(address); known && preset.Err() != nil {
		return again(s.texts.get(v.lang, "account.nopop3", preset.Provider, preset.Provider))
	}
	var preset hub.Preset
	if d.Host == "" {
		if preset, err = hub.Do(v.ctx(), s.h, hub.AccountPreset, hub.AccountParams{Address: address}, nil); err != nil {
			return again(s.errorText(v, err))
		}
	}
	bySignIn := v.field("way") == "signin"
	switch {
	case preset.OAuth != "" && (bySignIn || !preset.Passwords):
		if taken, err := s.isAccount(v, address); err != nil || taken {
			return cmp.Or(err, again(s.texts.get(v.lang, "account.exists", address)))
		}
		d.SignIn = preset.OAuth
		v.keep(d)
		http.Redirect(w, v.r, "/accounts/keep", http.StatusSeeOther)
		return nil
	case bySignIn:
		return again(s.texts.get(v.lang, "account.nosignin"))
	}
	if f.AskHost = preset.Host == "" && d.Host == ""; f.AskHost {
		f.User = address
		return again(s.texts.get(v.lang, "account.unknown"))
	}
	if d.password == "" {
		return again(s.texts.get(v.lang, "account.nopassword"))
	}
	tried, err := hub.Do(v.ctx(), s.h, hub.AccountTry, d.params(), nil)
	if errors.Is(err, hub.KindInvalid) {
		return again(s.errorText(v, err))
	}
	if err != nil {
		return err
	}
	f.Provider, f.Hints = tried.Provider, tried.Hints
	text := tried.Error
	if v.lang == "de" {
		f.Hints, text = tried.HintsDE, tried.ErrorDE
	}
	if tried.Error != "" {
		return again(text)
	}
	if taken, err := s.isAccount(v, address); err != nil || taken {
		return cmp.Or(err, again(s.texts.get(v.lang, "account.exists", address)))
	}
	d.Tried = &tried
	v.keep(d)
	http.Redirect(w, v.r, "/accounts/keep", http.StatusSeeOther)
	return nil
}

// isAccount reports whether an address is fetched already, whosoever it is.
func (s *Site) isAccount(v *visit, address string) (bool, error) {
	all, err := hub.Do(v.ctx(), s.h, hub.AccountList, hub.None{}, nil)
	return slices.ContainsFunc(all, func(a hub.Account) bool { return a.Address == address }), err
}

// step gives the draft of a later question; who comes without the first answer
// is sent back to it.
func (s *Site) step(w http.ResponseWriter, v *visit) (d draft, ok bool) {
	d = v.draft()
	if d.Tried == nil && d.SignIn == "" {
		http.Redirect(w, v.r, "/accounts/new", http.StatusSeeOther)
		return d, false
	}
	return d, true
}

func (s *Site) accountKeepPage(w http.ResponseWriter, v *visit) error {
	d, ok := s.step(w, v)
	if !ok {
		return nil
	}
	if d.Keep == "" {
		d.Keep = pop3fetch.DefaultKeep.String()
	}
	return s.show(w, v, http.StatusOK, "account_keep", page{Title: "keep.title", Narrow: true, Data: accountForm{draft: d}})
}

func (s *Site) accountKeepSave(w http.ResponseWriter, v *visit) error {
	d, ok := s.step(w, v)
	if !ok {
		return nil
	}
	if _, err := pop3fetch.ParseKeep(v.field("keep")); err != nil {
		return s.accountKeepPage(w, v)
	}
	d.Keep = v.field("keep")
	v.keep(d)
	http.Redirect(w, v.r, "/accounts/share", http.StatusSeeOther)
	return nil
}

func (s *Site) accountSharePage(w http.ResponseWriter, v *visit) error {
	d, ok := s.step(w, v)
	if !ok {
		return nil
	}
	return s.accountShare(w, v, http.StatusOK, accountForm{draft: d})
}

func (s *Site) accountShare(w http.ResponseWriter, v *visit, status int, f accountForm) error {
	boxes, err := s.writable(v)
	if err != nil {
		return err
	}
	for _, b := range boxes {
		if b.Person != v.person.Name {
			f.Boxes = append(f.Boxes, b)
		}
	}
	f.Admin = v.person.Admin
	return s.show(w, v, status, "account_share", page{Title: "share.title", Narrow: true, Data: f})
}

// accountShareSave takes the last answer and sets the account up.
func (s *Site) accountShareSave(w http.ResponseWriter, v *visit) error {
	d, ok := s.step(w, v)
	if !ok {
		return nil
	}
	answer := v.field("shared")
	d.Shared, d.BoxTitle, d.PrivateSeen = answer == "yes", strings.TrimSpace(v.field("box")), v.field("seen") != "shared"
	d.Existing, _ = strings.CutPrefix(answer, "box:")
	if d.Existing == answer {
		d.Existing = ""
	}
	v.keep(d)
	f := accountForm{draft: d}
	again := func(text string) error {
		f.Error = text
		return s.accountShare(w, v, http.StatusUnprocessableEntity, f)
	}
	box := v.person.Name
	switch {
	case d.Existing != "":
		boxes, err := s.writable(v)
		if err != nil {
			return err
		}
		b, err := boxChosen(boxes, d.Existing)
		if err != nil {
			return err
		}
		box = b.Name
	case d.Shared && !v.person.Admin:
		return errForbidden
	case d.Shared:
		if d.BoxTitle == "" {
			return again(s.texts.get(v.lang, "share.noname"))
		}
		made, err := s.sharedBox(v, d)
		switch {
		case errors.Is(err, hub.KindExists):
			return again(s.texts.get(v.lang, "share.exists"))
		case errors.Is(err, hub.KindInvalid):
			return again(s.texts.get(v.lang, "people.badtitle"))
		case err != nil:
			return err
		}
		box = made
	}
	p := d.params()
	p.Box, p.Keep = &box, &d.Keep
	_, err := hub.Do(v.ctx(), s.h, hub.AccountAdd, p, nil)
	switch {
	case errors.Is(err, hub.KindExists):
		return again(s.texts.get(v.lang, "account.exists", d.Address))
	case errors.Is(err, hub.KindInvalid):
		return again(s.errorText(v, err))
	case err != nil:
		return err
	}
	v.keep(draft{})
	if d.SignIn != "" {
		http.Redirect(w, v.r, signInPath(d.Address), http.StatusSeeOther)
		return nil
	}
	http.Redirect(w, v.r, "/accounts/done?address="+urlQuery(d.Address), http.StatusSeeOther)
	return nil
}

// sharedBox makes the box that several people share, or takes the one that a
// try before has made, and gives its name.
func (s *Site) sharedBox(v *visit, d draft) (string, error) {
	name := hub.ProposeName(d.BoxTitle)
	if name == "" {
		name = hub.ProposeName(strings.Split(d.Address, "@")[0])
	}
	seen := "shared"
	if d.PrivateSeen {
		seen = "private"
	}
	boxes, err := s.boxesOf(v)
	if err != nil {
		return "", err
	}
	for _, b := range boxes {
		if b.Name == name && b.Person == "" && b.mayWrite {
			return name, nil
		}
	}
	if _, err := hub.Do(v.ctx(), s.h, hub.BoxAdd, hub.BoxAddParams{Name: name, Title: d.BoxTitle, Addresses: []string{d.Address}, Seen: seen}, nil); err != nil {
		return "", err
	}
	_, err = hub.Do(v.ctx(), s.h, hub.BoxGrant, hub.GrantParams{Box: name, Person: v.person.Name}, nil)
	return name, err
}

// accountDonePage shows how the first drain goes.
func (s *Site) accountDonePage(w http.ResponseWriter, v *visit) error {
	a, err := s.accountOf(v, v.r.URL.Query().Get("address"))
	if err != nil {
		return err
	}
	return s.show(w, v, http.StatusOK, "account_done", page{Title: "done.title", Narrow: true,
		Live: "/accounts/done?address=" + urlQuery(a.Address), Data: s.accountView(v, a)})
}

// accountFetch starts a round; what comes of it stands on the status page.
func (s *Site) accountFetch(w http.ResponseWriter, v *visit) error {
	a, err := s.accountOf(v, v.field("address"))
	if err != nil {
		return err
	}
	if a.NextAllowed.After(s.now()) {
		v.say("status.notyet", a.Address, s.texts.when(v.lang, a.NextAllowed, s.now()))
	} else {
		s.fetchInBackground(a.Address)
		v.say("status.fetching", a.Address)
	}
	http.Redirect(w, v.r, "/", http.StatusSeeOther)
	return nil
}

// accountRemove forgets an account; its mail stays.
func (s *Site) accountRemove(w http.ResponseWriter, v *visit) error {
	a, err := s.accountOf(v, v.field("address"))
	if err != nil {
		return err
	}
	if v.field("sure") != "yes" {
		return s.show(w, v, http.StatusOK, "account_remove", page{Title: "remove.title", Narrow: true, Data: a})
	}
	if _, err := hub.Do(v.ctx(), s.h, hub.AccountRemove, hub.AccountParams{Address: a.Address}, nil); err != nil {
		return err
	}
	v.say("remove.done", a.Address)
	http.Redirect(w, v.r, "/", http.StatusSeeOther)
	return nil
}
