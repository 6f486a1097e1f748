package pop3fetch

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-sasl"

	"heimpost/pop3fetch/oauth"
)

// secret is what proves who we are: a password, or an OAuth2 access token.
type secret struct {
	password string
	token    string
}

// tokenRefused wraps the refusal of an access token.
type tokenRefused struct{ error }

func (e *tokenRefused) Unwrap() error { return e.error }

// secret gives what an account logs in with: a password, the stored one if
// none is given, or an access token, renewed where it is due.
func (f *Fetcher) secret(ctx context.Context, a Account, st *State, password string) (secret, error) {
	if a.OAuth != "" && password == "" {
		token, err := f.accessToken(ctx, a, st)
		return secret{token: token}, err
	}
	if password == "" {
		var err error
		if password, err = f.dir.Password(ctx, a); err != nil {
			return secret{}, &sinkError{err}
		}
	}
	if err := validPassword(password); err != nil {
		return secret{}, &Problem{Text{"The password cannot be used: " + err.Error() + ".", "Das Passwort ist nicht brauchbar: " + err.Error() + "."}, classRefused, err}
	}
	return secret{password: password}, nil
}

// accessToken gives a valid access token. A new one is durable before it is
// used, for with it the refresh token may have changed.
func (f *Fetcher) accessToken(ctx context.Context, a Account, st *State) (string, error) {
	keeper, is := f.dir.(SignIns)
	if !is {
		return "", &sinkError{errors.New("signing in without a password is not possible here")}
	}
	provider, token, err := keeper.SignIn(ctx, a)
	if err != nil {
		return "", &sinkError{err}
	}
	if token.Valid(f.o.Now()) && !st.Renew {
		return token.Access, nil
	}
	if token, err = provider.Refresh(ctx, token); err != nil {
		if errors.Is(err, oauth.ErrSignIn) || ctx.Err() != nil {
			return "", err
		}
		return "", &Problem{Text{fmt.Sprintf("The sign-in could not be renewed: %v. The mail stays at the provider.", err),
			fmt.Sprintf("Die Anmeldung ließ sich nicht erneuern: %v. Die Post bleibt beim Anbieter.", err)}, classNetwork, err}
	}
	st.Renew = false
	// Also when the round is being stopped: the old one may be void.
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := keeper.SaveToken(keep, a, token); err != nil {
		return "", &sinkError{err}
	}
	return token.Access, nil
}

// SignedIn lets the schedule go on after an account has signed in again.
func (f *Fetcher) SignedIn(ctx context.Context, a Account) error {
	release, err := f.Hold(ctx, a)
	if err != nil {
		return err
	}
	defer release()
	st, err := f.load(ctx, a)
	if err != nil {
		return err
	}
	st.Forget()
	if err := f.dir.SaveState(ctx, a.ID, st); err != nil {
		return err
	}
	f.Wake()
	return nil
}

// login authenticates: an access token by SASL, a password by USER and PASS,
// or by SASL PLAIN where that is all the provider takes or where the name or
// the password would not fit into a POP3 command.
func (c *client) login(user string, s secret) error {
	switch {
	case s.token != "" && c.caps.mechanism("OAUTHBEARER") && !c.caps.mechanism("XOAUTH2"):
		return c.sasl(sasl.NewOAuthBearerClient(&sasl.OAuthBearerOptions{Username: user, Token: s.token}))
	case s.token != "":
		return c.sasl(&xoauth2{user: user, token: s.token})
	case c.caps.mechanism(sasl.Plain) && (!c.caps.has("USER") || !fits(user) || !fits(s.password)):
		return c.sasl(sasl.NewPlainClient("", user, s.password))
	}
	if err := c.pop.User(user); err != nil {
		return c.said("USER", err)
	}
	return c.patient(func() error {
		if err := c.pop.Pass(s.password); err != nil {
			return c.said("PASS", err)
		}
		return nil
	})
}

// fits reports whether a word can stand in a command as RFC 1939 §3 has it:
// printable ASCII without blanks.
func fits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// said gives the error of a go-pop3 call: the connection's, or a refusal.
func (c *client) said(verb string, err error) error {
	if c.g.err != nil {
		return c.g.err
	}
	return newRefusal(verb, err.Error())
}

// sasl authenticates by AUTH (RFC 5034), in two steps: Microsoft takes no
// initial response, and a long one would not fit into a command's line.
func (c *client) sasl(mechanism sasl.Client) error {
	name, response, err := mechanism.Start()
	if err != nil {
		return err
	}
	if err := c.send("AUTH %s", name); err != nil {
		return err
	}
	first := true
	return c.patient(func() error {
		for {
			challenge, more, err := c.challenge()
			if err != nil || !more {
				return err
			}
			if !first {
				// The only further challenge of our mechanisms is the reason
				// of a failure, which wants an answer before -ERR comes.
				reason, _ := base64.StdEncoding.DecodeString(challenge)
				if response, err = mechanism.Next(reason); err != nil {
					response = []byte{1} // RFC 7628 §3.2.3
				}
			}
			first = false
			line := base64.StdEncoding.EncodeToString(response)
			if err := c.send("%s", line); err != nil {
				return err
			}
		}
	})
}

// challenge reads a reply within AUTH: more says that it was a challenge. It
// reads from the gate, for go-pop3 does not know this third kind of reply.
func (c *client) challenge() (challenge string, more bool, err error) {
	line, err := c.g.line(8 * maxStatus)
	if err != nil {
		return "", false, err
	}
	if rest, is := strings.CutPrefix(string(line), "+"); is && (rest == "" || rest[0] == ' ') {
		return strings.TrimSpace(rest), true, nil
	}
	line, ok := statusLine(line)
	if !ok {
		return "", false, c.g.outOfStep("neither +OK nor -ERR but %.80q", line)
	}
	if text, is := strings.CutPrefix(string(line), "-ERR"); is {
		return "", false, newRefusal("AUTH", text)
	}
	return "", false, nil
}

// xoauth2 is Google's and Microsoft's mechanism for access tokens.
type xoauth2 struct{ user, token string }

func (x *xoauth2) Start() (string, []byte, error) {
	return "XOAUTH2", []byte("user=" + x.user + "\x01auth=Bearer " + x.token + "\x01\x01"), nil
}

// Next answers the reason of a failure with an empty line.
func (x *xoauth2) Next(challenge []byte) ([]byte, error) { return nil, nil }
