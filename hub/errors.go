package hub

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"heimpost/pop3fetch"
	"heimpost/store"
)

// Kind tells errors apart that callers treat differently. It survives the
// control channel.
type Kind string

const (
	// KindInvalid is a value that can never be right: wrong usage.
	KindInvalid Kind = "invalid"
	// KindNotFound is a name that nothing has.
	KindNotFound Kind = "not_found"
	// KindExists is a name that is taken.
	KindExists Kind = "exists"
	// KindNoPassword says that nothing is wrong but that a password is missing.
	KindNoPassword Kind = "no_password"
	// KindRunning says that `serve` already runs, or must not run.
	KindRunning Kind = "running"
)

// Error is an error for people, with its kind.
type Error struct {
	Kind Kind   `json:"kind,omitempty"`
	Text string `json:"text"`
	DE   string `json:"de,omitempty"` // the same in German, where that is known

	cause error // nil: it says all
}

func (e *Error) Error() string { return e.Text }

func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is(err, Kind) of a kind's sentinel work.
func (e *Error) Is(target error) bool {
	k, ok := target.(Kind)
	return ok && k == e.Kind
}

func (k Kind) Error() string { return string(k) }

func invalid(format string, args ...any) error { return newError(KindInvalid, format, args...) }
func notFound(format string, args ...any) error {
	return newError(KindNotFound, format, args...)
}
func exists(format string, args ...any) error { return newError(KindExists, format, args...) }

func newError(k Kind, format string, args ...any) error {
	return &Error{Kind: k, Text: fmt.Sprintf(format, args...), DE: inGerman(format, args)}
}

// because is such an error that has a cause, which is one of its arguments.
func because(format string, args ...any) error {
	e := &Error{Text: fmt.Sprintf(format, args...), DE: inGerman(format, args)}
	for _, a := range args {
		if cause, is := a.(error); is {
			e.cause = cause
		}
	}
	return e
}

// asError gives any error the form that crosses the control channel.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return &Error{Kind: e.Kind, Text: err.Error(), DE: e.DE}
	}
	out := &Error{Text: err.Error()}
	if de := pop3fetch.German(err); de != out.Text {
		out.DE = de
	}
	out.DE = cmp.Or(out.DE, storeGerman(err))
	return out
}

// German gives an error's German words where there are any, else its own.
func German(err error) string {
	e := asError(err)
	return cmp.Or(e.DE, e.Text)
}

// dbError gives SQLite's and the system's errors about hub.db common words.
// SQLite's texts are part of its interface (sqlite3_errstr).
func dbError(err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	switch text := err.Error(); {
	case strings.Contains(text, "database or disk is full"), strings.Contains(text, "no space left on device"),
		strings.Contains(text, "disk quota exceeded"), strings.Contains(text, "not enough space on the disk"), errors.Is(err, syscall.ENOSPC):
		return because("hub.db: %v: make space (a few MiB are enough to start), nothing was lost", store.ErrNoSpace)
	case strings.Contains(text, "readonly database"), strings.Contains(text, "unable to open database file"),
		errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return because("the data folder cannot be written (read-only, or it belongs to another user): %v", err)
	case strings.Contains(text, "malformed"), strings.Contains(text, "not a database"):
		return because("hub.db is damaged (%v): put back a copy of it; the mail in boxes/ is not touched", err)
	case strings.Contains(text, "database is locked"):
		return because("hub.db is in use by another program: %v", err)
	}
	return because("hub.db: %v", err)
}
