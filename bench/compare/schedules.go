package main

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"

	"heimpost/pop3fetch/pop3d"
)

// schedule is a way in which a provider goes wrong.
type schedule struct {
	fault string
	keep  bool // mail stays at the provider
	// script is that of the round that goes wrong; kill ends the fetcher.
	script func(kill func()) pop3d.Script
	// before is what happens at the provider before that round.
	before func(d *pop3d.Maildrop)
	// mail is delivered besides the usual ones; its token is in it.
	mail func(d *pop3d.Maildrop, token string)
}

// first and second are how many mails arrive before the first and the second
// round.
const first, second = 4, 8

func schedules() (out []schedule) {
	add := func(s schedule) {
		s.keep = false
		out = append(out, s)
		s.keep = true
		out = append(out, s)
	}
	on := func(fn func(c *pop3d.Command)) func(func()) pop3d.Script {
		return func(func()) pop3d.Script { return pop3d.Script{On: fn} }
	}
	add(schedule{fault: "nothing"})
	for i := range int64(6) {
		add(schedule{fault: "the connection is cut", script: func(func()) pop3d.Script { return pop3d.Script{Cut: new(900 + 1100*i)} }})
	}
	for i := range int64(2) {
		add(schedule{fault: "commands are cut off", script: func(func()) pop3d.Script { return pop3d.Script{CutIn: new(60 + 50*i)} }})
	}
	for i := range 6 {
		add(schedule{fault: "the fetcher is killed", script: func(kill func()) pop3d.Script {
			n := 0
			return pop3d.Script{On: func(*pop3d.Command) {
				if n++; n == 8+3*i {
					kill()
				}
			}}
		}})
	}
	for _, quit := range []func(c *pop3d.Command){
		(*pop3d.Command).Vanish,
		(*pop3d.Command).Lose,
		func(c *pop3d.Command) { c.Reply("-ERR some deleted messages not removed") },
		func(c *pop3d.Command) { c.Out = []byte("-ERR some deleted messages not removed\r\n") },
	} {
		add(schedule{fault: "QUIT is lost or refused", script: on(func(c *pop3d.Command) {
			if c.Verb == "QUIT" {
				quit(c)
			}
		})})
	}
	add(schedule{fault: "the login is refused", script: on(func(c *pop3d.Command) {
		if c.Verb == "PASS" || c.Verb == "AUTH" {
			c.Reply("-ERR [IN-USE] try later")
		}
	})})
	add(schedule{fault: "the listing is empty for once", script: on(func(c *pop3d.Command) {
		switch c.Verb {
		case "STAT":
			c.Reply("+OK 0 0")
		case "LIST", "UIDL":
			if c.Arg == "" {
				c.Reply("+OK\r\n.")
			}
		}
	})})
	add(schedule{fault: "a message is refused for once", script: on(func(c *pop3d.Command) {
		if c.Verb == "RETR" && c.Mail != nil && c.Mail.ID == first+2 {
			c.Reply("-ERR [SYS/TEMP] cannot read it")
		}
	})})
	add(schedule{fault: "DELE is refused for once", script: on(func(c *pop3d.Command) {
		if c.Verb == "DELE" {
			c.Reply("-ERR not now")
		}
	})})
	add(schedule{fault: "a reply that nobody asked for", script: func(func()) pop3d.Script {
		n := 0
		return pop3d.Script{On: func(c *pop3d.Command) {
			if n++; n == 9 {
				c.Out = append(c.Out, "+OK\r\n"...)
			}
		}}
	}})
	add(schedule{fault: "the provider gives new unique-ids", before: func(d *pop3d.Maildrop) {
		d.Rename(func(m pop3d.Mail) string { return "new" + m.UID })
	}})
	add(schedule{fault: "an end of mail forged by a sender", mail: func(d *pop3d.Maildrop, token string) {
		b := append(text(token, "one\n.\n+OK two\r\n+OK three\r\n"), "+OK four\r\n+OK\r\nend "+token+"\r\n"...)
		d.Add(pop3d.Mail{Bytes: b, Wire: pop3d.Stuff(b)})
	}})
	add(schedule{fault: "two mails with one unique-id", mail: func(d *pop3d.Maildrop, token string) {
		d.Add(pop3d.Mail{Bytes: text(token, "the other\r\n"), UID: d.All()[first].UID})
	}})
	add(schedule{fault: "a unique-id is used again", mail: func(d *pop3d.Maildrop, token string) {
		if removed := d.Removed(); len(removed) > 0 {
			d.Add(pop3d.Mail{Bytes: text(token, "another mail\r\n"), UID: removed[0].UID})
		} else {
			d.Deliver(text(token, "another mail\r\n"))
		}
	}})
	return out
}

// text is a mail whose every octet counts.
func text(token, body string) []byte {
	return fmt.Appendf(nil, "From: a@example.org\r\nTo: u@example.org\r\nSubject: %s\r\nDate: Mon, 02 Mar 2026 10:00:00 +0100\r\nMessage-ID: <%[1]s@example.org>\r\n\r\nbegin %[1]s\r\n%s%send %[1]s\r\n",
		token, body, strings.Repeat("0123456789 0123456789 0123456789 0123456789\r\n", 10))
}

// run runs a schedule for a fetcher in dir and counts.
func (s schedule) run(f fetcher, dir string) (t tally, err error) {
	drop := pop3d.NewMaildrop("u", "secret")
	var mu sync.Mutex
	var script func(func()) pop3d.Script // nil: nothing goes wrong
	kill := make(chan struct{}, 1)
	server := pop3d.New(pop3d.Options{Script: func(int) pop3d.Script {
		mu.Lock()
		defer mu.Unlock()
		if script == nil {
			return pop3d.Script{}
		}
		return script(func() {
			select {
			case kill <- struct{}{}:
			default:
			}
		})
	}}, drop)
	defer server.Close()
	addr, err := server.Listen("127.0.0.1:0")
	if err != nil {
		return t, err
	}
	_, port, _ := net.SplitHostPort(addr.String())
	if err := f.prepare(dir, port, s.keep); err != nil {
		return t, err
	}
	var tokens []string
	deliver := func(n int) {
		for range n {
			tokens = append(tokens, fmt.Sprintf("token%d", len(tokens)))
			drop.Deliver(text(tokens[len(tokens)-1], ""))
		}
	}
	round := func(sick func(func()) pop3d.Script) error {
		mu.Lock()
		script = sick
		mu.Unlock()
		select {
		case <-kill: // of the round before
		default:
		}
		hung, err := f.round(dir, kill)
		if hung {
			t.Hung++
		}
		return err
	}
	deliver(first)
	if err := round(nil); err != nil {
		return t, err
	}
	deliver(second)
	if s.mail != nil {
		tokens = append(tokens, "special")
		s.mail(drop, "special")
	}
	if s.before != nil {
		s.before(drop)
	}
	if err := round(s.script); err != nil {
		return t, err
	}
	for range 2 {
		if err := round(nil); err != nil {
			return t, err
		}
	}
	stored, err := f.mails(dir)
	if err != nil {
		return t, err
	}
	t.Schedules, t.Mails = 1, len(tokens)
	for _, token := range tokens {
		t.add(judge(token, drop.All(), stored))
	}
	return t, nil
}

// judge tells what became of one mail.
func judge(token string, sent []pop3d.Mail, stored [][]byte) (t tally) {
	lf := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }
	mark := []byte("Message-ID: <" + token + "@example.org>")
	var want []byte
	held := false
	for _, m := range sent {
		if bytes.Contains(m.Bytes, mark) {
			want, held = lf(m.Bytes), !m.Removed
		}
	}
	whole, copies := 0, 0
	for _, b := range stored {
		if !bytes.Contains(b, mark) {
			continue
		}
		copies++
		if bytes.Contains(lf(b), want) && !bytes.HasPrefix(b, []byte("+OK")) {
			whole++
		}
	}
	t.Damaged = copies - whole
	t.Twice = max(copies-1, 0)
	switch {
	case whole > 0:
	case held:
		t.Left = 1
	default:
		t.Lost = 1
	}
	return t
}
