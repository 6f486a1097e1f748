package pop3fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"heimpost/peertest"
	"heimpost/pop3fetch/pop3d/mailgen"
	"heimpost/store"
)

// realRig drains the one user of a real server.
type realRig struct {
	*hub
	*Fetcher
	*peertest.POP3
	c *clock
}

func newRealRig(t *testing.T, name string, o peertest.POP3Options) *realRig {
	t.Helper()
	if testing.Short() {
		t.Skip("the whole run has real servers")
	}
	s := peertest.NewPOP3(t, name, o)
	h := &hub{t: t, box: newBox(t), password: map[store.ID]string{}, states: map[store.ID]State{}}
	a := Account{ID: store.NewID(), Address: "marko@example.org", Host: "127.0.0.1", TLS: TLSNone, User: s.User, Keep: 14}
	h.accounts, h.password[a.ID] = []Account{a}, s.Password
	c := &clock{time.Now()}
	r := &realRig{h, New(h, Options{Log: quiet, Now: c.now}), s, c}
	r.at()
	return r
}

// at goes to where the server listens.
func (r *realRig) at() {
	_, port, _ := net.SplitHostPort(r.POP3.Address)
	r.change(0, func(a *Account) { fmt.Sscan(port, &a.Port) })
}

func (r *realRig) deliver(mails ...[]byte) {
	r.t.Helper()
	if err := r.Deliver(mails...); err != nil {
		r.t.Fatal(err)
	}
}

// round runs a round at least a day after the last one, so that no floor is in
// the way, and compares what came of it.
func (r *realRig) round(retrieved, deleted, left int) {
	r.t.Helper()
	r.c.advance(24 * time.Hour)
	res, err := r.Round(ctx, "marko@example.org", FetchOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	held, err := r.Held()
	if err != nil {
		r.t.Fatal(err)
	}
	if res.Retrieved != retrieved || res.Deleted != deleted || res.Failed != 0 || held != left {
		r.t.Fatalf("%d retrieved, %d deleted, %d failed, %d left; want %d, %d, 0, %d", res.Retrieved, res.Deleted, res.Failed, held, retrieved, deleted, left)
	}
}

// bytes gives all mails in INBOX.
func (h *hub) bytes() (out [][]byte) {
	h.t.Helper()
	m, err := h.box.View(store.ViewOptions{}).Mailbox(ctx, "INBOX")
	if err != nil {
		h.t.Fatal(err)
	}
	var entries []store.Entry
	for _, e := range m.Snapshot().All() {
		entries = append(entries, e)
	}
	err = m.Mails(ctx, entries, 0, func(_ store.Entry, mail *store.Mail) error {
		f, err := m.OpenMail(mail)
		if err != nil {
			return err
		}
		defer f.Close()
		b, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
		out = append(out, b)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// ordinary mails have no NUL, which Cyrus refuses and which makes solid-pop3d
// refuse the whole maildrop, no bare CR and no 8-bit header, which servers
// rewrite, and an end to their last line.
func ordinary(mail []byte) bool {
	header, _, _ := bytes.Cut(mail, []byte("\r\n\r\n"))
	return !bytes.Contains(mail, []byte{0}) && !bytes.Contains(bytes.ReplaceAll(mail, []byte("\r\n"), nil), []byte{'\r'}) &&
		!bytes.ContainsFunc(header, func(r rune) bool { return r > '~' }) && bytes.HasSuffix(mail, []byte("\r\n"))
}

// added is what servers add to a header when mail arrives or is retrieved.
var added = map[string]*regexp.Regexp{
	"cyrus-pop3d":     regexp.MustCompile(`(?s)\AReturn-Path:.*?\r\nX-Sieve:[^\r]*\r\n`),
	"mailutils-pop3d": regexp.MustCompile(`(?m)^X-UIDL:.*\r\n`),
}

// exercised is what was tried with which real server.
var exercised features

type features struct {
	mu   sync.Mutex
	list map[string][]string
}

func (f *features) add(t *testing.T, server string, what ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.list == nil {
		f.list = map[string][]string{}
	}
	if !t.Failed() {
		f.list[server] = append(f.list[server], what...)
	}
}

// reported runs tests and then prints what real servers were tried with.
type reported struct{ m *testing.M }

func (r reported) Run() int {
	code := r.m.Run()
	if testing.Verbose() && len(exercised.list) > 0 {
		fmt.Println("real servers and what was tried with them:")
		for _, name := range slices.Sorted(maps.Keys(exercised.list)) {
			fmt.Printf("  %s\n      %s\n", name, strings.Join(exercised.list[name], "\n      "))
		}
	}
	return code
}

// realMails are mails for a server with this taste.
func realMails(takes func([]byte) bool) (out [][]byte) {
	for i := range 100 {
		if m := mailgen.Small(77, i); takes(m) {
			out = append(out, m)
		}
	}
	for i, s := range []string{".\r\n..\r\n...\r\n.a\r\n", strings.Repeat("x", 5000) + "\r\n", "nul \x00 byte\r\n", "bare \r CR\r\n", "\xff\xfe 8 bit\r\n",
		"\r\n\r\n\r\n", strings.Repeat(".\r\n", 1000), "From the beginning\r\n", "the end\r\n."} {
		if m := append(mailText(fmt.Sprint("odd", i)), s...); takes(m) {
			out = append(out, m)
		}
	}
	return append(out, append(mailText("big"), bytes.Repeat([]byte(strings.Repeat("0123456789", 7)+"\r\n"), 20_000)...))
}

// TestRealServers drains every POP3 server that Debian has, Dovecot in tests
// of its own: each mail comes once with its bytes, a second round retrieves
// nothing, what shall stay stays, and what is due goes.
func TestRealServers(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(peertest.POP3Servers)) {
		t.Run(name, func(t *testing.T) {
			r := newRealRig(t, name, peertest.POP3Options{})
			mails := realMails(ordinary)
			r.deliver(mails...)
			n := len(mails)
			r.round(n, 0, n)
			r.round(0, 0, n)
			r.deliver(mailText("later"))
			r.round(1, 0, n+1)
			r.c.advance(9 * 24 * time.Hour)
			r.round(0, 0, n+1)
			r.c.advance(24 * time.Hour)
			r.round(0, n, 1)
			r.change(0, func(a *Account) { a.Keep = KeepAlways })
			r.c.advance(100 * 24 * time.Hour)
			r.round(0, 0, 1)
			r.change(0, func(a *Account) { a.Keep = KeepNever })
			r.round(0, 1, 0)
			r.deliver(mailText("at once"))
			r.round(1, 1, 0)
			r.round(0, 0, 0)

			want := map[string]bool{}
			for _, m := range append(mails, mailText("later"), mailText("at once")) {
				want[string(m)], want[string(normal(m))] = true, true
				want[strings.ReplaceAll(string(normal(m)), "\r\nFrom ", "\r\n>From ")] = true // in an mbox
			}
			got := map[string]bool{}
			for _, b := range r.bytes() {
				if add := added[name]; add != nil {
					b = add.ReplaceAll(b, nil)
				}
				if !want[string(b)] || got[string(b)] {
					t.Errorf("a mail was changed or came twice: %.300q", b)
				}
				got[string(b)] = true
			}
			if len(got) != n+2 {
				t.Errorf("%d mails stored of %d", len(got), n+2)
			}
			exercised.add(t, name, fmt.Sprintf("%d mails; keep 14d, always, never", n+2), r.capabilities())

			// The connection ends before QUIT: nothing is removed there, nothing
			// comes again.
			for i := range 5 {
				r.deliver(mailText(fmt.Sprint("cut", i)))
			}
			r.c.advance(time.Hour)
			cut := New(r.hub, Options{Log: quiet, Now: r.c.now, Dial: beforeQuit})
			if _, err := cut.Round(ctx, "marko@example.org", FetchOptions{}); err == nil || len(r.bytes()) != n+2+5 {
				t.Errorf("without QUIT: %v, %d stored", err, len(r.bytes()))
			}
			if held, err := r.Held(); held != 5 || err != nil {
				t.Errorf("without QUIT: %d are left there, %v", held, err)
			}
			r.round(0, 5, 0)
			exercised.add(t, name, "cut before QUIT: removed there with the next round, not fetched again")

			if name != "cyrus-pop3d" { // here it takes every password
				r.c.advance(time.Hour)
				_, err := r.Test(ctx, r.accounts[0], "wrong")
				if c := explain(r.accounts[0], err).class; err == nil || c != classRefused && c != classMaybe {
					t.Errorf("a wrong password: %v", err)
				}
				exercised.add(t, name, "wrong password")
			}
		})
	}
}

// capabilities gives what the server announces.
func (r *realRig) capabilities() string {
	r.t.Helper()
	c, err := connect(ctx, &r.o, r.accounts[0])
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.close()
	words := slices.Sorted(maps.Keys(c.caps))
	if len(words) == 0 {
		return "no CAPA"
	}
	for i, w := range words {
		words[i] = strings.TrimSpace(w + " " + strings.Join(c.caps[w], " "))
	}
	return strings.Join(words, ", ")
}

// beforeQuit dials connections that end before the command QUIT.
func beforeQuit(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	return quitless{c}, err
}

type quitless struct{ net.Conn }

func (c quitless) Write(b []byte) (int, error) {
	if bytes.HasPrefix(b, []byte("QUIT")) {
		return 0, errors.Join(errors.New("the network is down"), c.Close())
	}
	return c.Conn.Write(b)
}
