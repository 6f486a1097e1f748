package web

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"sync"
	"time"

	"heimpost/hub"
)

const (
	cookieName = "heimpost"
	// sessionIdle ends a session that nobody uses, sessionLife any.
	sessionIdle = 12 * time.Hour
	sessionLife = 30 * 24 * time.Hour
	maxSessions = 1000
)

// session is a browser that is signed in, or at the set-up.
type session struct {
	person  string // login name; "" at the set-up before its first answer
	stamp   string // of that person and the password, see hub.PersonNamed
	setup   bool   // came by the set-up link
	created time.Time
	used    time.Time

	mu     sync.Mutex
	draft  draft             // an account that is being set up
	notice notice            // shown with the next page
	signIn hub.SignInStarted // at a provider, the last one that was begun
}

// stampNow gives the stamp that the person has to have.
func (n *session) stampNow() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stamp
}

// notice is a word with the next page.
type notice struct {
	key  string
	args []any
}

// sessions are kept in memory: a restart signs everybody out.
type sessions struct {
	mu  sync.Mutex
	now func() time.Time
	all map[[32]byte]*session // by the hash of the cookie's value
}

// start makes a session and gives it to the browser.
func (s *sessions) start(w http.ResponseWriter, r *http.Request, n *session) {
	value := rand.Text()
	n.created, n.used = s.now(), s.now()
	s.mu.Lock()
	if len(s.all) >= maxSessions {
		s.sweep()
	}
	if len(s.all) < maxSessions {
		s.all[sha256.Sum256([]byte(value))] = n
	}
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: value, Path: "/", HttpOnly: true,
		Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode, MaxAge: int(sessionLife / time.Second)})
}

// of gives the session of a request, nil where there is none.
func (s *sessions) of(r *http.Request) *session {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return nil
	}
	key := sha256.Sum256([]byte(c.Value))
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.all[key]
	if n == nil {
		return nil
	}
	if s.over(n) {
		delete(s.all, key)
		return nil
	}
	n.used = s.now()
	return n
}

func (s *sessions) over(n *session) bool {
	now := s.now()
	return now.Sub(n.used) > sessionIdle || now.Sub(n.created) > sessionLife
}

// sweep drops what is over; s.mu is held.
func (s *sessions) sweep() {
	for k, n := range s.all {
		if s.over(n) {
			delete(s.all, k)
		}
	}
}

// end signs a browser out.
func (s *sessions) end(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(cookieName); err == nil {
		s.mu.Lock()
		delete(s.all, sha256.Sum256([]byte(c.Value)))
		s.mu.Unlock()
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

// setupToken opens the set-up once.
type setupToken struct {
	mu    sync.Mutex
	value string // "" once used
}

// take uses the token up.
func (t *setupToken) take(value string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value == "" || subtle.ConstantTimeCompare([]byte(t.value), []byte(value)) != 1 {
		return false
	}
	t.value = ""
	return true
}
