package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"heimpost/peertest"
	"heimpost/pop3fetch/pop3d"
	"heimpost/pop3fetch/pop3d/mailgen"
)

// fillDovecot delivers n mails of a realistic mix, and all odd ones, and gives
// the hashes of what Dovecot may hand out: it ends a last line.
func fillDovecot(t *testing.T, d *peertest.Dovecot, n int) (mails int, want map[[32]byte]bool) {
	t.Helper()
	want = map[[32]byte]bool{}
	deliver := func(mail []byte) {
		if err := d.Deliver("marko", mail); err != nil {
			t.Fatal(err)
		}
		mails++
		c := pop3d.Canonical(mail)
		want[sha256.Sum256(c)] = true
		want[sha256.Sum256(append(bytes.Clone(c), "\r\n"...))] = true
	}
	for _, mail := range mailgen.Special() {
		deliver(mail)
	}
	deliver(mailgen.Big(25<<20, 1))
	for i := range n - mails {
		deliver(mailgen.Realistic(7, i))
	}
	return mails, want
}

// hashes gives the hash of each BODY[] of INBOX, in the order of UIDs.
func hashes(t *testing.T, c *imapclient.Client) (out [][32]byte) {
	t.Helper()
	if _, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		t.Fatal(err)
	}
	section := &imap.FetchItemBodySection{Peek: true}
	var all imap.SeqSet
	all.AddRange(1, 0)
	fetch := c.Fetch(all, &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{section}})
	for m := fetch.Next(); m != nil; m = fetch.Next() {
		mail, err := m.Collect()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, sha256.Sum256(mail.FindBodySection(section)))
	}
	if err := fetch.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTwoThousandMailsFromDovecot: a real provider's mailbox is drained, served
// octet for octet to real programs, and stands a rebuild from its files alone.
func TestTwoThousandMailsFromDovecot(t *testing.T) {
	d := peertest.NewDovecot(t, peertest.DovecotConfig{Dir: peertest.MemDir(t)})
	n, want := fillDovecot(t, d, 2000)
	held := func() int {
		t.Helper()
		k, err := d.Held("marko")
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	w := worldIn(t, filepath.Join(peertest.MemDir(t), "data"))
	_, port, _ := net.SplitHostPort(d.POP3)
	w.runIn("secret\n", "person", "add", "marko", "--password-stdin")
	w.runIn(d.Password+"\n", "account", "add", "marko@example.org", "--box", "marko", "--host", "127.0.0.1", "--port", port,
		"--tls", "none", "--user", "marko", "--keep", "14d", "--password-stdin")
	if out := w.run("account", "test", "marko@example.org"); !strings.Contains(out, fmt.Sprint(n)) {
		t.Errorf("account test does not count %d: %s", n, out)
	}
	round := func(retrieved, deleted, left int) {
		t.Helper()
		var out []struct{ Retrieved, Deleted, Failed int }
		w.json(&out, "fetch", "marko@example.org")
		if len(out) != 1 || out[0].Retrieved != retrieved || out[0].Deleted != deleted || out[0].Failed != 0 || held() != left {
			t.Fatalf("%+v, %d left; want %d retrieved, %d deleted, %d left", out, held(), retrieved, deleted, left)
		}
	}
	round(n, 0, n)
	round(0, 0, n)
	w.run("account", "set", "marko@example.org", "--keep", "never")
	round(0, n, 0)
	w.verify()

	s := w.serve()
	served := hashes(t, s.login("marko", "secret", nil))
	if len(served) != n {
		t.Fatalf("%d of %d mails are served", len(served), n)
	}
	for i, h := range served {
		if !want[h] {
			t.Errorf("mail %d is not what the provider had", i+1)
		}
	}

	dir := t.TempDir()
	clients := newSyncers(t, dir, s.imap)
	// mbsync passes over the one odd mail whose header never ends.
	synced := n - 1
	clients.mbsync(synced)
	if out := clients.mbsync(synced); out != "" {
		t.Errorf("mbsync found something to do the second time:\n%s", out)
	}
	s.stop()
	for _, name := range []string{"index.db", "search.db"} {
		if err := os.Remove(filepath.Join(w.dir, "boxes", "marko", name)); err != nil {
			t.Fatal(err)
		}
	}
	w.run("rebuild", "marko")
	w.verify()
	s = w.serve()
	if again := hashes(t, s.login("marko", "secret", nil)); !slices.Equal(again, served) {
		t.Error("after the rebuild other mails are served, or in another order")
	}
	clients.at(s.imap)
	if out := clients.mbsync(synced); out != "" {
		t.Errorf("mbsync found something to do after the rebuild:\n%s", out)
	}
	s.stop()
	round(0, 0, 0)
}

// TestOfflineimap keeps a Maildir in step, both ways, and finds nothing to do a
// second time, nor after a rebuild.
func TestOfflineimap(t *testing.T) {
	drop := pop3d.NewMaildrop("marko@example.org", "pw")
	const n = 60
	for i := range n {
		drop.Deliver(mailgen.Realistic(3, i))
	}
	w := newWorld(t)
	w.household(drop, provider(t, pop3d.Options{}, drop))
	w.run("fetch")
	s := w.serve()
	clients := newSyncers(t, t.TempDir(), s.imap)
	clients.offlineimap(n)
	read := clients.files("offlineimap/INBOX")[0]
	if err := os.Rename(read, filepath.Join(filepath.Dir(filepath.Dir(read)), "cur", strings.TrimSuffix(filepath.Base(read), ":2,")+":2,S")); err != nil {
		t.Fatal(err)
	}
	clients.offlineimap(n)
	c := s.login("marko", "secret", nil)
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if seen, err := c.Search(&imap.SearchCriteria{Flag: []imap.Flag{imap.FlagSeen}}, nil).Wait(); err != nil || len(seen.AllSeqNums()) != 1 {
		t.Errorf("%v are read, %v", seen, err)
	}
	if out := clients.offlineimap(n); out != "" {
		t.Errorf("offlineimap found something to do:\n%s", out)
	}
	s.stop()
	if err := os.Remove(filepath.Join(w.dir, "boxes", "marko", "index.db")); err != nil {
		t.Fatal(err)
	}
	w.run("rebuild", "marko")
	s = w.serve()
	clients.at(s.imap)
	if out := clients.offlineimap(n); out != "" {
		t.Errorf("offlineimap found something to do after the rebuild:\n%s", out)
	}
	s.stop()
}

// syncers are programs that keep a Maildir in step with INBOX.
type syncers struct {
	t                       *testing.T
	dir, host, port         string
	mbsyncrc, offlineimaprc string
}

func newSyncers(t *testing.T, dir, address string) *syncers {
	c := &syncers{t: t, dir: dir, mbsyncrc: filepath.Join(dir, "mbsyncrc"), offlineimaprc: filepath.Join(dir, "offlineimaprc")}
	for _, sub := range []string{"mbsync", "offlineimap"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c.at(address)
	return c
}

// at points the programs to another address of the same hub.
func (c *syncers) at(address string) {
	c.t.Helper()
	c.host, c.port, _ = net.SplitHostPort(address)
	offlineimap := fmt.Sprintf(`
[general]
accounts = heimpost
metadata = %[3]s/offlineimap-meta
ui = basic
[Account heimpost]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = %[3]s/offlineimap
[Repository far]
type = IMAP
remotehost = %[1]s
remoteport = %[2]s
remoteuser = marko
remotepass = secret
ssl = no
starttls = no
auth_mechanisms = PLAIN, LOGIN
folderfilter = lambda name: name == 'INBOX'
`, c.host, c.port, c.dir)
	mbsync := peertest.MbsyncConfig(address, "marko", filepath.Join(c.dir, "mbsync"), "INBOX")
	for name, text := range map[string][]byte{c.mbsyncrc: mbsync, c.offlineimaprc: []byte(offlineimap)} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
}

// files gives the mails of a program's Maildir.
func (c *syncers) files(pattern string) []string {
	c.t.Helper()
	var names []string
	for _, sub := range []string{"new", "cur"} {
		found, err := filepath.Glob(filepath.Join(c.dir, pattern, sub, "*"))
		if err != nil {
			c.t.Fatal(err)
		}
		names = append(names, found...)
	}
	slices.Sort(names)
	return names
}

// changed runs a program and tells what it changed in its Maildir.
func (c *syncers) changed(n int, folder string, program string, args ...string) string {
	c.t.Helper()
	before := c.files(folder)
	cmd := exec.CommandContext(c.t.Context(), peertest.Need(c.t, program), args...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), "HOME="+c.dir)
	said, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("%s: %v\n%s", program, err, said)
	}
	after := c.files(folder)
	if len(after) != n {
		c.t.Errorf("%s has %d of %d mails; it said:\n%.2000s", program, len(after), n, said)
	}
	var out strings.Builder
	for _, name := range after {
		if _, found := slices.BinarySearch(before, name); !found && len(before) > 0 {
			fmt.Fprintln(&out, "new:", name)
		}
	}
	for _, name := range before {
		if _, found := slices.BinarySearch(after, name); !found {
			fmt.Fprintln(&out, "gone:", name)
		}
	}
	return out.String()
}

func (c *syncers) mbsync(n int) string {
	c.t.Helper()
	return c.changed(n, "mbsync/INBOX", "mbsync", "-c", c.mbsyncrc, "-a")
}

func (c *syncers) offlineimap(n int) string {
	c.t.Helper()
	return c.changed(n, "offlineimap/INBOX", "offlineimap", "-o", "-c", c.offlineimaprc)
}
