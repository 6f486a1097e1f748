package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// newHeimpost prepares a hub in dir with a person marko; program is the built
// binary.
func newHeimpost(dir, program, profiles string) (*server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
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
	s := &server{
		name: "heimpost", user: "marko", password: "secret-secret", program: program, data: dir,
		addr: fmt.Sprintf("127.0.0.1:%d", imap), tlsAddr: fmt.Sprintf("127.0.0.1:%d", imaps),
		settle: func() { time.Sleep(10 * time.Second) }, // the same for both
	}
	conf := fmt.Sprintf("[imap]\nlisten = [%q]\nlisten_tls = [%q]\n[web]\nlisten = \"127.0.0.1:0\"\n[limits]\nconnections = 5000\nconnections_per_ip = 5000\n[log]\nlevel = \"warn\"\n", s.addr, s.tlsAddr)
	if err := os.WriteFile(filepath.Join(dir, "heimpost.toml"), []byte(conf), 0o600); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "hub.db")); err != nil {
		add := exec.Command(program, "--data", dir, "person", "add", s.user, "--admin", "--password-stdin")
		add.Stdin = strings.NewReader(s.password + "\n")
		if out, err := add.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("person add: %w: %s", err, out)
		}
	}
	s.start = func() (*exec.Cmd, error) {
		cmd := exec.Command(program, "--data", dir, "serve")
		stderr, err := cmd.StderrPipe()
		if err != nil {
			return nil, err
		}
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		return cmd, ready(stderr)
	}
	s.profile = func(scenario string) func() { return profile(s, profiles, scenario) }
	return s, nil
}

// awaitIndexed waits until the full text has all mail, as it has in use.
func (s *server) awaitIndexed() error {
	for until := time.Now().Add(10 * patience); time.Now().Before(until); time.Sleep(time.Second) {
		out, err := s.command("status", "--json")
		if err != nil {
			return err
		}
		var status struct {
			Pending *int `json:"search_pending"`
		}
		if err := json.Unmarshal([]byte(out), &status); err != nil || status.Pending == nil {
			return fmt.Errorf("status printed %.100q", out)
		}
		if *status.Pending == 0 {
			return nil
		}
	}
	return errors.New("the full text is not ready")
}

// ready waits for serve's line that all listeners are open.
func ready(stderr io.Reader) error {
	in := bufio.NewScanner(stderr)
	var said []string
	for in.Scan() {
		if strings.HasPrefix(in.Text(), "heimpost: ready") {
			go func() {
				for in.Scan() {
					fmt.Fprintln(os.Stderr, in.Text())
				}
			}()
			return nil
		}
		said = append(said, in.Text())
	}
	return errors.New("serve ended: " + strings.Join(said, "; "))
}

// profile records with perf, where it is installed and wanted.
func profile(s *server, dir, scenario string) (stop func()) {
	perf, err := exec.LookPath("perf")
	if dir == "" || err != nil || os.MkdirAll(dir, 0o755) != nil {
		return func() {}
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, scenario)
	cmd := exec.Command(perf, "record", "-q", "-g", "-o", filepath.Join(dir, name+".data"), "-p", fmt.Sprint(s.cmd.Process.Pid))
	if cmd.Start() != nil {
		return func() {}
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait() // its error says that it was interrupted
		close(ended)
	}()
	return func() {
		for { // it does not listen before it has begun
			cmd.Process.Signal(os.Interrupt)
			select {
			case <-ended:
				return
			case <-time.After(200 * time.Millisecond):
			}
		}
	}
}
