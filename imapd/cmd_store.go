package imapd

import (
	"strings"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
	"heimpost/store"
)

// errReadOnly answers a change in a mailbox that is selected read-only.
func (c *conn) errReadOnly() error {
	return no("READ-ONLY", "The mailbox is selected read-only.")
}

// cmdStore: RFC 3501 §6.4.6, RFC 7162 §3.1.3.
func (c *conn) cmdStore(d *wire.Decoder) error {
	var set imap.NumSet
	var change store.FlagsChange
	var silent bool
	if !d.ExpectSP() || !c.setOfNumbers(d, &set) || !d.ExpectSP() ||
		d.Peek() == '(' && !(storeModifiers(d, &change) && d.ExpectSP()) ||
		!storeFlags(d, &change, &silent) || !d.ExpectCRLF() {
		return d.Err()
	}
	s := c.sel
	if change.UnchangedSince != nil {
		c.enableModSeqs()
	}
	if s.readOnly {
		return c.errReadOnly()
	}
	for _, f := range change.Flags {
		if strings.HasPrefix(string(f), `\`) && !strings.EqualFold(string(f), `\Recent`) {
			if _, ok := store.SystemFlag(f); !ok {
				return bad("There is no flag %.40s.", f)
			}
		}
	}
	n, err := s.resolve(set)
	if err != nil {
		return err
	}
	change.UIDs = n.uids(s.told)
	done, err := s.mbox.StoreFlags(c.ctx, change)
	if err != nil {
		return err
	}
	modified := spansOf(s.told, done.Modified)
	own := n
	own.spans = n.spans.without(modified)
	var code string
	if change.UnchangedSince != nil && len(done.Modified) > 0 {
		code = "MODIFIED " + c.numbersOf(modified)
	}
	if err := c.tell(telling{expunges: c.cmd.uid, own: &ownChange{of: own, change: change, modSeq: done.ModSeq, silent: silent}}); err != nil {
		return err
	}
	gone := len(n.ghosts) + n.count() - spansOf(s.told, change.UIDs).count()
	switch {
	case gone > 0 && !c.cmd.uid:
		if code == "" {
			code = "EXPUNGEISSUED"
		}
		return no(imap.ResponseCode(code), "Some of the messages were deleted in the meantime.")
	case code != "":
		c.ok(code, "Some of the messages were changed by others in the meantime.")
	}
	return nil
}

// numbersOf gives messages of the snapshot that the client was told of as the
// command counts them: by UID or by sequence number.
func (c *conn) numbersOf(of spans) string { return c.numbersIn(c.sel, of) }

func (c *conn) numbersIn(s *session, of spans) string {
	if c.cmd.uid {
		return of.exactUIDs(s.told).String()
	}
	return s.seqs(of).String()
}

// storeModifiers takes (UNCHANGEDSINCE n).
func storeModifiers(d *wire.Decoder, change *store.FlagsChange) bool {
	return d.List(func() bool {
		var name string
		if !d.ExpectName(&name) || !d.Expect(name == "UNCHANGEDSINCE", "UNCHANGEDSINCE") || !d.ExpectSP() {
			return false
		}
		change.UnchangedSince = new(uint64)
		return d.ExpectNumber64(change.UnchangedSince)
	})
}

// storeFlags takes FLAGS, +FLAGS or -FLAGS, with or without .SILENT, and flags
// with or without parentheses.
func storeFlags(d *wire.Decoder, change *store.FlagsChange, silent *bool) bool {
	switch {
	case d.Special('+'):
		change.Op = store.FlagsAdd
	case d.Special('-'):
		change.Op = store.FlagsRemove
	}
	var name string
	if !d.ExpectName(&name) {
		return false
	}
	if name, *silent = strings.CutSuffix(name, ".SILENT"); !d.Expect(name == "FLAGS", "FLAGS") || !d.ExpectSP() {
		return false
	}
	if d.Peek() == '(' {
		return d.ExpectFlagList(&change.Flags)
	}
	for {
		var f imap.Flag
		if !d.Expect(d.Flag(&f), "a flag") {
			return false
		}
		change.Flags = append(change.Flags, f)
		if !d.SP() || d.Peek() == '\r' || d.Peek() == '\n' {
			return d.Err() == nil
		}
	}
}
