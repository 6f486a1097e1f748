package imapd

import (
	"bytes"
	"io"

	"heimpost/imapd/deflate"
	"heimpost/imapd/wire"
)

// cmdCompress: RFC 4978.
func (c *conn) cmdCompress(d *wire.Decoder) error {
	var name string
	if !d.ExpectSP() || !d.ExpectName(&name) || !d.ExpectCRLF() {
		return d.Err()
	}
	switch {
	case name != "DEFLATE":
		return bad("Only DEFLATE is known.")
	case c.compressed:
		return no("COMPRESSIONACTIVE", "The connection is compressed already.")
	case !c.canCompress() || c.offer("COMPRESS=DEFLATE") == nil:
		return no("", "Compression is not offered.")
	}
	c.ok("", "Compressing from here on.")
	c.cmd.after = func() error {
		// What came behind the command is compressed already.
		ahead := c.in.Reset(nil)
		c.in.Reset(deflate.NewReader(io.MultiReader(bytes.NewReader(ahead), &c.stream)))
		c.out.Reset(deflate.NewWriter(&c.stream))
		c.compressed = true
		return nil
	}
	return nil
}

// canCompress reports whether compression is possible now.
func (c *conn) canCompress() bool { return c.login != nil && !c.compressed }
