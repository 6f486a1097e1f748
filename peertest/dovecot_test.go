package peertest

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// talk sends lines and returns what comes until the server closes.
func talk(t *testing.T, c net.Conn, lines ...string) string {
	t.Helper()
	defer c.Close()
	for _, l := range lines {
		fmt.Fprintf(c, "%s\r\n", l)
	}
	b, err := io.ReadAll(bufio.NewReader(c))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDovecot(t *testing.T) {
	d := NewDovecot(t, DovecotConfig{Dir: MemDir(t)})
	for _, mail := range []string{"Subject: one\n\none\n", "Subject: two\r\n\r\ntwo"} {
		if err := d.Deliver("marko@example.org", []byte(mail)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := net.Dial("tcp", d.POP3)
	if err != nil {
		t.Fatal(err)
	}
	got := talk(t, c, "CAPA", "USER marko@example.org", "PASS secret", "UIDL", "RETR 1", "RETR 2", "DELE 1", "QUIT")
	if !strings.Contains(got, "PIPELINING") || !strings.Contains(got, "Subject: one\r\n\r\none\r\n.\r\n") || !strings.Contains(got, "Subject: two\r\n\r\ntwo\r\n.\r\n") {
		t.Errorf("Dovecot said %q and logged %s", got, d.Log())
	}
	if n, err := d.Held("marko@example.org"); n != 1 || err != nil {
		t.Errorf("%d mails left, %v", n, err)
	}
	uid := strings.Fields(got[strings.Index(got, "\r\n1 ")+4:])[0]
	if err := d.Restart(func(c *DovecotConfig) { c.UIDLFormat = "%f" }); err != nil {
		t.Fatal(err)
	}
	tc, err := tls.Dial("tcp", d.POP3S, &tls.Config{RootCAs: d.Roots, ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	if got := talk(t, tc, "USER marko@example.org", "PASS secret", "UIDL", "QUIT"); strings.Contains(got, uid) || !strings.Contains(got, ".peertest") {
		t.Errorf("after the change of pop3_uidl_format: %q", got)
	}
	if tc, err = tls.Dial("tcp", d.IMAPS, &tls.Config{RootCAs: d.Roots, ServerName: "localhost"}); err != nil {
		t.Fatal(err)
	}
	if got := talk(t, tc, "a LOGIN marko@example.org secret", "b STATUS INBOX (MESSAGES)", "c LOGOUT"); !strings.Contains(got, "MESSAGES 1") {
		t.Errorf("IMAP: %q", got)
	}
}
