package message

import (
	"encoding/binary"
	"errors"
)

// The compact form of a MIME tree: a version, then the parts, each before its
// children. Numbers are varints; positions count from where they can begin, so
// that most are small. A string of the list of common ones is its number there
// plus one; another is 0, its length, and itself.
const partsVersion = 1

var commonStrings = []string{
	"", "text", "plain", "html", "7bit", "8bit", "quoted-printable", "base64", "utf-8",
	"multipart", "mixed", "alternative", "related", "signed", "report", "digest", "encrypted",
	"message", "rfc822", "delivery-status", "disposition-notification",
	"application", "octet-stream", "pdf", "pgp-signature", "pkcs7-signature", "x-pkcs7-signature",
	"zip", "msword", "vnd.openxmlformats-officedocument.wordprocessingml.document",
	"vnd.openxmlformats-officedocument.spreadsheetml.sheet", "ms-tnef", "ics",
	"image", "jpeg", "png", "gif", "calendar", "binary", "audio", "video",
	"us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252", "UTF-8", "US-ASCII", "ISO-8859-1",
}

var commonNumber = func() map[string]uint64 {
	m := make(map[string]uint64, len(commonStrings))
	for i, s := range commonStrings {
		m[s] = uint64(i + 1)
	}
	return m
}()

// AppendParts appends the MIME tree in a compact form for the index.
func (m *Message) AppendParts(b []byte) []byte {
	return m.Root.append(append(b, partsVersion), 0)
}

func (p *Part) append(b []byte, from int64) []byte {
	for _, n := range [...]int64{p.Header - from, p.Body - p.Header, p.End - p.Body, p.Lines} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	kids := uint64(len(p.Children)) << 1
	if p.Attachment {
		kids |= 1
	}
	b = binary.AppendUvarint(b, kids)
	for _, s := range [...]string{p.Type, p.Subtype, p.Encoding, p.Charset, p.FileName} {
		n := commonNumber[s]
		b = binary.AppendUvarint(b, n)
		if n == 0 {
			b = binary.AppendUvarint(b, uint64(len(s)))
			b = append(b, s...)
		}
	}
	from = p.Body
	for _, kid := range p.Children {
		b = kid.append(b, from)
		from = kid.End
	}
	return b
}

var errParts = errors.New("the stored MIME tree cannot be read")

// DecodeParts reads what AppendParts wrote.
func DecodeParts(b []byte) (*Part, error) {
	if len(b) == 0 || b[0] != partsVersion {
		return nil, errParts
	}
	d := partsDecoder{b: b[1:]}
	root := new(Part)
	d.part(root, 0, 0)
	if d.bad || len(d.b) > 0 {
		return nil, errParts
	}
	return root, nil
}

type partsDecoder struct {
	b   []byte
	bad bool
}

// partSize is the least that a part takes: five numbers and five strings.
const partSize = 10

func (d *partsDecoder) part(p *Part, from int64, depth int) {
	p.Header = from + d.offset()
	p.Body = p.Header + d.offset()
	p.End = p.Body + d.offset()
	p.Lines = d.offset()
	d.bad = d.bad || depth > maxDepth+2 || p.End >= 1<<60
	kids := d.number()
	p.Attachment = kids&1 != 0
	kids >>= 1
	for _, s := range [...]*string{&p.Type, &p.Subtype, &p.Encoding, &p.Charset, &p.FileName} {
		*s = d.string()
	}
	if d.bad || kids > uint64(len(d.b)/partSize) {
		d.bad = d.bad || kids > 0
		return
	}
	if kids == 0 {
		return
	}
	all := make([]Part, kids)
	p.Children = make([]*Part, kids)
	from = p.Body
	for i := range all {
		p.Children[i] = &all[i]
		if d.part(&all[i], from, depth+1); d.bad {
			return
		}
		from = all[i].End
	}
	d.bad = d.bad || from > p.End
}

func (d *partsDecoder) number() uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[size:]
	return n
}

// offset reads a distance; mails are not that long that sums could overflow.
func (d *partsDecoder) offset() int64 {
	n := d.number()
	if n >= 1<<48 {
		d.bad = true
		return 0
	}
	return int64(n)
}

func (d *partsDecoder) string() string {
	n := d.number()
	if n > 0 {
		if n > uint64(len(commonStrings)) {
			d.bad = true
			return ""
		}
		return commonStrings[n-1]
	}
	n = d.number()
	if n > uint64(len(d.b)) {
		d.bad = true
		return ""
	}
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}
