package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

func logins(workers int) func(*server, *bench) (float64, error) {
	return func(s *server, b *bench) (float64, error) {
		one := func(int, int) error {
			c, err := login(s, false)
			if err != nil {
				return err
			}
			defer c.close()
			_, err = c.do("LOGOUT")
			return err
		}
		if _, err := rate(8, workers, one); err != nil { // processes and password caches warm
			return 0, err
		}
		return rate(400, workers, one)
	}
}

func appends(workers int) func(*server, *bench) (float64, error) {
	return func(s *server, b *bench) (float64, error) {
		box := fmt.Sprintf("bench-append%d", workers)
		clients := make([]*client, workers)
		for i := range clients {
			c, err := login(s, false)
			if err != nil {
				return 0, err
			}
			defer c.close()
			clients[i] = c
		}
		if _, err := clients[0].do("CREATE %s", box); err != nil {
			return 0, err
		}
		mail := smallMail(4 << 10)
		r, err := rate(600, workers, func(w, _ int) error { return clients[w].append(box, mail) })
		if err != nil {
			return 0, err
		}
		_, err = clients[0].do("DELETE %s", box)
		return r, err
	}
}

// bodies fetches every body, a block of messages a command as clients do.
func bodies(s *server, b *bench) (float64, error) {
	return selected(s, "INBOX", func(c *client) (float64, error) {
		var bytes int64
		start := time.Now()
		for from := 1; from <= b.messages; from += 500 {
			a, err := c.do("FETCH %d:%d (BODY.PEEK[])", from, min(from+499, b.messages))
			if err != nil {
				return 0, err
			}
			bytes += a.bytes
		}
		return float64(bytes) / 1e6 / time.Since(start).Seconds(), nil
	})
}

func bigBody(s *server, b *bench) (float64, error) {
	return selected(s, "bench-big", func(c *client) (float64, error) {
		var bytes int64
		ms, err := median(7, func() error {
			a, err := c.do("UID FETCH 1:* (BODY.PEEK[])")
			bytes = a.bytes
			return err
		})
		return float64(bytes) / 1e3 / ms, err
	})
}

// fill makes a mailbox of n small messages by copying from INBOX.
func fill(c *client, box string, n int) error {
	if _, err := c.do("CREATE %s", box); err != nil {
		return err
	}
	if _, err := c.do("SELECT INBOX"); err != nil {
		return err
	}
	if _, err := c.do("COPY 1:%d %s", n, box); err != nil {
		return err
	}
	_, err := c.do("SELECT %s", box)
	return err
}

func storeEach(s *server, b *bench) (float64, error) {
	return selected(s, "INBOX", func(c *client) (float64, error) {
		if err := fill(c, "bench-store", 2000); err != nil {
			return 0, err
		}
		r, err := rate(1000, 1, func(_, i int) error {
			_, err := c.do("STORE %d +FLAGS.SILENT (\\Flagged)", i+1)
			return err
		})
		if err != nil {
			return 0, err
		}
		return r, leave(c, "bench-store")
	})
}

func storeRange(s *server, b *bench) (float64, error) {
	return selected(s, "INBOX", func(c *client) (float64, error) {
		if err := fill(c, "bench-range", 2000); err != nil {
			return 0, err
		}
		sign := "-"
		ms, err := median(7, func() error {
			sign = map[string]string{"-": "+", "+": "-"}[sign]
			_, err := c.do("STORE 1:2000 %sFLAGS.SILENT (\\Flagged)", sign)
			return err
		})
		if err != nil {
			return 0, err
		}
		return ms, leave(c, "bench-range")
	})
}

// leave deletes the mailbox that is selected, after another was: Dovecot ends
// the connection of who has a mailbox selected that is deleted.
func leave(c *client, box string) error {
	if _, err := c.do("SELECT INBOX"); err != nil {
		return err
	}
	_, err := c.do("DELETE %s", box)
	return err
}

// fresh gives the median time of f on mailboxes of 2,000 messages of which
// every second one is \Deleted, each used once; bench-to is there and empty.
func fresh(s *server, b *bench, box string, f func(*client) error) (float64, error) {
	return selected(s, "INBOX", func(c *client) (float64, error) {
		var times []float64
		for i := range 3 {
			name := fmt.Sprintf("%s%d", box, i)
			if err := fill(c, name, 2000); err != nil {
				return 0, err
			}
			if _, err := c.do("CREATE bench-to"); err != nil {
				return 0, err
			}
			if strings.HasSuffix(box, "expunge") {
				odd := make([]string, 0, 1000)
				for n := 1; n < 2000; n += 2 {
					odd = append(odd, fmt.Sprint(n))
				}
				if _, err := c.do("STORE %s +FLAGS.SILENT (\\Deleted)", strings.Join(odd, ",")); err != nil {
					return 0, err
				}
			}
			ms, err := median(1, func() error { return f(c) })
			if err != nil {
				return 0, err
			}
			times = append(times, ms)
			for _, cmd := range []string{"SELECT INBOX", "DELETE " + name, "DELETE bench-to"} {
				if _, err := c.do("%s", cmd); err != nil {
					return 0, err
				}
			}
		}
		slices.Sort(times)
		return times[len(times)/2], nil
	})
}

// idlePush gives the median time from the appender's OK until EXISTS reaches
// an idling client.
func idlePush(s *server, b *bench) (float64, error) {
	app, err := login(s, false)
	if err != nil {
		return 0, err
	}
	defer app.close()
	if _, err := app.do("CREATE bench-idle"); err != nil {
		return 0, err
	}
	return selected(s, "bench-idle", func(c *client) (float64, error) {
		if err := c.send("IDLE\r\n"); err != nil {
			return 0, err
		}
		if err := c.await("+ "); err != nil {
			return 0, err
		}
		var times []float64
		for range 15 {
			type arrival struct {
				at  time.Time
				err error
			}
			got := make(chan arrival, 1)
			go func() {
				err := c.await("EXISTS")
				got <- arrival{time.Now(), err}
			}()
			if err := app.append("bench-idle", smallMail(4<<10)); err != nil {
				return 0, err
			}
			ok := time.Now()
			a := <-got
			if a.err != nil {
				return 0, a.err
			}
			// The news may overtake the OK on its way to this program.
			times = append(times, max(float64(a.at.Sub(ok))/1e6, 0.001))
		}
		slices.Sort(times)
		if _, err := fmt.Fprint(c.nc, "DONE\r\n"); err != nil {
			return 0, err
		}
		if _, err := c.finish("IDLE"); err != nil {
			return 0, err
		}
		if _, err := c.do("SELECT INBOX"); err != nil {
			return 0, err
		}
		_, err := app.do("DELETE bench-idle")
		return times[len(times)/2], err
	})
}

// idleMemory gives what one more idling connection costs, by the difference
// that a number of them makes.
func idleMemory(useTLS bool) func(*server, *bench) (float64, error) {
	return func(s *server, b *bench) (float64, error) {
		const n = 200
		before, err := s.pss()
		if err != nil {
			return 0, err
		}
		var conns []*client
		defer func() {
			for _, c := range conns {
				c.close()
			}
		}()
		for range n {
			c, err := login(s, useTLS)
			if err != nil {
				return 0, err
			}
			conns = append(conns, c)
			if _, err := c.do("SELECT INBOX"); err != nil {
				return 0, err
			}
			if err := c.send("IDLE\r\n"); err != nil {
				return 0, err
			}
			if err := c.await("+ "); err != nil {
				return 0, err
			}
			c.free()
		}
		s.settle()
		after, err := s.pss()
		return max(float64(after-before)/n, 0.1), err
	}
}
