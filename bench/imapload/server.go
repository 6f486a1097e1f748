package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is one of the two that are measured.
type server struct {
	name           string
	addr, tlsAddr  string
	user, password string
	program, data  string // of Heimpost

	start func() (*exec.Cmd, error)
	cmd   *exec.Cmd
	// settle waits until idling connections cost as little as they can.
	settle func()
	// profile records what the processor does until stop is called.
	profile func(scenario string) (stop func())
}

// run starts the server and waits until it greets.
func (s *server) run() (err error) {
	if s.cmd, err = s.start(); err != nil {
		return err
	}
	for until := time.Now().Add(30 * time.Second); ; {
		c, err := dial(s.addr, false)
		if err == nil {
			c.close()
			return nil
		}
		if time.Now().After(until) {
			s.stop()
			return fmt.Errorf("%s does not answer: %w", s.name, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// stop ends the server.
func (s *server) stop() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	s.cmd.Wait()
	s.cmd = nil
}

func (s *server) restart() error {
	s.stop()
	return s.run()
}

// pss gives the memory of the server's processes in KiB, shared pages counted
// in proportion (proc(5): smaps_rollup).
func (s *server) pss() (int64, error) {
	var sum int64
	for _, pid := range processes(s.cmd.Process.Pid) {
		f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue // it ended meanwhile
		}
		for in := bufio.NewScanner(f); in.Scan(); {
			if rest, ok := strings.CutPrefix(in.Text(), "Pss:"); ok {
				n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
				if err != nil {
					f.Close()
					return 0, err
				}
				sum += n
			}
		}
		f.Close()
	}
	if sum == 0 {
		return 0, errors.New("no memory figures in /proc")
	}
	return sum, nil
}

// processes gives a process and all that descend from it.
func processes(pid int) []int {
	out := []int{pid}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, t := range tasks {
		b, err := os.ReadFile(t)
		if err != nil {
			continue
		}
		for child := range strings.FieldsSeq(string(b)) {
			if n, err := strconv.Atoi(child); err == nil {
				out = append(out, processes(n)...)
			}
		}
	}
	return out
}

// freePort gives a port of loopback that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// dropCaches empties the system's page cache where it may be.
func dropCaches() {
	if err := exec.Command("sync").Run(); err != nil {
		fmt.Fprintln(os.Stderr, "imapload: sync:", err)
	}
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0o200); err != nil {
		fmt.Fprintln(os.Stderr, "imapload: the page cache stays warm:", err)
	}
	runtime.GC()
}
