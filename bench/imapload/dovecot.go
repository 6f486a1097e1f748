package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// dovecotConfig is a Dovecot for many connections: login and mail processes
// are kept and used again, idling ones hibernate and their processes end.
const dovecotConfig = `
base_dir = %[1]s/run
state_dir = %[1]s/state
log_path = %[1]s/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <%[1]s/tls/leaf.pem
ssl_key = <%[1]s/tls/leaf.key
disable_plaintext_auth = no
mail_location = maildir:%[1]s/mail
first_valid_uid = 0
mail_privileged_group =
mail_max_userip_connections = 5000
auth_mechanisms = plain
auth_cache_size = 10 M
imap_hibernate_timeout = 1 s
default_vsz_limit = 2 G
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=%[4]d gid=%[5]d home=%[1]s/home
}
service anvil {
  client_limit = 6000
}
service auth {
  client_limit = 12000
}
service imap-login {
  chroot =
  service_count = 0
  process_min_avail = 4
  client_limit = 2000
  inet_listener imap {
    port = %[2]d
  }
  inet_listener imaps {
    port = %[3]d
  }
}
service imap {
  service_count = 500
  process_min_avail = 4
  process_limit = 4000
  idle_kill = 2 s
  unix_listener imap-master {
    user = $default_internal_user
  }
}
service imap-hibernate {
  unix_listener imap-hibernate {
    mode = 0666
  }
}
namespace inbox {
  inbox = yes
  separator = /
  mailbox Drafts {
    auto = create
  }
}
`

// newDovecot prepares a private Dovecot in dir, which must be a short path
// (its sockets lie below it).
func newDovecot(dir, tls string) (*server, error) {
	program, err := exec.LookPath("dovecot")
	if err != nil {
		program = "/usr/sbin/dovecot"
		if _, err := os.Stat(program); err != nil {
			return nil, fmt.Errorf("there is no Dovecot to compare with: run scripts/install-peers")
		}
	}
	uid, gid, err := mailUser()
	if err != nil {
		return nil, err
	}
	imap, err := freePort()
	if err != nil {
		return nil, err
	}
	imaps, err := freePort()
	if err != nil {
		return nil, err
	}
	for _, sub := range []string{"run", "state", "home", "mail"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	if err := os.Symlink(tls, filepath.Join(dir, "tls")); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	conf := filepath.Join(dir, "dovecot.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, dovecotConfig, dir, imap, imaps, uid, gid), 0o644); err != nil {
		return nil, err
	}
	return &server{
		name: "dovecot", user: "marko", password: "secret",
		addr: fmt.Sprintf("127.0.0.1:%d", imap), tlsAddr: fmt.Sprintf("127.0.0.1:%d", imaps),
		settle:  func() { time.Sleep(10 * time.Second) }, // hibernation
		profile: func(string) func() { return func() {} },
		start: func() (*exec.Cmd, error) {
			cmd := exec.Command(program, "-F", "-c", conf)
			return cmd, cmd.Start()
		},
	}, nil
}
