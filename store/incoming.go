package store

import (
	"time"

	"github.com/emersion/go-imap/v2"
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
	*tmpIncoming
}
