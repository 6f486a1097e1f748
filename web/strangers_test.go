package web

import (
	"encoding/hex"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"heimpost/hub"
	"heimpost/peertest"
)

// TestProfileIsRead: Python's own plist reader finds in the profile what the
// page of the device says, the authority among it, and no password.
func TestProfileIsRead(t *testing.T) {
	python := peertest.Need(t, "python3")
	w := newWorld(t)
	b := w.browser("en")
	b.setUp()
	ready := b.post("/devices/new", "kind", "mac", "name", `Handy "<&>" ]]>`, "deletes", "here", "window", "all")
	link := strings.TrimPrefix(ready.url.Path, "/devices/ready/")
	profile := b.get("https://" + w.r.WebTLS + "/phone/" + link + "/heimpost.mobileconfig")
	if kind := profile.header.Get("Content-Type"); profile.status != 200 || kind != "application/x-apple-aspen-config" {
		t.Fatalf("%d %s", profile.status, kind)
	}
	c := exec.Command(python, filepath.Join("testdata", "profile.py"))
	c.Stdin = strings.NewReader(profile.body)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var got struct {
		Host, User, Address, CA string
		Port                    int
		TLS                     bool
		Passwords               []string
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	der, _ := w.r.Certs.CA()
	_, port, _ := net.SplitHostPort(w.r.IMAPS[0])
	if got.CA != hex.EncodeToString(der) || strconv.Itoa(got.Port) != port || !got.TLS || got.User != "marko-buero" || len(got.Passwords) != 0 {
		t.Errorf("%+v", got)
	}
	b.shows(ready, 200, ready.url.Path, "<code>"+got.Host+"</code>", "<code>"+port+"</code>")
}

// TestChainIsVerified: openssl accepts the certificate of the mail server and
// of the pages with the authority that the pages hand out, under each name
// that devices are told, and under no other.
func TestChainIsVerified(t *testing.T) {
	openssl := peertest.Need(t, "openssl")
	w := newWorldWith(t, func(c *hub.Config) { c.MDNS.Name = "stube" })
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte(w.browser("en").get("/ca.pem").body), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{w.r.IMAPS[0], w.r.WebTLS} {
		for name, want := range map[string]bool{"localhost": true, "stube.local": true, "stranger.local": false} {
			c := exec.Command(openssl, "s_client", "-connect", address, "-servername", name, "-CAfile", ca, "-no-CApath", "-no-CAstore",
				"-verify_hostname", name, "-verify_return_error", "-brief")
			c.Stdin = strings.NewReader("")
			out, err := c.CombinedOutput()
			if verified := strings.Contains(string(out), "Verification: OK"); (err == nil && verified) != want {
				t.Errorf("%s at %s: %v\n%s", name, address, err, out)
			}
		}
	}
	der := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(der, []byte(w.browser("en").get("/ca.crt").body), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(openssl, "x509", "-inform", "DER", "-in", der, "-noout", "-ext", "basicConstraints,keyUsage").CombinedOutput(); err != nil ||
		!strings.Contains(string(out), "CA:TRUE") || !strings.Contains(string(out), "Certificate Sign") {
		t.Errorf("%v\n%s", err, out)
	}
}
