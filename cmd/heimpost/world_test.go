package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"go.uber.org/goleak"

	"heimpost/pop3fetch/pop3d"
)

// binary is the program, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	code, err := func() (int, error) {
		dir, err := os.MkdirTemp("", "heimpost-test")
		if err != nil {
			return 1, err
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "heimpost")
		if runtime.GOOS == "windows" {
			binary += ".exe"
		}
		if out, err := exec.Command("go", "build", "-buildvcs=false", "-tags", "sqlite_fts5", "-o", binary, ".").CombinedOutput(); err != nil {
			return 1, fmt.Errorf("go build: %w\n%s", err, out)
		}
		return m.Run(), nil
	}()
	if err == nil && code == 0 {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// soak reports whether the long sweeps are wanted.
func soak() bool { return os.Getenv("HEIMPOST_SOAK") != "" }

// world is a data folder and the program at work on it.
type world struct {
	t   testing.TB
	dir string
	env []string
}

// newWorld makes a folder with a configuration that takes free ports.
func newWorld(t testing.TB) *world {
	t.Helper()
	return worldIn(t, filepath.Join(t.TempDir(), "data"))
}

func worldIn(t testing.TB, dir string) *world {
	t.Helper()
	w := &world{t: t, dir: dir}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w.config("[imap]\nlisten = [\"127.0.0.1:0\"]\nlisten_tls = [\"127.0.0.1:0\"]\n[web]\nlisten = \"127.0.0.1:0\"\n")
	return w
}

func (w *world) config(text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "heimpost.toml"), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// command makes a run of the program.
func (w *world) command(stdin string, args ...string) *exec.Cmd {
	c := exec.Command(binary, args...)
	c.Env = append(append(os.Environ(), "HEIMPOST_DATA="+w.dir), w.env...)
	c.Stdin = strings.NewReader(stdin)
	return c
}

// result is what a run left behind.
type result struct {
	out, err string
	code     int
}

// try runs the program.
func (w *world) try(stdin string, args ...string) result {
	w.t.Helper()
	c := w.command(stdin, args...)
	var out, stderr bytes.Buffer
	c.Stdout, c.Stderr = &out, &stderr
	err := c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	return result{out.String(), stderr.String(), c.ProcessState.ExitCode()}
}

// run runs the program, which must succeed, and gives what it printed.
func (w *world) run(args ...string) string {
	w.t.Helper()
	return w.runIn("", args...)
}

func (w *world) runIn(stdin string, args ...string) string {
	w.t.Helper()
	r := w.try(stdin, args...)
	if r.code != 0 {
		w.t.Fatalf("heimpost %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r.out
}

// json runs the program with --json and reads what it printed into v.
func (w *world) json(v any, args ...string) {
	w.t.Helper()
	out := w.run(append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		w.t.Fatalf("heimpost %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// fails runs the program, which must fail with this exit code and say this,
// in one to three lines on standard error.
func (w *world) fails(code int, text string, stdin string, args ...string) {
	w.t.Helper()
	r := w.try(stdin, args...)
	lines := strings.Count(r.err, "\n")
	if r.code != code || !strings.Contains(r.err, text) || lines < 1 || lines > 3 {
		w.t.Errorf("heimpost %s: exit code %d, want %d with %q\n%s%s", strings.Join(args, " "), r.code, code, text, r.out, r.err)
	}
}

// verify checks all boxes.
func (w *world) verify() {
	w.t.Helper()
	if r := w.try("", "verify"); r.code != 0 {
		w.t.Errorf("verify: exit code %d\n%s%s", r.code, r.out, r.err)
	}
}

// server is a running `heimpost serve`.
type server struct {
	w                *world
	cmd              *exec.Cmd
	imap, imaps, web string
	done             chan struct{} // closed when it has ended
	mu               sync.Mutex
	log              strings.Builder
}

// serve starts the hub and waits until it is ready.
func (w *world) serve() *server {
	w.t.Helper()
	s := &server{w: w, cmd: w.command("", "serve"), done: make(chan struct{})}
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() {
		defer close(s.done)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			if rest, ok := strings.CutPrefix(lines.Text(), "heimpost: ready "); ok {
				ready <- rest
			}
			s.mu.Lock()
			s.log.WriteString(lines.Text() + "\n")
			s.mu.Unlock()
		}
		s.cmd.Wait()
	}()
	w.t.Cleanup(func() {
		s.cmd.Process.Kill()
		<-s.done
		if w.t.Failed() {
			w.t.Logf("log of serve:\n%s", s.logged())
		}
	})
	select {
	case line := <-ready:
		for _, field := range strings.Fields(line) {
			name, addr, _ := strings.Cut(field, "=")
			*map[string]*string{"imap": &s.imap, "imaps": &s.imaps, "web": &s.web}[name] = addr
		}
	case <-s.done:
		w.t.Fatalf("serve ended: %s", s.logged())
	case <-time.After(time.Minute):
		w.t.Fatal("serve is not ready after a minute")
	}
	return s
}

func (s *server) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// stop ends the hub as an operator does; it has as long as is promised.
func (s *server) stop() {
	s.w.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.w.t.Fatal(err)
	}
	select {
	case <-s.done:
	case <-time.After(15 * time.Second):
		s.w.t.Fatal("serve runs 15 s after SIGTERM")
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.w.t.Errorf("serve ended with %d: %s", code, s.logged())
	}
}

// login opens an IMAP connection of its own.
func (s *server) login(name, password string, o *imapclient.Options) *imapclient.Client {
	s.w.t.Helper()
	c, err := s.tryLogin(name, password, o)
	if err != nil {
		s.w.t.Fatal(err)
	}
	return c
}

func (s *server) tryLogin(name, password string, o *imapclient.Options) (*imapclient.Client, error) {
	conn, err := net.Dial("tcp", s.imap)
	if err != nil {
		return nil, err
	}
	c := imapclient.New(conn, o)
	s.w.t.Cleanup(func() { c.Close() })
	return c, c.Login(name, password).Wait()
}

// bodies gives the bytes of all mails of a mailbox.
func bodies(t testing.TB, c *imapclient.Client, mailbox string) []string {
	t.Helper()
	if _, err := c.Select(mailbox, &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		t.Fatal(err)
	}
	section := &imap.FetchItemBodySection{Peek: true}
	var all imap.SeqSet
	all.AddRange(1, 0)
	mails, err := c.Fetch(all, &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{section}}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range mails {
		out = append(out, string(m.FindBodySection(section)))
	}
	return out
}

// provider serves maildrops until the end of the test.
func provider(t testing.TB, o pop3d.Options, drops ...*pop3d.Maildrop) (port string) {
	t.Helper()
	s := pop3d.New(o, drops...)
	addr, err := s.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		for _, v := range s.Violations() {
			t.Errorf("the provider saw: %s", v)
		}
	})
	_, port, _ = net.SplitHostPort(addr.String())
	return port
}

// mail is a small mail with this subject.
func mail(subject string) []byte {
	return []byte("From: a@example.org\r\nTo: b@example.org\r\nSubject: " + subject + "\r\nMessage-ID: <" + subject + "@example.org>\r\n" +
		"Date: Mon, 02 Mar 2026 10:00:00 +0100\r\n\r\nHello " + subject + ".\r\n")
}

// household adds marko and his account at a provider with that many mails.
func (w *world) household(drop *pop3d.Maildrop, port string, options ...string) {
	w.t.Helper()
	w.runIn("secret\n", "person", "add", "marko", "--password-stdin")
	w.runIn(drop.Password+"\n", append([]string{"account", "add", drop.User, "--box", "marko", "--host", "127.0.0.1", "--port", port, "--tls", "none", "--password-stdin"}, options...)...)
}

// devicePassword adds a device and gives its password.
func (w *world) devicePassword(person, name string) string {
	w.t.Helper()
	p, ok := strings.CutPrefix(w.run("device", "add", person, name), "password: ")
	if !ok || !strings.HasSuffix(p, "\n") {
		w.t.Fatalf("device add printed %q", p)
	}
	return strings.TrimSpace(p)
}

// decode reads JSON that the program printed.
func decode(t testing.TB, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}
