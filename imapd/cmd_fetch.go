package imapd

import (
	"errors"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
	"heimpost/store"
)

// cmdFetch: RFC 3501 §6.4.5, RFC 7162 §3.1.4, RFC 9394 §3.3.
func (c *conn) cmdFetch(d *wire.Decoder) error {
	var set imap.NumSet
	f := fetch{conn: c}
	if !d.ExpectSP() || !c.setOfNumbers(d, &set) || !d.ExpectSP() || !fetchArguments(d, &f.fetchArgs) || !d.ExpectCRLF() {
		return d.Err()
	}
	if f.vanished && (!c.cmd.uid || f.changedSince == 0 || !c.enabled["QRESYNC"]) {
		return bad("VANISHED goes with UID FETCH, CHANGEDSINCE and QRESYNC enabled.")
	}
	if f.changedSince > 0 {
		f.items |= itemModSeq
	}
	if f.items&itemModSeq != 0 {
		c.enableModSeqs()
	}
	n, err := c.sel.resolve(set)
	if err != nil {
		return err
	}
	if f.vanished {
		if err := c.tellVanished(set.(imap.UIDSet), f.changedSince); err != nil {
			return err
		}
	}
	if f.changedSince > 0 {
		n.spans = n.spans.changedSince(c.sel.told, f.changedSince)
	}
	if f.partial != nil {
		n.spans = n.spans.places(f.partial.of(n.count()))
	}
	f.gone = len(n.ghosts)
	if n.spans, err = f.markSeen(n.spans); err != nil {
		return err
	}
	f.run(n.spans)
	switch {
	case f.err != nil:
		return f.err
	case f.gone > 0 && !c.cmd.uid:
		// RFC 2180 §4.1.2: what is there was answered.
		return no("EXPUNGEISSUED", "Some of the messages were deleted in the meantime.")
	}
	return nil
}

// markSeen sets \Seen where this FETCH does so, and gives the messages as
// they stand afterwards.
func (f *fetch) markSeen(of spans) (spans, error) {
	reads := false
	for i := range f.sections {
		reads = reads || !f.sections[i].peek
	}
	s := f.sel
	if !reads || s.readOnly {
		return of, nil
	}
	var unseen spans
	for _, sp := range of {
		for i, e := range s.told.Range(sp.lo, sp.hi) {
			if e.Flags&store.FlagSeen == 0 {
				unseen.push(i)
			}
		}
	}
	if len(unseen) == 0 {
		return of, nil
	}
	all, seen := of.uids(s.told), unseen.uids(s.told)
	if _, err := s.mbox.StoreFlags(f.ctx, store.FlagsChange{UIDs: seen, Op: store.FlagsAdd, Flags: []imap.Flag{imap.FlagSeen}}); err != nil {
		// A full disk must not keep anybody from reading his mail.
		if !errors.Is(err, store.ErrNoMailbox) {
			f.log.Warn("imap: mails could not be marked as read", "error", err)
		}
		return of, nil
	}
	if err := f.tell(telling{fetching: seen}); err != nil {
		return nil, err
	}
	now := spansOf(s.told, all)
	f.gone += of.count() - now.count()
	f.seen = spansOf(s.told, seen)
	return now, nil
}
