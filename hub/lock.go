package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// lockFile is held by `serve` alone, or by any number of commands together.
const lockFile = "lock"

// errHeld is tryLock's answer where somebody else holds the lock.
var errHeld = errors.New("held")

// pollEvery is how often it is looked again whether a lock is free: the
// system cannot tell.
const pollEvery = 50 * time.Millisecond

// lockData takes the lock of a data folder for `serve` or for a command.
func lockData(ctx context.Context, dir string, o Options) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data folder %s cannot be written: %w", dir, err)
	}
	if err := o.awaitLock(ctx, f, dir); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (o Options) awaitLock(ctx context.Context, f *os.File, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, o.Wait)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for waiting := false; ; {
		err := tryLock(f, o.Serve)
		if err == nil || !errors.Is(err, errHeld) {
			return err
		}
		if o.Serve {
			// Whoever shares the lock is a command that will end; whoever
			// does not is another serve.
			if err := tryLock(f, false); err != nil {
				return newError(KindRunning, "heimpost serve is already running on %s: stop it first, or give another folder with --data", dir)
			}
			if err := unlock(f); err != nil {
				return err
			}
		}
		if !waiting && o.OnWait != nil && o.Wait > 0 {
			o.OnWait(dir)
		}
		waiting = true
		select {
		case <-tick.C:
		case <-ctx.Done():
			if o.Serve {
				return newError(KindRunning, "a heimpost command is still running on %s: wait until it has ended", dir)
			}
			return newError(KindRunning, "heimpost serve is running on %s but does not answer: try again, or restart it", dir)
		}
	}
}
