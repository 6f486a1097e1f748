package imapd

import "testing"

func TestUIDOnly(t *testing.T) {
	w := newWorld(t, full)
	w.deliver("marko", "INBOX", "one", "two", "three")
	w.play(`
		C: a ENABLE UIDONLY
		S: * ENABLED UIDONLY
		S: a OK …
		C: b SELECT INBOX
		S* * 3 EXISTS
		S* b OK …
		C: c FETCH 1 FLAGS
		S: c BAD [UIDREQUIRED] …
		C: d STORE 1 FLAGS ()
		S: d BAD [UIDREQUIRED] …
		C: e SEARCH ALL
		S: e BAD [UIDREQUIRED] …
		C: f UID SEARCH 1:2
		S: f BAD [UIDREQUIRED] …
		C: g COPY 1 Trash
		S: g BAD [UIDREQUIRED] …
		C: h MOVE 1 Trash
		S: h BAD [UIDREQUIRED] …
		C: i SORT (DATE) UTF-8 ALL
		S: i BAD [UIDREQUIRED] …
		C: j THREAD REFERENCES UTF-8 ALL
		S: j BAD [UIDREQUIRED] …
		C: k UID FETCH 1:2 (UID FLAGS)
		S: * 1 UIDFETCH (FLAGS (\Recent))
		S: * 2 UIDFETCH (FLAGS (\Recent))
		S: k OK …
		C: l UID STORE 2 +FLAGS \Deleted
		S: * 2 UIDFETCH (FLAGS (\Recent \Deleted))
		S: l OK …
		C: m UID SEARCH DELETED
		S: * SEARCH 2
		S: m OK …
		C: n EXPUNGE
		S: * VANISHED 2
		S: n OK …
		C: o UID MOVE 3 Trash
		S: * OK [COPYUID … 3 1] …
		S: * VANISHED 3
		S: o OK …
		C: p UID FETCH 1 RFC822.SIZE
		S: * 1 UIDFETCH (RFC822.SIZE 49)
		S: p OK …
	`)
}

func TestObjectID(t *testing.T) {
	w := newWorld(t, full)
	w.deliver("marko", "INBOX", "one", "two")
	w.play(`
		C: a SELECT INBOX
		S* * OK [MAILBOXID (…)] …
		S* a OK …
		C: b COPY 1 INBOX
		S: * 3 EXISTS
		S: * 3 RECENT
		S: b OK …
	`)
	f := &fetcher{t: t, c: w.clients[""]}
	id := func(n string) string {
		line := f.command("x FETCH " + n + " EMAILID")[0]
		if !matches("* "+n+" FETCH (EMAILID (…))", line) {
			t.Fatal(line)
		}
		return line[len("* 1 FETCH (EMAILID ("):]
	}
	if id("1") != id("3") || id("1") == id("2") {
		t.Errorf("EMAILIDs %s %s %s", id("1"), id("2"), id("3"))
	}
	one := id("1")
	w.play("C: c SEARCH EMAILID " + one[:len(one)-2] + "\nS: * SEARCH 1 3\nS: c OK …\n" + `
		C: d FETCH 1 THREADID
		S: * 1 FETCH (THREADID NIL)
		S: d OK …
	`)
}

func TestPreview(t *testing.T) {
	w := newWorld(t)
	w.deliverRaw("marko", "INBOX",
		"Subject: x\r\n\r\nFirst line,\r\n  and \"second\".\r\n",
		"Content-Type: text/html; charset=utf-8\r\n\r\n<html><head><title>t</title><style>p{}</style></head><p>Gr\xc3\xbc\xc3\x9fe</p>",
		"Content-Type: application/pdf\r\n\r\nbinary",
		structured,
	)
	w.play(`
		C: a SELECT INBOX
		S* a OK …
		C: b FETCH 1 (PREVIEW (LAZY) UID)
		S: * 1 FETCH (UID 1 PREVIEW "First line, and \"second\".")
		S: b OK …
		C: c FETCH 2 PREVIEW
		S: * 2 FETCH (PREVIEW {…}
		S: …Grüße)
		S: c OK …
		C: d FETCH 3:4 PREVIEW
		S: * 3 FETCH (PREVIEW "")
		S: * 4 FETCH (PREVIEW "first")
		S: d OK …
		C: e FETCH 1 SAVEDATE
		S: * 1 FETCH (SAVEDATE "…")
		S: e OK …
	`)
}

// RFC 7377: one search in several mailboxes.
func TestMultiSearch(t *testing.T) {
	w := newWorld(t, full)
	w.deliver("marko", "INBOX", "apple", "pear", "apple pie")
	w.deliver("marko", "Archive", "apple")
	w.deliver("petra", "INBOX", "apple")
	w.play(`
		C: a ESEARCH IN (personal) SUBJECT apple
		S: * ESEARCH (TAG "a" MAILBOX "INBOX" UIDVALIDITY …) UID ALL 1,3
		S: * ESEARCH (TAG "a" MAILBOX "Archive" UIDVALIDITY …) UID ALL 1
		S: a OK …
		C: b ESEARCH IN (mailboxes (Archive Nowhere) inboxes) RETURN (MIN MAX) SUBJECT apple
		S: * ESEARCH (TAG "b" MAILBOX "Archive" UIDVALIDITY …) UID MIN 1 MAX 1
		S: * ESEARCH (TAG "b" MAILBOX "INBOX" UIDVALIDITY …) UID MIN 1 MAX 3
		S: b OK …
		C: c ESEARCH IN (subtree Shared) TEXT apple
		S: * ESEARCH (TAG "c" MAILBOX "Shared/petra/INBOX" UIDVALIDITY …) UID ALL 1
		S: c OK …
		C: d ESEARCH IN (subtree-one Shared) TEXT apple
		S: d OK …
		C: e ESEARCH IN (selected) ALL
		S: e BAD …
		C: f ESEARCH ALL
		S: f BAD …
		C: g SELECT INBOX
		S* g OK …
		C: h ESEARCH RETURN (COUNT SAVE) SUBJECT apple
		S: * ESEARCH (TAG "h" MAILBOX "INBOX" UIDVALIDITY …) UID COUNT 2
		S: h OK …
		C: i FETCH $ UID
		S: * 1 FETCH (UID 1)
		S: * 3 FETCH (UID 3)
		S: i OK …
		C: j ESEARCH IN (selected) 1:2 SUBJECT pear
		S: * ESEARCH (TAG "j" MAILBOX "INBOX" UIDVALIDITY …) UID ALL 2
		S: j OK …
		C: k ESEARCH IN (personal) 1
		S: k BAD …
		C: l ESEARCH IN (personal) RETURN (SAVE) ALL
		S: l BAD …
		C: m ESEARCH IN (everywhere) ALL
		S: m BAD …
		C: n ESEARCH IN (personal) CHARSET X ALL
		S: n NO [BADCHARSET …
		C: o ESEARCH IN () ALL
		S: o BAD …
		C: p ESEARCH IN (subscribed) SUBJECT nothing
		S: p OK …
	`)
}

// RFC 5267: a search whose result is kept up to date.
func TestSearchContext(t *testing.T) {
	w := newWorld(t, full)
	w.deliver("marko", "INBOX", "one", "two", "three", "four")
	w.play(`
		C: a SELECT INBOX
		S* a OK …
		C2: a SELECT INBOX
		S2* a OK …
		C: b UID SEARCH RETURN (ALL UPDATE) FLAGGED
		S: * ESEARCH (TAG "b") UID
		S: b OK …
		C: c SEARCH RETURN (COUNT UPDATE CONTEXT) UNDELETED
		S: * ESEARCH (TAG "c") COUNT 4
		S: c OK …
		C2: b STORE 1:3 +FLAGS.SILENT \Flagged
		S2: b OK …
		C2: c STORE 3 FLAGS.SILENT \Deleted
		S2: c OK …
		C: d NOOP
		S: * ESEARCH (TAG "b") UID ADDTO (0 1:2)
		S: * ESEARCH (TAG "c") REMOVEFROM (0 3)
		S: * 1 FETCH (FLAGS (\Recent \Flagged))
		S: * 2 FETCH (FLAGS (\Recent \Flagged))
		S: * 3 FETCH (FLAGS (\Recent \Deleted))
		S: d OK …
		C2: d STORE 1 +FLAGS.SILENT \Deleted
		S2: d OK …
		C2: e UID EXPUNGE 1
		S2: * 1 EXPUNGE
		S2: e OK …
		C: e FETCH 4 UID
		S: * 4 FETCH (UID 4)
		S: e OK …
		C: f NOOP
		S: * ESEARCH (TAG "b") UID REMOVEFROM (0 1)
		S: * ESEARCH (TAG "c") REMOVEFROM (0 1)
		S: * 1 EXPUNGE
		S: f OK …
		C: g CANCELUPDATE "b" "c"
		S: g OK …
		C: h CANCELUPDATE "b"
		S: h BAD …
		C: i STORE 1 -FLAGS.SILENT \Flagged
		S: i OK …
		C: j SEARCH RETURN (UPDATE) 1:2
		S: * NO [NOUPDATE "j"] …
		S: j OK …
		C: k SORT RETURN (COUNT UPDATE) (DATE) UTF-8 ALL
		S: * NO [NOUPDATE "k"] …
		S: * ESEARCH (TAG "k") COUNT 3
		S: k OK …
		C: l SEARCH RETURN (ALL RELEVANCY) FUZZY SUBJECT t
		S: * ESEARCH (TAG "l") ALL 1:2 RELEVANCY (100 100)
		S: l OK …
	`)
}

// RFC 9051, as far as it concerns the selected mailbox.
func TestRev2Selected(t *testing.T) {
	w := newWorld(t, full)
	w.deliver("marko", "INBOX", "one", "two")
	w.play(`
		C: a ENABLE IMAP4rev2
		S: * ENABLED IMAP4rev2
		S: a OK …
		C: b SELECT INBOX
		S: * FLAGS …
		S: * OK [PERMANENTFLAGS …
		S: * 2 EXISTS
		S: * OK [UIDVALIDITY …
		S: * OK [UIDNEXT 3] …
		S: * OK [HIGHESTMODSEQ …
		S: * OK [MAILBOXID …
		S: * LIST () "/" "INBOX"
		S: b OK [READ-WRITE] …
		C: c FETCH 1 FLAGS
		S: * 1 FETCH (FLAGS ())
		S: c OK …
		C: d SEARCH UNSEEN
		S: * ESEARCH (TAG "d") ALL 1:2
		S: d OK …
		C: e SEARCH SEEN
		S: * ESEARCH (TAG "e")
		S: e OK …
		C: f COPY 1 INBOX
		S: * 3 EXISTS
		S: f OK [COPYUID …
		C: g SELECT INBOX
		S: * OK [CLOSED] …
		S* g OK …
	`)
}

// Long searches say how far they are (RFC 9585).
func TestSearchProgress(t *testing.T) {
	w := newWorld(t, full, func(c *Config) { c.Timeouts.Progress = 1 })
	w.deliver("marko", "INBOX", "one", "two")
	w.play(`
		C: a SELECT INBOX
		S* a OK …
		C: b SEARCH SUBJECT two
		S: * OK [INPROGRESS ("b" 0 2)] …
		S: * SEARCH 2
		S: b OK …
		C: c ENABLE UTF8=ACCEPT
		S* c OK …
		C: d SEARCH CHARSET UTF-8 ALL
		S: d BAD …
	`)
}

// A protected mailbox keeps its mails, whatever a client does, and can be
// closed.
func TestProtectedMailbox(t *testing.T) {
	w := newWorld(t)
	w.deliver("marko", "Archive", "one", "two")
	if err := w.box.SetProtected(ctx, []string{"Archive"}); err != nil {
		t.Fatal(err)
	}
	w.play(`
		C: a SELECT Archive
		S* a OK …
		C: b STORE 1 FLAGS.SILENT \Deleted
		S: b OK …
		C: c EXPUNGE
		S: c NO [NOPERM] …
		C: d UID EXPUNGE 1
		S: d NO [NOPERM] …
		C: e MOVE 1 Trash
		S: e NO [NOPERM] …
		C: f COPY 1 Trash
		S: f OK …
		C: f UID REPLACE 1 Archive {14}
		S: f NO [NOPERM] …
		C: g CLOSE
		S: g OK …
		C: h SELECT Archive
		S* * 2 EXISTS
		S* h OK …
	`)
}
