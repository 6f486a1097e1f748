package pop3fetch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"heimpost/pop3fetch/pop3d"
)

// far makes a dialer whose connections take a while each way.
func far(dial func(context.Context, string, string) (net.Conn, error), oneWay time.Duration) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		time.Sleep(2 * oneWay) // TCP's handshake
		up, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		here, there := memConns()
		go delay(there, up, oneWay)
		go delay(up, there, oneWay)
		return here, nil
	}
}

// delay copies what comes from one connection to another, each piece as late
// as the other end is far.
func delay(from io.ReadCloser, to io.WriteCloser, wait time.Duration) {
	type piece struct {
		at   time.Time
		data []byte
	}
	pieces := make(chan piece, 10_000)
	var wg sync.WaitGroup
	wg.Go(func() {
		for p := range pieces {
			time.Sleep(time.Until(p.at))
			if _, err := to.Write(p.data); err != nil {
				from.Close()
			}
		}
		to.Close()
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			pieces <- piece{time.Now().Add(wait), bytes.Clone(buf[:n])}
		}
		if err != nil {
			break
		}
	}
	close(pieces)
	wg.Wait()
}

// BenchmarkDrain drains mails of 10 kB from a provider at 20 ms, with
// pipelining and without, and from one beside us.
func BenchmarkDrain(b *testing.B) {
	for _, bench := range []struct {
		name    string
		without []string
		oneWay  time.Duration
		mails   int
	}{
		{"beside", nil, 0, 2000},
		{"20ms", nil, 10 * time.Millisecond, 2000},
		{"20ms-without-pipelining", []string{"PIPELINING"}, 10 * time.Millisecond, 100},
	} {
		for _, keep := range []Keep{KeepNever, KeepAlways} {
			b.Run(fmt.Sprintf("%s/keep-%v", bench.name, keep), func(b *testing.B) {
				var total time.Duration
				for b.Loop() {
					b.StopTimer()
					r := newRig(b, pop3d.Options{Without: bench.without}, Options{})
					if bench.oneWay > 0 {
						r.o.Dial = far(r.o.Dial, bench.oneWay)
					}
					r.change(0, func(a *Account) { a.Keep = keep })
					filler := bytes.Repeat([]byte("0123456789abcdef0123456789abcdef\r\n"), 300)
					for i := range bench.mails {
						r.drop.Deliver(append(mailText(fmt.Sprint(i)), filler...))
					}
					b.StartTimer()
					start := time.Now()
					if res := r.fetch(); res.Retrieved != bench.mails {
						b.Fatalf("%+v", res)
					}
					total += time.Since(start)
				}
				b.ReportMetric(float64(bench.mails*b.N)/total.Seconds(), "msg/s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
