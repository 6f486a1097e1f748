package hub

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"heimpost/store"
)

const (
	argonMemory = 19 << 10 // KiB
	argonTime   = 2
	argonSalt   = 16
	argonKey    = 32
	maxPassword = 1000 // octets
)

// hasher computes argon2id, two at a time: each takes 19 MiB.
type hasher struct {
	tokens chan struct{}
	memory uint32 // KiB, of new hashes
}

func newHasher() hasher { return hasher{make(chan struct{}, 2), argonMemory} }

func (h hasher) compute(ctx context.Context, password string, salt []byte, memory, time uint32, size int) ([]byte, error) {
	select {
	case h.tokens <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-h.tokens }()
	return argon2.IDKey([]byte(norm.NFC.String(password)), salt, time, memory, 1, uint32(size)), nil
}

// hash makes what is stored of a person's password.
func (h hasher) hash(ctx context.Context, password string) (string, error) {
	if err := checkPassword(password); err != nil {
		return "", err
	}
	salt := make([]byte, argonSalt)
	rand.Read(salt)
	key, err := h.compute(ctx, password, salt, h.memory, argonTime, argonKey)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, h.memory, argonTime, b64(salt), b64(key)), nil
}

// verify reports whether password is the one of which stored was made. With
// stored "" it takes as long and says no.
func (h hasher) verify(ctx context.Context, password, stored string) (bool, error) {
	memory, time, salt, want := h.memory, uint32(argonTime), make([]byte, argonSalt), make([]byte, argonKey)
	if stored != "" {
		var version int
		fields := strings.Split(stored, "$")
		if len(fields) != 6 || fields[1] != "argon2id" {
			return false, newError("", "a stored password has a form that is not known")
		}
		_, err := fmt.Sscanf(fields[2]+" "+fields[3], "v=%d m=%d,t=%d,p=1", &version, &memory, &time)
		if err == nil {
			salt, err = base64.RawStdEncoding.DecodeString(fields[4])
		}
		if err == nil {
			want, err = base64.RawStdEncoding.DecodeString(fields[5])
		}
		if err != nil || version != argon2.Version || memory > 1<<20 || time < 1 || time > 100 || len(want) < 16 {
			return false, newError("", "a stored password has a form that is not known")
		}
	}
	if len(password) > maxPassword {
		return false, nil
	}
	got, err := h.compute(ctx, password, salt, memory, time, len(want))
	return err == nil && stored != "" && subtle.ConstantTimeCompare(got, want) == 1, err
}

// checkPassword refuses what mail clients cannot send.
func checkPassword(p string) error {
	switch {
	case p == "":
		return invalid("the password is empty")
	case len(p) > maxPassword:
		return invalid("the password is longer than %d characters", maxPassword)
	case !utf8.ValidString(p) || strings.ContainsFunc(p, unicode.IsControl):
		return invalid("the password holds characters that mail clients cannot send (line ends, control characters)")
	}
	return nil
}

// newDevicePassword gives 80 random bits as four groups that can be typed,
// and what is stored of them.
func newDevicePassword() (password string, hash []byte) {
	p := string(store.NewID()) // random bits in the same form
	hash, _ = devicePasswordHash(p)
	return p[:4] + "-" + p[4:8] + "-" + p[8:12] + "-" + p[12:], hash
}

// devicePasswordHash gives what is stored of a device's password as somebody
// typed it: blanks, dashes and case do not matter. ok is false for what
// cannot be one.
func devicePasswordHash(typed string) (hash []byte, ok bool) {
	if len(typed) > 100 {
		return nil, false
	}
	p := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, typed)
	if !store.ID(p).Valid() {
		return nil, false
	}
	sum := sha256.Sum256([]byte(p))
	return sum[:], true
}
