package hub

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heimpost/imapd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	ctx  = context.Background()
	here = netip.MustParseAddr("127.0.0.1")
	away = netip.MustParseAddr("203.0.113.7")
)

// openHub opens a data folder for a test.
func openHub(t testing.TB, dir string, o Options) *Hub {
	t.Helper()
	o.Version = "test"
	if o.LookupMX == nil {
		o.LookupMX = func(context.Context, string) ([]string, error) { return nil, nil }
	}
	h, err := Open(ctx, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	// What costs guessers time need not cost tests any.
	h.hasher.memory, h.throttle.first = 64, time.Microsecond
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// newHub makes a hub that serves, in a folder of its own.
func newHub(t testing.TB) *Hub {
	t.Helper()
	return openHub(t, filepath.Join(t.TempDir(), "data"), Options{Serve: true})
}

// must has an action done that must not fail.
func must[P, R any](t testing.TB, h *Hub, op Op[P, R], p P) R {
	t.Helper()
	r, err := Do(ctx, h, op, p, nil)
	if err != nil {
		t.Fatalf("%s: %v", op.name, err)
	}
	return r
}

// fails has an action done that must fail, with an error of this kind that
// holds this text.
func fails[P, R any](t testing.TB, h *Hub, op Op[P, R], p P, kind Kind, text string) {
	t.Helper()
	_, err := Do(ctx, h, op, p, nil)
	if err == nil || !strings.Contains(err.Error(), text) || kind != "" && !errors.Is(err, kind) {
		t.Errorf("%s %v: error %v, want one of kind %q with %q", op.name, p, err, kind, text)
	}
}

// household makes marko and petra, and the boxes buero (both) and familie
// (petra reads).
func household(t testing.TB, h *Hub) {
	t.Helper()
	must(t, h, PersonAdd, PersonAddParams{Name: "marko", Title: "Marko M", Password: "marko's secret"})
	must(t, h, PersonAdd, PersonAddParams{Name: "petra", Password: "petra's secret"})
	must(t, h, BoxAdd, BoxAddParams{Name: "buero", Addresses: []string{"Buero@Firma.example"}})
	must(t, h, BoxAdd, BoxAddParams{Name: "familie"})
	must(t, h, BoxGrant, GrantParams{Box: "buero", Person: "marko"})
	must(t, h, BoxGrant, GrantParams{Box: "buero", Person: "petra"})
	must(t, h, BoxGrant, GrantParams{Box: "familie", Person: "petra", ReadOnly: true})
}

// device makes a device and gives its password.
func device(t testing.TB, h *Hub, person, name string) string {
	t.Helper()
	return must(t, h, DeviceAdd, DeviceAddParams{DeviceParams: DeviceParams{person, name}}).Password
}

// login logs in; the login ends with the test at the latest.
func login(t testing.TB, h *Hub, name, password string) (*imapd.Login, error) {
	t.Helper()
	l, err := h.Login(ctx, name, password, here)
	if err == nil {
		t.Cleanup(l.Close)
	}
	return l, err
}

func mustLogin(t testing.TB, h *Hub, name, password string) *imapd.Login {
	t.Helper()
	l, err := login(t, h, name, password)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return l
}

// prefixes lists where a login sees other boxes, those to read only with a
// question mark.
func prefixes(l *imapd.Login) string {
	if l.Shared == nil {
		return "alone"
	}
	var out []string
	for _, s := range l.Shared() {
		p := s.Prefix
		if s.View.ReadOnly() {
			p += "?"
		}
		out = append(out, p)
	}
	return strings.Join(out, " ")
}

// ended reports whether a login was revoked.
func ended(l *imapd.Login) bool {
	select {
	case <-l.Revoked:
		return true
	default:
		return false
	}
}

// clock is a time that tests move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func netipAddr(s string) netip.Addr { return netip.MustParseAddr(s) }
