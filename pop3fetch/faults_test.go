package pop3fetch

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"heimpost/pop3fetch/pop3d"
	"heimpost/store"
)

// onFirst scripts the first connection only.
func onFirst(s pop3d.Script) func(int) pop3d.Script {
	return func(conn int) pop3d.Script {
		if conn == 0 {
			return s
		}
		return pop3d.Script{}
	}
}

// on scripts every connection.
func on(fn func(*pop3d.Command)) func(int) pop3d.Script {
	return func(int) pop3d.Script { return pop3d.Script{On: fn} }
}

// watch is a script that checks, while the provider sees the commands, that
// DELE comes only for what is stored and proven, and QUIT only when all that
// was retrieved is stored.
func (r *rig) watch(c *pop3d.Command) {
	switch c.Verb {
	case "DELE", "QUIT":
	default:
		return
	}
	stored := map[[32]byte]bool{}
	for _, h := range r.stored() {
		stored[h] = true
	}
	for _, m := range r.drop.All() {
		if (c.Verb == "QUIT" && m.Retrieved > 0 || c.Mail != nil && c.Mail.ID == m.ID) && !stored[sha256.Sum256(m.Bytes)] {
			r.t.Errorf("%s came before mail %d was stored", c.Verb, m.ID)
		}
	}
}

func TestOrder(t *testing.T) {
	for _, without := range [][]string{nil, {"PIPELINING"}} {
		var watched atomic.Pointer[rig]
		var log []string
		r := newRig(t, pop3d.Options{Without: without, Script: on(func(c *pop3d.Command) {
			watched.Load().watch(c)
			log = append(log, c.Verb+c.Arg)
		})}, Options{Limits: Limits{BatchMessages: 3}})
		watched.Store(r)
		r.deliver(8)
		r.fetch()
		r.exactlyOnce()
		// Between a message's RETR and its DELE there is a NOOP.
		at := map[string]int{}
		noop := -1
		for i, l := range log {
			switch {
			case strings.HasPrefix(l, "RETR"):
				at[l[4:]] = i
			case l == "NOOP":
				noop = i
			case strings.HasPrefix(l, "DELE") && noop < at[l[4:]]:
				t.Errorf("no NOOP between RETR and DELE of message %s", l[4:])
			}
		}
		if len(at) != 8 || log[len(log)-1] != "QUIT" {
			t.Errorf("commands: %v", log)
		}
		if v := r.server.Violations(); len(v) > 0 {
			t.Error(v)
		}
	}
}

func TestBytes(t *testing.T) {
	r := newRig(t, pop3d.Options{}, Options{})
	for i, b := range bodies {
		if i == 0 {
			r.drop.Add(pop3d.Mail{Bytes: []byte{}})
			continue
		}
		r.drop.Deliver([]byte(b))
	}
	r.drop.Deliver(bytes.Repeat([]byte("0123456789abcdef\r\n.\r\n"), 100_000))
	r.fetch()
	want := map[[32]byte]bool{}
	for _, m := range r.drop.All() {
		want[sha256.Sum256(normal(m.Bytes))] = true
	}
	got := map[[32]byte]bool{}
	for _, h := range r.stored() {
		if !want[h] {
			t.Errorf("a mail was changed")
		}
		got[h] = true
	}
	if len(got) != len(want) {
		t.Errorf("%d of %d different mails stored", len(got), len(want))
	}
	if left := r.drop.Held(); len(left) != 0 {
		t.Errorf("%d left at the provider", len(left))
	}
}

// normal is what the store makes of a mail: bare LF as CRLF.
func normal(b []byte) []byte {
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
}

// TestForgedEnd: a provider that does not stuff lets a sender end his mail and
// answer the commands that follow. Nothing is deleted, the other mails come.
func TestForgedEnd(t *testing.T) {
	for _, without := range [][]string{nil, {"PIPELINING"}} {
		for _, forged := range []string{
			"+OK\r\n",
			"+OK noop\r\n+OK deleted\r\n+OK deleted\r\n+OK bye\r\n",
			"+OK\r\nSubject: planted\r\n\r\nx\r\n.\r\n+OK\r\n+OK\r\n+OK\r\n",
			"-ERR no\r\n-ERR no\r\n",
			"rubbish\r\n",
		} {
			r := newRig(t, pop3d.Options{Without: without}, Options{})
			r.deliver(3)
			evil := append(mailText("evil"), ".\r\n"+forged+"rest\r\n"...)
			r.drop.Add(pop3d.Mail{Bytes: evil, Wire: append(bytes.Clone(evil), ".\r\n"...)})
			r.deliver(3)
			for range 6 {
				r.Round(ctx, "a@example.org", FetchOptions{})
			}
			for _, m := range r.drop.Removed() {
				if m.ID == 4 {
					t.Errorf("%q: the mail that could not be read was deleted", forged)
				}
			}
			if n := len(r.stored()); n != 6 {
				t.Errorf("%q: %d mails stored, want the six others", forged, n)
			}
			if n := len(r.drop.Removed()); n != 6 {
				t.Errorf("%q: %d mails removed, want the six others", forged, n)
			}
		}
	}
}

// TestExtraReply: a reply that nobody asked for shifts all that follow by one.
// It never becomes part of a mail, whichever command it follows; a mail that
// begins like a reply comes as it is.
func TestExtraReply(t *testing.T) {
	begins := []byte("+OK 120 octets\r\nSubject: this mail begins so\r\n\r\nx\r\n")
	for _, without := range [][]string{nil, {"PIPELINING"}} {
		for _, extra := range []string{"+OK\r\n", "-ERR\r\n", "+OK 99 octets\r\n"} {
			for _, verb := range []string{"USER", "PASS", "STAT", "TOP", "RETR", "NOOP", "DELE", "QUIT"} {
				var sick atomic.Int64
				sick.Store(1)
				now := time.Now()
				r := newRig(t, pop3d.Options{Without: without, Script: on(func(c *pop3d.Command) {
					if c.Verb == verb && sick.Add(-1) == 0 {
						c.Out = append(c.Out, extra...)
					}
				})}, Options{Limits: Limits{BatchMessages: 3}, Now: func() time.Time { return now }})
				r.change(0, func(a *Account) { a.Keep = 1 })
				r.deliver(4)
				r.Round(ctx, "a@example.org", FetchOptions{})
				// Now DELEs stand between RETRs.
				now = now.Add(25 * time.Hour)
				r.change(0, func(a *Account) { a.Keep = KeepNever })
				sick.Store(2)
				r.deliver(5)
				r.drop.Deliver(begins)
				for try := 0; len(r.drop.Held()) > 0 && try < 6; try++ {
					r.Round(ctx, "a@example.org", FetchOptions{})
					r.nothingLost()
					now = now.Add(2 * time.Hour)
				}
				r.exactlyOnce()
				if n := len(r.drop.Held()); n != 0 {
					t.Errorf("%s with %q: %d stay at the provider; %s %+v", verb, extra, n, r.state(0).Error, r.state(0).Failed)
				}
				if t.Failed() {
					t.Fatalf("%q after %s, without %v", extra, verb, without)
				}
			}
		}
	}
}

// TestPoison: messages that cannot be retrieved hold up no other.
func TestPoison(t *testing.T) {
	for name, fault := range map[string]func(*pop3d.Command){
		"refused": func(c *pop3d.Command) { c.Reply("-ERR [SYS/TEMP] cannot read it") },
		"cut":     func(c *pop3d.Command) { c.Out, c.Close = c.Out[:len(c.Out)/2], true },
		"rubbish": func(c *pop3d.Command) { c.Reply("rubbish") },
		"empty":   func(c *pop3d.Command) { c.Reply("") },
	} {
		var sick atomic.Bool
		sick.Store(true)
		now := time.Now()
		r := newRig(t, pop3d.Options{Script: on(func(c *pop3d.Command) {
			if sick.Load() && c.Verb == "RETR" && c.Mail != nil && c.Mail.ID == 5 {
				fault(c)
			}
		})}, Options{Now: func() time.Time { return now }})
		r.deliver(12)
		for range 3 {
			r.Round(ctx, "a@example.org", FetchOptions{})
		}
		if n := len(r.stored()); n != 11 {
			t.Errorf("%s: %d stored", name, n)
		}
		r.nothingLost()
		st := r.state(0)
		if len(st.Failed) != 1 || st.Failed[0].Reason == "" || st.Failed[0].Tries < 1 || st.Unretrievable != 1 || st.Waiting != 1 {
			t.Errorf("%s: state %+v", name, st)
		}
		sick.Store(false)
		now = now.Add(25 * time.Hour)
		r.fetch()
		r.exactlyOnce()
		if st := r.state(0); len(st.Failed) != 0 || st.Waiting != 0 || len(r.drop.Held()) != 0 {
			t.Errorf("%s: afterwards %+v", name, st)
		}
	}
}

// TestBadNetwork: where every connection of a round is cut, few messages are
// blamed for it, and all others come as soon as the network is well again.
func TestBadNetwork(t *testing.T) {
	var sick atomic.Bool
	now := time.Now()
	r := newRig(t, pop3d.Options{Script: func(int) pop3d.Script {
		if sick.Load() {
			return pop3d.Script{Cut: new(int64(2500))}
		}
		return pop3d.Script{}
	}}, Options{Now: func() time.Time { return now }})
	r.deliver(30)
	sick.Store(true)
	r.Round(ctx, "a@example.org", FetchOptions{})
	sick.Store(false)
	r.fetch()
	if n := r.count(); n < 30-maxBlamed {
		t.Errorf("%d of 30 mails came once the network was well", n)
	}
	for range 3 {
		now = now.Add(2 * time.Hour)
		r.fetch()
	}
	r.exactlyOnce()
	if n := len(r.drop.Held()); n != 0 {
		t.Errorf("%d left", n)
	}
}

func TestTooBig(t *testing.T) {
	r := newRig(t, pop3d.Options{}, Options{Limits: Limits{Message: 5000}})
	r.deliver(2)
	r.drop.Deliver(append(mailText("big"), bytes.Repeat([]byte("0123456789\r\n"), 1000)...))
	// This one lies about its size.
	r.drop.Add(pop3d.Mail{Bytes: append(mailText("liar"), bytes.Repeat([]byte("0123456789\r\n"), 1000)...), Size: 100})
	r.deliver(2)
	res := r.fetch()
	if res.Retrieved != 4 || res.Failed != 2 || len(r.drop.Held()) != 2 {
		t.Errorf("%+v", res)
	}
	for _, f := range r.state(0).Failed {
		if !strings.Contains(f.Reason, "larger") {
			t.Errorf("reason %q", f.Reason)
		}
	}
}

// TestQuit: a lost or refused QUIT leaves every DELE in doubt; the next round
// deletes again and fetches nothing twice.
func TestQuit(t *testing.T) {
	for name, fault := range map[string]func(*pop3d.Command){
		"vanished": func(c *pop3d.Command) { c.Vanish() },
		"lost":     func(c *pop3d.Command) { c.Lose() },
		"refused":  func(c *pop3d.Command) { c.Reply("-ERR some deleted messages not removed") },
		"lied":     func(c *pop3d.Command) { c.Out, c.Ignore, c.Close = []byte("+OK bye\r\n"), true, true },
		"empty":    func(c *pop3d.Command) { c.Reply("") },
	} {
		r := newRig(t, pop3d.Options{Script: onFirst(pop3d.Script{On: func(c *pop3d.Command) {
			if c.Verb == "QUIT" {
				fault(c)
			}
		}})}, Options{})
		r.deliver(5)
		res, err := r.Round(ctx, "a@example.org", FetchOptions{})
		if res.Retrieved != 5 || (err == nil) != (name == "lied" || r.server.Connections() > 1) {
			t.Errorf("%s: %+v", name, res)
		}
		retrieved := 0
		r.fetch()
		for _, m := range r.drop.All() {
			retrieved += m.Retrieved
		}
		r.exactlyOnce()
		if retrieved != 5 || len(r.drop.Held()) != 0 {
			t.Errorf("%s: retrieved %d times, %d left", name, retrieved, len(r.drop.Held()))
		}
	}
}

func TestDeleRefused(t *testing.T) {
	var sick atomic.Bool
	sick.Store(true)
	r := newRig(t, pop3d.Options{Script: on(func(c *pop3d.Command) {
		if sick.Load() && c.Verb == "DELE" && c.Arg == "2" {
			c.Reply("-ERR not now")
		}
	})}, Options{})
	r.deliver(3)
	if res := r.fetch(); res.Deleted != 2 || r.state(0).PendingDeletions != 1 {
		t.Errorf("%+v %+v", res, r.state(0))
	}
	sick.Store(false)
	if res := r.fetch(); res.Deleted != 1 || res.Retrieved != 0 {
		t.Errorf("%+v", res)
	}
	r.exactlyOnce()
}

// TestCuts cuts a session of several messages at every octet that the provider
// sends, and at every octet that it takes in.
func TestCuts(t *testing.T) {
	const mails = 4
	for _, without := range [][]string{nil, {"PIPELINING"}} {
		box := newBoxIn(t, memDir(t))
		step := int64(1)
		if without != nil && os.Getenv("HEIMPOST_SOAK") == "" {
			step = 7 // with pipelining every octet, always
		}
		if testing.Short() {
			step = 23
		}
		sweep := func(cut func(n int64) pop3d.Script) (ended bool) {
			total := 0
			for n := int64(0); !ended; n += step {
				ended = oneCut(t, box, cut(n), without, int(n), mails)
				total++
				if n > 20_000 {
					t.Fatal("a session without end")
				}
			}
			t.Logf("%d cuts", total)
			return ended
		}
		sweep(func(n int64) pop3d.Script { return pop3d.Script{Cut: &n} })
		sweep(func(n int64) pop3d.Script { return pop3d.Script{CutIn: &n} })
		if t.Failed() {
			return
		}
	}
}

// oneCut drains a fresh maildrop by a first session that is cut, then by
// others that are not. ended: the cut came after the session's end.
func oneCut(t *testing.T, box *store.Box, s pop3d.Script, without []string, n, mails int) (ended bool) {
	t.Helper()
	address := fmt.Sprintf("%s@example.org", store.NewID())
	drop := pop3d.NewMaildrop(address, "secret")
	server := pop3d.New(pop3d.Options{Without: without, Script: onFirst(s)}, drop)
	defer server.Close()
	addr, err := server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{t: t, box: box, password: map[store.ID]string{}, states: map[store.ID]State{}}
	a := Account{ID: store.NewID(), Address: address, Host: "127.0.0.1", TLS: TLSNone, User: address, Keep: KeepNever}
	fmt.Sscanf(addr.String(), "127.0.0.1:%d", &a.Port)
	h.accounts, h.password[a.ID] = []Account{a}, "secret"
	r := &rig{h, New(h, Options{Log: quiet, Limits: Limits{BatchMessages: 2}}), t, server, drop}
	for i := range mails {
		drop.Deliver(fmt.Appendf(nil, "Message-ID: <%d.%s>\r\n\r\n.%d\r\n", i, address, i))
	}
	before := r.count()
	_, err = r.Round(ctx, address, FetchOptions{})
	ended = err == nil && server.Connections() == 1
	r.nothingLostOf(mails, before, n, err)
	for try := 0; len(drop.Held()) > 0; try++ {
		if try == 3 {
			t.Fatalf("cut at %d: %d mails stay at the provider", n, len(drop.Held()))
		}
		if _, err := r.Round(ctx, address, FetchOptions{}); err != nil {
			t.Fatalf("cut at %d: the round after it: %v", n, err)
		}
	}
	if got := r.count() - before; got != mails {
		t.Fatalf("cut at %d: %d mails stored of %d", n, got, mails)
	}
	return ended
}

func (h *hub) count() int {
	m, err := h.box.View(store.ViewOptions{}).Mailbox(ctx, "INBOX")
	if err != nil {
		h.t.Fatal(err)
	}
	return m.Snapshot().Len()
}

// nothingLostOf checks that no more was removed than stored.
func (r *rig) nothingLostOf(mails, before, n int, err error) {
	r.t.Helper()
	if stored, removed := r.count()-before, len(r.drop.Removed()); removed > stored || stored > mails {
		r.t.Fatalf("cut at %d (%v): %d stored, %d removed", n, err, stored, removed)
	}
}

func TestDisagree(t *testing.T) {
	var sick atomic.Bool
	sick.Store(true)
	r := newRig(t, pop3d.Options{Script: on(func(c *pop3d.Command) {
		if sick.Load() && c.Verb == "UIDL" && c.Arg == "" {
			c.Out = bytes.Replace(c.Out, []byte("\r\n2 "), []byte("\r\n"), 1)
		}
	})}, Options{})
	r.deliver(4)
	for range 2 {
		if err := r.broken(); !errors.Is(err, errDisagree) {
			t.Fatal(err)
		}
		if n := len(r.stored()); n != 0 {
			t.Errorf("%d stored", n)
		}
	}
	if err := r.broken(); !errors.Is(err, errDisagree) {
		t.Fatal(err)
	}
	if n := len(r.stored()); n != 3 || len(r.drop.Held()) != 4 {
		t.Errorf("%d stored, %d left", n, len(r.drop.Held()))
	}
	sick.Store(false)
	r.fetch()
	r.exactlyOnce()
	if len(r.drop.Held()) != 0 {
		t.Error("not deleted afterwards")
	}
}

// TestEmptyListing: a maildrop that shows nothing for once is no reason to
// fetch all again.
func TestEmptyListing(t *testing.T) {
	var empty atomic.Bool
	r := newRig(t, pop3d.Options{Script: on(func(c *pop3d.Command) {
		if !empty.Load() {
			return
		}
		switch c.Verb {
		case "STAT":
			c.Reply("+OK 0 0")
		case "LIST", "UIDL":
			c.Reply("+OK\r\n.")
		}
	})}, Options{})
	r.change(0, func(a *Account) { a.Keep = KeepAlways })
	r.deliver(30)
	r.fetch()
	empty.Store(true)
	r.fetch()
	empty.Store(false)
	r.deliver(1)
	if res := r.fetch(); res.Retrieved != 1 {
		t.Errorf("%+v", res)
	}
	for _, m := range r.drop.All() {
		if m.Retrieved != 1 {
			t.Errorf("mail %d was retrieved %d times", m.ID, m.Retrieved)
		}
	}
	r.exactlyOnce()
}

func TestUIDLFails(t *testing.T) {
	r := newRig(t, pop3d.Options{Script: on(func(c *pop3d.Command) {
		if c.Verb == "UIDL" {
			c.Reply("-ERR not now")
		}
	})}, Options{})
	r.deliver(2)
	r.broken()
	if len(r.stored()) != 0 || len(r.drop.Removed()) != 0 {
		t.Error("something was fetched without UIDs")
	}
}
