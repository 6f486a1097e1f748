package imapd

import "testing"

// What one client does, another one hears where the protocol allows it (RFC
// 3501 §7.4.1).
func TestNewsOfOthers(t *testing.T) {
	w := newWorld(t)
	w.deliver("marko", "INBOX", "one", "two", "three", "four", "five")
	w.play(`
		C: a SELECT INBOX
		S* a OK …
		C2: a SELECT INBOX
		S2* a OK …

		# Flags are told at once, expunges not under FETCH, STORE, SEARCH.
		C2: b STORE 2,4 +FLAGS.SILENT \Deleted
		S2: b OK …
		C2: c STORE 5 +FLAGS \Answered
		S2: * 5 FETCH (FLAGS (\Answered))
		S2: c OK …
		C2: d EXPUNGE
		S2: * 4 EXPUNGE
		S2: * 2 EXPUNGE
		S2: d OK …
		C: b FETCH 1 UID
		S: * 1 FETCH (UID 1)
		S: * 5 FETCH (FLAGS (\Recent \Answered))
		S: b OK …

		# Ghosts keep their numbers. What is there is answered, then NO.
		C: c FETCH 1:* (UID)
		S: * 1 FETCH (UID 1)
		S: * 3 FETCH (UID 3)
		S: * 5 FETCH (UID 5)
		S: c NO [EXPUNGEISSUED] …
		C: d STORE 2 +FLAGS \Flagged
		S: d NO [EXPUNGEISSUED] …
		C: e STORE 1,3 +FLAGS (\Flagged)
		S: * 1 FETCH (FLAGS (\Recent \Flagged))
		S: * 3 FETCH (FLAGS (\Recent \Flagged))
		S: e OK …
		C: f SEARCH ALL
		S: * SEARCH 1 3 5
		S: f OK …
		C: g COPY 2:3 Trash
		S: * 4 EXPUNGE
		S: * 2 EXPUNGE
		S: g NO [EXPUNGEISSUED] …
		C: h FETCH 1:* UID
		S: * 1 FETCH (UID 1)
		S: * 2 FETCH (UID 3)
		S: * 3 FETCH (UID 5)
		S: h OK …

		C2: e NOOP
		S2: * 1 FETCH (FLAGS (\Flagged))
		S2: * 2 FETCH (FLAGS (\Flagged))
		S2: e OK …
	`)
	w.deliver("marko", "INBOX", "six")
	w.play(`
		C: i NOOP
		S: * 4 EXISTS
		S: * 4 RECENT
		S: i OK …
		C2: f UID STORE 1 +FLAGS.SILENT \Deleted
		S2: * 4 EXISTS
		S2: * 0 RECENT
		S2: f OK …
		C2: g UID EXPUNGE 1
		S2: * 1 EXPUNGE
		S2: g OK …
	`)
	w.deliver("marko", "INBOX", "seven")
	w.play(`
		# The gone one and the new one at a time: UID FETCH may tell all.
		C: j FETCH 4 UID
		S: * 4 FETCH (UID 6)
		S: * 5 EXISTS
		S: * 5 RECENT
		S: j OK …
		C: k UID FETCH 5:* FLAGS
		S: * 3 FETCH (UID 5 FLAGS (\Recent \Answered))
		S: * 4 FETCH (UID 6 FLAGS (\Recent))
		S: * 5 FETCH (UID 7 FLAGS (\Recent))
		S: * 1 EXPUNGE
		S: k OK …
		C: l FETCH 5 UID
		S: l BAD There is no message 5; the mailbox has 4.
	`)
}

func TestSelectedMailboxDeleted(t *testing.T) {
	w := newWorld(t)
	w.play(`
		C: a CREATE Work
		S: a OK …
		C: b SELECT Work
		S* b OK …
		C2: a SELECT Work
		S2* a OK …
		# One's own is left, the others' connection ends: its numbers mean nothing.
		C: c DELETE Work
		S: c OK …
		C: d NOOP
		S: d OK …
		C2: b NOOP
		S2* * BYE …
		E2:
	`)
}

// Keywords that others make are announced before they are used.
func TestNewKeywords(t *testing.T) {
	w := newWorld(t)
	w.deliver("marko", "INBOX", "one")
	w.play(`
		C: a SELECT INBOX
		S* a OK …
		C2: a SELECT INBOX
		S2* a OK …
		C2: b STORE 1 +FLAGS ($Forwarded)
		S2: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft $Forwarded)
		S2: * OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft $Forwarded \*)] …
		S2: * 1 FETCH (FLAGS ($Forwarded))
		S2: b OK …
		C: b NOOP
		S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft $Forwarded)
		S: * OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft $Forwarded \*)] …
		S: * 1 FETCH (FLAGS (\Recent $Forwarded))
		S: b OK …
	`)
}
