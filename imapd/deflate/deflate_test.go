package deflate

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// samples are texts of all kinds.
func samples() []string {
	random := rand.NewChaCha8([32]byte{1})
	noise := make([]byte, 40_000)
	random.Read(noise)
	var words strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&words, "* %d FETCH (UID %d FLAGS (\\Seen))\r\n", i, i*7)
	}
	return []string{"", "a", strings.Repeat("a", 70_000), string(noise), words.String(), "a1 NOOP\r\n"}
}

func TestRoundTrip(t *testing.T) {
	for _, s := range samples() {
		var wire bytes.Buffer
		w := NewWriter(&wire)
		for part := s; len(part) > 0; {
			n := min(len(part), 1+rand.IntN(80_000))
			if got, err := w.Write([]byte(part[:n])); got != n || err != nil {
				t.Fatal(got, err)
			}
			part = part[n:]
		}
		for name, open := range map[string]func(io.Reader) io.Reader{
			"ours":     func(r io.Reader) io.Reader { return NewReader(r) },
			"standard": func(r io.Reader) io.Reader { return flate.NewReader(r) },
		} {
			got, err := io.ReadAll(open(bytes.NewReader(wire.Bytes())))
			if string(got) != s || !errors.Is(err, io.ErrUnexpectedEOF) { // the stream has no end
				t.Errorf("%s: %.20q… became %.20q…, %v", name, s, got, err)
			}
		}
	}
}

func TestReader(t *testing.T) {
	for _, s := range samples() {
		for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
			if testing.Short() && level != 1 && level != 6 {
				continue
			}
			var wire bytes.Buffer
			w, err := flate.NewWriter(&wire, level)
			if err != nil {
				t.Fatal(err)
			}
			for part := s; len(part) > 0; {
				n := min(len(part), 1+rand.IntN(50_000))
				io.WriteString(w, part[:n])
				w.Flush()
				part = part[n:]
			}
			w.Close()
			for name, r := range map[string]io.Reader{
				"whole": &wire, "by halves": iotest.HalfReader(bytes.NewReader(wire.Bytes())),
				"by octets": iotest.OneByteReader(bytes.NewReader(wire.Bytes())), "with pauses": &pausing{r: bytes.NewReader(wire.Bytes())},
			} {
				z := NewReader(r)
				var got bytes.Buffer
				buf := make([]byte, 1+rand.IntN(5000))
				var err error
				for err == nil || err == errPause {
					var n int
					n, err = z.Read(buf)
					got.Write(buf[:n])
				}
				if got.String() != s || err != io.EOF {
					t.Fatalf("level %d, %s: %.20q… became %.20q…, %v", level, name, s, got.String(), err)
				}
			}
		}
	}
}

var errPause = errors.New("pause")

// pausing gives a few octets, then an error, in turn.
type pausing struct {
	r     io.Reader
	pause bool
}

func (p *pausing) Read(b []byte) (int, error) {
	if p.pause = !p.pause; p.pause {
		return 0, errPause
	}
	return p.r.Read(b[:min(len(b), 1+rand.IntN(3))])
}

// TestPartialFlush: what zlib sends with Z_PARTIAL_FLUSH is readable at once.
func TestPartialFlush(t *testing.T) {
	in := make(chan []byte, 1)
	z := NewReader(chunks{in})
	for _, c := range [][2]string{
		{"4a3454f0f3f70fe0e50208", "a1 NOOP\r\n"},
		{"a04423280320", "a2 NOOP\r\n"},
		{"80128d15825d7d5c9d43143cfd9cfc2388110008", "a3 SELECT INBOX\r\na3 SELECT INBOX\r\na3 SELECT INBOX\r\n"},
	} {
		b, err := hex.DecodeString(c[0])
		if err != nil {
			t.Fatal(err)
		}
		in <- b
		got := make([]byte, len(c[1]))
		if _, err := io.ReadFull(z, got); err != nil || string(got) != c[1] {
			t.Fatalf("%q, %v; want %q", got, err, c[1])
		}
	}
}

// chunks gives what comes by a channel; it does not wait for it.
type chunks struct{ c chan []byte }

func (c chunks) Read(p []byte) (int, error) {
	select {
	case b := <-c.c:
		return copy(p, b), nil
	default:
		return 0, errors.New("there is nothing more")
	}
}

func TestCorrupt(t *testing.T) {
	for _, in := range []string{
		"07",                   // block type 3
		"0001000000",           // length of a stored block
		"030200",               // length code 286… of the fixed code is none
		"0405",                 // too short
		"05ffffffffffffffffff", // too many codes
		"4b0403",
	} {
		b, _ := hex.DecodeString(in)
		got, err := io.ReadAll(NewReader(bytes.NewReader(b)))
		if err == nil {
			t.Errorf("%s became %q", in, got)
		}
	}
}

// TestIdleMemory: a connection that has said little holds little.
func TestIdleMemory(t *testing.T) {
	const n = 200
	var wire bytes.Buffer
	w, _ := flate.NewWriter(&wire, flate.BestCompression)
	io.WriteString(w, strings.Repeat("a1 UID FETCH 1:* (FLAGS)\r\n", 10))
	w.Flush()
	hold := make([]any, 0, 2*n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range n {
		z := NewReader(chunksOf(wire.Bytes()))
		for buf := make([]byte, 100); ; {
			if _, err := z.Read(buf); err != nil {
				break
			}
		}
		out := NewWriter(io.Discard)
		out.Write([]byte("* OK Still here\r\n"))
		hold = append(hold, z, out)
	}
	runtime.GC()
	runtime.GC() // what lies in pools goes
	runtime.ReadMemStats(&after)
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / n; each > 6<<10 {
		t.Errorf("an idle connection holds %d octets", each)
	}
	runtime.KeepAlive(hold)
}

func chunksOf(b []byte) io.Reader {
	c := make(chan []byte, 1)
	c <- b
	return chunks{c}
}

// FuzzReader compares with the standard library.
func FuzzReader(f *testing.F) {
	for _, s := range samples() {
		for _, level := range []int{flate.HuffmanOnly, 1, 9} {
			var wire bytes.Buffer
			w, _ := flate.NewWriter(&wire, level)
			io.WriteString(w, s[:min(len(s), 2000)])
			w.Close()
			f.Add(wire.Bytes())
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		const most = 1 << 20
		got, err := io.ReadAll(io.LimitReader(NewReader(iotest.HalfReader(bytes.NewReader(in))), most))
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(in)), most))
		if (err == nil) != (wantErr == nil) || wantErr == nil && !bytes.Equal(got, want) {
			t.Errorf("got %q, %v; want %q, %v", got, err, want, wantErr)
		}
		// The standard library keeps back what it has of a block that is cut off.
		if n := min(len(got), len(want)); !bytes.Equal(got[:n], want[:n]) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func BenchmarkReader(b *testing.B) {
	s := samples()[4]
	var wire bytes.Buffer
	w, _ := flate.NewWriter(&wire, flate.DefaultCompression)
	io.WriteString(w, s)
	w.Close()
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		if n, err := io.Copy(io.Discard, NewReader(bytes.NewReader(wire.Bytes()))); n != int64(len(s)) || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkWriter(b *testing.B) {
	s := []byte(samples()[4])[:32<<10]
	w := NewWriter(io.Discard)
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		w.Write(s)
	}
}
