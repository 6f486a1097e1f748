package pop3d

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves maildrops until the end of the test.
func start(t *testing.T, o Options, drops ...*Maildrop) *Server {
	t.Helper()
	s := New(o, drops...)
	t.Cleanup(s.Close)
	return s
}

// peer is a client that talks by hand.
type peer struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func connect(t *testing.T, s *Server) *peer {
	t.Helper()
	c, err := s.Dial(t.Context(), "tcp", "pop.example.org:995")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &peer{t, c, bufio.NewReader(c)}
}

// talk sends lines that begin with "C: " and expects those with "S: ", in
// which a trailing * stands for the rest of the line.
func (p *peer) talk(transcript string) {
	p.t.Helper()
	for _, line := range strings.Split(strings.TrimSpace(transcript), "\n") {
		line = strings.TrimSpace(line)
		if cmd, is := strings.CutPrefix(line, "C:"); is {
			if _, err := io.WriteString(p, strings.TrimPrefix(cmd, " ")+"\r\n"); err != nil {
				p.t.Fatalf("%s: %v", line, err)
			}
			continue
		}
		if line == "EOF" {
			if rest, err := io.ReadAll(p.r); len(rest) > 0 || err != nil {
				p.t.Fatalf("got %q, %v at the end", rest, err)
			}
			return
		}
		want := strings.TrimPrefix(strings.TrimPrefix(line, "S:"), " ")
		got, err := p.r.ReadString('\n')
		if err != nil {
			p.t.Fatalf("%s: %v", line, err)
		}
		got = strings.TrimSuffix(got, "\r\n")
		if head, open := strings.CutSuffix(want, "*"); got != want && !(open && strings.HasPrefix(got, head)) {
			p.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

const login = `
	S: +OK*
	C: USER marko
	S: +OK*
	C: PASS secret
	S: +OK*
`

func drop(mails ...string) *Maildrop {
	d := NewMaildrop("marko", "secret")
	for i, m := range mails {
		d.Add(Mail{Bytes: []byte(m), UID: string(rune('a' + i))})
	}
	return d
}

func TestTranscript(t *testing.T) {
	d := drop("Subject: one\r\n\r\n.dot\r\n", "Subject: two\n\nbare\n.\n..\nend", "")
	s := start(t, Options{}, d)
	connect(t, s).talk(`
		S: +OK*
		C: STAT
		S: -ERR*
		C: CAPA
		S: +OK*
		S: TOP
		S: UIDL
		S: RESP-CODES
		S: AUTH-RESP-CODE
		S: PIPELINING
		S: USER
		S: SASL PLAIN
		S: IMPLEMENTATION*
		S: .
		C: user marko
		S: +OK*
		C: PASS wrong
		S: -ERR [AUTH]*
		C: USER marko
		S: +OK*
		C: PASS secret
		S: +OK 3 messages
		C: STAT
		S: +OK 3 56
		C: LIST
		S: +OK*
		S: 1 22
		S: 2 34
		S: 3 0
		S: .
		C: UIDL
		S: +OK*
		S: 1 a
		S: 2 b
		S: 3 c
		S: .
		C: UIDL 2
		S: +OK 2 b
		C: RETR 1
		S: +OK 22 octets
		S: Subject: one
		S:
		S: ..dot
		S: .
		C: TOP 2 1
		S: +OK*
		S: Subject: two
		S:
		S: bare
		S: .
		C: RETR 2
		S: +OK 34 octets
		S: Subject: two
		S:
		S: bare
		S: ..
		S: ...
		S: end
		S: .
		C: RETR 3
		S: +OK 0 octets
		S: .
		C: DELE 1
		S: +OK*
		C: DELE 1
		S: -ERR*
		C: LIST
		S: +OK*
		S: 2 34
		S: 3 0
		S: .
		C: RSET
		S: +OK*
		C: DELE 2
		S: +OK*
		C: NOOP
		S: +OK*
		C: RETR 4
		S: -ERR*
		C: XYZZY
		S: -ERR*
		C: QUIT
		S: +OK bye, 1 messages removed
		EOF
	`)
	all := d.All()
	if all[0].Retrieved != 1 || all[0].Deletes != 1 || all[0].Removed || !all[1].Removed || all[1].Deletes != 1 || all[2].Removed {
		t.Errorf("%+v", all)
	}
	if d.InUse() || len(d.Held()) != 2 || len(d.Removed()) != 1 || s.Connections() != 1 {
		t.Errorf("in use %v, %d held", d.InUse(), len(d.Held()))
	}
}

func TestDroppedSessionRemovesNothing(t *testing.T) {
	d := drop("one", "two")
	s := start(t, Options{}, d)
	p := connect(t, s)
	p.talk(login + "C: DELE 1\nS: +OK*")
	other := connect(t, s)
	other.talk("S: +OK*\nC: USER marko\nS: +OK*\nC: PASS secret\nS: -ERR [IN-USE]*\nC: QUIT\nS: +OK*\nEOF")
	p.Close()
	s.Close()
	if len(d.Held()) != 2 || d.InUse() {
		t.Error("a session without QUIT changed the maildrop")
	}
}

func TestSASL(t *testing.T) {
	d := drop("one")
	s := start(t, Options{Token: func(user, token string) bool { return token == "t0ken" }}, d)
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, talk := range []string{
		"C: AUTH PLAIN " + b64("\x00marko\x00secret") + "\nS: +OK*",
		"C: AUTH PLAIN\nS: +*\nC: " + b64("\x00marko\x00secret") + "\nS: +OK*",
		"C: AUTH PLAIN " + b64("\x00marko\x00wrong") + "\nS: -ERR [AUTH]*",
		"C: AUTH PLAIN\nS: +*\nC: *\nS: -ERR*",
		"C: AUTH XOAUTH2\nS: +*\nC: " + b64("user=marko\x01auth=Bearer t0ken\x01\x01") + "\nS: +OK*",
		"C: AUTH OAUTHBEARER " + b64("n,a=marko,\x01host=x\x01auth=Bearer t0ken\x01\x01") + "\nS: +OK*",
		"C: AUTH XOAUTH2\nS: +*\nC: " + b64("user=marko\x01auth=Bearer old\x01\x01") + "\nS: + *\nC: \nS: -ERR [AUTH]*",
		"C: AUTH CRAM-MD5\nS: -ERR*",
	} {
		connect(t, s).talk("S: +OK*\n" + talk + "\nC: QUIT\nS: +OK*\nEOF")
	}
}

func TestTLS(t *testing.T) {
	config, roots, err := Certificate("pop.example.org")
	if err != nil {
		t.Fatal(err)
	}
	client := &tls.Config{RootCAs: roots, ServerName: "pop.example.org"}
	p := connect(t, start(t, Options{TLS: config}, drop("one")))
	p.talk("S: +OK*\nC: STLS\nS: +OK*")
	p.Conn = tls.Client(p.Conn, client)
	p.r = bufio.NewReader(p.Conn)
	p.talk(strings.Replace(login, "S: +OK*\n", "", 1) + "C: STLS\nS: -ERR*\nC: QUIT\nS: +OK*\nEOF")

	p = connect(t, start(t, Options{TLS: config, Implicit: true}, drop("one")))
	p.Conn = tls.Client(p.Conn, client)
	p.r = bufio.NewReader(p.Conn)
	p.talk(login + "C: QUIT\nS: +OK*\nEOF")
}

func TestGmail(t *testing.T) {
	d := drop("one", "two", "three")
	d.Gmail, d.Session = true, 2
	s := start(t, Options{}, d)
	connect(t, s).talk(login + "C: RETR 1\nS: +OK*\nS: one\nS: .\nC: QUIT\nS: +OK*\nEOF")
	connect(t, s).talk(login + "C: UIDL\nS: +OK*\nS: 1 b\nS: 2 c\nS: .\nC: RETR 1\nS: +OK*\nS: two\nS: .\nC: NOOP\nS: +OK*")
	s.Close()
	s = start(t, Options{}, d)
	connect(t, s).talk(login + "C: UIDL\nS: +OK*\nS: 1 b\nS: 2 c\nS: .\nC: QUIT\nS: +OK*\nEOF")
	connect(t, s).talk(strings.Replace(login, "marko", "recent:marko", 1) + "C: UIDL\nS: +OK*\nS: 1 a\nS: 2 b\nS: .\nC: QUIT\nS: +OK*\nEOF")
}

func TestScript(t *testing.T) {
	d := drop("one", "two")
	release := make(chan struct{})
	cuts := make(chan bool, 3)
	cut := func() { cuts <- true }
	s := start(t, Options{Without: []string{"PIPELINING"}, Script: func(conn int) Script {
		switch conn {
		case 0: // the password is called wrong, then QUIT's reply is lost
			refused := false
			return Script{On: func(c *Command) {
				switch {
				case c.Verb == "PASS" && !refused:
					refused = true
					c.Reply("-ERR authentication failed")
				case c.Verb == "RETR":
					c.Reply("-ERR poisoned")
				case c.Verb == "QUIT" && len(c.Deletes) == 1 && c.Deletes[0].UID == "a":
					c.Lose()
				}
			}}
		case 1:
			return Script{Cut: new(int64(7)), OnCut: cut}
		case 2:
			return Script{CutIn: new(int64(4)), OnCut: cut}
		case 3:
			return Script{Cut: new(int64(0)), OnCut: cut}
		case 4:
			return Script{On: func(c *Command) {
				if c.Verb == "" {
					c.Hold = release
				}
			}}
		}
		return Script{}
	}}, d)
	connect(t, s).talk("S: +OK*\nC: USER marko\nS: +OK*\nC: PASS secret\nS: -ERR*\nC: USER marko\nS: +OK*\nC: PASS secret\nS: +OK*\n" +
		"C: RETR 1\nS: -ERR poisoned\nC: DELE 1\nS: +OK*\nC: QUIT\nEOF")
	if len(d.Held()) != 1 {
		t.Error("the QUIT whose reply was lost removed nothing")
	}
	for _, want := range []string{"+OK POP", "+OK POP3 server ready\r\n", ""} {
		p := connect(t, s)
		io.WriteString(p, "NOOP\r\n")
		if got, err := io.ReadAll(p.r); string(got) != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if len(cuts) != 3 {
		t.Errorf("%d cuts were told", len(cuts))
	}
	p := connect(t, s)
	close(release)
	p.talk("S: +OK*")
	if _, err := io.WriteString(p, "NOOP\r\nNOOP\n"); err != nil {
		t.Fatal(err)
	}
	p.talk("S: -ERR*\nS: -ERR*\nC: QUIT\nS: +OK*\nEOF")
	v := s.Violations()
	if !slices.ContainsFunc(v, func(s string) bool { return strings.Contains(s, "PIPELINING") }) || !slices.ContainsFunc(v, func(s string) bool { return strings.Contains(s, "bare LF") }) {
		t.Errorf("violations: %q", v)
	}
}

func TestCloseEndsAll(t *testing.T) {
	d := drop("one")
	s := start(t, Options{Script: func(int) Script {
		return Script{On: func(c *Command) {
			if c.Verb == "NOOP" {
				c.Hold = make(chan struct{})
			}
		}}
	}}, d)
	p := connect(t, s)
	p.talk(login + "C: NOOP")
	s.Close()
	if _, err := s.Listen("127.0.0.1:0"); err == nil {
		t.Error("a closed server listens")
	}
	if d.InUse() {
		t.Error("the maildrop is still locked")
	}
}
