package deflate

import (
	"errors"
	"io"
	"math/bits"
)

// ErrCorrupt is what Read returns when the octets are no compressed stream.
var ErrCorrupt = errors.New("the compressed stream is damaged")

// errMore: the octets at hand do not suffice.
var errMore = errors.New("more octets are needed")

// Sizes of the window, which grows as it is used.
const (
	firstWindow = 1 << 10
	maxWindow   = 32 << 10
)

// step is where a Reader is in the stream. Each step either does a whole
// thing or leaves everything as it was and says errMore, so that reading can
// go on after any pause.
type step uint8

const (
	blockHead step = iota
	storedHead
	stored
	dynamicHead
	dynamicOrder
	dynamicLengths
	symbols
	ended
)

// Reader decompresses. It gives what can be decompressed as soon as its
// octets are there, whatever way the peer flushes, and goes on after errors
// of the reader below it.
type Reader struct {
	r        io.Reader
	in       [1 << 10]byte
	pos, end int

	bits  uint64 // the next bits, the first one lowest
	count uint   // how many

	step step
	last bool  // the present block is the last one
	over error // why there is nothing more

	left   int    // of a stored block
	match  int    // octets still to be copied
	dist   int    // from how far back
	window []byte // what was given, as a ring
	at     int    // where the next octet goes
	total  int    // octets given, up to maxWindow

	lit, far *huffman
	own      *tables // if the present block has its own codes
}

// NewReader decompresses what r has.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

// Read implements io.Reader.
func (z *Reader) Read(p []byte) (n int, err error) {
	for n < len(p) && z.over == nil {
		var got int
		got, err = z.next(p[n:])
		n += got
		if err == nil {
			continue
		}
		if err != errMore {
			z.over = err
			break
		}
		if n > 0 {
			return n, nil // rather than wait
		}
		if z.end, err = z.r.Read(z.in[:]); z.end == 0 && err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			z.pos = 0
			return 0, err
		}
		z.pos = 0
	}
	if n > 0 {
		return n, nil
	}
	return 0, z.over
}

// refill takes as many whole octets into z.bits as there is room for.
func (z *Reader) refill() {
	for z.count <= 56 && z.pos < z.end {
		z.bits |= uint64(z.in[z.pos]) << z.count
		z.pos++
		z.count += 8
	}
}

// take takes n bits, at most 32.
func (z *Reader) take(n uint) (v uint32, ok bool) {
	if z.refill(); z.count < n {
		return 0, false
	}
	v = uint32(z.bits & (1<<n - 1))
	z.drop(n)
	return v, true
}

func (z *Reader) drop(n uint) {
	z.bits >>= n
	z.count -= n
}

// next does one step, or as many as fit into p.
func (z *Reader) next(p []byte) (n int, err error) {
	switch z.step {
	case blockHead:
		return 0, z.blockHead()
	case storedHead:
		return 0, z.storedHead()
	case stored:
		return z.stored(p)
	case dynamicHead, dynamicOrder, dynamicLengths:
		return 0, z.dynamic()
	case symbols:
		return z.symbols(p)
	}
	return 0, io.EOF
}

// blockHead: RFC 1951 §3.2.3.
func (z *Reader) blockHead() error {
	if z.last {
		z.step = ended
		return io.EOF
	}
	v, ok := z.take(3)
	if !ok {
		return errMore
	}
	z.last = v&1 != 0
	switch v >> 1 {
	case 0:
		z.drop(z.count % 8)
		z.step = storedHead
	case 1:
		z.lit, z.far = &fixedLit, &fixedFar
		z.step = symbols
	case 2:
		z.step = dynamicHead
	default:
		return ErrCorrupt
	}
	return nil
}

// storedHead: RFC 1951 §3.2.4.
func (z *Reader) storedHead() error {
	v, ok := z.take(32)
	if !ok {
		return errMore
	}
	if v&0xffff != ^v>>16 {
		return ErrCorrupt
	}
	z.left, z.step = int(v&0xffff), stored
	return nil
}

func (z *Reader) stored(p []byte) (n int, err error) {
	for ; z.left > 0 && n < len(p); n++ {
		v, ok := z.take(8)
		if !ok {
			return n, errMore
		}
		p[n] = byte(v)
		z.put(byte(v))
		z.left--
	}
	if z.left == 0 {
		z.step = blockHead
	}
	return n, nil
}

// put remembers an octet that was given.
func (z *Reader) put(b byte) {
	if z.at == len(z.window) {
		if len(z.window) < maxWindow {
			bigger := make([]byte, max(firstWindow, 2*len(z.window)))
			copy(bigger, z.window)
			z.window = bigger
		} else {
			z.at = 0
		}
	}
	z.window[z.at] = b
	z.at++
	if z.total < maxWindow {
		z.total++
	}
}

// symbols: RFC 1951 §3.2.5.
func (z *Reader) symbols(p []byte) (n int, err error) {
	for n < len(p) {
		for ; z.match > 0 && n < len(p); n++ {
			from := z.at - z.dist
			if from < 0 {
				from += len(z.window)
			}
			b := z.window[from]
			p[n] = b
			z.put(b)
			z.match--
		}
		if z.match > 0 || n == len(p) {
			break
		}
		z.refill()
		bits, count := z.bits, z.count
		sym, used, ok := z.lit.decode(bits, count)
		if !ok {
			return n, z.short(count)
		}
		bits, count = bits>>used, count-used
		switch {
		case sym < 256:
			z.bits, z.count = bits, count
			p[n] = byte(sym)
			z.put(byte(sym))
			n++
			continue
		case sym == 256:
			z.bits, z.count = bits, count
			z.release()
			z.step = blockHead
			return n, nil
		case sym > 285:
			return n, ErrCorrupt
		}
		l := lengths[sym-257]
		if count < uint(l.extra) {
			return n, errMore
		}
		match := int(l.base) + int(bits&(1<<l.extra-1))
		bits, count = bits>>l.extra, count-uint(l.extra)
		if sym, used, ok = z.far.decode(bits, count); !ok {
			return n, z.short(count)
		}
		bits, count = bits>>used, count-used
		if sym > 29 {
			return n, ErrCorrupt
		}
		d := distances[sym]
		if count < uint(d.extra) {
			return n, errMore
		}
		dist := int(d.base) + int(bits&(1<<d.extra-1))
		bits, count = bits>>d.extra, count-uint(d.extra)
		if dist > z.total {
			return n, ErrCorrupt
		}
		z.bits, z.count = bits, count
		z.match, z.dist = match, dist
	}
	return n, nil
}

// short says what it means that a code cannot be decoded from count bits.
func (z *Reader) short(count uint) error {
	if count >= maxCode {
		return ErrCorrupt
	}
	return errMore
}

// extended is a length or a distance with extra bits.
type extended struct {
	base  uint16
	extra uint8
}

var lengths, distances = func() (l [29]extended, d [30]extended) {
	base := 3
	for i := range 28 {
		extra := max(0, i/4-1)
		l[i] = extended{uint16(base), uint8(extra)}
		base += 1 << extra
	}
	l[28] = extended{258, 0}
	base = 1
	for i := range d {
		extra := max(0, i/2-1)
		d[i] = extended{uint16(base), uint8(extra)}
		base += 1 << extra
	}
	return l, d
}()

// maxCode is the length of the longest code; quick is how many bits are
// looked up at once.
const (
	maxCode = 15
	quick   = 9
)

// huffman is a code (RFC 1951 §3.2.2).
type huffman struct {
	fast   [1 << quick]uint16 // symbol<<4 | length for short codes, 0 for others
	counts [maxCode + 1]uint16
	syms   [288]uint16 // ordered by code
}

// build makes the code whose symbols have these lengths. A code may have a
// single symbol; else it must be complete.
func (h *huffman) build(lengths []uint8) bool {
	*h = huffman{}
	for _, l := range lengths {
		h.counts[l]++
	}
	h.counts[0] = 0
	var next, offset [maxCode + 2]int
	left, used := 1, 0
	for l := 1; l <= maxCode; l++ {
		if left = left<<1 - int(h.counts[l]); left < 0 {
			return false
		}
		next[l+1] = (next[l] + int(h.counts[l])) << 1
		offset[l+1] = offset[l] + int(h.counts[l])
		used += int(h.counts[l])
	}
	if left > 0 && (used > 1 || used == 1 && h.counts[1] != 1) {
		return false
	}
	for sym, l := range lengths {
		if l == 0 {
			continue
		}
		h.syms[offset[l]] = uint16(sym)
		offset[l]++
		code := next[l]
		next[l]++
		if l <= quick {
			for i := int(bits.Reverse16(uint16(code)) >> (16 - l)); i < 1<<quick; i += 1 << l {
				h.fast[i] = uint16(sym)<<4 | uint16(l)
			}
		}
	}
	return true
}

// decode gives the symbol that the next of count bits stand for and how many
// they are; ok is false when there are too few, or no such code exists.
func (h *huffman) decode(in uint64, count uint) (sym int, used uint, ok bool) {
	if f := h.fast[in&(1<<quick-1)]; f != 0 {
		used = uint(f & 15)
		return int(f >> 4), used, used <= count
	}
	code, first, index := 0, 0, 0
	for l := uint(1); l <= min(maxCode, count); l++ {
		code |= int(in & 1)
		in >>= 1
		n := int(h.counts[l])
		if code-n < first {
			return int(h.syms[index+code-first]), l, true
		}
		index += n
		first = (first + n) << 1
		code <<= 1
	}
	return 0, 0, false
}

var fixedLit, fixedFar = func() (lit, far huffman) {
	var l [288]uint8
	for i := range l {
		switch {
		case i < 144, i >= 280:
			l[i] = 8
		case i < 256:
			l[i] = 9
		default:
			l[i] = 7
		}
	}
	lit.build(l[:])
	var d [32]uint8
	for i := range d {
		d[i] = 5
	}
	far.build(d[:])
	return lit, far
}()
