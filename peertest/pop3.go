package peertest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// POP3 is a running POP3 server with one user: a private one, on loopback, in
// a folder that it takes for the whole system.
type POP3 struct {
	Name           string // as of a package
	Address        string // clear text
	User, Password string

	jail    *jail
	spool   spool
	start   func() error // and sets stop
	stop    func()
	idle    func() // returns when all sessions have ended; nil: held knows
	options POP3Options
}

// POP3Options are what tests want to be different; not every server knows all.
type POP3Options struct {
	// LoginDelay between two logins: seconds for mailutils, minutes for Cyrus.
	LoginDelay int
	// ExpireRead has mailutils delete what was retrieved (EXPIRE 0).
	ExpireRead bool
}

// spool is where a server keeps its user's mail.
type spool interface {
	deliver(mail []byte) error
	held() (int, error)
}

// POP3Servers start the servers that scripts/install-peers brings, besides
// Dovecot.
var POP3Servers = map[string]func(POP3Options) (*POP3, error){
	"courier-pop":     startCourier,
	"cyrus-pop3d":     startCyrus,
	"mailutils-pop3d": startMailutils,
	"popa3d":          startPopa3d,
	"solid-pop3d":     startSolid,
}

// NewPOP3 runs one of POP3Servers until the end of a test.
func NewPOP3(t testing.TB, name string, o POP3Options) *POP3 {
	t.Helper()
	s, err := POP3Servers[name](o)
	if errors.Is(err, ErrNotRoot) || errors.Is(err, ErrMissing) && exec.Command("apt-cache", "show", name).Run() != nil {
		t.Skipf("SKIPPED, NOT TESTED: %s: %v", name, err) // this system does not have it
	}
	need(t, err)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// newPOP3 makes a server of which only start is missing.
func newPOP3(name, tree string, o POP3Options, programs ...string) (*POP3, error) {
	j, err := newJail("", tree, programs...)
	if err != nil {
		return nil, err
	}
	return &POP3{Name: name, User: jailUser, Password: "secret", jail: j, options: o}, nil
}

// run starts a server for the first time; what went wrong before ends it.
func (s *POP3) run(err error) (*POP3, error) {
	if err == nil {
		err = s.start()
	}
	if err == nil {
		if err = awaitGreeting(s.Address, nil); err != nil {
			s.stop()
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", s.Name, err), s.jail.remove())
	}
	return s, nil
}

// Stop ends the server and removes its folder.
func (s *POP3) Stop() error {
	s.stop()
	return s.jail.remove()
}

// Restart runs it with other options on the same mail.
func (s *POP3) Restart(o POP3Options) error {
	s.stop()
	s.options = o
	if err := s.start(); err != nil {
		s.stop = func() {}
		return err
	}
	return awaitGreeting(s.Address, nil)
}

// Deliver puts mails, octet for octet where the server's way to keep mail
// allows it, into the user's maildrop.
func (s *POP3) Deliver(mails ...[]byte) error {
	for _, m := range mails {
		if err := s.spool.deliver(m); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}

// Held counts the mails in the maildrop, once all sessions have ended.
func (s *POP3) Held() (int, error) {
	if s.idle != nil {
		s.idle()
	}
	return s.spool.held()
}

// freePort picks the server's address.
func (s *POP3) freePort() (port int, err error) {
	port, err = FreePort()
	s.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	return port, err
}

// overInetd serves connections by a program of the jail.
func (s *POP3) overInetd(env []string, program string, args ...string) {
	s.start = func() error {
		d, err := startInetd(func() *exec.Cmd {
			c := s.jail.command(program, args...)
			c.Env = append(c.Env, env...)
			return c
		})
		if err != nil {
			return err
		}
		s.Address, s.stop, s.idle = d.address(), d.stop, d.idle
		return nil
	}
}

// startCourier runs courier-pop: authdaemond beside courierpop3login, which
// becomes courierpop3d.
func startCourier(o POP3Options) (*POP3, error) {
	const lib = "/usr/lib/courier/"
	tree := filepath.Join(unpacked(), "courier-pop")
	s, err := newPOP3("courier-pop", "courier-pop", o,
		tree+lib+"courier/courierpop3login", tree+lib+"courier/courierpop3d", tree+lib+"courier-authlib/authdaemond", tree+"/usr/lib/courier-authlib/libauthpam.so")
	if err != nil {
		return nil, err
	}
	maildir := maildir{s.jail.path("home", jailUser, "Maildir"), jailUID}
	s.spool = maildir
	s.overInetd([]string{"POP3AUTH=LOGIN", "AUTHSERVICE=pop3", "TCPREMOTEIP=127.0.0.1", "TCPREMOTEPORT=1", "TCPLOCALPORT=110"},
		lib+"courier/courierpop3login", lib+"courier/courierpop3d", "Maildir")
	inetd := s.start
	s.start = func() error {
		auth := s.jail.command(lib + "courier-authlib/authdaemond")
		if err := auth.Start(); err != nil {
			return err
		}
		end := func() { endGroup(auth); auth.Wait() }
		err := awaitSocket(s.jail.path("run/courier/authdaemon/socket"))
		if err == nil {
			err = inetd()
		}
		if err != nil {
			end()
			return err
		}
		stop := s.stop
		s.stop = func() { stop(); end() }
		return nil
	}
	err = errors.Join(maildir.make(), s.jail.own("run/courier/authdaemon"), os.MkdirAll(s.jail.path("etc/courier"), 0o755),
		s.jail.write("etc/courier/authdaemonrc", "authmodulelist=\"authpam\"\nauthmodulelistorig=\"authpam\"\ndaemons=2\nauthdaemonvar=/run/courier/authdaemon\n"))
	return s.run(err)
}

// startPopa3d runs popa3d, which knows no CAPA, on an mbox.
func startPopa3d(o POP3Options) (*POP3, error) {
	s, err := newPOP3("popa3d", "popa3d", o, filepath.Join(unpacked(), "popa3d/usr/sbin/popa3d"))
	if err != nil {
		return nil, err
	}
	s.spool = mbox{s.jail.path("var/mail", jailUser), jailUID}
	s.overInetd(nil, "/usr/sbin/popa3d")
	return s.run(s.jail.own("var/lib/popa3d"))
}

// startSolid runs solid-pop3d, which knows no CAPA, on a Maildir.
func startSolid(o POP3Options) (*POP3, error) {
	s, err := newPOP3("solid-pop3d", "solid-pop3d", o, filepath.Join(unpacked(), "solid-pop3d/usr/sbin/solid-pop3d"))
	if err != nil {
		return nil, err
	}
	maildir := maildir{s.jail.path("home", jailUser, "Maildir"), jailUID}
	s.spool = maildir
	s.overInetd(nil, "/usr/sbin/solid-pop3d")
	return s.run(errors.Join(maildir.make(), s.jail.own("var/lib/solid-pop3d/bulletins"),
		s.jail.write("etc/spop3d.conf", "<Global>\nMailDropName \"Maildir\"\nMailDropType maildir\nLogStatistics no\n</Global>\n")))
}

// startMailutils runs GNU Mailutils' pop3d on an mbox.
func startMailutils(o POP3Options) (*POP3, error) {
	program, err := Look("pop3d")
	if err != nil {
		return nil, err
	}
	s, err := newPOP3("mailutils-pop3d", "", o, program)
	if err != nil {
		return nil, err
	}
	s.spool = mbox{s.jail.path("var/mail", jailUser), jailUID}
	s.start = func() error {
		text := "auth { authentication generic:system:pam; authorization system; };\nmailbox { mail-spool /var/mail; };\ntcp-wrappers { enable no; };\nlogging { syslog no; };\nmode inetd;\n"
		if s.options.LoginDelay > 0 {
			text += fmt.Sprintf("login-delay %d;\nstat-file /run/login.db;\n", s.options.LoginDelay)
		}
		if s.options.ExpireRead {
			text += "expire 0;\ndelete-expired yes;\n"
		}
		if err := s.jail.write("etc/pop3d.conf", text); err != nil {
			return err
		}
		d, err := startInetd(func() *exec.Cmd { return s.jail.command(program, "--config-file=/etc/pop3d.conf") })
		if err != nil {
			return err
		}
		s.Address, s.stop, s.idle = d.address(), d.stop, d.idle
		return nil
	}
	return s.run(nil)
}

// startCyrus runs Cyrus' master with its POP3 server and LMTP, by which mail
// is delivered.
func startCyrus(o POP3Options) (*POP3, error) {
	const lib = "/usr/lib/cyrus/bin/"
	tree := filepath.Join(unpacked(), "cyrus-pop3d")
	s, err := newPOP3("cyrus-pop3d", "cyrus-pop3d", o, tree+lib+"master", tree+lib+"pop3d", tree+lib+"lmtpd", tree+lib+"ctl_cyrusdb")
	if err != nil {
		return nil, err
	}
	lmtp, err := FreePort()
	if err != nil {
		return nil, errors.Join(err, s.jail.remove())
	}
	s.spool = cyrusSpool{net.JoinHostPort("127.0.0.1", strconv.Itoa(lmtp)), &s.Address}
	s.start = func() error {
		port, err := s.freePort()
		if err != nil {
			return err
		}
		if err := s.jail.write("etc/imapd.conf", fmt.Sprintf(`configdirectory: /var/lib/cyrus
proc_path: /run/cyrus/proc
mboxname_lockpath: /run/cyrus/lock
defaultpartition: default
partition-default: /var/spool/cyrus/mail
cyrus_user: cyrus
autocreate_quota: 0
autocreate_post: yes
allowplaintext: yes
sasl_pwcheck_method: alwaystrue
expunge_mode: immediate
delete_mode: immediate
popexpiretime: 30
popminpoll: %d
`, s.options.LoginDelay)); err != nil {
			return err
		}
		if err := s.jail.write("etc/cyrus.conf", fmt.Sprintf(`START {
  recover cmd="%[1]sctl_cyrusdb -r"
}
SERVICES {
  pop3 cmd="%[1]spop3d" listen="127.0.0.1:%[2]d" proto="tcp4" prefork=0
  lmtp cmd="%[1]slmtpd -a" listen="127.0.0.1:%[3]d" proto="tcp4" prefork=0
}
`, lib, port, lmtp)); err != nil {
			return err
		}
		c := s.jail.command(lib + "master")
		if err := c.Start(); err != nil {
			return err
		}
		s.stop = func() { endGroup(c); c.Wait() }
		return nil
	}
	// A calendar library in it ends the program where there are no time zones.
	zones := s.jail.write("usr/share/zoneinfo/zone.tab", "DE\t+5230+01322\tEurope/Berlin\n")
	return s.run(errors.Join(zones, s.jail.own("var/lib/cyrus", "var/spool/cyrus/mail", "run/cyrus/proc", "run/cyrus/lock", "run/cyrus/socket")))
}
