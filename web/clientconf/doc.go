// Package clientconf writes the files by which mail programs configure
// themselves: Thunderbird's autoconfig, Outlook's Autodiscover, Apple's
// configuration profile, and QR codes. It knows nothing of the hub: what goes
// in is an Account, what comes out are bytes that are well-formed whatever the
// Account's texts hold.
package clientconf

import (
	"fmt"
	"net/mail"
	"strings"
)

// Server is one side of an account.
type Server struct {
	Host string
	Port int
	// StartTLS: encryption begins with STARTTLS; else from the first byte.
	StartTLS bool
	User     string
}

// Account is what a mail program has to know; a password is never part of it.
type Account struct {
	Name    string // what people call it: "Marko's mail"
	Address string // the mail address
	Person  string // display name of its owner, may be empty
	IMAP    Server
	SMTP    *Server // the provider's submission server; nil where it is not known
}

// CleanAddress gives the address of a request in the form in which it may be
// used, lower case; an error for what is no plain address.
func CleanAddress(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > 254 || strings.ContainsAny(s, "\"<>&'\\\r\n\t ") {
		return "", fmt.Errorf("%.80q is not a mail address", s)
	}
	return s, nil
}

// domain gives the part of an address behind its @.
func domain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }
