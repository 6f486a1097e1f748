package hub

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"time"

	"heimpost/pop3fetch"
	"heimpost/pop3fetch/oauth"
	"heimpost/store"
)

// AccountSetParams change an account; nil leaves as it is.
type AccountSetParams struct {
	Address string  `json:"address"`
	Box     *string `json:"box,omitempty"`
	Mailbox *string `json:"mailbox,omitempty"`
	Host    *string `json:"host,omitempty"`
	Port    *int    `json:"port,omitempty"`
	TLS     *string `json:"tls,omitempty"`
	User    *string `json:"user,omitempty"`
	Keep    *string `json:"keep,omitempty"`
	Every   *string `json:"every,omitempty"`
	// SeenBefore makes the first drain take older mail as read.
	SeenBefore *string `json:"seen_before,omitempty"`
	// Password makes the account log in with it; OAuth ("google",
	// "microsoft") makes it sign in instead.
	Password *string `json:"password,omitempty"`
	OAuth    *string `json:"oauth,omitempty"`
}

// applyAccount changes a as p says, checks it, and gives the password for
// hub.db; nil: as it was.
func (h *Hub) applyAccount(ctx context.Context, a *pop3fetch.Account, p AccountSetParams) (sealed []byte, err error) {
	oldBox := a.Box
	if p.Box != nil {
		b, err := h.box(ctx, h.db, *p.Box)
		if err != nil {
			return nil, err
		}
		a.Box = b.ID
	}
	if p.Host != nil {
		if a.Host != *p.Host { // what was known of the other host goes
			preset, _ := pop3fetch.PresetForHost(*p.Host)
			a.MinInterval, a.SessionMessages, a.SessionBytes, a.DayBytes = preset.MinInterval, preset.SessionMessages, preset.SessionBytes, 0
		}
		a.Host = *p.Host
		a.TLS, a.User = cmp.Or(a.TLS, pop3fetch.TLSImplicit), cmp.Or(a.User, a.Address)
	}
	if p.TLS != nil {
		a.TLS = pop3fetch.TLSMode(*p.TLS)
		if p.Port == nil {
			a.Port = a.TLS.Port()
		}
	}
	if p.Port != nil {
		a.Port = *p.Port
	} else if a.Port == 0 {
		a.Port = a.TLS.Port()
	}
	if p.User != nil {
		a.User = *p.User
	}
	if p.Keep != nil {
		if a.Keep, err = pop3fetch.ParseKeep(*p.Keep); err != nil {
			return nil, invalid("%v", err)
		}
	}
	if p.Every != nil {
		if a.Every, err = parseEvery(*p.Every); err != nil {
			return nil, err
		}
	}
	if p.SeenBefore != nil {
		days, err := parseDays(*p.SeenBefore, "never")
		if err != nil {
			return nil, err
		}
		a.SeenBefore = time.Duration(days) * 24 * time.Hour
	}
	if err := a.Validate(); err != nil {
		return nil, invalid("%v", err)
	}
	if p.OAuth != nil {
		if p.Password != nil {
			return nil, invalid("an account has a password or signs in, not both")
		}
		if _, known := oauth.Lookup(*p.OAuth); !known {
			return nil, invalid("%.40q is no provider to sign in at: google or microsoft", *p.OAuth)
		}
		a.OAuth = *p.OAuth
	}
	if p.Password != nil {
		a.OAuth = ""
		if err := checkPassword(*p.Password); err != nil {
			return nil, err
		}
		if sealed, err = h.secrets.seal(a.ID, *p.Password); err != nil {
			return nil, err
		}
	}
	if p.Mailbox != nil || a.Mailbox != "" && a.Box != oldBox {
		name := "INBOX"
		if p.Mailbox != nil {
			name = *p.Mailbox
		} else if name, err = h.mailboxName(ctx, oldBox, a.Mailbox); err != nil {
			return nil, err
		}
		if a.Mailbox, err = h.mailboxFor(ctx, a.Box, name); err != nil {
			return nil, err
		}
	}
	return sealed, nil
}

// parseEvery reads the time between two checks.
func parseEvery(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Second || d > 31*24*time.Hour {
		return 0, invalid("%.40q is not a time between two checks: write minutes or hours such as 15m or 2h", s)
	}
	return d, nil
}

// formatEvery writes what parseEvery reads, without zeros at the end.
func formatEvery(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

func (h *Hub) accountSet(ctx context.Context, p AccountSetParams) (out Account, err error) {
	was, err := h.account(ctx, h.db, p.Address)
	if err != nil {
		return out, err
	}
	a := was
	sealed, err := h.applyAccount(ctx, &a, p)
	if err != nil {
		return out, err
	}
	moved := a.Host != was.Host || a.Port != was.Port || a.User != was.User
	otherWay := moved || a.TLS != was.TLS || a.OAuth != was.OAuth
	if otherWay || a.Box != was.Box || a.Mailbox != was.Mailbox {
		release, err := h.noRound(ctx, was)
		if err != nil {
			return out, err
		}
		defer release()
		if now, err := h.account(ctx, h.db, was.Address); err != nil || now != was {
			return out, cmp.Or(err, newError("", "%s was just changed by somebody else: look at it and try again", was.Address))
		}
	}
	// The rows of mails at the provider go along before the account does, so
	// that no mail comes twice.
	if err := h.moveUIDLs(ctx, was, a); err != nil {
		return out, err
	}
	err = h.tx(ctx, func(q *sql.Tx) error {
		if err := h.boxStands(ctx, q, a.Box); err != nil {
			return err
		}
		v := accountValues(a)
		if _, err := q.ExecContext(ctx, `UPDATE account SET box=?, mailbox=?, host=?, port=?, tls=?, user=?, keep=?, every=?,
			mininterval=?, sessionmessages=?, sessionbytes=?, daybytes=?, seenbefore=?, oauth=? WHERE id=?`, append(v[2:], a.ID)...); err != nil {
			return err
		}
		if sealed != nil {
			if _, err := q.ExecContext(ctx, "UPDATE account SET password=? WHERE id=?", sealed, a.ID); err != nil {
				return err
			}
		}
		if a.OAuth != was.OAuth { // the other way of logging in is forgotten
			forget := "UPDATE account SET token=NULL WHERE id=?"
			if a.OAuth != "" {
				forget = "UPDATE account SET token=NULL, password=x'' WHERE id=?"
			}
			if _, err := q.ExecContext(ctx, forget, a.ID); err != nil {
				return err
			}
		}
		if otherWay || sealed != nil {
			if err := h.beginAnew(ctx, q, a.ID, moved); err != nil {
				return err
			}
		}
		out, err = h.accountInfo(ctx, q, a.Address)
		return err
	})
	if err != nil {
		return out, err
	}
	h.changed(func(*session) bool { return false })
	h.fetcher.Wake()
	one := []Account{out}
	err = h.nameMailboxes(ctx, one)
	return one[0], err
}

// beginAnew lets the schedule try another way of logging in at once, not after
// the back-off that the one before has earned. What was learned of another
// server or user (moved) is forgotten.
func (h *Hub) beginAnew(ctx context.Context, q *sql.Tx, id store.ID, moved bool) error {
	st, err := h.loadState(ctx, q, id)
	if err != nil {
		return err
	}
	st.Forget()
	if moved {
		st.LastLogin, st.LoginDelay, st.HadUIDL, st.Disagreed, st.Broken = time.Time{}, 0, false, 0, 0
		st.Failed, st.Unretrievable, st.ServerCount, st.ServerSize, st.Waiting, st.PendingDeletions = nil, 0, 0, 0, 0, 0
	}
	return saveState(ctx, q, id, st)
}

// noRound waits until no round of an account runs, and keeps others from
// beginning until release is called.
func (h *Hub) noRound(ctx context.Context, a pop3fetch.Account) (release func(), err error) {
	wait, cancel := context.WithTimeout(ctx, removeBoxWait)
	defer cancel()
	if release, err = h.fetcher.Hold(wait, a); err != nil && ctx.Err() == nil {
		return nil, newError(KindRunning, "%s is being fetched: try again when that has ended", a.Address)
	}
	return release, err
}

// moveUIDLs copies what is known of an account's mails at the provider into
// the box that it delivers into from now on.
func (h *Hub) moveUIDLs(ctx context.Context, from, to pop3fetch.Account) error {
	if from.Box == to.Box {
		return nil
	}
	old, release, err := h.boxes.use(ctx, from.Box)
	if err != nil {
		return err
	}
	defer release()
	rows, err := old.UIDLs(ctx, from.Address)
	if err != nil {
		return err
	}
	box, releaseNew, err := h.boxes.use(ctx, to.Box)
	if err != nil {
		return err
	}
	defer releaseNew()
	const some = 5000 // rows in one transaction
	for len(rows) > 0 {
		n := min(some, len(rows))
		if err := box.SetUIDLs(ctx, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}
