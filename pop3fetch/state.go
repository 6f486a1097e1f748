package pop3fetch

import (
	"context"
	"time"
)

// State is what the hub keeps of an account between rounds, as JSON. What
// must never be forgotten (which message was stored) is in the box instead;
// losing a State costs a retry or a count, never a mail.
type State struct {
	LastTry     time.Time `json:"last_try,omitzero"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	LastLogin   time.Time `json:"last_login,omitzero"` // also a refused one
	NextCheck   time.Time `json:"next_check,omitzero"` // by schedule, back-off included

	Failures     int       `json:"failures,omitzero"`      // rounds that failed, in a row
	AuthFailures int       `json:"auth_failures,omitzero"` // refused logins, in a row
	AuthSince    time.Time `json:"auth_since,omitzero"`    // the first of them
	Error        string    `json:"error,omitzero"`         // of the last round, in plain words
	ErrorDE      string    `json:"error_de,omitzero"`      // the same in German

	// SignIn: the OAuth2 sign-in has ended. The schedule leaves the account
	// alone until SignedIn.
	SignIn bool `json:"sign_in,omitzero"`

	Waiting          int `json:"waiting,omitzero"`           // listed, not yet stored
	PendingDeletions int `json:"pending_deletions,omitzero"` // DELE sent or due, still listed
	Unretrievable    int `json:"unretrievable,omitzero"`     // messages in Failed
	// ServerCount and ServerSize are what the provider holds since the last
	// round, by its own count.
	ServerCount int   `json:"server_count,omitzero"`
	ServerSize  int64 `json:"server_size,omitzero"`

	// Drained: everything that was listed and can be retrieved has been stored
	// once, so the first drain is over.
	Drained bool `json:"drained,omitzero"`
	// More: the last session ended at a limit, or may have been shown only a
	// part of the maildrop; the next one comes as soon as it is allowed.
	More bool `json:"more,omitzero"`
	// DayBytes were retrieved on the day that began at Day.
	Day      time.Time `json:"day,omitzero"`
	DayBytes int64     `json:"day_bytes,omitzero"`

	LoginDelay time.Duration `json:"login_delay,omitzero"` // announced by CAPA
	Removes    bool          `json:"removes,omitzero"`     // it deletes what was fetched (EXPIRE 0); that was said
	Told       string        `json:"told,omitempty"`       // the keep rule that is at work, as the log has told
	HadUIDL    bool          `json:"had_uidl,omitzero"`    // UIDL worked once
	Disagreed  int           `json:"disagreed,omitzero"`   // sessions in a row whose counts disagreed
	Broken     int           `json:"broken,omitzero"`      // sessions in a row that broke within a batch
	// UnnumberedAt is when messages without a usable unique-id were last
	// retrieved to compare them by content.
	UnnumberedAt time.Time `json:"unnumbered_at,omitzero"`

	// Renew: the access token is to be renewed although it looks valid.
	Renew bool `json:"renew,omitzero"`

	Failed []FailedMessage `json:"failed,omitzero"`

	untried int // listed by the last session, not stored, and not in Failed
}

// Forget forgets the trouble that there was, so that the schedule tries again
// as soon as the provider allows it.
func (st *State) Forget() {
	st.SignIn, st.Failures, st.AuthFailures, st.AuthSince = false, 0, 0, time.Time{}
	st.Error, st.ErrorDE, st.NextCheck, st.Renew = "", "", time.Time{}, false
}

// allowsAnother reports whether a second login may follow a refused one at
// once.
func (st *State) allowsAnother(a Account) bool { return a.MinInterval == 0 && st.LoginDelay == 0 }

// clockSlack is how far what has been may lie ahead: clocks are put right by
// seconds now and then.
const clockSlack = time.Minute

// load gives an account's state. Times in it that cannot be, because our clock
// was set back since, are forgotten: else the account would rest until then.
func (f *Fetcher) load(ctx context.Context, a Account) (State, error) {
	st, err := f.dir.LoadState(ctx, a.ID)
	now := f.o.Now()
	forget := func(latest time.Time, times ...*time.Time) {
		for _, t := range times {
			if t.After(latest) {
				*t = time.Time{}
			}
		}
	}
	if st.LastTry.After(now.Add(clockSlack)) {
		st.NextCheck = time.Time{}
	}
	forget(now.Add(clockSlack), &st.LastTry, &st.LastLogin, &st.AuthSince, &st.UnnumberedAt)
	forget(now.Add(2*max(a.every(), maxLoginDelay)), &st.NextCheck)
	for i := range st.Failed {
		forget(now.Add(lastRetry+clockSlack), &st.Failed[i].Next)
	}
	return st, err
}

// FailedMessage is a message that could not be retrieved, and when to try
// again.
type FailedMessage struct {
	UID    string    `json:"uid"`
	Size   int64     `json:"size"` // as listed
	Reason string    `json:"reason"`
	Breaks bool      `json:"breaks,omitzero"` // it ends the session
	Tries  int       `json:"tries"`
	Next   time.Time `json:"next"`
}

// maxFailed bounds what is remembered of messages that failed.
const maxFailed = 1000
