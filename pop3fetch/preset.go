package pop3fetch

import (
	"errors"
	"fmt"
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
	noPOP3          bool
}

// ErrNoPOP3 is matched by the error of a preset whose provider has no POP3.
var ErrNoPOP3 = errors.New("no POP3")

// Err refuses a provider that cannot be drained, with the reason.
func (p Preset) Err() error {
	if !p.noPOP3 {
		return nil
	}
	return fmt.Errorf("%s has %w (IMAP only), so Heimpost cannot fetch mail from it; a forwarding rule at %s to another address of yours works", p.Provider, ErrNoPOP3, p.Provider)
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

// presetForHost finds the preset that names a host.
func presetForHost(host string) (Preset, bool) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, p := range presets {
		if p.Host == host {
			return p.Preset.filled(), true
		}
	}
	return Preset{}, false
}

// filled gives the preset with what is usual where it says nothing.
func (p Preset) filled() Preset {
	if p.TLS == "" {
		p.TLS = TLSImplicit
	}
	if p.Port == 0 {
		p.Port = p.TLS.Port()
	}
	return p
}

var (
	hintEnable = Text{
		"Switch POP3 on in the provider's web settings first.",
		"Schalten Sie POP3 zuerst in den Einstellungen auf der Webseite des Anbieters ein."}
	hintTwoFactor = Text{
		"With two-factor login on, use a password made for mail programs (app password).",
		"Ist die Anmeldung mit zwei Faktoren an, nehmen Sie ein App-Passwort."}
	hintAppPassword = Text{
		"Use an app password made in the provider's security settings; your normal password does not work.",
		"Nehmen Sie ein App-Passwort aus den Sicherheitseinstellungen; das normale Passwort geht nicht."}
	hintTOnline = Text{
		"Telekom wants the separate e-mail password from its customer centre, not the web password.",
		"Die Telekom verlangt das eigene E-Mail-Passwort aus dem Kundencenter, nicht das der Webseite."}
	hintGmail = Text{
		"Google's web setting \"When messages are accessed with POP\" decides what happens to fetched mail there.",
		"Googles Einstellung „Wenn auf Nachrichten mit POP zugegriffen wird“ entscheidet, was dort mit abgeholter Post geschieht."}
	hintMicrosoft = Text{
		"Microsoft takes no passwords for POP3 any more: a sign-in in the browser (OAuth2) is needed.",
		"Microsoft nimmt für POP3 keine Passwörter mehr an: Es braucht die Anmeldung im Browser (OAuth2)."}
)

// presets is the table of providers; research that stands behind it is cited
// in docs. A domain that begins with a dot stands for all below it.
var presets = []struct {
	domains []string
	Preset
}{
	{[]string{"gmx.de", "gmx.net", "gmx.at", "gmx.ch", "gmx.eu", "gmx.info", "gmx.org", "gmx.biz"},
		Preset{Provider: "GMX", Host: "pop.gmx.net", MinInterval: 15 * time.Minute, Hints: []Text{hintEnable, hintTwoFactor}}},
	{[]string{"gmx.com", "gmx.us", "gmx.co.uk", "gmx.fr", "gmx.es"},
		Preset{Provider: "GMX", Host: "pop.gmx.com", MinInterval: 15 * time.Minute, Hints: []Text{hintEnable, hintTwoFactor}}},
	{[]string{"web.de", "email.de"},
		Preset{Provider: "WEB.DE", Host: "pop3.web.de", LocalUser: true, MinInterval: 15 * time.Minute, Hints: []Text{hintEnable, hintTwoFactor}}},
	{[]string{"t-online.de", "magenta.de"},
		Preset{Provider: "Telekom", Host: "securepop.t-online.de", Hints: []Text{hintTOnline}}},
	{[]string{"ionos.de", "online.de", "onlinehome.de", "1und1.de"},
		Preset{Provider: "IONOS", Host: "pop.ionos.de"}},
	{[]string{"strato.de"},
		Preset{Provider: "Strato", Host: "pop3.strato.de"}},
	{[]string{"freenet.de"},
		Preset{Provider: "freenet", Host: "mx.freenet.de"}},
	{[]string{"posteo.de", "posteo.net", "posteo.at", "posteo.ch", "posteo.org", "posteo.eu"},
		Preset{Provider: "Posteo", Host: "posteo.de"}},
	{[]string{"mailbox.org"},
		Preset{Provider: "mailbox.org", Host: "pop3.mailbox.org", Hints: []Text{hintTwoFactor}}},
	{[]string{"vodafone.de", "vodafonemail.de", "arcor.de", "kabelmail.de"},
		Preset{Provider: "Vodafone", Host: "pop3.vodafonemail.de"}},
	{[]string{"ispgateway.de"},
		Preset{Provider: "DomainFactory", Host: "sslin.df.eu"}},
	{[]string{"bluewin.ch", "bluemail.ch"},
		Preset{Provider: "Bluewin", Host: "pop3s.bluewin.ch"}},
	{[]string{"gmail.com", "googlemail.com"},
		Preset{Provider: "Gmail", Host: "pop.gmail.com", MinInterval: 10 * time.Minute, SessionBytes: 500 << 20, DayBytes: 1000 << 20, Hints: []Text{hintEnable, hintAppPassword, hintGmail}}},
	{[]string{"outlook.com", "outlook.de", "outlook.at", "hotmail.com", "hotmail.de", "live.com", "live.de", "msn.com"},
		Preset{Provider: "Outlook.com", Host: "outlook.office365.com", Hints: []Text{hintEnable, hintMicrosoft}}},
	{[]string{"yahoo.com", "yahoo.de", "yahoo.co.uk", "yahoo.fr", "yahoo.it", "yahoo.es", "ymail.com", "rocketmail.com"},
		Preset{Provider: "Yahoo", Host: "pop.mail.yahoo.com", Hints: []Text{hintAppPassword}}},
	{[]string{"aol.com", "aol.de", "aim.com"},
		Preset{Provider: "AOL", Host: "pop.aol.com", Hints: []Text{hintAppPassword}}},
	{[]string{"icloud.com", "me.com", "mac.com"},
		Preset{Provider: "iCloud", noPOP3: true}},
	{[]string{"ovh.net"},
		Preset{Provider: "OVH", Host: "ssl0.ovh.net", MinInterval: time.Minute}},
	{[]string{"gandi.net"},
		Preset{Provider: "Gandi", Host: "mail.gandi.net"}},
	{[]string{"libero.it"},
		Preset{Provider: "Libero", Host: "popmail.libero.it"}},
	{[]string{"orange.fr", "wanadoo.fr"},
		Preset{Provider: "Orange", Host: "pop.orange.fr"}},
	{[]string{"laposte.net"},
		Preset{Provider: "La Poste", Host: "pop.laposte.net", LocalUser: true}},
	{[]string{"free.fr"},
		Preset{Provider: "Free", Host: "pop.free.fr", LocalUser: true}},
}
