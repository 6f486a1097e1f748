package deflate

import (
	"bytes"
	"compress/flate"
	"io"
	"sync"
)

// Writer compresses what it is given and passes it on at once: each Write
// ends with a sync flush, so that the peer can read all of it. Between writes
// it has no memory: what compresses is lent by a pool.
type Writer struct{ w io.Writer }

// NewWriter compresses into w.
func NewWriter(w io.Writer) *Writer { return &Writer{w} }

// compressor is what one Write needs.
type compressor struct {
	out bytes.Buffer
	f   *flate.Writer
}

var compressors = sync.Pool{New: func() any {
	c := &compressor{}
	c.f, _ = flate.NewWriter(&c.out, flate.BestSpeed) // fails for unknown levels only
	return c
}}

// maxWrite is how much is compressed at a time.
const maxWrite = 64 << 10

// Write implements io.Writer. No compressor is held while w is written to,
// for w may be slow: only its output is.
func (w *Writer) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		part := p[:min(len(p), maxWrite)]
		if err = w.write(part); err == nil {
			n += len(part)
		}
		p = p[len(part):]
	}
	return n, err
}

var outputs = sync.Pool{New: func() any { return new([]byte) }}

func (w *Writer) write(p []byte) error {
	// Each part is compressed without looking back at the ones before, so
	// nothing has to be remembered; a sync flush ends on an octet.
	c := compressors.Get().(*compressor)
	c.out.Reset()
	c.f.Reset(&c.out)
	_, err := c.f.Write(p)
	if err == nil {
		err = c.f.Flush()
	}
	out := outputs.Get().(*[]byte)
	*out = append((*out)[:0], c.out.Bytes()...)
	compressors.Put(c)
	if err == nil {
		_, err = w.w.Write(*out)
	}
	outputs.Put(out)
	return err
}
