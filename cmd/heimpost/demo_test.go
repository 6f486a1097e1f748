package main

import (
	"bufio"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The demo says what to type, what it says works, and nothing is left behind.
func TestDemo(t *testing.T) {
	w := &world{t: t, dir: t.TempDir()}
	temp := t.TempDir()
	w.env = []string{"TMPDIR=" + temp}
	c := w.command("", "demo")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Process.Kill()
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			lines <- scan.Text()
		}
	}()
	timeout := time.After(time.Minute)
	var said strings.Builder
	until := func(text string) {
		t.Helper()
		for {
			select {
			case line, ok := <-lines:
				if !ok {
					t.Fatalf("the demo ended: %s", said.String())
				}
				said.WriteString(line + "\n")
				if strings.Contains(line, text) {
					return
				}
			case <-timeout:
				t.Fatalf("no %q within a minute: %s", text, said.String())
			}
		}
	}
	until("as it happens")
	find := func(pattern string) string {
		t.Helper()
		m := regexp.MustCompile(pattern).FindStringSubmatch(said.String())
		if m == nil {
			t.Fatalf("no %s in %s", pattern, said.String())
		}
		return m[1]
	}
	s := &server{w: w, imap: find(`server +(\S+)`) + ":" + find(`port +(\d+)`)}
	client := s.login(find(`user +(\S+)`), find(`password +(\S+)`), nil)
	if n := len(bodies(t, client, "INBOX")); n < 25 {
		t.Errorf("%d mails", n)
	}
	until("imap: login")
	appendTo(t, client, "Drafts", "draft")
	until(`stored in Drafts by the mail program: "draft"`)
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for range lines { // until it has ended
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	w.fails(2, "without --data", "", "demo", "--data", w.dir)
}
