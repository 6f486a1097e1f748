package pop3fetch

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"heimpost/store"
)

// TLSMode says how a connection to the provider is protected.
type TLSMode string

const (
	// TLSImplicit is TLS from the first byte (RFC 8314), port 995.
	TLSImplicit TLSMode = "implicit"
	// TLSStart requires STLS (RFC 2595) before anything else, port 110.
	TLSStart TLSMode = "starttls"
	// TLSNone is clear text, accepted for loopback hosts only.
	TLSNone TLSMode = "none"
)

// Port gives the usual port of a mode.
func (m TLSMode) Port() int {
	if m == TLSImplicit {
		return 995
	}
	return 110
}

// Keep says how long a stored mail stays at the provider: KeepAlways,
// KeepNever or a number of days. The zero value deletes nothing.
type Keep int

const (
	KeepAlways Keep = 0  // delete nothing
	KeepNever  Keep = -1 // delete at once
	// DefaultKeep leaves 14 days in which the provider still has everything.
	DefaultKeep Keep = 14

	maxKeep Keep = 36500
)

// ParseKeep reads "never", "always" or a number of days such as "14d".
func ParseKeep(s string) (Keep, error) {
	switch s {
	case "never":
		return KeepNever, nil
	case "always":
		return KeepAlways, nil
	}
	days, err := strconv.Atoi(strings.TrimSuffix(s, "d"))
	if err != nil || !strings.HasSuffix(s, "d") || days < 1 || Keep(days) > maxKeep {
		return 0, wrong("%q does not say how long mail stays at the provider: write never, always or days such as 14d",
			"%q sagt nicht, wie lange Mails beim Anbieter bleiben: „never“, „always“ oder Tage wie 14d.", s)
	}
	return Keep(days), nil
}

// String gives what ParseKeep reads.
func (k Keep) String() string {
	switch {
	case k == KeepAlways:
		return "always"
	case k < 0:
		return "never"
	}
	return strconv.Itoa(int(k)) + "d"
}

// MarshalText gives what ParseKeep reads.
func (k Keep) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText is ParseKeep.
func (k *Keep) UnmarshalText(b []byte) (err error) {
	*k, err = ParseKeep(string(b))
	return err
}

// due reports whether a mail first stored at time first may be deleted at the
// provider.
func (k Keep) due(first, now time.Time) bool {
	switch {
	case k == KeepAlways:
		return false
	case k < 0:
		return true
	}
	return !first.IsZero() && now.Sub(first) >= time.Duration(k)*24*time.Hour
}

// Account is a provider's mailbox that is drained into a mailbox of a box.
type Account struct {
	ID      store.ID
	Address string   // lower case; names the UIDL rows
	Box     store.ID // where its mail goes
	Mailbox store.ID // "": INBOX
	Host    string
	Port    int
	TLS     TLSMode
	User    string
	Keep    Keep
	Every   time.Duration // between checks; 0: DefaultEvery
	// MinInterval is the least time between two logins that the provider's
	// preset demands; 0: none.
	MinInterval time.Duration
	// SessionMessages and SessionBytes end a session early where the preset
	// says so; 0: no limit.
	SessionMessages int
	SessionBytes    int64
	// DayBytes bounds what a day's sessions retrieve; 0: no limit.
	DayBytes int64
	// OAuth names the provider (package oauth) at which the account has signed
	// in; "": it logs in with a password.
	OAuth string
	// SeenBefore makes the first drain take mail of at least this age as
	// read; 0: all is new.
	SeenBefore time.Duration
}

const (
	// DefaultEvery is the time between two checks of an account.
	DefaultEvery = 15 * time.Minute
	// minEvery keeps the schedule polite at hosts that we know nothing of.
	minEvery = time.Minute
)

// Validate refuses what cannot work or could be turned into a command of its
// own. The error is meant for people.
func (a Account) Validate() error {
	switch {
	case !strings.Contains(a.Address, "@") || !plain(a.Address) || strings.ContainsAny(a.Address, " ") || len(a.Address) > 254:
		return wrong("%q is not a mail address", "%q ist keine Mailadresse.", a.Address)
	case a.Host == "" || !plain(a.Host) || strings.ContainsAny(a.Host, " /@") || len(a.Host) > 253:
		return wrong("%q is not a host name: the provider's help page names its POP3 server",
			"%q ist kein Name eines Servers: Die Hilfeseiten des Anbieters nennen seinen POP3-Server.", a.Host)
	case a.Port < 1 || a.Port > 65535:
		return wrong("%d is not a port (1 to 65535; POP3 with TLS is usually 995)",
			"%d ist kein Port (1 bis 65535; für POP3 mit TLS meist 995).", a.Port)
	case a.User == "" || !plain(a.User) || len(a.User) > 200:
		return wrong("%q is not a user name that POP3 can carry", "%q ist kein Benutzername, den POP3 übertragen kann.", a.User)
	}
	switch a.TLS {
	case TLSImplicit, TLSStart:
	case TLSNone:
		if !loopbackHost(a.Host) {
			return wrong("TLS can be switched off for this computer only (127.0.0.1, localhost), not for %s: its password would cross the network in clear",
				"Ohne Verschlüsselung geht es nur auf diesem Rechner selbst (127.0.0.1, localhost), nicht zu %s: Das Passwort ginge lesbar durchs Netz.", a.Host)
		}
	default:
		return wrong("%q is not a kind of TLS: write implicit, starttls or none", "%q ist keine Art der Verschlüsselung: implicit, starttls oder none.", a.TLS)
	}
	return nil
}

// validPassword refuses a password that POP3 cannot carry.
func validPassword(p string) error {
	if p == "" {
		return wrong("the password is empty", "Das Passwort fehlt.")
	}
	if !plain(p) || len(p) > 2000 {
		return wrong("the password holds characters that POP3 cannot carry (line ends, control characters)",
			"Das Passwort enthält Zeichen, die POP3 nicht übertragen kann (Zeilenenden, Steuerzeichen).")
	}
	return nil
}

// plain reports whether s is UTF-8 without control characters.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// loopbackHost reports whether a host name can only mean this computer.
func loopbackHost(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// loopbackAddr reports whether a connection's other end is this computer.
// Ends that have no IP address (pipes) are.
func loopbackAddr(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return !ok || t.IP.IsLoopback()
}

// every gives the time between scheduled checks, floors obeyed.
func (a Account) every() time.Duration {
	d := a.Every
	if d <= 0 {
		d = DefaultEvery
	}
	if !loopbackHost(a.Host) {
		d = max(d, minEvery)
	}
	return max(d, a.MinInterval, time.Second)
}

// login names whom a session belongs to: no two run at a time.
func (a Account) login() string { return strings.ToLower(a.Host) + "\x00" + a.User }
