package peertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// NeedNode gives the path of Node.js and the folder with the packages from npm
// that tests talk to (node/package.json names and pins them). Where one is
// missing it does as Need does.
func NeedNode(t testing.TB, packages ...string) (node, modules string) {
	t.Helper()
	node = Need(t, "node")
	_, self, _, _ := runtime.Caller(0)
	modules = filepath.Join(filepath.Dir(self), "node", "node_modules")
	for _, p := range packages {
		if _, err := os.Stat(filepath.Join(modules, p)); err != nil {
			need(t, fmt.Errorf("%s from npm is %w", p, ErrMissing))
		}
	}
	return node, modules
}

// RunNode runs a script in Node.js with these arguments and gives what it
// printed; require finds the packages.
func RunNode(t testing.TB, script string, packages []string, args ...string) string {
	t.Helper()
	node, modules := NeedNode(t, packages...)
	c := exec.Command(node, append([]string{script}, args...)...)
	c.Env = append(os.Environ(), "NODE_PATH="+modules)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}
