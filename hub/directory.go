package hub

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"heimpost/imapd"
	"heimpost/pop3fetch"
	"heimpost/store"
)

// directory is what the fetcher sees of the hub.
type directory struct{ h *Hub }

var (
	_ pop3fetch.Directory = directory{}
	_ pop3fetch.SignIns   = directory{}
)

const accountColumns = "id, address, box, mailbox, host, port, tls, user, keep, every, mininterval, sessionmessages, sessionbytes, daybytes, seenbefore, oauth"

func scanAccount(row interface{ Scan(...any) error }, a *pop3fetch.Account, more ...any) error {
	var keep string
	var every, floor, before int64
	err := row.Scan(append([]any{&a.ID, &a.Address, &a.Box, &a.Mailbox, &a.Host, &a.Port, &a.TLS, &a.User, &keep, &every, &floor,
		&a.SessionMessages, &a.SessionBytes, &a.DayBytes, &before, &a.OAuth}, more...)...)
	if err == nil {
		a.Keep, err = pop3fetch.ParseKeep(keep)
	}
	a.Every, a.MinInterval, a.SeenBefore = time.Duration(every)*time.Second, time.Duration(floor)*time.Second, time.Duration(before)*time.Second
	return err
}

func (d directory) Accounts(ctx context.Context) ([]pop3fetch.Account, error) {
	return collect(ctx, d.h.db, func(r *sql.Rows, a *pop3fetch.Account) error { return scanAccount(r, a) },
		"SELECT "+accountColumns+" FROM account ORDER BY address")
}

func (d directory) Password(ctx context.Context, a pop3fetch.Account) (string, error) {
	var sealed []byte
	if err := d.h.db.QueryRowContext(ctx, "SELECT password FROM account WHERE id=?", a.ID).Scan(&sealed); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return "", pop3fetch.ErrNoAccount
		}
		return "", dbError(err)
	}
	if len(sealed) == 0 {
		return "", newError("", "there is no password for %s: heimpost account signin %s, or set one with heimpost account set %s --password", a.Address, a.Address, a.Address)
	}
	return d.h.secrets.unseal(a.ID, sealed)
}

func (d directory) Box(ctx context.Context, id store.ID) (*store.Box, func(), error) {
	return d.h.boxes.use(ctx, id)
}

func (d directory) LoadState(ctx context.Context, id store.ID) (pop3fetch.State, error) {
	return d.h.loadState(ctx, d.h.db, id)
}

func (d directory) SaveState(ctx context.Context, id store.ID, s pop3fetch.State) error {
	return d.h.tx(ctx, func(q *sql.Tx) error { return saveState(ctx, q, id, s) })
}

func (h *Hub) loadState(ctx context.Context, q querier, id store.ID) (s pop3fetch.State, err error) {
	var text string
	err = q.QueryRowContext(ctx, "SELECT state FROM account WHERE id=?", id).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return s, nil
	}
	if err != nil {
		return s, dbError(err)
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		// Losing a state costs a retry, never a mail.
		h.log.Warn("the state of an account cannot be read and begins anew", "account", id, "error", err)
		return pop3fetch.State{}, nil
	}
	return s, nil
}

func saveState(ctx context.Context, q *sql.Tx, id store.ID, s pop3fetch.State) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = q.ExecContext(ctx, "UPDATE account SET state=? WHERE id=?", string(text), id)
	return err
}

// demandEvery is how often it is looked for a mailbox whether an account is due
// because clients ask for news; how often one is, is the fetcher's to say.
const demandEvery = 10 * time.Second

// demand are the rounds that clients cause by asking for news.
type demand struct {
	ctx context.Context // ends with serve
	wg  sync.WaitGroup

	mu    sync.Mutex
	asked map[store.ID]time.Time // by mailbox: when it was last looked
}

// newMailNeeded has the accounts fetched that deliver into a mailbox, where the
// provider allows it and the last round is a minute ago.
func (h *Hub) newMailNeeded(l *imapd.Login, mailbox store.ID) {
	d := &h.demand
	d.mu.Lock()
	now := h.now()
	due := now.Sub(d.asked[mailbox]) >= demandEvery && d.ctx.Err() == nil
	if due {
		if len(d.asked) > 10_000 {
			clear(d.asked)
		}
		d.asked[mailbox] = now
		d.wg.Add(1)
	}
	d.mu.Unlock()
	if !due {
		return
	}
	go func() {
		defer d.wg.Done()
		if err := h.fetchFor(d.ctx, mailbox); err != nil && d.ctx.Err() == nil {
			h.log.Warn("a fetch on demand failed", "error", err)
		}
	}()
}

// fetchFor tells the fetcher that a mailbox is looked at.
func (h *Hub) fetchFor(ctx context.Context, mailbox store.ID) error {
	accounts, err := directory{h}.Accounts(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, a := range accounts {
		into := a.Mailbox
		if into == "" {
			if into, err = h.inboxOf(ctx, a.Box); err != nil {
				errs = append(errs, err) // another box's trouble is not this one's
				continue
			}
		}
		if into == mailbox {
			h.fetcher.FetchIfDue(a.Box, a.Mailbox)
		}
	}
	return errors.Join(errs...)
}

// inboxOf gives the id of a box's INBOX.
func (h *Hub) inboxOf(ctx context.Context, box store.ID) (store.ID, error) {
	b, release, err := h.boxes.use(ctx, box)
	if err != nil {
		return "", err
	}
	defer release()
	return b.MailboxID("INBOX")
}
