package peertest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// ErrNotRoot is matched when a server can be run by root only.
var ErrNotRoot = errors.New("only root can run it in a folder of its own")

// unpacked is where scripts/install-peers unpacks the packages of servers that
// the system can have one at a time only.
func unpacked() string {
	if dir := os.Getenv("HEIMPOST_PEERS"); dir != "" {
		return dir
	}
	return "/usr/local/lib/heimpost-peers"
}

// jail is a folder that programs take for the whole system: with users,
// passwords and mail of its own.
type jail struct{ dir string }

// The only user with mail, whose password is "secret", and the one that
// servers work as.
const (
	jailUser    = "marko"
	jailUID     = 64000
	jailService = 64001
	jailHash    = "$6$heimpost$kumLPpFon5nYK5h1/zA4wxAnAt01koO9PgIl9xrSduY3U.mma95HTEhHklUZRNB52JElTg2OgLO6NjglNfukf/"
)

// newJail makes a jail in a folder from an unpacked tree ("": none) and
// programs and plug-ins of it or of the system, with the libraries that they
// need.
func newJail(in, tree string, programs ...string) (_ *jail, err error) {
	if os.Getuid() != 0 {
		return nil, ErrNotRoot
	}
	if tree != "" {
		tree = filepath.Join(unpacked(), tree)
		if _, err := os.Stat(tree); err != nil {
			return nil, fmt.Errorf("%s is %w", filepath.Base(tree), ErrMissing)
		}
	}
	dir, err := tempDir(in)
	if err != nil {
		return nil, err
	}
	j := &jail{dir}
	defer func() {
		if err != nil {
			j.remove()
		}
	}()
	if tree != "" {
		if err := os.CopyFS(dir, os.DirFS(tree)); err != nil {
			return nil, err
		}
	}
	for _, d := range []string{"tmp", "run", "var/run", "var/mail", "dev", "etc/pam.d", "home/" + jailUser} {
		if err := os.MkdirAll(j.path(d), 0o755); err != nil {
			return nil, err
		}
	}
	if err := os.Chown(j.path("home", jailUser), jailUID, jailUID); err != nil {
		return nil, err
	}
	for _, d := range []string{"tmp", "var/mail"} {
		if err := os.Chmod(j.path(d), 0o777|fs.ModeSticky); err != nil {
			return nil, err
		}
	}
	if err := nullDevice(j.path("dev/null")); err != nil {
		return nil, err
	}
	passwd, group, shadow := "root:x:0:0::/:/bin/sh\n", "root:x:0:\nmail:x:8:\n", ""
	line := func(name string, uid int, home string) {
		passwd += fmt.Sprintf("%s:x:%d:%d::%s:/bin/sh\n", name, uid, uid, home)
		group += fmt.Sprintf("%s:x:%d:\n", name, uid)
		shadow += fmt.Sprintf("%s:%s:19000:0:99999:7:::\n", name, jailHash)
	}
	line(jailUser, jailUID, "/home/"+jailUser)
	for _, name := range []string{"courier", "cyrus", "popa3d", "spop3d"} {
		line(name, jailService, "/")
	}
	for name, text := range map[string]string{
		"etc/passwd": passwd, "etc/group": group, "etc/shadow": shadow,
		"etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nservices: files\nhosts: files\n",
		"etc/hosts":         "127.0.0.1 localhost\n",
	} {
		if err := j.write(name, text); err != nil {
			return nil, err
		}
	}
	// Passwords are checked by PAM, whatever a service calls itself.
	for _, service := range []string{"other", "pop3", "pop", "popa3d", "solid-pop3d", "pop3d", "gnu-pop3d"} {
		if err := j.write("etc/pam.d/"+service, "auth required pam_unix.so\naccount required pam_permit.so\nsession required pam_permit.so\n"); err != nil {
			return nil, err
		}
	}
	for _, plugin := range []string{"pam_unix.so", "pam_permit.so"} {
		found, _ := filepath.Glob("/lib/*/security/" + plugin) // the pattern is a good one
		programs = append(programs, found...)
	}
	for _, name := range programs {
		if err := j.add(name, tree); err != nil {
			return nil, err
		}
	}
	return j, nil
}

func (j *jail) path(levels ...string) string {
	return filepath.Join(append([]string{j.dir}, levels...)...)
}

func (j *jail) write(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(j.path(name)), 0o755); err != nil {
		return err
	}
	return os.WriteFile(j.path(name), []byte(text), 0o644)
}

// own makes folders of the user that servers work as.
func (j *jail) own(names ...string) error {
	for _, name := range names {
		if err := os.MkdirAll(j.path(name), 0o755); err != nil {
			return err
		}
		if err := os.Chown(j.path(name), jailService, jailService); err != nil {
			return err
		}
	}
	return nil
}

func (j *jail) remove() error { return os.RemoveAll(j.dir) }

// command makes a run of a program in the jail.
func (j *jail) command(program string, args ...string) *exec.Cmd {
	c := exec.Command(program, args...)
	c.Path, c.Err = program, nil // a path in the jail
	c.Dir = "/"
	c.Env = []string{"PATH=/usr/bin:/usr/sbin:/bin"}
	confine(c, j.dir)
	return c
}

// add brings a program or plug-in with the libraries that it needs into the
// jail, each to the place where it stands in the tree or in the system.
func (j *jail) add(name, tree string) error {
	if !isFile(name) {
		return fmt.Errorf("%s is %w", filepath.Base(name), ErrMissing)
	}
	c := exec.Command("ldd", name)
	if tree != "" {
		c.Env = []string{"LD_LIBRARY_PATH=" + tree + "/usr/lib"}
		own, _ := filepath.Glob(tree + "/usr/lib/*-linux-gnu*") // the pattern is a good one
		for _, dir := range own {
			c.Env[0] += ":" + dir
		}
	}
	out, err := c.Output()
	if err != nil {
		return fmt.Errorf("ldd %s: %w", name, err)
	}
	needs := []string{name}
	for line := range strings.Lines(string(out)) {
		// "libc.so.6 => /lib/…/libc.so.6 (0x…)", "/lib64/ld-….so.2 (0x…)"
		words := strings.Fields(line)
		if i := slices.Index(words, "=>"); i >= 0 {
			if words = words[i+1:]; len(words) == 0 || words[0] == "not" {
				return fmt.Errorf("a library of %s is %w: %s", filepath.Base(name), ErrMissing, strings.TrimSpace(line))
			}
		}
		if len(words) > 0 && filepath.IsAbs(words[0]) {
			needs = append(needs, words[0])
		}
	}
	for _, from := range needs {
		if tree != "" && strings.HasPrefix(from, tree) || isFile(j.path(from)) {
			continue // came with the tree, or is there already
		}
		if err := copyFile(from, j.path(from)); err != nil {
			return err
		}
	}
	return nil
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
