package pop3fetch

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"heimpost/peertest"
	"heimpost/pop3fetch/pop3d"
	"heimpost/pop3fetch/pop3d/mailgen"
)

// asDovecotSends gives a mail as Dovecot 2.3 sends it: an empty one gets the
// line end that its last line lacks, too.
func asDovecotSends(mail []byte) []byte {
	if len(mail) == 0 {
		return []byte("\r\n")
	}
	return pop3d.Canonical(mail)
}

// TestRealisticMix drains a realistic mix of mails and all that is odd from a
// real Dovecot over TLS: 2,000 mails with HEIMPOST_SOAK set.
func TestRealisticMix(t *testing.T) {
	r := newDovecotRig(t, peertest.DovecotConfig{Dir: peertest.MemDir(t)}, TLSImplicit)
	n := 200
	switch {
	case os.Getenv("HEIMPOST_SOAK") != "":
		n = 2000
	case testing.Short():
		n = 40
	}
	want := map[[32]byte][]string{}
	add := func(name string, mail []byte) {
		r.deliver(mail)
		hash := sha256.Sum256(asDovecotSends(mail))
		want[hash] = append(want[hash], name)
	}
	special := mailgen.Special()
	for _, name := range slices.Sorted(maps.Keys(special)) {
		add(name, special[name])
	}
	for i := range n - len(special) {
		add(fmt.Sprint("mail ", i), mailgen.Realistic(8, i))
	}
	if report, err := r.Test(ctx, r.accounts[0], r.d.Password); err != nil || report.Messages != n || report.TLS == "" {
		t.Errorf("test: %+v, %v", report, err)
	}
	check := func(what string, retrieved, left int) {
		t.Helper()
		if res := r.fetch(); res.Retrieved != retrieved || r.held() != left {
			t.Errorf("%s: %+v, %d left; want %d retrieved, %d left", what, res, r.held(), retrieved, left)
		}
	}
	r.change(0, func(a *Account) { a.Keep = DefaultKeep })
	check("first fetch, 14d", n, n)
	got := r.stored()
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
	r.change(0, func(a *Account) { a.Keep = KeepNever })
	check("third fetch, keep nothing", 0, 0)
	check("fourth fetch", 0, 0)
}
