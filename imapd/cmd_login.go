package imapd

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"

	"heimpost/imapd/wire"
)

// Limits of commands before and after login.
var (
	limitsBefore = wire.Limits{Line: 8 << 10, Args: 8 << 10, Depth: 8, Drain: 64 << 10}
	limitsAfter  = wire.Limits{Line: 64 << 10, Args: 256 << 10, Depth: 32}
)

// maxLogins is how many refused logins a connection may have.
const maxLogins = 6

// cmdLogin: RFC 3501 §6.2.3.
func (c *conn) cmdLogin(d *wire.Decoder) error {
	if err := c.loginPossible(); err != nil {
		return err
	}
	var name, password string
	if !d.ExpectSP() || !d.ExpectAString(&name) || !d.ExpectSP() || !d.ExpectAString(&password) || !d.ExpectCRLF() {
		return d.Err()
	}
	return c.logIn(name, password)
}

// loginPossible refuses a password that would be readable on the way.
func (c *conn) loginPossible() error {
	if c.mustEncrypt() {
		return no(imap.ResponseCodePrivacyRequired, "A password is taken over TLS only. Switch on TLS (SSL) or STARTTLS.")
	}
	return nil
}

// logIn checks a name and a password.
func (c *conn) logIn(name, password string) error {
	l, err := c.srv.cfg.Login(c.ctx, name, password, c.remote)
	var refused *LoginError
	switch {
	case errors.As(err, &refused):
		c.log.Info("imap: login refused", "name", clientText(name), "reason", refused.Text)
		if c.refused++; c.refused >= maxLogins {
			c.end("There were too many failed logins.")
		}
		return no(refused.Code, "%s", refused.Text)
	case errors.Is(err, context.Canceled):
		return err
	case err != nil:
		c.log.Error("imap: login failed", "name", clientText(name), "error", err)
		return no(imap.ResponseCodeUnavailable, "Logging in is not possible at the moment. Try again later.")
	}
	c.enter(l)
	c.ok(c.capabilityCode(), "Logged in.")
	return nil
}

// enter begins the authenticated state.
func (c *conn) enter(l *Login) {
	c.login = l
	c.log = c.srv.cfg.Log.With("remote", c.remote, "person", l.Person, "device", l.Device)
	c.stream.loginBy = time.Time{}
	c.in.Limits = limitsAfter
	c.in.Limits.Drain = 2 * c.srv.cfg.MaxMessage
	c.enabled = map[string]bool{}
	c.tellClient()
	if l.Revoked != nil {
		gone := make(chan struct{})
		c.left = gone
		go func() {
			select {
			case <-l.Revoked:
			case <-gone:
				return
			case <-c.ctx.Done():
				return
			}
			c.end("Your access was taken away or has changed. Log in again.")
			// What still arrives, or is still read, is not waited for.
			select {
			case <-time.After(byeTime):
				c.cut()
			case <-c.ctx.Done():
			}
		}()
	}
}

// leave ends the authenticated state.
func (c *conn) leave() {
	if c.left != nil {
		close(c.left)
		c.left = nil
	}
	if c.login != nil && c.login.Close != nil {
		c.login.Close()
	}
	c.stopNotify()
	c.unselect()
	c.login = nil
}

// cmdUnauthenticate: RFC 8437. TLS and compression stay.
func (c *conn) cmdUnauthenticate(d *wire.Decoder) error {
	if !d.ExpectCRLF() {
		return d.Err()
	}
	if c.offer("UNAUTHENTICATE") == nil {
		return bad("There is no command UNAUTHENTICATE.")
	}
	c.leave()
	c.enabled, c.client = nil, nil
	c.in.UTF8, c.out.UTF8 = false, false
	c.in.Limits = limitsBefore
	c.stream.loginBy = time.Now().Add(c.srv.cfg.Timeouts.Login)
	c.log = c.srv.cfg.Log.With("remote", c.remote)
	return nil
}

// maxSASL bounds a line of a SASL exchange.
const maxSASL = 8 << 10

// cmdAuthenticate: RFC 3501 §6.2.2, with an initial response (RFC 4959) or
// without.
func (c *conn) cmdAuthenticate(d *wire.Decoder) error {
	var name, initial string
	if !d.ExpectSP() || !d.ExpectName(&name) {
		return d.Err()
	}
	given := d.SP()
	if given && !d.Expect(d.Base64(&initial), "an initial response in base64, or =") || !d.ExpectCRLF() {
		return d.Err()
	}
	if err := c.loginPossible(); err != nil {
		return err
	}
	var user, password string
	var server sasl.Server
	switch name {
	case sasl.Plain:
		server = sasl.NewPlainServer(func(identity, u, p string) error {
			if identity != "" && identity != u {
				return no(imap.ResponseCodeAuthorizationFailed, "Nobody can log in in another's name.")
			}
			user, password = u, p
			return nil
		})
	case sasl.Login:
		server = &loginServer{user: &user, password: &password}
	default:
		return no(imap.ResponseCodeCannot, "Only AUTHENTICATE PLAIN and LOGIN are known.")
	}

	var response []byte
	if given {
		var err error
		if response, err = decodeSASL(initial); err != nil {
			return err
		}
	}
	for range 4 { // no mechanism takes more steps
		challenge, done, err := server.Next(response)
		if status := (&imap.Error{}); errors.As(err, &status) {
			return err
		} else if err != nil {
			return bad("This is no answer as %s has it.", name)
		}
		if done {
			return c.logIn(user, password)
		}
		c.out.Raw("+ ").Raw(base64.StdEncoding.EncodeToString(challenge)).CRLF()
		line, err := d.ReadLine(maxSASL)
		if err != nil {
			return err
		}
		if line == "*" {
			return bad("Logging in was cancelled.")
		}
		if response, err = decodeSASL(line); err != nil {
			return err
		}
	}
	return bad("The exchange has too many steps.")
}

// decodeSASL decodes a response; "=" is one without octets, as is "" after a
// continuation request.
func decodeSASL(s string) ([]byte, error) {
	if s == "=" {
		return []byte{}, nil
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, bad("The answer is not base64.")
	}
	return b, nil
}

// loginServer is the server of SASL LOGIN (draft-murchison-sasl-login).
type loginServer struct {
	user, password *string
	step           int
}

func (s *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if s.step == 0 && response != nil { // the name came at once
		s.step = 1
	}
	switch s.step {
	case 0:
		challenge = []byte("Username:")
	case 1:
		*s.user = string(response)
		challenge = []byte("Password:")
	case 2:
		*s.password = string(response)
		done = true
	}
	s.step++
	return challenge, done, nil
}

// cmdStartTLS: RFC 3501 §6.2.1.
func (c *conn) cmdStartTLS(d *wire.Decoder) error {
	if !d.ExpectCRLF() {
		return d.Err()
	}
	switch {
	case c.tls:
		return bad("TLS is on already.")
	case !c.canStartTLS():
		return no(imap.ResponseCodeUnavailable, "There is no TLS here.")
	case d.Buffered() > 0:
		// What follows in clear text may come from a third one (RFC 9051 §11.1).
		c.end("Nothing may follow STARTTLS but the handshake.")
		return bad("Nothing may follow STARTTLS but the handshake.")
	}
	c.ok("", "Begin the handshake.")
	c.cmd.after = func() error {
		c.client = nil
		return c.startTLS()
	}
	return nil
}

// Bounds of ID (RFC 2971 §3.3).
const (
	maxIDFields = 30
	maxIDField  = 30
	maxIDValue  = 1024
)

// cmdID: RFC 2971.
func (c *conn) cmdID(d *wire.Decoder) error {
	fields := map[string]string{}
	count := 0
	read := func() bool {
		var key, value string
		var ok bool
		if !d.ExpectString(&key) || !d.ExpectSP() || !d.ExpectNString(&value, &ok) {
			return false
		}
		if count++; count > maxIDFields || len(key) > maxIDField || len(value) > maxIDValue {
			return d.Bad("ID has too many or too long fields.")
		}
		if ok {
			fields[strings.ToLower(clientText(key))] = clientText(value)
		}
		return true
	}
	if !d.ExpectSP() {
		return d.Err()
	}
	var none string
	if !d.List(read) && !d.Expect(d.Atom(&none) && strings.EqualFold(none, "NIL"), "a list or NIL") {
		return d.Err()
	}
	if !d.ExpectCRLF() {
		return d.Err()
	}
	if len(fields) > 0 {
		c.client = fields
		c.log.Debug("imap: the client says of itself", "id", fields)
		c.tellClient()
	}
	c.out.Raw(`* ID ("name" "Heimpost" "vendor" "Heimpost"`)
	if v := c.srv.cfg.Version; v != "" {
		c.out.Raw(` "version" `).String(v)
	}
	c.out.Raw(")\r\n")
	return nil
}

// tellClient passes on what the client said of itself, before login or after.
func (c *conn) tellClient() {
	if c.login != nil && c.login.Seen != nil && c.client != nil {
		c.login.Seen(c.client)
	}
}

// cmdEnable: RFC 5161.
func (c *conn) cmdEnable(d *wire.Decoder) error {
	var names []string
	for d.SP() {
		var name string
		if !d.Expect(d.Atom(&name), "a capability") {
			return d.Err()
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		d.Bad("Expected a capability.")
	}
	if !d.ExpectCRLF() {
		return d.Err()
	}
	var done []string
	for _, n := range names {
		k := c.offer(n)
		if k == nil || !k.enable || slices.Contains(done, k.name) {
			continue // RFC 5161 §3.1: what is not known is passed over
		}
		done = append(done, k.name)
		c.enable(k.name)
	}
	c.out.Raw("* ENABLED")
	for _, n := range done {
		c.out.SP().Raw(n)
	}
	c.out.CRLF()
	return nil
}

// enable switches a capability on for the rest of the connection.
func (c *conn) enable(name string) {
	name = strings.ToUpper(name)
	c.enabled[name] = true
	switch name {
	case "QRESYNC": // RFC 7162 §3.2.3: it brings CONDSTORE along
		c.enabled["CONDSTORE"] = true
	case "UTF8=ACCEPT", "IMAP4REV2":
		c.in.UTF8, c.out.UTF8 = true, true
	}
}
