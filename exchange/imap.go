package exchange

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
)

const (
	// A mailbox is read by blocks of so many mails: first what is known of
	// them, then the bytes of those that are wanted.
	imapBlock = 200
	// imapPatience is how long a server may send nothing.
	imapPatience = 2 * time.Minute
	// maxIDHeader bounds the header in which a Message-ID is looked for.
	maxIDHeader = 4 << 10
	// maxAnswer is how many octets a server may send for one command, mails not
	// counted: go-imap keeps most of them in memory.
	maxAnswer = 8 << 20
	// maxMails is how many mails a mailbox may have, maxUID how many octets one
	// takes in the answer to a search.
	maxMails = 2_000_000
	maxUID   = 11
	// maxRest is how much of a mail that is not wanted any more is read to come
	// to the next one.
	maxRest = 256 << 20
)

// IMAPOptions say how to log in at an IMAP server.
type IMAPOptions struct {
	Password string
	TLS      *tls.Config // nil: as this system trusts
}

// imapSource is an account at an IMAP server. Nothing is changed there: its
// mailboxes are opened for reading only.
type imapSource struct {
	c       *imapclient.Client
	raw     net.Conn
	meter   meter
	stop    func() bool
	host    string
	skipped []Skip
}

// IsIMAP reports whether a source is an address of an IMAP server.
func IsIMAP(source string) bool {
	return strings.HasPrefix(source, "imap://") || strings.HasPrefix(source, "imaps://")
}

// ErrAddress says that an IMAP server is not named as it should be.
var ErrAddress = errors.New("an IMAP server is named as imaps://user@host or imaps://user@host:port, without the password")

// CheckIMAP checks the form of imaps://user@host[:port].
func CheckIMAP(source string) error {
	_, err := parseIMAP(source)
	return err
}

func parseIMAP(source string) (u *url.URL, err error) {
	u, err = url.Parse(source) // whose error may hold a password
	if err != nil || u.Hostname() == "" || u.User.Username() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, ErrAddress
	}
	if _, has := u.User.Password(); has {
		return nil, ErrAddress
	}
	return u, nil
}

// OpenIMAP logs in at an IMAP server. imaps:// is TLS; imap:// needs STARTTLS,
// but not on this computer.
func OpenIMAP(ctx context.Context, source string, o IMAPOptions) (_ Source, err error) {
	u, err := parseIMAP(source)
	if err != nil {
		return nil, err
	}
	host := u.Hostname()
	address := net.JoinHostPort(host, cmp.Or(u.Port(), map[string]string{"imaps": "993", "imap": "143"}[u.Scheme]))
	config := &tls.Config{}
	if o.TLS != nil {
		config = o.TLS.Clone()
	}
	config.ServerName = host
	s := &imapSource{host: host}
	s.meter.allow(maxAnswer)
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", address, cmp.Or(s.meter.over(), err))
		}
	}()
	dialer := net.Dialer{Timeout: 30 * time.Second}
	raw, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	conn := net.Conn(&patientConn{raw})
	s.raw = raw
	options := &imapclient.Options{TLSConfig: config, DebugWriter: &s.meter}
	unplug := context.AfterFunc(ctx, func() { raw.Close() })
	switch tcp, _ := raw.RemoteAddr().(*net.TCPAddr); {
	case u.Scheme == "imaps":
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			unplug()
			raw.Close()
			return nil, fmt.Errorf("TLS: %w", err)
		}
		s.c = imapclient.New(secure, options)
	case tcp != nil && tcp.IP.IsLoopback():
		s.c = imapclient.New(conn, options)
	default:
		if s.c, err = imapclient.NewStartTLS(conn, options); err != nil {
			unplug()
			raw.Close()
			return nil, fmt.Errorf("STARTTLS: %w", err)
		}
	}
	s.stop = unplug
	if err := s.login(u.User.Username(), o.Password); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *imapSource) login(user, password string) error {
	if err := s.c.WaitGreeting(); err != nil {
		return err
	}
	caps := s.c.Caps()
	var err error
	switch {
	case caps.Has(imap.AuthCap(sasl.Plain)):
		err = s.c.Authenticate(sasl.NewPlainClient("", user, password))
	case caps.Has(imap.CapLoginDisabled):
		return errors.New("the server takes no password")
	default:
		err = s.c.Login(user, password).Wait()
	}
	if refused := (*imap.Error)(nil); errors.As(err, &refused) {
		return fmt.Errorf("the server refuses user name or password: %s", refused.Text)
	}
	return err
}

var errTooMuch = errors.New("the server sends more than was asked of it")

func (s *imapSource) Close() error {
	s.stop()
	s.c.Close() // nothing is left to be said
	return nil
}

func (s *imapSource) PassedOver() (skipped, failed []Skip) { return s.skipped, nil }

func (s *imapSource) skip(name, why string) {
	if len(s.skipped) < maxSkips {
		s.skipped = append(s.skipped, Skip{s.host + ": " + name, why})
	}
}

// Folders lists the account's own mailboxes, a view on all mail last.
func (s *imapSource) Folders(ctx context.Context) (out []Folder, err error) {
	prefix, theirs, err := s.namespaces()
	if err != nil {
		return nil, s.broken(ctx, err)
	}
	var o *imap.ListOptions
	if s.c.Caps().Has(imap.CapSpecialUse) {
		o = &imap.ListOptions{ReturnSpecialUse: true}
	}
	s.meter.allow(maxAnswer)
	var list []*imap.ListData
	cmd := s.c.List("", "*", o)
	for l := cmd.Next(); l != nil; l = cmd.Next() {
		if list = append(list, l); len(list) > maxFolders {
			s.raw.Close() // what still comes would only be thrown away
			cmd.Close()
			return nil, fmt.Errorf("%s lists more than %d mailboxes", s.host, maxFolders)
		}
	}
	if err := cmd.Close(); err != nil {
		return nil, s.broken(ctx, err)
	}
	for _, l := range list {
		has := func(a imap.MailboxAttr) bool { return hasAttr(l.Attrs, a) }
		switch {
		case has(imap.MailboxAttrNoSelect), has(imap.MailboxAttrNonExistent):
			continue
		case has(imap.MailboxAttrFlagged), has(imap.MailboxAttrImportant):
			s.skip(l.Mailbox, "a view on mail of other mailboxes")
			continue
		case slices.ContainsFunc(theirs, func(p string) bool { return strings.HasPrefix(l.Mailbox, p) }):
			s.skip(l.Mailbox, "somebody else's or shared")
			continue
		}
		f := Folder{name: l.Mailbox}
		name := l.Mailbox
		if rest, below := strings.CutPrefix(name, prefix); below && rest != "" {
			name = rest
		}
		f.Path = []string{name}
		if l.Delim != 0 {
			f.Path = strings.FieldsFunc(name, func(r rune) bool { return r == l.Delim })
		}
		for _, use := range []imap.MailboxAttr{imap.MailboxAttrSent, imap.MailboxAttrDrafts, imap.MailboxAttrTrash, imap.MailboxAttrJunk, imap.MailboxAttrArchive} {
			if has(use) {
				f.Use = use
			}
		}
		if f.Anywhere = has(imap.MailboxAttrAll); f.Anywhere {
			f.Use = imap.MailboxAttrArchive
		}
		s.meter.allow(maxAnswer)
		status, err := s.c.Status(l.Mailbox, &imap.StatusOptions{NumMessages: true}).Wait()
		if refused := (*imap.Error)(nil); err != nil && !errors.As(err, &refused) {
			return nil, s.broken(ctx, err)
		}
		if err == nil && status.NumMessages != nil {
			f.Mails = int(*status.NumMessages)
		}
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b Folder) int {
		switch {
		case a.Anywhere == b.Anywhere:
			return 0
		case a.Anywhere:
			return 1
		}
		return -1
	})
	return out, nil
}

// namespaces gives what stands before all of the account's own names, and
// before those of others (RFC 2342).
func (s *imapSource) namespaces() (prefix string, theirs []string, err error) {
	if !s.c.Caps().Has(imap.CapNamespace) {
		return "", nil, nil
	}
	s.meter.allow(maxAnswer)
	data, err := s.c.Namespace().Wait()
	if refused := (*imap.Error)(nil); errors.As(err, &refused) {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	if len(data.Personal) > 0 {
		prefix = data.Personal[0].Prefix
	}
	for _, n := range append(data.Other, data.Shared...) {
		if n.Prefix != "" {
			theirs = append(theirs, n.Prefix)
		}
	}
	return prefix, theirs, nil
}

func hasAttr(list []imap.MailboxAttr, a imap.MailboxAttr) bool {
	return slices.ContainsFunc(list, func(b imap.MailboxAttr) bool { return strings.EqualFold(string(a), string(b)) })
}

// broken says what an error means for the one who waits.
func (s *imapSource) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if over := s.meter.over(); over != nil {
		err = over
	}
	if refused := (*imap.Error)(nil); errors.As(err, &refused) {
		return fmt.Errorf("%s: %s", s.host, refused.Text)
	}
	return fmt.Errorf("the connection to %s broke: %w", s.host, err)
}

var errNotGiven = errors.New("the server does not give it; it may have been deleted meanwhile")
