package imapd

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
)

// Bounds of METADATA.
const (
	maxMetadataValue = 64 << 10
	maxMetadataName  = 255
	maxMetadataNames = 100 // in one command
)

// metadataDeep is DEPTH infinity.
const metadataDeep = -1

// metadataQuery is what is asked for of the annotations.
type metadataQuery struct {
	names   []string
	depth   int
	maxSize uint32
	limited bool // maxSize is given
	longest int  // of the values that were left out for their size
}

// cmdGetMetadata: RFC 5464 §4.2.
func (c *conn) cmdGetMetadata(d *wire.Decoder) error {
	var q metadataQuery
	var name string
	if !d.ExpectSP() {
		return d.Err()
	}
	if d.List(func() bool { return q.option(d) }) && !d.ExpectSP() {
		return d.Err()
	}
	if !d.ExpectMailbox(&name) || !d.ExpectSP() || !q.entries(d) || !d.ExpectCRLF() {
		return d.Err()
	}
	p, err := c.metadataPlace(name)
	if err != nil {
		return err
	}
	if err := c.tellMetadata(p, name, &q); err != nil {
		return err
	}
	if q.longest > 0 {
		c.ok("METADATA LONGENTRIES "+strconv.Itoa(q.longest), "Longer values were left out.")
	}
	return nil
}

func (q *metadataQuery) option(d *wire.Decoder) bool {
	var name string
	if !d.ExpectName(&name) || !d.ExpectSP() {
		return false
	}
	switch name {
	case "MAXSIZE":
		q.limited = true
		return d.ExpectNumber(&q.maxSize)
	case "DEPTH":
		var depth string
		if !d.ExpectName(&depth) {
			return false
		}
		switch depth {
		case "0", "1":
			q.depth = int(depth[0] - '0')
			return true
		case "INFINITY":
			q.depth = metadataDeep
			return true
		}
		return d.Bad("DEPTH is 0, 1 or infinity.")
	}
	return d.Bad("There is no option " + name + ".")
}

// entries reads one name or a list of them.
func (q *metadataQuery) entries(d *wire.Decoder) bool {
	one := func() bool {
		var name string
		if !d.ExpectAString(&name) {
			return false
		}
		if len(q.names) == maxMetadataNames {
			return d.Bad("There are too many entries.")
		}
		if name = strings.ToLower(name); name != "/private" && name != "/shared" && !metadataName(name) {
			return d.Bad("An entry's name begins with /private/ or /shared/.")
		}
		q.names = append(q.names, name)
		return true
	}
	return d.List(one) || d.Err() == nil && one()
}

// metadataName reports whether an entry can have this name: RFC 5464 §3.2.
func metadataName(name string) bool {
	if len(name) > maxMetadataName || !strings.HasPrefix(name, "/private/") && !strings.HasPrefix(name, "/shared/") ||
		strings.HasSuffix(name, "/") || strings.Contains(name, "//") {
		return false
	}
	for i := range len(name) {
		if b := name[i]; b < ' ' || b >= 0x7f || b == '*' || b == '%' {
			return false
		}
	}
	return true
}

// metadataPlace finds the mailbox of this name; "" stands for the login's own
// box.
func (c *conn) metadataPlace(name string) (place, error) {
	if name == "" {
		return place{view: c.login.Root}, nil
	}
	return c.locate(name)
}

// wants reports whether an entry is asked for.
func (q *metadataQuery) wants(entry string) bool {
	for _, n := range q.names {
		rest, ok := strings.CutPrefix(entry, n)
		switch {
		case !ok || rest != "" && rest[0] != '/':
		case rest == "", q.depth == metadataDeep, q.depth == 1 && strings.Count(rest, "/") == 1:
			return true
		}
	}
	return false
}

// tellMetadata writes a METADATA response, if there is something to be told.
func (c *conn) tellMetadata(p place, name string, q *metadataQuery) error {
	have, err := p.view.Metadata(c.ctx, p.name)
	if err != nil {
		return err
	}
	var entries []string
	for entry, value := range have {
		switch {
		case !q.wants(entry):
		case q.limited && len(value) > int(q.maxSize):
			q.longest = max(q.longest, len(value))
		default:
			entries = append(entries, entry)
		}
	}
	if q.depth == 0 { // what is asked for by its name and is not there is NIL
		for _, n := range q.names {
			if _, there := have[n]; !there && metadataName(n) && !slices.Contains(entries, n) {
				entries = append(entries, n)
			}
		}
	}
	slices.Sort(entries)
	if len(entries) == 0 {
		return nil
	}
	c.out.Raw("* METADATA ").Mailbox(foldInbox(name)).SP()
	c.out.List(len(entries), func(i int) {
		c.out.String(entries[i]).SP()
		switch value, ok := have[entries[i]]; {
		case !ok:
			c.out.Raw("NIL")
		case slices.Contains(value, 0):
			c.out.Literal8(int64(len(value))).Bytes(value)
		default:
			c.out.String(string(value))
		}
	}).CRLF()
	return nil
}

// cmdSetMetadata: RFC 5464 §4.3.
func (c *conn) cmdSetMetadata(d *wire.Decoder) error {
	var name string
	changes := map[string][]byte{}
	if !d.ExpectSP() || !d.ExpectMailbox(&name) || !d.ExpectSP() || !d.ExpectList(func() bool {
		var entry string
		var value []byte
		if !d.ExpectAString(&entry) || !d.ExpectSP() || !metadataValue(d, &value) {
			return false
		}
		entry = strings.ToLower(entry)
		switch {
		case !metadataName(entry):
			return d.Bad("An entry's name begins with /private/ or /shared/.")
		case len(changes) == maxMetadataNames:
			return d.Fail(no("METADATA TOOMANY", "There are too many entries."))
		case entry == "/shared/admin" && name == "":
			return d.Fail(no(imap.ResponseCodeNoPerm, "Only the operator says who he is."))
		}
		changes[entry] = value
		return true
	}) || !d.ExpectCRLF() {
		return d.Err()
	}
	p, err := c.metadataPlace(name)
	if err != nil {
		return err
	}
	return p.view.SetMetadata(c.ctx, p.name, changes)
}

// metadataValue reads a value; NIL, which removes the entry, is nil.
func metadataValue(d *wire.Decoder, value *[]byte) bool {
	if b := d.Peek(); b == '{' || b == '~' {
		var l wire.Literal
		if !d.ExpectLiteral(&l) {
			return false
		}
		if l.Size > maxMetadataValue {
			return d.Fail(no(imap.ResponseCode("METADATA MAXSIZE "+strconv.Itoa(maxMetadataValue)), "The value is too long."))
		}
		b, err := io.ReadAll(d.Open())
		*value = b
		return err == nil
	}
	var s string
	var ok bool
	if !d.ExpectNString(&s, &ok) {
		return false
	}
	if ok {
		*value = []byte(s)
	}
	return true
}
