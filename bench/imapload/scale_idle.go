package main

import (
	"compress/flate"
	"fmt"
	"io"
	"net"
)

// idleConnections gives what many connections cost that idle in a mailbox.
func idleConnections(s *scale) ([]figure, error) {
	h, err := s.hub("idle")
	if err != nil {
		return nil, err
	}
	if err := h.run(); err != nil {
		return nil, err
	}
	defer h.stop()
	var figures []figure
	for _, compress := range []bool{false, true} {
		before, err := h.pss()
		if err != nil {
			return nil, err
		}
		conns, err := idling(h, s.idle, compress)
		if err == nil {
			h.settle()
			var after int64
			if after, err = h.pss(); err == nil {
				name := fmt.Sprintf("%d idling TLS connections", s.idle)
				if compress {
					name += " with COMPRESS"
				}
				figures = append(figures, figure{name, float64(after) / 1024, "MiB", 64, true,
					fmt.Sprintf("the whole process; %.1f KiB a connection", float64(after-before)/float64(s.idle)), ""})
			}
		}
		for _, c := range conns {
			c.close()
		}
		if err != nil {
			return figures, err
		}
		if err := h.restart(); err != nil {
			return figures, err
		}
	}
	return figures, nil
}

func idling(h *server, n int, compress bool) (conns []*client, err error) {
	for range n {
		c, err := login(h, true)
		if err != nil {
			return conns, err
		}
		conns = append(conns, c)
		if _, err := c.do("SELECT INBOX"); err != nil {
			return conns, err
		}
		if compress {
			if err := c.compress(); err != nil {
				return conns, err
			}
		}
		if err := c.send("IDLE\r\n"); err != nil {
			return conns, err
		}
		if err := c.await("+ "); err != nil {
			return conns, err
		}
		c.free()
		c.nc = keepRaw(c.nc)
	}
	return conns, nil
}

// deflated is a connection with COMPRESS=DEFLATE (RFC 4978).
type deflated struct {
	net.Conn
	r io.Reader
	w *flate.Writer
}

func (d *deflated) Read(p []byte) (int, error) { return d.r.Read(p) }

func (d *deflated) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	if err == nil {
		err = d.w.Flush()
	}
	return n, err
}

func (c *client) compress() error {
	if _, err := c.do("COMPRESS DEFLATE"); err != nil {
		return err
	}
	w, err := flate.NewWriter(c.nc, flate.BestSpeed)
	if err != nil {
		return err
	}
	c.nc = &deflated{c.nc, flate.NewReader(c.nc), w}
	c.r.Reset(c.nc)
	return nil
}

// keepRaw lets go of a compressor, which is large, on this program's side.
func keepRaw(nc net.Conn) net.Conn {
	if d, is := nc.(*deflated); is {
		return d.Conn
	}
	return nc
}
