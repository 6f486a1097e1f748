package certs

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
)

// Options say where the certificate comes from.
type Options struct {
	// CertFile and KeyFile are the user's PEM files, read again when they
	// change; both empty: the own authority.
	CertFile, KeyFile string
	// Names are further DNS names (or addresses) for the own certificate.
	Names []string
	Now   func() time.Time // nil: time.Now
}

// checkEvery is how often it is looked whether the certificate has to be
// renewed or was replaced.
const checkEvery = time.Minute

// Manager holds the certificate in use. Its methods may be called from several
// goroutines.
type Manager struct {
	dir string
	o   Options
	ca  *authority // nil where the user's files are used

	mu      sync.Mutex
	current *tls.Certificate
	checked time.Time
	loaded  fileStamp // of the user's files
	err     error     // why the last renewal failed
}

// Open reads the certificate, or makes authority and leaf in folder dir. The
// error is meant for people.
func Open(dir string, o Options) (*Manager, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Manager{dir: dir, o: o}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return nil, errors.New("TLS: cert and key are given together, or neither is")
	}
	if o.CertFile == "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("TLS certificate: %w", err)
		}
		host, err := os.Hostname()
		if err != nil {
			host = "localhost"
		}
		label, _, _ := strings.Cut(host, ".")
		if m.ca, err = openAuthority(dir, label, o.Now()); err != nil {
			return nil, fmt.Errorf("TLS certificate: %w", err)
		}
	}
	if err := m.refresh(); err != nil {
		return nil, fmt.Errorf("TLS certificate: %w", err)
	}
	return m, nil
}

// TLSConfig gives a configuration for servers whose certificate renews itself.
func (m *Manager) TLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return m.Certificate(), nil
		},
	}
}

// Certificate gives the certificate in use, renewed where that is due. When
// renewing fails the old one stays (Err says why).
func (m *Manager) Certificate() *tls.Certificate {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.o.Now(); now.Sub(m.checked) >= checkEvery || now.Before(m.checked) {
		m.err = m.refresh()
	}
	return m.current
}

// Err tells why the certificate could not be renewed, nil if it could.
func (m *Manager) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// Names gives the DNS names that the certificate is valid for.
func (m *Manager) Names() []string { return m.Certificate().Leaf.DNSNames }

// NotAfter gives the end of the certificate's life.
func (m *Manager) NotAfter() time.Time { return m.Certificate().Leaf.NotAfter }

// CA gives the own authority's certificate in both encodings; nil where the
// user's files are used.
func (m *Manager) CA() (der, pemBytes []byte) {
	if m.ca == nil {
		return nil, nil
	}
	der = m.ca.cert.Raw
	return der, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// Fingerprint gives the SHA-256 of the authority's certificate (of the leaf
// where the user's files are used) as hex pairs with colons.
func (m *Manager) Fingerprint() string {
	raw := m.Certificate().Leaf.Raw
	if m.ca != nil {
		raw = m.ca.cert.Raw
	}
	sum := sha256.Sum256(raw)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// refresh renews or reads the certificate where that is due.
func (m *Manager) refresh() error {
	m.checked = m.o.Now()
	if m.ca != nil {
		leaf, err := m.ca.openLeaf(m.dir, hostSubjects(m.o.Names), m.checked)
		if err == nil {
			m.current = leaf
		}
		return err
	}
	stamp := stampOf(m.o.CertFile, m.o.KeyFile)
	if m.current != nil && stamp == m.loaded {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(m.o.CertFile, m.o.KeyFile)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return err
		}
		return fmt.Errorf("%s and %s are no certificate with its key: %w", m.o.CertFile, m.o.KeyFile, err)
	}
	m.current, m.loaded = &pair, stamp
	return nil
}

// fileStamp tells whether files were replaced.
type fileStamp [2]struct {
	size int64
	time time.Time
}

func stampOf(files ...string) (s fileStamp) {
	for i, name := range files {
		if st, err := os.Stat(name); err == nil {
			s[i].size, s[i].time = st.Size(), st.ModTime()
		}
	}
	return s
}
