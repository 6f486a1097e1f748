package store

import (
	"context"
	"time"
)

const (
	// expireFirst and expireEvery are when an open box looks for deleted mail
	// whose time is over.
	expireFirst = time.Minute
	expireEvery = 6 * time.Hour
)

// startExpire starts what calls Expire now and then; stop ends it.
func (b *Box) startExpire() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for wait := expireFirst; ; wait = expireEvery {
			t := time.NewTimer(wait)
			select {
			case <-ctx.Done():
				t.Stop()
				return
			case <-t.C:
			}
			b.Expire(ctx) // what it could not do is done the next time
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}
