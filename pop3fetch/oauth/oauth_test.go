package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// endpoint is a provider's token endpoint whose answers are scripted.
type endpoint struct {
	*httptest.Server
	Provider
	mu    sync.Mutex
	forms []url.Values
}

// newEndpoint answers the n-th request for a token with what answer gives: an
// error code, or "" and the number of the refresh token.
func newEndpoint(t *testing.T, answer func(n int, form url.Values) (code string, refresh string)) *endpoint {
	e := &endpoint{}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/device" {
			json.NewEncoder(w).Encode(map[string]any{"device_code": "dev", "user_code": "ABCD-EFGH", "verification_uri": "https://example.org/device", "expires_in": 60, "interval": 1})
			return
		}
		e.mu.Lock()
		n := len(e.forms)
		e.forms = append(e.forms, r.Form)
		e.mu.Unlock()
		code, refresh := answer(n, r.Form)
		if code == "500" {
			w.WriteHeader(500)
			return
		}
		if code != "" {
			w.WriteHeader(400)
			json.NewEncoder(w).Encode(map[string]any{"error": code, "error_description": "because"})
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"access_token": fmt.Sprint("access", n), "token_type": "Bearer", "expires_in": 3600, "refresh_token": refresh})
	}))
	t.Cleanup(e.Server.Close)
	e.Provider = Microsoft
	e.ClientID, e.AuthURL, e.TokenURL, e.DeviceURL = "client", e.URL+"/auth", e.URL+"/token", e.URL+"/device"
	e.HTTP = e.Server.Client()
	t.Cleanup(e.HTTP.CloseIdleConnections)
	return e
}

var ctx = context.Background()

func TestDevice(t *testing.T) {
	for name, test := range map[string]struct {
		answers []string
		err     string
	}{
		"at once":   {[]string{""}, ""},
		"pending":   {[]string{"authorization_pending", ""}, ""},
		"declined":  {[]string{"authorization_pending", "authorization_declined"}, "declined"},
		"expired":   {[]string{"expired_token"}, "in time"},
		"not known": {[]string{"invalid_client"}, "client id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t, func(n int, form url.Values) (string, string) { return test.answers[n], "refresh" })
			d, err := e.StartDevice(ctx)
			if err != nil || d.Code != "ABCD-EFGH" || d.URL == "" {
				t.Fatalf("%+v %v", d, err)
			}
			token, err := d.Wait(ctx)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || token.Refresh != "refresh" || !token.Valid(time.Now()) {
				t.Errorf("%+v %v", token, err)
			}
			for _, f := range e.forms {
				if f.Has("client_secret") {
					t.Error("a public client sent a secret")
				}
			}
		})
	}
}

func TestRefresh(t *testing.T) {
	e := newEndpoint(t, func(n int, form url.Values) (string, string) {
		switch n {
		case 0:
			return "", "rotated"
		case 1:
			return "", "" // kept
		case 2:
			return "500", ""
		}
		return "invalid_grant", ""
	})
	token, err := e.Refresh(ctx, Token{Refresh: "first"})
	if err != nil || token.Refresh != "rotated" || token.Access != "access0" {
		t.Fatalf("%+v %v", token, err)
	}
	if token, err = e.Refresh(ctx, token); err != nil || token.Refresh != "rotated" {
		t.Fatalf("%+v %v", token, err)
	}
	if f := e.forms[1]; f.Get("refresh_token") != "rotated" || f.Get("grant_type") != "refresh_token" {
		t.Errorf("%v", f)
	}
	if _, err = e.Refresh(ctx, token); err == nil || errors.Is(err, ErrSignIn) {
		t.Errorf("trouble of the provider: %v", err)
	}
	if _, err = e.Refresh(ctx, token); !errors.Is(err, ErrSignIn) {
		t.Errorf("%v", err)
	}
	if _, err = e.Refresh(ctx, Token{}); !errors.Is(err, ErrSignIn) {
		t.Errorf("%v", err)
	}
	e.Server.Close()
	if _, err = e.Refresh(ctx, token); err == nil || errors.Is(err, ErrSignIn) || strings.Contains(err.Error(), "rotated") {
		t.Errorf("%v", err)
	}
}

func TestBrowser(t *testing.T) {
	e := newEndpoint(t, func(n int, form url.Values) (string, string) {
		if form.Get("code") != "thecode" || form.Get("code_verifier") == "" {
			return "invalid_grant", ""
		}
		return "", "refresh"
	})
	p := Google
	p.Login = "a+b@gmail.com"
	p.ClientID, p.Secret, p.AuthURL, p.TokenURL, p.HTTP = "client", "secret", e.AuthURL, e.TokenURL, e.HTTP
	b, err := p.StartBrowser(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	u, _ := url.Parse(b.URL)
	q := u.Query()
	back := q.Get("redirect_uri")
	if q.Get("code_challenge_method") != "S256" || q.Get("access_type") != "offline" || q.Get("state") == "" || q.Get("login_hint") != "a+b@gmail.com" || !strings.HasPrefix(back, "http://127.0.0.1:") {
		t.Fatalf("%v", q)
	}
	get := func(query string) (int, string) {
		res, err := e.HTTP.Get(back + "?" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(text)
	}
	if code, _ := get("code=thecode&state=other"); code != 404 {
		t.Errorf("another's state: %d", code)
	}
	if code, text := get("code=thecode&state=" + q.Get("state")); code != 200 || strings.Contains(text, "thecode") {
		t.Errorf("%d %s", code, text)
	}
	token, err := b.Wait(ctx)
	if err != nil || token.Refresh != "refresh" {
		t.Errorf("%+v %v", token, err)
	}
	if token, err = b.Paste(ctx, " "+back+"?code=thecode&state="+q.Get("state")+"\n"); err != nil || token.Refresh != "refresh" {
		t.Errorf("pasted: %+v %v", token, err)
	}
	for _, pasted := range []string{"", "thecode", back, back + "?code=thecode&state=x", back + "?error=access_denied&state=" + q.Get("state")} {
		if _, err := b.Paste(ctx, pasted); err == nil {
			t.Errorf("%q was taken", pasted)
		}
	}
}

func TestNoClient(t *testing.T) {
	for _, p := range []Provider{Google, Microsoft} {
		if _, err := p.StartBrowser(ctx); !errors.Is(err, ErrNoClient) {
			t.Error(err)
		}
		if known, is := Lookup(p.Name); !is || known.Register == "" || known.RegisterDE == "" {
			t.Error(p.Name)
		}
	}
	p := Google
	p.ClientID = "x"
	if _, err := p.StartDevice(ctx); !errors.Is(err, ErrNoDevice) {
		t.Error(err)
	}
}

func TestNoRefreshToken(t *testing.T) {
	e := newEndpoint(t, func(int, url.Values) (string, string) { return "", "" })
	d, err := e.StartDevice(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Wait(ctx); err == nil || !strings.Contains(err.Error(), "offline") {
		t.Error(err)
	}
}
