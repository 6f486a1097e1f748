// Package imapd is Heimpost's IMAP engine: it serves the views of package
// store to mail clients (RFC 3501 and the extensions in capability.go).
//
// # Shape
//
//	wire/            the language: tokens in, responses out, literals streamed
//	deflate/         compression that costs nothing while nothing is said
//	parse_*.go       the grammar of the arguments of single commands
//	server.go        listeners, limits, shutdown
//	conn.go          one connection: its bytes, its deadlines, its goroutine
//	command.go       the table of commands and what happens around each of them
//	cmd_NAME.go      one command or one family of them each
//	notify.go        NOTIFY: changes told at any time
//	catenate.go      mails put together of parts of others
//	pattern.go       LIST patterns, in linear time
//	session.go       the selected mailbox: which number means which message
//	spans.go         sets of messages, as runs of their places
//	search*.go       search keys as a tree that is run over such sets
//	fetch.go         FETCH responses; section.go: which bytes BODY[…] means
//	sort.go          SORT; thread.go: THREAD
//	sync.go          what others did, told to the client where that is allowed
//	namespace.go     one tree of names over a login's own box and shared ones
//	capability.go    what is offered, each line with its RFC, and what is not
//
// # What always holds
//
//   - One goroutine serves a connection. It is woken from outside through its
//     read deadline (stream.wake), so waiting in IDLE needs no second one. A
//     login that can be revoked has a small one beside it that waits for that.
//   - Output is flushed when the input is drained, before every blocking read,
//     and when the buffer is full; each flush has one deadline. No lock and no
//     transaction of the store is held meanwhile.
//   - A session answers only from the store.Snapshot that its client was told
//     of. Messages that others expunged, and that the client may not hear of
//     yet, stay numbered as ghosts.
//   - Nothing of a rejected literal ever runs as a command: it is drained, or
//     the connection ends with BYE.
//   - A panic ends one connection, with BYE and a logged stack, never the
//     process.
package imapd
