package pop3fetch

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"heimpost/pop3fetch/pop3d"
	"heimpost/store"
)

func TestMain(m *testing.M) {
	if err := warm(); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(reported{m})
}

// warm lets the store make what it makes once in a process: made in a bubble
// of fake time, it could not be used in another.
func warm() error {
	dir, err := os.MkdirTemp("", "heimpost")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	dir = filepath.Join(dir, "box")
	if err := store.CreateBox(dir, store.NewID(), store.Options{}); err != nil {
		return err
	}
	b, err := store.OpenBox(ctx, dir, store.Options{})
	if err != nil {
		return err
	}
	defer b.Close()
	in, err := b.View(store.ViewOptions{}).NewIncoming()
	if err != nil {
		return err
	}
	in.Write(mailText("warm"))
	if _, err := in.Finish(); err != nil {
		return err
	}
	if _, err := b.View(store.ViewOptions{}).Append(ctx, "INBOX", []*store.Incoming{in}); err != nil {
		return err
	}
	for {
		n, err := b.SearchPending(ctx)
		if err != nil || n == 0 {
			return err
		}
		runtime.Gosched()
	}
}

var ctx = context.Background()

// hub is a Directory with one account for each maildrop and one box for all.
type hub struct {
	t        testing.TB
	box      *store.Box
	mu       sync.Mutex
	accounts []Account
	password map[store.ID]string
	states   map[store.ID]State
}

func (h *hub) Accounts(context.Context) ([]Account, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.accounts), nil
}

func (h *hub) Password(_ context.Context, a Account) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.password[a.ID], nil
}

func (h *hub) Box(context.Context, store.ID) (*store.Box, func(), error) {
	return h.box, func() {}, nil
}

func (h *hub) LoadState(_ context.Context, id store.ID) (State, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.states[id], nil
}

func (h *hub) SaveState(_ context.Context, id store.ID, s State) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.states[id] = s
	return nil
}

// state gives an account's state.
func (h *hub) state(n int) State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.states[h.accounts[n].ID]
}

// change changes an account.
func (h *hub) change(n int, fn func(*Account)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fn(&h.accounts[n])
}

// rig is a provider, a hub and a fetcher between them.
type rig struct {
	*hub
	*Fetcher
	t      testing.TB
	server *pop3d.Server
	drop   *pop3d.Maildrop
}

// quiet logs nothing.
var quiet = slog.New(slog.DiscardHandler)

// newRig makes a provider with one maildrop for a@example.org, whose account
// deletes at once.
func newRig(t testing.TB, so pop3d.Options, o Options) *rig {
	t.Helper()
	drop := pop3d.NewMaildrop("a@example.org", "secret")
	return rigFor(t, pop3d.New(so, drop), o, drop)
}

func rigFor(t testing.TB, server *pop3d.Server, o Options, drops ...*pop3d.Maildrop) *rig {
	t.Helper()
	addr, err := server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	h := &hub{t: t, box: newBox(t), password: map[store.ID]string{}, states: map[store.ID]State{}}
	var port int
	fmt.Sscanf(addr.String(), "127.0.0.1:%d", &port)
	for _, d := range drops {
		a := Account{ID: store.NewID(), Address: d.User, Host: "127.0.0.1", Port: port, TLS: TLSNone, User: d.User, Keep: KeepNever}
		h.accounts = append(h.accounts, a)
		h.password[a.ID] = d.Password
	}
	if o.Log == nil {
		o.Log = quiet
	}
	return &rig{h, New(h, o), t, server, drops[0]}
}

// memDir gives a folder for tests of many steps: in memory where the system
// has such a file system, so that syncing costs nothing.
func memDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "heimpost")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func newBox(t testing.TB) *store.Box { return newBoxIn(t, memDir(t)) }

func newBoxIn(t testing.TB, dir string) *store.Box {
	t.Helper()
	dir = filepath.Join(dir, "box")
	if err := store.CreateBox(dir, store.NewID(), store.Options{}); err != nil {
		t.Fatal(err)
	}
	b, err := store.OpenBox(ctx, dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r, err := b.Verify(ctx, store.VerifyOptions{Content: true})
		if err != nil {
			t.Errorf("verify: %v", err)
		}
		for _, p := range r.Problems {
			t.Errorf("verify: %s %s: %s", p.Mailbox, p.File, p.Text)
		}
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

// stored gives the hashes of all mails in INBOX, in order.
func (h *hub) stored() [][32]byte {
	h.t.Helper()
	m, err := h.box.View(store.ViewOptions{}).Mailbox(ctx, "INBOX")
	if err != nil {
		h.t.Fatal(err)
	}
	var entries []store.Entry
	for _, e := range m.Snapshot().All() {
		entries = append(entries, e)
	}
	var out [][32]byte
	err = m.Mails(ctx, entries, 0, func(_ store.Entry, mail *store.Mail) error {
		f, err := m.OpenMail(mail)
		if err != nil {
			return err
		}
		defer f.Close()
		hash := sha256.New()
		if _, err := io.Copy(hash, io.NewSectionReader(f, 0, f.Size())); err != nil {
			return err
		}
		out = append(out, [32]byte(hash.Sum(nil)))
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// exactlyOnce checks that every mail that ever arrived is stored once with its
// bytes, and nothing else is.
func (r *rig) exactlyOnce() {
	r.t.Helper()
	want := map[[32]byte]int{}
	for _, m := range r.drop.All() {
		want[sha256.Sum256(m.Bytes)] = m.ID
	}
	got := map[[32]byte]int{}
	for _, h := range r.stored() {
		if _, is := want[h]; !is {
			r.t.Errorf("a stored mail is none that the provider ever had")
		}
		got[h]++
	}
	for h, id := range want {
		if got[h] != 1 {
			r.t.Errorf("mail %d is stored %d times", id, got[h])
		}
	}
}

// nothingLost checks that what the provider removed is stored.
func (r *rig) nothingLost() {
	r.t.Helper()
	stored := map[[32]byte]bool{}
	for _, h := range r.stored() {
		stored[h] = true
	}
	for _, m := range r.drop.Removed() {
		if !stored[sha256.Sum256(m.Bytes)] {
			r.t.Errorf("mail %d was removed at the provider and is not stored", m.ID)
		}
	}
}

// fetch runs a round that must succeed.
func (r *rig) fetch() Result {
	r.t.Helper()
	res, err := r.Round(ctx, "a@example.org", FetchOptions{})
	if err != nil {
		r.t.Fatalf("fetch: %v", err)
	}
	return res
}

// broken runs a round that must fail.
func (r *rig) broken() error {
	r.t.Helper()
	_, err := r.Round(ctx, "a@example.org", FetchOptions{})
	if err == nil {
		r.t.Fatal("the round succeeded")
	}
	return err
}

// mailText is a mail with this subject.
func mailText(subject string) []byte {
	return fmt.Appendf(nil, "Received: from x by y; Thu, 29 Feb 2024 12:00:00 +0000\r\nFrom: a@example.org\r\nSubject: %s\r\n"+
		"Date: Thu, 29 Feb 2024 11:59:00 +0000\r\nMessage-ID: <%[1]s@example.org>\r\n\r\nHello %[1]s.\r\n", subject)
}

// deliver adds n mails.
func (r *rig) deliver(n int) {
	for range n {
		r.drop.Deliver(mailText(fmt.Sprintf("mail%d", len(r.drop.All())+1)))
	}
}

func TestDrain(t *testing.T) {
	r := newRig(t, pop3d.Options{}, Options{})
	r.deliver(130)
	res := r.fetch()
	if res.Retrieved != 130 || res.Deleted != 130 || res.Listed != 130 || res.Failed != 0 {
		t.Errorf("result %+v", res)
	}
	r.exactlyOnce()
	if n := len(r.drop.Held()); n != 0 {
		t.Errorf("%d mails left", n)
	}
	if res := r.fetch(); res.Retrieved != 0 || res.Listed != 0 {
		t.Errorf("second round %+v", res)
	}
	if v := r.server.Violations(); len(v) > 0 {
		t.Error(v)
	}
}
