package hub

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serveControl opens a data folder as `serve` does and answers commands.
func serveControl(t *testing.T, dir string) *Hub {
	t.Helper()
	h := openHub(t, dir, Options{Serve: true})
	l, err := listenControl(h.dir)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h.controlHandler()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve(l)
	}()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
	return h
}

func connect(t *testing.T, dir string, o Options) Caller {
	t.Helper()
	if o.Version == "" {
		o.Version = "test"
	}
	c, err := Connect(ctx, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestCommandsReachServe(t *testing.T) {
	for _, long := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "data")
		if long {
			t.Setenv("XDG_RUNTIME_DIR", "")
			t.Setenv("TMPDIR", "/tmp")
			dir = filepath.Join(t.TempDir(), strings.Repeat("x", 120))
		}
		h := serveControl(t, dir)
		household(t, h)
		c := connect(t, dir, Options{})
		if _, here := c.(*Hub); here {
			t.Fatal("a command opened the folder beside serve")
		}
		l := mustLogin(t, h, "marko", device(t, h, "marko", "phone"))
		if _, err := Do(ctx, c, DeviceRevoke, DeviceParams{"marko", "phone"}, nil); err != nil {
			t.Fatal(err)
		}
		if !ended(l) {
			t.Error("revoking by another process did not end the connection")
		}
		list, err := Do(ctx, c, PersonList, None{}, nil)
		if err != nil || len(list) != 2 || list[0].Name != "marko" {
			t.Error(list, err)
		}
		// Errors keep their kind and their text.
		_, err = Do(ctx, c, PersonAdd, PersonAddParams{Name: "Büro"}, nil)
		if !errors.Is(err, KindInvalid) || !strings.Contains(err.Error(), "buero") {
			t.Error(err)
		}
		if _, err := Do(ctx, c, Rebuild, NameParams{"marko"}, nil); !errors.Is(err, KindRunning) {
			t.Error(err)
		}
		other := connect(t, dir, Options{Version: "other"})
		if _, err := Do(ctx, other, PersonList, None{}, nil); err == nil || !strings.Contains(err.Error(), "version test and this is other") {
			t.Error(err)
		}
		if _, err := Open(ctx, dir, Options{Serve: true, Wait: time.Minute}); !errors.Is(err, KindRunning) || !strings.Contains(err.Error(), "already running") {
			t.Error(err)
		}
	}
}

// Progress comes over the channel, and a command that goes away ends its
// action.
func TestLongAction(t *testing.T) {
	started := make(chan struct{})
	op := newLongOp("test.long", func(h *Hub, ctx context.Context, _ None, tell func(Progress)) (None, error) {
		tell(Progress{What: "x", Done: 1, Total: 2})
		close(started)
		<-ctx.Done()
		return None{}, ctx.Err()
	})
	bad := newOp("test.panic", func(h *Hub, ctx context.Context, _ None) (None, error) { panic("oh") })
	t.Cleanup(func() {
		delete(ops, "test.long")
		delete(ops, "test.panic")
	})
	dir := filepath.Join(t.TempDir(), "data")
	serveControl(t, dir)
	c := connect(t, dir, Options{})
	ctx, cancel := context.WithCancel(ctx)
	var got []Progress
	_, err := Do(ctx, c, op, None{}, func(p Progress) {
		got = append(got, p)
		<-started
		cancel()
	})
	if err == nil || len(got) != 1 || got[0].Done != 1 {
		t.Error(got, err)
	}
	if _, err := Do(context.Background(), c, bad, None{}, nil); err == nil || !strings.Contains(err.Error(), "log") {
		t.Error(err)
	}
}

func TestTwoCommands(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	a := openHub(t, dir, Options{})
	must(t, a, PersonAdd, PersonAddParams{Name: "marko"})
	b := connect(t, dir, Options{})
	if list, err := Do(ctx, b, PersonList, None{}, nil); err != nil || len(list) != 1 {
		t.Error(list, err)
	}
	// A serve waits for both to end, and says so.
	waited := ""
	_, err := Open(ctx, dir, Options{Serve: true, Wait: 10 * pollEvery, OnWait: func(what string) { waited = what }})
	if !errors.Is(err, KindRunning) || waited != dir {
		t.Error(waited, err)
	}
	a.Close()
	time.AfterFunc(3*pollEvery, func() { b.Close() })
	h, err := Open(ctx, dir, Options{Serve: true, Wait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	h.Close()
}

// A command that comes while serve is starting waits for it.
func TestServeThatDoesNotAnswer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	openHub(t, dir, Options{Serve: true})
	waited := 0
	_, err := Connect(ctx, dir, Options{Version: "test", Wait: 4 * pollEvery, OnWait: func(string) { waited++ }})
	if !errors.Is(err, KindRunning) || !strings.Contains(err.Error(), "does not answer") || waited != 1 {
		t.Error(waited, err)
	}
}

func TestNewerDatabase(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	h, err := Open(ctx, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.db.Exec("PRAGMA user_version=1000"); err != nil {
		t.Fatal(err)
	}
	h.Close()
	if _, err := Open(ctx, dir, Options{}); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "hub.db"), []byte(strings.Repeat("rubbish ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, dir, Options{}); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Error(err)
	}
}
