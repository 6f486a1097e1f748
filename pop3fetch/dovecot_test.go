package pop3fetch

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"testing"

	"heimpost/peertest"
	"heimpost/pop3fetch/pop3d"
	"heimpost/pop3fetch/pop3d/mailgen"
	"heimpost/store"
)

// dovecotRig is a hub whose one account is at a real Dovecot.
func dovecotRig(t *testing.T, c peertest.DovecotConfig, mode TLSMode) (*hub, *Fetcher, *peertest.Dovecot) {
	t.Helper()
	dir := peertest.MemDir(t)
	c.Dir = dir
	d := peertest.NewDovecot(t, c)
	h := &hub{t: t, box: newBoxIn(t, dir), password: map[store.ID]string{}, states: map[store.ID]State{}}
	a := Account{ID: store.NewID(), Address: "a@example.org", Host: "127.0.0.1", TLS: mode, User: "a@example.org", Keep: KeepNever}
	at := d.POP3
	if mode == TLSImplicit {
		at = d.POP3S
	}
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		t.Fatal(err)
	}
	if a.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	h.accounts, h.password[a.ID] = []Account{a}, d.Password
	return h, New(h, Options{Log: quiet, Roots: d.Roots}), d
}

// asDovecotSends gives a mail as Dovecot 2.3 sends it: an empty one gets the
// line end that its last line lacks, too.
func asDovecotSends(mail []byte) []byte {
	if len(mail) == 0 {
		return []byte("\r\n")
	}
	return pop3d.Canonical(mail)
}

// TestDovecotRealisticMix drains 2,000 mails of a realistic mix and all that
// is odd from a real Dovecot, over TLS.
func TestDovecotRealisticMix(t *testing.T) {
	h, f, d := dovecotRig(t, peertest.DovecotConfig{}, TLSImplicit)
	n := 2000
	if testing.Short() || raceEnabled {
		n = 200
	}
	want := map[[32]byte][]string{}
	deliver := func(name string, mail []byte) {
		if err := d.Deliver("a@example.org", mail); err != nil {
			t.Fatal(err)
		}
		hash := sha256.Sum256(asDovecotSends(mail))
		want[hash] = append(want[hash], name)
	}
	special := mailgen.Special()
	for _, name := range slices.Sorted(maps.Keys(special)) {
		deliver(name, special[name])
	}
	for i := range n - len(special) {
		deliver(fmt.Sprint("mail ", i), mailgen.Realistic(8, i))
	}
	if r, err := f.Test(ctx, h.accounts[0], d.Password); err != nil || r.Messages != n || r.TLS == "" {
		t.Errorf("test: %+v, %v", r, err)
	}
	held := func() int {
		left, err := d.Held("a@example.org")
		if err != nil {
			t.Fatal(err)
		}
		return left
	}
	check := func(what string, retrieved, left int) {
		t.Helper()
		res, err := f.Round(ctx, "a@example.org", FetchOptions{})
		if err != nil {
			t.Fatalf("%s: %v\n%s", what, err, d.Log())
		}
		if res.Retrieved != retrieved || held() != left {
			t.Errorf("%s: %+v, %d left; want %d retrieved, %d left", what, res, held(), retrieved, left)
		}
	}
	h.change(0, func(a *Account) { a.Keep = DefaultKeep })
	check("first fetch, 14d", n, n)
	got := h.stored()
	if len(got) != n {
		t.Errorf("%d mails stored of %d", len(got), n)
	}
	for _, hash := range got {
		if len(want[hash]) == 0 {
			t.Errorf("a stored mail has other bytes than the provider's")
			continue
		}
		want[hash] = want[hash][1:]
	}
	for _, names := range want {
		if len(names) > 0 {
			t.Errorf("%q are not stored with the provider's bytes", names)
		}
	}
	check("second fetch", 0, n)
	h.change(0, func(a *Account) { a.Keep = KeepNever })
	check("third fetch, keep nothing", 0, 0)
	check("fourth fetch", 0, 0)
}
