package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"heimpost/certs"
)

// startServers starts both with the same mails in INBOX and a mail of 25 MiB
// in bench-big. What a run before has left in dir is used again.
func startServers(dir string, messages int, profiles string) (ours, theirs *server, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // Dovecot's mail user passes through
		return nil, nil, err
	}
	seeded := filepath.Join(dir, fmt.Sprintf("seeded-%d", messages))
	if _, err := os.Stat(seeded); err == nil {
		return startAgain(dir, profiles)
	}
	tls := filepath.Join(dir, "tls")
	if _, err := certs.Open(tls, certs.Options{}); err != nil {
		return nil, nil, err
	}
	if ours, theirs, err = newServers(dir, profiles); err != nil {
		return nil, nil, err
	}
	if err := seedMaildir(filepath.Join(dir, "d", "mail"), messages); err != nil {
		return nil, nil, err
	}
	if err := ours.run(); err != nil {
		return nil, nil, err
	}
	if err := seedByAppend(ours, messages); err != nil {
		return nil, nil, errors.Join(err, stopAll(ours))
	}
	if err := ours.awaitIndexed(); err != nil {
		return nil, nil, errors.Join(err, stopAll(ours))
	}
	if err := theirs.run(); err != nil {
		return nil, nil, errors.Join(err, stopAll(ours))
	}
	if err := seedBig(theirs); err != nil {
		return nil, nil, errors.Join(err, stopAll(ours, theirs))
	}
	return ours, theirs, os.WriteFile(seeded, nil, 0o644)
}

// newServers prepares both, with the program as it stands.
func newServers(dir, profiles string) (ours, theirs *server, err error) {
	program := filepath.Join(dir, "heimpost")
	if err := build(program); err != nil {
		return nil, nil, err
	}
	if theirs, err = newDovecot(filepath.Join(dir, "d"), filepath.Join(dir, "tls")); err != nil {
		return nil, nil, err
	}
	ours, err = newHeimpost(filepath.Join(dir, "h"), program, profiles)
	return ours, theirs, err
}

// build builds the program as it stands.
func build(program string) error {
	out, err := exec.Command("go", "build", "-tags=sqlite_fts5", "-o", program, "heimpost/cmd/heimpost").CombinedOutput()
	if err != nil {
		return fmt.Errorf("building heimpost: %w: %s", err, out)
	}
	return nil
}

// startAgain starts both with the mail that is there. Dovecot begins without
// its cache, as after the delivery: "first time" means that.
func startAgain(dir, profiles string) (ours, theirs *server, err error) {
	if ours, theirs, err = newServers(dir, profiles); err != nil {
		return nil, nil, err
	}
	err = filepath.WalkDir(filepath.Join(dir, "d", "mail"), func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Base(path) == "dovecot.index.cache" {
			return os.Remove(path)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if err := ours.run(); err != nil {
		return nil, nil, err
	}
	if err := ours.awaitIndexed(); err != nil {
		return nil, nil, errors.Join(err, stopAll(ours))
	}
	if err := theirs.run(); err != nil {
		return nil, nil, errors.Join(err, stopAll(ours))
	}
	return ours, theirs, nil
}

func stopAll(servers ...*server) error {
	for _, s := range servers {
		s.stop()
	}
	return nil
}

// seedMaildir delivers the mails as a delivery agent does: with their sizes in
// the names, dates as the files' times.
func seedMaildir(dir string, messages int) error {
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	for i := range messages {
		mail := benchMail(i)
		flags := ""
		if i%4 != 0 {
			flags = "S"
		}
		name := filepath.Join(dir, "cur", fmt.Sprintf("%d.M%dP1.bench,S=%d,W=%d:2,%s", benchDate(i).Unix(), i, len(mail), len(mail), flags))
		if err := os.WriteFile(name, mail, 0o600); err != nil {
			return err
		}
		if err := os.Chtimes(name, benchDate(i), benchDate(i)); err != nil {
			return err
		}
	}
	uid, gid, err := mailUser()
	if err != nil {
		return err
	}
	return filepath.WalkDir(filepath.Dir(dir), func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
}

func seedByAppend(s *server, messages int) error {
	c, err := login(s, false)
	if err != nil {
		return err
	}
	defer c.close()
	const atOnce = 50 // MULTIAPPEND (RFC 3502)
	for i := 0; i < messages; i += atOnce {
		cmd := []byte("APPEND INBOX")
		for k := i; k < min(i+atOnce, messages); k++ {
			mail := benchMail(k)
			flags := ""
			if k%4 != 0 {
				flags = `\Seen`
			}
			cmd = fmt.Appendf(cmd, " (%s) \"%s\" {%d+}\r\n", flags, benchDate(k).Format("02-Jan-2006 15:04:05 -0700"), len(mail))
			cmd = append(cmd, mail...)
		}
		if err := c.send(string(append(cmd, "\r\n"...))); err != nil {
			return err
		}
		if _, err := c.finish("APPEND"); err != nil {
			return err
		}
	}
	return seedBig(s)
}

func seedBig(s *server) error {
	c, err := login(s, false)
	if err != nil {
		return err
	}
	defer c.close()
	if _, err := c.do("CREATE bench-big"); err != nil {
		return err
	}
	line := strings.Repeat("0123456789abcdef", 4) + "\r\n"
	mail := []byte("From: a@example.org\r\nSubject: big\r\nContent-Type: application/octet-stream\r\n\r\n")
	return c.append("bench-big", append(mail, bytes.Repeat([]byte(line), 25<<20/len(line))...))
}

// mailUser is whom Dovecot's mail belongs to: itself does not work as root.
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

// benchDate spreads the mails over eleven years.
func benchDate(i int) time.Time {
	return time.Date(2015, 1, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(i) * 289 * time.Minute)
}
