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
	// clockStep is by how much the clock may have gone on between two looks
	// before it is believed to be wrong.
	clockStep = 24 * time.Hour
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
			b.expireAged(ctx) // what it could not do is done the next time
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// expireAged does what Expire does, by a clock that is remembered (meta
// 'clock') and goes on by clockStep at most. A system that believes for an hour
// to be in another year so loses no mail that could still be restored; what is
// deleted before its clock is put right is kept from the remembered time on.
func (b *Box) expireAged(ctx context.Context) error {
	var clock int64
	err := b.writer.do(ctx, &request{run: func(t *tx) error {
		if err := t.row("SELECT coalesce(max(value), 0) FROM meta WHERE key='clock'").Scan(&clock); err != nil {
			return err
		}
		now := b.now().Unix()
		if clock != 0 {
			now = min(now, clock+int64(clockStep/time.Second))
		}
		clock = max(clock, now)
		return t.exec("INSERT OR REPLACE INTO meta(key, value) VALUES('clock', ?)", clock)
	}})
	if err == nil {
		_, err = b.expireAt(ctx, time.Unix(clock, 0))
	}
	return err
}
