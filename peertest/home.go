package peertest

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// HomeAddress is this computer's in the network that InHomeNetwork makes.
const HomeAddress = "10.77.0.1"

const (
	// homeVariable says that a test runs in there.
	homeVariable = "HEIMPOST_TEST_HOME_NETWORK"
	// noNetwork is how the shell says that it cannot be made.
	noNetwork = 75
)

// InHomeNetwork has the test that calls it run in a network of its own, where
// this computer has one private address beside loopback and no port is taken.
// That takes a process of its own, in which the test begins anew: there done is
// false and address is that one. For who called first, done is true: the test
// has run, and its outcome is this test's.
//
// A system that allows no such network (an unprivileged container) lets the
// test run where it is, with a private address that this computer has anyway;
// without one address is "". Both is said.
func InHomeNetwork(t *testing.T) (address string, done bool) {
	t.Helper()
	if os.Getenv(homeVariable) != "" {
		return HomeAddress, false
	}
	ip := Need(t, "ip")
	exact := "^" + strings.ReplaceAll(regexp.QuoteMeta(t.Name()), "/", "$/^") + "$"
	args := []string{"-c", ip + " link set lo up && " + ip + " address add " + HomeAddress + `/24 dev lo || exit 75; exec "$0" "$@"`,
		os.Args[0], "-test.run", exact, "-test.v", "-test.count=1"}
	if end, limited := t.Deadline(); limited {
		args = append(args, "-test.timeout="+max(time.Until(end)-5*time.Second, time.Second).String())
	}
	c := exec.CommandContext(t.Context(), "sh", args...)
	c.Env = append(os.Environ(), homeVariable+"=1")
	if err := ownNetwork(c); err == nil {
		out, err := c.CombinedOutput()
		ended := (*exec.ExitError)(nil)
		switch {
		case err == nil && strings.Contains(string(out), "--- PASS: "+t.Name()+" "):
			t.Logf("in a network of its own:\n%s", out)
			return "", true
		case err == nil:
			t.Skipf("in a network of its own:\n%s", out)
		case errors.As(err, &ended) && ended.ExitCode() != noNetwork:
			t.Fatalf("in a network of its own: %v\n%s", err, out)
		}
		t.Logf("this system allows no network of its own: %v %s", err, out)
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && p.Addr().IsPrivate() {
			return p.Addr().String(), false
		}
	}
	return "", false
}
