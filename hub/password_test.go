package hub

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"heimpost/store"
)

func TestPersonPasswordHash(t *testing.T) {
	h := newHasher()
	stored, err := h.hash(ctx, "grün")
	if err != nil || !strings.HasPrefix(stored, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatal(stored, err)
	}
	if again, _ := h.hash(ctx, "grün"); again == stored {
		t.Error("the same salt twice")
	}
	for _, c := range []struct {
		password, stored string
		want             bool
	}{{"grün", stored, true}, {"gru\u0308n", stored, true}, {"gruen", stored, false}, {"", stored, false}, {"grün", "", false}, {"", "", false}} {
		if ok, err := h.verify(ctx, c.password, c.stored); ok != c.want || err != nil {
			t.Errorf("%q: %v, %v", c.password, ok, err)
		}
	}
	for _, bad := range []string{"x", "$argon2id$v=19$m=19456,t=2,p=1$AA$AA", "$argon2id$v=19$m=9999999999,t=2,p=1$AAAA$AAAA", "$argon2id$v=16$m=19456,t=2,p=1$" + strings.Repeat("A", 22) + "$" + strings.Repeat("A", 43)} {
		if ok, err := h.verify(ctx, "x", bad); ok || err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	for _, bad := range []string{"", strings.Repeat("x", maxPassword+1), "a\nb", "a\x00b", "\xff"} {
		if _, err := h.hash(ctx, bad); err == nil {
			t.Errorf("%.20q was taken", bad)
		}
	}
}

func TestDevicePassword(t *testing.T) {
	password, want := newDevicePassword()
	if !regexp.MustCompile(`^([a-z2-7]{4}-){3}[a-z2-7]{4}$`).MatchString(password) {
		t.Fatal(password)
	}
	for _, typed := range []string{password, strings.ToUpper(password), strings.ReplaceAll(password, "-", ""), " " + strings.ReplaceAll(password, "-", " \t") + "\u00a0",
		strings.ReplaceAll(password, "-", "–")} {
		if got, ok := devicePasswordHash(typed); !ok || string(got) != string(want) {
			t.Errorf("%q is not %q", typed, password)
		}
	}
	for _, other := range []string{"", "marko", password + "a", password[1:], strings.Replace(password, password[:1], "1", 1), strings.Repeat(" ", 200) + password} {
		if _, ok := devicePasswordHash(other); ok {
			t.Errorf("%q was taken", other)
		}
	}
}

func TestSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), secretFile)
	s := &secrets{path: path}
	a, b := store.NewID(), store.NewID()
	if _, err := s.unseal(a, nil); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Error(err)
	}
	sealed, err := s.seal(a, "geheim")
	if err != nil || strings.Contains(string(sealed), "geheim") {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	again := &secrets{path: path}
	if p, err := again.unseal(a, sealed); p != "geheim" || err != nil {
		t.Error(p, err)
	}
	if p, err := again.unseal(b, sealed); err == nil {
		t.Errorf("another account's password is %q", p)
	}
	sealed[len(sealed)-1] ^= 1
	for _, bad := range [][]byte{sealed, sealed[:5], nil} {
		if _, err := again.unseal(a, bad); err == nil {
			t.Error("a damaged password was taken")
		}
	}
	if err := os.WriteFile(path, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (&secrets{path: path}).seal(a, "x"); err == nil || !strings.Contains(err.Error(), "not a key") {
		t.Error(err)
	}
}
