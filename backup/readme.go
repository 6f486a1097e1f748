package backup

// readme is README.txt of a target.
const readme = `This is a backup of a Heimpost hub. / Dies ist eine Sicherung von Heimpost.

WHO HAS THIS FOLDER HAS THE MAIL, and the passwords of its accounts.
WER DIESEN ORDNER HAT, HAT DIE POST und die Passwörter der Konten.

To put everything back, on any computer with Heimpost:
Alles zurückholen, auf irgendeinem Computer mit Heimpost:

    heimpost restore THIS-FOLDER --data NEW-FOLDER

To look at single mails no Heimpost is needed: mails/ holds each mail as one
.eml file, which every mail program opens. The files named mails.txt.gz below
snapshots/TIME/data/boxes/ say which mail was in which folder; mailbox.json in a
folder says its name.

Für einzelne Mails braucht es kein Heimpost: In mails/ liegt jede Mail als
.eml-Datei, die jedes Mailprogramm öffnet. Die Dateien mails.txt.gz unter
snapshots/ZEIT/data/boxes/ sagen, welche Mail in welchem Ordner war; mailbox.json
in einem Ordner sagt, wie er hieß.

Please change nothing in here: the next backup counts on it.
Bitte hier nichts ändern: Die nächste Sicherung verlässt sich darauf.
`
