package imapd

import (
	"slices"
	"strings"

	"heimpost/imapd/wire"
	"heimpost/store"
)

// statusItem is an item of STATUS.
type statusItem struct {
	name string
	// needs is the capability that brings it; "": RFC 3501 has it.
	needs string
	// write is nil for DELETED-STORAGE (RFC 9208 §4.1.6), which needs more.
	write func(c *conn, s *store.Status)
}

var statusItems = []statusItem{
	{"MESSAGES", "", func(c *conn, s *store.Status) { c.out.Number(uint64(s.Messages)) }},
	{"RECENT", "", func(c *conn, s *store.Status) { c.out.Number(uint64(s.Recent)) }},
	{"UIDNEXT", "", func(c *conn, s *store.Status) { c.out.Number(uint64(s.UIDNext)) }},
	{"UIDVALIDITY", "", func(c *conn, s *store.Status) { c.out.Number(uint64(s.UIDValidity)) }},
	{"UNSEEN", "", func(c *conn, s *store.Status) { c.out.Number(uint64(s.Unseen)) }},
	{"DELETED", "", func(c *conn, s *store.Status) { c.out.Number(uint64(s.Deleted)) }},
	{"SIZE", "STATUS=SIZE", func(c *conn, s *store.Status) { c.out.Number(uint64(s.Size)) }},
	{"HIGHESTMODSEQ", "CONDSTORE", func(c *conn, s *store.Status) { c.out.Number(s.HighestModSeq) }},
	{"APPENDLIMIT", "APPENDLIMIT", func(c *conn, s *store.Status) { c.out.Number(uint64(c.srv.cfg.MaxMessage)) }},
	{"DELETED-STORAGE", "QUOTA", nil},
	{"MAILBOXID", "OBJECTID", func(c *conn, s *store.Status) { c.out.Special('(').Raw(string(s.ID)).Special(')') }},
}

// readStatusItems reads a list of items.
func (c *conn) readStatusItems(d *wire.Decoder, items *[]*statusItem) bool {
	return d.ExpectList(func() bool {
		var name string
		if !d.ExpectName(&name) {
			return false
		}
		for i := range statusItems {
			it := &statusItems[i]
			if it.name == name && (it.needs == "" || c.offer(it.needs) != nil) {
				if len(*items) < len(statusItems) { // once each is enough
					*items = append(*items, it)
				}
				return true
			}
		}
		return d.Bad("There is no STATUS item " + name + ".")
	}) && (len(*items) > 0 || d.Bad("Expected a STATUS item."))
}

// cmdStatus: RFC 3501 §6.3.10.
func (c *conn) cmdStatus(d *wire.Decoder) error {
	var name string
	var items []*statusItem
	if !d.ExpectSP() || !d.ExpectMailbox(&name) || !d.ExpectSP() || !c.readStatusItems(d, &items) || !d.ExpectCRLF() {
		return d.Err()
	}
	p, err := c.locate(name)
	if err != nil {
		return err
	}
	return c.status1(p, name, items)
}

// status1 writes a STATUS response; name is as the client knows the mailbox.
func (c *conn) status1(p place, name string, items []*statusItem) error {
	var size bool
	for _, it := range items {
		size = size || it.name == "SIZE"
		if it.name == "HIGHESTMODSEQ" { // RFC 7162 §3.1: the client knows CONDSTORE
			c.enableModSeqs()
		}
	}
	s, err := p.view.Status(c.ctx, p.name, size)
	if err != nil {
		return err
	}
	var deletedSize int64
	if slices.ContainsFunc(items, func(it *statusItem) bool { return it.write == nil }) {
		if deletedSize, err = p.view.DeletedSize(c.ctx, p.name); err != nil {
			return err
		}
	}
	c.wantNewsOf(s.ID)
	c.out.Raw("* STATUS ").Mailbox(foldInbox(strings.TrimSuffix(name, string(delimiter)))).SP()
	c.out.List(len(items), func(i int) {
		c.out.Raw(items[i].name).SP()
		if items[i].write == nil {
			c.out.Number(uint64(deletedSize))
			return
		}
		items[i].write(c, &s)
	}).CRLF()
	return nil
}
