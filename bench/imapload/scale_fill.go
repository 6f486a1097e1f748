package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// tenths gives how fast the last tenth of something was beside the first, from
// the times when each tenth was reached.
func tenths(what string, n int, at []time.Time) ([]figure, error) {
	if len(at) != 11 {
		return nil, fmt.Errorf("%s: %d tenths were seen", what, len(at)-1)
	}
	first, last := at[1].Sub(at[0]).Seconds(), at[10].Sub(at[9]).Seconds()
	rate := float64(n) / 10
	return []figure{{fmt.Sprintf("%s of %d: last tenth beside the first", what, n), first / last, "x", 0.8, false,
		fmt.Sprintf("%.0f/s, then %.0f/s", rate/first, rate/last), ""}}, nil
}

// fillByAppend appends over four connections.
func fillByAppend(s *scale) ([]figure, error) {
	h, err := s.hub("fill")
	if err != nil {
		return nil, err
	}
	if err := h.run(); err != nil {
		return nil, err
	}
	defer h.stop()
	const workers = 4
	at := []time.Time{time.Now()}
	var mu sync.Mutex
	done := 0
	_, err = each(s.fill, workers, func() (func(i int) error, func(), error) {
		c, err := login(h, false)
		if err != nil {
			return nil, nil, err
		}
		return func(i int) error {
			mail := append(fmt.Appendf(nil, "Message-ID: <%d@example.org>\r\n", i), smallMail(2<<10)...)
			if err := c.append("INBOX", mail); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if done++; done%(s.fill/10) == 0 {
				at = append(at, time.Now())
			}
			return nil
		}, c.close, nil
	})
	if err != nil {
		return nil, err
	}
	return tenths("APPEND over 4 connections", s.fill, at)
}

// each runs n calls over workers, each with what begin gives it.
func each(n, workers int, begin func() (f func(i int) error, end func(), err error)) (float64, error) {
	fs := make([]func(int) error, workers)
	for w := range workers {
		f, end, err := begin()
		if err != nil {
			return 0, err
		}
		defer end()
		fs[w] = f
	}
	return rate(n, workers, func(w, i int) error { return fs[w](i) })
}

// fillByRebuild makes the index of the box that fillByAppend filled anew.
func fillByRebuild(s *scale) ([]figure, error) {
	dir := filepath.Join(s.dir, "fill")
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("rebuild measures the box that append fills")
	}
	at, err := rebuildTenths(filepath.Join(dir, "boxes", "marko"))
	if err != nil {
		return nil, err
	}
	return tenths("rebuild", s.fill, at)
}
