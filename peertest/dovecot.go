package peertest

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"heimpost/pop3fetch/pop3d"
)

// DovecotConfig says how a private Dovecot works; the zero value is right for
// tests.
type DovecotConfig struct {
	// Dir is the folder in which its own folder is made; "": the system's
	// temporary one. The path must be short.
	Dir string
	// Password is everybody's; "": "secret". Every user name is taken.
	Password string
	// UIDLFormat and LockSession are pop3_uidl_format and pop3_lock_session.
	UIDLFormat  string
	LockSession bool
	// Extra are further lines of its configuration.
	Extra string
}

// Dovecot is a running private Dovecot with IMAP and POP3 on loopback, clear
// text, STARTTLS and TLS.
type Dovecot struct {
	IMAP, IMAPS, POP3, POP3S string         // addresses
	Password                 string         // everybody's
	Roots                    *x509.CertPool // trust its certificate, for localhost and 127.0.0.1
	CA                       string         // the same as a PEM file
	Dir                      string         // its folder

	program  string
	config   DovecotConfig
	uid, gid int
	p        *process
	mails    atomic.Int64
}

// NewDovecot runs a Dovecot until the end of a test.
func NewDovecot(t testing.TB, c DovecotConfig) *Dovecot {
	t.Helper()
	d, err := StartDovecot(c)
	need(t, err)
	t.Cleanup(func() {
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// StartDovecot runs a Dovecot until Stop (ErrMissing).
func StartDovecot(c DovecotConfig) (_ *Dovecot, err error) {
	if c.Password == "" {
		c.Password = "secret"
	}
	d := &Dovecot{config: c, Password: c.Password}
	if d.program, err = Look("dovecot"); err != nil {
		return nil, err
	}
	if _, err := os.Stat("/usr/lib/dovecot/pop3"); err != nil {
		return nil, fmt.Errorf("dovecot's POP3 server is %w", ErrMissing)
	}
	if d.uid, d.gid, err = mailUser(); err != nil {
		return nil, err
	}
	if d.Dir, err = tempDir(c.Dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(d.Dir)
		}
	}()
	for _, sub := range []string{"run", "state"} {
		if err := os.Mkdir(filepath.Join(d.Dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	for _, sub := range []string{"mail", "home"} {
		if err := d.mkdir(filepath.Join(d.Dir, sub)); err != nil {
			return nil, err
		}
	}
	if err := d.certificate(); err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		// Somebody may take a free port before Dovecot does.
		if err = d.ports(); err == nil {
			err = d.start()
		}
		if err == nil {
			return d, nil
		}
		if !errors.Is(err, errEnded) || try == 4 {
			return nil, err
		}
	}
}

func (d *Dovecot) ports() error {
	for _, a := range []*string{&d.IMAP, &d.IMAPS, &d.POP3, &d.POP3S} {
		port, err := FreePort()
		if err != nil {
			return err
		}
		*a = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	return nil
}

// certificate makes one for this Dovecot.
func (d *Dovecot) certificate() error {
	config, roots, err := pop3d.Certificate("localhost", "127.0.0.1")
	if err != nil {
		return err
	}
	d.Roots, d.CA = roots, filepath.Join(d.Dir, "cert.pem")
	leaf := config.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	if err != nil {
		return err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Certificate[0]})
	if err := os.WriteFile(d.CA, cert, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.Dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600)
}

// mailUser is whom Dovecot's mail belongs to: root itself is refused.
func mailUser() (uid, gid int, err error) {
	if os.Getuid() != 0 {
		return os.Getuid(), os.Getgid(), nil
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		return 0, 0, err
	}
	if uid, err = strconv.Atoi(u.Uid); err != nil {
		return 0, 0, err
	}
	gid, err = strconv.Atoi(u.Gid)
	return uid, gid, err
}

// mkdir makes a folder of the mail's owner.
func (d *Dovecot) mkdir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.Chown(dir, d.uid, d.gid)
}

// start writes the configuration and runs Dovecot.
func (d *Dovecot) start() (err error) {
	conf := filepath.Join(d.Dir, "dovecot.conf")
	if err := os.WriteFile(conf, []byte(d.configuration()), 0o600); err != nil {
		return err
	}
	if d.p, err = startProcess(d.POP3, d.program, "-F", "-c", conf); err != nil {
		log, _ := os.ReadFile(filepath.Join(d.Dir, "log"))
		return fmt.Errorf("%w\n%s", err, log)
	}
	if err = awaitGreeting(d.IMAP, d.p.done); err != nil {
		d.p.stop()
	}
	return err
}

// PID gives the master process.
func (d *Dovecot) PID() int { return d.p.cmd.Process.Pid }

// Log gives what Dovecot logged.
func (d *Dovecot) Log() string {
	b, err := os.ReadFile(filepath.Join(d.Dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Restart stops Dovecot and starts it with a changed configuration; change
// may be nil. Mail and ports stay.
func (d *Dovecot) Restart(change func(*DovecotConfig)) error {
	d.p.stop()
	if change != nil {
		change(&d.config)
	}
	return d.start()
}

// Stop ends Dovecot and removes its folder.
func (d *Dovecot) Stop() error {
	d.p.stop()
	return os.RemoveAll(d.Dir)
}

// Maildir gives a user's Maildir.
func (d *Dovecot) Maildir(user string) string { return filepath.Join(d.Dir, "mail", user) }

// Deliver puts a mail, octet for octet, into a user's INBOX.
func (d *Dovecot) Deliver(user string, mail []byte) error {
	dir := d.Maildir(user)
	if _, err := os.Stat(filepath.Join(dir, "new")); err != nil {
		for _, sub := range []string{"", "cur", "new", "tmp"} {
			if err := d.mkdir(filepath.Join(dir, sub)); err != nil {
				return err
			}
		}
	}
	name := fmt.Sprintf("%d.P%d.peertest", 1_500_000_000+d.mails.Add(1), os.Getpid())
	tmp := filepath.Join(dir, "tmp", name)
	if err := os.WriteFile(tmp, mail, 0o600); err != nil {
		return err
	}
	if err := os.Chown(tmp, d.uid, d.gid); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(dir, "new", name))
}

// Held counts the mails in a user's INBOX.
func (d *Dovecot) Held(user string) (n int, err error) {
	for _, sub := range []string{"cur", "new"} {
		list, err := os.ReadDir(filepath.Join(d.Maildir(user), sub))
		if err != nil {
			return 0, err
		}
		n += len(list)
	}
	return n, nil
}

// configuration writes the configuration of Dovecot 2.3.
func (d *Dovecot) configuration() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("base_dir = %s/run", d.Dir)
	line("state_dir = %s/state", d.Dir)
	line("log_path = %s/log", d.Dir)
	line("protocols = imap pop3")
	line("listen = 127.0.0.1")
	line("ssl = yes")
	line("ssl_cert = <%s", d.CA)
	line("ssl_key = <%s/key.pem", d.Dir)
	line("ssl_min_protocol = TLSv1.2")
	line("disable_plaintext_auth = no")
	line("auth_mechanisms = plain login")
	line("auth_failure_delay = 0")
	line("mail_location = maildir:%s/mail/%%u", d.Dir)
	line("mail_max_userip_connections = 5000")
	line("first_valid_uid = 1")
	line("mail_privileged_group =")
	line("default_vsz_limit = 1 G")
	if os.Getuid() != 0 {
		u, err := user.Current()
		if err == nil {
			line("default_internal_user = %s", u.Username)
			line("default_login_user = %s", u.Username)
		}
		if g, err := user.LookupGroupId(strconv.Itoa(d.gid)); err == nil {
			line("default_internal_group = %s", g.Name)
		}
	}
	line("passdb {\n  driver = static\n  args = password=%s\n}", d.config.Password)
	line("userdb {\n  driver = static\n  args = uid=%d gid=%d home=%s/home/%%u\n}", d.uid, d.gid, d.Dir)
	line("namespace inbox {\n  inbox = yes\n  separator = /\n}")
	// Processes are kept and used again: logins shall cost what they cost on
	// a well set up server.
	line("service anvil {\n  chroot =\n  client_limit = 6000\n}")
	line("service auth {\n  client_limit = 12000\n}")
	for _, protocol := range []struct{ name, clear, tls string }{{"imap", d.IMAP, d.IMAPS}, {"pop3", d.POP3, d.POP3S}} {
		line("service %s-login {\n  chroot =\n  service_count = 0\n  process_min_avail = 1\n  client_limit = 2000", protocol.name)
		for _, l := range []struct{ name, address string }{{protocol.name, protocol.clear}, {protocol.name + "s", protocol.tls}} {
			_, port, _ := net.SplitHostPort(l.address)
			line("  inet_listener %s {\n    port = %s\n  }", l.name, port)
		}
		line("}")
		line("service %s {\n  service_count = 500\n  process_limit = 1000\n}", protocol.name)
	}
	if d.config.UIDLFormat != "" {
		line("pop3_uidl_format = %s", d.config.UIDLFormat)
	}
	if d.config.LockSession {
		line("pop3_lock_session = yes")
	}
	line("%s", d.config.Extra)
	return b.String()
}
