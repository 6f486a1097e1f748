package pop3fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"heimpost/pop3fetch/pop3d"
	"heimpost/store"
)

// TestWords: what a test of an account says when something is wrong.
func TestWords(t *testing.T) {
	config, roots, err := pop3d.Certificate("pop.example.org")
	if err != nil {
		t.Fatal(err)
	}
	answer := func(verb, line string) func(int) pop3d.Script {
		return on(func(c *pop3d.Command) {
			if c.Verb == verb {
				c.Reply(line)
			}
		})
	}
	plain := pop3d.Options{}
	for name, test := range map[string]struct {
		so    pop3d.Options
		a     Account
		en    []string
		de    []string
		class class
	}{
		"wrong password": {plain, Account{User: "a@example.org", Host: "127.0.0.1"},
			[]string{"password"}, []string{"Passwort"}, classRefused},
		"no reason": {pop3d.Options{Without: []string{"AUTH-RESP-CODE"}}, Account{User: "a@example.org", Host: "127.0.0.1"},
			[]string{"password", "too often"}, []string{"Passwort", "zu oft"}, classMaybe},
		"a code without meaning": {pop3d.Options{Without: []string{"AUTH-RESP-CODE"}, Script: answer("PASS", "-ERR [AUTH] no")}, Account{User: "a@example.org", Host: "127.0.0.1"},
			[]string{"password", "too often"}, []string{"Passwort"}, classMaybe},
		"POP3 off at GMX": {pop3d.Options{Script: answer("PASS", "-ERR POP3 not enabled for this account")}, Account{Address: "a@gmx.de", User: "a", Host: "127.0.0.1"},
			[]string{"POP3 is switched off in GMX's settings", "Settings"}, []string{"ausgeschaltet", "Einstellungen"}, classOff},
		"POP3 off at Gmail": {pop3d.Options{Script: answer("PASS", "-ERR [SYS/PERM] Your account is not enabled for POP access. Please visit your Gmail settings page")}, Account{Address: "a@gmail.com", User: "a", Host: "127.0.0.1"},
			[]string{"POP3 is switched off in Gmail's settings"}, []string{"ausgeschaltet"}, classOff},
		"app password at Yahoo": {pop3d.Options{Script: answer("PASS", "-ERR [AUTH] invalid")}, Account{Address: "a@yahoo.de", User: "a", Host: "127.0.0.1"},
			[]string{"password", "app password"}, []string{"App-Passwort"}, classRefused},
		"another session": {pop3d.Options{Script: answer("PASS", "-ERR [IN-USE] locked")}, Account{User: "a@example.org", Host: "127.0.0.1"},
			[]string{"Another session"}, []string{"anderen Sitzung"}, classInUse},
		"another name": {pop3d.Options{TLS: config, Implicit: true}, Account{Host: "pop.example.net", TLS: TLSImplicit},
			[]string{"certificate", "pop.example.org"}, []string{"Zertifikat", "pop.example.org"}, classTLS},
		"unknown authority": {pop3d.Options{TLS: config, Implicit: true}, Account{Host: "pop.example.org", TLS: TLSImplicit},
			[]string{"certificate", "trust"}, []string{"Zertifikat"}, classTLS},
		"no TLS": {plain, Account{Host: "pop.example.org", TLS: TLSImplicit},
			[]string{"TLS", "110"}, []string{"TLS"}, classTLS},
		"no STLS": {plain, Account{Host: "pop.example.org", TLS: TLSStart},
			[]string{"TLS", "995"}, []string{"TLS"}, classTLS},
		"no POP3": {pop3d.Options{Script: answer("", "220 smtp ready")}, Account{Host: "127.0.0.1"},
			[]string{"POP3 rules"}, []string{"Regeln"}, classStep},
		"refused": {plain, Account{Host: "127.0.0.1", Port: 1},
			[]string{"refused the connection"}, []string{"abgelehnt"}, classNetwork},
		"no such host": {plain, Account{Host: "nowhere.example.org", TLS: TLSImplicit},
			[]string{"no host", "DNS"}, []string{"nicht", "DNS"}, classNetwork},
		"full": {pop3d.Options{Script: answer("", "-ERR too many connections")}, Account{Host: "127.0.0.1"},
			[]string{"no session now", "too many"}, []string{"gerade keine"}, classTemp},
		"cut": {pop3d.Options{Script: on(func(c *pop3d.Command) { c.Vanish() })}, Account{Host: "127.0.0.1"},
			[]string{"cut the connection"}, []string{"abgebrochen"}, classNetwork},
	} {
		t.Run(name, func(t *testing.T) {
			drop := pop3d.NewMaildrop("a@example.org", "right")
			server := pop3d.New(test.so, drop)
			defer server.Close()
			r := New(&hub{t: t, states: map[store.ID]State{}}, Options{Log: quiet, Roots: roots,
				Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
					switch {
					case strings.HasPrefix(address, "nowhere"):
						return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Name: "nowhere", IsNotFound: true}}
					case strings.HasSuffix(address, ":1"):
						return (&net.Dialer{}).DialContext(ctx, network, address)
					}
					return server.Dial(ctx, network, address)
				}})
			if name == "unknown authority" {
				_, r.o.Roots, _ = pop3d.Certificate("other")
			}
			a := test.a
			if a.Address == "" {
				a.Address = "a@example.org"
			}
			if a.User == "" {
				a.User = a.Address
			}
			if a.TLS == "" {
				a.TLS = TLSNone
			}
			if a.Port == 0 {
				a.Port = a.TLS.Port()
			}
			_, err := r.Test(ctx, a, "wrong")
			if err == nil {
				t.Fatal("no error")
			}
			var p *Problem
			if !errors.As(err, &p) || p.class != test.class {
				t.Errorf("class of %v", err)
			}
			has := func(text string, words []string) {
				for _, w := range words {
					if !strings.Contains(text, w) {
						t.Errorf("%q does not say %q", text, w)
					}
				}
				if strings.Contains(text, "%!") || strings.Count(text, "\n") > 2 {
					t.Errorf("text %q", text)
				}
			}
			has(err.Error(), test.en)
			has(German(err), test.de)
			t.Logf("%v\n%s", err, German(err))
		})
	}
}

func TestTestWorks(t *testing.T) {
	config, roots, err := pop3d.Certificate("pop.example.org", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		mode TLSMode
		so   pop3d.Options
	}{
		{TLSImplicit, pop3d.Options{TLS: config, Implicit: true}},
		{TLSStart, pop3d.Options{TLS: config}},
		{TLSNone, pop3d.Options{}},
		{TLSNone, pop3d.Options{Without: []string{"USER"}}}, // SASL PLAIN
		{TLSNone, pop3d.Options{Without: []string{"CAPA"}}},
	} {
		r := newRig(t, test.so, Options{Roots: roots})
		r.o.Dial = r.server.Dial
		r.deliver(3)
		a := r.accounts[0]
		a.ID, a.TLS = "", test.mode
		rep, err := r.Test(ctx, a, "secret")
		if err != nil || rep.Messages != 3 || rep.Bytes == 0 || (rep.TLS != "") != (test.mode != TLSNone) || !strings.Contains(rep.Summary, "3 messages") {
			t.Errorf("%v %v: %+v, %v", test.mode, test.so.Without, rep, err)
		}
		if r.retrieved() != 0 || len(r.stored()) != 0 {
			t.Error("a test retrieved mail")
		}
		r.change(0, func(a *Account) { a.TLS = test.mode })
		r.fetch()
		r.exactlyOnce()
		if v := r.server.Violations(); len(v) > 0 {
			t.Error(v)
		}
	}
}

// TestInjection: what came in clear behind STLS is not taken for an answer
// under TLS (RFC 2595 §4).
func TestInjection(t *testing.T) {
	config, roots, err := pop3d.Certificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, pop3d.Options{TLS: config, Script: on(func(c *pop3d.Command) {
		if c.Verb == "STLS" {
			c.Out = append(c.Out, "+OK\r\nUIDL\r\n.\r\n"...)
		}
	})}, Options{Roots: roots})
	r.change(0, func(a *Account) { a.TLS = TLSStart })
	if err := r.broken(); !strings.Contains(err.Error(), "in clear after STLS") {
		t.Error(err)
	}
}

func TestNoPasswordInClear(t *testing.T) {
	a := Account{Address: "a@example.org", Host: "pop.example.org", Port: 110, TLS: TLSNone, User: "a"}
	if err := a.Validate(); err == nil {
		t.Error("TLS can be switched off for a host elsewhere")
	}
	// Not even if the name says that it is this computer.
	f := New(&hub{t: t}, Options{Log: quiet, Dial: func(context.Context, string, string) (net.Conn, error) {
		x, y := memConns()
		y.Close()
		return elsewhere{x}, nil
	}})
	a.Host = "localhost"
	if _, err := f.Test(ctx, a, "secret"); err == nil || !strings.Contains(err.Error(), "TLS is needed") {
		t.Error(err)
	}
}

type elsewhere struct{ net.Conn }

func (elsewhere) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 110} }

func TestPresets(t *testing.T) {
	for address, want := range map[string]string{
		"A@GMX.de":         "pop.gmx.net 995 A@GMX.de",
		"a@web.de":         "pop3.web.de 995 a",
		"a@t-online.de":    "securepop.t-online.de 995 a@t-online.de",
		"a@googlemail.com": "pop.gmail.com 995 a@googlemail.com",
		"a@yahoo.co.uk":    "pop.mail.yahoo.com 995 a@yahoo.co.uk",
		"a@example.org":    "",
		"no address":       "",
	} {
		p, known := PresetFor(address)
		got := ""
		if known {
			got = fmt.Sprintf("%s %d %s", p.Host, p.Port, p.UserName(address))
		}
		if got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
	mx := func(servers ...string) func(context.Context, string) ([]string, error) {
		return func(context.Context, string) ([]string, error) { return servers, nil }
	}
	for server, want := range map[string]string{
		"mx00.kundenserver.de.": "IONOS", "SMTPIN.rzone.de": "Strato", "aspmx.l.google.com": "Gmail",
		"example-org.mail.protection.outlook.com": "Microsoft 365", "mx.example.org": "", "notrzone.de": "",
	} {
		if p, _ := FindPreset(ctx, "a@example.org", mx("mx.example.org", server)); p.Provider != want {
			t.Errorf("%s gives %q", server, p.Provider)
		}
	}
	p, known := PresetFor("a@icloud.com")
	if !known || !errors.Is(p.Err(), ErrNoPOP3) {
		t.Errorf("iCloud: %v", p.Err())
	}
	seen := map[string]string{}
	for _, p := range presets {
		if p.Provider == "" || p.Host == "" && p.Err() == nil {
			t.Errorf("%+v", p)
		}
		for _, d := range p.domains {
			if seen[d] != "" {
				t.Errorf("%s belongs to %s and %s", d, seen[d], p.Provider)
			}
			seen[d] = p.Provider
		}
		for _, h := range p.filled().Hints {
			if h.EN == "" || h.DE == "" {
				t.Errorf("%s: a hint lacks a language", p.Provider)
			}
		}
	}
}
