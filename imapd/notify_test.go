package imapd

import "testing"

func TestNotify(t *testing.T) {
	w := newWorld(t, full)
	w.deliver("marko", "INBOX", "one")
	w.play(`
		C: 1 SELECT INBOX
		S* 1 OK …
		C: 2 NOTIFY SET STATUS (SELECTED (MessageNew (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)]) MessageExpunge FlagChange)) (MAILBOXES (INBOX Sent) (MessageNew MessageExpunge)) (SUBTREE Arbeit (MessageNew MessageExpunge FlagChange MailboxName))
		S: * STATUS "Sent" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY … UNSEEN 0)
		S: 2 OK Done.

		# At any time, not only in IDLE.
		C2: 1 APPEND INBOX {14+}
		C2: Subject: x\r\n\r\n
		S2* 1 OK …
		S: * 2 EXISTS
		S: * … RECENT
		S: * 2 FETCH (UID 2 FLAGS (\Recent) BODY[HEADER.FIELDS (SUBJECT)] {14}
		S: Subject: x
		S:
		S: )
		C2: 2 SELECT INBOX
		S2* 2 OK …
		C2: 3 STORE 1 +FLAGS (\Deleted)
		S2* 3 OK …
		S: * 1 FETCH (UID 1 FLAGS (…\Deleted…))
		C2: 4 EXPUNGE
		S2* 4 OK …
		S: * 1 EXPUNGE
		C2: 5 APPEND Sent {10+}\r\nA: b\r\n\r\n\r\n
		S2* 5 OK …
		S: * STATUS "Sent" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY … UNSEEN 1)
		# Nobody asked for Trash.
		C2: 6 APPEND Trash {10+}\r\nA: b\r\n\r\n\r\n
		S2* 6 OK …
		C2: 7 CREATE Arbeit/Neu
		S2: 7 OK …
		S: * LIST (\HasChildren) "/" "Arbeit"
		S: * LIST (\HasNoChildren) "/" "Arbeit/Neu"
		C2: 8 RENAME Arbeit/Neu Arbeit/Alt
		S2: 8 OK …
		S: * LIST (\HasNoChildren) "/" "Arbeit/Alt" ("OLDNAME" ("Arbeit/Neu"))
		C: 3 IDLE
		S: + idling
		C2: 9 DELETE Arbeit/Alt
		S2: 9 OK …
		S: * LIST (\NonExistent) "/" "Arbeit/Alt"
		C: DONE
		S: 3 OK Done.
		C: 4 UNSELECT
		S: 4 OK …
		C2: 10 STORE 1 +FLAGS (\Deleted)
		S2* 10 OK …
		C2: 11 EXPUNGE
		S2* 11 OK …
		S: * STATUS "INBOX" (MESSAGES 0 …
		C: 5 NOTIFY NONE
		S: 5 OK Done.
		C2: 12 APPEND Sent {10+}\r\nA: b\r\n\r\n\r\n
		S2* 12 OK …
		C: 6 NOOP
		S: 6 OK Done.
	`)
}

func TestNotifyDelayed(t *testing.T) {
	w := newWorld(t, full)
	w.deliver("marko", "INBOX", "one", "two")
	w.play(`
		C: 1 SELECT INBOX
		S* 1 OK …
		C: 2 NOTIFY SET (SELECTED-DELAYED (MessageNew MessageExpunge)) (SUBSCRIBED (SubscriptionChange)) (PERSONAL (SubscriptionChange))
		S: 2 OK Done.
		C2: 1 SELECT INBOX
		S2* 1 OK …
		C2: 2 STORE 1 +FLAGS.SILENT (\Deleted)
		S2: 2 OK …
		S: * 1 FETCH …
		C2: 3 EXPUNGE
		S2* 3 OK …
		C2: 4 APPEND INBOX {10+}\r\nA: b\r\n\r\n\r\n
		S2* 4 OK …
		S: * 3 EXISTS
		S: * … RECENT
		C: 3 NOOP
		S: * 1 EXPUNGE
		S: 3 OK Done.
		C2: 5 UNSUBSCRIBE Junk
		S2: 5 OK …
		S: * LIST (\HasNoChildren \Junk) "/" "Junk"
	`)
}

func TestNotifyRefused(t *testing.T) {
	newWorld(t, full).play(`
		C: 1 NOTIFY SET (PERSONAL (MessageNew))
		S: 1 BAD MessageNew and MessageExpunge go together.
		C: 2 NOTIFY SET (PERSONAL (FlagChange))
		S: 2 BAD …
		C: 3 NOTIFY SET (PERSONAL (AnnotationChange))
		S: 3 NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange)] …
		C: 4 NOTIFY SET (SELECTED (MailboxName))
		S: 4 BAD …
		C: 5 NOTIFY SET (PERSONAL (MessageNew (UID) MessageExpunge))
		S: 5 BAD …
		C: 6 NOTIFY SET (EVERYTHING (MailboxName))
		S: 6 BAD …
		C: 7 NOTIFY SET
		S: 7 BAD …
		C: 8 NOTIFY SET (SUBTREE (a b) NONE) (MAILBOXES c (MailboxName))
		S: 8 OK Done.
		C: 9 NOTIFY MAYBE
		S: 9 BAD …
	`)
	newWorld(t).play("C: 1 NOTIFY NONE\nS: 1 BAD There is no command NOTIFY.")
}
