package store

import (
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/message"
)

// Incoming is a mail on its way in. The caller writes its bytes, which go to
// a file under tmp/ while they are hashed and scanned (bare LF becomes CRLF,
// nothing else changes), then calls Finish, sets the exported fields and
// hands it to Append or Deliver; or it calls Abort.
type Incoming struct {
	// Date is the INTERNALDATE; zero: what Finish found (topmost plausible
	// Received date, else Date), else now.
	Date  time.Time
	Flags []imap.Flag
	// UIDL is the provider's row for this mail (Deliver only).
	UIDL *UIDL
}

// Write takes the next bytes. Errors: ErrTooBig, ErrNoSpace, other file errors;
// after one the mail can only be aborted.
func (in *Incoming) Write(p []byte) (int, error) { panic("not built") }

// Finish ends the bytes and gives what the scan found. It does not make the
// mail durable; Append and Deliver do, several at a time.
func (in *Incoming) Finish() (*message.Message, error) { panic("not built") }

// Hash gives the SHA-256 of the stored bytes; valid after Finish.
func (in *Incoming) Hash() [32]byte { panic("not built") }

// Abort drops the mail and its file. It may be called at any time, also after
// Append or Deliver (then it does nothing).
func (in *Incoming) Abort() { panic("not built") }
