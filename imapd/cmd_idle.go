package imapd

import (
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"heimpost/imapd/wire"
)

// errEnding is what a handler returns that stops because the connection has
// been asked to end.
var errEnding = errors.New("the connection ends")

// lostError is what a handler returns when it lost the client while waiting.
type lostError struct{ error }

// cmdIdle: RFC 2177. With nothing selected it is quiet: Outlook does that.
func (c *conn) cmdIdle(d *wire.Decoder) error {
	if !d.ExpectCRLF() {
		return d.Err()
	}
	c.out.Raw("+ idling\r\n")
	if c.sel != nil {
		defer c.sel.mbox.Watch(c.stream.wake)()
	}
	c.wantNews()
	var still atomic.Bool
	timer := time.AfterFunc(c.srv.cfg.Timeouts.StillHere, func() {
		still.Store(true)
		c.stream.wake()
	})
	defer timer.Stop()
	c.stream.done()
	c.stream.rest()
	for {
		if c.sel != nil {
			if err := c.sync(true); err != nil {
				return err
			}
		}
		if c.notify != nil {
			if err := c.tellNotify(); err != nil {
				return err
			}
		}
		if still.Swap(false) {
			c.out.Raw("* OK Still here\r\n")
			timer.Reset(c.srv.cfg.Timeouts.StillHere)
			// Some clients stay in IDLE for ever. One that is gone is found out
			// by TCP, which wants an answer to what was just said.
			c.stream.rest()
		}
		if c.ending() != "" {
			return errEnding
		}
		switch err := c.await(); {
		case errors.Is(err, errWoken):
			continue
		case err != nil:
			return lostError{err}
		}
		c.stream.begin()
		line, err := d.ReadLine(64)
		if err != nil {
			return err
		}
		if !strings.EqualFold(strings.TrimSpace(line), "DONE") {
			return bad("Expected DONE.")
		}
		return nil
	}
}
