package imapd

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"go.uber.org/goleak"

	"heimpost/imapd/wire"
	"heimpost/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

// world is a server with a box for each of its persons; all passwords are
// "secret".
type world struct {
	t    testing.TB
	srv  *Server
	addr string
	box  *store.Box            // marko's
	all  map[string]*store.Box // by name

	mu      sync.Mutex
	logins  map[string]*Login // what the next login of a name gets; tests may change it
	revoke  map[string]chan struct{}
	clients map[string]*client
	remote  netip.Addr // if valid, where connections seem to come from
}

// memDir gives a folder in memory where the system has one, so that syncing
// costs nothing.
func memDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "heimpost")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// newBox makes a box that is closed at the end of the test.
func newBox(t testing.TB) *store.Box {
	t.Helper()
	dir := filepath.Join(memDir(t), "box")
	if err := store.CreateBox(dir, store.NewID(), store.Options{}); err != nil {
		t.Fatal(err)
	}
	b, err := store.OpenBox(ctx, dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// newWorld starts a server with the persons marko, who has a box of his own
// and sees petra's under Shared/petra, and petra, who sees marko's read-only.
// change may alter the configuration.
func newWorld(t testing.TB, change ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, all: map[string]*store.Box{}, logins: map[string]*Login{}, revoke: map[string]chan struct{}{}, clients: map[string]*client{}}
	persons := []string{"marko", "petra"}
	for _, p := range persons {
		w.all[p] = newBox(t)
	}
	w.box = w.all["marko"]
	for i, p := range persons {
		who := store.Actor{Person: store.ID(p + "aaaaaaaaaaa"), Device: store.ID(p + "sphoneaaaaa")}
		other := persons[1-i]
		sharedView := w.all[other].View(store.ViewOptions{Actor: who, ReadOnly: p == "petra"})
		revoked := make(chan struct{})
		w.revoke[p] = revoked
		w.logins[p] = &Login{
			Person: p, Device: "phone", Actor: who, Revoked: revoked,
			Root:   w.all[p].View(store.ViewOptions{Actor: who}),
			Shared: func() []Shared { return []Shared{{Prefix: "Shared/" + other, View: sharedView}} },
		}
	}
	cfg := Config{Login: w.login, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Version: "test"}
	for _, fn := range change {
		fn(&cfg)
	}
	w.srv = NewServer(cfg)
	w.addr = w.listen(false)
	return w
}

// listen opens another listener of the server.
func (w *world) listen(implicitTLS bool) string {
	w.t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	l := &feigned{tcp, w}
	done := make(chan error, 1)
	go func() { done <- w.srv.Serve(l, implicitTLS) }()
	w.t.Cleanup(func() {
		for _, c := range w.clients {
			c.nc.Close()
		}
		late, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if err := w.srv.Shutdown(late); err != nil {
			w.t.Error(err)
		}
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
	return l.Addr().String()
}

// feigned is a listener whose connections come from world.remote.
type feigned struct {
	net.Listener
	w *world
}

func (l *feigned) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	if err == nil && l.w.remote.IsValid() {
		nc = feignedConn{nc, net.TCPAddrFromAddrPort(netip.AddrPortFrom(l.w.remote, 1))}
	}
	return nc, err
}

type feignedConn struct {
	net.Conn
	remote net.Addr
}

func (c feignedConn) RemoteAddr() net.Addr { return c.remote }

func (w *world) login(_ context.Context, name, password string, _ netip.Addr) (*Login, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.logins[name]
	if l == nil || password != "secret" {
		return nil, &LoginError{Code: imap.ResponseCodeAuthenticationFailed, Text: "Name or password is wrong."}
	}
	mine := *l
	return &mine, nil
}

// view gives a person's view of the own box.
func (w *world) view(person string) *store.View { return w.logins[person].Root }

// deliver stores a small mail for each subject and gives their UIDs.
func (w *world) deliver(person, mailbox string, subjects ...string) []imap.UID {
	w.t.Helper()
	var texts []string
	for _, s := range subjects {
		texts = append(texts, "From: a@example.org\r\nSubject: "+s+"\r\n\r\nHello "+s+".\r\n")
	}
	return w.deliverRaw(person, mailbox, texts...)
}

// deliverRaw stores mails, received on 1 March 2024.
func (w *world) deliverRaw(person, mailbox string, texts ...string) []imap.UID {
	w.t.Helper()
	v := w.view(person)
	var mails []*store.Incoming
	for _, text := range texts {
		in, err := v.NewIncoming()
		if err == nil {
			_, err = io.WriteString(in, text)
		}
		if err == nil {
			_, err = in.Finish()
		}
		if err != nil {
			w.t.Fatal(err)
		}
		in.Date = time.Date(2024, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600))
		mails = append(mails, in)
	}
	done, err := v.Append(ctx, mailbox, mails)
	if err != nil {
		w.t.Fatal(err)
	}
	return done.UIDs
}

// client is one connection of a transcript.
type client struct {
	nc  net.Conn
	in  *bufio.Reader
	out io.Writer
}

// patience bounds how long a test waits for a server that hangs.
const patience = 20 * time.Second

// connect opens a connection.
func (w *world) connect() *client {
	w.t.Helper()
	nc, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	nc.SetDeadline(time.Now().Add(patience))
	return &client{nc: nc, in: bufio.NewReader(nc), out: nc}
}

// client gives the connection of this name, which is opened and, with a
// person's name, logged in where there is none yet.
func (w *world) client(name, person string) *client {
	w.t.Helper()
	if c := w.clients[name]; c != nil {
		return c
	}
	c := w.connect()
	w.clients[name] = c
	w.line(c, name) // greeting
	if person != "" {
		fmt.Fprintf(c.out, "login LOGIN %s secret\r\n", person)
		if got := w.line(c, name); !strings.HasPrefix(got, "login OK ") {
			w.t.Fatalf("%s: %s cannot log in: %s", name, person, got)
		}
	}
	return c
}

// line reads a line without its CRLF.
func (w *world) line(c *client, name string) string {
	w.t.Helper()
	s, err := c.in.ReadString('\n')
	if err != nil {
		w.t.Fatalf("%s: after %q: %v", name, s, err)
	}
	if !strings.HasSuffix(s, "\r\n") {
		w.t.Errorf("%s: line %q has no CRLF", name, s)
	}
	return strings.TrimRight(s, "\r\n")
}

// play runs a transcript. Its lines:
//
//	C: text   the client sends the line
//	S: text   the server must answer with this line; "…" stands for any text
//	S* text   likewise, lines before it are passed over
//	E:        the server must close the connection
//	# text    a remark
//
// "C", "S", "E" may be followed by a client's name: "C2:". The client "" and
// those with digits as names are logged in as marko when they first appear,
// names that begin with "petra" as petra, names that begin with "x" not at
// all (their greeting is passed over). In C lines \r, \n, \t, \0, \\ and \xHH
// are escapes; one that ends with \c sends no CRLF.
func (w *world) play(script string) {
	w.t.Helper()
	for no, l := range strings.Split(script, "\n") {
		l = strings.TrimLeft(l, "\t ")
		if l == "" || l[0] == '#' {
			continue
		}
		sep := strings.IndexAny(l, ":*")
		if sep < 1 {
			w.t.Fatalf("line %d of the transcript: %q", no+1, l)
		}
		kind, name, text := l[0], l[1:sep], strings.TrimPrefix(l[sep+1:], " ")
		person := "marko"
		switch {
		case strings.HasPrefix(name, "petra"):
			person = "petra"
		case strings.HasPrefix(name, "x"):
			person = ""
		}
		c := w.client(name, person)
		at := fmt.Sprintf("line %d, client %q", no+1, name)
		switch {
		case kind == 'C':
			if _, err := io.WriteString(c.out, unescape(text)); err != nil {
				w.t.Fatalf("%s: %v", at, err)
			}
		case kind == 'S' && l[sep] == '*':
			var seen []string
			for !matches(text, w.lineOr(c, at, text, &seen)) {
			}
		case kind == 'S':
			if got := w.line(c, at); !matches(text, got) {
				w.t.Fatalf("%s:\n got %s\nwant %s", at, got, text)
			}
		case kind == 'E':
			if got, err := c.in.ReadString('\n'); err != io.EOF && !strings.Contains(fmt.Sprint(err), "reset") {
				w.t.Fatalf("%s: got %q, %v; want the end of the connection", at, got, err)
			}
		default:
			w.t.Fatalf("line %d of the transcript: %q", no+1, l)
		}
	}
}

// lineOr reads a line of those that are passed over until one is as wanted.
func (w *world) lineOr(c *client, at, want string, seen *[]string) string {
	w.t.Helper()
	s, err := c.in.ReadString('\n')
	if err != nil {
		w.t.Fatalf("%s: want %s\n got %s\n%v", at, want, strings.Join(append(*seen, s), "\n     "), err)
	}
	s = strings.TrimRight(s, "\r\n")
	*seen = append(*seen, s)
	return s
}

func splitLines(s string) []string { return strings.Split(s, "\n") }

// decoder is wire.Decoder.
type decoder = wire.Decoder

// matches reports whether a line is as a pattern says.
func matches(pattern, line string) bool {
	quoted := strings.ReplaceAll(regexp.QuoteMeta(pattern), "…", ".*")
	return regexp.MustCompile("(?s)^" + quoted + "$").MatchString(line)
}

var escapes = regexp.MustCompile(`\\(x[0-9a-f]{2}|[rnt0c\\])`)

// unescape gives what a C line sends.
func unescape(s string) string {
	end := "\r\n"
	s = escapes.ReplaceAllStringFunc(s, func(e string) string {
		switch e[1] {
		case 'r':
			return "\r"
		case 'n':
			return "\n"
		case 't':
			return "\t"
		case '0':
			return "\x00"
		case 'c':
			end = ""
			return ""
		case 'x':
			var b byte
			fmt.Sscanf(e[2:], "%02x", &b)
			return string([]byte{b})
		}
		return `\`
	})
	return s + end
}

// useTLS makes a client go on with TLS, without looking at the certificate.
func (c *client) useTLS() {
	tc := tls.Client(c.nc, &tls.Config{InsecureSkipVerify: true})
	c.nc, c.in, c.out = tc, bufio.NewReader(tc), tc
}

// full makes a server offer all that is built.
func full(c *Config) { c.Capabilities = "full" }
