package pop3fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/knadh/go-pop3"
)

// client is a session with a provider: go-pop3 for commands and replies, on a
// gate that we read listings and bodies from.
type client struct {
	g    *gate
	pop  *pop3.Conn
	caps capabilities
	l    Limits
	tls  string // version; "" for clear text
	stop func() bool
	used time.Time // when a command was last sent
}

// dialed gives go-pop3 a connection that is there already.
type dialed struct{ net.Conn }

func (d dialed) Dial(network, address string) (net.Conn, error) { return d.Conn, nil }

// connect opens a session up to the login: TLS, greeting, capabilities. When
// ctx ends, so does the connection.
func connect(ctx context.Context, o *Options, a Account) (_ *client, err error) {
	address := net.JoinHostPort(a.Host, strconv.Itoa(a.Port))
	raw, err := o.Dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if a.TLS == TLSNone && !loopbackAddr(raw.RemoteAddr()) {
		raw.Close()
		return nil, fmt.Errorf("%s is not this computer, so TLS is needed", a.Host)
	}
	c := &client{g: newGate(raw, o.Limits.Idle, time.Now().Add(o.Limits.Session)), l: o.Limits}
	c.stop = context.AfterFunc(ctx, func() { raw.Close() })
	defer func() {
		if err != nil {
			c.close()
			if ctx.Err() != nil {
				err = ctx.Err()
			}
		}
	}()
	config := &tls.Config{ServerName: strings.TrimSuffix(a.Host, "."), RootCAs: o.Roots}
	if a.TLS == TLSImplicit {
		if err := c.startTLS(ctx, config); err != nil {
			return nil, err
		}
	}
	greeting, err := c.g.status()
	if err != nil {
		return nil, err
	}
	if text, is := strings.CutPrefix(string(greeting), "-ERR"); is {
		return nil, newRefusal("", text)
	}
	if err := c.readCapabilities(); err != nil {
		return nil, err
	}
	if a.TLS == TLSStart {
		if _, err := c.early("STLS", "STLS"); err != nil {
			if r, is := refused(err); is {
				return nil, &noTLSError{r}
			}
			return nil, err
		}
		if !c.g.quiet() {
			return nil, c.g.outOfStep("it went on in clear after STLS")
		}
		if err := c.startTLS(ctx, config); err != nil {
			return nil, err
		}
		// What was announced in clear may be forged.
		if err := c.readCapabilities(); err != nil {
			return nil, err
		}
	}
	if c.caps.has("UTF8") {
		// Else a server may wrap mails with 8-bit headers into explanations of
		// its own, anew at each RETR (RFC 6856 §2.1). One that refuses sends
		// them as it does.
		if _, err := c.early("UTF8", "UTF8"); err != nil {
			if _, is := refused(err); !is {
				return nil, err
			}
		}
	}
	c.g.replay = greeting
	c.pop, err = pop3.New(pop3.Opt{Host: a.Host, Port: a.Port, Dialer: dialed{c.g}}).NewConn()
	return c, err
}

// noTLSError says that STLS was refused.
type noTLSError struct{ *refusal }

func (e *noTLSError) Unwrap() error { return e.refusal }

func (c *client) startTLS(ctx context.Context, config *tls.Config) error {
	conn := tls.Client(c.g.raw, config)
	c.g.raw.SetDeadline(time.Now().Add(c.l.Idle))
	if err := conn.HandshakeContext(ctx); err != nil {
		return &tlsError{err}
	}
	c.g.raw.SetDeadline(time.Time{})
	c.g.use(conn)
	c.tls = tls.VersionName(conn.ConnectionState().Version)
	return nil
}

// tlsError wraps what went wrong in a handshake.
type tlsError struct{ err error }

func (e *tlsError) Error() string { return e.err.Error() }
func (e *tlsError) Unwrap() error { return e.err }

// early sends a command before go-pop3 has the connection and gives the text
// of its reply. verb is what errors name: line may hold a secret.
func (c *client) early(verb, line string) (string, error) {
	if _, err := io.WriteString(c.g, line+"\r\n"); err != nil {
		return "", err
	}
	reply, err := c.g.status()
	if err != nil {
		return "", err
	}
	text := strings.TrimSuffix(string(reply), "\r\n")
	if rest, is := strings.CutPrefix(text, "-ERR"); is {
		return "", newRefusal(verb, rest)
	}
	return strings.TrimSpace(strings.TrimPrefix(text, "+OK")), nil
}

// readCapabilities asks CAPA (RFC 2449 §5). Servers may not know it.
func (c *client) readCapabilities() error {
	ask := func() (string, error) { return c.early("CAPA", "CAPA") }
	if c.pop != nil {
		ask = func() (string, error) { return c.command("CAPA") }
	}
	c.caps = nil
	if _, err := ask(); err != nil {
		if _, is := refused(err); is {
			return nil
		}
		return err
	}
	c.caps = capabilities{}
	return c.g.lines(maxCapabilities, c.caps.add)
}

// send sends a command; its reply is read later.
func (c *client) send(format string, args ...any) error {
	c.used = time.Now()
	return c.pop.Send(fmt.Sprintf(format, args...))
}

// reply reads the reply to a command and gives its text; -ERR is a *refusal.
func (c *client) reply(verb string) (string, error) {
	text, err := c.pop.ReadOne()
	if err == nil {
		return string(text), nil
	}
	if c.g.err != nil {
		return "", c.g.err
	}
	// Then it was -ERR, and err is what stood behind it.
	return "", newRefusal(verb, err.Error())
}

// command sends a command and reads its reply.
func (c *client) command(verb string) (string, error) {
	if err := c.send("%s", verb); err != nil {
		return "", err
	}
	return c.reply(verb)
}

// patient runs fn with the patience that big or locked maildrops need.
func (c *client) patient(fn func() error) error {
	c.g.patience = c.l.Reply
	defer func() { c.g.patience = 0 }()
	return fn()
}

// pipelines reports whether commands may be sent before earlier ones were
// answered (RFC 2449 §6.6).
func (c *client) pipelines() bool { return c.caps.has("PIPELINING") }

// list asks STAT, LIST and UIDL. hadUIDL says that UIDL has worked before: then
// its refusal is an error that passes.
func (c *client) list(hadUIDL bool) (l *listing, err error) {
	err = c.patient(func() error {
		l, err = c.listAll(hadUIDL)
		return err
	})
	return l, err
}

func (c *client) listAll(hadUIDL bool) (*listing, error) {
	verbs := []string{"STAT", "LIST", "UIDL"}
	if c.pipelines() {
		for _, v := range verbs {
			if err := c.send("%s", v); err != nil {
				return nil, err
			}
		}
	}
	g := newGather()
	var count int
	var size int64
	numbered := false
	for _, v := range verbs {
		if !c.pipelines() {
			if err := c.send("%s", v); err != nil {
				return nil, err
			}
		}
		text, err := c.reply(v)
		if err != nil {
			if _, is := refused(err); !is {
				return nil, err
			}
		}
		switch {
		case v == "STAT" && err == nil:
			var ok bool
			if count, size, ok = parseStat(text); !ok {
				return nil, c.g.outOfStep("STAT was answered with %q", printable(text))
			}
		case v == "LIST" && err == nil:
			err = c.g.lines(c.l.Listed, g.list)
		case v == "UIDL" && err == nil:
			numbered = true
			err = c.g.lines(c.l.Listed, g.uidl)
		case v == "UIDL" && (count == 0 || !c.caps.has("UIDL") && !hadUIDL):
			err = nil // a provider that gives no unique-ids, or none for nothing
		case v == "LIST" && count == 0:
			err = nil
		}
		if err != nil {
			return nil, err
		}
	}
	return g.listing(count, size, numbered), nil
}

// prove shows that replies and commands are still in step: nothing came in
// that nobody asked for, and a NOOP is answered and followed by nothing.
func (c *client) prove() error {
	if !c.g.quiet() {
		return c.g.outOfStep("it sent more than was asked for")
	}
	_, err := c.command("NOOP")
	return c.inStep(err)
}

// inStep looks at the answer to a NOOP behind which nothing was sent.
func (c *client) inStep(err error) error {
	if r, is := refused(err); is {
		return c.g.outOfStep("NOOP was refused (%s)", r.text)
	}
	if err == nil && !c.g.quiet() {
		return c.g.outOfStep("it sent more than was asked for")
	}
	return err
}

// keepAlive is how long nothing is sent before a NOOP tells the provider that
// we are still there: some end a session after a minute.
const keepAlive = 10 * time.Second

// quit ends the session properly: from now on what was deleted is gone.
func (c *client) quit() error {
	if !c.g.quiet() {
		return c.g.outOfStep("it sent more than was asked for")
	}
	var err error
	c.patient(func() error {
		_, err = c.command("QUIT")
		return nil
	})
	c.close()
	return err
}

// close ends the connection without QUIT.
func (c *client) close() {
	c.stop()
	c.g.Close()
}

// errorIs reports whether err is of type T.
func errorIs[T error](err error) bool {
	var t T
	return errors.As(err, &t)
}
