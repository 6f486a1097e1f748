package deflate

import "sync"

// tables is what a block with its own codes needs.
type tables struct {
	lit, far huffman
	lengths  [320]uint8 // of literal and distance codes, in a row
	nlit     int
	nfar     int
	norder   int
	got      int // lengths so far
}

var pool = sync.Pool{New: func() any { return new(tables) }}

// release gives back the tables of a block that is over.
func (z *Reader) release() {
	z.lit, z.far = nil, nil
	if z.own != nil {
		pool.Put(z.own)
		z.own = nil
	}
}

// order is in which order the lengths of the code for lengths come.
var order = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamic reads the codes of a block: RFC 1951 §3.2.7.
func (z *Reader) dynamic() error {
	if z.step == dynamicHead {
		v, ok := z.take(14)
		if !ok {
			return errMore
		}
		t := pool.Get().(*tables)
		z.own, z.lit = t, &t.lit
		t.nlit, t.nfar, t.norder, t.got = int(v&31)+257, int(v>>5&31)+1, int(v>>10)+4, 0
		if t.nlit > 286 || t.nfar > 30 {
			return ErrCorrupt
		}
		clear(t.lengths[:])
		z.step = dynamicOrder
	}
	t := z.own
	if z.step == dynamicOrder {
		for ; t.got < t.norder; t.got++ {
			v, ok := z.take(3)
			if !ok {
				return errMore
			}
			t.lengths[order[t.got]] = uint8(v)
		}
		if !t.lit.build(t.lengths[:19]) {
			return ErrCorrupt
		}
		clear(t.lengths[:])
		t.got, z.step = 0, dynamicLengths
	}
	for t.got < t.nlit+t.nfar {
		z.refill()
		sym, used, ok := t.lit.decode(z.bits, z.count)
		if !ok {
			return z.short(z.count)
		}
		if sym < 16 {
			z.drop(used)
			t.lengths[t.got] = uint8(sym)
			t.got++
			continue
		}
		var value uint8
		extra, repeat := uint(2), 3
		switch sym {
		case 16:
			if t.got == 0 {
				return ErrCorrupt
			}
			value = t.lengths[t.got-1]
		case 17:
			extra = 3
		case 18:
			extra, repeat = 7, 11
		}
		if z.count < used+extra {
			return errMore
		}
		z.drop(used)
		repeat += int(z.bits & (1<<extra - 1))
		z.drop(extra)
		if t.got+repeat > t.nlit+t.nfar {
			return ErrCorrupt
		}
		for range repeat {
			t.lengths[t.got] = value
			t.got++
		}
	}
	// Without an end of block there would be no way out.
	if t.lengths[256] == 0 || !t.far.build(t.lengths[t.nlit:t.nlit+t.nfar]) || !t.lit.build(t.lengths[:t.nlit]) {
		return ErrCorrupt
	}
	z.lit, z.far, z.step = &t.lit, &t.far, symbols
	return nil
}
