package hub

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

const (
	firstDelay  = 250 * time.Millisecond // of the answer to a failed login; it doubles
	longestWait = 5 * time.Second
	forgetAfter = 15 * time.Minute // since the last failure
	blockAfter  = 30               // failures
	blockFor    = 15 * time.Minute
	maxFailing  = 10_000 // addresses remembered
)

// throttle makes guessing passwords slow, by the address of who does it.
type throttle struct {
	now   func() time.Time
	first time.Duration // the first delay
	mu    sync.Mutex
	by    map[netip.Prefix]failures
}

type failures struct {
	count   int
	last    time.Time
	blocked time.Time // until then
}

func (t *throttle) init(now func() time.Time) {
	t.now, t.first, t.by = now, firstDelay, map[netip.Prefix]failures{}
}

// network gives what counts as one address: of IPv6 the /64 net, since one
// machine has all of it.
func network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // the zero Prefix for the zero Addr
	return p
}

// near reports whether nobody at this address is ever blocked.
func near(a netip.Addr) bool {
	a = a.Unmap()
	return !a.IsValid() || a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast()
}

// blocked gives how long an address gets no answer at all; 0: it does.
func (t *throttle) blocked(a netip.Addr) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(0, t.by[network(a)].blocked.Sub(t.now()))
}

// failed counts a failed login and gives how long its answer is to wait.
func (t *throttle) failed(a netip.Addr) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if len(t.by) >= maxFailing {
		for n, f := range t.by {
			if now.Sub(f.last) > forgetAfter {
				delete(t.by, n)
			}
		}
		if len(t.by) >= maxFailing {
			return longestWait // too many to remember: all wait
		}
	}
	f := t.by[network(a)]
	if now.Sub(f.last) > forgetAfter {
		f = failures{}
	}
	f.count++
	f.last = now
	if f.count >= blockAfter && !near(a) {
		f.blocked, f.count = now.Add(blockFor), blockAfter/2
	}
	t.by[network(a)] = f
	return min(longestWait, t.first<<min(f.count-1, 10))
}

// passed forgets the failures of an address.
func (t *throttle) passed(a netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.by, network(a))
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
