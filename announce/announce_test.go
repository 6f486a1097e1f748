package announce

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heimpost/peertest"
)

func TestMain(m *testing.M) {
	if os.Getenv("HEIMPOST_TEST_ANNOUNCE") != "" {
		announceUntilStdinEnds()
		return
	}
	goleak.VerifyTestMain(m)
}

// announceUntilStdinEnds is what this program does as the hub of the test: in
// a network of its own.
func announceUntilStdinEnds() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{Name: "stube", Title: "Heimpost (stube)",
			Services: []Service{{"_imaps._tcp", 1993}, {"_https._tcp", 8443}}, lookEvery: time.Second,
			Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
	cancel()
	if err := <-done; err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{"stube": true, "pc-7": true, "": false, "-a": false, "a-": false, "a.b": false,
		"Stube": false, "büro": false, "a b": false, strings.Repeat("a", 64): false} {
		if ValidName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
	if err := Run(t.Context(), Options{Name: "a b"}); err == nil {
		t.Error("a name with a blank is announced")
	}
}

func TestEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, Options{Name: "stube", Services: []Service{{"_imaps._tcp", 1993}}}) }()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// wire is two machines with a cable between them: network namespaces that end
// with the test.
type wire struct {
	*testing.T
	pid [2]string // a process of each machine
}

// newWire makes one; where this system does not allow it the test is skipped.
func newWire(t *testing.T) *wire {
	t.Helper()
	unshare, nsenter, ip := peertest.Need(t, "unshare"), peertest.Need(t, "nsenter"), peertest.Need(t, "ip")
	w := &wire{T: t}
	for i := range w.pid {
		c := exec.Command(unshare, "--net", "--mount", "sh", "-c", "echo $$; exec cat")
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { in.Close(); _ = c.Wait() })
		line, _ := bufio.NewReader(out).ReadString('\n')
		if w.pid[i] = strings.TrimSpace(line); w.pid[i] == "" {
			t.Skip("SKIPPED, NOT TESTED: this system allows no network namespaces (it takes root)")
		}
	}
	do := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("SKIPPED, NOT TESTED: no networks can be made here: %v: %s", err, out)
		}
	}
	do(nsenter, "-t", w.pid[0], "-n", ip, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", w.pid[1])
	for i, pid := range w.pid {
		do(nsenter, "-t", pid, "-n", ip, "addr", "add", fmt.Sprintf("10.77.0.%d/24", i+1), "dev", "cable")
		do(nsenter, "-t", pid, "-n", ip, "link", "set", "lo", "up")
		do(nsenter, "-t", pid, "-n", ip, "link", "set", "cable", "up")
		do(nsenter, "-t", pid, "-n", ip, "route", "add", "224.0.0.0/4", "dev", "cable")
	}
	return w
}

// on gives a command that runs on one of the machines.
func (w *wire) on(machine int, args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"-t", w.pid[machine], "-n", "-m"}, args...)...)
}

// hub announces from one of the machines until the test or its standard input
// ends; log is what it has said.
func (w *wire) hub(machine int) (stdin io.Closer, log func() string) {
	w.Helper()
	self, err := os.Executable()
	if err != nil {
		w.Fatal(err)
	}
	c := w.on(machine, self)
	c.Env = append(os.Environ(), "HEIMPOST_TEST_ANNOUNCE=1")
	name := filepath.Join(w.TempDir(), "log")
	to, err := os.Create(name)
	if err != nil {
		w.Fatal(err)
	}
	c.Stderr = to
	in, err := c.StdinPipe()
	if err != nil {
		w.Fatal(err)
	}
	if err := c.Start(); err != nil {
		w.Fatal(err)
	}
	log = func() string { b, _ := os.ReadFile(name); return string(b) }
	w.Cleanup(func() {
		in.Close()
		if err := c.Wait(); err != nil {
			w.Errorf("the hub: %v", err)
		}
		to.Close()
		if w.Failed() {
			w.Log(log())
		}
	})
	return in, log
}

// TestFoundInTheHomeNetwork: Avahi, the responder of Linux desktops, finds
// name and services from another machine, also after the hub's address has
// changed.
func TestFoundInTheHomeNetwork(t *testing.T) {
	avahi, bus := peertest.Need(t, "avahi-daemon"), peertest.Need(t, "dbus-daemon")
	peertest.Need(t, "avahi-browse")
	w := newWire(t)

	stdin, _ := w.hub(0)

	// The other machine's own bus and responder, in a /run of their own.
	dir := t.TempDir()
	conf := dir + "/avahi.conf"
	if err := os.WriteFile(conf, []byte("[server]\nhost-name=handy\nuse-ipv6=yes\nenable-dbus=yes\n[publish]\ndisable-publishing=no\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	phone := w.on(1, "sh", "-c", `mount -t tmpfs none /run && mkdir -p /run/dbus /run/avahi-daemon &&
		"$1" --system --nofork --nopidfile & b=$!
		while [ ! -S /run/dbus/system_bus_socket ] && kill -0 $b; do sleep 0.1; done
		"$2" --no-drop-root --no-chroot --no-rlimits -f "$3" & a=$!
		echo started; cat >/dev/null; kill $a $b; wait`, "sh", bus, avahi, conf)
	var said bytes.Buffer
	phone.Stderr = &said
	ends, err := phone.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := phone.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ends.Close()
		_ = phone.Wait()
		if t.Failed() {
			t.Logf("%s", said.Bytes())
		}
	})

	// ask repeats a question until its answer holds all of want.
	ask := func(want []string, args ...string) {
		t.Helper()
		deadline := time.Now().Add(45 * time.Second)
		for {
			out, _ := w.on(1, append([]string{"timeout", "10"}, args...)...).CombinedOutput()
			missing := ""
			for _, text := range want {
				if !strings.Contains(string(out), text) {
					missing = text
				}
			}
			if missing == "" {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%v does not say %q:\n%s", args, missing, out)
			}
			time.Sleep(200 * time.Millisecond)
		}
	}
	title := `Heimpost\032\040stube\041` // DNS-SD's escapes
	ask([]string{"10.77.0.1"}, "avahi-resolve", "-4", "-n", "stube.local")
	ask([]string{title, "local;stube.local;10.77.0.1;1993;"}, "avahi-browse", "-rtp", "_imaps._tcp")
	ask([]string{title, "local;stube.local;10.77.0.1;8443;"}, "avahi-browse", "-rtp", "_https._tcp")

	// The router gives the hub another address.
	for _, change := range [][]string{{"addr", "del", "10.77.0.1/24", "dev", "cable"}, {"addr", "add", "10.77.0.9/24", "dev", "cable"}, {"route", "replace", "224.0.0.0/4", "dev", "cable"}} {
		if out, err := w.on(0, append([]string{"ip"}, change...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	ask([]string{"10.77.0.9"}, "avahi-resolve", "-4", "-n", "stube.local")
	ask([]string{"stube.local;10.77.0.9;1993"}, "avahi-browse", "-rtp", "_imaps._tcp")

	// It ends: the good-bye makes the others forget it at once.
	stdin.Close()
	deadline := time.Now().Add(10 * time.Second)
	for {
		out, err := w.on(1, "avahi-browse", "-tp", "_imaps._tcp").CombinedOutput()
		if err != nil {
			t.Fatalf("%v %s", err, out)
		}
		if !strings.Contains(string(out), "Heimpost") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("still there:\n%s", out)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// TestNameIsTaken: where another machine has the name already, the hub leaves
// it alone and says so.
func TestNameIsTaken(t *testing.T) {
	w := newWire(t)
	_, first := w.hub(0)
	waitFor(t, first, "announced in the home network")
	_, log := w.hub(1)
	waitFor(t, log, "another machine of the network (10.77.0.1) has that name")
}

// waitFor waits until a log says something.
func waitFor(t *testing.T, log func() string, text string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !strings.Contains(log(), text) {
		if time.Now().After(deadline) {
			t.Fatalf("%q is never said:\n%s", text, log())
		}
		time.Sleep(100 * time.Millisecond)
	}
}
