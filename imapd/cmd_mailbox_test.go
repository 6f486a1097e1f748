package imapd

import "testing"

func TestCreateDeleteRename(t *testing.T) {
	newWorld(t).play(`
		C: 1 CREATE Arbeit/
		S: 1 OK Done.
		C: 2 CREATE Arbeit
		S: 2 NO [ALREADYEXISTS] Arbeit: a mailbox of this name exists already.
		C: 3 CREATE inbox
		S: 3 NO [ALREADYEXISTS] …
		C: 4 CREATE "a//b"
		S: 4 NO [CANNOT] …
		C: 5 CREATE {9+}\r\nB&APw-ro/
		S: 5 OK Done.
		C: 6 CREATE "B\xc3\xbcro"
		S: 6 BAD …
		C: 7 CREATE Tief/unten
		S: 7 OK Done.
		C: 8 DELETE Tief
		S: 8 OK Done.
		C: 9 LIST "" Tief*
		S: * LIST (\Noselect \HasChildren) "/" "Tief"
		S: * LIST (\HasNoChildren) "/" "Tief/unten"
		S: 9 OK Done.
		C: 10 STATUS Tief (MESSAGES)
		S: 10 NO [NONEXISTENT] Tief: no such mailbox.
		C: 11 DELETE INBOX
		S: 11 NO [CANNOT] …
		C: 12 DELETE Nirgends
		S: 12 NO [NONEXISTENT] …
		C: 13 RENAME Arbeit Trash/Arbeit
		S: 13 OK Done.
		C: 14 LIST "" Trash%Arbeit
		S: 14 OK Done.
		C: 15 LIST "" Trash/Arbeit
		S: * LIST (\HasNoChildren) "/" "Trash/Arbeit"
		S: 15 OK Done.
		C: 16 RENAME Nirgends Woanders
		S: 16 NO [NONEXISTENT] …
		C: 17 RENAME Trash/Arbeit Drafts
		S: 17 NO [ALREADYEXISTS] …
		C: 18 RENAME Trash/Arbeit Shared/petra/Arbeit
		S: 18 NO [CANNOT] A mailbox cannot be moved into another box. …
		C: 19 CREATE Shared/petra/Neu
		S: 19 OK Done.
		C: 20 CREATE Shared/nobody/Neu
		S: 20 NO [NONEXISTENT] …
		C: 21 CREATE Shared
		S: 21 NO [CANNOT] …
		C: 22 SUBSCRIBE Shared/petra/Neu
		S: 22 OK Done.
		Cpetra: 1 LIST "" Neu
		Spetra: * LIST (\HasNoChildren) "/" "Neu"
		Spetra: 1 OK Done.
		Cpetra: 2 LSUB "" Neu
		Spetra: 2 OK Done.
		Cpetra: 3 CREATE Shared/marko/Neu
		Spetra: 3 NO [NOPERM] …
		Cpetra: 4 DELETE Shared/marko/Trash
		Spetra: 4 NO [NOPERM] …
		Cpetra: 5 RENAME Shared/marko/Trash Shared/marko/T
		Spetra: 5 NO [NOPERM] …
		C: 23 UNSUBSCRIBE Nirgends
		S: 23 OK Done.
		C: 24 CREATE
		S: 24 BAD …
		C: 25 CREATE a b c
		S: 25 BAD …
	`)
}

func TestCreateSpecialUse(t *testing.T) {
	newWorld(t).play(`
		C: 1 CREATE Papierkorb (USE (\Trash))
		S: 1 NO [USEATTR] …
		C: 2 DELETE Trash
		S: 2 OK Done.
		C: 3 CREATE Papierkorb (USE (\\trash))
		S: 3 OK Done.
		C: 4 LIST (SPECIAL-USE) "" "P*"
		S: * LIST (\HasNoChildren \Trash) "/" "Papierkorb"
		S: 4 OK Done.
		C: 5 CREATE Alles (USE (\All))
		S: 5 NO [USEATTR] …
		C: 6 CREATE Zwei (USE (\Sent \Trash))
		S: 6 NO [USEATTR] …
		C: 7 CREATE Leer (USE ())
		S: 7 OK Done.
		C: 8 CREATE Was (FOO (\Sent))
		S: 8 BAD There is no parameter FOO.
		# What is made again under its first name gets its use back, if it is free.
		C: 9 DELETE Sent\r\n10 CREATE Sent
		S: 9 OK Done.
		S: 10 OK Done.
		C: 11 CREATE Trash
		S: 11 OK Done.
		C: 12 LIST "" (Sent Trash)
		S: * LIST (\HasNoChildren \Sent) "/" "Sent"
		S: * LIST (\HasNoChildren) "/" "Trash"
		S: 12 OK Done.
	`)
}

func TestStatus(t *testing.T) {
	w := newWorld(t)
	w.deliver("marko", "INBOX", "one", "two")
	w.play(`
		C: 1 STATUS inbox (MESSAGES UIDNEXT UIDVALIDITY UNSEEN RECENT)
		S: * STATUS "INBOX" (MESSAGES 2 UIDNEXT 3 UIDVALIDITY … UNSEEN 2 RECENT 2)
		S: 1 OK Done.
		C: 2 STATUS INBOX (FOO)
		S: 2 BAD There is no STATUS item FOO.
		C: 3 STATUS INBOX ()
		S: 3 BAD …
		C: 4 STATUS Nirgends (MESSAGES)
		S: 4 NO [NONEXISTENT] …
		C: 5 STATUS INBOX (MESSAGES SIZE DELETED APPENDLIMIT)
		S: * STATUS "INBOX" (MESSAGES 2 SIZE 98 DELETED 0 APPENDLIMIT 157286400)
		S: 5 OK Done.
		C: 6 LIST "" "%" RETURN (STATUS (MESSAGES))
		S: * LIST (\HasNoChildren) "/" "INBOX"
		S: * STATUS "INBOX" (MESSAGES 2)
		S: * LIST (\HasNoChildren \Archive) "/" "Archive"
		S: * STATUS "Archive" (MESSAGES 0)
		S* * LIST (\NonExistent \Noselect \HasChildren) "/" "Shared"
		S: * LIST …
		S: * STATUS "Trash" (MESSAGES 0)
		S: 6 OK Done.
	`)
}
