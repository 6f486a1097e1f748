package imapd

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"testing"
	"time"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestLogin(t *testing.T) {
	w := newWorld(t)
	w.play(`
		Cx: 1 LOGIN marko wrong
		Sx: 1 NO [AUTHENTICATIONFAILED] Name or password is wrong.
		Cx: 2 LOGIN marko
		Sx: 2 BAD Expected a space.
		Cx: 3 SELECT INBOX
		Sx: 3 BAD …
		Cx: 4 login "marko" {6+}\r\nsecret
		Sx: 4 OK [CAPABILITY IMAP4rev1 …IDLE …UIDPLUS …] Logged in.
		Cx: 5 LOGIN marko secret
		Sx: 5 BAD You are logged in already.

		Cx2: 1 LOGIN {5}
		Sx2: + OK
		Cx2: marko {6}
		Sx2: + OK
		Cx2: secret
		Sx2: 1 OK …

		# A literal that is too large is refused before it is sent, or read over.
		Cx3: 1 LOGIN {9999}
		Sx3: 1 NO [TOOBIG] An argument is too long.
		Cx3: 2 LOGIN {20000+}
	`)
	x := w.clients["x3"]
	for range 20000 / 10 {
		fmt.Fprint(x.out, "1 LOGOUT\r\n")
	}
	w.play(`
		Cx3:  secret
		Sx3: 2 NO [TOOBIG] An argument is too long.
		Cx3: 3 LOGIN {100000+}
		Sx3: * BYE This is larger than Heimpost accepts.
		Ex3:
		Cx4: 3 LOGIN {99999999999999999999+}
		Sx4: * BYE This is larger than Heimpost accepts.
		Ex4:
	`)
}

func TestAuthenticate(t *testing.T) {
	w := newWorld(t)
	plain := b64("\x00marko\x00secret")
	for i, script := range []string{
		"C: 1 AUTHENTICATE PLAIN\nS: + \nC: " + plain + "\nS: 1 OK [CAPABILITY …] Logged in.",
		"C: 1 authenticate plain " + plain + "\nS: 1 OK …",
		"C: 1 AUTHENTICATE PLAIN " + b64("marko\x00marko\x00secret") + "\nS: 1 OK …",
		"C: 1 AUTHENTICATE PLAIN " + b64("petra\x00marko\x00secret") + "\nS: 1 NO [AUTHORIZATIONFAILED] …",
		"C: 1 AUTHENTICATE PLAIN " + b64("\x00marko\x00wrong") + "\nS: 1 NO [AUTHENTICATIONFAILED] …",
		"C: 1 AUTHENTICATE PLAIN " + b64("marko secret") + "\nS: 1 BAD …",
		"C: 1 AUTHENTICATE PLAIN =\nS: 1 BAD …",
		"C: 1 AUTHENTICATE PLAIN a\nS: 1 BAD The answer is not base64.",
		"C: 1 AUTHENTICATE PLAIN\nS: + \nC: *\nS: 1 BAD Logging in was cancelled.\nC: 2 NOOP\nS: 2 OK Done.",
		"C: 1 AUTHENTICATE PLAIN\nS: + \nC: 2 NOOP\nS: 1 BAD …\nC: 2 NOOP\nS: 2 OK Done.",
		"C: 1 AUTHENTICATE LOGIN\nS: + " + b64("Username:") + "\nC: " + b64("marko") + "\nS: + " + b64("Password:") + "\nC: " + b64("secret") + "\nS: 1 OK …",
		"C: 1 AUTHENTICATE LOGIN " + b64("marko") + "\nS: + " + b64("Password:") + "\nC: " + b64("secret") + "\nS: 1 OK …",
		"C: 1 AUTHENTICATE LOGIN\nS: + …\nC: " + b64("marko") + "\nS: + …\nC: *\nS: 1 BAD …",
		"C: 1 AUTHENTICATE CRAM-MD5\nS: 1 NO [CANNOT] …",
		"C: 1 AUTHENTICATE\nS: 1 BAD …",
	} {
		name := fmt.Sprintf("x%d", i)
		var named string
		for _, l := range splitLines(script) {
			named += l[:1] + name + l[1:] + "\n"
		}
		w.play(named)
	}
}

func TestLoginLimits(t *testing.T) {
	newWorld(t, func(c *Config) { c.ConnectionsPerIP = 2 }).play(`
		Cx: 1 LOGIN marko wrong
		Sx: 1 NO …
		Cx: 2 LOGIN marko wrong\r\n3 LOGIN marko wrong\r\n4 LOGIN marko wrong\r\n5 LOGIN marko wrong
		Sx: 2 NO …
		Sx: 3 NO …
		Sx: 4 NO …
		Sx: 5 NO …
		Cx: 6 LOGIN marko wrong
		Sx: 6 NO …
		Sx: * BYE There were too many failed logins.
		Ex:
		C1: 1 NOOP
		S1: 1 OK Done.
		C2: 1 NOOP
		S2: 1 OK Done.
	`)
}

func TestConnectionLimit(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.ConnectionsPerIP = 2 })
	w.play("C1: 1 NOOP\nS1: 1 OK Done.\nC2: 1 NOOP\nS2: 1 OK Done.")
	w.clients["x"] = w.connect()
	w.play("Sx: * BYE There are too many connections from your address. Close some of them.\nEx:")
}

func TestNotCommands(t *testing.T) {
	w := newWorld(t)
	c := w.client("x", "")
	for range maxBad + 1 {
		fmt.Fprint(c.out, "GET / HTTP/1.1\r\n")
	}
	w.play("Sx* * BYE These are no IMAP commands.\nEx:")
}

// certificate makes one that nobody trusts.
func certificate(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func TestStartTLS(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.TLS = certificate(t) })
	w.play(`
		Cx: 1 CAPABILITY
		Sx: * CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN …
		Sx: 1 OK Done.
		Cx: 2 STARTTLS
		Sx: 2 OK Begin the handshake.
	`)
	w.clients["x"].useTLS()
	w.play(`
		Cx: 3 CAPABILITY
		Sx: * CAPABILITY IMAP4rev1 AUTH=PLAIN …
		Sx: 3 OK Done.
		Cx: 4 STARTTLS
		Sx: 4 BAD TLS is on already.
		Cx: 5 LOGIN marko secret
		Sx: 5 OK …
		# What comes behind STARTTLS in clear text is not a command.
		Cx2: 1 STARTTLS\r\n2 LOGIN marko secret
		Sx2: 1 BAD Nothing may follow STARTTLS but the handshake.
		Sx2: * BYE Nothing may follow STARTTLS but the handshake.
		Ex2:
	`)
	w.addr = w.listen(true)
	c := w.connect()
	c.useTLS()
	w.clients["x3"] = c
	w.play(`
		Sx3: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN …] Heimpost is ready.
		Cx3: 1 LOGIN marko secret
		Sx3: 1 OK …
	`)
}

func TestPasswordNeedsTLS(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.TLS = certificate(t) })
	w.mu.Lock()
	w.remote = netip.MustParseAddr("192.0.2.7")
	w.mu.Unlock()
	w.play(`
		Cx: 1 CAPABILITY
		Sx: * CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED SASL-IR …
		Sx: 1 OK Done.
		Cx: 2 LOGIN {5}
		Sx: 2 NO [PRIVACYREQUIRED] A password is taken over TLS only. …
		Cx: 3 AUTHENTICATE PLAIN
		Sx: 3 NO [PRIVACYREQUIRED] …
		Cx: 4 LOGIN marko secret
		Sx: 4 NO [PRIVACYREQUIRED] …
		Cx: 5 STARTTLS
		Sx: 5 OK …
	`)
	w.clients["x"].useTLS()
	w.play("Cx: 6 LOGIN marko secret\nSx: 6 OK …")
}

func TestID(t *testing.T) {
	w := newWorld(t)
	var seen []string
	w.logins["marko"].Seen = func(id map[string]string) { seen = append(seen, id["name"]+" "+id["version"]) }
	w.play(`
		Cx: 1 ID ("name" "iOS Mail" "VERSION" "18" "os" NIL)
		Sx: * ID ("name" "Heimpost" "vendor" "Heimpost" "version" "test")
		Sx: 1 OK Done.
		Cx: 2 LOGIN marko secret
		Sx: 2 OK …
		Cx: 3 ID NIL
		Sx: * ID ("name" "Heimpost" …)
		Sx: 3 OK Done.
		Cx: 4 ID ("name" "K-9\x01\xc3")
		Sx: * ID …
		Sx: 4 OK Done.
		Cx: 5 ID
		Sx: 5 BAD …
		Cx: 6 ID ("name")
		Sx: 6 BAD …
	`)
	if want := []string{"iOS Mail 18", "K-9?\uFFFD "}; !slices.Equal(seen, want) {
		t.Errorf("the device was told of %q, want %q", seen, want)
	}
}

func TestEnable(t *testing.T) {
	newWorld(t).play(`
		C: 1 ENABLE X-UNKNOWN IDLE
		S: * ENABLED
		S: 1 OK Done.
		C: 2 ENABLE
		S: 2 BAD Expected a capability.
	`)
}

func TestRevoked(t *testing.T) {
	w := newWorld(t)
	w.play("C: 1 NOOP\nS: 1 OK Done.\nC2: 1 IDLE\nS2: + idling\nCpetra: 1 NOOP\nSpetra: 1 OK Done.")
	close(w.revoke["marko"])
	w.play(`
		S: * BYE Your access was taken away or has changed. Log in again.
		E:
		S2: * BYE Your access was taken away or has changed. Log in again.
		E2:
		Cpetra: 2 NOOP
		Spetra: 2 OK Done.
	`)
}
