// Package oauthtest is a provider's sign-in on loopback, for tests: by code and
// by browser. It gives a new refresh token each time and takes each only once.
package oauthtest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
)

// Server is a provider's sign-in.
type Server struct {
	*httptest.Server

	mu        sync.Mutex
	agreed    bool   // somebody has typed the code
	refresh   string // the one that is good
	access    map[string]bool
	n         int
	revoked   bool
	challenge string // of the browser that came
}

// UserCode is the code of a sign-in by code.
const UserCode = "ABCD-EFGH"

// New starts a provider's sign-in; Close ends it.
func New() *Server {
	s := &Server{access: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /device", s.device)
	mux.HandleFunc("GET /auth", s.auth)
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("GET /info", s.info)
	s.Server = httptest.NewServer(mux)
	return s
}

// Config gives the lines of heimpost.toml that lead here instead of to a
// provider.
func (s *Server) Config(provider string) string {
	text := fmt.Sprintf("[oauth.%s]\nclient_id = \"hub\"\nauth_url = %q\ntoken_url = %q\n", provider, s.URL+"/auth", s.URL+"/token")
	if provider == "microsoft" {
		return text + fmt.Sprintf("device_url = %q\n", s.URL+"/device")
	}
	return text + "client_secret = \"shh\"\n"
}

// Agree is somebody who types the code and signs in.
func (s *Server) Agree() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.agreed = true
}

// Revoke ends the sign-in, as a changed password does.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked, s.agreed = true, false
	clear(s.access)
}

// Expire makes the access tokens void, not the sign-in.
func (s *Server) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.access)
}

// Good reports whether an access token is one.
func (s *Server) Good(_, token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.access[token]
}

// Given counts the tokens that were given out.
func (s *Server) Given() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// DovecotConfig is Dovecot's oauth2 configuration that takes this provider's
// tokens as those of a user.
func (s *Server) DovecotConfig(user string) string {
	return fmt.Sprintf("tokeninfo_url = %s/info?user=%s&token=\nusername_attribute = email\nusername_format = %%u\n", s.URL, url.QueryEscape(user))
}

// info tells a mail server whose a token is.
func (s *Server) info(w http.ResponseWriter, r *http.Request) {
	if !s.Good("", r.FormValue("token")) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	answer(w, map[string]any{"email": r.FormValue("user"), "active": "true"})
}

func (s *Server) device(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("client_id") != "hub" {
		refuse(w, "invalid_client")
		return
	}
	answer(w, map[string]any{"device_code": "dev", "user_code": UserCode, "verification_uri": "https://example.org/device", "expires_in": 600, "interval": 1})
}

// auth is the page at which a person signs in; it sends the browser back.
func (s *Server) auth(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.mu.Lock()
	s.challenge = q.Get("code_challenge")
	s.mu.Unlock()
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {"thecode"}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.FormValue("grant_type") {
	case "refresh_token":
		if s.revoked || r.FormValue("refresh_token") != s.refresh {
			refuse(w, "invalid_grant")
			return
		}
	case "authorization_code":
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if r.FormValue("code") != "thecode" || r.FormValue("client_secret") != "shh" || base64.RawURLEncoding.EncodeToString(sum[:]) != s.challenge {
			refuse(w, "invalid_grant")
			return
		}
	default:
		if !s.agreed {
			refuse(w, "authorization_pending")
			return
		}
	}
	s.n++
	s.revoked, s.refresh = false, fmt.Sprint("refresh", s.n)
	access := fmt.Sprint("access", s.n)
	s.access[access] = true
	answer(w, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 3600, "refresh_token": s.refresh})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	json.NewEncoder(w).Encode(map[string]string{"error": code})
}
