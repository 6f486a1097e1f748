package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"heimpost/hub"
	"heimpost/store"
)

// Options say how the pages run.
type Options struct {
	Log *slog.Logger     // nil: slog.Default()
	Now func() time.Time // nil: time.Now
}

// Site is the hub's pages.
type Site struct {
	r         *hub.Running
	h         *hub.Hub
	log       *slog.Logger
	now       func() time.Time
	texts     texts
	templates templates
	sessions  sessions
	setup     setupToken
	links     links
	handler   http.Handler

	// Rounds that a page has started end with the site.
	ctx        context.Context
	cancel     context.CancelFunc
	background sync.WaitGroup
}

// Close ends what pages have started.
func (s *Site) Close() {
	s.cancel()
	s.background.Wait()
}

// New makes the pages of a running hub.
func New(r *hub.Running, o Options) (*Site, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Site{r: r, h: r.Hub, log: o.Log, now: o.Now}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	var err error
	if s.texts, err = loadTexts(); err != nil {
		return nil, err
	}
	if s.templates, err = loadTemplates(s.texts); err != nil {
		return nil, err
	}
	s.sessions = sessions{now: o.Now, all: map[[32]byte]*session{}}
	s.links = links{now: o.Now, all: map[string]*link{}}
	s.setup.value = rand.Text()
	s.handler = s.guard(s.paths())
	return s, nil
}

// ServeHTTP answers a browser or a mail program.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// SetupURL gives the link that opens the set-up, once; "" when there is
// somebody already.
func (s *Site) SetupURL(ctx context.Context) (string, error) {
	empty, err := s.isEmpty(ctx)
	if err != nil || !empty || s.r.Web == "" {
		return "", err
	}
	host, port, err := net.SplitHostPort(s.r.Web)
	if err != nil {
		return "", err
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return fmt.Sprintf("http://%s/setup?token=%s", net.JoinHostPort(host, port), s.setup.value), nil
}

// isEmpty reports whether the hub has nobody yet.
func (s *Site) isEmpty(ctx context.Context) (bool, error) {
	people, err := hub.Do(ctx, s.h, hub.PersonList, hub.None{}, nil)
	return len(people) == 0, err
}

// visit is one request of somebody.
type visit struct {
	r       *http.Request
	lang    string
	session *session // nil: not signed in
	person  hub.Person
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// field gives a form's field.
func (v *visit) field(name string) string { return v.r.PostFormValue(name) }

// words gives the words of a form's field, and whether they are others than
// those of now; a form without that field changes nothing.
func (v *visit) words(name string, now []string) (words []string, changed bool) {
	words = strings.FieldsFunc(v.field(name), func(r rune) bool { return unicode.IsSpace(r) || r == ',' || r == ';' })
	return words, v.r.PostForm.Has(name) && !slices.Equal(words, now)
}

// say shows a notice with the next page.
func (v *visit) say(key string, args ...any) {
	v.session.mu.Lock()
	v.session.notice = notice{key, args}
	v.session.mu.Unlock()
}

// action answers a request of a visitor.
type action func(w http.ResponseWriter, v *visit) error

// open serves whoever comes.
func (s *Site) open(do action) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := &visit{r: r, lang: langOf(r), session: s.sessions.of(r)}
		if v.session != nil && v.session.person != "" {
			p, stamp, err := s.h.PersonNamed(r.Context(), v.session.person)
			switch {
			case err == nil && stamp == v.session.stampNow():
				v.person = p
			case err == nil || errors.Is(err, hub.KindNotFound): // removed meanwhile, or another password
				s.sessions.end(w, r)
				v.session = nil
			default:
				s.answer(w, v, err)
				return
			}
		}
		if r.Method == http.MethodPost {
			if err := r.ParseForm(); err != nil {
				s.failure(w, r, http.StatusBadRequest, "error.form")
				return
			}
		}
		s.answer(w, v, do(w, v))
	}
}

// signedIn serves persons; others are asked to sign in.
func (s *Site) signedIn(do action) http.HandlerFunc {
	return s.open(func(w http.ResponseWriter, v *visit) error {
		if v.person.Name == "" {
			http.Redirect(w, v.r, "/login", http.StatusSeeOther)
			return nil
		}
		return do(w, v)
	})
}

// admin serves administrators.
func (s *Site) admin(do action) http.HandlerFunc {
	return s.signedIn(func(w http.ResponseWriter, v *visit) error {
		if !v.person.Admin {
			return errForbidden
		}
		return do(w, v)
	})
}

var (
	errForbidden = errors.New("forbidden")
	errNotFound  = errors.New("not found")
)

// answer tells a visitor of an action's error.
func (s *Site) answer(w http.ResponseWriter, v *visit, err error) {
	switch {
	case err == nil:
	case errors.Is(err, errForbidden):
		s.failure(w, v.r, http.StatusForbidden, "error.forbidden")
	case errors.Is(err, errNotFound), errors.Is(err, hub.KindNotFound):
		s.failure(w, v.r, http.StatusNotFound, "error.notfound")
	case errors.Is(err, context.Canceled):
	default:
		s.log.Error("web: a page failed", "path", v.r.URL.Path, "error", err)
		s.failure(w, v.r, http.StatusInternalServerError, "error.failed", s.errorText(v, err))
	}
}

// errorText gives an error's words in the visitor's language where it has any.
func (s *Site) errorText(v *visit, err error) string {
	switch {
	case errors.Is(err, store.ErrNoSpace):
		return s.texts.get(v.lang, "error.nospace")
	case errors.Is(err, hub.KindExists):
		return s.texts.get(v.lang, "error.exists")
	case errors.Is(err, hub.KindRunning):
		return s.texts.get(v.lang, "error.busy")
	case v.lang == "de":
		if text := hub.German(err); text != err.Error() {
			return text
		}
		return s.texts.get(v.lang, "error.unexpected", err)
	}
	return err.Error()
}

// paths is the table of all that is served.
func (s *Site) paths() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /static/", s.static())
	mux.HandleFunc("GET /healthz", s.switched(s.r.Config.Web.Healthz, s.healthz))
	mux.HandleFunc("GET /metrics", s.switched(s.r.Config.Web.Metrics, s.metrics))
	mux.HandleFunc("GET /ca.pem", s.caPEM)
	mux.HandleFunc("GET /ca.crt", s.caDER)
	mux.HandleFunc("GET /lang/{lang}", s.chooseLang)
	s.discovery(mux)

	mux.HandleFunc("GET /setup", s.open(s.setupPage))
	mux.HandleFunc("POST /setup", s.open(s.setupSave))
	mux.HandleFunc("GET /login", s.open(s.loginPage))
	mux.HandleFunc("POST /login", s.open(s.loginSave))
	mux.HandleFunc("POST /logout", s.open(s.logout))

	mux.HandleFunc("GET /{$}", s.signedIn(s.statusPage))
	mux.HandleFunc("GET /accounts/new", s.signedIn(s.accountNewPage))
	mux.HandleFunc("POST /accounts/new", s.signedIn(s.accountNewSave))
	mux.HandleFunc("GET /accounts/keep", s.signedIn(s.accountKeepPage))
	mux.HandleFunc("POST /accounts/keep", s.signedIn(s.accountKeepSave))
	mux.HandleFunc("GET /accounts/share", s.signedIn(s.accountSharePage))
	mux.HandleFunc("POST /accounts/share", s.signedIn(s.accountShareSave))
	mux.HandleFunc("GET /accounts/done", s.signedIn(s.accountDonePage))
	mux.HandleFunc("POST /accounts/fetch", s.signedIn(s.accountFetch))
	mux.HandleFunc("POST /accounts/remove", s.signedIn(s.accountRemove))
	mux.HandleFunc("GET /devices/new", s.signedIn(s.deviceNewPage))
	mux.HandleFunc("POST /devices/new", s.signedIn(s.deviceNewSave))
	mux.HandleFunc("GET /devices/ready/{link}", s.signedIn(s.deviceReadyPage))
	mux.HandleFunc("POST /devices/revoke", s.signedIn(s.deviceRevoke))
	mux.HandleFunc("GET /accounts/one", s.signedIn(s.accountPage))
	mux.HandleFunc("POST /accounts/set", s.signedIn(s.accountSet))
	mux.HandleFunc("POST /accounts/test", s.signedIn(s.accountTest))
	mux.HandleFunc("GET /accounts/signin", s.signedIn(s.signInPage))
	mux.HandleFunc("POST /accounts/signin", s.signedIn(s.signInStart))
	mux.HandleFunc("POST /accounts/signin/paste", s.signedIn(s.signInPaste))
	mux.HandleFunc("GET /devices/one", s.signedIn(s.devicePage))
	mux.HandleFunc("POST /devices/set", s.signedIn(s.deviceSet))
	mux.HandleFunc("POST /devices/show-all", s.signedIn(s.deviceShowAll))
	mux.HandleFunc("GET /settings", s.signedIn(s.settingsPage))
	mux.HandleFunc("GET /me", s.signedIn(s.mePage))
	mux.HandleFunc("POST /me", s.signedIn(s.meSave))
	mux.HandleFunc("GET /people", s.admin(s.peoplePage))
	mux.HandleFunc("POST /people/add", s.admin(s.personAdd))
	mux.HandleFunc("POST /people/password", s.admin(s.personPassword))
	mux.HandleFunc("POST /people/remove", s.admin(s.personRemove))
	mux.HandleFunc("GET /boxes", s.signedIn(s.boxesPage))
	mux.HandleFunc("POST /boxes/add", s.admin(s.boxAdd))
	mux.HandleFunc("GET /boxes/{box}", s.signedIn(s.boxPage))
	mux.HandleFunc("POST /boxes/{box}/set", s.signedIn(s.boxSet))
	mux.HandleFunc("POST /boxes/{box}/protect", s.signedIn(s.boxProtect))
	mux.HandleFunc("POST /boxes/{box}/grant", s.signedIn(s.boxGrant))
	mux.HandleFunc("POST /boxes/{box}/revoke", s.signedIn(s.boxRevoke))
	mux.HandleFunc("POST /boxes/{box}/remove", s.admin(s.boxRemove))
	mux.HandleFunc("GET /network", s.admin(s.networkPage))
	mux.HandleFunc("POST /network", s.admin(s.networkSave))
	mux.HandleFunc("GET /deleted", s.signedIn(s.deletedPage))
	mux.HandleFunc("GET /deleted/{box}/{id}", s.signedIn(s.deletedMailPage))
	mux.HandleFunc("POST /deleted/restore", s.signedIn(s.deletedRestore))
	mux.HandleFunc("GET /activity", s.signedIn(s.activityPage))
	mux.HandleFunc("GET /dns", s.admin(s.dnsPage))
	mux.HandleFunc("GET /trust", s.open(s.trustPage))
	mux.HandleFunc("GET /phone/{link}", s.open(s.phonePage))
	mux.HandleFunc("GET /phone/{link}/heimpost.mobileconfig", s.open(s.phoneProfile))
	mux.HandleFunc("/", s.open(func(http.ResponseWriter, *visit) error { return errNotFound }))
	return mux
}
