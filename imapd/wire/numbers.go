package wire

import (
	"math"
	"strconv"

	"github.com/emersion/go-imap/v2"
)

// parseNumber reads digits; ok is false where there are none or the number
// has more than 63 bits.
func parseNumber(digits []byte) (n int64, ok bool) {
	if len(digits) == 0 || len(digits) > 19 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	return n, err == nil
}

// Number64 takes a number of at most 63 bits (mod-sequences, RFC 7162 §7).
func (d *Decoder) Number64(n *uint64) bool {
	if !d.take(digit) {
		return false
	}
	v, ok := parseNumber(d.tok)
	if !ok {
		return d.Bad("A number is too large.")
	}
	*n = uint64(v)
	return true
}

// ExpectNumber64 wants a number of at most 63 bits.
func (d *Decoder) ExpectNumber64(n *uint64) bool { return d.Expect(d.Number64(n), "a number") }

// Number takes a number of at most 32 bits.
func (d *Decoder) Number(n *uint32) bool {
	var v uint64
	if !d.Number64(&v) {
		return false
	}
	if v > math.MaxUint32 {
		return d.Bad("A number is too large.")
	}
	*n = uint32(v)
	return true
}

// ExpectNumber wants a number of at most 32 bits.
func (d *Decoder) ExpectNumber(n *uint32) bool { return d.Expect(d.Number(n), "a number") }

// ExpectNzNumber wants a number of at most 32 bits that is not zero.
func (d *Decoder) ExpectNzNumber(n *uint32) bool {
	return d.ExpectNumber(n) && (*n > 0 || d.Bad("Expected a number above zero."))
}

// ranges takes a set of numbers; 0 stands for "*".
func (d *Decoder) ranges(add func(start, stop uint32)) bool {
	number := func(n *uint32) bool {
		if *n = 0; d.Special('*') {
			return true
		}
		return d.Number(n) && (*n > 0 || d.Bad("There is no message 0."))
	}
	for first := true; ; first = false {
		var start, stop uint32
		if !number(&start) {
			return !first && d.Expect(false, "a number")
		}
		if stop = start; d.Special(':') && !d.Expect(number(&stop), "a number") {
			return false
		}
		add(start, stop)
		if !d.Special(',') {
			return d.err == nil
		}
	}
}

// SeqSet takes a set of sequence numbers. Ranges stand as they were sent, in
// any order and direction; "*" is 0.
func (d *Decoder) SeqSet(set *imap.SeqSet) bool {
	*set = nil
	return d.ranges(func(a, b uint32) { *set = append(*set, imap.SeqRange{Start: a, Stop: b}) })
}

// UIDSet takes a set of UIDs. Ranges stand as they were sent, in any order
// and direction; "*" is 0.
func (d *Decoder) UIDSet(set *imap.UIDSet) bool {
	*set = nil
	return d.ranges(func(a, b uint32) {
		*set = append(*set, imap.UIDRange{Start: imap.UID(a), Stop: imap.UID(b)})
	})
}

// ExpectUIDSet wants a set of UIDs.
func (d *Decoder) ExpectUIDSet(set *imap.UIDSet) bool {
	return d.Expect(d.UIDSet(set), "a set of UIDs")
}

// NumSet takes a set of UIDs or of sequence numbers; "$" is imap.SearchRes()
// (RFC 5182).
func (d *Decoder) NumSet(uid bool, set *imap.NumSet) bool {
	if d.Special('$') {
		*set = imap.SearchRes()
		return true
	}
	if uid {
		var s imap.UIDSet
		ok := d.UIDSet(&s)
		*set = s
		return ok
	}
	var s imap.SeqSet
	ok := d.SeqSet(&s)
	*set = s
	return ok
}

// ExpectNumSet wants a set of UIDs or of sequence numbers.
func (d *Decoder) ExpectNumSet(uid bool, set *imap.NumSet) bool {
	return d.Expect(d.NumSet(uid, set), "a set of message numbers")
}
