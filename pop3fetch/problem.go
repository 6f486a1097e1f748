package pop3fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"heimpost/pop3fetch/oauth"
	"heimpost/store"
)

// class says what kind of trouble a round had: how soon to try again and what
// to tell people.
type class int

const (
	classOther   class = iota
	classLocal         // our own: disk, box, configuration
	classNetwork       // no connection, or it broke
	classTLS           // certificate and the like
	classStep          // the provider breaks the protocol
	classDelay         // the provider wants fewer logins
	classInUse         // another session has the maildrop, often a broken one of ours
	classTemp          // the provider says that it passes
	classPerm          // the provider says that it does not
	classOff           // POP3 is switched off
	classRefused       // the login was refused, the provider says because of the password
	classMaybe         // the login was refused, who knows why
	classSignIn        // the OAuth2 sign-in has ended
)

// Problem is what went wrong with an account, in words for people.
type Problem struct {
	Text  Text
	class class
	err   error
}

func (p *Problem) Error() string { return p.Text.EN }
func (p *Problem) Unwrap() error { return p.err }

// wrong is a setting that cannot be right.
func wrong(en, de string, args ...any) error {
	return &Problem{Text: Text{fmt.Sprintf(en, args...), fmt.Sprintf(de, args...)}, class: classLocal}
}

// German gives an error's German words where there are any, else its own.
func German(err error) string {
	var p *Problem
	if errors.As(err, &p) {
		return p.Text.DE
	}
	if soon := (*TooSoonError)(nil); errors.As(err, &soon) {
		return soon.german()
	}
	return err.Error()
}

// explain finds out what an error means.
func explain(a Account, err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	at := net.JoinHostPort(a.Host, fmt.Sprint(a.Port))
	problem := func(c class, en, de string, args ...any) *Problem {
		return &Problem{Text{fmt.Sprintf(en, args...), fmt.Sprintf(de, args...)}, c, err}
	}
	if errors.Is(err, oauth.ErrNobody) {
		return problem(classSignIn, "Please sign in first (heimpost account signin %s): nobody has yet.",
			"Bitte melden Sie sich an: Für %s hat sich beim Anbieter noch niemand angemeldet.", a.Address)
	}
	if errors.Is(err, oauth.ErrSignIn) {
		return problem(classSignIn, "Please sign in again (heimpost account signin %s): the sign-in has ended at the provider. The mail stays there.",
			"Bitte melden Sie sich neu an: Die Anmeldung von %s beim Anbieter ist abgelaufen. Die Post bleibt dort.", a.Address)
	}
	if errorIs[*sinkError](err) {
		if errors.Is(err, store.ErrNoSpace) || errors.Is(err, syscall.ENOSPC) {
			return problem(classLocal, "There is no space left on this computer's disk; the mail stays at the provider (%v).",
				"Auf diesem Rechner ist kein Platz mehr; die Post bleibt beim Anbieter (%v).", err)
		}
		return problem(classLocal, "The mail could not be stored here and stays at the provider: %v.",
			"Die Post konnte hier nicht gespeichert werden und bleibt beim Anbieter: %v.", err)
	}
	if t := (*tlsError)(nil); errors.As(err, &t) {
		return explainTLS(a, at, err, problem)
	}
	if r, is := refused(err); is {
		return explainRefusal(a, r, err, problem)
	}
	var dns *net.DNSError
	var n net.Error
	var tooSoon *TooSoonError
	switch {
	case errors.As(err, &tooSoon):
		return &Problem{Text{tooSoon.Error(), tooSoon.german()}, classDelay, err}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return problem(classOther, "The fetch was stopped.", "Das Abholen wurde abgebrochen.")
	case errors.As(err, &dns) && dns.IsNotFound:
		return problem(classNetwork, "There is no host %q: its name is misspelt, or this computer is not connected to the internet (DNS).",
			"Den Rechner %q gibt es nicht: Der Name ist falsch geschrieben, oder dieser Rechner ist nicht mit dem Internet verbunden (DNS).", a.Host)
	case errors.As(err, &dns):
		return problem(classNetwork, "The name %q could not be looked up (DNS): is this computer connected to the internet?",
			"Der Name %q ließ sich nicht nachschlagen (DNS): Ist dieser Rechner mit dem Internet verbunden?", a.Host)
	case errors.Is(err, syscall.ECONNREFUSED):
		return problem(classNetwork, "%s refused the connection: no POP3 server listens there; check host and port.",
			"%s hat die Verbindung abgelehnt: Dort läuft kein POP3-Server; prüfen Sie Rechnername und Port.", at)
	case errors.Is(err, errCut):
		return problem(classNetwork, "%s cut the connection; the rest comes with the next round.",
			"%s hat die Verbindung abgebrochen; der Rest kommt mit der nächsten Runde.", at)
	case errors.As(err, &n) && n.Timeout():
		return problem(classNetwork, "%s did not answer in time.", "%s hat nicht rechtzeitig geantwortet.", at)
	case errorIs[stepError](err), errors.Is(err, errDisagree):
		return problem(classStep, "%s: %v; nothing was deleted there.", "%s: Antwort außerhalb der Regeln (%v); dort wurde nichts gelöscht.", at, err)
	case errorIs[*net.OpError](err), errorIs[*net.AddrError](err):
		return problem(classNetwork, "No connection to %s: %v.", "Keine Verbindung zu %s: %v.", at, err)
	}
	return problem(classOther, "%v.", "%v.", err)
}

func explainTLS(a Account, at string, err error, problem func(class, string, string, ...any) *Problem) *Problem {
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &name):
		names := strings.Join(name.Certificate.DNSNames, ", ")
		if names == "" {
			names = "?"
		}
		return problem(classTLS, "The certificate of %s is for another name (%s): take that name as host if the provider's help page names it.",
			"Das Zertifikat von %s gilt für einen anderen Namen (%s): Nehmen Sie diesen als Rechnernamen, wenn die Hilfeseite des Anbieters ihn nennt.", at, names)
	case errors.As(err, &authority):
		return problem(classTLS, "The certificate of %s was issued by an authority that this computer does not trust.",
			"Das Zertifikat von %s stammt von einer Stelle, der dieser Rechner nicht vertraut.", at)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return problem(classTLS, "The certificate of %s has expired or is not yet valid: check this computer's clock, else the provider must renew it.",
			"Das Zertifikat von %s ist abgelaufen oder noch nicht gültig: Prüfen Sie die Uhr dieses Rechners, sonst muss der Anbieter es erneuern.", at)
	case errors.As(err, &record):
		return problem(classTLS, "%s does not speak TLS from the start: is it port 110 (--tls starttls), or another service?",
			"%s spricht nicht von Anfang an TLS: Ist es Port 110 (--tls starttls) oder ein anderer Dienst?", at)
	case errors.Is(err, context.Canceled):
		return problem(classOther, "The fetch was stopped.", "Das Abholen wurde abgebrochen.")
	}
	return problem(classTLS, "TLS with %s failed: %v.", "TLS mit %s schlug fehl: %v.", at, err)
}

func explainRefusal(a Account, r *refusal, err error, problem func(class, string, string, ...any) *Problem) *Problem {
	// Who runs the host decides, also for people's own domains; on a host that
	// nobody knows (a proxy), the address tells.
	preset, known := PresetFor(a.Address)
	if p, is := PresetForHost(a.Host); is && p.Host != preset.Host {
		preset, known = p, true
	}
	provider := a.Host
	if known {
		provider = preset.Provider
	}
	said := ""
	if r.text != "" {
		said = fmt.Sprintf(" (it said: %q)", r.text)
	}
	saidDE := strings.Replace(said, "it said", "Antwort", 1)
	hinted := func(p *Problem, hints ...Text) *Problem {
		for _, h := range hints {
			if h != (Text{}) {
				p.Text.EN += "\n" + h.EN
				p.Text.DE += "\n" + h.DE
			}
		}
		return p
	}
	if errorIs[*tokenRefused](err) {
		return hinted(problem(classMaybe, "%[1]s does not accept the sign-in%[2]s: is POP3 switched on there, and was it %[4]s that signed in, no other account?",
			"%[1]s nimmt die Anmeldung nicht an%[3]s: Ist POP3 dort eingeschaltet, und hat sich %[4]s angemeldet, kein anderes Konto?", provider, said, saidDE, a.Address), preset.enable)
	}
	login := r.verb == "USER" || r.verb == "PASS" || r.verb == "AUTH"
	words := strings.ToLower(r.text)
	any := func(list ...string) bool {
		for _, w := range list {
			if strings.Contains(words, w) {
				return true
			}
		}
		return false
	}
	switch {
	case errorIs[*noTLSError](err):
		return problem(classTLS, "%[1]s refuses TLS on this port (STLS)%[2]s: try port 995 with --tls implicit.",
			"%[1]s lehnt TLS auf diesem Port ab (STLS)%[3]s: Versuchen Sie Port 995 mit --tls implicit.", provider, said, saidDE)
	case r.has("LOGIN-DELAY"), r.code == "" && any("login limit", "too many login", "too frequent", "too often", "login delay", "minimum time between"):
		return problem(classDelay, "%[1]s wants its mail checked less often%[2]s.", "%[1]s möchte seltener abgefragt werden%[3]s.", provider, said, saidDE)
	case r.has("IN-USE"), r.code == "" && any("lock", "in use", "another session", "already open"):
		return problem(classInUse, "Another session has the mailbox at %[1]s open%[2]s: another program fetches from it, or a broken connection is not yet forgotten there.",
			"Das Postfach bei %[1]s ist in einer anderen Sitzung offen%[3]s: Ein anderes Programm holt dort ab, oder eine abgebrochene Verbindung gilt dort noch.", provider, said, saidDE)
	case any("not enabled", "disabled", "deactivated", "deaktiviert", "not activated", "nicht aktiviert", "switched off") && any("pop"):
		return hinted(problem(classOff, "POP3 is switched off in %[1]s's settings%[2]s.", "POP3 ist in den Einstellungen von %[1]s ausgeschaltet%[3]s.", provider, said, saidDE), preset.enable)
	case r.has("SYS/PERM"):
		return hinted(problem(classPerm, "%[1]s refuses, and says that waiting does not help%[2]s.", "%[1]s lehnt ab, und Warten hilft nicht%[3]s.", provider, said, saidDE), preset.enable, preset.login)
	case r.has("SYS"), r.code == "" && login && any("temporar", "try again", "try later", "unavailable", "vorübergehend", "später"):
		return problem(classTemp, "%[1]s has trouble of its own that passes%[2]s.", "%[1]s hat eine vorübergehende Störung%[3]s.", provider, said, saidDE)
	case login && r.has("AUTH"):
		return hinted(problem(classRefused, "%[1]s does not accept the user name or the password%[2]s.",
			"%[1]s nimmt den Benutzernamen oder das Passwort nicht an%[3]s.", provider, said, saidDE), preset.login)
	case login:
		return hinted(problem(classMaybe, "%[1]s refused the login%[2]s: the user name or the password is wrong, POP3 is switched off there, or it was checked too often.",
			"%[1]s hat die Anmeldung abgelehnt%[3]s: Benutzername oder Passwort ist falsch, POP3 ist dort ausgeschaltet, oder es wurde zu oft abgefragt.", provider, said, saidDE), preset.enable, preset.login)
	case r.verb == "":
		return problem(classTemp, "%[1]s takes no session now%[2]s.", "%[1]s nimmt gerade keine Sitzung an%[3]s.", provider, said, saidDE)
	}
	return problem(classTemp, "%[1]s: %[2]v.", "%[1]s: %[2]v.", provider, r)
}

// wait gives how long the schedule waits after a round that failed, before
// jitter and floors. failures counts rounds that failed in a row, refusals
// logins that were refused in a row.
func (c class) wait(every time.Duration, failures, refusals int) time.Duration {
	double := func(d time.Duration, n int) time.Duration { return d << min(max(n-1, 0), 12) }
	switch c {
	case classInUse:
		return []time.Duration{1, 2, 5, 10}[min(max(failures, 1), 4)-1] * time.Minute
	case classDelay:
		return 2 * every
	case classPerm, classOff:
		return min(double(time.Hour, failures), 24*time.Hour)
	case classRefused:
		return min(double(max(every, 15*time.Minute), refusals), 24*time.Hour)
	case classMaybe:
		if refusals < wrongAfter {
			return max(every, 15*time.Minute)
		}
		return min(double(time.Hour, refusals-wrongAfter+1), 12*time.Hour)
	case classSignIn:
		return 24 * time.Hour
	}
	return min(double(time.Minute, failures), max(every, time.Hour))
}

const (
	// A login that was refused without a reason may mean anything. After so
	// many in a row, over so long, it is called a wrong password.
	wrongAfter = 3
	wrongOver  = time.Hour
)
