package pop3fetch

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"heimpost/store"
)

func FuzzBody(f *testing.F) {
	for _, b := range bodies {
		f.Add(stuffed(b), 3)
	}
	f.Add("x\r\n.\r\n+OK\r\n.\r\n", 1)
	f.Fuzz(func(t *testing.T, wire string, size int) {
		var got bytes.Buffer
		fits, err := gateOf(wire, 1+(size&0xff)).body(&got, 1<<20)
		body, _, whole := strings.Cut("\r\n"+wire, "\r\n.\r\n")
		switch {
		case whole != (err == nil), err == nil && !fits:
			t.Fatalf("%q: %v, fits %v", wire, err, fits)
		case err != nil:
			return
		}
		// Unstuffed by the book: a dot behind CRLF goes.
		want := strings.ReplaceAll(body, "\r\n.", "\r\n")
		if want = strings.TrimPrefix(want+"\r\n", "\r\n"); body == "" {
			want = ""
		}
		if got.String() != want {
			t.Fatalf("%q gives %q, want %q", wire, got.String(), want)
		}
	})
}

func FuzzListing(f *testing.F) {
	f.Add("1 10\r\n2 20\r\n.\r\n", "1 a\r\n2 b\r\n.\r\n", "2 30")
	f.Add("1 10\r\n.\r\n", "1 \r\n.\r\n", "1 10")
	f.Add("x\r\n..\r\n.\r\n", "999999999999999999999 x\r\n.\r\n", "-1 1")
	f.Fuzz(func(t *testing.T, list, uidl, stat string) {
		g := newGather()
		if gateOf(list, 7).lines(1000, g.list) != nil || gateOf(uidl, 7).lines(1000, g.uidl) != nil {
			return
		}
		count, size, ok := parseStat(stat)
		if !ok {
			return
		}
		l := g.listing(count, size, true)
		last := 0
		for _, m := range l.messages {
			if m.n <= last || m.size < 0 || len(m.uid) > maxUID || strings.ContainsAny(m.uid, " \t\x00\x7f") {
				t.Fatalf("%+v", m)
			}
			last = m.n
		}
		if l.complete && len(l.messages) != count {
			t.Fatalf("complete with %d of %d", len(l.messages), count)
		}
	})
}

func FuzzReply(f *testing.F) {
	for _, s := range []string{"+OK\r\n", "-ERR [SYS/TEMP] x\r\n", "+ challenge\r\n", "\r\n", "-ERR[AUTH]\r\n", "+OK \xff\x00\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, wire string) {
		line, err := gateOf(wire, 5).status()
		if err != nil {
			return
		}
		if !bytes.HasPrefix(line, []byte("+OK")) && !bytes.HasPrefix(line, []byte("-ERR")) || bytes.Count(line, []byte("\n")) != 1 {
			t.Fatalf("%q passes as %q", wire, line)
		}
		r := newRefusal("X", strings.TrimPrefix(string(line), "-ERR"))
		if strings.ContainsAny(r.Error(), "\r\n\x00\x1b") {
			t.Fatalf("%q shows control characters: %q", wire, r.Error())
		}
		c := capabilities{}
		c.add(line)
		if d, _ := c.loginDelay(); d < 0 || d > maxLoginDelay {
			t.Fatalf("login delay %v", d)
		}
	})
}

// hostile is a connection whose other end sends a fixed text whatever it is
// asked, and counts what would delete.
type hostile struct {
	wireConn
	sent *bytes.Buffer
}

func (h hostile) Write(p []byte) (int, error) { return h.sent.Write(p) }
func (h hostile) RemoteAddr() net.Addr        { return memAddr{} }

// FuzzSession drains a provider that sends any bytes: it ends, stores nothing
// that did not come whole, and deletes nothing that is not stored.
func FuzzSession(f *testing.F) {
	const login = "+OK hi\r\n+OK\r\nPIPELINING\r\nTOP\r\nUIDL\r\nUSER\r\n.\r\n+OK\r\n+OK\r\n"
	const list = "+OK 2 20\r\n+OK\r\n1 10\r\n2 10\r\n.\r\n+OK\r\n1 a\r\n2 b\r\n.\r\n"
	const mails = "+OK\r\nA: b\r\n\r\nx\r\n.\r\n+OK\r\n..\r\n.\r\n"
	f.Add(login + list + mails + "+OK\r\n+OK\r\n+OK\r\n+OK bye\r\n")
	f.Add(login + list + "+OK\r\nx\r\n.\r\n-ERR no\r\n+OK\r\n+OK\r\n+OK\r\n")
	f.Add(login + list + mails)
	f.Add(login + strings.Replace(list, "2 b", "2 a", 1) + mails + "+OK\r\n-ERR\r\n+OK\r\n-ERR\r\n")
	f.Add("-ERR [IN-USE] no\r\n")
	f.Add("+OK\r\n-ERR no CAPA\r\n+OK\r\n+OK\r\n+OK 1 5\r\n+OK\r\n1 5\r\n.\r\n-ERR\r\n+OK\r\nx\r\n.\r\n+OK\r\n+OK\r\n+OK\r\n")
	box := newBoxIn(f, memDir(f))
	f.Fuzz(func(t *testing.T, wire string) {
		h := &hub{t: t, box: box, password: map[store.ID]string{}, states: map[store.ID]State{}}
		a := Account{ID: store.NewID(), Address: string(store.NewID()) + "@example.org", Host: "localhost", Port: 110, TLS: TLSNone, User: "a", Keep: KeepNever}
		h.accounts, h.password[a.ID] = []Account{a}, "secret"
		sent := &bytes.Buffer{}
		dials := 0
		x := New(h, Options{Log: quiet, Dial: func(context.Context, string, string) (net.Conn, error) {
			if dials++; dials > 1 {
				return nil, errors.New("no more")
			}
			return hostile{wireConn{r: strings.NewReader(wire), size: 1000}, sent}, nil
		}, Limits: Limits{Message: 1 << 16, Idle: time.Second, Reply: time.Second}})
		before := h.count()
		res, _ := x.Round(ctx, a.Address, FetchOptions{})
		if res.Retrieved != h.count()-before {
			t.Fatalf("%d retrieved, %d stored", res.Retrieved, h.count()-before)
		}
		rows, err := box.UIDLs(ctx, a.Address)
		if err != nil {
			t.Fatal(err)
		}
		if dele := strings.Count(sent.String(), "DELE "); dele > len(rows) || res.Deleted > dele {
			t.Fatalf("%d DELE for %d rows, %d deleted", dele, len(rows), res.Deleted)
		}
	})
}
