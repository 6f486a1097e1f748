package store

import "errors"

// Errors that callers tell apart with errors.Is. Their texts are meant for
// people and are wrapped with the name of what they concern.
var (
	ErrNoMailbox    = errors.New("no such mailbox")
	ErrExists       = errors.New("a mailbox of this name exists already")
	ErrInvalidName  = errors.New("this is not a usable mailbox name")
	ErrCannotDelete = errors.New("this mailbox cannot be deleted or renamed")
	ErrSpecialUse   = errors.New("no mailbox can get this special use")
	ErrTooMany      = errors.New("the box has as many mailboxes as it can have")
	ErrProtected    = errors.New("this mailbox is protected and keeps its mails")
	ErrDeletesHere  = errors.New("this device deletes only for itself; a mailbox that holds mails is deleted on one that deletes everywhere")
	ErrReadOnly     = errors.New("this mailbox may only be read")
	ErrKeywordLimit = errors.New("the mailbox has no room for another keyword")
	ErrExpunged     = errors.New("the message was deleted in the meantime")
	ErrTooBig       = errors.New("the message is larger than this hub accepts")
	ErrNoSpace      = errors.New("no space left on the disk")
	ErrClosed       = errors.New("the box is closed")
	ErrLocked       = errors.New("the box is in use by another process")
	ErrNewerVersion = errors.New("the data was written by a newer version of Heimpost")
	ErrNotABox      = errors.New("there is no box in this folder")
	ErrDamaged      = errors.New("the index does not fit the files; run rebuild")
)

// NoSpace reports whether an error says that a disk is full.
func NoSpace(err error) bool { return err != nil && (errors.Is(err, ErrNoSpace) || isNoSpace(err)) }
