package pop3fetch

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/knadh/go-pop3"

	"heimpost/pop3fetch/pop3d"
)

// wireConn is a connection whose other end has sent text and closed; it reads
// size octets at a time.
type wireConn struct {
	net.Conn
	r    io.Reader
	size int
}

func (w wireConn) Read(p []byte) (int, error)       { return w.r.Read(p[:min(len(p), w.size)]) }
func (w wireConn) Write(p []byte) (int, error)      { return len(p), nil }
func (w wireConn) Close() error                     { return nil }
func (w wireConn) SetReadDeadline(time.Time) error  { return nil }
func (w wireConn) SetWriteDeadline(time.Time) error { return nil }

func gateOf(text string, size int) *gate {
	return newGate(wireConn{r: strings.NewReader(text), size: size}, time.Minute, time.Time{})
}

// bodies are mails that try to end before their end, with what is behind them
// on the wire.
var bodies = []string{
	"",
	"\r\n",
	".\r\n",
	"..\r\n",
	"a\r\n.\r\nb\r\n",
	"a\n.\nb\r\n",
	"a\n.\r\nb\r\n",
	"a\r.\r\nb\r\n",
	"a\r\n.\nb\r\n",
	"a\r\n.\rb\r\n",
	"a\r\n\r\n\r\n",
	"\r\r\n.\r\r\n",
	"\n\n.\n\r\n",
	"\x00.\x00\r\n.\x00\r\n",
	strings.Repeat("x", 2000) + "\r\n." + strings.Repeat("y", 2000) + "\r\n",
	strings.Repeat(".\r\n", 50),
	strings.Repeat("\r", 50) + "\n",
	"\xff\xfe\r\n.\xff\r\n",
}

func TestBodyIsSacred(t *testing.T) {
	for _, body := range bodies {
		want := string(pop3d.Canonical([]byte(body)))
		if strings.Contains(strings.ReplaceAll(body, "\r\n", ""), "\n") {
			want = body // a provider that passes bare LF through
		}
		wire := stuffed(want) + "+OK next\r\n"
		for _, size := range []int{1, 2, 3, 7, 1 << 20} {
			g := gateOf(wire, size)
			var got bytes.Buffer
			fits, err := g.body(&got, 1<<20)
			if err != nil || !fits || got.String() != want {
				t.Errorf("%q by %d octets: got %q, %v, %v", body, size, got.String(), fits, err)
				continue
			}
			if line, err := g.status(); err != nil || string(line) != "+OK next\r\n" {
				t.Errorf("%q by %d octets: then %q, %v", body, size, line, err)
			}
		}
	}
}

// stuffed is a body as RFC 1939 sends it, dots doubled behind CRLF only.
func stuffed(body string) string {
	lines := strings.SplitAfter(body, "\r\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") {
			lines[i] = "." + l
		}
	}
	s := strings.Join(lines, "")
	if s != "" && !strings.HasSuffix(s, "\r\n") {
		s += "\r\n"
	}
	return s + ".\r\n"
}

func TestBodyBounds(t *testing.T) {
	wire := strings.Repeat("x", 100) + "\r\n.\r\n+OK\r\n"
	var got bytes.Buffer
	g := gateOf(wire, 10)
	if fits, err := g.body(&got, 50); fits || err != nil || got.Len() > 50 {
		t.Errorf("fits %v, %v, %d octets", fits, err, got.Len())
	}
	if _, err := g.status(); err != nil {
		t.Errorf("out of step after a large body: %v", err)
	}
	if _, err := gateOf(wire, 10).body(io.Discard, 5); !errorIs[stepError](err) {
		t.Errorf("a body without end: %v", err)
	}
	if _, err := gateOf("half a li", 4).body(io.Discard, 50); !errors.Is(err, errCut) {
		t.Errorf("a cut body: %v", err)
	}
}

// TestLibraryCutsBodies holds the reason for the gate: go-pop3 alone ends a
// body at a dot between bare LFs and takes the rest for replies to DELE and
// QUIT. Under the gate it cannot.
func TestLibraryCutsBodies(t *testing.T) {
	const body = "head\n.\n+OK x\r\n+OK y\r\nrest\r\n"
	wire := "+OK ready\r\n+OK\r\n" + stuffed(body) + "+OK deleted\r\n+OK bye\r\n"
	alone, err := pop3.New(pop3.Opt{Dialer: dialed{wireConn{r: strings.NewReader(wire), size: 1 << 20}}}).NewConn()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := alone.RetrRaw(1); err != nil || got.String() != "head\r\n" || alone.Dele(1) != nil || alone.Quit() != nil {
		t.Errorf("go-pop3 has changed: %q, %v", got, err)
	}

	g := gateOf(wire, 1<<20)
	gated, err := pop3.New(pop3.Opt{Dialer: dialed{g}}).NewConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := gated.Send("RETR 1"); err != nil {
		t.Fatal(err)
	}
	if _, err := gated.ReadOne(); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := g.body(&got, 1<<20); err != nil || got.String() != body {
		t.Errorf("got %q, %v", got.String(), err)
	}
	if text, err := gated.Cmd("DELE", false, 1); err != nil || text.String() != "deleted" {
		t.Errorf("DELE got %v, %v", text, err)
	}
}

func TestStatusLines(t *testing.T) {
	for line, want := range map[string]string{
		"+OK":                              "+OK",
		"+OK ready":                        "+OK ready",
		"-ERR":                             "-ERR",
		"-ERR no":                          "-ERR no",
		"-ERR[IN-USE] no":                  "-ERR [IN-USE] no",
		"":                                 "",
		"+ok":                              "",
		"+OKAY":                            "",
		"+ERR no":                          "",
		"-ERROR":                           "",
		" +OK":                             "",
		"* OK IMAP":                        "",
		"220 SMTP":                         "",
		"+OK " + strings.Repeat("x", 2000): "",
	} {
		got, err := gateOf(line+"\r\n", 5).status()
		if want == "" && !errorIs[stepError](err) || want != "" && string(got) != want+"\r\n" {
			t.Errorf("%q gives %q, %v", line, got, err)
		}
	}
	if _, err := gateOf("+OK\n", 5).status(); !errorIs[stepError](err) {
		t.Errorf("a bare LF ended a reply: %v", err)
	}
	// An error stays.
	g := gateOf("\r\n+OK\r\n", 5)
	g.status()
	if _, err := g.status(); !errorIs[stepError](err) {
		t.Errorf("read on after an error: %v", err)
	}
}

func TestLines(t *testing.T) {
	for wire, want := range map[string]string{
		".\r\n":                     "",
		"1 2\r\n3 4\r\n.\r\n":       "1 2|3 4|",
		"..\r\n.x\r\n\r\n.\r\n":     ".|x||",
		"1 2\r\n.\n\r\n.\r\n":       "error",
		"a\nb\r\n.\r\n":             "error",
		"1\r\n2\r\n3\r\n4\r\n.\r\n": "error",
		"1\r\n":                     "error",
	} {
		var got strings.Builder
		err := gateOf(wire, 3).lines(3, func(l []byte) { got.WriteString(string(l) + "|") })
		if (err != nil) != (want == "error") || err == nil && got.String() != want {
			t.Errorf("%q gives %q, %v", wire, got.String(), err)
		}
	}
}
