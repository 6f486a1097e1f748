package imapd

import (
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
	"heimpost/store"
)

// searchContext is a search whose client is told how its result changes (RFC
// 5267 §4.3).
type searchContext struct {
	tag    string
	uid    bool
	key    key
	holds  imap.UIDSet // the result as the client knows it, ascending
	broken bool
}

// maxContexts bounds how many of them a client has at a time.
const maxContexts = 8

// watch makes a context of a search that ran. What cannot be kept up to date
// is refused, the search itself is not.
func (c *conn) watch(p *searchParser, k key, found spans) {
	s := c.sel
	if p.numbers || len(s.contexts) >= maxContexts {
		c.noUpdate(c.cmd.tag)
		return
	}
	s.contexts = append(s.contexts, &searchContext{tag: c.cmd.tag, uid: c.cmd.uid, key: k, holds: found.exactUIDs(s.told)})
}

func (c *conn) noUpdate(tag string) {
	c.out.Raw("* NO [NOUPDATE ").String(tag).Raw("] This search is not kept up to date.\r\n")
}

// cmdCancelUpdate: RFC 5267 §4.3.5.
func (c *conn) cmdCancelUpdate(d *wire.Decoder) error {
	var tags []string
	for d.SP() {
		var tag string
		if !d.ExpectString(&tag) {
			return d.Err()
		}
		tags = append(tags, tag)
	}
	if !d.Expect(len(tags) > 0, "a tag") || !d.ExpectCRLF() {
		return d.Err()
	}
	for _, tag := range tags {
		if !c.cancelUpdate(tag) {
			return bad("There is no search %.40q that is kept up to date.", tag)
		}
	}
	return nil
}

func (c *conn) cancelUpdate(tag string) bool {
	for i, x := range c.sel.contexts {
		if x.tag == tag {
			c.sel.contexts = append(c.sel.contexts[:i], c.sel.contexts[i+1:]...)
			return true
		}
	}
	return false
}

// contextsLose tells that messages leave results because they are gone. The
// numbers are those before the EXPUNGE responses that follow.
func (c *conn) contextsLose(gone []store.Entry, places []uint32) {
	for _, x := range c.sel.contexts {
		var uids imap.UIDSet
		var seqs imap.SeqSet
		for j, e := range gone {
			if x.holds.Contains(e.UID) {
				addUID(&uids, e.UID)
				seqs.AddNum(places[j])
			}
		}
		if len(uids) > 0 {
			c.contextNews(x, "REMOVEFROM", uids, seqs)
			x.holds = minus(x.holds, uids)
		}
	}
}

// contextsChange looks again at messages that are new or changed.
func (c *conn) contextsChange(changed spans) {
	s := c.sel
	if len(changed) == 0 {
		return
	}
	for _, x := range s.contexts {
		q := query{ctx: c.ctx, s: s, told: s.told, now: time.Now()}
		found, err := x.key.find(&q, changed)
		if err != nil {
			c.noUpdate(x.tag)
			x.broken = true
			continue
		}
		held := spansOf(s.told, x.holds)
		if out := changed.and(held).without(found); len(out) > 0 {
			uids := out.exactUIDs(s.told)
			c.contextNews(x, "REMOVEFROM", uids, s.seqs(out))
			x.holds = minus(x.holds, uids)
		}
		if in := found.without(held); len(in) > 0 {
			uids := in.exactUIDs(s.told)
			c.contextNews(x, "ADDTO", uids, s.seqs(in))
			x.holds = ascending(append(x.holds[:len(x.holds):len(x.holds)], uids...), 0)
		}
	}
	keep := s.contexts[:0]
	for _, x := range s.contexts {
		if !x.broken {
			keep = append(keep, x)
		}
	}
	s.contexts = keep
}

// contextNews writes one change of a result. Searches have no order, so that
// the position is always 0.
func (c *conn) contextNews(x *searchContext, what string, uids imap.UIDSet, seqs imap.SeqSet) {
	c.out.Raw("* ESEARCH (TAG ").String(x.tag).Special(')')
	if x.uid {
		c.out.Raw(" UID ").Raw(what).Raw(" (0 ").NumSet(uids).Raw(")\r\n")
		return
	}
	c.out.SP().Raw(what).Raw(" (0 ").NumSet(seqs).Raw(")\r\n")
}
