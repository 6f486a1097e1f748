package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"heimpost/pop3fetch"
	"heimpost/pop3fetch/pop3d"
	"heimpost/store"
)

// filling drains n small mails into one box: the last tenth beside the first.
func filling(dir string, n int) (row, error) {
	work, err := os.MkdirTemp(dir, "hpfill")
	if err != nil {
		return row{}, err
	}
	defer os.RemoveAll(work)
	drop := pop3d.NewMaildrop("fill", "secret")
	body := bytes.Repeat([]byte("0123456789abcdef0123456789abcdef\r\n"), 55)
	for i := range n {
		drop.Deliver(append(fmt.Appendf(nil, "From: petra@example.org\r\nSubject: Mail %d\r\nMessage-ID: <%d@example.org>\r\n\r\n", i, i), body...))
	}
	server := pop3d.New(pop3d.Options{}, drop)
	defer server.Close()
	address, err := server.Listen("127.0.0.1:0")
	if err != nil {
		return row{}, err
	}
	d := &directory{boxes: map[store.ID]*store.Box{}, password: "secret"}
	if err := d.add(filepath.Join(work, "box"), "fill", address.String()); err != nil {
		return row{}, err
	}
	var mu sync.Mutex
	came := 0
	at := []time.Time{time.Now()}
	for _, b := range d.boxes {
		b.OnEvent(func(e store.Event) {
			mu.Lock()
			defer mu.Unlock()
			for _, r := range e.UIDs {
				came += int(r.Stop - r.Start + 1)
			}
			for len(at) <= 10 && came >= n*len(at)/10 {
				at = append(at, time.Now())
			}
		})
	}
	got, err := d.drain(pop3fetch.Options{})
	if err == nil && (got != n || len(at) != 11) {
		err = fmt.Errorf("%d of %d mails came", got, n)
	}
	if err != nil {
		return row{}, err
	}
	tenth := float64(n) / 10
	r := row{Scenario: fmt.Sprintf("%d mails into one box, last and first tenth", n), Target: 0.8, Note: "peer: the first tenth",
		Ours: tenth / at[10].Sub(at[9]).Seconds(), Theirs: tenth / at[1].Sub(at[0]).Seconds()}
	r.Ratio = r.Ours / r.Theirs
	return r, nil
}
