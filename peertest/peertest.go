// Package peertest starts real mail servers and finds real mail programs for
// tests and measurements: private ones, on loopback, in a folder of their own.
// scripts/install-peers brings the programs.
package peertest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// ErrMissing is matched when a program is not there.
var ErrMissing = errors.New("not installed (scripts/install-peers installs it)")

// Look finds a program, also where only root's PATH leads.
func Look(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin", "/opt/homebrew/sbin"} {
		path := filepath.Join(dir, program)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is %w", program, ErrMissing)
}

// Need gives the path of a program that a test talks to. Where it is missing
// the test is skipped, but with CI set in the environment it fails.
func Need(t testing.TB, program string) string {
	t.Helper()
	path, err := Look(program)
	need(t, err)
	return path
}

func need(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrMissing) && os.Getenv("CI") == "":
		t.Skipf("SKIPPED, NOT TESTED: %v", err)
	default:
		t.Fatal(err)
	}
}

// MemDir gives a folder for tests of many steps: in memory where the system
// has such a file system, so that syncing costs nothing. Its path is short
// enough for sockets.
func MemDir(t testing.TB) string {
	t.Helper()
	dir, err := tempDir("/dev/shm")
	if err != nil {
		dir, err = tempDir("")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// tempDir makes a folder whose path is short enough for sockets below it.
func tempDir(in string) (string, error) {
	if in == "" && len(os.TempDir()) > 40 {
		in = "/tmp"
	}
	dir, err := os.MkdirTemp(in, "hp")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755) // the servers' own users pass through
}

// FreePort gives a port of loopback that nobody listens on.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
