package certs

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// leafDays is the longest life that Apple's systems accept.
	leafDays = 398
	// renewDays before its end a leaf is renewed.
	renewDays = 60
	// maxAddresses bounds the addresses in a leaf, maxPresent those of the
	// machine as it is now among them: what is left is for the networks it
	// was in before.
	maxAddresses = 32
	maxPresent   = 24
)

// subjects are what a leaf is valid for.
type subjects struct {
	dns []string
	ips []net.IP
}

// hostSubjects gives localhost, the host's names, further names and the
// machine's addresses.
func hostSubjects(names []string) subjects {
	s := subjects{dns: []string{"localhost"}}
	add := func(name string) {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if ip := net.ParseIP(name); ip != nil {
			s.ips = append(s.ips, ip)
		} else if validDNS(name) && !slices.Contains(s.dns, name) {
			s.dns = append(s.dns, name)
		}
	}
	if host, err := os.Hostname(); err == nil {
		label, _, _ := strings.Cut(host, ".")
		add(host)
		add(label)
		add(label + ".local") // mDNS
		for _, domain := range searchDomains() {
			add(label + "." + domain)
		}
	}
	for _, n := range names {
		add(n)
	}
	s.ips = append(s.ips, net.IPv4(127, 0, 0, 1), net.IPv6loopback)
	addrs, _ := net.InterfaceAddrs() // without them the names still serve
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			s.ips = append(s.ips, n.IP)
		}
	}
	s.ips = s.ips[:min(len(s.ips), maxPresent)]
	return s
}

// searchDomains gives the domains that the network told this machine.
func searchDomains() []string {
	b, err := os.ReadFile("/etc/resolv.conf")
	if err != nil || len(b) > 1<<16 {
		return nil
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) > 1 && (f[0] == "search" || f[0] == "domain") {
			out = append(out, f[1:min(len(f), 4)]...)
		}
	}
	return out
}

// validDNS reports whether name can stand in a certificate.
func validDNS(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_*") != "" {
			return false
		}
	}
	return true
}

// openLeaf reads the leaf in dir, or issues one where it is missing, soon
// over, of another authority or not valid for all of want.
func (a *authority) openLeaf(dir string, want subjects, now time.Time) (*tls.Certificate, error) {
	certFile, keyFile := filepath.Join(dir, "leaf.pem"), filepath.Join(dir, "leaf.key")
	key, err := readKey(keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = newKey(keyFile)
	}
	if err != nil {
		return nil, err
	}
	old, err := readCert(certFile)
	if err != nil {
		old = nil // it is issued anew: the authority is what counts
	}
	if old != nil && a.good(old, key, want, now) {
		return a.pair(old, key), nil
	}
	if old != nil {
		// A device may still use an address of yesterday's network.
		want.ips = append(want.ips, old.IPAddresses...)
	}
	cert, err := a.issue(key, want, now)
	if err != nil {
		return nil, err
	}
	return a.pair(cert, key), writeCerts(certFile, cert.Raw, a.cert.Raw)
}

// good reports whether a leaf can stay.
func (a *authority) good(leaf *x509.Certificate, key crypto.Signer, want subjects, now time.Time) bool {
	if now.Before(leaf.NotBefore) || now.AddDate(0, 0, renewDays).After(leaf.NotAfter) ||
		!samePublic(leaf.PublicKey, key.Public()) || leaf.CheckSignatureFrom(a.cert) != nil {
		return false
	}
	for _, name := range want.dns {
		if !slices.Contains(leaf.DNSNames, name) {
			return false
		}
	}
	for _, ip := range want.ips {
		if !slices.ContainsFunc(leaf.IPAddresses, ip.Equal) {
			return false
		}
	}
	return true
}

func (a *authority) issue(key crypto.Signer, want subjects, now time.Time) (*x509.Certificate, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	var ips []net.IP
	for _, ip := range want.ips {
		if len(ips) < maxAddresses && !slices.ContainsFunc(ips, ip.Equal) {
			ips = append(ips, ip)
		}
	}
	// An end of the leaf beyond its authority's would make it invalid.
	end := now.Add(-clockSkew).AddDate(0, 0, leafDays)
	if end.After(a.cert.NotAfter) {
		end = a.cert.NotAfter
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Organization: []string{"Heimpost"}, CommonName: want.dns[0]},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              end,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              want.dns,
		IPAddresses:           ips,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// pair is what a TLS server shows: the leaf and, for those who were handed
// the authority, its certificate.
func (a *authority) pair(leaf *x509.Certificate, key crypto.Signer) *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw, a.cert.Raw}, PrivateKey: key, Leaf: leaf}
}
