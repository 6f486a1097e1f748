package imapd

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// gone waits until the server has n connections left.
func (w *world) gone(n int) {
	w.t.Helper()
	for end := time.Now().Add(patience); w.srv.Connections() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("there are %d connections, want %d", w.srv.Connections(), n)
		}
	}
}

// TestTooLong: what is too long is refused in one word, and the connection
// goes on with what comes after it.
func TestTooLong(t *testing.T) {
	w := newWorld(t, full)
	w.deliver("marko", "INBOX", "one")
	w.play("C: s SELECT INBOX\nS* s OK …")
	c := w.clients[""]
	for i, command := range []string{
		"FETCH " + strings.Repeat("1,", 40_000) + "1 FLAGS",
		"FETCH 1 (" + strings.Repeat("FLAGS ", 12_000) + ")",
		"SEARCH " + strings.Repeat("NOT ", 20_000) + "ALL",
		"SEARCH " + strings.Repeat("(", 1000) + "ALL" + strings.Repeat(")", 1000),
		"SEARCH SUBJECT {300000+}\r\n" + strings.Repeat("x", 300_000),
		"SEARCH" + strings.Repeat(" SUBJECT {50000+}\r\n"+strings.Repeat("x", 50_000), 7),
		`LIST "" "` + strings.Repeat("*a", 1500) + `"`,
		`LIST "" (` + strings.Repeat("* ", 100) + `)`,
		"STATUS INBOX " + strings.Repeat("(", 100),
		"ID (" + strings.Repeat(`"a" "b" `, 40) + ")",
		`ID ("name" "` + strings.Repeat("x", 3000) + `")`,
		"STORE 1 +FLAGS (" + strings.Repeat("x", 300) + ")",
		"APPEND INBOX (" + strings.Repeat("x", 300) + ") {5}",
		strings.Repeat("x", 100_000),
		"FETCH 1 BODY[" + strings.Repeat("1.", 500) + "1]",
		"GETMETADATA INBOX (" + strings.Repeat("/private/a ", 200) + ")",
	} {
		fmt.Fprintf(c.out, "t%d %s\r\n", i, command)
		got := w.line(c, command[:20])
		for strings.HasPrefix(got, "* ") {
			got = w.line(c, command[:20])
		}
		if tag := fmt.Sprintf("t%d ", i); !strings.HasPrefix(got, tag+"BAD ") && !strings.HasPrefix(got, tag+"NO ") {
			t.Errorf("%.40s…: %s", command, got)
		}
	}
	w.play("C: end NOOP\nS: end OK Done.")
}

// TestSlowReader: a client that does not read what it asked for is given up,
// and nobody else notices.
func TestSlowReader(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Timeouts.Write = 100 * time.Millisecond })
	w.deliverRaw("marko", "INBOX", "Subject: big\r\n\r\n"+strings.Repeat(strings.Repeat("x", 76)+"\r\n", 400_000))
	w.play("C: 1 SELECT INBOX\nS* 1 OK …\nC2: 1 SELECT INBOX\nS2* 1 OK …")
	fmt.Fprint(w.clients[""].out, "2 FETCH 1 BODY.PEEK[]\r\n3 FETCH 1 BODY.PEEK[]\r\n")
	w.play(`
		C2: 2 STORE 1 +FLAGS.SILENT (\Flagged)
		S2: 2 OK …
		C2: 3 APPEND INBOX {10+}
		C2: A: n\r\n\r\n\r\n
		S2* 3 OK …
	`)
	w.gone(1)
	w.play("C2: 4 NOOP\nS2: 4 OK Done.")
}

// TestSilence: who connects and says nothing, not even a handshake, is gone
// when the time for a login is over.
func TestSilence(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.TLS = certificate(t)
		c.Timeouts.Login = 100 * time.Millisecond
	})
	implicit := w.listen(true)
	for _, send := range []string{"", "\x16\x03\x01", "1 STARTTLS\r\n", "1 LOGIN {100}\r\n", "\r\n\r\n", "1 AUTHENTICATE PLAIN\r\n"} {
		for _, addr := range []string{w.addr, implicit} {
			nc, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			nc.SetDeadline(time.Now().Add(patience))
			io.WriteString(nc, send)
			if _, err := io.Copy(io.Discard, nc); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Errorf("%q to %s: %v", send, addr, err)
			}
		}
	}
	w.gone(0)
}

func TestConnectionsInAll(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Connections = 1 })
	w.play("C: 1 NOOP\nS: 1 OK Done.")
	w.clients["x"] = w.connect()
	w.play("Sx: * BYE The server has as many connections as it can serve. Try again later.\nEx:\nC: 2 LOGOUT\nS* 2 OK Done.\nE:")
	w.gone(0)
	w.play("C2: 1 NOOP\nS2: 1 OK Done.")
}

// TestShutdownFinishesCommands: a command that runs is finished, one that
// waits for its literal is not waited for longer than the context allows.
func TestShutdownFinishesCommands(t *testing.T) {
	w := newWorld(t)
	w.play("C: 1 APPEND INBOX {10}\nS: + OK\nC2: 1 NOOP\nS2: 1 OK Done.")
	done := make(chan error)
	go func() { done <- w.srv.Shutdown(ctx) }()
	w.play(`
		S2: * BYE Heimpost is shutting down. Come back in a moment.
		C: A: b\r\n\r\n\r\n
		S: 1 OK [APPENDUID … 1] Stored.
		S: * BYE Heimpost is shutting down. Come back in a moment.
		E:
	`)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := w.mails("marko", "INBOX"); len(got) != 1 {
		t.Errorf("INBOX holds %q", got)
	}
}

// TestPipelining: many commands in one packet, answered in order in few
// packets.
func TestPipelining(t *testing.T) {
	w := newWorld(t)
	w.deliver("marko", "INBOX", "one", "two", "three")
	w.play("C: s SELECT INBOX\nS* s OK …")
	c := w.clients[""]
	var in strings.Builder
	for i := range 500 {
		fmt.Fprintf(&in, "t%d UID FETCH 1:* (FLAGS)\r\n", i)
	}
	io.WriteString(c.out, in.String())
	for i := range 500 {
		w.play(fmt.Sprintf("S: * 1 FETCH (UID 1 FLAGS …\nS: * 2 FETCH …\nS: * 3 FETCH …\nS: t%d OK …", i))
	}
}
