package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"heimpost/hub"
	"heimpost/pop3fetch/pop3d"
	"heimpost/pop3fetch/pop3d/sample"
	"heimpost/store"
	"heimpost/web"
)

const (
	demoName    = "demo"
	demoAddress = "demo@heimpost.example"
	// demoFirst and demoEvery are when mail arrives while the demo runs.
	demoFirst = 30 * time.Second
	demoEvery = 2 * time.Minute
)

func demoCommand() *command {
	c := newCommand("demo", "", 0, 0, "try it: sample mail, a person demo/demo, nothing is left behind")
	c.long = "A POP3 provider inside the program holds some thirty sample mails. They are fetched into a fresh box\n" +
		"in a temporary folder and served on this computer only. Ctrl-C ends it and removes everything."
	c.run = func(e *env, _ []string) (err error) {
		if e.data != "" {
			return e.misused("demo: it works in a temporary folder of its own, without --data")
		}
		dir, err := os.MkdirTemp("", "heimpost-demo-")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		d := &demo{e: e, dir: dir, drop: pop3d.NewMaildrop(demoAddress, demoName)}
		return d.run()
	}
	return c
}

// demo is a provider and a hub, and somebody who tells what they do.
type demo struct {
	e    *env
	dir  string
	drop *pop3d.Maildrop
	port int // the provider's

	mu  sync.Mutex // one line at a time
	err error      // why it could not be set up
}

func (d *demo) run() error {
	for _, m := range sample.Mails(time.Now()) {
		d.drop.Deliver(m)
	}
	provider := pop3d.New(pop3d.Options{}, d.drop)
	defer provider.Close()
	addr, err := provider.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	d.port = addr.(*net.TCPAddr).Port

	config, err := hub.ParseConfig(nil)
	if err != nil {
		return err
	}
	config.IMAP.Listen = []string{freePort(config.IMAP.Listen[0])}
	config.IMAP.ListenTLS = []string{freePort(config.IMAP.ListenTLS[0])}
	config.Web.Listen = freePort(config.Web.Listen)
	ctx, stop := context.WithCancel(d.e.ctx)
	defer stop()
	var parts sync.WaitGroup
	defer parts.Wait()
	log := slog.New(demoLog{d})
	err = hub.Serve(ctx, filepath.Join(d.dir, "data"), config, hub.ServeOptions{
		Version: version(), Log: log,
		Web: func(r *hub.Running) (http.Handler, error) { return web.New(r, web.Options{Log: log}) },
		Ready: func(r *hub.Running) {
			fmt.Fprintln(d.e.err, r.ReadyLine())
			parts.Go(func() {
				if d.err = d.play(ctx, r); d.err != nil {
					stop()
				}
			})
		},
	})
	stop()
	parts.Wait()
	if d.e.ctx.Err() != nil {
		return err
	}
	return errors.Join(err, d.err)
}

// freePort gives an address as it is, or with port 0 where its port is taken.
func freePort(address string) string {
	l, err := net.Listen("tcp", address)
	if err != nil {
		host, _, _ := net.SplitHostPort(address)
		return net.JoinHostPort(host, "0")
	}
	l.Close()
	return address
}

// play sets the hub up, tells how to connect and lets mail arrive.
func (d *demo) play(ctx context.Context, r *hub.Running) error {
	name, host, tls, every, password := demoName, "127.0.0.1", "none", "5s", demoName
	if _, err := hub.Do(ctx, r.Hub, hub.PersonAdd, hub.PersonAddParams{Name: name, Title: "Demo", Password: password}, nil); err != nil {
		return err
	}
	if _, err := hub.Do(ctx, r.Hub, hub.AccountAdd, hub.AccountSetParams{Address: demoAddress, Box: &name, Host: &host, Port: &d.port,
		TLS: &tls, Every: &every, Password: &password}, nil); err != nil {
		return err
	}
	fetched, err := hub.Do(ctx, r.Hub, hub.Fetch, hub.FetchParams{}, nil)
	if err != nil {
		return err
	}
	if f := fetched[0]; f.Error != "" {
		return errors.New(f.Error)
	}
	status, err := hub.Do(ctx, r.Hub, hub.GetStatus, hub.None{}, nil)
	if err != nil {
		return err
	}
	d.invite(r, status.Boxes[0].Messages)
	stop, err := r.Hub.Watch(ctx, name, d.tell)
	if err != nil {
		return err
	}
	defer stop()

	next := time.NewTimer(demoFirst)
	defer next.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case now := <-next.C:
			d.drop.Deliver(sample.Live(now, n))
			next.Reset(demoEvery)
		}
	}
}

// invite says what to type into a mail client.
func (d *demo) invite(r *hub.Running, mails int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	port := func(addrs []string) string {
		_, p, _ := net.SplitHostPort(addrs[0])
		return p
	}
	fmt.Fprintf(d.e.out, `
Heimpost demo: %d mails were fetched from a POP3 provider inside this program.

Add an IMAP account to a mail program on this computer:

  server     127.0.0.1
  port       %s   without encryption (only this computer can connect)
             or %s with SSL/TLS (the certificate is the demo's own)
  user       %s
  password   %s
  sending    there is none: any SMTP server will do, or skip it

The pages are at http://%s (the same user and password).

Now and then a new mail arrives. Everything is in %s
and goes away with Ctrl-C. What happens, as it happens:

`, mails, port(r.IMAP), port(r.IMAPS), demoName, demoName, r.Web, d.dir)
}

// say prints a line with the time.
func (d *demo) say(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(d.e.out, "%s  %s\n", time.Now().Format("15:04:05"), strings.TrimSpace(fmt.Sprintf(format, args...)))
}

// tell tells of a change in the box.
func (d *demo) tell(e store.Event) {
	n := 0
	for _, r := range e.UIDs {
		n += int(r.Stop-r.Start) + 1
	}
	mails := count(n, "mail", "mails")
	switch e.Kind {
	case "delivered":
		d.say("%s fetched into %s: %s, from %s", mails, e.MailboxName, quoted(e.Subject), e.From)
	case "appended":
		d.say("%s stored in %s by the mail program: %s", mails, e.MailboxName, quoted(e.Subject))
	case "flags":
		d.say("%s in %s marked as read, answered, … or not", mails, e.MailboxName)
	case "moved":
		d.say("%s moved into %s", mails, e.MailboxName)
	case "copied":
		d.say("%s copied into %s", mails, e.MailboxName)
	case "expunged":
		d.say("%s left %s", mails, e.MailboxName)
	case "mailbox":
		d.say("the mailbox %s was made, renamed or removed", e.MailboxName)
	case "subscription": // of no interest to a newcomer
	default:
		d.say("%s in %s: %s", mails, e.MailboxName, e.Kind)
	}
}

// quoted keeps a subject to one line.
func quoted(s string) string {
	if r := []rune(s); len(r) > 60 {
		s = string(r[:59]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

// demoLog shows what the hub's log says in plain lines.
type demoLog struct{ d *demo }

func (l demoLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (l demoLog) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l demoLog) WithGroup(string) slog.Handler                    { return l }

func (l demoLog) Handle(_ context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn && r.Message != "imap: login" {
		return nil
	}
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		if text := a.Value.String(); text != "" {
			line += fmt.Sprintf(" %s=%s", a.Key, text)
		}
		return true
	})
	l.d.say("%s", line)
	return nil
}
