package main

import (
	"context"
	"runtime"
	"time"

	"heimpost/store"
)

// rebuildTenths rebuilds a box's index and gives when each tenth was done.
func rebuildTenths(dir string) ([]time.Time, error) {
	var at []time.Time
	next := 0
	_, err := store.Rebuild(context.Background(), dir, store.Options{}, func(done, total int) {
		for next <= 10 && done >= total*next/10 && done > 0 {
			at = append(at, time.Now())
			next++
		}
	})
	return at, err
}

// memoryOfMessages gives the octets of heap that the INBOX of a box takes for
// one session, and for several that have it selected.
func memoryOfMessages(dir string, sessions int) (one, many float64, err error) {
	ctx := context.Background()
	box, err := store.OpenBox(ctx, dir, store.Options{})
	if err != nil {
		return 0, 0, err
	}
	defer box.Close()
	if _, err := box.SearchPending(ctx); err != nil { // waits until the full text is compared
		return 0, 0, err
	}
	heap := func() float64 {
		var m runtime.MemStats
		for range 2 {
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before := heap()
	var held []*store.Snapshot
	for i := range sessions {
		m, err := box.View(store.ViewOptions{}).Mailbox(ctx, "INBOX")
		if err != nil {
			return 0, 0, err
		}
		if held = append(held, m.Snapshot()); i == 0 {
			one = heap() - before
		}
	}
	many = heap() - before
	runtime.KeepAlive(held)
	return one, many, nil
}
