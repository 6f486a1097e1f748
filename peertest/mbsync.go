package peertest

import (
	"fmt"
	"net"
)

// MbsyncConfig is a configuration for mbsync that keeps a Maildir tree in dir
// in step, both ways, with the mailboxes of an IMAP server at address that
// patterns name. The password is "secret", without TLS.
func MbsyncConfig(address, user, dir, patterns string) []byte {
	host, port, _ := net.SplitHostPort(address)
	return fmt.Appendf(nil, `
IMAPAccount heimpost
Host %s
Port %s
User %s
Pass secret
SSLType None
AuthMechs LOGIN

IMAPStore far
Account heimpost

MaildirStore near
Path %[4]s/
Inbox %[4]s/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns %[5]s
Create Both
Expunge Both
SyncState *
`, host, port, user, dir, patterns)
}
