package sample

import (
	"fmt"
	"time"
)

const (
	petra  = "Petra Müller <petra@mueller-familie.example>"
	jonas  = "Jonas Müller <jonas@mueller-familie.example>"
	oma    = "Änne Großmann <aenne.grossmann@seniorennetz.example>"
	claire = "Claire Dubois <claire@dubois-design.example>"
	james  = "James O'Connor <james@oconnor.example>"
	verein = "Turnverein Schöneberg <vorstand@tv-schoeneberg.example>"
)

// family is what the family writes.
func family(w *writer) []letter {
	start := w.now.AddDate(0, 0, 9)
	at := func(h int) string {
		return time.Date(start.Year(), start.Month(), start.Day(), h, 0, 0, 0, time.UTC).Format("20060102T150405Z")
	}
	return []letter{
		{days: 13, at: "18:42", from: oma, subject: "Grüße aus Würzburg und eine Frage zum Telefon", coding: latin1, text: `
Lieber Enkel,

die Äpfel sind geerntet, und der Kirschkuchen vom Sonntag war ein großer
Erfolg. Wie stelle ich am Telefon die Schrift größer? Jonas hat es mir
gezeigt, aber ich habe es vergessen.

Herzliche Grüße
Deine Oma Änne
`},
		{days: 10, at: "21:05", from: petra, subject: "Fotos vom Wochenende", text: `
Hallo!

Hier das Foto vom Abend auf der Alm, in voller Größe. Die anderen bringe
ich auf dem Stick mit.

Bis Freitag
Petra
`, files: []file{{"Abend auf der Alm.png", "image/png", picture(1400, 900, 24)}}},
		{days: 8, at: "07:58", from: jonas, cc: petra, subject: "Einladung: Omas 80. Geburtstag", text: `
Hallo zusammen,

wir feiern im Gasthof Zum Löwen. Bitte sagt bis nächste Woche zu, damit
ich die Plätze bestellen kann.

Jonas
`, invite: fmt.Sprintf(`BEGIN:VCALENDAR
PRODID:-//Heimpost//Demo//DE
VERSION:2.0
METHOD:REQUEST
BEGIN:VEVENT
UID:geburtstag-80@heimpost.example
DTSTAMP:%s
DTSTART:%s
DTEND:%s
SUMMARY:Omas 80. Geburtstag
LOCATION:Gasthof Zum Löwen\, Hauptstraße 7\, Würzburg
DESCRIPTION:Kaffee und Kuchen\, danach Abendessen
ORGANIZER;CN=Jonas Müller:mailto:jonas@mueller-familie.example
ATTENDEE;CN=Demo Muster;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:demo@heimpost.example
STATUS:CONFIRMED
SEQUENCE:0
END:VEVENT
END:VCALENDAR
`, w.now.UTC().Format("20060102T150405Z"), at(13), at(20))},
		{days: 5, at: "12:30", from: petra, subject: "Einkaufszettel", coding: utf8Bare, text: `
- Brötchen (6 Stück)
- Käse, 300 g mittelalter Gouda
- Öl
- Süßkartoffeln
- Spülmittel

Danke! ♥
`},
		{days: 2, at: "19:11", from: jonas, subject: "Adresse von Familie Öztürk", text: `
Wie besprochen die Karte für dein Adressbuch.
`, files: []file{{"Öztürk.vcf", "text/vcard; charset=utf-8",
			[]byte("BEGIN:VCARD\r\nVERSION:3.0\r\nN:Öztürk;Ayşe;;;\r\nFN:Ayşe Öztürk\r\nEMAIL:ayse@oeztuerk.example\r\nTEL:+49 931 5550147\r\nEND:VCARD\r\n")}}},
		{days: 1, at: "20:17", from: oma, subject: "Re: Schrift am Telefon", coding: latin1, text: `
Es hat geklappt, jetzt kann ich alles lesen. Danke!
`},
	}
}

// thread is a conversation in English and German.
func thread() []letter {
	const subject = "New logo for the shop"
	return []letter{
		{days: 9, at: "09:03", from: claire, id: "logo-1", subject: subject, text: `
Hello,

here is the first draft of the logo. The colours follow your shop window;
the lettering is set in a grotesque so that it stays readable on phones.

Tell me what you think.

Claire
`, files: []file{{"logo-draft-1.png", "image/png", picture(240, 120, 0)}}},
		{days: 9, at: "11:40", from: petra, cc: claire, id: "logo-2", re: "logo-1", subject: "Re: " + subject, text: `
I like it. Could the blue be a little warmer?

> Tell me what you think.
`},
		{days: 8, at: "16:22", from: claire, cc: petra, id: "logo-3", re: "logo-2", refs: []string{"logo-1"}, subject: "Re: " + subject, text: `
Of course. A warmer blue, and the same in grey for invoices:
`, html: `
<h1>Second draft</h1>
<p>A warmer blue, and the same in <b>grey</b> for invoices.</p>
<p><img src="cid:image@heimpost.example" alt="logo" width="240"></p>
<p style="color:#777">Claire Dubois · Design · Strasbourg</p>
`, inline: &file{"logo-draft-2.png", "image/png", picture(300, 150, 0)}},
		{days: 8, at: "17:05", from: petra, cc: claire, id: "logo-4", re: "logo-3", refs: []string{"logo-1", "logo-2"}, subject: "Re: " + subject, coding: flowed, text: `
Perfekt, so machen wir das. Rechnung bitte an die Büroadresse, nicht an 
mich.

Viele Grüße
Petra
`},
		{days: 6, at: "10:01", from: claire, id: "logo-5", re: "logo-4", refs: []string{"logo-1", "logo-2", "logo-3"}, subject: "Re: " + subject, text: `
Invoice attached. Thank you for the quick decisions!

Claire
`, files: []file{{"Rechnung 2041 – Dubois Design.pdf", "application/pdf", pdf("Dubois Design, Strasbourg", "Invoice 2041", "Logo, two drafts, all rights: 480.00 EUR")}}},
	}
}

// business is what companies send.
func business(w *writer) []letter {
	return []letter{
		{days: 12, at: "06:00", from: "Stadtwerke Würzburg <kundenservice@stadtwerke.example>", subject: "Ihre Jahresabrechnung liegt bereit", text: `
Sehr geehrte Kundin, sehr geehrter Kunde,

Ihre Abrechnung liegt im Kundenkonto bereit. Sie erhalten 42,17 € zurück.
`, html: `
<h1>Ihre Jahresabrechnung</h1>
<p>Sehr geehrte Kundin, sehr geehrter Kunde,</p>
<table border="1"><tr><th></th><th>Verbrauch</th><th>Betrag</th></tr>
<tr><td>Strom</td><td>2.310 kWh</td><td>831,60 €</td></tr>
<tr><td>Wasser</td><td>74 m³</td><td>171,20 €</td></tr></table>
<p>Sie erhalten <b>42,17 €</b> zurück.</p>
`, extra: "List-Unsubscribe: <mailto:abmelden@stadtwerke.example>\nPrecedence: bulk\n"},
		{days: 11, at: "14:48", from: "Buchhandlung Schöne Seiten <bestellung@schoene-seiten.example>", subject: "Bestellung 70-1188: Ihr Buch ist eingetroffen", coding: utf8Base64, text: `
Guten Tag,

»Die Straße der Ölmühlen« liegt für Sie bereit.
Geöffnet Montag bis Samstag 9 bis 18 Uhr.

Ihre Buchhandlung Schöne Seiten
`},
		{days: 7, at: "08:15", from: "Nordbahn Tickets <tickets@nordbahn.example>", subject: "Your ticket Würzburg – Hamburg", text: `
Your ticket is attached. Coach 7, seats 41 and 42, by the window.

Have a pleasant journey.
`, html: `
<h1>Würzburg → Hamburg</h1>
<p>Coach <b>7</b>, seats <b>41</b> and <b>42</b>, by the window.</p>
<p>Please show the attached ticket on your phone.</p>
`, files: []file{{"ticket.pdf", "application/pdf", pdf("Nordbahn", "W\374rzburg - Hamburg", "Coach 7, seats 41 and 42")}}},
		{days: 6, at: "03:30", from: "Backup <nas@heimnetz.example>", subject: "[NAS] Sicherung abgeschlossen: 0 Fehler", text: `
Auftrag:   Büro-Laufwerk
Dauer:     00:41:07
Dateien:   18.402 (212 geändert)
Fehler:    0
`, extra: "Auto-Submitted: auto-generated\n"},
		{days: 4, at: "10:26", from: "Steuerbüro Weiß <kanzlei@weiss-steuer.example>", to: "Büro Muster <buero@heimpost.example>", subject: "Unterlagen für das dritte Quartal", text: `
Guten Tag,

bitte senden Sie uns die Belege bis zum Monatsende. Die Tabelle mit den
offenen Posten hängt an; die Spalte »fällig« ist neu.

Mit freundlichen Grüßen
Dr. Jürgen Weiß
`, files: []file{
			{"Offene Posten Q3.csv", "text/csv; charset=utf-8", []byte("Nummer;Kunde;Betrag;fällig\r\n1001;Müller GmbH;1.190,00;ja\r\n1002;Öko-Markt;238,00;nein\r\n")},
			{"Vollmacht.pdf", "application/pdf", pdf("Vollmacht", "Hiermit bevollm\344chtige ich die Kanzlei Wei\337.")}}},
		{days: 3, at: "17:59", from: "Fahrrad Köhler <werkstatt@koehler-rad.example>", subject: "Ihr Rad ist fertig 🚲", coding: utf8Base64, text: `
Hallo,

Bremsen und Kette sind neu, das Licht geht wieder. Abholen können Sie ab
morgen 10 Uhr. Macht 84,50 €.

Köhler
`},
		{days: 1, at: "09:30", from: "Example Shop <no-reply@shop.example>", subject: "Your parcel is on its way", text: `
Parcel 00340434 leaves our warehouse today. Expected: tomorrow.
`, html: `
<h1>On its way</h1>
<p>Parcel <code>00340434</code> leaves our warehouse today.</p>
<p><a href="https://shop.example/track/00340434">Track it</a></p>
`},
	}
}

// letters are single mails of all kinds.
func letters() []letter {
	return []letter{
		{days: 13, at: "10:10", from: james, subject: "Dinner in Dublin?", text: `
Hi,

I hear you are coming over in spring. Shall we book a table at the place
by the canal? They have the good chips.

James
`},
		{days: 11, at: "22:31", from: verein, subject: "Protokoll der Mitgliederversammlung", coding: latin1, text: `
Liebe Mitglieder,

anbei das Protokoll. Der Beitrag bleibt gleich; die Halle ist über Ostern
geschlossen.

Der Vorstand
`, files: []file{{"Protokoll Mitgliederversammlung.pdf", "application/pdf", pdf("Protokoll", "TOP 1: Begr\374\337ung", "TOP 2: Kassenbericht", "TOP 3: Verschiedenes")}},
			extra: "List-Id: Mitglieder <mitglieder.tv-schoeneberg.example>\n"},
		{days: 7, at: "13:13", from: james, subject: "Fwd: opening hours", text: `
See below, they open at six.
`, forward: []byte("Date: Mon, 02 Mar 2026 11:00:00 +0000\r\nFrom: The Canal House <table@canal-house.example>\r\nTo: James O'Connor <james@oconnor.example>\r\n" +
			"Subject: opening hours\r\nMessage-ID: <hours@canal-house.example>\r\n\r\nWe open at six, every day but Monday.\r\n")},
		{days: 5, at: "15:45", from: "José García <jose@garcia.example>", to: person + ", Łukasz Żak <lukasz@zak.example>",
			subject: "Reunión el jueves / spotkanie w czwartek", text: `
¡Hola! Nos vemos el jueves a las diez. Do zobaczenia!

José
`},
		{days: 4, at: "18:20", from: "田中 花子 <hanako@tanaka.example>", subject: "写真をありがとう", coding: utf8Base64, text: `
こんにちは。写真をありがとうございます。とてもきれいですね。

花子
`},
		{days: 3, at: "08:08", from: "Schulverein <info@schulverein.example>", subject: "Basar am Samstag: Wer hilft beim Auf- und Abbau, wer bäckt einen Kuchen, und wer übernimmt die Kasse am Nachmittag?", text: `
Bitte tragt euch in die Liste im Foyer ein.
`},
		{days: 2, at: "11:55", from: "Nextdoor Newsletter <news@nextdoor.example>", subject: "5 things to do this weekend", text: `
Market, museum, music, mountains, and mending your bicycle.
`, html: `
<h1>5 things to do this weekend</h1>
<ol><li>Market</li><li>Museum</li><li>Music</li><li>Mountains</li><li>Mending your bicycle</li></ol>
`, extra: "List-Unsubscribe: <https://nextdoor.example/u>\nPrecedence: bulk\n"},
		{days: 0, at: "07:15", from: petra, subject: "Heute später", text: `
Komme erst um sieben. Fang schon mal mit dem Essen an!
`},
	}
}

// odd are mails that are right but make poor programs stumble.
func odd() []letter {
	return []letter{
		{days: 6, at: "23:59", from: james, subject: "A message with dots", text: `
Some lines begin with dots, one is a dot alone:
.
..
.hidden
And "From " at the beginning of a line:
From here to there.
`},
		{days: 2, at: "05:00", from: "cron <root@heimnetz.example>", subject: "", text: `
no subject, and a long line: ` + long + `
`},
	}
}

var long = func() (s string) {
	for n := range 120 {
		s += fmt.Sprintf("%d bottles ", 120-n)
	}
	return s
}()

// live are the mails that arrive while somebody looks on.
var live = []letter{
	{from: petra, subject: "Gerade angekommen", text: "\nDiese Nachricht kam eben erst beim Anbieter an.\n\nGrüße\nPetra\n"},
	{from: james, subject: "Just arrived", text: "\nThis one reached your provider a moment ago.\n\nJames\n"},
	{from: oma, subject: "Ich übe E-Mail", coding: latin1, text: "\nKommt das an? Schöne Grüße!\nOma Änne\n"},
}

// malformed is a mail as it must not be: bare LF, raw Latin-1 in a header, a
// wrong charset, a part that never ends. It is stored and shown all the same.
func malformed(w *writer) []byte {
	return []byte("Received: from nowhere; " + w.date(letter{days: 1, at: "02:02"}).Format("Mon, 02 Jan 2006 15:04:05 -0700") + "\n" +
		"From: Scanner im B\xfcro <scanner@heimnetz.example>\n" +
		"To: undisclosed recipients\n" +
		"Subject: Gescannt: Gr\xf6\xdfe unbekannt\n" +
		"Date: yesterday, around noon\n" +
		"This line is no header field\n" +
		"Content-Type: multipart/mixed; boundary=\"never ends\n" +
		"\n" +
		"--never ends\n" +
		"Content-Type: text/plain; charset=x-klingon\n" +
		"Content-Transfer-Encoding: base65\n" +
		"\n" +
		"Seite 1 von 3: \xe4\xf6\xfc\n" +
		"--never ends\n" +
		"Content-Type: application/octet-stream; name=\n" +
		"\n" +
		"\x00\x01\x02 and then the scanner lost its connection")
}
