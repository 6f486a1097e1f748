package hub

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"

	"heimpost/store"
)

// secretFile holds the key of what hub.db keeps encrypted. A copy of hub.db
// alone therefore gives no provider's password away.
const secretFile = "secret.key"

// secrets encrypts with XChaCha20-Poly1305; the account's id is authenticated
// along, so that a row cannot be given another one's password.
type secrets struct {
	path string
	mu   sync.Mutex
	aead cipher.AEAD
}

func (s *secrets) seal(id store.ID, password string) ([]byte, error) {
	aead, err := s.open(true)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(password)+aead.Overhead())
	rand.Read(nonce)
	return aead.Seal(nonce, nonce, []byte(password), []byte(id)), nil
}

func (s *secrets) unseal(id store.ID, sealed []byte) (string, error) {
	aead, err := s.open(false)
	if err != nil {
		return "", err
	}
	if n := aead.NonceSize(); len(sealed) >= n {
		if plain, err := aead.Open(nil, sealed[:n], sealed[n:], []byte(id)); err == nil {
			return string(plain), nil
		}
	}
	return "", newError("", "the stored password does not fit the key in %s: set it again with heimpost account set", s.path)
}

// open reads the key; with create it makes one where there is none.
func (s *secrets) open(create bool) (cipher.AEAD, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.aead != nil {
		return s.aead, nil
	}
	text, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) && create {
		if err = s.create(); err == nil {
			text, err = os.ReadFile(s.path)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, newError("", "the key of the stored passwords is missing: put %s back, or set each password again with heimpost account set", s.path)
	}
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != chacha20poly1305.KeySize {
		return nil, newError("", "%s is not a key of Heimpost: put the right file back, or remove it and set each password again with heimpost account set", s.path)
	}
	s.aead, err = chacha20poly1305.NewX(key)
	return s.aead, err
}

// create makes the key file, durable before anything is encrypted with it.
func (s *secrets) create() error {
	key := make([]byte, chacha20poly1305.KeySize)
	rand.Read(key)
	err := writeFile(s.path, []byte(hex.EncodeToString(key)+"\n"), false)
	if errors.Is(err, fs.ErrExist) {
		return nil // another command was faster
	}
	return err
}
