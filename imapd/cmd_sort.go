package imapd

import (
	"strconv"
	"strings"
	"time"

	"heimpost/imapd/wire"
)

// cmdSort: RFC 5256, RFC 5957 (DISPLAYFROM, DISPLAYTO), RFC 5267 (ESORT).
func (c *conn) cmdSort(d *wire.Decoder) error {
	var r searchReturn
	var by []sortKey
	var k key
	p := searchParser{conn: c, d: d}
	if !p.mayCount() || !d.ExpectSP() || !p.options(&r) || !sortKeys(d, &by) || !d.ExpectSP() ||
		!d.ExpectAString(&p.charset) || !d.ExpectSP() || !p.list("", &k) || !d.ExpectCRLF() {
		return d.Err()
	}
	q, found, err := c.search(&p, &r, k)
	if err != nil {
		return err
	}
	if r.update {
		c.noUpdate(c.cmd.tag)
	}
	order, err := q.sort(found, by)
	if err != nil {
		return err
	}
	numbers := make([]uint32, len(order))
	for i, at := range order {
		numbers[i] = c.number(at)
	}
	if r.given {
		c.esortResponse(numbers, found, &r, p.modSeq)
		return nil
	}
	c.out.Raw("* SORT")
	for _, n := range numbers {
		c.out.SP().Number(uint64(n))
	}
	if p.modSeq && len(found) > 0 {
		c.out.Raw(" (MODSEQ ").Number(r.modSeq(found, c.sel)).Special(')')
	}
	c.out.CRLF()
	return nil
}

// maxSortKeys bounds how many criteria a SORT may name.
const maxSortKeys = 20

// sortKeys takes criteria in parentheses.
func sortKeys(d *wire.Decoder, by *[]sortKey) bool {
	reverse := false
	ok := d.ExpectList(func() bool {
		var name string
		if !d.ExpectName(&name) {
			return false
		}
		if name == "REVERSE" && !reverse {
			reverse = true
			return true
		}
		f, ok := sortFields[name]
		if !ok || len(*by) == maxSortKeys {
			return d.Bad("This is no order to sort by: " + name + ".")
		}
		*by = append(*by, sortKey{reverse, f})
		reverse = false
		return true
	})
	return ok && d.Expect(len(*by) > 0 && !reverse, "an order to sort by")
}

// esortResponse writes ESEARCH for numbers in an order: ALL and PARTIAL keep
// it, MIN and MAX are the first and the last (RFC 5267 §3).
func (c *conn) esortResponse(numbers []uint32, found spans, r *searchReturn, modSeq bool) {
	c.beginESearch()
	if n := len(numbers); n > 0 {
		if r.min {
			c.out.Raw(" MIN ").Number(uint64(numbers[0]))
		}
		if r.max {
			c.out.Raw(" MAX ").Number(uint64(numbers[n-1]))
		}
	}
	if r.count {
		c.out.Raw(" COUNT ").Number(uint64(len(numbers)))
	}
	if r.all && len(numbers) > 0 {
		c.out.Raw(" ALL ").Raw(inOrder(numbers))
	}
	if r.partial != nil {
		lo, hi := r.partial.of(len(numbers))
		c.out.Raw(" PARTIAL (").Raw(r.partial.String()).SP()
		if lo < hi {
			c.out.Raw(inOrder(numbers[lo:hi])).Special(')')
		} else {
			c.out.Raw("NIL)")
		}
	}
	r.scores(c, len(numbers))
	if modSeq && len(found) > 0 {
		c.out.Raw(" MODSEQ ").Number(r.modSeq(found, c.sel))
	}
	c.out.CRLF()
}

// inOrder writes numbers as a set that keeps their order. Runs that ascend
// become ranges.
func inOrder(numbers []uint32) string {
	var b strings.Builder
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(uint64(numbers[i]), 10))
		if j > i {
			b.WriteString(":" + strconv.FormatUint(uint64(numbers[j]), 10))
		}
		i = j + 1
	}
	return b.String()
}

// cmdThread: RFC 5256.
func (c *conn) cmdThread(d *wire.Decoder) error {
	var how string
	var k key
	p := searchParser{conn: c, d: d}
	if !p.mayCount() || !d.ExpectSP() || !d.ExpectName(&how) || !d.ExpectSP() ||
		!d.ExpectAString(&p.charset) || !d.ExpectSP() || !p.list("", &k) || !d.ExpectCRLF() {
		return d.Err()
	}
	arrange := orderedSubject
	switch how {
	case "ORDEREDSUBJECT":
	case "REFERENCES":
		arrange = byReferences
	default:
		return bad("There is no way to thread with the name %.40s.", how)
	}
	q, found, err := c.search(&p, &searchReturn{}, k)
	if err != nil {
		return err
	}
	all, err := q.threads(found, how == "REFERENCES")
	if err != nil {
		return err
	}
	c.out.Raw("* THREAD")
	for i, t := range arrange(all) {
		if i == 0 {
			c.out.SP()
		}
		c.out.Special('(')
		c.writeThread(t)
		c.out.Special(')')
	}
	c.out.CRLF()
	return nil
}

// writeThread writes a message and its answers: one answer follows behind it,
// several stand in parentheses.
func (c *conn) writeThread(t *thread) {
	for {
		if t.index >= 0 {
			c.out.Number(uint64(c.number(t.index)))
			if len(t.children) > 0 {
				c.out.SP()
			}
		}
		if len(t.children) != 1 {
			break
		}
		t = t.children[0]
	}
	for _, child := range t.children {
		c.out.Special('(')
		c.writeThread(child)
		c.out.Special(')')
	}
}

// search checks what the arguments need and runs a search.
func (c *conn) search(p *searchParser, r *searchReturn, k key) (*query, spans, error) {
	if r.save {
		c.sel.saved = nil // what stays when it fails (RFC 5182 §2.1)
	}
	if !knownCharset(p.charset) {
		return nil, nil, errCharset(p.charset)
	}
	if p.modSeq {
		c.enableModSeqs()
	}
	if r.given && !r.answers() && !r.save && !r.update {
		r.all = true // RETURN () means ALL
	}
	s := c.sel
	q := &query{ctx: c.ctx, s: s, told: s.told, now: time.Now(), report: c.progress}
	found, err := k.find(q, everything(s.told))
	if err == nil && r.save {
		s.saved = r.kept(found).exactUIDs(s.told)
	}
	return q, found, err
}

// number gives the number of the message at an index as the command counts.
func (c *conn) number(i int) uint32 { return c.numberIn(c.sel, i) }

func (c *conn) numberIn(s *session, i int) uint32 {
	e := s.told.At(i)
	if c.cmd.uid {
		return uint32(e.UID)
	}
	return s.seq(i, e)
}
