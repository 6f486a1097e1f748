package hub

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"heimpost/pop3fetch"
	"heimpost/store"
)

// Account is a provider's mailbox and how its fetching goes.
type Account struct {
	ID      store.ID `json:"id"`
	Address string   `json:"address"`
	Box     string   `json:"box"`
	Mailbox string   `json:"mailbox"`
	Host    string   `json:"host"`
	Port    int      `json:"port"`
	TLS     string   `json:"tls"`
	User    string   `json:"user"`
	Keep    string   `json:"keep"`
	Every   string   `json:"every"`
	// AtLeast is the time between two checks that the provider wants, where
	// it is longer than Every.
	AtLeast string `json:"at_least,omitempty"`
	// OAuth names the provider at which the account signs in instead of
	// having a password; "" for a password.
	OAuth string `json:"oauth,omitempty"`
	// SignIn: somebody has to sign in (again) before mail is fetched.
	SignIn bool `json:"sign_in,omitempty"`

	LastTry          time.Time `json:"last_try,omitzero"`
	LastSuccess      time.Time `json:"last_success"`
	NextCheck        time.Time `json:"next_check"`
	NextAllowed      time.Time `json:"next_allowed"`
	Waiting          int       `json:"waiting"`
	PendingDeletions int       `json:"pending_deletions"`
	Unretrievable    int       `json:"unretrievable"`
	Error            string    `json:"error"`
	ErrorDE          string    `json:"error_de,omitempty"`
	ServerCount      int       `json:"server_count"` // at the provider, since the last round
	ServerSize       int64     `json:"server_size"`
	SeenBefore       string    `json:"seen_before,omitempty"`
	// Failed are the messages that could not be retrieved.
	Failed []FailedMessage `json:"failed,omitempty"`
}

// FailedMessage is a message that could not be retrieved, and why.
type FailedMessage struct {
	UID    string    `json:"uid"`
	Size   int64     `json:"size"`
	Reason string    `json:"reason"`
	Tries  int       `json:"tries"`
	Next   time.Time `json:"next"`
}

// MarshalJSON writes times that are not known as null.
func (a Account) MarshalJSON() ([]byte, error) {
	type plain Account
	return json.Marshal(struct {
		plain
		LastSuccess *time.Time `json:"last_success"`
		NextCheck   *time.Time `json:"next_check"`
		NextAllowed *time.Time `json:"next_allowed"`
	}{plain(a), timeOrNull(a.LastSuccess), timeOrNull(a.NextCheck), timeOrNull(a.NextAllowed)})
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// AccountParams name an account.
type AccountParams struct {
	Address string `json:"address"`
}

// AddedAccount is a new account with what its owner should know.
type AddedAccount struct {
	Account
	Provider string   `json:"provider,omitempty"`
	Hints    []string `json:"hints,omitempty"`
	HintsDE  []string `json:"hints_de,omitempty"`
}

// MarshalJSON adds what is new to what an account has.
func (a AddedAccount) MarshalJSON() ([]byte, error) {
	return joinJSON(a.Account, struct {
		Provider string   `json:"provider,omitempty"`
		Hints    []string `json:"hints,omitempty"`
		HintsDE  []string `json:"hints_de,omitempty"`
	}{a.Provider, a.Hints, a.HintsDE})
}

// joinJSON writes the keys of two objects as one.
func joinJSON(a, b any) ([]byte, error) {
	one, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	two, err := json.Marshal(b)
	if err != nil || len(two) <= 2 {
		return one, err
	}
	return append(append(one[:len(one)-1], ','), two[1:]...), nil
}

// AccountTested is what AccountTest found out.
type AccountTested struct {
	Account      string    `json:"account"`
	Summary      string    `json:"summary"`
	SummaryDE    string    `json:"summary_de"`
	Messages     int       `json:"messages"`
	Bytes        int64     `json:"bytes"`
	TLS          string    `json:"tls"`
	Capabilities []string  `json:"capabilities"`
	NextAllowed  time.Time `json:"next_allowed,omitzero"`
}

var (
	// AccountAdd stores an account. It does not contact the provider.
	AccountAdd = newOp("account.add", (*Hub).accountAdd)
	// AccountSet changes an account.
	AccountSet = newOp("account.set", (*Hub).accountSet)
	// AccountList lists all accounts.
	AccountList = newOp("account.list", (*Hub).accountList)
	// AccountRemove forgets an account; its mails stay, and what is known of
	// them at the provider, too.
	AccountRemove = newOp("account.remove", (*Hub).accountRemove)
	// AccountTest logs in at the provider and looks, no more.
	AccountTest = newOp("account.test", (*Hub).accountTest)
)

// account finds an account by its address.
func (h *Hub) account(ctx context.Context, q querier, address string) (a pop3fetch.Account, err error) {
	err = scanAccount(q.QueryRowContext(ctx, "SELECT "+accountColumns+" FROM account WHERE address=?", foldLogin(address)), &a)
	if errors.Is(err, sql.ErrNoRows) {
		return a, notFound("there is no account %q (heimpost account list shows all)", address)
	}
	return a, dbError(err)
}

// presetTimeout bounds how long the DNS is asked whose customer a domain is.
const presetTimeout = 5 * time.Second

// newAccount gives an account of an address with what is known of its provider.
func (h *Hub) newAccount(ctx context.Context, p AccountSetParams) (a pop3fetch.Account, preset pop3fetch.Preset, err error) {
	a = pop3fetch.Account{ID: store.NewID(), Keep: pop3fetch.DefaultKeep, Every: pop3fetch.DefaultEvery}
	if a.Address, err = CleanAddress(p.Address); err != nil || p.Host != nil {
		return a, preset, err
	}
	if preset, err = h.preset(ctx, a.Address); err != nil {
		return a, preset, err
	}
	if preset.Host == "" {
		return a, preset, invalid("no settings are known for %s: give its POP3 server with --host (and --port, --tls, --user where they are unusual)", a.Address)
	}
	a.Host, a.Port, a.TLS, a.User = preset.Host, preset.Port, preset.TLS, preset.UserName(a.Address)
	a.MinInterval, a.SessionMessages, a.SessionBytes = preset.MinInterval, preset.SessionMessages, preset.SessionBytes
	return a, preset, nil
}

// hints gives what is to be done at a provider first, in both languages.
func hints(p pop3fetch.Preset) (en, de []string) {
	for _, hint := range p.Hints {
		en, de = append(en, hint.EN), append(de, hint.DE)
	}
	return en, de
}

func (h *Hub) accountAdd(ctx context.Context, p AccountSetParams) (made AddedAccount, err error) {
	if p.Box == nil {
		if p.Box, err = h.onlyBox(ctx); err != nil {
			return made, err
		}
	}
	a, preset, err := h.newAccount(ctx, p)
	if err != nil {
		return made, err
	}
	made.Provider = preset.Provider
	made.Hints, made.HintsDE = hints(preset)
	if _, err := h.account(ctx, h.db, a.Address); !errors.Is(err, KindNotFound) {
		return made, cmp.Or(err, exists("there is an account %s already: change it with heimpost account set", a.Address))
	}
	if p.Password == nil && p.OAuth == nil {
		if preset.OAuth == "" || preset.Passwords() {
			// Whatever else is wrong is said first.
			p.Mailbox = nil
			_, err := h.applyAccount(ctx, &a, p)
			return made, cmp.Or(err, newError(KindNoPassword, "the password is missing"))
		}
		p.OAuth = &preset.OAuth
	}
	sealed, err := h.applyAccount(ctx, &a, p)
	if err != nil {
		return made, err
	}
	err = h.tx(ctx, func(q *sql.Tx) error {
		if _, err := h.account(ctx, q, a.Address); !errors.Is(err, KindNotFound) {
			return cmp.Or(err, exists("there is an account %s already", a.Address))
		}
		if err := h.boxStands(ctx, q, a.Box); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, "INSERT INTO account("+accountColumns+", password, created) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			append(accountValues(a), append([]byte{}, sealed...), ms(h.now()))...); err != nil {
			return err
		}
		if st, is := h.tries.take(a); is {
			if err := saveState(ctx, q, a.ID, st); err != nil {
				return err
			}
		}
		made.Account, err = h.accountInfo(ctx, q, a.Address)
		return err
	})
	if err != nil {
		return made, err
	}
	h.changed(func(*session) bool { return false })
	h.fetcher.Wake()
	one := []Account{made.Account}
	err = h.nameMailboxes(ctx, one)
	made.Account = one[0]
	return made, err
}

// onlyBox gives the name of the box where there is one alone.
func (h *Hub) onlyBox(ctx context.Context) (*string, error) {
	all, err := h.boxList(ctx, None{})
	if err != nil {
		return nil, err
	}
	switch len(all) {
	case 0:
		return nil, invalid("say with --box which box the mail goes to; there is none yet: heimpost person add NAME makes one")
	case 1:
		return &all[0].Name, nil
	}
	return nil, invalid("say with --box which box the mail goes to (heimpost box list shows all)")
}

func accountValues(a pop3fetch.Account) []any {
	return []any{a.ID, a.Address, a.Box, a.Mailbox, a.Host, a.Port, string(a.TLS), a.User, a.Keep.String(), int64(a.Every / time.Second),
		int64(a.MinInterval / time.Second), a.SessionMessages, a.SessionBytes, a.DayBytes, int64(a.SeenBefore / time.Second), a.OAuth}
}

// boxStands refuses a box that was removed meanwhile.
func (h *Hub) boxStands(ctx context.Context, q querier, id store.ID) error {
	_, err := h.boxByID(ctx, q, id)
	return err
}

// mailboxFor gives the id of a mailbox, which is made where it is missing;
// "" for INBOX.
func (h *Hub) mailboxFor(ctx context.Context, box store.ID, name string) (store.ID, error) {
	b, release, err := h.boxes.use(ctx, box)
	if err != nil {
		return "", err
	}
	defer release()
	inbox, err := b.MailboxID("INBOX")
	if err != nil {
		return "", err
	}
	id, err := b.MailboxID(name)
	if errors.Is(err, store.ErrNoMailbox) {
		var made store.MailboxInfo
		view := b.View(store.ViewOptions{})
		if made, err = view.CreateMailbox(ctx, name, ""); err == nil {
			err = view.Subscribe(ctx, made.Name, true)
		}
		id = made.ID
	}
	if errors.Is(err, store.ErrInvalidName) {
		return "", invalid("%v", err)
	}
	if id == inbox {
		id = ""
	}
	return id, err
}

// mailboxName gives the name of the mailbox an account delivers into.
func (h *Hub) mailboxName(ctx context.Context, box, id store.ID) (string, error) {
	if id == "" {
		return "INBOX", nil
	}
	b, release, err := h.boxes.use(ctx, box)
	if err != nil {
		return "", err
	}
	defer release()
	for _, m := range b.View(store.ViewOptions{}).Mailboxes() {
		if m.ID == id {
			return m.Name, nil
		}
	}
	return "", newError("", "the mailbox that the account delivers into was deleted: choose another one with heimpost account set --mailbox")
}

// accountInfo describes an account.
func (h *Hub) accountInfo(ctx context.Context, q querier, address string) (out Account, err error) {
	all, err := h.accounts(ctx, q, address)
	if err != nil || len(all) != 1 {
		return out, cmp.Or(err, notFound("there is no account %q", address))
	}
	return all[0], nil
}

// accounts describes all accounts, or that of an address, but for the names
// of mailboxes.
func (h *Hub) accounts(ctx context.Context, q querier, address string) ([]Account, error) {
	return collect(ctx, q, func(r *sql.Rows, out *Account) error {
		var a pop3fetch.Account
		var s pop3fetch.State
		var state string
		var signedIn bool
		if err := scanAccount(r, &a, &out.Box, &state, &signedIn); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(state), &s); err != nil {
			s = pop3fetch.State{Error: "its state cannot be read and begins anew"}
		}
		*out = Account{ID: a.ID, Address: a.Address, Box: out.Box, Mailbox: string(a.Mailbox), Host: a.Host, Port: a.Port, TLS: string(a.TLS), User: a.User,
			Keep: a.Keep.String(), Every: formatEvery(a.Every), OAuth: a.OAuth, SignIn: a.OAuth != "" && (s.SignIn || !signedIn), LastTry: s.LastTry, LastSuccess: s.LastSuccess,
			NextCheck: s.NextCheck, Waiting: s.Waiting, PendingDeletions: s.PendingDeletions,
			Unretrievable: s.Unretrievable, Error: s.Error, ErrorDE: s.ErrorDE,
			ServerCount: s.ServerCount, ServerSize: s.ServerSize}
		if at := a.Allowed(s); at.After(h.now()) {
			out.NextAllowed = at
		}
		if floor := max(a.MinInterval, s.LoginDelay); floor > a.Every {
			out.AtLeast = formatEvery(floor)
		}
		if out.SignIn {
			out.Error = fmt.Sprintf("please sign in: heimpost account signin %s", a.Address)
			if signedIn {
				out.Error = fmt.Sprintf("please sign in again: heimpost account signin %s", a.Address)
			}
			out.ErrorDE = "Bitte melden Sie sich beim Anbieter an."
		}
		if a.SeenBefore > 0 {
			out.SeenBefore = formatDays(int(a.SeenBefore/(24*time.Hour)), "")
		}
		for _, f := range s.Failed {
			out.Failed = append(out.Failed, FailedMessage{f.UID, f.Size, f.Reason, f.Tries, f.Next})
		}
		return nil
	}, "SELECT "+accountColumns+", (SELECT name FROM box b WHERE b.id=account.box), state, token IS NOT NULL FROM account WHERE ?1='' OR address=?1 ORDER BY address", address)
}

func (h *Hub) accountList(ctx context.Context, _ None) ([]Account, error) {
	list, err := h.accounts(ctx, h.db, "")
	if err != nil {
		return nil, err
	}
	return list, h.nameMailboxes(ctx, list)
}

// nameMailboxes puts the names of mailboxes in the place of their ids. What
// cannot be found out is said in the account's error.
func (h *Hub) nameMailboxes(ctx context.Context, list []Account) error {
	for i := range list {
		l := &list[i]
		if l.Mailbox == "" {
			l.Mailbox = "INBOX"
			continue
		}
		b, err := h.box(ctx, h.db, l.Box)
		if err != nil {
			return err
		}
		name, err := h.mailboxName(ctx, b.ID, store.ID(l.Mailbox))
		if err != nil {
			l.Error = cmp.Or(l.Error, err.Error())
			name = ""
		}
		l.Mailbox = name
	}
	return nil
}

func (h *Hub) accountRemove(ctx context.Context, p AccountParams) (none None, err error) {
	a, err := h.account(ctx, h.db, p.Address)
	if err != nil {
		return none, err
	}
	release, err := h.noRound(ctx, a)
	if err != nil {
		return none, err
	}
	defer release()
	st, err := directory{h}.LoadState(ctx, a.ID)
	if err != nil {
		return none, err
	}
	err = h.tx(ctx, func(q *sql.Tx) error {
		_, err := q.ExecContext(ctx, "DELETE FROM account WHERE id=?", a.ID)
		return err
	})
	if err != nil {
		return none, err
	}
	if at := a.Allowed(st); at.After(h.now()) { // it may be added again
		h.tries.note(a, st.LastLogin, at)
	}
	h.changed(func(*session) bool { return false }) // its address was a login name
	h.fetcher.Wake()
	return none, nil
}

func (h *Hub) accountTest(ctx context.Context, p AccountParams) (out AccountTested, err error) {
	a, err := h.account(ctx, h.db, p.Address)
	if err != nil {
		return out, err
	}
	password := "" // none: the sign-in
	if a.OAuth == "" {
		if password, err = (directory{h}).Password(ctx, a); err != nil {
			return out, err
		}
	}
	r, err := h.fetcher.Test(ctx, a, password)
	if err != nil {
		return out, err
	}
	return tested(a, r), nil
}

func tested(a pop3fetch.Account, r pop3fetch.Report) AccountTested {
	return AccountTested{Account: a.Address, Summary: r.Summary, SummaryDE: r.SummaryDE, Messages: r.Messages, Bytes: r.Bytes, TLS: r.TLS,
		Capabilities: append([]string{}, r.Capabilities...), NextAllowed: r.NextAllowed}
}
