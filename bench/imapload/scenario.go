package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// scenario is one line of the table.
type scenario struct {
	name   string
	target float64 // how many times better than the peer, at least; 0: shown only
	unit   string
	more   bool // more is better (a rate); else less is (a time, a size)
	run    func(s *server, b *bench) (float64, error)
}

// median runs f n times and gives the median time in milliseconds.
func median(n int, f func() error) (float64, error) {
	times := make([]float64, 0, n)
	for range n {
		start := time.Now()
		if err := f(); err != nil {
			return 0, err
		}
		times = append(times, float64(time.Since(start))/1e6)
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

// rate runs f n times over parallel workers and gives how many a second.
func rate(n, workers int, f func(worker, i int) error) (float64, error) {
	errs := make([]error, workers)
	var wg sync.WaitGroup
	start := time.Now()
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				errs[w] = f(w, i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

// selected logs in, selects a mailbox and runs f.
func selected(s *server, mailbox string, f func(*client) (float64, error)) (float64, error) {
	c, err := login(s, false)
	if err != nil {
		return 0, err
	}
	defer c.close()
	if _, err := c.do("SELECT %s", mailbox); err != nil {
		return 0, err
	}
	return f(c)
}

// fetchAll gives the median time of a FETCH of every message.
func fetchAll(n int, items string) func(*server, *bench) (float64, error) {
	return func(s *server, b *bench) (float64, error) {
		return selected(s, "INBOX", func(c *client) (float64, error) {
			return median(n, func() error {
				a, err := c.do("UID FETCH 1:* (%s)", items)
				if err == nil && a.fetches != b.messages {
					err = fmt.Errorf("%d of %d messages were answered", a.fetches, b.messages)
				}
				return err
			})
		})
	}
}

// search gives the median time of a SEARCH that must find something.
func search(n int, keys string) func(*server, *bench) (float64, error) {
	return func(s *server, b *bench) (float64, error) {
		hits := -1
		return selected(s, "INBOX", func(c *client) (float64, error) {
			return median(n, func() error {
				a, err := c.do("SEARCH %s", keys)
				if err == nil && (a.hits == 0 || hits >= 0 && a.hits != hits) {
					err = fmt.Errorf("SEARCH %s found %d", keys, a.hits)
				}
				hits = a.hits
				b.hits(keys, s, a.hits)
				return err
			})
		})
	}
}

const listItems = "UID RFC822.SIZE FLAGS INTERNALDATE ENVELOPE"
const fieldItems = "BODY.PEEK[HEADER.FIELDS (From To Subject Date Message-ID References)]"

// scenarios in the order in which they run: those that want a fresh server
// first, those that change the mailbox last.
func scenarios() []scenario {
	return []scenario{
		{"BODYSTRUCTURE of all, first time", 50, "ms", false, fetchAll(1, "BODYSTRUCTURE")},
		{"header fields of all, first time", 10, "ms", false, fetchAll(1, fieldItems)},
		{"list of all, after a restart, cold cache", 3, "ms", false, func(s *server, b *bench) (float64, error) {
			if err := s.restart(); err != nil {
				return 0, err
			}
			dropCaches()
			return fetchAll(1, listItems)(s, b)
		}},
		{"list of all, warm", 4, "ms", false, fetchAll(5, listItems)},
		{"BODYSTRUCTURE of all, warm", 2, "ms", false, fetchAll(5, "BODYSTRUCTURE")},
		{"header fields of all, warm", 2, "ms", false, fetchAll(5, fieldItems)},
		{"UID FETCH 1:* (FLAGS)", 2, "ms", false, fetchAll(9, "FLAGS")},
		{"login and logout, one after another", 5, "/s", true, logins(1)},
		{"login and logout, 4 parallel", 5, "/s", true, logins(4)},
		{"SELECT", 2, "ms", false, func(s *server, b *bench) (float64, error) {
			return selected(s, "Drafts", func(c *client) (float64, error) {
				return median(51, func() error { _, err := c.do("SELECT INBOX"); return err })
			})
		}},
		{"STATUS", 1, "ms", false, func(s *server, b *bench) (float64, error) {
			return selected(s, "Drafts", func(c *client) (float64, error) {
				return median(201, func() error { _, err := c.do("STATUS INBOX (MESSAGES UNSEEN UIDNEXT)"); return err })
			})
		}},
		{"all bodies", 1.2, "MB/s", true, bodies},
		{"one body of 25 MiB", 1, "MB/s", true, bigBody},
		{"SEARCH UNSEEN", 4, "ms", false, search(51, "UNSEEN")},
		{"SEARCH FROM", 4, "ms", false, search(5, "FROM \"petra\"")},
		{"SEARCH SUBJECT", 4, "ms", false, search(5, "SUBJECT \"rechnung\"")},
		{"SEARCH SINCE", 4, "ms", false, search(5, "SINCE 1-Jan-2020")},
		{"SEARCH TEXT", 100, "ms", false, search(3, "TEXT \"heizung\"")},
		{"SEARCH BODY", 100, "ms", false, search(3, "BODY \"heizung\"")},
		{"APPEND 4 KiB, one after another", 2, "/s", true, appends(1)},
		{"APPEND 4 KiB, 4 parallel", 2, "/s", true, appends(4)},
		{"STORE one by one", 2, "/s", true, storeEach},
		{"STORE 2,000 by range", 2, "ms", false, storeRange},
		{"COPY 2,000", 2, "ms", false, func(s *server, b *bench) (float64, error) {
			return fresh(s, b, "bench-copy", func(c *client) error { _, err := c.do("UID COPY 1:* bench-to"); return err })
		}},
		{"MOVE 2,000", 2, "ms", false, func(s *server, b *bench) (float64, error) {
			return fresh(s, b, "bench-move", func(c *client) error { _, err := c.do("UID MOVE 1:* bench-to"); return err })
		}},
		{"EXPUNGE 1,000 of 2,000", 1, "ms", false, func(s *server, b *bench) (float64, error) {
			return fresh(s, b, "bench-expunge", func(c *client) error { _, err := c.do("EXPUNGE"); return err })
		}},
		{"IDLE: EXISTS after the appender's OK", 250, "ms", false, idlePush},
		{"memory of an idle connection, plain", 1, "KiB", false, idleMemory(false)},
		{"memory of an idle connection, TLS", 1, "KiB", false, idleMemory(true)},
	}
}
