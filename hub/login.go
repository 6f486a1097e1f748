package hub

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd"
	"heimpost/store"
)

// loginKey stands for a name and a password, by a key that never leaves the
// process.
type loginKey [sha256.Size]byte

// logins remembers verified logins until a password or a right changes, and
// sees to it that clients that come five at a time cost one computation.
type logins struct {
	key   [32]byte
	mu    sync.Mutex
	known map[loginKey]access
	runs  map[loginKey]*loginRun
}

// loginRun is a verification that several wait for.
type loginRun struct {
	done   chan struct{}
	access access
	err    error
}

// maxKnown is how many logins are remembered.
const maxKnown = 10_000

func (l *logins) init() {
	rand.Read(l.key[:])
	l.known, l.runs = map[loginKey]access{}, map[loginKey]*loginRun{}
}

func (l *logins) keyOf(name, password string) (k loginKey) {
	mac := hmac.New(sha256.New, l.key[:])
	fmt.Fprintf(mac, "%d %s%s", len(name), name, password)
	mac.Sum(k[:0])
	return k
}

func (l *logins) get(k loginKey) (access, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, ok := l.known[k]
	return a, ok
}

func (l *logins) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.known)
}

// verifyTimeout bounds one verification, whoever still waits for it.
const verifyTimeout = 30 * time.Second

// once runs verify, or waits for the one of the same key that runs already.
func (l *logins) once(ctx context.Context, k loginKey, verify func(context.Context) (access, error)) (access, error) {
	l.mu.Lock()
	run := l.runs[k]
	if run == nil {
		run = &loginRun{done: make(chan struct{})}
		l.runs[k] = run
		go func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), verifyTimeout)
			defer cancel()
			run.access, run.err = verify(ctx)
			l.mu.Lock()
			delete(l.runs, k)
			l.mu.Unlock()
			close(run.done)
		}()
	}
	l.mu.Unlock()
	select {
	case <-run.done:
		return run.access, run.err
	case <-ctx.Done():
		return access{}, context.Cause(ctx)
	}
}

// remember keeps a verified login for as long as its rules hold.
func (h *Hub) remember(k loginKey, a access) {
	h.sessions.mu.Lock()
	defer h.sessions.mu.Unlock()
	if h.sessions.generation != a.generation {
		return
	}
	h.logins.mu.Lock()
	defer h.logins.mu.Unlock()
	if len(h.logins.known) >= maxKnown {
		clear(h.logins.known)
	}
	h.logins.known[k] = a
}

// errRefused is the one answer to a wrong name and to a wrong password.
var errRefused = &imapd.LoginError{Code: imap.ResponseCodeAuthenticationFailed,
	Text: "The name or the password is wrong."}

// Login is the imapd.Authenticator.
func (h *Hub) Login(ctx context.Context, name, password string, remote netip.Addr) (*imapd.Login, error) {
	name = foldLogin(name)
	key := h.logins.keyOf(name, password)
	for range 10 {
		a, known := h.logins.get(key)
		if !known {
			if wait := h.throttle.blocked(remote); wait > 0 {
				return nil, &imapd.LoginError{Code: imap.ResponseCodeUnavailable, Text: fmt.Sprintf(
					"Too many wrong passwords came from your address. Try again in %d minutes.", int(wait.Minutes())+1)}
			}
			var err error
			a, err = h.logins.once(ctx, key, func(ctx context.Context) (access, error) {
				a, err := h.verify(ctx, name, password)
				if err == nil {
					h.remember(key, a)
				}
				return a, err
			})
			if refused := (*imapd.LoginError)(nil); errors.As(err, &refused) {
				h.log.Warn("imap: login refused", "name", name, "remote", remote.String(), "reason", refused.Text)
				pause(ctx, h.throttle.failed(remote))
				return nil, err
			}
			if err != nil {
				return nil, err
			}
			h.throttle.passed(remote)
		}
		l, ok, err := h.begin(ctx, a)
		if errors.Is(err, KindNotFound) {
			return nil, errRefused // removed in this moment
		}
		if err != nil {
			return nil, err
		}
		if ok {
			h.log.Info("imap: login", "name", name, "person", a.personName, "device", a.deviceName, "remote", remote.String())
			return l, nil
		}
	}
	return nil, newError("", "the rules change faster than somebody can log in")
}

// loginPerson is somebody whose password may fit.
type loginPerson struct {
	id             store.ID
	name, password string
	readOnly       bool
}

// verify finds out whom name and password belong to, and what they open.
func (h *Hub) verify(ctx context.Context, name, password string) (access, error) {
	a := access{generation: h.sessions.now()}
	people, box, alone, err := h.loginNames(ctx, name)
	if err != nil {
		return a, err
	}
	a.box, a.alone = box, alone
	if hash, ok := devicePasswordHash(password); ok {
		found, err := h.loginDevice(ctx, &a, hash, people)
		if found || err != nil {
			return a, err
		}
	}
	var fits []loginPerson
	for _, p := range people {
		ok, err := h.hasher.verify(ctx, password, p.password)
		if err != nil {
			return a, err
		}
		if ok {
			fits = append(fits, p)
		}
	}
	switch {
	case len(people) == 0: // takes as long as if there were somebody
		if _, err := h.hasher.verify(ctx, password, ""); err != nil {
			return a, err
		}
		return a, errRefused
	case len(fits) == 0:
		return a, errRefused
	case len(fits) > 1:
		return a, &imapd.LoginError{Code: imap.ResponseCodeAuthenticationFailed, Text: fmt.Sprintf(
			"This password fits %d people who share %q, so it does not say who you are. Make a device password (heimpost device add) and use that one here.", len(fits), name)}
	}
	a.person, a.personName, a.readOnly = fits[0].id, fits[0].name, fits[0].readOnly
	return a, nil
}

// loginNames gives the box that a login name stands for and who may open it:
// a person's own box, else a box by its name, else by an address.
func (h *Hub) loginNames(ctx context.Context, name string) (people []loginPerson, box store.ID, alone bool, err error) {
	scan := func(r *sql.Rows, p *loginPerson) error { return r.Scan(&p.id, &p.name, &p.password, &p.readOnly) }
	err = h.db.QueryRowContext(ctx, "SELECT b.id FROM person p JOIN box b ON b.person=p.id WHERE p.name=?", name).Scan(&box)
	if err == nil {
		people, err = collect(ctx, h.db, scan, "SELECT id, name, password, 0 FROM person WHERE name=?", name)
		return people, box, false, err
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = h.db.QueryRowContext(ctx, `
			SELECT id FROM (
				SELECT id, 1 AS rank FROM box WHERE name=?1
				UNION ALL SELECT box, 2 FROM address WHERE address=?1
				UNION ALL SELECT box, 3 FROM account WHERE address=?1)
			ORDER BY rank LIMIT 1`, name).Scan(&box)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil, "", false, nil
	}
	if err != nil {
		return nil, "", false, dbError(err)
	}
	people, err = collect(ctx, h.db, scan, `
		SELECT p.id, p.name, p.password, 0 FROM box b JOIN person p ON p.id=b.person WHERE b.id=?1
		UNION ALL SELECT p.id, p.name, p.password, a.readonly FROM access a JOIN person p ON p.id=a.person WHERE a.box=?1`, box)
	return people, box, true, err
}

// loginDevice looks whether the password is that of a device of one of the
// people.
func (h *Hub) loginDevice(ctx context.Context, a *access, hash []byte, people []loginPerson) (found bool, err error) {
	var person, device store.ID
	var name, without string
	err = h.db.QueryRowContext(ctx, "SELECT id, person, name, without FROM device WHERE password=?", hash).Scan(&device, &person, &name, &without)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, dbError(err)
	}
	for _, p := range people {
		if p.id != person {
			continue
		}
		var names []string
		if err := json.Unmarshal([]byte(without), &names); err != nil {
			return false, err
		}
		a.without = map[string]bool{}
		for _, n := range names {
			a.without[strings.ToUpper(n)] = true
		}
		a.person, a.personName, a.readOnly = p.id, p.name, p.readOnly
		a.device, a.deviceName = device, name
		return true, nil
	}
	return false, nil
}
