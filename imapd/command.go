package imapd

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
)

// states are the states of RFC 3501 §3 in which a command is taken.
type states uint8

const (
	beforeLogin states = 1 << iota
	loggedIn           // nothing is selected
	selected
	afterLogin = loggedIn | selected
	anyState   = beforeLogin | afterLogin
)

// news says what a command's answer may tell of others' changes.
type news uint8

const (
	allNews    news = iota
	noExpunges      // RFC 3501 §7.4.1: numbers must not change under FETCH, STORE, SEARCH
	noNews          // the command itself sees to it, or the session is at its end
)

// command is a line of the table of commands.
type command struct {
	in   states
	news news
	// run reads the arguments, the end of the line included, and does the
	// work. Its error becomes NO or BAD (respond.go), nil becomes OK. What it
	// left of the line is discarded.
	run func(*conn, *wire.Decoder) error
}

// commands is the table of commands by name; those with a UID variant have a
// second line and look at conn.cmd.uid.
var commands map[string]command

func init() {
	commands = map[string]command{
		"CAPABILITY": {anyState, allNews, (*conn).cmdCapability},
		"NOOP":       {anyState, allNews, (*conn).cmdNoop},
		"LOGOUT":     {anyState, noNews, (*conn).cmdLogout},
		"ID":         {anyState, allNews, (*conn).cmdID},

		"STARTTLS":     {beforeLogin, noNews, (*conn).cmdStartTLS},
		"LOGIN":        {beforeLogin, noNews, (*conn).cmdLogin},
		"AUTHENTICATE": {beforeLogin, noNews, (*conn).cmdAuthenticate},

		"ENABLE":      {afterLogin, allNews, (*conn).cmdEnable},
		"COMPRESS":    {afterLogin, allNews, (*conn).cmdCompress},
		"NAMESPACE":   {afterLogin, allNews, (*conn).cmdNamespace},
		"LIST":        {afterLogin, allNews, (*conn).cmdList},
		"LSUB":        {afterLogin, allNews, (*conn).cmdLsub},
		"XLIST":       {afterLogin, allNews, (*conn).cmdXlist},
		"STATUS":      {afterLogin, allNews, (*conn).cmdStatus},
		"CREATE":      {afterLogin, allNews, (*conn).cmdCreate},
		"DELETE":      {afterLogin, allNews, (*conn).cmdDelete},
		"RENAME":      {afterLogin, allNews, (*conn).cmdRename},
		"SUBSCRIBE":   {afterLogin, allNews, (*conn).cmdSubscribe},
		"UNSUBSCRIBE": {afterLogin, allNews, (*conn).cmdUnsubscribe},
		"APPEND":      {afterLogin, allNews, (*conn).cmdAppend},
		"IDLE":        {afterLogin, allNews, (*conn).cmdIdle},

		"GETMETADATA":  {afterLogin, allNews, (*conn).cmdGetMetadata},
		"SETMETADATA":  {afterLogin, allNews, (*conn).cmdSetMetadata},
		"GETQUOTA":     {afterLogin, allNews, (*conn).cmdGetQuota},
		"GETQUOTAROOT": {afterLogin, allNews, (*conn).cmdGetQuotaRoot},
		"SETQUOTA":     {afterLogin, allNews, (*conn).cmdSetQuota},
		"MYRIGHTS":     {afterLogin, allNews, (*conn).cmdMyRights},
		"GETACL":       {afterLogin, allNews, (*conn).cmdGetACL},
		"LISTRIGHTS":   {afterLogin, allNews, (*conn).cmdListRights},
		"SETACL":       {afterLogin, allNews, (*conn).cmdSetACL},
		"DELETEACL":    {afterLogin, allNews, (*conn).cmdSetACL},

		"NOTIFY": {afterLogin, allNews, (*conn).cmdNotify},

		"REPLACE":     {selected, noExpunges, (*conn).cmdReplace},
		"UID REPLACE": {selected, allNews, (*conn).cmdReplace},

		"UNAUTHENTICATE": {afterLogin, noNews, (*conn).cmdUnauthenticate},

		"CHECK": {selected, allNews, (*conn).cmdCheck},

		"SELECT":       {afterLogin, noNews, (*conn).cmdSelect},
		"EXAMINE":      {afterLogin, noNews, (*conn).cmdSelect},
		"CLOSE":        {selected, noNews, (*conn).cmdClose},
		"UNSELECT":     {selected, noNews, (*conn).cmdUnselect},
		"EXPUNGE":      {selected, allNews, (*conn).cmdExpunge},
		"UID EXPUNGE":  {selected, allNews, (*conn).cmdExpunge},
		"FETCH":        {selected, noExpunges, (*conn).cmdFetch},
		"UID FETCH":    {selected, allNews, (*conn).cmdFetch},
		"STORE":        {selected, noExpunges, (*conn).cmdStore},
		"UID STORE":    {selected, allNews, (*conn).cmdStore},
		"SEARCH":       {selected, noExpunges, (*conn).cmdSearch},
		"UID SEARCH":   {selected, allNews, (*conn).cmdSearch},
		"ESEARCH":      {afterLogin, allNews, (*conn).cmdESearch},
		"CANCELUPDATE": {selected, allNews, (*conn).cmdCancelUpdate},
		"SORT":         {selected, noExpunges, (*conn).cmdSort},
		"UID SORT":     {selected, allNews, (*conn).cmdSort},
		"THREAD":       {selected, noExpunges, (*conn).cmdThread},
		"UID THREAD":   {selected, allNews, (*conn).cmdThread},
		"COPY":         {selected, allNews, (*conn).cmdCopy},
		"UID COPY":     {selected, allNews, (*conn).cmdCopy},
		"MOVE":         {selected, allNews, (*conn).cmdMove},
		"UID MOVE":     {selected, allNews, (*conn).cmdMove},
	}
}

// running is the command that is being served.
type running struct {
	tag  string
	name string    // in upper case, without "UID "
	uid  bool      // the UID variant
	code string    // response code of the tagged OK
	text string    // of the tagged OK
	last bool      // the connection ends after the reply
	told time.Time // when the client heard last that it still runs
	// after is called when the reply is on its way: STARTTLS, COMPRESS.
	after func() error
}

// ok sets response code, which may be empty, and text of the tagged OK.
func (c *conn) ok(code, format string, args ...any) {
	c.cmd.code, c.cmd.text = code, fmt.Sprintf(format, args...)
}

// maxBad is how many commands in a row may be no commands.
const maxBad = 20

// serveCommand serves the command that begins to arrive. It gives false when
// the connection is at its end.
func (c *conn) serveCommand() bool {
	d := c.in
	d.Begin()
	c.stream.begin()
	if d.CRLF() { // some clients send stray empty lines
		c.stream.done()
		return d.Broken() == nil
	}
	c.cmd = running{told: time.Now()}
	news, err := c.runCommand(d)
	goOn := d.Finish() && c.out.Err() == nil
	c.stream.done()
	var gone lostError
	switch {
	case errors.Is(err, errEnding):
		c.sayBye(c.ending())
		return false
	case errors.As(err, &gone):
		c.lost(gone.error)
		return false
	}
	if !goOn {
		c.lost(cmp.Or(d.Broken(), c.out.Err()))
		return false
	}
	if c.sel != nil && news != noNews {
		if syncErr := c.sync(news == allNews); syncErr != nil && err == nil {
			err = syncErr
		}
	}
	c.reply(err)
	if after := c.cmd.after; after != nil && err == nil && c.out.Flush() == nil {
		if err := after(); err != nil {
			c.lost(err)
			return false
		}
	}
	switch {
	case c.out.Err() != nil:
		c.lost(c.out.Err())
		return false
	case c.cmd.last:
		c.out.Flush()
		return false
	case c.bads > maxBad:
		c.sayBye("These are no IMAP commands.")
		return false
	}
	return true
}

// runCommand reads tag and name and runs the command.
func (c *conn) runCommand(d *wire.Decoder) (news, error) {
	if !d.Expect(d.Tag(&c.cmd.tag), "a tag") {
		return noNews, d.Err()
	}
	if !d.ExpectSP() || !d.Expect(d.Name(&c.cmd.name), "a command") {
		return noNews, d.Err()
	}
	full := c.cmd.name
	if full == "UID" {
		if !d.ExpectSP() || !d.Expect(d.Name(&c.cmd.name), "a command") {
			return noNews, d.Err()
		}
		full, c.cmd.uid = "UID "+c.cmd.name, true
	}
	k, known := commands[full]
	switch {
	case !known:
		return noNews, bad("There is no command %.40s.", full)
	case k.in&c.state() != 0:
		return k.news, k.run(c, d)
	case k.in&c.state() == 0 && k.in == beforeLogin:
		return allNews, bad("You are logged in already.")
	case c.login == nil:
		return noNews, bad("Log in first.")
	}
	return noNews, bad("Select a mailbox first.")
}

// state gives the state the connection is in.
func (c *conn) state() states {
	switch {
	case c.login == nil:
		return beforeLogin
	case c.sel == nil:
		return loggedIn
	}
	return selected
}

// reply writes the tagged reply.
func (c *conn) reply(err error) {
	c.bads++
	tag := c.cmd.tag
	if tag == "" {
		tag = "*"
	}
	if err == nil {
		c.bads = 0
		text := c.cmd.text
		if text == "" {
			text = "Done."
		}
		c.status(tag, imap.StatusResponseTypeOK, c.cmd.code, text)
		return
	}
	status := c.failed(c.cmd.name, err)
	if status.Type != imap.StatusResponseTypeBad {
		c.bads = 0
	}
	c.status(tag, status.Type, string(status.Code), status.Text)
}

// failed gives the status response for a command's error and logs what the
// operator has to mend.
func (c *conn) failed(command string, err error) *imap.Error {
	status, known := asStatus(err)
	if !known {
		c.log.Error("imap: a command failed", "command", command, "error", err)
	}
	return status
}

// status writes a status response (RFC 3501 §7.1).
func (c *conn) status(tag string, kind imap.StatusResponseType, code, text string) {
	c.out.Raw(tag).SP().Raw(string(kind)).SP()
	if code != "" {
		c.out.Special('[').Raw(code).Raw("] ")
	}
	c.out.Raw(sentence(text)).CRLF()
}

// progress tells the client of a command that takes its time how far it is
// (RFC 9585). all is 0 where it is not known. What runs long calls it often.
func (c *conn) progress(done, all int) {
	if time.Since(c.cmd.told) < c.srv.cfg.Timeouts.Progress || c.offer("INPROGRESS") == nil {
		return
	}
	c.cmd.told = time.Now()
	c.out.Raw("* OK [INPROGRESS (").String(c.cmd.tag).SP().Number(uint64(done)).SP()
	if all > 0 {
		c.out.Number(uint64(all))
	} else {
		c.out.Raw("NIL")
	}
	c.out.Raw(")] Still at it.\r\n")
	c.out.Flush() // an error is seen after the command
}

// lost notes why a connection ended and tells the client, if it is told
// anything.
func (c *conn) lost(err error) {
	switch {
	case errors.Is(err, errTimeout):
		c.sayBye("You were silent for too long.")
	case errors.Is(err, wire.ErrDrain):
		c.sayBye("This is larger than Heimpost accepts.")
	default:
		c.log.Debug("imap: connection lost", "error", err)
	}
}

// clientText makes text of a client fit for a log line.
func clientText(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
