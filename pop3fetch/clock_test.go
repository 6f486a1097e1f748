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
					// Every 15 minutes less a tenth of jitter, the first one, and one
					// when the clock was set.
					if n := len(x.gaps("a@example.org")); n > 16 {
						t.Errorf("%d logins in three hours", n)
					}
				})
			}
		}
	}
}

// TestTwinsWithoutMessageID: another mail under a UID that was used before,
// with the same header down to the second and as many octets, but without a
// Message-ID that says that it is the same, is another mail.
func TestTwinsWithoutMessageID(t *testing.T) {
	r := newRig(t, pop3d.Options{}, Options{})
	for _, zone := range []string{"1", "2"} {
		r.drop.Add(pop3d.Mail{UID: "same", Bytes: []byte("From: alarm@example.org\r\nDate: Thu, 01 Jan 2026 12:00:00 +0000\r\nSubject: Alarm\r\n\r\nZone " + zone + "\r\n")})
		if res := r.fetch(); res.Retrieved != 1 || res.Deleted != 1 {
			t.Errorf("zone %s: %+v", zone, res)
		}
	}
	r.exactlyOnce()
}
