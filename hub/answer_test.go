package hub

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/store"
)

// put stores a mail through a view.
func put(t *testing.T, v *store.View, mailbox, text string) {
	t.Helper()
	in, err := v.NewIncoming()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(in, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Finish(); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Append(ctx, mailbox, []*store.Incoming{in}); err != nil {
		t.Fatal(err)
	}
}

// flagsOf gives the flags of a mailbox's first message.
func flagsOf(t *testing.T, v *store.View, mailbox string) (flags []imap.Flag) {
	t.Helper()
	m, err := v.Mailbox(ctx, mailbox)
	if err != nil {
		t.Fatal(err)
	}
	s := m.Snapshot()
	return s.Keywords.Names(s.At(0).Flags)
}

// TestWhoAnswered: he answers from his own box a mail of the firm's; it is
// marked there, not in a box that he only reads, also when the hub stopped in
// between.
func TestWhoAnswered(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	h := openHub(t, dir, Options{Serve: true})
	household(t, h)
	must(t, h, BoxGrant, GrantParams{Box: "familie", Person: "marko", ReadOnly: true})
	for _, box := range []string{"buero", "familie"} {
		b, err := h.box(ctx, h.db, box)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.withBox(ctx, b.ID, func(b *store.Box) error {
			put(t, b.View(store.ViewOptions{}), "INBOX", "Subject: order\nMessage-ID: <order@example.org>\n\nPlease.\n")
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	phone := device(t, h, "marko", "phone")
	own := mustLogin(t, h, "marko", phone)
	put(t, own.Root, "Sent", "Subject: Re: order\nIn-Reply-To: <order@example.org>\n\nYes.\n")
	if err := h.Close(); err != nil { // nobody has marked anything yet
		t.Fatal(err)
	}

	h = openHub(t, dir, Options{Serve: true})
	buero := mustLogin(t, h, "buero", phone)
	mustLogin(t, h, "marko", phone) // his box is opened
	m, err := buero.Root.Mailbox(ctx, "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	marked := make(chan bool, 10)
	defer m.Watch(func() { marked <- true })()
	work, stop := context.WithCancel(ctx)
	ended := make(chan error)
	go func() { ended <- h.markAnswered(work) }()
	select {
	case <-marked:
	case <-time.After(time.Minute):
		t.Error("the mail is not marked")
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := flagsOf(t, buero.Root, "INBOX"); len(got) != 1 || got[0] != imap.FlagAnswered {
		t.Errorf("flags %v", got)
	}
	if got := flagsOf(t, mustLogin(t, h, "familie", phone).Root, "INBOX"); len(got) != 0 {
		t.Errorf("in a box that he only reads: %v", got)
	}
	rows := must(t, h, Activity, ActivityParams{Box: "buero", Message: "<order@example.org>"})
	found := false
	for _, r := range rows {
		found = found || r.Action == "answered" && r.Person == "marko" && r.Device == "phone" && r.Subject == "order"
	}
	if !found {
		t.Errorf("activity: %+v", rows)
	}
}
