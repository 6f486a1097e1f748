// Package pop3d is a small POP3 provider (RFC 1939, 2449, 2595, 5034) that
// lives in the process: heimpost demo drains it, and the fetcher's tests let
// it go wrong in every way that providers do.
//
// A Maildrop holds one user's mail and remembers all that ever was in it:
// what was retrieved, what DELE was asked for, what a QUIT removed. A Server
// serves maildrops over connections. Without a Script it keeps the RFC; a
// Script sees each command with its reply before it is sent and may change,
// hold back, cut or swallow it.
package pop3d
