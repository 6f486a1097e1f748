package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"heimpost/peertest"
	"heimpost/pop3fetch/oauth/oauthtest"
)

// signingIn is a running `account signin`.
type signingIn struct {
	t     *testing.T
	lines *bufio.Scanner
	paste func(text string)
	end   func() (out string, code int)
}

func (w *world) signIn(t *testing.T, args ...string) *signingIn {
	t.Helper()
	c := w.command("", append([]string{"account", "signin"}, args...)...)
	c.Stdin = nil
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	c.Stdout = &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill() })
	s := &signingIn{t: t, lines: bufio.NewScanner(stderr)}
	s.paste = func(text string) { fmt.Fprintln(in, text) }
	s.end = func() (string, int) {
		for s.lines.Scan() {
			t.Log(s.lines.Text())
		}
		c.Wait()
		return out.String(), c.ProcessState.ExitCode()
	}
	return s
}

// until reads what is printed up to a line that holds some words.
func (s *signingIn) until(words string) string {
	s.t.Helper()
	for s.lines.Scan() {
		if strings.Contains(s.lines.Text(), words) {
			return s.lines.Text()
		}
	}
	s.t.Fatalf("account signin ended before it said %q", words)
	return ""
}

// TestSignInThroughDovecot: an account signs in by code and by a browser that
// runs elsewhere, and a real server takes the tokens by both mechanisms, also
// when they were renewed, and until the sign-in ends at the provider.
func TestSignInThroughDovecot(t *testing.T) {
	for _, test := range []struct {
		mechanism, provider string
		serve               bool
	}{{"xoauth2", "microsoft", false}, {"oauthbearer", "google", true}} {
		t.Run(test.mechanism, func(t *testing.T) {
			const address = "marko@example.org"
			provider := oauthtest.New()
			t.Cleanup(provider.Close)
			conf := filepath.Join(t.TempDir(), "oauth2.conf")
			if err := os.WriteFile(conf, []byte(provider.DovecotConfig("marko")), 0o644); err != nil {
				t.Fatal(err)
			}
			d := peertest.NewDovecot(t, peertest.DovecotConfig{Dir: peertest.MemDir(t), Extra: fmt.Sprintf(
				"auth_mechanisms = plain %s\npassdb {\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = %s\n}\n"+
					"service anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}", test.mechanism, conf)})
			_, port, _ := net.SplitHostPort(d.POP3)
			w := newWorld(t)
			w.t = t
			listen := "[imap]\nlisten = [\"127.0.0.1:0\"]\nlisten_tls = []\n[web]\nlisten = \"127.0.0.1:0\"\n"
			w.config(listen)
			w.runIn("secret\n", "person", "add", "marko", "--password-stdin")
			// No password is asked for, and what comes next is said.
			added := w.run("account", "add", address, "--box", "marko", "--host", "127.0.0.1", "--port", port, "--tls", "none", "--user", "marko", "--oauth", test.provider)
			if !strings.Contains(added, "account signin "+address) {
				t.Errorf("account add says %q", added)
			}
			if test.serve {
				w.serve()
			}
			w.fails(1, "Please sign in first (heimpost account signin "+address, "", "fetch", address)
			w.fails(1, "client id", "", "account", "signin", address)
			w.config(listen + provider.Config(test.provider)) // counts at once

			signIn := func() {
				t.Helper()
				var s *signingIn
				if test.provider == "microsoft" {
					s = w.signIn(t, address)
					s.until("type the code " + oauthtest.UserCode)
					provider.Agree()
				} else {
					s = w.signIn(t, address, "--paste")
					s.until("Open this address in a browser")
					page := s.until(provider.URL)
					// The browser runs on another computer: it cannot come back.
					browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
						Transport: &http.Transport{DisableKeepAlives: true}}
					res, err := browser.Get(page)
					if err != nil {
						t.Fatal(err)
					}
					res.Body.Close()
					s.paste("https://example.org/")
					s.until("not the address")
					s.paste(res.Header.Get("Location"))
				}
				if out, code := s.end(); code != 0 || out != address+" has signed in; its mail is fetched from now on\n" {
					t.Fatalf("account signin ended with %d and printed %q", code, out)
				}
			}
			retrieved := 0
			fetch := func() {
				t.Helper()
				var out []struct{ Retrieved, Failed int }
				if w.json(&out, "fetch", address); len(out) != 1 || out[0].Failed != 0 {
					t.Fatalf("%+v", out)
				}
				retrieved += out[0].Retrieved
			}
			deliver := func(subject string) {
				t.Helper()
				if err := d.Deliver("marko", mail(subject)); err != nil {
					t.Fatal(err)
				}
			}

			deliver("one")
			signIn()
			fetch()
			if out := w.run("account", "test", address); !strings.Contains(out, "1 message") {
				t.Errorf("account test says %q", out)
			}
			deliver("two")
			provider.Expire() // the server refuses the token that we hold
			fetch()
			if provider.Given() != 2 {
				t.Errorf("%d tokens were given; the second by the first refresh token", provider.Given())
			}
			deliver("three")
			provider.Expire()
			provider.Revoke()
			w.fails(1, "lease sign in again", "", "fetch", address)
			var list []struct {
				Error  string
				SignIn bool `json:"sign_in"`
			}
			if w.json(&list, "account", "list"); len(list) != 1 || !list[0].SignIn || !strings.Contains(list[0].Error, "account signin "+address) {
				t.Errorf("account list: %+v", list)
			}
			signIn()
			fetch()
			var status struct{ Boxes []struct{ Messages int } }
			if w.json(&status, "status"); len(status.Boxes) != 1 || status.Boxes[0].Messages != 3 {
				t.Errorf("%+v", status)
			}
			db, err := os.ReadFile(filepath.Join(w.dir, "hub.db"))
			if err != nil || bytes.Contains(db, []byte("refresh3")) || bytes.Contains(db, []byte("access3")) {
				t.Errorf("hub.db holds tokens in clear (%v)", err)
			}
			if provider.Given() != 3 {
				t.Errorf("%d tokens were given", provider.Given())
			}
			w.verify()
		})
	}
}
