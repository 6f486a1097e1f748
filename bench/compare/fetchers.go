package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"heimpost/peertest"
)

// fetcher is a program that fetches mail by POP3.
type fetcher struct {
	name string
	// prepare writes its configuration into dir, for the user u with the
	// password secret at a port of loopback.
	prepare func(dir, port string, keep bool) error
	command func(dir string) *exec.Cmd
	mail    string // the folder in dir below which its mail lies, a file a mail
}

// fetchers lists them as they come with Debian, each with its usual way to
// store mail: Maildir, for fetchmail through a delivery agent that syncs.
func fetchers(heimpost string) ([]fetcher, error) {
	fetchmail, err1 := peertest.Look("fetchmail")
	getmail, err2 := peertest.Look("getmail")
	mpop, err3 := peertest.Look("mpop")
	self, err4 := os.Executable()
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	delivers := "" // getmail does not deliver as root
	if os.Geteuid() == 0 {
		delivers = "user = nobody\n"
	}
	return []fetcher{
		{"Heimpost", func(dir, port string, keep bool) error {
			how := "never"
			if keep {
				how = "always"
			}
			return errors.Join(
				said(dir, "secret-secret\n", heimpost, "--data", dir, "person", "add", "u", "--password-stdin"),
				said(dir, "secret\n", heimpost, "--data", dir, "account", "add", "u@example.org", "--box", "u", "--host", "127.0.0.1", "--port", port,
					"--tls", "none", "--user", "u", "--keep", how, "--password-stdin"))
		}, func(dir string) *exec.Cmd { return exec.Command(heimpost, "--data", dir, "fetch") }, "boxes/u/mail"},
		{"fetchmail", func(dir, port string, keep bool) error {
			how := "nokeep"
			if keep {
				how = "keep"
			}
			return configured(dir, "rc", fmt.Sprintf("poll 127.0.0.1 service %s protocol POP3 uidl\n user \"u\" password \"secret\" %s sslproto \"\" mda \"%s -mda %s/Maildir\"\n",
				port, how, self, dir))
		}, func(dir string) *exec.Cmd {
			return exec.Command(fetchmail, "-f", dir+"/rc", "-i", dir+"/ids", "--pidfile", dir+"/pid", "--nosyslog", "-t", "5")
		}, "Maildir"},
		{"getmail6", func(dir, port string, keep bool) error {
			return configured(dir, "rc", fmt.Sprintf("[retriever]\ntype = SimplePOP3Retriever\nserver = 127.0.0.1\nport = %s\nusername = u\npassword = secret\ntimeout = 5\n"+
				"[destination]\ntype = Maildir\npath = %s/Maildir/\n%s[options]\nread_all = false\ndelete = %v\nreceived = false\ndelivered_to = false\n", port, dir, delivers, !keep))
		}, func(dir string) *exec.Cmd { return exec.Command(getmail, "--getmaildir", dir, "--rcfile", dir+"/rc") }, "Maildir"},
		{"mpop", func(dir, port string, keep bool) error {
			how := "off"
			if keep {
				how = "on"
			}
			return configured(dir, "rc", fmt.Sprintf("account default\nhost 127.0.0.1\nport %s\nuser u\npassword secret\nauth user\ntls off\ntimeout 5\nkeep %s\n"+
				"received_header off\nuidls_file %s/uidls\ndelivery maildir %[3]s/Maildir\n", port, how, dir))
		}, func(dir string) *exec.Cmd { return exec.Command(mpop, "--file="+dir+"/rc", "-Q") }, "Maildir"},
	}, nil
}

// configured makes a Maildir, which getmail's user may write to, and a
// configuration beside it.
func configured(dir, name, text string) error {
	for _, sub := range []string{"", "cur", "new", "tmp"} {
		sub = filepath.Join(dir, "Maildir", sub)
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return err
		}
		if strings.Contains(text, "user = nobody") {
			nobody, err := user.Lookup("nobody")
			if err != nil {
				return err
			}
			uid, _ := strconv.Atoi(nobody.Uid)
			if err := os.Chown(sub, uid, -1); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
}

// said runs a command that must succeed.
func said(dir, stdin, program string, args ...string) error {
	c := exec.Command(program, args...)
	c.Stdin = strings.NewReader(stdin)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// limit is how long a round may take: who hangs for longer is killed.
const limit = 12 * time.Second

// round runs a fetcher once. kill, if not nil, ends it as soon as something is
// received from it. How it ended is not looked at: the mails are. hung says that
// it did not end by itself.
func (f fetcher) round(dir string, kill <-chan struct{}) (hung bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c := f.command(dir)
	c.Env = append(os.Environ(), "HOME="+dir, "FETCHMAILHOME="+dir)
	if err := c.Start(); err != nil {
		return false, err
	}
	ended := make(chan struct{})
	go func() {
		select {
		case <-kill:
			c.Process.Kill()
		case <-ctx.Done():
			c.Process.Kill()
		case <-ended:
		}
	}()
	c.Wait()
	close(ended)
	return ctx.Err() != nil, nil
}

// mails reads what a fetcher has stored.
func (f fetcher) mails(dir string) (out [][]byte, err error) {
	err = filepath.WalkDir(filepath.Join(dir, f.mail), func(name string, d fs.DirEntry, err error) error {
		in := filepath.Base(filepath.Dir(name))
		if err != nil || d.IsDir() || in == "tmp" || !strings.HasSuffix(name, ".eml") && f.mail != "Maildir" {
			return err
		}
		b, err := os.ReadFile(name)
		out = append(out, b)
		return err
	})
	return out, err
}

// mda stores standard input in a Maildir, and only then says that it has it.
func mda(dir string) error {
	name := fmt.Sprintf("%d.P%d.compare", time.Now().UnixNano(), os.Getpid())
	tmp := filepath.Join(dir, "tmp", name)
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, os.Stdin)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(dir, "new", name)); err != nil {
		return err
	}
	d, err := os.Open(filepath.Join(dir, "new"))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
