package oauth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/oauth2"
)

// Device is a sign-in that is completed on any device with a browser: there
// somebody opens URL and types Code.
type Device struct {
	URL, Code string
	Expires   time.Time

	p   Provider
	res *oauth2.DeviceAuthResponse
}

// ErrNoDevice is returned where a provider does not offer this way.
var ErrNoDevice = errors.New("this provider does not offer signing in by a code")

// StartDevice begins a sign-in by code (RFC 8628 §3.1).
func (p Provider) StartDevice(ctx context.Context) (*Device, error) {
	if err := p.Err(); err != nil {
		return nil, err
	}
	if p.DeviceURL == "" {
		return nil, ErrNoDevice
	}
	res, err := p.config("").DeviceAuth(p.context(ctx))
	if err != nil {
		return nil, p.explain(err)
	}
	return &Device{URL: res.VerificationURI, Code: res.UserCode, Expires: res.Expiry, p: p, res: res}, nil
}

// Wait asks until somebody has signed in or declined, or the code has expired.
func (d *Device) Wait(ctx context.Context) (Token, error) {
	if !d.Expires.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, d.Expires)
		defer cancel()
	}
	t, err := d.p.config("").DeviceAccessToken(d.p.context(ctx), d.res)
	if errors.Is(err, context.DeadlineExceeded) {
		return Token{}, fmt.Errorf("%s: the code was not used in time; begin again", d.p.Title)
	}
	if err != nil {
		return Token{}, d.p.explain(err)
	}
	return d.p.granted(t)
}

// granted checks that a sign-in can be kept.
func (p Provider) granted(t *oauth2.Token) (Token, error) {
	if t.RefreshToken == "" {
		return Token{}, fmt.Errorf("%s gave a sign-in for an hour only (no refresh token): the registration lacks the right to offline access", p.Title)
	}
	return newToken(t, ""), nil
}
