package hub

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd"
)

// SignIn checks a person's name and password for the pages; a device's
// password does not open them. It costs and delays like Login, and answers a
// *imapd.LoginError whose text is for people.
func (h *Hub) SignIn(ctx context.Context, name, password string, remote netip.Addr) (p Person, err error) {
	name = foldLogin(name)
	if wait := h.throttle.blocked(remote); wait > 0 {
		return p, &imapd.LoginError{Code: imap.ResponseCodeLimit, Text: fmt.Sprintf(
			"Too many wrong passwords came from your address. Try again in %d minutes.", int(wait.Minutes())+1)}
	}
	p, err = h.person(ctx, h.db, name)
	stored := "" // verifying takes as long where there is nobody
	if err == nil {
		err = h.db.QueryRowContext(ctx, "SELECT password FROM person WHERE id=?", p.ID).Scan(&stored)
	}
	if err != nil && !errors.Is(err, KindNotFound) {
		return Person{}, dbError(err)
	}
	fits, err := h.hasher.verify(ctx, password, stored)
	if err != nil {
		return Person{}, err
	}
	if !fits || stored == "" {
		h.log.Warn("web: sign-in refused", "name", name, "remote", remote.String())
		pause(ctx, h.throttle.failed(remote))
		return Person{}, errRefused
	}
	h.throttle.passed(remote)
	return p, nil
}

// PersonNamed finds a person, with a stamp that changes when the person is
// another one of that name, or has another password. The pages ask for it with
// each request, so that who was removed, is no longer administrator or has a
// new password is so at once.
func (h *Hub) PersonNamed(ctx context.Context, name string) (p Person, stamp string, err error) {
	if p, err = h.person(ctx, h.db, foldLogin(name)); err != nil {
		return p, "", err
	}
	stored := ""
	if err := h.db.QueryRowContext(ctx, "SELECT password FROM person WHERE id=?", p.ID).Scan(&stored); err != nil {
		return p, "", dbError(err)
	}
	sum := sha256.Sum256([]byte(string(p.ID) + "\n" + stored))
	return p, hex.EncodeToString(sum[:]), nil
}
