package pop3fetch

import (
	"testing"
	"testing/synctest"
	"time"

	"heimpost/pop3fetch/pop3d"
)

// TestClockSetBack: a clock that ran ahead for a while and was put right stops
// no account, with the provider's floor or without it, after success or not.
func TestClockSetBack(t *testing.T) {
	for _, ahead := range []time.Duration{24 * time.Hour, 10 * 365 * 24 * time.Hour} {
		for _, floor := range []time.Duration{0, 15 * time.Minute} {
			for _, refused := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					x := newTimed(t, pop3d.Options{}, "a@example.org")
					x.change(0, func(a *Account) { a.MinInterval = floor })
					set := ahead
					x.o.Now = func() time.Time { return time.Now().Add(set) }
					if refused {
						x.refuse = func(string) string { return "[SYS/TEMP] later" }
					}
					x.deliver(1)
					x.run(time.Hour)
					x.deliver(1)
					set, x.refuse = 0, nil
					x.run(2 * time.Hour)
					if x.exactlyOnce(); t.Failed() {
						t.Fatalf("ahead %v, floor %v, refused %v: %+v", ahead, floor, refused, x.state(0))
					}
					if n := len(x.gaps("a@example.org")); n > 14 {
						t.Errorf("%d logins in three hours", n)
					}
				})
			}
		}
	}
}
