package peertest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"time"
)

// delivered makes the names of delivered mails differ.
var delivered atomic.Int64

// unix gives a mail as servers on Unix keep it: line ends are LF.
func unix(mail []byte) []byte { return bytes.ReplaceAll(mail, []byte("\r\n"), []byte("\n")) }

// maildir is a folder with a file for each mail.
type maildir struct {
	dir string
	uid int
}

func (m maildir) make() error {
	for _, d := range []string{m.dir, filepath.Join(m.dir, "cur"), filepath.Join(m.dir, "new"), filepath.Join(m.dir, "tmp")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return err
		}
		if err := os.Chown(d, m.uid, m.uid); err != nil {
			return err
		}
	}
	return nil
}

func (m maildir) deliver(mail []byte) error {
	name := fmt.Sprintf("%d.P1.peertest", 1_500_000_000+delivered.Add(1))
	tmp := filepath.Join(m.dir, "tmp", name)
	if err := os.WriteFile(tmp, unix(mail), 0o600); err != nil {
		return err
	}
	if err := os.Chown(tmp, m.uid, m.uid); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(m.dir, "new", name))
}

func (m maildir) held() (n int, err error) {
	for _, sub := range []string{"cur", "new"} {
		list, err := os.ReadDir(filepath.Join(m.dir, sub))
		if err != nil {
			return 0, err
		}
		n += len(list)
	}
	return n, nil
}

// mbox is one file with all mails, each behind a line that begins with From.
type mbox struct {
	file string
	uid  int
}

// deliver quotes a line that begins with From; an empty line ends the mail.
func (m mbox) deliver(mail []byte) error {
	f, err := os.OpenFile(m.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Chown(m.uid, m.uid); err != nil {
		return err
	}
	text := regexp.MustCompile(`(?m)^From `).ReplaceAll(unix(mail), []byte(">From "))
	if !bytes.HasSuffix(text, []byte("\n")) {
		text = append(text, '\n')
	}
	_, err = fmt.Fprintf(f, "From sender@example.org %s\n%s\n", time.Unix(1_700_000_000+delivered.Add(1), 0).UTC().Format(time.ANSIC), text)
	return err
}

func (m mbox) held() (int, error) {
	b, err := os.ReadFile(m.file)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return len(regexp.MustCompile(`(?m)^From `).FindAll(b, -1)), err
}

// cyrusSpool is the mail of a Cyrus, which comes by LMTP.
type cyrusSpool struct {
	lmtp string
	pop3 *string // its address changes when it is started again
}

// talk opens a connection.
func (cyrusSpool) talk(address string) (*textproto.Conn, error) {
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(time.Minute))
	return textproto.NewConn(conn), nil
}

func (c cyrusSpool) deliver(mail []byte) error {
	t, err := c.talk(c.lmtp)
	if err != nil {
		return err
	}
	defer t.Close()
	for _, step := range []struct {
		line string
		code int
	}{{"", 220}, {"LHLO localhost", 250}, {"MAIL FROM:<>", 250}, {"RCPT TO:<" + jailUser + ">", 250}, {"DATA", 354}} {
		if step.line != "" {
			if err := t.PrintfLine("%s", step.line); err != nil {
				return err
			}
		}
		if _, _, err := t.ReadResponse(step.code); err != nil {
			return err
		}
	}
	w := t.DotWriter()
	if _, err := w.Write(mail); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if _, _, err := t.ReadResponse(250); err != nil {
		return err
	}
	return t.PrintfLine("QUIT")
}

// held asks the server: it removes files when it has time.
func (c cyrusSpool) held() (n int, err error) {
	t, err := c.talk(*c.pop3)
	if err != nil {
		return 0, err
	}
	defer t.Close()
	for _, command := range []string{"", "USER " + jailUser, "PASS secret", "STAT", "QUIT"} {
		if command != "" {
			if err := t.PrintfLine("%s", command); err != nil {
				return 0, err
			}
		}
		line, err := t.ReadLine()
		if err != nil {
			return 0, err
		}
		if !strings.HasPrefix(line, "+OK") {
			return 0, fmt.Errorf("%s: %s", command, line)
		}
		if command == "STAT" {
			if _, err := fmt.Sscanf(line, "+OK %d", &n); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}
