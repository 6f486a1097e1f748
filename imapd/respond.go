package imapd

import (
	"context"
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"

	"heimpost/store"
)

// no makes the error that a handler returns to answer NO.
func no(code imap.ResponseCode, format string, args ...any) error {
	return &imap.Error{Type: imap.StatusResponseTypeNo, Code: code, Text: fmt.Sprintf(format, args...)}
}

// bad makes the error that a handler returns to answer BAD.
func bad(format string, args ...any) error {
	return &imap.Error{Type: imap.StatusResponseTypeBad, Text: fmt.Sprintf(format, args...)}
}

// storeCodes tells errors of the store in the words of RFC 5530.
var storeCodes = []struct {
	err  error
	code imap.ResponseCode
}{
	{store.ErrNoMailbox, imap.ResponseCodeNonExistent},
	{store.ErrExists, imap.ResponseCodeAlreadyExists},
	{store.ErrInvalidName, imap.ResponseCodeCannot},
	{store.ErrCannotDelete, imap.ResponseCodeCannot},
	{store.ErrSpecialUse, "USEATTR"},
	{store.ErrReadOnly, imap.ResponseCodeNoPerm},
	{store.ErrProtected, imap.ResponseCodeNoPerm},
	{store.ErrDeletesHere, imap.ResponseCodeNoPerm},
	{store.ErrKeywordLimit, imap.ResponseCodeLimit},
	{store.ErrTooMany, imap.ResponseCodeLimit},
	{store.ErrExpunged, "EXPUNGEISSUED"},
	{store.ErrTooBig, imap.ResponseCodeTooBig},
	{store.ErrNoSpace, imap.ResponseCodeOverQuota},
	{store.ErrMetadataLimit, "METADATA TOOMANY"},
	{store.ErrClosed, imap.ResponseCodeUnavailable},
	{store.ErrLocked, imap.ResponseCodeUnavailable},
	{store.ErrDamaged, imap.ResponseCodeCorruption},
	{context.Canceled, imap.ResponseCodeUnavailable},
}

// asStatus gives the status response that tells a client of a handler's
// error. known is false for what only the operator can mend: it belongs into
// the log.
func asStatus(err error) (status *imap.Error, known bool) {
	if errors.As(err, &status) {
		return status, true
	}
	if num := (errNoSuchNumber{}); errors.As(err, &num) {
		return &imap.Error{Type: imap.StatusResponseTypeBad, Text: num.Error()}, true
	}
	for _, s := range storeCodes {
		if errors.Is(err, s.err) {
			known = s.code != imap.ResponseCodeCorruption && s.code != imap.ResponseCodeOverQuota && s.code != imap.ResponseCodeUnavailable
			return &imap.Error{Type: imap.StatusResponseTypeNo, Code: s.code, Text: sentence(err.Error())}, known
		}
	}
	return &imap.Error{
		Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeServerBug,
		Text: "Heimpost could not do this. The operator finds the reason in the log.",
	}, false
}

// sentence makes an error's text one line of printable ASCII that begins with
// a capital and ends with a stop, as resp-text wants it (RFC 3501 §9).
func sentence(text string) string {
	b := make([]byte, 0, len(text)+1)
	for _, r := range text {
		switch {
		case r < ' ' || r == 0x7f:
			b = append(b, ' ')
		case r > 0x7f:
			b = append(b, '?')
		default:
			b = append(b, byte(r))
		}
	}
	if len(b) == 0 {
		return "It failed."
	}
	if b[0] >= 'a' && b[0] <= 'z' {
		b[0] -= 'a' - 'A'
	}
	if last := b[len(b)-1]; last != '.' && last != '!' && last != '?' {
		b = append(b, '.')
	}
	return string(b)
}
