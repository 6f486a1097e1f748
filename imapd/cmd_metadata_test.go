package imapd

import "testing"

func TestMetadata(t *testing.T) {
	newWorld(t).play(`
		C: 1 SETMETADATA INBOX (/private/Comment "mine" /shared/comment {4+}\r\nours)
		S: 1 OK Done.
		C: 2 GETMETADATA INBOX /PRIVATE/comment
		S: * METADATA "INBOX" ("/private/comment" "mine")
		S: 2 OK Done.
		C: 3 GETMETADATA (DEPTH 1) inbox (/private /shared)
		S: * METADATA "INBOX" ("/private/comment" "mine" "/shared/comment" "ours")
		S: 3 OK Done.
		C: 4 GETMETADATA INBOX (/private/comment /private/nothing)
		S: * METADATA "INBOX" ("/private/comment" "mine" "/private/nothing" NIL)
		S: 4 OK Done.
		C: 5 GETMETADATA INBOX /private
		S: 5 OK Done.
		C: 6 SETMETADATA INBOX (/private/comment NIL /private/vendor/x/y ~{3+}\r\na\0b /private/empty "")
		S: 6 OK Done.
		C: 7 GETMETADATA (DEPTH infinity MAXSIZE 3) INBOX (/private /shared)
		S: * METADATA "INBOX" ("/private/empty" "" "/private/vendor/x/y" ~{3}
		S: a` + "\x00" + `b)
		S: 7 OK [METADATA LONGENTRIES 4] …
		C: 8 GETMETADATA (DEPTH 1) INBOX /private
		S: * METADATA "INBOX" ("/private/empty" "")
		S: 8 OK Done.
		C: 9 SETMETADATA "" (/shared/comment "the box")
		S: 9 OK Done.
		C: 10 GETMETADATA "" /shared/comment
		S: * METADATA "" ("/shared/comment" "the box")
		S: 10 OK Done.
		C: 11 SETMETADATA "" (/shared/admin "mailto:x")
		S: 11 NO [NOPERM] …
		C: 12 SETMETADATA INBOX (/other/x "a")
		S: 12 BAD …
		C: 13 SETMETADATA INBOX (/private/a*b "a")
		S: 13 BAD …
		C: 14 SETMETADATA INBOX (/private/big {70000}
		S: 14 NO [METADATA MAXSIZE 65536] …
		C: 15 GETMETADATA Nowhere /private/comment
		S: 15 NO [NONEXISTENT] …
		C: 16 GETMETADATA (DEPTH 2) INBOX /private
		S: 16 BAD …
		C: 17 GETMETADATA (FOO 2) INBOX /private
		S: 17 BAD …
		C: 18 SETMETADATA INBOX ()
		S: 18 OK Done.

		# What is private is so in shared boxes, too.
		Cpetra: 1 GETMETADATA (DEPTH infinity) Shared/marko/INBOX (/private /shared)
		Spetra: * METADATA "Shared/marko/INBOX" ("/shared/comment" "ours")
		Spetra: 1 OK Done.
		Cpetra: 2 SETMETADATA Shared/marko/INBOX (/private/comment "hers")
		Spetra: 2 OK Done.
		Cpetra: 3 SETMETADATA Shared/marko/INBOX (/shared/comment NIL)
		Spetra: 3 NO [NOPERM] …
		C: 19 GETMETADATA INBOX (/private/comment /shared/comment)
		S: * METADATA "INBOX" ("/private/comment" NIL "/shared/comment" "ours")
		S: 19 OK Done.
	`)
}

func TestListMetadataAndRights(t *testing.T) {
	newWorld(t, full).play(`
		C: 1 SETMETADATA Sent (/private/comment "x")
		S: 1 OK Done.
		C: 2 LIST "" (Sent Trash) RETURN (METADATA (/private/comment) MYRIGHTS)
		S: * LIST (\HasNoChildren \Sent) "/" "Sent"
		S: * MYRIGHTS "Sent" lrswikxteacd
		S: * METADATA "Sent" ("/private/comment" "x")
		S: * LIST (\HasNoChildren \Trash) "/" "Trash"
		S: * MYRIGHTS "Trash" lrswikxteacd
		S: * METADATA "Trash" ("/private/comment" NIL)
		S: 2 OK Done.
	`)
}
