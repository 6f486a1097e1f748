package hub

import (
	"errors"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd"
)

// TestSignInGuessed: whoever guesses passwords at the pages is kept out for a
// time, with the right one too; at home nobody is.
func TestSignInGuessed(t *testing.T) {
	h := newHub(t)
	household(t, h)
	now := time.Now()
	h.throttle.now = func() time.Time { return now }
	must(t, h, PersonPassword, PersonPasswordParams{"marko", "geheim-genug"})
	for i := range blockAfter {
		_, err := h.SignIn(ctx, "marko", "guess", away)
		if refused := (*imapd.LoginError)(nil); !errors.As(err, &refused) || refused.Code == imap.ResponseCodeLimit {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	_, err := h.SignIn(ctx, "marko", "geheim-genug", away)
	if refused := (*imapd.LoginError)(nil); !errors.As(err, &refused) || refused.Code != imap.ResponseCodeLimit {
		t.Errorf("after %d guesses: %v", blockAfter, err)
	}
	if p, err := h.SignIn(ctx, " MARKO ", "geheim-genug", here); err != nil || p.Name != "marko" {
		t.Errorf("at home: %v %v", p, err)
	}
	now = now.Add(blockFor + time.Second)
	if _, err := h.SignIn(ctx, "marko", "geheim-genug", away); err != nil {
		t.Errorf("later: %v", err)
	}
	// A device's password opens no pages.
	if _, err := h.SignIn(ctx, "marko", device(t, h, "marko", "PC"), here); err == nil {
		t.Error("a device's password opened the pages")
	}
}

// TestPersonStamp: it changes with the person and the password, with nothing
// else.
func TestPersonStamp(t *testing.T) {
	h := newHub(t)
	household(t, h)
	stamp := func() string {
		t.Helper()
		_, s, err := h.PersonNamed(ctx, "petra")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	must(t, h, PersonPassword, PersonPasswordParams{"petra", "one"})
	seen := map[string]bool{stamp(): true}
	device(t, h, "petra", "PC")
	if !seen[stamp()] {
		t.Error("a device changed it")
	}
	must(t, h, PersonPassword, PersonPasswordParams{"petra", "one"})
	if seen[stamp()] {
		t.Error("a new password did not change it")
	}
	seen[stamp()] = true
	must(t, h, PersonRemove, NameParams{"petra"})
	must(t, h, PersonAdd, PersonAddParams{Name: "petra", Password: "one"})
	if seen[stamp()] {
		t.Error("another person has the same")
	}
	if _, _, err := h.PersonNamed(ctx, "nobody"); !errors.Is(err, KindNotFound) {
		t.Error(err)
	}
}
