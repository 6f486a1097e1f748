package peertest

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// inStep sends each line when the reply to the one before has come, as the
// servers need it that give the connection to another program at login.
func inStep(t *testing.T, address string, lines ...string) (replies []string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	in := bufio.NewReader(c)
	for _, line := range append([]string{""}, lines...) {
		if line != "" {
			fmt.Fprintf(c, "%s\r\n", line)
		}
		reply, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("%s: %v after %q", line, err, replies)
		}
		verb, arg, _ := strings.Cut(line, " ")
		if many := verb == "CAPA" || verb == "RETR" || verb == "UIDL" && arg == ""; many && strings.HasPrefix(reply, "+OK") {
			for !strings.HasSuffix(reply, "\r\n.\r\n") {
				more, err := in.ReadString('\n')
				if err != nil {
					t.Fatalf("%s: %v after %q", line, err, reply)
				}
				reply += more
			}
		}
		replies = append(replies, reply)
	}
	return replies[1:]
}

func TestPOP3Servers(t *testing.T) {
	for name := range POP3Servers {
		t.Run(name, func(t *testing.T) {
			s := NewPOP3(t, name, POP3Options{})
			if err := s.Deliver([]byte("From: a@x\r\nSubject: one\r\n\r\none\r\n"), []byte("From: a@x\r\nSubject: two\r\n\r\ntwo\r\n")); err != nil {
				t.Fatal(err)
			}
			got := inStep(t, s.Address, "CAPA", "USER "+s.User, "PASS "+s.Password, "STAT", "UIDL", "RETR 1", "DELE 1", "QUIT")
			first := "one"
			if strings.Contains(got[5], "two") {
				first = "two" // the order is the server's
			}
			if !strings.Contains(got[5], "\r\nSubject: "+first+"\r\n") || !strings.Contains(got[5], "\r\n"+first+"\r\n.\r\n") {
				t.Errorf("RETR gave %q", got[5])
			}
			if n, err := s.Held(); n != 1 || err != nil {
				t.Errorf("%d left, %v", n, err)
			}
			if err := s.Restart(POP3Options{}); err != nil {
				t.Fatal(err)
			}
			if got := inStep(t, s.Address, "USER "+s.User, "PASS "+s.Password, "STAT", "QUIT"); !strings.HasPrefix(got[2], "+OK 1 ") {
				t.Errorf("after a restart: %q", got)
			}
		})
	}
}
