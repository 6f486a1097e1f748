// Package pop3fetch drains providers' POP3 accounts into boxes without loss
// or duplicate.
//
// # The order of steps
//
// A round of an account is one session, or several where the provider sets no
// floor between logins. A session goes
//
//	connect, TLS, CAPA, login
//	STAT, LIST, UIDL          the listing counts only if all three agree
//	TOP                       for UIDs that are known but in doubt
//	RETR … RETR               a batch, into files that nobody sees yet
//	NOOP                      replies and commands are in step
//	                          the batch becomes durable: files, rows, commit
//	DELE … DELE               of what is durable and due, between the next RETRs
//	TOP, NOOP, DELE           of older mail that is due, once compared
//	QUIT
//
// and on any error the connection is closed without QUIT, so that the provider
// deletes nothing and counts nothing as taken.
//
// # What always holds
//
//   - DELE is sent only for what is durable in the box and was retrieved or
//     compared in this session; QUIT only when all that was retrieved is
//     durable.
//   - A mail and the row that remembers its UID are one transaction. Rows are
//     never pruned and never given to another mail: they outlive DELE, QUIT,
//     local deletion and the account.
//   - A UID that comes back, or whose listed size has changed, is compared by
//     its header, else by content. The same mail brings nothing new; another
//     one is fetched.
//   - One message's trouble (-ERR to RETR, too large, breaking the session each
//     time) holds up no other message; one account's trouble no other account.
//   - Only CRLF.CRLF ends a body, only +OK and -ERR are replies. What breaks
//     the rules ends the session.
//
// # How it is built
//
// go-pop3 speaks commands and replies over a gate, a connection that gives it
// one reply line at a time; listings and bodies are read from the gate itself
// (gate.go, body.go). book.go knows what is remembered, session.go the steps,
// transfer.go the batches, compare.go and renumber.go tell mails apart by
// their headers. round.go and run.go decide when, problem.go says in plain
// words what went wrong.
package pop3fetch
