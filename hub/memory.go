package hub

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// memoryEvery is how often it is looked whether memory can be given back.
	memoryEvery = 3 * time.Second
	// memoryQuiet is up to how many octets of garbage in that time the hub has
	// nothing to do, memoryWorth from how many on since the last time it is
	// worth the trouble.
	memoryQuiet = 1 << 20
	memoryWorth = 16 << 20
)

// giveMemoryBack gives the system back what a burst of work has left, such as a
// thousand clients that log in at once, when it has become quiet. By itself the
// runtime keeps as much again as is in use.
func giveMemoryBack(ctx context.Context) error {
	tick := time.NewTicker(memoryEvery)
	defer tick.Stop()
	var last, given uint64
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := allocated()
		if now-last < memoryQuiet && now-given > memoryWorth {
			debug.FreeOSMemory()
			now = allocated()
			given = now
		}
		last = now
	}
}

// allocated gives how many octets were ever taken from the heap.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
