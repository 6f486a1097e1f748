package store

import (
	"crypto/rand"
	"encoding/base32"
	"strings"
)

// ID names a person, a device, a box, a mailbox or an account for ever: 80
// random bits as 16 characters a-z, 2-7. Names are labels and may change.
type ID string

var idEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewID returns an ID that was never used before.
func NewID() ID {
	var b [10]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return ID(idEncoding.EncodeToString(b[:]))
}

// Valid reports whether id has the form that NewID gives.
func (id ID) Valid() bool {
	return len(id) == 16 && strings.Trim(string(id), "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// Actor says who does something: a person, by which device. The zero Actor is
// the hub itself.
type Actor struct {
	Person ID
	Device ID
}
