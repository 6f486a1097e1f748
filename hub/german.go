package hub

import (
	"errors"
	"fmt"
	"strings"

	"heimpost/store"
)

// german has the German words of the hub's errors, by their English ones: the
// pages show them, and commands where the system speaks German. The places for
// arguments are the same.
var german = map[string]string{
	// What can be wrong with what somebody wrote.
	"the name is empty": "Der Name fehlt.",
	"%q cannot be used: %s. How about %s? (What people see can be set with --title.)": "%q geht nicht: %s. Wie wäre es mit %s?",
	"%.80q cannot be used: %s": "%.80q geht nicht: %s.",
	"%.80q cannot be %s: at most 200 characters, none of them a control character": "%.80q kann nicht %s sein: höchstens 200 Zeichen, darunter keine Steuerzeichen.",
	"%.80q is not a mail address": "%.80q ist keine Mailadresse.",
	"the device's name is empty":  "Der Name des Geräts fehlt.",
	"%q does not say what deleting on the device does: write everywhere or here":       "%q sagt nicht, was Löschen auf dem Gerät bewirkt: „everywhere“ (überall) oder „here“ (nur hier).",
	"%.60q is not the name of a capability such as COMPRESS=DEFLATE":                   "%.60q ist keine Fähigkeit wie COMPRESS=DEFLATE.",
	"%.40q is not a time: write %s or days such as 90d":                                "%.40q ist keine Zeit: %s oder Tage wie 90d.",
	"%.40q is not a time between two checks: write minutes or hours such as 15m or 2h": "%.40q ist keine Zeit zwischen zwei Abfragen: Minuten oder Stunden wie 15m oder 2h.",
	"%.40q does not say whose read marks they are: write shared or private":            "%.40q sagt nicht, für wen „gelesen“ gilt: „shared“ (für alle) oder „private“ (für jeden allein).",
	"%.40q is no provider to sign in at: google or microsoft":                          "Bei %.40q kann man sich nicht anmelden: nur bei „google“ oder „microsoft“.",
	"say what shall change":                                   "Es fehlt, was sich ändern soll.",
	"say what shall change: --deletes, --window or --without": "Es fehlt, was sich ändern soll: --deletes, --window oder --without.",
	"the password is empty":                                   "Das Passwort fehlt.",
	"the password is longer than %d characters":               "Das Passwort ist länger als %d Zeichen.",
	"the password holds characters that mail clients cannot send (line ends, control characters)": "Das Passwort enthält Zeichen, die Mailprogramme nicht senden können (Zeilenenden, Steuerzeichen).",
	"the password is missing": "Das Passwort fehlt.",
	"no settings are known for %s: give its POP3 server with --host (and --port, --tls, --user where they are unusual)":            "Für %s sind keine Einstellungen bekannt: Nennen Sie den POP3-Server des Anbieters.",
	"an account has a password or signs in, not both":                                                                              "Eine Mailadresse hat ein Passwort oder eine Anmeldung beim Anbieter, nicht beides.",
	"say with --box which box the mail goes to; there is none yet: heimpost person add NAME makes one":                             "Es fehlt, in welches Fach die Post kommt (--box); noch gibt es keines: heimpost person add NAME legt eines an.",
	"say with --box which box the mail goes to (heimpost box list shows all)":                                                      "Es fehlt, in welches Fach die Post kommt (--box).",
	"several people have a device %q: say whose with --person":                                                                     "Mehrere Personen haben ein Gerät namens %q: Wählen Sie die Person dazu.",
	"this sign-in is by code; there is no address to paste":                                                                        "Diese Anmeldung geht mit einem Code; es gibt keine Adresse einzufügen.",
	"%s logs in with a password; no sign-in is known at its provider (heimpost account set %s --oauth google|microsoft names one)": "%s hat ein Passwort; beim Anbieter ist keine Anmeldung bekannt (heimpost account set %s --oauth google|microsoft nennt eine).",
	"signing in at %q is not known":                                                                                                "Eine Anmeldung bei %q ist nicht bekannt.",

	"%v": "%v",

	// What there is not, or is already.
	"there is no account %q (heimpost account list shows all)":                                         "Die Mailadresse %q wird hier nicht abgeholt.",
	"there is no account %q":                                                                           "Die Mailadresse %q wird hier nicht abgeholt.",
	"the account %s was removed meanwhile":                                                             "Die Mailadresse %s wurde inzwischen entfernt.",
	"there is no box %q (heimpost box list shows all)":                                                 "Ein Fach %q gibt es nicht.",
	"the box was removed":                                                                              "Das Fach wurde entfernt.",
	"the box is being removed":                                                                         "Das Fach wird gerade entfernt.",
	"the box %s was just removed":                                                                      "Das Fach %s wurde gerade entfernt.",
	"the box %s has no mailbox %q":                                                                     "Das Fach %s hat keinen Ordner %q.",
	"the box %s has no deleted mail %s (heimpost deleted list %s shows all)":                           "Das Fach %[1]s hat keine gelöschte Mail %[2]s.",
	"the box %s has no deleted mail %d (heimpost deleted list %s shows all)":                           "Das Fach %[1]s hat keine gelöschte Mail %[2]d.",
	"there is no device %q (heimpost device list shows all)":                                           "Ein Gerät %q gibt es nicht.",
	"%s has no device %q (heimpost device list %s shows all)":                                          "%[1]s hat kein Gerät %[2]q.",
	"there is no person %q (heimpost person list shows all)":                                           "Eine Person %q gibt es nicht.",
	"%s has no access to the box %s":                                                                   "%s hat keinen Zugang zum Fach %s.",
	"there is no such sign-in any more: begin again":                                                   "Diese Anmeldung gibt es nicht mehr: Beginnen Sie neu.",
	"there is an account %s already: change it with heimpost account set":                              "Die Mailadresse %s wird schon abgeholt.",
	"there is an account %s already":                                                                   "Die Mailadresse %s wird schon abgeholt.",
	"%s is an address of the box %s already":                                                           "%s führt schon zum Fach %s.",
	"%s has a device %q already: take another name, or revoke the old one with heimpost device revoke": "%s hat schon ein Gerät %q: Nehmen Sie einen anderen Namen, oder sperren Sie das alte.",
	"there is a person %s already, and persons and boxes share their names: take another one":          "Eine Person %s gibt es schon, und Personen und Fächer haben gemeinsame Namen: Nehmen Sie einen anderen.",
	"there is a box %s already, and persons and boxes share their names: take another one":             "Ein Fach %s gibt es schon, und Personen und Fächer haben gemeinsame Namen: Nehmen Sie einen anderen.",
	"%s is the own box of %s, whose access cannot be changed":                                          "%s ist das eigene Fach von %s; dieser Zugang lässt sich nicht ändern.",
	"%s is the own box of a person: heimpost person remove %s removes both":                            "%[1]s ist das eigene Fach einer Person: Beide werden zusammen entfernt.",
	"%s was just changed by somebody else: look at it and try again":                                   "%s hat gerade jemand anders geändert: Sehen Sie es sich an und versuchen Sie es noch einmal.",

	// Who is at work there.
	"the box %s is in use by another heimpost command: try again when it has ended":                        "Im Fach %s arbeitet gerade ein anderer Befehl von Heimpost: Versuchen Sie es danach noch einmal.",
	"somebody still uses the box: try again in a moment":                                                   "Im Fach ist noch jemand bei der Arbeit: Versuchen Sie es gleich noch einmal.",
	"%s is being fetched: try again when that has ended":                                                   "Die Post von %s wird gerade geholt: Versuchen Sie es danach noch einmal.",
	"heimpost serve is running and has the box %s open: stop it, then rebuild":                             "heimpost serve läuft und hat das Fach %s offen: Beenden Sie es, dann geht der Neuaufbau.",
	"heimpost serve is running as version %s and this is %s: restart serve with this one, or use that one": "heimpost serve läuft in der Version %s, und das ist %s: Starten Sie serve mit dieser neu, oder nehmen Sie jene.",
	"heimpost serve is already running on %s: stop it first, or give another folder with --data":           "heimpost serve läuft schon auf %s: Beenden Sie es zuerst, oder nennen Sie mit --data einen anderen Ordner.",
	"a heimpost command is still running on %s: wait until it has ended":                                   "Ein Befehl von Heimpost läuft noch auf %s: Warten Sie, bis er fertig ist.",
	"heimpost serve is running on %s but does not answer: try again, or restart it":                        "heimpost serve läuft auf %s, antwortet aber nicht: Versuchen Sie es noch einmal, oder starten Sie es neu.",

	// What is broken.
	"hub.db: %v (its version is %d, this program knows %d): install the newer version again": "hub.db: %v (Version %d, dieses Programm kennt %d): Installieren Sie wieder die neuere Version.",
	"hub.db: %v: make space (a few MiB are enough to start), nothing was lost":               "Der Platz auf der Festplatte ist aus (hub.db: %v). Schaffen Sie Platz (zum Starten genügen einige MiB); verloren ist nichts.",
	"the data folder cannot be written (read-only, or it belongs to another user): %v":       "In den Datenordner lässt sich nicht schreiben (schreibgeschützt, oder er gehört jemand anderem): %v",
	"hub.db is damaged (%v): put back a copy of it; the mail in boxes/ is not touched":       "hub.db ist beschädigt (%v): Legen Sie eine Sicherung davon zurück; die Mails in boxes/ sind unberührt.",
	"hub.db is in use by another program: %v":                                                "hub.db wird von einem anderen Programm benutzt: %v",
	"hub.db: %v": "Die Daten von Heimpost ließen sich nicht lesen oder schreiben (hub.db: %v).",
	"the folder %s holds another box than the one of this name: put the right folder back": "Im Ordner %s liegt ein anderes Fach als das dieses Namens: Legen Sie den richtigen Ordner zurück.",
	"%v: heimpost rebuild %s": "Das Verzeichnis des Fachs ist beschädigt (%v). Beenden Sie Heimpost und rufen Sie auf: heimpost rebuild %s",
	"the folder of box %s is missing or is no box: put it back from a backup, or remove the box (%v)":                          "Der Ordner des Fachs %s fehlt oder ist kein Fach: Legen Sie ihn aus einer Sicherung zurück, oder entfernen Sie das Fach (%v).",
	"the mailbox that the account delivers into was deleted: choose another one with heimpost account set --mailbox":           "Den Ordner, in den die Post kommt, gibt es nicht mehr: Wählen Sie einen anderen.",
	"there is no password for %s: heimpost account signin %s, or set one with heimpost account set %s --password":              "Für %[1]s fehlt das Passwort: Geben Sie eines ein, oder melden Sie sich beim Anbieter an.",
	"a stored password has a form that is not known":                                                                           "Ein gespeichertes Passwort hat eine unbekannte Form. Setzen Sie es neu.",
	"the stored password does not fit the key in %s: set it again with heimpost account set":                                   "Das gespeicherte Passwort passt nicht zum Schlüssel in %s: Geben Sie es neu ein.",
	"the key of the stored passwords is missing: put %s back, or set each password again with heimpost account set":            "Der Schlüssel der gespeicherten Passwörter fehlt: Legen Sie %s zurück, oder geben Sie jedes Passwort neu ein.",
	"%s is not a key of Heimpost: put the right file back, or remove it and set each password again with heimpost account set": "%s ist kein Schlüssel von Heimpost: Legen Sie die richtige Datei zurück, oder entfernen Sie sie und geben Sie jedes Passwort neu ein.",
	"making the box %s: %v":                                                    "Das Fach %s ließ sich nicht anlegen: %v",
	"moving the folder of box %s away: %v":                                     "Der Ordner des Fachs %s ließ sich nicht beiseitelegen: %v",
	"reading a deleted mail: %v":                                               "Die gelöschte Mail ließ sich nicht lesen: %v",
	"nobody has signed in within %d minutes; begin again":                      "Innerhalb von %d Minuten hat sich niemand angemeldet; beginnen Sie neu.",
	"the sign-in was given up: another one was begun, or heimpost was stopped": "Die Anmeldung wurde aufgegeben: Eine andere wurde begonnen, oder Heimpost wurde beendet.",
	"the rules change faster than somebody can log in":                         "Die Zugänge ändern sich schneller, als sich jemand anmelden kann. Versuchen Sie es noch einmal.",
	"heimpost serve failed at this action; its log says more":                  "Heimpost ist dabei gescheitert; sein Protokoll sagt mehr.",
	"cannot listen on %s: %s":                                                  "An %s lässt sich nichts öffnen: %s",
}

// germanParts are words within such an error.
var germanParts = map[string]string{
	"a name is made of the letters a-z, digits, dot, dash and underscore, begins with a letter or digit and has at most 63 of them": "Ein Kurzname besteht aus den Buchstaben a bis z, Ziffern, Punkt, Strich und Unterstrich, beginnt mit einem Buchstaben oder einer Ziffer und hat höchstens 63 davon",
	"Windows reserves this name for itself":                 "Windows behält diesen Namen für sich",
	"Windows cannot keep a folder whose name ends in a dot": "Windows kann keinen Ordner anlegen, dessen Name mit einem Punkt endet",
	"a title": "ein Name", "a device's name": "der Name eines Geräts",
	"the port is in use by another program: stop that one, or choose another port": "Ein anderes Programm benutzt diesen Port: Beenden Sie es, oder wählen Sie einen anderen Port.",
	"this needs more rights (ports below 1024 often do): choose a higher port":     "Dazu fehlen die Rechte (bei Ports unter 1024 oft): Wählen Sie einen höheren Port.",
	"this computer does not have that address: choose another one":                 "Diese Adresse hat der Computer nicht: Wählen Sie eine andere.",
}

// germanOf has the German words of errors of the store that may reach a page.
var germanOf = map[error]string{
	store.ErrNoMailbox:     "Diesen Ordner gibt es nicht.",
	store.ErrExists:        "Einen Ordner dieses Namens gibt es schon.",
	store.ErrInvalidName:   "So kann ein Ordner nicht heißen.",
	store.ErrCannotDelete:  "Dieser Ordner lässt sich nicht entfernen oder umbenennen.",
	store.ErrSpecialUse:    "Diese Aufgabe kann kein Ordner bekommen.",
	store.ErrTooMany:       "Mehr Ordner kann das Fach nicht haben.",
	store.ErrProtected:     "Dieser Ordner ist geschützt und behält seine Mails.",
	store.ErrReadOnly:      "In diesem Ordner darf nur gelesen werden.",
	store.ErrKeywordLimit:  "Der Ordner hat keinen Platz für noch ein Schlagwort.",
	store.ErrExpunged:      "Diese Mail wurde inzwischen gelöscht.",
	store.ErrTooBig:        "Die Mail ist größer, als Heimpost sie annimmt.",
	store.ErrNoSpace:       "Die Festplatte dieses Computers ist voll. Schaffen Sie Platz; verloren ist nichts.",
	store.ErrClosed:        "Das Fach ist geschlossen. Versuchen Sie es gleich noch einmal.",
	store.ErrLocked:        "Das Fach ist bei einem anderen Programm in Arbeit. Versuchen Sie es danach noch einmal.",
	store.ErrNewerVersion:  "Diese Daten hat eine neuere Version von Heimpost geschrieben. Installieren Sie wieder die neuere Version.",
	store.ErrNotABox:       "In diesem Ordner liegt kein Fach. Legen Sie ihn aus einer Sicherung zurück.",
	store.ErrDamaged:       "Das Verzeichnis des Fachs ist beschädigt; die Mails sind noch da. Beenden Sie Heimpost und rufen Sie heimpost rebuild auf.",
	store.ErrMetadataLimit: "Es gibt zu viele Notizen.",
}

// inGerman gives an error of this form its German words; "" where there are none.
func inGerman(format string, args []any) string {
	de := german[format]
	if !strings.Contains(de, "%") {
		return de
	}
	own := make([]any, len(args))
	for i, a := range args {
		own[i] = a
		switch a := a.(type) {
		case string:
			if part, is := germanParts[a]; is {
				own[i] = part
			}
		case error:
			own[i] = German(a)
		}
	}
	return fmt.Sprintf(de, own...)
}

// storeGerman gives an error of the store its German words; "" where there are
// none.
func storeGerman(err error) string {
	for known, de := range germanOf {
		if errors.Is(err, known) {
			return de
		}
	}
	return ""
}
