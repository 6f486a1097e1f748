package imapd

import (
	"errors"
	"strconv"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
	"heimpost/store"
)

// cmdCopy: RFC 3501 §6.4.7, RFC 4315 §3.
func (c *conn) cmdCopy(d *wire.Decoder) error {
	done, err := c.transfer(d, func(m *store.Mailbox, uids imap.UIDSet, to place) (store.Copied, error) {
		return m.Copy(c.ctx, uids, to.view, to.name)
	})
	if err == nil && len(done.Source) > 0 {
		c.ok(copyUID(done), "The messages were copied.")
	}
	return err
}

// cmdMove: RFC 6851. COPYUID comes in an untagged OK, before the EXPUNGE
// responses, so that a client knows where its messages are when they go.
func (c *conn) cmdMove(d *wire.Decoder) error {
	done, err := c.transfer(d, func(m *store.Mailbox, uids imap.UIDSet, to place) (store.Copied, error) {
		if c.sel.readOnly {
			return store.Copied{}, c.errReadOnly()
		}
		return m.Move(c.ctx, uids, to.view, to.name)
	})
	if len(done.Source) > 0 {
		// Also when something failed after they had been moved.
		c.status("*", imap.StatusResponseTypeOK, copyUID(done), "The messages were moved.")
	}
	if err != nil {
		return err
	}
	return c.tellAllWithModSeq()
}

// transfer reads the arguments of COPY and MOVE and runs one of them.
func (c *conn) transfer(d *wire.Decoder, run func(*store.Mailbox, imap.UIDSet, place) (store.Copied, error)) (store.Copied, error) {
	var set imap.NumSet
	var name string
	if !d.ExpectSP() || !c.setOfNumbers(d, &set) || !d.ExpectSP() || !d.ExpectMailbox(&name) || !d.ExpectCRLF() {
		return store.Copied{}, d.Err()
	}
	s := c.sel
	n, err := s.resolve(set)
	if err != nil {
		return store.Copied{}, err
	}
	if len(n.ghosts) > 0 && !c.cmd.uid {
		return store.Copied{}, no("EXPUNGEISSUED", "Some of the messages were deleted in the meantime.")
	}
	to, err := c.locate(name)
	if err != nil {
		return store.Copied{}, err
	}
	if len(n.spans) == 0 {
		return store.Copied{}, nil
	}
	done, err := run(s.mbox, n.uids(s.told), to)
	if errors.Is(err, store.ErrNoMailbox) && !s.mbox.Snapshot().Gone {
		return done, no(imap.ResponseCodeTryCreate, "There is no mailbox %q.", name)
	}
	return done, err
}

// copyUID is the response code that says where messages have gone: both sets
// in the order in which they correspond.
func copyUID(done store.Copied) string {
	var from, to imap.UIDSet
	for i := range done.Source {
		addUID(&from, done.Source[i])
		addUID(&to, done.Dest[i])
	}
	return "COPYUID " + strconv.FormatUint(uint64(done.UIDValidity), 10) + " " + from.String() + " " + to.String()
}
