package pop3fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// Text is a sentence for people in English and German.
type Text struct {
	EN, DE string
}

// Preset is what is known of a provider.
type Preset struct {
	Provider    string
	Host        string
	Port        int
	TLS         TLSMode
	LocalUser   bool          // the user name is the part before the @
	MinInterval time.Duration // between two logins; 0: none known
	// SessionMessages and SessionBytes end a session early; 0: no limit.
	SessionMessages int
	SessionBytes    int64
	DayBytes        int64  // a day's sessions together
	Hints           []Text // what to do at the provider first
	// Settings is where POP3 is switched on; "" where it always is.
	Settings string
	// OAuth names the sign-in (package oauth) that the provider offers instead
	// of a password, or wants (Passwords); "" for none.
	OAuth string

	// The provider's server for sending mail; the user name is the same.
	SMTPHost string
	SMTPPort int
	SMTPTLS  TLSMode

	// enable, login and note are the hints: where POP3 is switched on, which
	// user name and password it wants, what else to know.
	enable, login, note Text
	noPOP3              bool
	noPassword          bool // OAuth is the only way
}

// Passwords reports whether the provider takes a password for POP3.
func (p Preset) Passwords() bool { return !p.noPassword }

// ErrNoPOP3 is matched by the error of a preset whose provider has no POP3.
var ErrNoPOP3 = errors.New("no POP3")

// Err refuses a provider that cannot be drained, with the reason.
func (p Preset) Err() error {
	if !p.noPOP3 {
		return nil
	}
	return &Problem{hint(
		fmt.Sprintf("%s has no POP3 (IMAP only), so Heimpost cannot fetch mail from it; a forwarding rule at %[1]s to another address of yours works", p.Provider),
		fmt.Sprintf("%s hat kein POP3 (nur IMAP), Heimpost kann dort also keine Post abholen; eine Weiterleitung bei %[1]s an eine andere Adresse von Ihnen geht", p.Provider)),
		classPerm, ErrNoPOP3}
}

// UserName gives the user name that the provider expects for an address.
func (p Preset) UserName(address string) string {
	if p.LocalUser {
		address, _, _ = strings.Cut(address, "@")
	}
	return address
}

// PresetFor finds the preset for an address by its domain. Presets that
// refuse (Err) are found as well.
func PresetFor(address string) (Preset, bool) {
	at := strings.LastIndexByte(address, '@')
	domain := strings.ToLower(address[at+1:])
	for _, p := range presets {
		for _, d := range p.domains {
			if d == domain || strings.HasPrefix(d, ".") && strings.HasSuffix(domain, d) {
				return p.Preset.filled(), true
			}
		}
	}
	return Preset{}, false
}

// PresetForHost finds the preset that names a host; where several do, the one
// for people's own domains.
func PresetForHost(host string) (found Preset, known bool) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, p := range presets {
		if p.Host == host && host != "" && (!known || len(p.mx) > 0) {
			found, known = p.Preset.filled(), true
		}
	}
	return found, known
}

// FindPreset finds the preset for an address by its domain, else by the
// servers that take the domain's mail: many people's own domains lie at a
// provider that is known. lookupMX gives their names; nil asks the DNS.
func FindPreset(ctx context.Context, address string, lookupMX func(ctx context.Context, domain string) ([]string, error)) (Preset, bool) {
	if p, known := PresetFor(address); known {
		return p, true
	}
	domain := address[strings.LastIndexByte(address, '@')+1:]
	if domain == "" || domain == address {
		return Preset{}, false
	}
	if lookupMX == nil {
		lookupMX = dnsMX
	}
	servers, err := lookupMX(ctx, domain)
	if err != nil {
		return Preset{}, false
	}
	for _, s := range servers {
		s = "." + strings.ToLower(strings.TrimSuffix(s, "."))
		for _, p := range presets {
			for _, mx := range p.mx {
				if strings.HasSuffix(s, mx) {
					return p.Preset.filled(), true
				}
			}
		}
	}
	return Preset{}, false
}

func dnsMX(ctx context.Context, domain string) ([]string, error) {
	found, err := net.DefaultResolver.LookupMX(ctx, domain)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(found))
	for i, mx := range found {
		out[i] = mx.Host
	}
	return out, nil
}

// filled gives the preset with what is usual where it says nothing.
func (p Preset) filled() Preset {
	if p.TLS == "" {
		p.TLS = TLSImplicit
	}
	if p.Port == 0 {
		p.Port = p.TLS.Port()
	}
	if p.SMTPHost != "" && p.SMTPTLS == "" {
		p.SMTPTLS = TLSImplicit
	}
	if p.SMTPHost != "" && p.SMTPPort == 0 {
		p.SMTPPort = map[TLSMode]int{TLSImplicit: 465, TLSStart: 587}[p.SMTPTLS]
	}
	for _, t := range []Text{p.enable, p.login, p.note} {
		if t != (Text{}) {
			p.Hints = append(p.Hints, t)
		}
	}
	return p
}
