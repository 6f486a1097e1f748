package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"heimpost/hub"
)

func signInPath(address string) string { return "/accounts/signin?address=" + urlQuery(address) }

type signInView struct {
	Address  string
	Provider string
	// Nothing is begun yet: what is to be registered first, if anything.
	Register  string
	Secret    bool // the provider wants a client secret, too
	AskClient bool
	ClientID  string
	// It has begun.
	Started hub.SignInStarted
	Done    bool
	Error   string
}

// signInWait bounds what the provider's answer to a step may take.
const signInWait = time.Minute

// signInPage leads through signing an account in at its provider.
func (s *Site) signInPage(w http.ResponseWriter, v *visit) error {
	a, err := s.accountOf(v, v.r.URL.Query().Get("address"))
	if err != nil {
		return err
	}
	return s.signIn(w, v, http.StatusOK, a, signInView{})
}

func (s *Site) signIn(w http.ResponseWriter, v *visit, status int, a hub.Account, out signInView) error {
	out.Address = a.Address
	preset, err := hub.Do(v.ctx(), s.h, hub.AccountPreset, hub.AccountParams{Address: a.Address}, nil)
	if err != nil {
		return err
	}
	name := a.OAuth
	if name == "" {
		name = preset.OAuth
	}
	if name == "" {
		return errNotFound
	}
	out.Provider = providerTitles[name]
	out.Secret = name == "google"
	v.session.mu.Lock()
	started := v.session.signIn
	v.session.mu.Unlock()
	if started.Address == a.Address {
		state, err := hub.Do(v.ctx(), s.h, hub.SignInLook, hub.SignInStep{ID: started.ID}, nil)
		switch {
		case errors.Is(err, hub.KindNotFound): // another one was begun since
		case err != nil:
			return err
		case state.Done:
			out.Done = state.Error == ""
			if _, err := hub.Do(v.ctx(), s.h, hub.SignInWait, hub.SignInStep{ID: started.ID}, nil); err != nil && out.Error == "" {
				out.Error = s.errorText(v, err)
			}
		default:
			out.Started = started
		}
	}
	if out.Started.ID == "" && !out.Done && !preset.Registered {
		out.AskClient = true
		out.Register = preset.Register
		if v.lang == "de" {
			out.Register = preset.RegisterDE
		}
	}
	live := ""
	if out.Started.ID != "" {
		live = signInPath(a.Address)
	}
	return s.show(w, v, status, "signin", page{Title: "signin.title", Narrow: true, Live: live, Data: out})
}

// providerTitles are what people call those who sign accounts in.
var providerTitles = map[string]string{"google": "Google", "microsoft": "Microsoft"}

// signInStart begins; what is to be done stands on the page.
func (s *Site) signInStart(w http.ResponseWriter, v *visit) error {
	a, err := s.accountOf(v, v.field("address"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(v.ctx(), signInWait)
	defer cancel()
	p := hub.SignInParams{Address: a.Address, ClientID: strings.TrimSpace(v.field("client_id")), ClientSecret: strings.TrimSpace(v.field("client_secret"))}
	started, err := hub.Do(ctx, s.h, hub.SignInStart, p, nil)
	switch {
	case errors.Is(err, hub.KindNoClient):
		return s.signIn(w, v, http.StatusUnprocessableEntity, a, signInView{Error: s.texts.get(v.lang, "signin.noclient")})
	case errors.Is(err, hub.KindNotFound):
		return err
	case err != nil:
		return s.signIn(w, v, http.StatusUnprocessableEntity, a, signInView{ClientID: p.ClientID, Error: s.errorText(v, err)})
	}
	v.session.mu.Lock()
	v.session.signIn = started
	v.session.mu.Unlock()
	http.Redirect(w, v.r, signInPath(a.Address), http.StatusSeeOther)
	return nil
}

// signInPaste takes the address that the browser was sent to.
func (s *Site) signInPaste(w http.ResponseWriter, v *visit) error {
	a, err := s.accountOf(v, v.field("address"))
	if err != nil {
		return err
	}
	v.session.mu.Lock()
	started := v.session.signIn
	v.session.mu.Unlock()
	pasted := strings.TrimSpace(v.field("pasted"))
	if started.Address != a.Address || started.ID == "" {
		http.Redirect(w, v.r, signInPath(a.Address), http.StatusSeeOther)
		return nil
	}
	if pasted == "" {
		return s.signIn(w, v, http.StatusUnprocessableEntity, a, signInView{Error: s.texts.get(v.lang, "signin.nopaste", started.Redirect)})
	}
	ctx, cancel := context.WithTimeout(v.ctx(), signInWait)
	defer cancel()
	if _, err := hub.Do(ctx, s.h, hub.SignInWait, hub.SignInStep{ID: started.ID, Pasted: pasted}, nil); err != nil {
		return s.signIn(w, v, http.StatusUnprocessableEntity, a, signInView{Error: s.errorText(v, err)})
	}
	http.Redirect(w, v.r, signInPath(a.Address), http.StatusSeeOther)
	return nil
}
