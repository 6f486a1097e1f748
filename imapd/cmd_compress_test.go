package imapd

import (
	"bufio"
	"compress/flate"
	"net"
	"strings"
	"testing"
	"time"
)

// flushing sends each write at once.
type flushing struct{ *flate.Writer }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err == nil {
		err = f.Flush()
	}
	return n, err
}

// compress makes a client go on compressed.
func (c *client) compress() {
	w, _ := flate.NewWriter(c.nc, flate.DefaultCompression)
	c.in, c.out = bufio.NewReader(flate.NewReader(c.in)), flushing{w}
}

func TestCompress(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Timeouts.StillHere = 30 * time.Millisecond })
	w.deliver("marko", "INBOX", "one")
	w.play(`
		Cx: 1 COMPRESS DEFLATE
		Sx: 1 BAD Log in first.
		C: 1 COMPRESS LZW
		S: 1 BAD Only DEFLATE is known.
		C: 2 COMPRESS DEFLATE
		S: 2 OK …
	`)
	w.clients[""].compress()
	w.play(`
		C: 3 COMPRESS DEFLATE
		S: 3 NO [COMPRESSIONACTIVE] …
		C: 4 SELECT INBOX
		S* 4 OK …
		C: 5 FETCH 1 BODY.PEEK[TEXT]
		S: * 1 FETCH (BODY[TEXT] {12}
		S: Hello one.
		S: )
		S: 5 OK …
		C: 6 APPEND INBOX {10}
		S: + OK
		C: A: b\r\n\r\n\r\n
		S* 6 OK [APPENDUID …
		# An idle client is woken through the compression.
		C: 7 IDLE
		S: + idling
		S: * OK Still here
		C2: 1 SELECT INBOX
		S2* 1 OK …
		C2: 2 STORE 1 +FLAGS.SILENT (\Flagged)
		S2: 2 OK …
		S* * 1 FETCH (…\Flagged…
		C: DONE
		S* 7 OK Done.
		C: 8 LOGOUT
		S: * BYE Goodbye.
		S: 8 OK Done.
	`)
}

const zlibScript = `
import socket, sys, zlib
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 20)
f = s.makefile('rb')
f.readline()
def plain(line):
    s.sendall(line + b'\r\n')
    while True:
        l = f.readline()
        if not l.startswith(b'*'): return l
plain(b'1 LOGIN marko secret')
if b' OK ' not in plain(b'2 COMPRESS DEFLATE'): raise SystemExit('COMPRESS')
c, d = zlib.compressobj(9, zlib.DEFLATED, -15), zlib.decompressobj(-15)
def talk(line, flush, tag):
    s.sendall(c.compress(line + b'\r\n') + c.flush(flush))
    got = b''
    while (b'\r\n' + tag + b' ') not in b'\r\n' + got or not got.endswith(b'\r\n'): got += d.decompress(s.recv(65536))
    return got
kinds = {'partial': zlib.Z_PARTIAL_FLUSH, 'sync': zlib.Z_SYNC_FLUSH, 'full': zlib.Z_FULL_FLUSH}
n = 0
for i in range(20):
    for k in kinds.values():
        n += 1
        tag = b'%d' % n
        talk(tag + b' NOOP', k, tag)
print(talk(b'a SELECT INBOX\r\nb FETCH 1 (RFC822.SIZE BODY.PEEK[])', zlib.Z_PARTIAL_FLUSH, b'b').count(b'x' * 1000))
`

func TestCompressZlib(t *testing.T) {
	w := newWorld(t)
	w.deliverRaw("marko", "INBOX", "Subject: x\r\n\r\n"+strings.Repeat(strings.Repeat("x", 1000)+"\r\n", 300))
	host, port, _ := net.SplitHostPort(w.addr)
	if got := run(t, t.TempDir(), "python3", "-c", zlibScript, host, port); got != "300\n" {
		t.Error(got)
	}
}

func TestWithout(t *testing.T) {
	w := newWorld(t)
	w.logins["marko"].Without = map[string]bool{"COMPRESS=DEFLATE": true, "APPENDLIMIT": true, "MOVE": true}
	w.play(`
		C: 1 COMPRESS DEFLATE
		S: 1 NO …
		C: 2 STATUS INBOX (APPENDLIMIT)
		S: 2 BAD …
		C: 3 CAPABILITY
	`)
	list := w.line(w.clients[""], "")
	for _, name := range []string{"COMPRESS", "APPENDLIMIT", " MOVE"} {
		if strings.Contains(list, name) {
			t.Errorf("%s is offered: %s", name, list)
		}
	}
}
