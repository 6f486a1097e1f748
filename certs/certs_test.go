package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clock is a time that tests move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func open(t *testing.T, dir string, o Options) *Manager {
	t.Helper()
	m, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// roots is what a device trusts that was handed the authority.
func roots(m *Manager) *x509.CertPool {
	_, pem := m.CA()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return pool
}

func TestChain(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{Names: []string{"Mail.Example.org.", "not a name"}})
	leaf := m.Certificate().Leaf
	for _, name := range []string{"localhost", "mail.example.org", "127.0.0.1", "::1"} {
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots(m)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "other.example.org", Roots: roots(m)}); err == nil {
		t.Error("the certificate is valid for a stranger's name")
	}
	if life := leaf.NotAfter.Sub(leaf.NotBefore); life > leafDays*24*time.Hour {
		t.Errorf("the leaf lives %v", life)
	}
	for _, key := range []string{"ca.key", "leaf.key"} {
		if st, err := os.Stat(filepath.Join(dir, key)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", key, st.Mode(), err)
		}
	}
	if len(m.Fingerprint()) != 32*3-1 {
		t.Errorf("fingerprint %q", m.Fingerprint())
	}
}

func TestOpenSSLAgrees(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	dir := t.TempDir()
	open(t, dir, Options{})
	out, err := exec.Command(openssl, "verify", "-x509_strict", "-CAfile", filepath.Join(dir, "ca.pem"),
		"-verify_hostname", "localhost", "-purpose", "sslserver", filepath.Join(dir, "leaf.pem")).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestRenewalKeepsKeyAndAuthority(t *testing.T) {
	c := &clock{time.Now()}
	dir := t.TempDir()
	m := open(t, dir, Options{Now: c.now})
	first := m.Certificate().Leaf
	ca, _ := m.CA()

	c.t = c.t.AddDate(0, 0, leafDays-renewDays-2)
	if !m.Certificate().Leaf.Equal(first) {
		t.Error("renewed too early")
	}
	c.t = c.t.AddDate(0, 0, 3)
	second := m.Certificate().Leaf
	if second.Equal(first) {
		t.Fatal("not renewed")
	}
	if !samePublic(second.PublicKey, first.PublicKey) {
		t.Error("the renewed leaf has another key")
	}
	again := open(t, dir, Options{Now: c.now})
	if ca2, _ := again.CA(); !bytes.Equal(ca, ca2) {
		t.Error("the authority changed")
	}
	if !again.Certificate().Leaf.Equal(second) {
		t.Error("the renewed leaf was not kept")
	}
}

func TestLeafIsIssuedAgain(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir, Options{}).Certificate().Leaf
	first2 := open(t, dir, Options{Names: []string{"new.example.org"}}).Certificate().Leaf
	if first2.Equal(first) || first2.VerifyHostname("new.example.org") != nil {
		t.Error("a new name was not taken up")
	}
	if err := os.WriteFile(filepath.Join(dir, "leaf.pem"), []byte("torn"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := open(t, dir, Options{})
	if _, err := m.Certificate().Leaf.Verify(x509.VerifyOptions{DNSName: "localhost", Roots: roots(m)}); err != nil {
		t.Error(err)
	}
}

func TestAuthorityIsNeverReplacedSilently(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, Options{})
	if err := os.Remove(filepath.Join(dir, "ca.key")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "ca.key") {
		t.Errorf("got %v", err)
	}
}

// TestInterruptedFirstStart: the key was written, the certificate was not.
func TestInterruptedFirstStart(t *testing.T) {
	dir := t.TempDir()
	if _, err := newKey(filepath.Join(dir, "ca.key")); err != nil {
		t.Fatal(err)
	}
	open(t, dir, Options{})
}

func TestUsersFiles(t *testing.T) {
	c := &clock{time.Now()}
	src := t.TempDir()
	own := open(t, src, Options{})
	certFile, keyFile := filepath.Join(src, "leaf.pem"), filepath.Join(src, "leaf.key")
	dir := filepath.Join(t.TempDir(), "tls")
	m := open(t, dir, Options{CertFile: certFile, KeyFile: keyFile, Now: c.now})
	if der, _ := m.CA(); der != nil {
		t.Error("there is an own authority beside the user's files")
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the own folder was made for nothing")
	}
	if !m.Certificate().Leaf.Equal(own.Certificate().Leaf) {
		t.Error("another certificate than the user's is in use")
	}

	next := open(t, src, Options{Names: []string{"next.example.org"}}).Certificate().Leaf
	later := time.Now().Add(time.Hour) // where the file system's clock is coarse
	if err := os.Chtimes(certFile, later, later); err != nil {
		t.Fatal(err)
	}
	c.t = c.t.Add(2 * checkEvery)
	if !m.Certificate().Leaf.Equal(next) {
		t.Error("the replaced files were not read again")
	}

	if err := os.WriteFile(certFile, []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	c.t = c.t.Add(2 * checkEvery)
	if !m.Certificate().Leaf.Equal(next) || m.Err() == nil {
		t.Error("a broken file displaced the certificate in use, or was not reported")
	}
}

func TestBadOptions(t *testing.T) {
	for _, o := range []Options{
		{CertFile: "a"},
		{KeyFile: "a"},
		{CertFile: "missing.pem", KeyFile: "missing.key"},
	} {
		if _, err := Open(t.TempDir(), o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestHandshake(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	client, server := net.Pipe()
	defer client.Close()
	done := make(chan error, 1)
	go func() {
		s := tls.Server(server, m.TLSConfig())
		done <- s.Handshake()
		server.Close()
	}()
	c := tls.Client(client, &tls.Config{ServerName: "localhost", RootCAs: roots(m)})
	if err := c.Handshake(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
