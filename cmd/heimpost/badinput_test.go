package main

import (
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"heimpost/pop3fetch/pop3d"
)

func TestWrongUsage(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		code int
		text string
		args []string
	}{
		{2, "no command \"fetsch\"", []string{"fetsch"}},
		{2, "needs one of: add, list", []string{"box"}},
		{2, "needs one of", []string{"box", "ad", "x"}},
		{2, "unknown option", []string{"person", "add", "--titel", "x", "y"}},
		{2, "missing", []string{"device", "add", "marko"}},
		{2, `"b" is too much`, []string{"person", "list", "b"}},
		{2, "--box", []string{"account", "add", "a@b.example"}},
		{2, "buero", []string{"person", "add", "Büro"}},
		{2, "--password-stdin", []string{"person", "password", "marko"}},
		{2, "no password", []string{"person", "add", "x", "--password-stdin"}},
		{2, "which command", []string{"--json"}},
		{1, "no person", []string{"device", "add", "nobody", "phone"}},
		{1, "no account", []string{"fetch", "nobody@example.org"}},
		{1, "no box", []string{"verify", "nothing"}},
	} {
		w.fails(c.code, c.text, "", c.args...)
	}
	for _, args := range [][]string{{"--help"}, {"help"}, {}, {"person", "add", "--help"}, {"help", "person", "add"}, {"-h", "fetch"}} {
		if r := w.try("", args...); r.code != 0 || !strings.Contains(r.out, "heimpost") || r.err != "" {
			t.Errorf("%v: %+v", args, r)
		}
	}
	if out := w.run("version"); !strings.HasPrefix(out, "heimpost ") {
		t.Error(out)
	}
}

// TestMistypedFolder: what does not begin a data folder makes none where the one
// that is named is not there.
func TestMistypedFolder(t *testing.T) {
	w := newWorld(t)
	missing := filepath.Join(w.dir, "mistyped")
	for _, args := range [][]string{
		{"status"}, {"account", "list"}, {"verify"}, {"fetch"}, {"rebuild", "marko"}, {"activity", "marko"},
		{"device", "add", "marko", "phone"}, {"account", "remove", "a@b.example"}, {"network", "on"},
	} {
		w.fails(1, "there is no data folder "+missing, "", append(args, "--data", missing)...)
	}
	if _, err := os.Stat(missing); !os.IsNotExist(err) {
		t.Errorf("the folder was made: %v", err)
	}
	w.run("box", "add", "familie", "--data", missing)
	w.run("status", "--data", missing)
}

func TestProviderTrouble(t *testing.T) {
	drop := pop3d.NewMaildrop("marko@example.org", "right")
	drop.Deliver(mail("one"))
	port := provider(t, pop3d.Options{}, drop)
	w := newWorld(t)
	w.household(drop, port, "--keep", "never")

	w.runIn("wrong\n", "account", "set", "marko@example.org", "--password-stdin")
	w.fails(1, "password", "", "account", "test", "marko@example.org")
	w.fails(1, "password", "", "fetch")

	// Two accounts, one of which works: partly done, and said which.
	other := pop3d.NewMaildrop("other@example.org", "right")
	other.Deliver(mail("two"))
	w.runIn("right\n", "account", "add", "other@example.org", "--box", "marko", "--host", "127.0.0.1", "--port", provider(t, pop3d.Options{}, other), "--tls", "none", "--password-stdin")
	w.fails(3, "marko@example.org", "", "fetch")

	// A certificate for another name.
	tls, _, err := pop3d.Certificate("elsewhere.example")
	if err != nil {
		t.Fatal(err)
	}
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tls.Certificates[0].Certificate[0]}), 0o600); err != nil {
		t.Fatal(err)
	}
	w.env = []string{"SSL_CERT_FILE=" + roots}
	drops := provider(t, pop3d.Options{TLS: tls, Implicit: true}, drop)
	w.runIn("right\n", "account", "set", "marko@example.org", "--port", drops, "--tls", "implicit", "--password-stdin")
	w.fails(1, "certificate", "", "fetch", "marko@example.org")

	// Nobody listens.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, closed, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	w.run("account", "set", "marko@example.org", "--port", closed, "--tls", "none")
	w.fails(1, "127.0.0.1", "", "account", "test", "marko@example.org")
	if n := len(drop.Held()); n != 1 {
		t.Errorf("the provider holds %d mails", n)
	}
	w.verify()
}

// A provider that hangs neither keeps the hub from ending in time, nor a
// command from being interrupted.
func TestHangingProvider(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	called := make(chan struct{}, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			called <- struct{}{}
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	w := newWorld(t)
	w.household(pop3d.NewMaildrop("marko@example.org", "x"), port)
	s := w.serve()
	<-called // by schedule
	began := time.Now()
	s.stop()
	t.Logf("serve ended after %v", time.Since(began))

	c := w.command("", "fetch")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	<-called
	c.Process.Signal(os.Interrupt)
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case <-ended:
		if code := c.ProcessState.ExitCode(); code != 1 {
			t.Errorf("exit code %d", code)
		}
	case <-time.After(15 * time.Second):
		c.Process.Kill()
		t.Error("fetch cannot be interrupted")
	}
	if soak() { // a minute without a byte
		w.fails(1, "marko@example.org", "", "fetch")
	}
	w.verify()
}

func TestBadConfiguration(t *testing.T) {
	w := newWorld(t)
	w.config("[imap]\nlisen = []\n")
	w.fails(1, "unknown key imap.lisen (line 2)", "", "serve")
	w.config("[imap]\nlisten = [\"somewhere\"]\n")
	w.fails(1, "imap.listen", "", "serve")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w.config("[imap]\nlisten = [\"" + l.Addr().String() + "\"]\nlisten_tls = []\n[web]\nlisten = \"\"\n")
	w.fails(1, "in use", "", "serve")
	w.config("[imap]\nlisten = []\nlisten_tls = [\"127.0.0.1:0\"]\n[web]\nlisten = \"\"\n[tls]\ncert = \"missing.pem\"\nkey = \"missing.key\"\n")
	w.fails(1, "missing.pem", "", "serve")
	w.config("[imap]\nlisten = []\nlisten_tls = [\"127.0.0.1:0\"]\n[web]\nlisten = \"\"\n")
	s := w.serve()
	if s.imap != "" || s.web != "" || s.imaps == "" {
		t.Errorf("ready line: imap=%q imaps=%q web=%q", s.imap, s.imaps, s.web)
	}
	w.fails(1, "already running", "", "serve")
	s.stop()
}

// At the first start the configuration is written, and what is secret is
// nobody else's to read.
func TestFirstStart(t *testing.T) {
	w := newWorld(t)
	if err := os.Chmod(w.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w.household(pop3d.NewMaildrop("marko@example.org", "pw"), "1")
	s := w.serve()
	s.stop()
	secret := map[string]bool{"hub.db": false, "secret.key": false}
	err := filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 &&
			(strings.HasSuffix(path, ".key") || strings.Contains(path, ".db")) {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		if _, is := secret[d.Name()]; is {
			secret[d.Name()] = true
		}
		return err
	})
	if err != nil || !secret["hub.db"] || !secret["secret.key"] {
		t.Error(secret, err)
	}
	empty := &world{t: t, dir: t.TempDir()}
	empty.env = []string{"HEIMPOST_DATA=" + empty.dir}
	if r := empty.try("", "person", "list", "--json"); r.code != 0 || strings.TrimSpace(r.out) != "[]" {
		t.Errorf("%+v", r)
	}
}

// smallDisk gives a folder on a file system of its own, if that may be made.
func smallDisk(t *testing.T, size string) (dir string, remount func(options string)) {
	t.Helper()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("only root can make a small file system")
	}
	dir = t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "heimpost-test", dir).CombinedOutput(); err != nil {
		t.Skipf("mount: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir, func(options string) {
		if out, err := exec.Command("mount", "-o", "remount,"+options, dir).CombinedOutput(); err != nil {
			t.Fatalf("mount: %v: %s", err, out)
		}
	}
}

func TestFullDisk(t *testing.T) {
	disk, remount := smallDisk(t, "6m")
	drop := pop3d.NewMaildrop("marko@example.org", "pw")
	for _, s := range []string{"small", "large", "other"} {
		text := mail(s)
		if s == "large" {
			text = append(text, []byte(strings.Repeat(strings.Repeat("x", 70)+"\r\n", 100_000))...)
		}
		drop.Deliver(text)
	}
	w := worldIn(t, filepath.Join(disk, "data"))
	w.household(drop, provider(t, pop3d.Options{}, drop), "--keep", "never")
	r := w.try("", "fetch")
	if r.code == 0 || !strings.Contains(r.err, "space") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	for _, m := range drop.Removed() {
		if len(m.Bytes) > 1<<20 {
			t.Error("a mail that did not fit was deleted at the provider")
		}
	}
	remount("size=64m")
	w.run("fetch")
	s := w.serve()
	if got := bodies(t, s.login("marko", "secret", nil), "INBOX"); len(got) != 3 {
		t.Errorf("%d mails", len(got))
	}
	s.stop()
	w.verify()

	// Full to the last block.
	room := filepath.Join(disk, "room")
	if out, err := exec.Command("dd", "if=/dev/zero", "of="+room, "bs=4k").CombinedOutput(); err == nil {
		t.Fatalf("the disk is not full: %s", out)
	}
	for _, args := range [][]string{{"serve"}, {"status"}, {"verify"}} {
		w.fails(1, "no space left on the disk: make space", "", args...)
	}
	if err := os.Remove(room); err != nil {
		t.Fatal(err)
	}
	w.verify()
}

func TestReadOnlyFolder(t *testing.T) {
	disk, remount := smallDisk(t, "16m")
	w := worldIn(t, filepath.Join(disk, "data"))
	w.runIn("secret\n", "person", "add", "marko", "--password-stdin")
	remount("ro")
	w.fails(1, "cannot be written", "", "person", "list")
	w.fails(1, "cannot be written", "", "serve")
	remount("rw")
	w.verify()
}
