package pop3fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heimpost/pop3fetch/pop3d"
	"heimpost/store"
)

// timed is a provider in fake time that notes when logins came.
type timed struct {
	*rig
	mu     sync.Mutex
	logins map[string][]time.Time
	refuse func(user string) string
	open   map[string]int // sessions at a time
}

// newTimed makes a provider at pop.example.org for users and a fetcher that
// reaches it. It must be called in a bubble.
func newTimed(t *testing.T, so pop3d.Options, users ...string) *timed {
	x := &timed{logins: map[string][]time.Time{}, open: map[string]int{}}
	so.Login = func(user string) string {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.logins[user] = append(x.logins[user], time.Now())
		if x.refuse != nil {
			return x.refuse(user)
		}
		return ""
	}
	var drops []*pop3d.Maildrop
	for _, u := range users {
		drops = append(drops, pop3d.NewMaildrop(u, "secret"))
	}
	server := pop3d.New(so, drops...)
	t.Cleanup(server.Close)
	h := &hub{t: t, box: newBoxIn(t, memDir(t)), password: map[store.ID]string{}, states: map[store.ID]State{}}
	o := Options{Log: quiet, Dial: func(context.Context, string, string) (net.Conn, error) {
		a, b := memConns()
		server.ServeConn(b)
		return a, nil
	}}
	x.rig = &rig{h, New(h, o), t, server, drops[0]}
	for _, u := range users {
		x.add(u)
	}
	return x
}

func (x *timed) add(user string) {
	x.hub.mu.Lock()
	defer x.hub.mu.Unlock()
	a := Account{ID: store.NewID(), Address: user, Host: "localhost", Port: 110, TLS: TLSNone, User: user, Keep: KeepNever}
	x.accounts = append(x.accounts, a)
	x.password[a.ID] = "secret"
}

// run runs the schedule for some time.
func (x *timed) run(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	if err := x.Run(ctx); err != nil {
		x.t.Errorf("Run: %v", err)
	}
}

// gaps gives the times between a user's logins.
func (x *timed) gaps(user string) (out []time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	l := x.logins[user]
	for i := 1; i < len(l); i++ {
		out = append(out, l[i].Sub(l[i-1]).Round(time.Second))
	}
	return out
}

func within(t *testing.T, what string, got, least, most time.Duration) {
	t.Helper()
	if got < least || got > most {
		t.Errorf("%s: %v, want %v to %v", what, got, least, most)
	}
}

func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTimed(t, pop3d.Options{}, "a@example.org", "b@example.org")
		x.change(1, func(a *Account) { a.Every = time.Hour })
		x.deliver(3)
		x.run(10 * time.Hour)
		for i, g := range x.gaps("a@example.org") {
			within(t, fmt.Sprint("gap ", i), g, 13*time.Minute+30*time.Second, 16*time.Minute+30*time.Second)
		}
		if n := len(x.gaps("a@example.org")); n < 36 {
			t.Errorf("%d rounds", n)
		}
		for i, g := range x.gaps("b@example.org") {
			within(t, fmt.Sprint("gap ", i), g, 54*time.Minute, 66*time.Minute)
		}
		x.exactlyOnce()
		if st := x.state(0); st.LastSuccess.IsZero() || !st.Drained || st.Failures != 0 || !st.NextCheck.After(time.Now()) {
			t.Errorf("%+v", st)
		}
	})
}

// TestFloors: neither a short interval nor success brings a login before the
// provider wants it.
func TestFloors(t *testing.T) {
	for name, so := range map[string]pop3d.Options{
		"preset":       {},
		"announced":    {Capabilities: []string{"LOGIN-DELAY 900"}},
		"for the user": {Capabilities: []string{"LOGIN-DELAY 900 USER"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			x := newTimed(t, so, "a@example.org")
			x.change(0, func(a *Account) {
				a.Every = time.Minute
				if name == "preset" {
					a.MinInterval = 15 * time.Minute
				}
			})
			x.run(5 * time.Hour)
			gaps := x.gaps("a@example.org")
			for i, g := range gaps {
				within(t, fmt.Sprint(name, " gap ", i), g, 15*time.Minute, 17*time.Minute)
			}
			if len(gaps) < 15 {
				t.Errorf("%s: %d rounds", name, len(gaps))
			}
		})
	}
}

// TestBackOff: how soon the schedule comes back after each kind of trouble.
func TestBackOff(t *testing.T) {
	m := time.Minute
	for _, test := range []struct {
		reply       string
		least, most []time.Duration // of the first gaps
	}{
		{"-ERR [IN-USE] busy", []time.Duration{54 * time.Second, 108 * time.Second, 4 * m, 9 * m, 9 * m}, []time.Duration{66 * time.Second, 132 * time.Second, 6 * m, 11 * m, 11 * m}},
		{"-ERR [LOGIN-DELAY] wait", []time.Duration{27 * m, 27 * m}, []time.Duration{33 * m, 33 * m}},
		{"-ERR [SYS/TEMP] later", []time.Duration{54 * time.Second, 108 * time.Second, 3*m + 30*time.Second}, []time.Duration{66 * time.Second, 132 * time.Second, 5 * m}},
		{"-ERR [SYS/PERM] never", []time.Duration{54 * m, 108 * m}, []time.Duration{66 * m, 132 * m}},
		{"-ERR [AUTH] wrong", []time.Duration{13 * m, 27 * m, 54 * m}, []time.Duration{17 * m, 33 * m, 66 * m}},
		{"-ERR no", []time.Duration{13 * m, 13 * m, 54 * m}, []time.Duration{17 * m, 17 * m, 66 * m}},
		{"-ERR Exceeded the login limit for a 15 minute period", []time.Duration{27 * m}, []time.Duration{33 * m}},
	} {
		synctest.Test(t, func(t *testing.T) {
			x := newTimed(t, pop3d.Options{}, "a@example.org")
			x.refuse = func(string) string { return test.reply }
			x.deliver(1)
			x.run(5 * time.Hour)
			gaps := x.gaps("a@example.org")
			if len(gaps) < len(test.least) {
				t.Fatalf("%s: gaps %v", test.reply, gaps)
			}
			for i := range test.least {
				within(t, fmt.Sprint(test.reply, " gap ", i), gaps[i], test.least[i], test.most[i])
			}
			if st := x.state(0); st.Error == "" || st.ErrorDE == "" || st.Failures == 0 {
				t.Errorf("%s: %+v", test.reply, st)
			}
			// It heals by itself.
			x.refuse = nil
			x.run(26 * time.Hour)
			x.exactlyOnce()
			if st := x.state(0); st.Error != "" || st.Failures != 0 || st.AuthFailures != 0 {
				t.Errorf("%s: afterwards %+v", test.reply, st)
			}
		})
	}
}

// TestWrongPassword: one refused login is not yet a wrong password; three in a
// row over an hour are called so.
func TestWrongPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTimed(t, pop3d.Options{Without: []string{"AUTH-RESP-CODE"}}, "a@example.org")
		x.password[x.accounts[0].ID] = "wrong"
		x.run(time.Minute)
		first := x.state(0).Error
		if !strings.Contains(first, "too often") {
			t.Errorf("after one: %s", first)
		}
		x.run(6 * time.Hour)
		if later := x.state(0).Error; !strings.Contains(later, "probably wrong") {
			t.Errorf("after many: %s", later)
		}
	})
}

// TestByHand: by hand only the provider's floor counts, not our back-off.
func TestByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTimed(t, pop3d.Options{}, "a@example.org")
		x.refuse = func(string) string { return "-ERR [SYS/PERM] never" }
		x.broken()
		x.broken()
		x.refuse = nil
		x.deliver(1)
		start := time.Now()
		x.fetch()
		within(t, "after our own back-off", time.Since(start), 0, 0)

		x.change(0, func(a *Account) { a.MinInterval = 15 * time.Minute })
		res, err := x.Round(ctx, "a@example.org", FetchOptions{})
		var soon *TooSoonError
		if !errors.As(err, &soon) || !errors.Is(err, ErrTooSoon) || res.NextAllowed != soon.At || time.Until(soon.At) != 15*time.Minute {
			t.Fatalf("too soon: %+v, %v", res, err)
		}
		time.Sleep(14*time.Minute + 10*time.Second)
		start = time.Now()
		x.fetch()
		within(t, "within a minute of the floor", time.Since(start), 50*time.Second, 50*time.Second)
	})
	synctest.Test(t, func(t *testing.T) {
		x := newTimed(t, pop3d.Options{Capabilities: []string{"LOGIN-DELAY 30"}}, "a@example.org")
		x.fetch()
		start := time.Now()
		x.fetch()
		within(t, "announced delay", time.Since(start), 30*time.Second, 30*time.Second)
	})
	synctest.Test(t, func(t *testing.T) {
		// The provider refuses and says by how much: waited for once.
		x := newTimed(t, pop3d.Options{Capabilities: []string{"LOGIN-DELAY 40"}}, "a@example.org")
		n := 0
		x.refuse = func(string) string {
			if n++; n == 1 {
				return "-ERR [LOGIN-DELAY] wait"
			}
			return ""
		}
		start := time.Now()
		x.fetch()
		within(t, "refused once", time.Since(start), 40*time.Second, 40*time.Second)
	})
	synctest.Test(t, func(t *testing.T) {
		x := newTimed(t, pop3d.Options{Capabilities: []string{"LOGIN-DELAY 400"}}, "a@example.org")
		x.refuse = func(string) string { return "-ERR [LOGIN-DELAY] wait" }
		if _, err := x.Round(ctx, "a@example.org", FetchOptions{}); !errors.Is(err, ErrTooSoon) {
			t.Errorf("refused for long: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		x := newTimed(t, pop3d.Options{}, "a@example.org")
		if _, err := x.Round(ctx, "x@example.org", FetchOptions{}); !errors.Is(err, ErrNoAccount) {
			t.Error(err)
		}
	})
}

// TestByHandWaits: a fetch by hand during a round waits for it and then runs
// one of its own.
func TestByHandWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		x := newTimed(t, pop3d.Options{Script: func(conn int) pop3d.Script {
			return pop3d.Script{On: func(c *pop3d.Command) {
				if conn == 0 && c.Verb == "QUIT" {
					c.Hold = hold
				}
			}}
		}}, "a@example.org")
		x.deliver(1)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { x.fetch() })
		}
		synctest.Wait()
		if n := x.server.Connections(); n != 1 {
			t.Errorf("%d sessions at a time", n)
		}
		x.deliver(1)
		close(hold)
		wg.Wait()
		x.exactlyOnce()
		if n := x.server.Connections(); n != 2 {
			t.Errorf("%d sessions", n)
		}
	})
}

// TestHanging: a provider that hangs delays neither another account nor the
// end, and its session ends by its deadline.
func TestHanging(t *testing.T) {
	for _, verb := range []string{"", "CAPA", "USER", "PASS", "STAT", "RETR", "NOOP", "DELE", "QUIT"} {
		synctest.Test(t, func(t *testing.T) {
			hold := make(chan struct{})
			defer close(hold)
			x := newTimed(t, pop3d.Options{Script: func(conn int) pop3d.Script {
				return pop3d.Script{On: func(c *pop3d.Command) {
					if conn%2 == 0 && c.Verb == verb {
						c.Hold = hold
					}
				}}
			}}, "a@example.org")
			x.deliver(3)
			start := time.Now()
			x.broken()
			within(t, verb+" hangs", time.Since(start), 55*time.Second, 125*time.Second)
			x.nothingLost()
			// Again, and now it is told to end.
			ctx, cancel := context.WithCancel(ctx)
			ended := make(chan error)
			x.server.ServeConn(func() net.Conn { a, b := memConns(); a.Close(); return b }()) // an odd number
			go func() { ended <- x.Run(ctx) }()
			synctest.Wait()
			start = time.Now()
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			within(t, verb+" hangs at the end", time.Since(start), 0, 0)
		})
	}
}

func TestOthersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		defer close(hold)
		var mu sync.Mutex
		sick := map[int]bool{}
		x := newTimed(t, pop3d.Options{Script: func(conn int) pop3d.Script {
			return pop3d.Script{On: func(c *pop3d.Command) {
				mu.Lock()
				defer mu.Unlock()
				if c.Verb == "USER" && c.Arg == "a@example.org" {
					sick[conn] = true
				}
				if sick[conn] && c.Verb == "RETR" {
					c.Hold = hold
				}
			}}
		}}, "a@example.org", "b@example.org")
		x.deliver(1)
		x.run(5 * time.Hour)
		if n := len(x.gaps("b@example.org")); n < 18 {
			t.Errorf("%d rounds of the other account", n)
		}
	})
}

// TestPerHost: eight accounts at one host have two sessions at a time.
func TestPerHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var users []string
		for i := range 8 {
			users = append(users, fmt.Sprintf("u%d@example.org", i))
		}
		open, most := 0, 0
		var mu sync.Mutex
		x := newTimed(t, pop3d.Options{Script: func(int) pop3d.Script {
			return pop3d.Script{On: func(c *pop3d.Command) {
				mu.Lock()
				defer mu.Unlock()
				switch c.Verb {
				case "PASS":
					open++
					most = max(most, open)
					hold := make(chan struct{})
					time.AfterFunc(time.Second, func() { close(hold) })
					c.Hold = hold
				case "QUIT":
					open--
				}
			}}
		}}, users...)
		x.run(time.Minute)
		if most != 2 || x.server.Connections() != 8 {
			t.Errorf("%d at a time, %d in all", most, x.server.Connections())
		}
	})
}

func TestWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTimed(t, pop3d.Options{}, "a@example.org", "b@example.org")
		x.accounts = x.accounts[:1]
		ctx, cancel := context.WithCancel(ctx)
		ended := make(chan error)
		go func() { ended <- x.Run(ctx) }()
		time.Sleep(time.Minute)
		x.add("b@example.org")
		x.Wake()
		synctest.Wait()
		time.Sleep(time.Second)
		if len(x.logins["b@example.org"]) != 1 {
			t.Error("a new account was not fetched")
		}
		cancel()
		<-ended
	})
}

// TestOnDemand: who looks at a mailbox gets new mail, but no login before the
// floor and none within a back-off.
func TestOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTimed(t, pop3d.Options{}, "a@example.org")
		ctx, cancel := context.WithCancel(ctx)
		ended := make(chan error)
		go func() { ended <- x.Run(ctx) }()
		look := func(after time.Duration) (logins int) {
			time.Sleep(after)
			x.FetchIfDue("", "")
			time.Sleep(2 * time.Second)
			x.mu.Lock()
			defer x.mu.Unlock()
			logins = len(x.logins["a@example.org"])
			return logins
		}
		got := fmt.Sprint(look(time.Second), look(2*time.Minute), look(10*time.Second), look(2*time.Minute))
		x.change(0, func(a *Account) { a.MinInterval = 15 * time.Minute })
		got += fmt.Sprint(" ", look(2*time.Minute), " ", look(14*time.Minute))
		if got != "1 2 2 3 3 4" {
			t.Errorf("logins: %s", got)
		}
		cancel()
		<-ended
	})
}

// TestHold keeps rounds away, and the round that waited works with the account
// as it is then.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTimed(t, pop3d.Options{}, "a@example.org")
		x.deliver(1)
		release, err := x.Hold(ctx, x.accounts[0])
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan Result)
		go func() {
			res, _ := x.Round(ctx, "a@example.org", FetchOptions{})
			done <- res
		}()
		synctest.Wait()
		if x.server.Connections() != 0 {
			t.Error("a round ran although it was held")
		}
		x.change(0, func(a *Account) { a.Keep = KeepAlways })
		release()
		release()
		if res := <-done; res.Retrieved != 1 || res.Deleted != 0 {
			t.Errorf("%+v", res)
		}
	})
}

// TestSessionLimits: what a preset's limit leaves comes as soon as the floor
// allows, or at once where there is none.
func TestSessionLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTimed(t, pop3d.Options{}, "a@example.org")
		x.change(0, func(a *Account) { a.SessionMessages = 4; a.MinInterval = 10 * time.Minute })
		x.deliver(10)
		if res := x.fetch(); res.Retrieved != 4 || x.state(0).Waiting != 6 {
			t.Errorf("%+v %+v", res, x.state(0))
		}
		x.run(25 * time.Minute)
		x.exactlyOnce()
		gaps := x.gaps("a@example.org")
		for i, g := range gaps {
			within(t, fmt.Sprint("gap ", i), g, 10*time.Minute, 11*time.Minute)
		}
		// Without a floor it reconnects at once.
		x.change(0, func(a *Account) { a.MinInterval = 0 })
		x.deliver(10)
		if res := x.fetch(); res.Retrieved != 10 {
			t.Errorf("%+v", res)
		}
		x.exactlyOnce()
	})
}

func TestDayLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTimed(t, pop3d.Options{}, "a@example.org")
		x.deliver(10)
		size := x.drop.All()[0].Size
		x.change(0, func(a *Account) { a.DayBytes = 4*size + 10 })
		x.run(23 * time.Hour)
		if n := x.count(); n != 4 {
			t.Errorf("%d on the first day", n)
		}
		x.run(23 * time.Hour)
		if n := x.count(); n != 8 {
			t.Errorf("%d on two days", n)
		}
		x.run(24 * time.Hour)
		x.exactlyOnce()
	})
}

// TestGmail: many sessions until nothing new is listed, then "recent:".
func TestGmail(t *testing.T) {
	for _, keep := range []Keep{KeepNever, 14, KeepAlways} {
		synctest.Test(t, func(t *testing.T) {
			config, roots, err := pop3d.Certificate("pop.gmail.com")
			if err != nil {
				t.Fatal(err)
			}
			x := newTimed(t, pop3d.Options{TLS: config, Implicit: true}, "a@gmail.com")
			x.drop.Gmail, x.drop.Session = true, 10
			x.o.Roots = roots
			x.change(0, func(a *Account) {
				a.Host, a.Port, a.TLS, a.Keep, a.MinInterval = "pop.gmail.com", 995, TLSImplicit, keep, 10*time.Minute
			})
			x.deliver(45)
			x.run(90 * time.Minute)
			x.exactlyOnce()
			x.change(0, func(a *Account) { a.Every = 2 * time.Hour })
			x.drop.Session = 0
			x.deliver(3)
			x.run(5 * time.Hour)
			x.exactlyOnce()
			x.run(15 * 24 * time.Hour)
			x.exactlyOnce()
			if n := len(x.drop.Held()); (n == 0) != (keep != KeepAlways) {
				t.Errorf("keep %v: %d left", keep, n)
			}
			if n := x.retrieved(); n != 48 {
				t.Errorf("keep %v: retrieved %d times", keep, n)
			}
			if _, recent := x.logins["recent:a@gmail.com"]; recent != (keep != KeepNever) {
				t.Errorf("keep %v: recent: %v", keep, recent)
			}
		})
	}
}
