package message

import "io"

// DecodePart gives a reader of a part's content with its transfer encoding
// undone (RFC 3516 BINARY). ok is false for an encoding that is not known.
// What is wrong in it is passed over (base64) or stays as it is
// (quoted-printable).
func DecodePart(r io.ReaderAt, p *Part) (content io.Reader, ok bool) {
	raw := io.NewSectionReader(r, p.Body, p.End-p.Body)
	switch p.Encoding {
	case "7bit", "8bit", "binary":
		return raw, true
	case "base64":
		return &decoding{r: raw, d: &base64Decoder{}}, true
	case "quoted-printable":
		return &decoding{r: raw, d: &quotedDecoder{}}, true
	}
	return raw, false
}

// transferDecoder undoes an encoding piece by piece. Its output is never
// longer than what went in so far.
type transferDecoder interface {
	decode(dst, src []byte) []byte // appends
	end(dst []byte) []byte
}

// decoding is a reader through a transferDecoder.
type decoding struct {
	r    io.Reader
	d    transferDecoder
	in   []byte
	out  []byte // the buffer
	rest []byte // what of it was not yet read
	err  error
}

func (d *decoding) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(d.rest) == 0 {
		if d.err != nil {
			return 0, d.err
		}
		if d.in == nil {
			d.in = make([]byte, 16<<10)
		}
		n, err := d.r.Read(d.in)
		d.out = d.d.decode(d.out[:0], d.in[:n])
		if err == io.EOF {
			d.out = d.d.end(d.out)
		}
		d.rest, d.err = d.out, err
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

// base64Values gives an octet's six bits; 64 is the padding, 255 no base64.
var base64Values = func() (v [256]byte) {
	for i := range v {
		v[i] = 255
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		v[c] = byte(i)
	}
	v['='] = 64
	return v
}()

// base64Decoder passes over what is no base64; a padding ends a group, and
// another text may follow it (some join encoded pieces).
type base64Decoder struct {
	bits uint32
	n    int // sextets in bits
}

func (d *base64Decoder) decode(dst, src []byte) []byte {
	for i := 0; i < len(src); i++ {
		v := base64Values[src[i]]
		switch {
		case v < 64:
			d.bits, d.n = d.bits<<6|uint32(v), d.n+1
			if d.n == 4 {
				dst = append(dst, byte(d.bits>>16), byte(d.bits>>8), byte(d.bits))
				d.bits, d.n = 0, 0
			}
		case v == 64:
			dst = d.end(dst)
		}
	}
	return dst
}

func (d *base64Decoder) end(dst []byte) []byte {
	switch d.n {
	case 2:
		dst = append(dst, byte(d.bits>>4))
	case 3:
		dst = append(dst, byte(d.bits>>10), byte(d.bits>>2))
	}
	d.bits, d.n = 0, 0
	return dst
}

// quotedDecoder undoes RFC 2045 §6.7. White space before a line end was added
// on the way; a "=" that encodes nothing stands for itself.
type quotedDecoder struct {
	held []byte // a beginning whose meaning the next octets decide
}

// maxTrail is how much white space is held back before it counts as text.
const maxTrail = 1024

func (d *quotedDecoder) decode(dst, src []byte) []byte {
	if len(d.held) > 0 {
		src = append(d.held, src...)
		d.held = nil
	}
	for len(src) > 0 {
		i := 0
		for i < len(src) && src[i] != '=' && !isBlank(src[i]) {
			i++
		}
		dst = append(dst, src[:i]...)
		if src = src[i:]; len(src) == 0 {
			break
		}
		if src[0] == '=' && len(src) > 2 {
			if hi, lo := unhex(src[1]), unhex(src[2]); hi >= 0 && lo >= 0 {
				dst = append(dst, byte(hi<<4|lo))
				src = src[3:]
				continue
			}
		}
		text, n := quoted(src)
		if n == 0 && len(src) <= maxTrail {
			d.held = append([]byte(nil), src...)
			break
		}
		if n == 0 {
			text, n = src, len(src)
		}
		dst = append(dst, text...)
		src = src[n:]
	}
	return dst
}

func (d *quotedDecoder) end(dst []byte) []byte {
	if h := d.held; len(h) > 0 && h[0] == '=' {
		if len(h) > 1 && !isBlank(h[1]) && h[1] != '\r' {
			dst = append(dst, h...)
		}
	}
	d.held = nil
	return dst
}

// quoted decodes what src begins with, white space or a "=" that is no octet:
// its text, and how many octets it took; 0: the next octets decide.
func quoted(src []byte) (text []byte, n int) {
	if src[0] == '=' && len(src) == 2 && unhex(src[1]) >= 0 {
		return nil, 0
	}
	i := 1
	for i < len(src) && isBlank(src[i]) {
		i++
	}
	if i == len(src) || src[i] == '\r' && i+1 == len(src) {
		return nil, 0
	}
	if src[i] == '\n' || src[i] == '\r' && src[i+1] == '\n' {
		if src[0] != '=' {
			return nil, i
		}
		if src[i] == '\r' {
			i++
		}
		return nil, i + 1
	}
	if src[0] == '=' {
		return src[:1], 1
	}
	return src[:i], i
}
