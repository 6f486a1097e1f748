package imapd

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestIdle(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Timeouts.StillHere = 20 * time.Millisecond })
	w.play(`
		C: 1 IDLE
		S: + idling
		S: * OK Still here
		S: * OK Still here
		C: DONE\r\n2 NOOP\r\n3 IDLE
		S* 1 OK Done.
		S: 2 OK Done.
		S: + idling
		C: 4 NOOP
		S* 3 BAD Expected DONE.
		C: 5 IDLE now
		S: 5 BAD …
		C: 6 IDLE\r\nDONE\r\n7 LOGOUT
		S: + idling
		S: 6 OK Done.
		S: * BYE …
		S: 7 OK Done.
		E:
	`)
}

func TestIdleShutdown(t *testing.T) {
	w := newWorld(t)
	w.play("C: 1 IDLE\nS: + idling\nCx: 1 NOOP\nSx: 1 OK Done.")
	if err := w.srv.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	w.play("S: * BYE Heimpost is shutting down. Come back in a moment.\nE:\nSx: * BYE Heimpost is shutting down. Come back in a moment.\nEx:")
}

func TestTimeouts(t *testing.T) {
	short := 50 * time.Millisecond
	t.Run("login", func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.Timeouts.Login = short })
		w.play("Sx: * BYE You were silent for too long.\nEx:")
	})
	t.Run("idle", func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.Timeouts.Idle, c.Timeouts.StillHere = 4*short, short })
		w.play("C: 1 IDLE\nS: + idling\nS: * OK Still here")
		w.play("C2: 1 NOOP\nS2: 1 OK Done.\nS2: * BYE You were silent for too long.\nE2:")
		// Who is told that we are here may stay in IDLE for as long as he likes.
		w.play(strings.Repeat("S: * OK Still here\n", 7) + "C: DONE\nS* 1 OK Done.\nS: * BYE You were silent for too long.\nE:")
	})
	t.Run("drip", func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.Timeouts.Command = short })
		c := w.client("", "marko")
		go func() {
			for i := 0; ; i++ { // never a whole command
				if _, err := fmt.Fprint(c.out, "x"); err != nil {
					return
				}
				time.Sleep(short / 10)
			}
		}()
		w.play("S: * BYE You were silent for too long.\nE:")
	})
}

func TestPanicEndsOneConnection(t *testing.T) {
	commands["PANIC"] = command{anyState, noNews, func(c *conn, _ *decoder) error { panic("on purpose") }}
	defer delete(commands, "PANIC")
	newWorld(t).play(`
		C2: 1 NOOP
		S2: 1 OK Done.
		C: 1 PANIC
		S: * BYE Heimpost made a mistake. The operator finds it in the log.
		E:
		C2: 2 NOOP
		S2: 2 OK Done.
	`)
}
