package pop3fetch

import "time"

// hint makes a Text.
func hint(en, de string) Text { return Text{en, de} }

// appPassword is for providers that take no normal password for POP3.
func appPassword(where string) Text {
	return hint("Use an app password made at "+where+"; your normal password does not work.",
		"Nehmen Sie ein App-Passwort von "+where+"; Ihr normales Passwort geht nicht.")
}

var (
	withTwoFactor = hint("With two-factor login on, use a password made for mail programs (app password).",
		"Ist die Anmeldung mit zwei Faktoren an, nehmen Sie ein App-Passwort (anwendungsspezifisches Passwort).")
	ofMailbox = hint("Use the password of this mailbox, not that of the customer account.",
		"Nehmen Sie das Passwort dieses Postfachs, nicht das des Kundenkontos.")
	enableGMX = hint("Switch it on at gmx.net: E-Mail, Settings (Einstellungen), POP3/IMAP Abruf, tick \"POP3 und IMAP Zugriff erlauben\", save.",
		"Schalten Sie es auf gmx.net ein: E-Mail, Einstellungen, POP3/IMAP Abruf, Häkchen bei „POP3 und IMAP Zugriff erlauben“, Speichern.")
	enableGMXCom = hint("Switch it on at gmx.com: Mail, Settings, POP3 & IMAP, tick \"Enable access to this account via POP3 and IMAP\", save.",
		"Schalten Sie es auf gmx.com ein: Mail, Settings, POP3 & IMAP, Häkchen bei „Enable access to this account via POP3 and IMAP“, Save.")
	enableWEBDE = hint("Switch it on at web.de: E-Mail, Settings (Einstellungen), POP3/IMAP Abruf, tick \"POP3 und IMAP Zugriff erlauben\", save.",
		"Schalten Sie es auf web.de ein: E-Mail, Einstellungen, POP3/IMAP Abruf, Häkchen bei „POP3 und IMAP Zugriff erlauben“, Speichern.")
	noteFifteen = hint("It allows one login every 15 minutes and answers an earlier one as if the password were wrong.",
		"Erlaubt ist eine Anmeldung alle 15 Minuten; eine frühere wird abgelehnt, als wäre das Passwort falsch.")
	enableGmail = hint("Switch it on in Gmail: Settings, See all settings, Forwarding and POP/IMAP, \"Enable POP for all mail\", save.",
		"Schalten Sie es in Gmail ein: Einstellungen, Alle Einstellungen aufrufen, Weiterleitung und POP/IMAP, „POP für alle Nachrichten aktivieren“, Speichern.")
	noteGmail = hint("Gmail's setting \"When messages are accessed with POP\" on the same page decides what happens there to mail that was fetched or deleted.",
		"Gmails Einstellung „Wenn auf Nachrichten mit POP zugegriffen wird“ auf derselben Seite entscheidet, was dort mit abgeholter oder gelöschter Post geschieht.")
	enableOutlook = hint("Switch it on at outlook.com: Settings, Mail, Forwarding and IMAP (Sync email), \"Let devices and apps use POP\", save.",
		"Schalten Sie es auf outlook.com ein: Einstellungen, E-Mail, Weiterleitung und IMAP (E-Mail synchronisieren), „Geräten und Apps die Verwendung von POP erlauben“, Speichern.")
	loginMicrosoft = hint("Microsoft takes no passwords for POP3 any more: sign in with the browser instead (OAuth2).",
		"Microsoft nimmt für POP3 keine Passwörter mehr an: Melden Sie sich stattdessen im Browser an (OAuth2).")
	loginTelekom = hint("Telekom wants the separate password for mail programs (\"E-Mail-Passwort\", set in the customer centre), not the web password.",
		"Die Telekom verlangt das eigene „Passwort für E-Mail-Programme“ aus dem Kundencenter, nicht das der Webseite.")
	noteBluewin = hint("Swisscom closes mailboxes that nobody opened for a year; fetching counts.",
		"Swisscom schließt Postfächer, die ein Jahr lang niemand geöffnet hat; das Abholen zählt.")
)

// preset is a row of the table of providers.
type preset struct {
	// domains of addresses; one that begins with a dot stands for all below.
	domains []string
	Preset
	mx []string // ends of the names of servers that take mail for other domains
}

// presets is the table of providers, from their help pages and from Mozilla's
// ISPDB.
var presets = []preset{
	{[]string{"gmx.de", "gmx.net", "gmx.at", "gmx.ch", "gmx.eu", "gmx.info", "gmx.org", "gmx.biz"},
		Preset{Provider: "GMX", Host: "pop.gmx.net", MinInterval: 15 * time.Minute, SMTPHost: "mail.gmx.net",
			Settings: "https://www.gmx.net", enable: enableGMX, login: withTwoFactor, note: noteFifteen}, nil},
	{[]string{"gmx.com", "gmx.us", "gmx.co.uk", "gmx.fr", "gmx.es"},
		Preset{Provider: "GMX", Host: "pop.gmx.com", MinInterval: 15 * time.Minute, SMTPHost: "mail.gmx.com",
			Settings: "https://www.gmx.com", enable: enableGMXCom, login: withTwoFactor, note: noteFifteen}, nil},
	{[]string{"web.de", "email.de"},
		Preset{Provider: "WEB.DE", Host: "pop3.web.de", LocalUser: true, MinInterval: 15 * time.Minute, SMTPHost: "smtp.web.de", SMTPTLS: TLSStart,
			Settings: "https://web.de", enable: enableWEBDE, login: withTwoFactor, note: noteFifteen}, nil},
	{[]string{"t-online.de", "magenta.de"},
		Preset{Provider: "Telekom", Host: "securepop.t-online.de", SMTPHost: "securesmtp.t-online.de",
			login: loginTelekom}, nil},
	{[]string{"ionos.de", "online.de", "onlinehome.de", "1und1.de"},
		Preset{Provider: "IONOS", Host: "pop.ionos.de", SMTPHost: "smtp.ionos.de", login: ofMailbox},
		[]string{".kundenserver.de", ".ionos.de", ".1and1.com", ".ionos.com"}},
	{[]string{"strato.de"},
		Preset{Provider: "Strato", Host: "pop3.strato.de", SMTPHost: "smtp.strato.de", login: ofMailbox},
		[]string{".rzone.de"}},
	{[]string{"freenet.de"},
		Preset{Provider: "freenet", Host: "mx.freenet.de", SMTPHost: "mx.freenet.de", SMTPTLS: TLSStart}, nil},
	{[]string{"posteo.de", "posteo.net", "posteo.at", "posteo.ch", "posteo.org", "posteo.eu"},
		Preset{Provider: "Posteo", Host: "posteo.de", SMTPHost: "posteo.de"}, nil},
	{[]string{"mailbox.org"},
		Preset{Provider: "mailbox.org", Host: "pop3.mailbox.org", SMTPHost: "smtp.mailbox.org", login: withTwoFactor},
		[]string{".mailbox.org"}},
	{[]string{"vodafone.de", "vodafonemail.de", "arcor.de", "kabelmail.de"},
		Preset{Provider: "Vodafone", Host: "pop3.vodafonemail.de", SMTPHost: "smtp.vodafonemail.de"}, nil},
	{[]string{"ispgateway.de"},
		Preset{Provider: "DomainFactory", Host: "sslin.df.eu", SMTPHost: "sslout.df.eu", login: ofMailbox},
		[]string{".ispgateway.de"}},
	{[]string{"bluewin.ch", "bluemail.ch"},
		Preset{Provider: "Bluewin", Host: "pop3s.bluewin.ch", SMTPHost: "smtpauths.bluewin.ch", note: noteBluewin}, nil},
	{[]string{"gmail.com", "googlemail.com"},
		Preset{Provider: "Gmail", Host: "pop.gmail.com", MinInterval: 10 * time.Minute, SessionBytes: 500 << 20, DayBytes: 1000 << 20,
			SMTPHost: "smtp.gmail.com", Settings: "https://mail.google.com/mail/u/0/#settings/fwdandpop", OAuth: "google",
			enable: enableGmail, login: appPassword("myaccount.google.com/apppasswords"), note: noteGmail},
		[]string{".google.com", ".googlemail.com"}},
	{[]string{"outlook.com", "outlook.de", "outlook.at", "hotmail.com", "hotmail.de", "hotmail.co.uk", "hotmail.fr", "live.com", "live.de", "live.at", "msn.com"},
		Preset{Provider: "Outlook.com", Host: "outlook.office365.com", SMTPHost: "smtp-mail.outlook.com", SMTPTLS: TLSStart,
			Settings: "https://outlook.live.com/mail/0/options/mail/forwarding", OAuth: "microsoft", noPassword: true, enable: enableOutlook, login: loginMicrosoft}, nil},
	{[]string{".onmicrosoft.com"},
		Preset{Provider: "Microsoft 365", Host: "outlook.office365.com", SMTPHost: "smtp.office365.com", SMTPTLS: TLSStart,
			OAuth: "microsoft", noPassword: true, login: loginMicrosoft},
		[]string{".protection.outlook.com"}},
	{[]string{"yahoo.com", "yahoo.de", "yahoo.co.uk", "yahoo.fr", "yahoo.it", "yahoo.es", "ymail.com", "rocketmail.com"},
		Preset{Provider: "Yahoo", Host: "pop.mail.yahoo.com", SMTPHost: "smtp.mail.yahoo.com",
			login: appPassword("login.yahoo.com/account/security")},
		[]string{".yahoodns.net"}},
	{[]string{"aol.com", "aol.de", "aim.com"},
		Preset{Provider: "AOL", Host: "pop.aol.com", SMTPHost: "smtp.aol.com",
			login: appPassword("login.aol.com/account/security")}, nil},
	{[]string{"icloud.com", "me.com", "mac.com"},
		Preset{Provider: "iCloud", noPOP3: true}, []string{".icloud.com"}},
	{[]string{"ovh.net"},
		Preset{Provider: "OVH", Host: "ssl0.ovh.net", MinInterval: time.Minute, SMTPHost: "ssl0.ovh.net", login: ofMailbox},
		[]string{".mail.ovh.net"}},
	{[]string{"gandi.net"},
		Preset{Provider: "Gandi", Host: "mail.gandi.net", SMTPHost: "mail.gandi.net", login: ofMailbox},
		[]string{".mail.gandi.net"}},
	{[]string{"libero.it"},
		Preset{Provider: "Libero", Host: "popmail.libero.it", SMTPHost: "smtp.libero.it"}, nil},
	{[]string{"orange.fr", "wanadoo.fr"},
		Preset{Provider: "Orange", Host: "pop.orange.fr", SMTPHost: "smtp.orange.fr"}, nil},
	{[]string{"laposte.net"},
		Preset{Provider: "La Poste", Host: "pop.laposte.net", LocalUser: true, SMTPHost: "smtp.laposte.net"}, nil},
	{[]string{"free.fr"},
		Preset{Provider: "Free", Host: "pop.free.fr", LocalUser: true, SMTPHost: "smtp.free.fr"}, nil},
}
