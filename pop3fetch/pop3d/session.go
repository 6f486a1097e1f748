package pop3d

import (
	"bufio"
	"bytes"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

const maxLine = 8192 // RFC 2449 §4 says 255, but tokens are long

// session is one connection.
type session struct {
	s      *Server
	n      int
	script Script
	raw    net.Conn // for deadlines
	conn   *cutConn
	in     *bufio.Reader
	out    *bufio.Writer
	secure bool
	failed int // logins

	user    string
	drop    *Maildrop // after login
	listing []Mail
	deleted map[int]bool // numbers, from 1
	retr    map[int]bool
}

// errEnd ends a session as it should end.
var errEnd = errors.New("end of session")

// run talks until the session ends.
func (ss *session) run() error {
	ss.conn = &cutConn{Conn: ss.raw, out: clone(ss.script.Cut), in: clone(ss.script.CutIn), done: ss.script.OnCut}
	if ss.s.o.TLS != nil && ss.s.o.Implicit {
		if err := ss.startTLS(); err != nil {
			return err
		}
	}
	ss.in, ss.out = bufio.NewReaderSize(ss.conn, maxLine), bufio.NewWriterSize(ss.conn, 32<<10)
	defer ss.release()
	if ss.conn.out != nil && *ss.conn.out == 0 {
		return ss.conn.cut()
	}
	if err := ss.answer(&Command{}, step{out: ok("POP3 server ready")}); err != nil {
		return err
	}
	for {
		line, err := ss.line()
		if err != nil {
			return err
		}
		verb, arg, _ := strings.Cut(line, " ")
		c := &Command{Verb: strings.ToUpper(verb), Arg: arg}
		if ss.in.Buffered() > 0 && c.Verb != "" && !ss.s.o.knows("PIPELINING") {
			ss.s.violation("%s was followed by another command before its reply (no PIPELINING)", c.Verb)
		}
		var st step
		if c.Verb == "AUTH" && ss.s.o.knows("AUTH") && ss.drop == nil {
			st, err = ss.auth(arg)
			c.Arg, _, _ = strings.Cut(arg, " ")
		} else {
			st = ss.command(c)
		}
		if err == nil {
			err = ss.answer(c, st)
		}
		if err == errEnd {
			err = ss.out.Flush()
			ss.conn.Close() // TLS says goodbye, too
			return err
		}
		if err != nil {
			return err
		}
	}
}

func clone(n *int64) *int64 {
	if n == nil {
		return nil
	}
	return new(*n)
}

// startTLS goes on under TLS.
func (ss *session) startTLS() error {
	ss.raw.SetDeadline(time.Now().Add(ss.s.o.Idle))
	t := tls.Server(ss.conn.Conn, ss.s.o.TLS)
	if err := t.Handshake(); err != nil {
		return err
	}
	ss.secure = true
	ss.conn.Conn = t
	return nil
}

// line reads a command.
func (ss *session) line() (string, error) {
	if ss.in.Buffered() == 0 {
		if err := ss.out.Flush(); err != nil {
			return "", err
		}
	}
	ss.raw.SetDeadline(time.Now().Add(ss.s.o.Idle))
	b, err := ss.in.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	if !bytes.HasSuffix(b, []byte("\r\n")) {
		ss.s.violation("a command ended with a bare LF: %.60q", b)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// step is what a command comes to: a reply, and what is done if a script does
// not prevent it.
type step struct {
	out []byte
	do  func()
	// undo takes back what had to be done to find the reply out.
	undo func()
	end  error // errEnd: the session is over; errSTLS: TLS begins
}

var errSTLS = errors.New("TLS begins")

func ok(format string, args ...any) []byte { return fmt.Appendf(nil, "+OK "+format+"\r\n", args...) }
func no(format string, args ...any) step {
	return step{out: fmt.Appendf(nil, "-ERR "+format+"\r\n", args...)}
}

// answer shows a command to the script, does what it says and sends the reply.
func (ss *session) answer(c *Command, st step) error {
	c.Conn, c.Out = ss.n, st.out
	if ss.script.On != nil {
		ss.script.On(c)
	}
	if c.Hold != nil {
		if err := ss.out.Flush(); err != nil {
			return err
		}
		select {
		case <-c.Hold:
		case <-ss.s.done:
			return net.ErrClosed
		}
		ss.raw.SetDeadline(time.Now().Add(ss.s.o.Idle))
	}
	if st.do != nil && !c.Ignore && c.Verb != "RETR" {
		st.do()
	}
	if st.undo != nil && c.Ignore {
		st.undo()
	}
	if _, err := ss.out.Write(c.Out); err != nil {
		return err
	}
	if c.Close || c.Verb == "RETR" {
		// Octets that are held back here are not yet sent.
		if err := ss.out.Flush(); err != nil {
			return err
		}
	}
	if c.Close {
		return errCut
	}
	if st.do != nil && !c.Ignore && c.Verb == "RETR" {
		st.do()
	}
	if st.end == errSTLS && !c.Ignore {
		if err := ss.out.Flush(); err != nil {
			return err
		}
		ss.in.Discard(ss.in.Buffered()) // RFC 2595 §4: nothing from before counts
		if err := ss.startTLS(); err != nil {
			return err
		}
		ss.in.Reset(ss.conn)
		ss.out.Reset(ss.conn)
		return nil
	}
	if c.Ignore {
		return nil
	}
	return st.end
}

// command gives what a command other than AUTH comes to.
func (ss *session) command(c *Command) step {
	switch c.Verb {
	case "CAPA":
		if ss.s.o.knows("CAPA") {
			return step{out: ss.capabilities()}
		}
	case "QUIT":
		return ss.quit(c)
	case "NOOP":
		if ss.drop != nil {
			return step{out: ok("nothing done")}
		}
	case "STLS":
		if ss.s.o.TLS != nil && !ss.secure && ss.drop == nil && ss.s.o.knows("STLS") {
			return step{out: ok("begin TLS now"), end: errSTLS}
		}
	case "USER":
		if ss.drop == nil && ss.s.o.knows("USER") {
			ss.user = c.Arg
			return step{out: ok("send PASS")}
		}
	case "PASS":
		if ss.drop == nil && ss.user != "" {
			user := ss.user
			ss.user = ""
			return ss.login(user, func(d *Maildrop) bool { return same(d.Password, c.Arg) })
		}
	case "STAT", "LIST", "UIDL", "RETR", "TOP", "DELE", "RSET":
		if ss.drop != nil && ss.s.o.knows(c.Verb) {
			return ss.transaction(c)
		}
	}
	return no("%s is not known here or not possible now", strings.ToValidUTF8(c.Verb, "?"))
}

func (ss *session) capabilities() []byte {
	out := ok("this server can")
	add := func(word string, is bool) {
		name, _, _ := strings.Cut(word, " ")
		if is && ss.s.o.knows(name) {
			out = append(out, word+"\r\n"...)
		}
	}
	add("TOP", true)
	add("UIDL", true)
	add("RESP-CODES", true)
	add("AUTH-RESP-CODE", true)
	add("PIPELINING", true)
	add("USER", ss.drop == nil)
	add("STLS", ss.s.o.TLS != nil && !ss.secure)
	if ss.s.o.knows("AUTH") {
		mechanisms := "SASL PLAIN"
		if ss.s.o.Token != nil {
			mechanisms += " XOAUTH2 OAUTHBEARER"
		}
		add(mechanisms, true)
	}
	for _, word := range ss.s.o.Capabilities {
		add(word, true)
	}
	add("IMPLEMENTATION heimpost-demo", true)
	return append(out, ".\r\n"...)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// login looks for the user's maildrop and opens it.
func (ss *session) login(user string, right func(*Maildrop) bool) step {
	if ss.s.o.Login != nil {
		if refusal := ss.s.o.Login(user); refusal != "" {
			return step{out: []byte(refusal + "\r\n")}
		}
	}
	name, recent := strings.CutPrefix(user, "recent:")
	for _, d := range ss.s.drops {
		if !strings.EqualFold(d.User, name) || recent && !d.Gmail || !right(d) {
			continue
		}
		listing, free := d.lock(recent)
		if !free {
			return no("[IN-USE] another session has this maildrop open")
		}
		ss.drop, ss.listing = d, listing
		ss.deleted, ss.retr = map[int]bool{}, map[int]bool{}
		return step{out: ok("%d messages", len(listing)), undo: ss.release}
	}
	code := "[AUTH] "
	if !ss.s.o.knows("AUTH-RESP-CODE") {
		code = ""
	}
	if ss.failed++; ss.failed >= 3 {
		return step{out: []byte("-ERR " + code + "too many failed logins\r\n"), end: errEnd}
	}
	return no("%sthe user name or the password is wrong", code)
}

// release gives the maildrop back.
func (ss *session) release() {
	if ss.drop != nil {
		ss.drop.unlock()
		ss.drop = nil
	}
}

// auth is SASL (RFC 5034), with or without an initial response.
func (ss *session) auth(arg string) (step, error) {
	mechanism, initial, has := strings.Cut(arg, " ")
	mechanism = strings.ToUpper(mechanism)
	if mechanism != "PLAIN" && (ss.s.o.Token == nil || mechanism != "XOAUTH2" && mechanism != "OAUTHBEARER") {
		return no("this mechanism is not known here"), nil
	}
	if !has {
		var err error
		if initial, err = ss.challenge("+ \r\n"); err != nil {
			return step{}, err
		}
	}
	if initial == "*" {
		return no("cancelled"), nil
	}
	response, err := base64.StdEncoding.DecodeString(initial)
	if err != nil {
		return no("this is not base64"), nil
	}
	if mechanism == "PLAIN" {
		parts := strings.Split(string(response), "\x00") // RFC 4616
		if len(parts) != 3 {
			return no("this is not a PLAIN response"), nil
		}
		return ss.login(parts[1], func(d *Maildrop) bool { return same(d.Password, parts[2]) }), nil
	}
	user, token := bearer(string(response))
	if !ss.s.o.Token(user, token) {
		// The client answers the reason with an empty line (OAUTHBEARER with
		// a ^A, RFC 7628 §3.2.3).
		reason := base64.StdEncoding.EncodeToString([]byte(`{"status":"invalid_token","schemes":"bearer"}`))
		if _, err := ss.challenge("+ " + reason + "\r\n"); err != nil {
			return step{}, err
		}
		return no("[AUTH] the token is not valid"), nil
	}
	return ss.login(user, func(*Maildrop) bool { return true }), nil
}

// challenge sends a line and reads the client's response.
func (ss *session) challenge(line string) (string, error) {
	if _, err := ss.out.WriteString(line); err != nil {
		return "", err
	}
	return ss.line()
}

// bearer reads an XOAUTH2 or OAUTHBEARER response.
func bearer(response string) (user, token string) {
	for _, part := range strings.Split(response, "\x01") {
		if t, is := strings.CutPrefix(part, "auth=Bearer "); is {
			token = t
		}
		if u, is := strings.CutPrefix(part, "user="); is {
			user = u
		}
		if rest, is := strings.CutPrefix(part, "n,a="); is {
			user, _, _ = strings.Cut(rest, ",")
		}
	}
	return user, token
}

// quit ends the session; after a login it removes what was marked.
func (ss *session) quit(c *Command) step {
	st := step{out: ok("bye"), end: errEnd}
	if ss.drop == nil {
		return st
	}
	var retrieved, deleted []int
	for n, m := range ss.listing {
		if ss.retr[n+1] {
			retrieved = append(retrieved, m.ID)
		}
		if ss.deleted[n+1] {
			deleted = append(deleted, m.ID)
			c.Deletes = append(c.Deletes, m)
		}
	}
	st.out = ok("bye, %d messages removed", len(deleted))
	st.do = func() {
		ss.drop.update(retrieved, deleted)
		ss.release()
	}
	return st
}

// number reads a message number; it names a message that is not marked.
func (ss *session) number(arg string) (int, bool) {
	n, err := strconv.Atoi(arg)
	return n, err == nil && n >= 1 && n <= len(ss.listing) && !ss.deleted[n]
}
