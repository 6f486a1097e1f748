package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"heimpost/peertest"
)

// TestServeOpensBrowser: in a terminal of a desktop the set-up opens by itself.
// (Without a terminal nothing does: the other tests would open browsers.)
func TestServeOpensBrowser(t *testing.T) {
	script := peertest.Need(t, "script")
	dir := t.TempDir()
	opened := filepath.Join(dir, "opened")
	if err := os.WriteFile(filepath.Join(dir, "xdg-open"), []byte("#!/bin/sh\necho \"$@\" >> "+opened+".tmp; mv "+opened+".tmp "+opened+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "heimpost.toml"), []byte("[imap]\nlisten = [\"127.0.0.1:0\"]\nlisten_tls = []\n[web]\nlisten = \"127.0.0.1:0\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(script, "-qec", binary+" serve --data "+data, "/dev/null")
	c.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "DISPLAY=:77", "BROWSER=", "SSH_CONNECTION=")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		c.Process.Signal(syscall.SIGTERM)
		c.Wait()
	}()
	deadline := time.Now().Add(60 * time.Second)
	for {
		if b, err := os.ReadFile(opened); err == nil {
			if text := string(b); !strings.HasPrefix(text, "http://127.0.0.1:") || !strings.Contains(text, "/setup?token=") {
				t.Errorf("opened %q", text)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no browser was opened")
		}
		time.Sleep(20 * time.Millisecond)
	}
}
