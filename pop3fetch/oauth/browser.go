package oauth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// Browser is a sign-in in a browser. URL is to be opened; afterwards the
// provider sends the browser to this computer (Wait). If the browser runs
// elsewhere, it ends at a page that cannot be shown, whose address is to be
// pasted (Paste).
type Browser struct {
	URL string

	p        Provider
	config   *oauth2.Config
	verifier string
	state    string
	server   *http.Server
	came     chan url.Values // what the browser came with
	once     sync.Once
}

// StartBrowser begins a sign-in by browser (RFC 8252 §7.3). Close must be
// called at its end.
func (p Provider) StartBrowser(ctx context.Context) (*Browser, error) {
	if err := p.Err(); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &Browser{p: p, verifier: oauth2.GenerateVerifier(), state: rand.Text(), came: make(chan url.Values, 1)}
	b.config = p.config(fmt.Sprintf("http://%s/", l.Addr()))
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(b.verifier)}
	for name, value := range p.params {
		options = append(options, oauth2.SetAuthURLParam(name, value))
	}
	if p.Login != "" {
		options = append(options, oauth2.SetAuthURLParam("login_hint", p.Login))
	}
	b.URL = b.config.AuthCodeURL(b.state, options...)
	b.server = &http.Server{Handler: http.HandlerFunc(b.serve), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
	go b.server.Serve(l)
	return b, nil
}

// Redirect is how the address begins that the provider sends the browser to.
func (b *Browser) Redirect() string { return b.config.RedirectURL }

// serve takes the browser that comes back.
func (b *Browser) serve(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if r.Method != http.MethodGet || r.URL.Path != "/" || !b.ours(q) {
		http.NotFound(w, r) // not ours: a favicon, or another page that tries
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if q.Has("error") {
		fmt.Fprintln(w, "Nobody was signed in; Heimpost says more.\nEs hat sich niemand angemeldet; Heimpost sagt mehr dazu.")
	} else {
		fmt.Fprintln(w, "Heimpost has what it needs; this window can be closed.\nHeimpost hat alles, was es braucht; dieses Fenster kann zu.")
	}
	b.once.Do(func() { b.came <- q })
}

func (b *Browser) ours(q url.Values) bool {
	return subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(b.state)) == 1
}

// Wait waits until the browser comes back to this computer.
func (b *Browser) Wait(ctx context.Context) (Token, error) {
	select {
	case q := <-b.came:
		return b.finish(ctx, q)
	case <-ctx.Done():
		return Token{}, ctx.Err()
	}
}

// Paste takes the address that the browser was sent to.
func (b *Browser) Paste(ctx context.Context, address string) (Token, error) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.RawQuery == "" {
		return Token{}, errors.New("this is not the address that the browser shows after the sign-in: it begins with " + b.config.RedirectURL + "?")
	}
	q := u.Query()
	if !b.ours(q) {
		return Token{}, errors.New("this address belongs to another sign-in: begin again")
	}
	return b.finish(ctx, q)
}

// finish exchanges the code for a token.
func (b *Browser) finish(ctx context.Context, q url.Values) (Token, error) {
	if code := q.Get("error"); code != "" {
		return Token{}, b.p.explain(&oauth2.RetrieveError{ErrorCode: code})
	}
	t, err := b.config.Exchange(b.p.context(ctx), q.Get("code"), oauth2.VerifierOption(b.verifier))
	if err != nil {
		return Token{}, b.p.explain(err)
	}
	return b.p.granted(t)
}

// Close ends listening.
func (b *Browser) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if b.server.Shutdown(ctx) == nil {
		return nil
	}
	return b.server.Close()
}
