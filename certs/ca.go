package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"path/filepath"
	"time"
)

const (
	caYears = 10
	// clockSkew is how far a device's clock may be behind ours.
	clockSkew = 24 * time.Hour
)

// authority is the hub's own certificate authority.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// openAuthority reads the authority in dir, or makes it. A certificate
// without its key is an error and nothing is made in its stead: devices trust
// that certificate.
func openAuthority(dir, host string, now time.Time) (*authority, error) {
	certFile, keyFile := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca.key")
	key, err := readKey(keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := readCert(certFile); err == nil {
			return nil, fmt.Errorf("the certificate authority's key %s is missing; put it back from a backup, or remove %s to make a new authority, which every device has to trust anew", keyFile, certFile)
		}
		if key, err = newKey(keyFile); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	cert, err := readCert(certFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return makeAuthority(certFile, key, host, now)
	case err != nil:
		return nil, err
	case !samePublic(cert.PublicKey, key.Public()):
		return nil, fmt.Errorf("%s and %s do not belong together", certFile, keyFile)
	}
	return &authority{cert, key}, nil
}

func makeAuthority(file string, key crypto.Signer, host string, now time.Time) (*authority, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	// A name of its own, so that two hubs in one trust store can be told apart.
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Organization: []string{"Heimpost"}, CommonName: fmt.Sprintf("Heimpost on %.40s (%x)", host, serial.Bytes()[:3])},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.AddDate(caYears, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	if err := writeCerts(file, der); err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{cert, key}, nil
}

// newKey makes a P-256 key and keeps it in a file.
func newKey(file string) (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return key, writeKey(file, key)
}

// newSerial gives a random serial number of 127 bits (RFC 5280 §4.1.2.2).
func newSerial() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, err
	}
	return n.SetBit(n, 126, 1), nil
}

func samePublic(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}
