package pop3fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heimpost/peertest"
	"heimpost/pop3fetch/oauth"
	"heimpost/pop3fetch/pop3d"
)

// signIns is a hub whose account has signed in at a provider of our own, which
// gives a new refresh token each time and takes each only once.
type signIns struct {
	*hub
	provider oauth.Provider

	mu      sync.Mutex
	token   oauth.Token // as kept
	refresh string      // the one that is good
	access  map[string]bool
	n       int
	fail    error // of SaveToken
	revoked bool
}

func (s *signIns) SignIn(context.Context, Account) (oauth.Provider, oauth.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.provider, s.token, nil
}

func (s *signIns) SaveToken(_ context.Context, _ Account, t oauth.Token) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.token = t
	return nil
}

// good reports whether an access token is one and stands in what was kept.
func (s *signIns) good(user, token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.access[token] && s.token.Access != token {
		s.t.Error("a token was used before it was kept")
	}
	return s.access[token]
}

func (s *signIns) void() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.access)
}

func newSignIns(t *testing.T, h *hub) *signIns {
	s := &signIns{hub: h, refresh: "refresh0", token: oauth.Token{Refresh: "refresh0"}, access: map[string]bool{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		r.ParseForm()
		w.Header().Set("Content-Type", "application/json")
		if s.revoked || r.Form.Get("refresh_token") != s.refresh {
			w.WriteHeader(400)
			json.NewEncoder(w).Encode(map[string]string{"error": "invalid_grant"})
			return
		}
		s.n++
		s.refresh = fmt.Sprint("refresh", s.n)
		access := fmt.Sprint("access", s.n)
		s.access[access] = true
		json.NewEncoder(w).Encode(map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 3600, "refresh_token": s.refresh})
	}))
	t.Cleanup(server.Close)
	s.provider = oauth.Microsoft
	s.provider.ClientID, s.provider.TokenURL, s.provider.HTTP = "client", server.URL, server.Client()
	t.Cleanup(s.provider.HTTP.CloseIdleConnections)
	return s
}

// signedIn makes a rig whose account has signed in.
func signedIn(t *testing.T, so pop3d.Options) (*rig, *signIns) {
	var s *signIns
	so.Token = func(user, token string) bool { return s.good(user, token) }
	r := newRig(t, so, Options{})
	s = newSignIns(t, r.hub)
	r.change(0, func(a *Account) { a.OAuth = "microsoft" })
	r.Fetcher = New(s, Options{Log: quiet})
	return r, s
}

func TestSignIn(t *testing.T) {
	r, s := signedIn(t, pop3d.Options{})
	r.deliver(3)
	r.fetch()
	r.fetch()
	if s.n != 1 {
		t.Errorf("%d refreshes", s.n)
	}
	s.void() // the provider no longer takes what looks valid
	r.deliver(1)
	r.fetch()
	r.exactlyOnce()
	if s.n != 2 || s.token.Refresh != "refresh2" {
		t.Errorf("%d refreshes, kept %+v", s.n, s.token)
	}
}

// TestTokenKept: a new token that cannot be kept is not used.
func TestTokenKept(t *testing.T) {
	r, s := signedIn(t, pop3d.Options{})
	s.fail = errors.New("disk is full")
	if err := r.broken(); !strings.Contains(err.Error(), "disk is full") {
		t.Error(err)
	}
}

func TestSignInEnded(t *testing.T) {
	r, s := signedIn(t, pop3d.Options{})
	r.deliver(1)
	s.revoked = true
	if err := r.broken(); !errors.Is(err, oauth.ErrSignIn) || !strings.Contains(err.Error(), "sign in again") {
		t.Error(err)
	}
	if at := r.due(ctx, r.accounts[0], false); !r.state(0).SignIn || time.Until(at) < time.Hour {
		t.Errorf("the schedule tries again at %v", at)
	}
	s.revoked = false
	if err := r.SignedIn(ctx, r.accounts[0]); err != nil {
		t.Fatal(err)
	}
	if at := r.due(ctx, r.accounts[0], false); time.Until(at) > 0 {
		t.Errorf("after signing in the schedule waits until %v", at)
	}
	r.fetch()
	r.exactlyOnce()
}

// TestInUseCostsNoToken: a refusal that is not the token's fault renews none.
func TestInUseCostsNoToken(t *testing.T) {
	var asked atomic.Int32
	r, s := signedIn(t, pop3d.Options{Login: func(string) string {
		if asked.Add(1) == 1 {
			return "-ERR [IN-USE] another session has this mailbox"
		}
		return ""
	}})
	r.fetch()
	if s.n != 1 {
		t.Errorf("%d refreshes", s.n)
	}
}

// TestTokenExpires within a session: it is renewed and the rest comes, and no
// message is taken for sick.
func TestTokenExpires(t *testing.T) {
	var s *signIns
	gone := false
	so := pop3d.Options{Script: on(func(c *pop3d.Command) {
		if c.Verb == "RETR" && c.Mail != nil && c.Mail.ID >= 60 && !gone {
			c.Reply("-ERR Session invalidated - AccessTokenExpired")
			gone = true
			s.void()
		}
	})}
	r, s2 := signedIn(t, so)
	s = s2
	r.deliver(120)
	r.fetch()
	r.exactlyOnce()
	if st := r.state(0); len(st.Failed) != 0 || s.n != 2 {
		t.Errorf("%+v, %d refreshes", st, s.n)
	}
}

// TestDovecotSignIn: a real server takes our tokens by both mechanisms.
func TestDovecotSignIn(t *testing.T) {
	for _, mechanism := range []string{"xoauth2", "oauthbearer"} {
		t.Run(mechanism, func(t *testing.T) {
			var s *signIns
			info := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !s.good("", r.URL.Query().Get("access_token")) {
					w.WriteHeader(401)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprintln(w, `{"email":"anna","active":"true"}`)
			}))
			defer info.Close()
			dir := t.TempDir()
			conf := dir + "/oauth2.conf"
			writeFile(t, conf, fmt.Sprintf("tokeninfo_url = %s/?access_token=\nusername_attribute = email\nusername_format = %%u\n", info.URL))
			r := newDovecotRig(t, peertest.DovecotConfig{Extra: fmt.Sprintf(
				"auth_mechanisms = plain %s\npassdb {\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = %s\n}", mechanism, conf)}, TLSImplicit)
			s = newSignIns(t, r.hub)
			r.change(0, func(a *Account) { a.OAuth = "microsoft" })
			r.Fetcher = New(s, Options{Log: quiet, Roots: r.d.Roots})
			r.deliver(oddMails()[:5]...)
			if res := r.fetch(); res.Retrieved != 5 {
				t.Errorf("%+v", res)
			}
			s.void()
			r.deliver(mailText("later"))
			if res := r.fetch(); res.Retrieved != 1 || s.n != 2 {
				t.Errorf("%+v after %d refreshes\n%s", res, s.n, r.d.Log())
			}
		})
	}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
