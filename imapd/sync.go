package imapd

import (
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
	"heimpost/store"
)

// telling says how changes of the selected mailbox are told.
type telling struct {
	expunges bool // messages that are gone may be told now
	// fetching: flags of these messages need not be told, they are part of the
	// FETCH responses that follow.
	fetching imap.UIDSet
	own      *ownChange
}

// ownChange is a STORE of this client.
type ownChange struct {
	of     numbered // as the client addressed them, in the snapshot it was told of
	change store.FlagsChange
	modSeq uint64 // what it gave to what it changed
	silent bool
}

// sync tells the client of the selected mailbox's changes; of messages that
// are gone only if expunges may be told now.
func (c *conn) sync(expunges bool) error {
	return c.tell(telling{expunges: expunges})
}

// tell brings the client's picture up to date. The order matters: numbers of
// gone messages are those before, EXISTS and FETCH count as afterwards.
func (c *conn) tell(t telling) error {
	s := c.sel
	now := s.mbox.Snapshot()
	switch {
	case now.Gone:
		c.end("The selected mailbox was deleted.")
		return nil
	case now == s.told && (len(s.ghosts) == 0 || !t.expunges) && t.own == nil:
		return nil
	}
	old := s.told
	var gone []store.Entry
	var changed []imap.UID
	var touched spans // in now: new or changed
	var quiet spans
	fresh, back := false, false
	hush := t.own.hush(old, now)
	store.Diff(old, now, func(ch store.Change) bool {
		switch {
		case ch.New.UID == 0:
			gone = append(gone, ch.Old)
		case ch.Old.UID == 0:
			fresh = true
			back = back || ch.New.UID < old.UIDNext
			i, _ := now.Search(ch.New.UID)
			touched.push(i)
		case hush(ch):
			i, _ := now.Search(ch.New.UID)
			quiet.push(i)
			touched.push(i)
		default:
			changed = append(changed, ch.New.UID)
			if len(s.contexts) > 0 {
				i, _ := now.Search(ch.New.UID)
				touched.push(i)
			}
		}
		return true
	})
	if back {
		// What a device had hidden has come back among the old numbers, which
		// a running session cannot be told.
		c.end("Messages that were hidden here have come back. Please connect again.")
		return nil
	}
	var addressed imap.UIDSet
	if t.own != nil {
		addressed = t.own.of.uids(old)
	}

	if s.ghosts = merged(s.ghosts, gone); t.expunges {
		c.tellGone(old, s.ghosts)
		s.ghosts = nil
	}
	s.told = now
	if fresh {
		s.claimRecent(old.UIDNext, now)
		c.tellExists()
	}
	if !slices.Equal(old.Keywords, now.Keywords) {
		s.names = nil
		c.tellKeywords()
	}

	c.contextsChange(touched)

	var due spans
	for _, uid := range changed {
		i, _ := now.Search(uid)
		due.push(i)
	}
	due = due.without(spansOf(now, t.fetching))
	if t.own != nil && !t.own.silent {
		due = due.or(spansOf(now, addressed))
	}
	for _, sp := range due {
		for i, e := range now.Range(sp.lo, sp.hi) {
			c.tellFlags(i, e, true)
		}
	}
	if c.modSeqs() {
		for _, sp := range quiet {
			for i, e := range now.Range(sp.lo, sp.hi) {
				c.tellFlags(i, e, false)
			}
		}
	}
	return c.out.Err()
}

// hush gives the test for changes that a STORE with .SILENT made as the
// client expects it, so that it need not be told (RFC 3501 §6.4.6).
func (o *ownChange) hush(old, now *store.Snapshot) func(store.Change) bool {
	if o == nil || !o.silent || o.modSeq == 0 {
		return func(store.Change) bool { return false }
	}
	var bits store.Flags
	for _, f := range o.change.Flags {
		bit, ok := store.SystemFlag(f)
		if !ok {
			bit, _ = now.Keywords.Bit(string(f))
		}
		bits |= bit
	}
	moved := movedKeywords(old.Keywords, now.Keywords)
	return func(ch store.Change) bool {
		i, _ := old.Search(ch.Old.UID)
		return ch.New.ModSeq == o.modSeq && o.of.contains(i) &&
			ch.Old.Flags&moved == 0 && o.change.Op.Apply(ch.Old.Flags, bits) == ch.New.Flags
	}
}

// movedKeywords gives the bits that meant another keyword before.
func movedKeywords(old, now store.Keywords) (moved store.Flags) {
	for i, name := range old {
		if name == "" || i < len(now) && now[i] == name {
			continue
		}
		bit, _ := old.Bit(name)
		moved |= bit
	}
	return moved
}

// merged joins two lists of messages, both ascending by UID and without
// messages in common.
func merged(a, b []store.Entry) []store.Entry {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	out := make([]store.Entry, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].UID < b[0].UID {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// tellGone tells that messages are gone: VANISHED once the client has enabled
// QRESYNC or UIDONLY (RFC 7162 §3.2.10), else EXPUNGE from the last to the
// first, so that no number shifts before it is named.
func (c *conn) tellGone(old *store.Snapshot, gone []store.Entry) {
	if len(gone) == 0 {
		return
	}
	places := placesOf(gone, old)
	c.contextsLose(gone, places)
	if c.enabled["QRESYNC"] || c.enabled["UIDONLY"] {
		var uids imap.UIDSet
		for _, e := range gone {
			addUID(&uids, e.UID)
		}
		c.out.Raw("* VANISHED ").NumSet(uids).CRLF()
		return
	}
	for j := len(gone) - 1; j >= 0; j-- {
		c.out.Raw("* ").Number(uint64(places[j])).Raw(" EXPUNGE\r\n")
	}
}

// placesOf gives the sequence numbers of messages that are gone; some of them
// are still in old, the others were ghosts already.
func placesOf(gone []store.Entry, old *store.Snapshot) []uint32 {
	out := make([]uint32, len(gone))
	were := 0 // ghosts among gone before the present one
	for j, e := range gone {
		i, there := old.Search(e.UID)
		out[j] = uint32(i + were + 1)
		if !there {
			were++
		}
	}
	return out
}

// tellExists tells the number of messages. IMAP4rev2 knows no \Recent.
func (c *conn) tellExists() {
	c.out.Raw("* ").Number(uint64(c.sel.exists())).Raw(" EXISTS\r\n")
	if !c.enabled["IMAP4REV2"] {
		c.out.Raw("* ").Number(uint64(c.sel.countRecent())).Raw(" RECENT\r\n")
	}
}

// tellKeywords tells which flags there are, and which of them stay.
func (c *conn) tellKeywords() {
	s := c.sel
	c.out.Raw(`* FLAGS (\Answered \Flagged \Deleted \Seen \Draft`)
	for _, name := range s.told.Keywords {
		if name != "" {
			c.out.SP().Raw(name)
		}
	}
	c.out.Raw(")\r\n* OK [PERMANENTFLAGS (")
	if s.readOnly {
		c.out.Raw(")] No flag can be changed.\r\n")
		return
	}
	c.out.Raw(`\Answered \Flagged \Deleted \Seen \Draft`)
	for _, name := range s.told.Keywords {
		if name != "" {
			c.out.SP().Raw(name)
		}
	}
	if !s.told.Keywords.Full() {
		c.out.Raw(` \*`)
	}
	c.out.Raw(")] These flags are kept.\r\n")
}

// tellFlags tells a message's flags, or only that its mod-sequence changed;
// i is its index in the snapshot that the client was told of.
func (c *conn) tellFlags(i int, e store.Entry, flags bool) {
	// With the UID: RFC 7162 §3.2.4, RFC 5465 §5.1.
	c.beginFetch(i, e, c.cmd.uid || c.enabled["QRESYNC"] || c.notify != nil && c.notify.selected != 0)
	if flags {
		c.item("FLAGS ").Special('(').Raw(c.flagNames(e)).Special(')')
	}
	if c.modSeqs() {
		c.item("MODSEQ (").Number(e.ModSeq).Special(')')
	}
	c.endFetch()
}

// beginFetch begins a FETCH response, or the UIDFETCH that a client gets once
// it has enabled UIDONLY (RFC 9586 §3.1).
func (c *conn) beginFetch(i int, e store.Entry, uid bool) {
	if c.enabled["UIDONLY"] {
		c.out.Raw("* ").Number(uint64(e.UID)).Raw(" UIDFETCH (")
		c.first = true
		return
	}
	c.out.Raw("* ").Number(uint64(c.sel.seq(i, e))).Raw(" FETCH (")
	if c.first = !uid; uid {
		c.out.Raw("UID ").Number(uint64(e.UID))
	}
}

// item begins an item of a FETCH response; what follows the name is added to
// the encoder.
func (c *conn) item(name string) *wire.Encoder {
	if !c.first {
		c.out.SP()
	}
	c.first = false
	return c.out.Raw(name)
}

// endFetch ends a FETCH response.
func (c *conn) endFetch() { c.out.Raw(")\r\n") }

// flagNames gives a message's flags as the client sees them, separated by
// spaces. IMAP4rev2 knows no \Recent.
func (c *conn) flagNames(e store.Entry) string {
	s := c.sel
	names, ok := s.names[e.Flags]
	if !ok {
		var b strings.Builder
		for i, n := range s.told.Keywords.Names(e.Flags) {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(string(n))
		}
		names = b.String()
		if s.names == nil || len(s.names) >= maxNames {
			s.names = make(map[store.Flags]string)
		}
		s.names[e.Flags] = names
	}
	switch {
	case !s.isRecent(e.UID) || c.enabled["IMAP4REV2"]:
		return names
	case names == "":
		return `\Recent`
	}
	return `\Recent ` + names
}

// maxNames bounds how many combinations of flags a session remembers.
const maxNames = 256
