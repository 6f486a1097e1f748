package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/oauth2"
)

// Provider is where a sign-in happens, and as which program.
type Provider struct {
	Name                         string // "google", "microsoft"
	Title                        string // for people
	AuthURL, TokenURL, DeviceURL string // DeviceURL "": no device flow
	Scopes                       []string
	// ClientID names the program at the provider. Secret is no secret in
	// programs that people install, but Google wants it.
	ClientID, Secret string
	// Login is the address that shall sign in; its page proposes it.
	Login string
	// Register says what to register where there is no ClientID, in English
	// and German.
	Register, RegisterDE string

	params map[string]string // further parameters of the address to sign in at
	// HTTP makes the requests; nil: a client with a timeout.
	HTTP *http.Client
}

// Google and Microsoft are the providers that are known. They have no ClientID:
// neither allows one that is shared without its review, so whoever runs the
// hub registers one, or sets the one of his organisation.
var (
	Google = Provider{
		Name: "google", Title: "Google",
		AuthURL: "https://accounts.google.com/o/oauth2/v2/auth", TokenURL: "https://oauth2.googleapis.com/token",
		Scopes:     []string{"https://mail.google.com/"},
		params:     map[string]string{"access_type": "offline", "prompt": "consent"},
		Register:   "At console.cloud.google.com make a project, an OAuth consent screen with the scope https://mail.google.com/ that is published (\"In production\", else the sign-in ends after 7 days), and credentials for a desktop app; give its client id and secret to Heimpost. An app password is less work.",
		RegisterDE: "Legen Sie auf console.cloud.google.com ein Projekt an, einen veröffentlichten OAuth-Zustimmungsbildschirm („In Produktion“, sonst endet die Anmeldung nach 7 Tagen) mit dem Bereich https://mail.google.com/ und Zugangsdaten für eine Desktop-App; geben Sie deren Client-ID und Schlüssel an Heimpost. Ein App-Passwort macht weniger Mühe.",
	}
	Microsoft = Provider{
		Name: "microsoft", Title: "Microsoft",
		AuthURL:    "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
		TokenURL:   "https://login.microsoftonline.com/common/oauth2/v2.0/token",
		DeviceURL:  "https://login.microsoftonline.com/common/oauth2/v2.0/devicecode",
		Scopes:     []string{"https://outlook.office.com/POP.AccessAsUser.All", "offline_access"},
		Register:   "At entra.microsoft.com register an application for accounts in any organisation and personal accounts, allow public client flows, add the delegated permission POP.AccessAsUser.All; give its client id to Heimpost.",
		RegisterDE: "Registrieren Sie auf entra.microsoft.com eine Anwendung für Konten in allen Organisationen und persönliche Konten, erlauben Sie öffentliche Clientflows, fügen Sie die delegierte Berechtigung POP.AccessAsUser.All hinzu; geben Sie deren Client-ID an Heimpost.",
	}
)

// Lookup gives a known provider by its name.
func Lookup(name string) (Provider, bool) {
	for _, p := range []Provider{Google, Microsoft} {
		if p.Name == name {
			return p, true
		}
	}
	return Provider{}, false
}

// ErrNoClient is matched when a provider has no ClientID; the error says what
// to register.
var ErrNoClient = errors.New("there is no client id")

// Err says what is missing before anybody can sign in.
func (p Provider) Err() error {
	if p.ClientID == "" {
		return fmt.Errorf("signing in at %s needs a registration of this hub: %w. %s", p.Title, ErrNoClient, p.Register)
	}
	return nil
}

// ErrSignIn is matched when a sign-in has ended: revoked, expired, or its
// password was changed. Nothing but a new one helps.
var ErrSignIn = errors.New("please sign in again")

// ErrNobody is an ErrSignIn where nobody has signed in yet.
var ErrNobody = fmt.Errorf("nobody has signed in yet: %w", ErrSignIn)

// Token is a sign-in.
type Token struct {
	Access  string    `json:"access,omitzero"`
	Refresh string    `json:"refresh"`
	Expiry  time.Time `json:"expiry,omitzero"` // of Access
}

// early is how long before its end an access token is taken for ended.
const early = 2 * time.Minute

// Valid reports whether the access token can still be used.
func (t Token) Valid(now time.Time) bool { return t.Access != "" && now.Add(early).Before(t.Expiry) }

// Refresh gets a new access token. What it returns must be kept durably before
// it is used: the old refresh token may be void.
func (p Provider) Refresh(ctx context.Context, t Token) (Token, error) {
	if err := p.Err(); err != nil {
		return t, err
	}
	if t.Refresh == "" {
		return t, fmt.Errorf("%s: %w", p.Title, ErrSignIn)
	}
	got, err := p.config("").TokenSource(p.context(ctx), &oauth2.Token{RefreshToken: t.Refresh}).Token()
	if err != nil {
		return t, p.explain(err)
	}
	return newToken(got, t.Refresh), nil
}

func newToken(t *oauth2.Token, refresh string) Token {
	out := Token{Access: t.AccessToken, Refresh: t.RefreshToken, Expiry: t.Expiry}
	if out.Refresh == "" {
		out.Refresh = refresh
	}
	if out.Expiry.IsZero() {
		// RFC 6749 §5.1 lets the provider keep it to itself.
		out.Expiry = time.Now().Add(30 * time.Minute)
	}
	return out
}

// config gives the library's form. The client authenticates in the request's
// parameters; Microsoft's public clients must not send a secret.
func (p Provider) config(redirect string) *oauth2.Config {
	return &oauth2.Config{ClientID: p.ClientID, ClientSecret: p.Secret, RedirectURL: redirect, Scopes: p.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: p.AuthURL, TokenURL: p.TokenURL, DeviceAuthURL: p.DeviceURL, AuthStyle: oauth2.AuthStyleInParams}}
}

func (p Provider) context(ctx context.Context) context.Context {
	c := p.HTTP
	if c == nil {
		c = &http.Client{Timeout: 30 * time.Second}
	}
	return context.WithValue(ctx, oauth2.HTTPClient, c)
}

// explain gives the library's errors in plain words. They never hold a token.
func (p Provider) explain(err error) error {
	var r *oauth2.RetrieveError
	if !errors.As(err, &r) {
		return fmt.Errorf("%s's sign-in cannot be reached: %w", p.Title, err)
	}
	switch r.ErrorCode {
	case "invalid_grant":
		return fmt.Errorf("%s: %w", p.Title, ErrSignIn)
	case "access_denied", "authorization_declined":
		return fmt.Errorf("%s: the sign-in was declined", p.Title)
	case "expired_token":
		return fmt.Errorf("%s: the code was not used in time; begin again", p.Title)
	case "invalid_client", "unauthorized_client":
		return fmt.Errorf("%s does not know the client id, or not for this kind of sign-in: check it (%s)", p.Title, r.ErrorCode)
	case "":
		status := "no answer"
		if r.Response != nil {
			status = r.Response.Status
		}
		return fmt.Errorf("%s's sign-in has trouble of its own (%s)", p.Title, status)
	}
	return fmt.Errorf("%s's sign-in refuses: %s", p.Title, r.ErrorCode)
}
