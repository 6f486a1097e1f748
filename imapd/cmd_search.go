package imapd

import (
	"heimpost/imapd/wire"
)

// searchReturn are the result options of SEARCH (RFC 4731, RFC 5182, RFC 5267,
// RFC 9394).
type searchReturn struct {
	given                      bool
	min, max, all, count, save bool
	relevancy, update          bool
	partial                    *partialRange
}

// cmdSearch: RFC 3501 §6.4.4.
func (c *conn) cmdSearch(d *wire.Decoder) error {
	var r searchReturn
	var k key
	p := searchParser{conn: c, d: d}
	if !d.ExpectSP() || !p.program(&r, &k) || !d.ExpectCRLF() {
		return d.Err()
	}
	if c.enabled["IMAP4REV2"] && !r.given {
		r.given = true // SEARCH is answered by ESEARCH (RFC 9051 §6.4.4)
	}
	_, found, err := c.search(&p, &r, k)
	defer found.release()
	if err == nil && r.update {
		c.watch(&p, k, found)
	}
	switch {
	case err != nil:
		return err
	case !r.given:
		c.searchResponse(found, p.modSeq)
	case r.answers():
		c.esearchResponse(found, &r, p.modSeq)
	}
	return nil
}

// answers reports whether anything but saving is asked for.
func (r *searchReturn) answers() bool {
	return r.min || r.max || r.all || r.count || r.relevancy || r.partial != nil
}

// option takes one result option.
func (r *searchReturn) option(d *wire.Decoder) bool {
	var name string
	if !d.ExpectName(&name) {
		return false
	}
	switch name {
	case "MIN":
		r.min = true
	case "MAX":
		r.max = true
	case "ALL":
		r.all = true
	case "COUNT":
		r.count = true
	case "SAVE":
		r.save = true
	case "RELEVANCY":
		r.relevancy = true
	case "CONTEXT": // RFC 5267 §4.2: a hint that more of the kind follows
	case "UPDATE":
		r.update = true
	case "PARTIAL":
		r.partial = new(partialRange)
		if !d.ExpectSP() || !r.partial.take(d) {
			return false
		}
	default:
		return d.Bad("There is no result option " + name + ".")
	}
	if r.all && r.partial != nil {
		return d.Bad("ALL and PARTIAL exclude each other (RFC 9394, section 3.1).")
	}
	return true
}

// kept gives what SAVE keeps (RFC 5182 §2.4): the messages that MIN and MAX
// name where only those were asked for, else all.
func (r *searchReturn) kept(found spans) spans {
	if r.all || r.count || r.partial != nil || !r.min && !r.max || len(found) == 0 {
		return found
	}
	var out spans
	if r.min {
		out.push(found[0].lo)
	}
	if r.max {
		last := found[len(found)-1].hi - 1
		out.add(last, last+1)
	}
	return out
}

// searchResponse writes SEARCH with all numbers.
func (c *conn) searchResponse(found spans, modSeq bool) {
	s := c.sel
	c.out.Raw("* SEARCH")
	highest := uint64(0)
	// Without ghosts, sequence numbers go with indexes.
	plain := !c.cmd.uid && !modSeq && len(s.ghosts) == 0
	for _, sp := range found {
		for i := sp.lo; plain && i < sp.hi; i++ {
			c.out.SP().Number(uint64(i + 1))
		}
		if plain {
			continue
		}
		for i, e := range s.told.Range(sp.lo, sp.hi) {
			if c.cmd.uid {
				c.out.SP().Number(uint64(e.UID))
			} else {
				c.out.SP().Number(uint64(s.seq(i, e)))
			}
			highest = max(highest, e.ModSeq)
		}
	}
	if modSeq && len(found) > 0 {
		c.out.Raw(" (MODSEQ ").Number(highest).Special(')')
	}
	c.out.CRLF()
}

// beginESearch begins an ESEARCH response.
func (c *conn) beginESearch() {
	c.out.Raw("* ESEARCH (TAG ").String(c.cmd.tag).Special(')')
	if c.cmd.uid {
		c.out.Raw(" UID")
	}
}

// esearchResponse writes ESEARCH with what was asked for.
func (c *conn) esearchResponse(found spans, r *searchReturn, modSeq bool) {
	c.beginESearch()
	c.results(c.sel, found, r, modSeq)
}

// results writes the results of an ESEARCH response, up to its end.
func (c *conn) results(s *session, found spans, r *searchReturn, modSeq bool) {
	if len(found) > 0 {
		if r.min {
			c.out.Raw(" MIN ").Number(uint64(c.numberIn(s, found[0].lo)))
		}
		if r.max {
			c.out.Raw(" MAX ").Number(uint64(c.numberIn(s, found[len(found)-1].hi-1)))
		}
	}
	if r.count {
		c.out.Raw(" COUNT ").Number(uint64(found.count()))
	}
	if len(found) > 0 && r.all {
		c.out.Raw(" ALL ").Raw(c.numbersIn(s, found))
	}
	if r.partial != nil {
		c.out.Raw(" PARTIAL (").Raw(r.partial.String()).SP()
		if part := found.places(r.partial.of(found.count())); len(part) > 0 {
			c.out.Raw(c.numbersIn(s, part)).Special(')')
		} else {
			c.out.Raw("NIL)")
		}
	}
	r.scores(c, found.count())
	if modSeq && len(found) > 0 {
		c.out.Raw(" MODSEQ ").Number(r.modSeq(found, s))
	}
	c.out.CRLF()
}

// scores writes how well the messages fit (RFC 6203 §4): what is found fits.
func (r *searchReturn) scores(c *conn, n int) {
	if !r.relevancy || n == 0 {
		return
	}
	if r.partial != nil {
		lo, hi := r.partial.of(n)
		n = max(0, hi-lo)
	}
	c.out.Raw(" RELEVANCY ").List(n, func(int) { c.out.Raw("100") })
}

// modSeq gives the highest mod-sequence of the messages that the response is
// about (RFC 7162 §3.1.5): of MIN and MAX alone that of those two.
func (r *searchReturn) modSeq(found spans, s *session) (highest uint64) {
	for _, sp := range r.kept(found) {
		for _, e := range s.told.Range(sp.lo, sp.hi) {
			highest = max(highest, e.ModSeq)
		}
	}
	return highest
}
