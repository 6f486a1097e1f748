package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"heimpost/peertest"
	"heimpost/pop3fetch"
	"heimpost/pop3fetch/pop3d"
	"heimpost/store"
)

// directory is the hub of accounts that live for one measurement.
type directory struct {
	accounts []pop3fetch.Account
	boxes    map[store.ID]*store.Box
	password string
}

func (d *directory) Accounts(context.Context) ([]pop3fetch.Account, error) { return d.accounts, nil }
func (d *directory) Password(context.Context, pop3fetch.Account) (string, error) {
	return d.password, nil
}
func (d *directory) Box(_ context.Context, id store.ID) (*store.Box, func(), error) {
	return d.boxes[id], func() {}, nil
}
func (d *directory) LoadState(context.Context, store.ID) (pop3fetch.State, error) {
	return pop3fetch.State{}, nil
}
func (d *directory) SaveState(context.Context, store.ID, pop3fetch.State) error { return nil }

// add makes a box in dir and an account that drains into it.
func (d *directory) add(dir, user, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	id := store.NewID()
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	if err := store.CreateBox(dir, id, store.Options{}); err != nil {
		return err
	}
	if d.boxes[id], err = store.OpenBox(context.Background(), dir, store.Options{}); err != nil {
		return err
	}
	d.accounts = append(d.accounts, pop3fetch.Account{ID: store.NewID(), Address: user + "@example.org", Box: id,
		Host: host, Port: n, TLS: pop3fetch.TLSNone, User: user, Keep: pop3fetch.KeepNever})
	return nil
}

// drain runs a round of each account, all at once, and closes the boxes.
func (d *directory) drain(o pop3fetch.Options) (n int, err error) {
	o.Log = slog.New(slog.DiscardHandler)
	o.Limits.PerHost = len(d.accounts)
	f := pop3fetch.New(d, o)
	results := make([]pop3fetch.Result, len(d.accounts))
	var wg sync.WaitGroup
	for i, a := range d.accounts {
		wg.Go(func() { results[i], _ = f.Round(context.Background(), a.Address, pop3fetch.FetchOptions{}) })
	}
	wg.Wait()
	var errs []error
	for _, r := range results {
		n += r.Retrieved
		errs = append(errs, r.Err)
	}
	for _, b := range d.boxes {
		errs = append(errs, b.Close())
	}
	return n, errors.Join(errs...)
}

// drainBox drains users into boxes of their own.
func drainBox(from *peertest.Dovecot, users []string, dir string) (int, error) {
	d := &directory{boxes: map[store.ID]*store.Box{}, password: from.Password}
	for _, u := range users {
		if err := d.add(filepath.Join(dir, u), u, from.POP3); err != nil {
			return 0, err
		}
	}
	return d.drain(pop3fetch.Options{})
}

// drainMpop drains a user with mpop into a Maildir.
func drainMpop(from *peertest.Dovecot, user, dir string) (int, error) {
	program, err := peertest.Look("mpop")
	if err != nil {
		return 0, err
	}
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return 0, err
		}
	}
	host, port, err := net.SplitHostPort(from.POP3)
	if err != nil {
		return 0, err
	}
	rc := filepath.Join(dir, "rc")
	text := fmt.Sprintf("account default\nhost %s\nport %s\nuser %s\npassword %s\nauth user\ntls off\nkeep off\nreceived_header off\nuidls_file %s\ndelivery maildir %s\n",
		host, port, user, from.Password, filepath.Join(dir, "uidls"), dir)
	if err := os.WriteFile(rc, []byte(text), 0o600); err != nil {
		return 0, err
	}
	if out, err := exec.Command(program, "--file="+rc, "-Q").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("mpop: %w: %s", err, out)
	}
	list, err := os.ReadDir(filepath.Join(dir, "new"))
	return len(list), err
}

// drainMpops drains users with an mpop each, all at once.
func drainMpops(from *peertest.Dovecot, users []string, dir string) (n int, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, u := range users {
		wg.Go(func() {
			got, failed := drainMpop(from, u, filepath.Join(dir, u))
			mu.Lock()
			defer mu.Unlock()
			n += got
			err = errors.Join(err, failed)
		})
	}
	wg.Wait()
	return n, err
}

// pipelining drains mails of 10 kB from a provider at 20 ms, which announces
// PIPELINING and then does not: messages a second.
func pipelining(dir string) (with, without float64, err error) {
	const oneWay = 10 * time.Millisecond
	text := append([]byte("Message-ID: <x>\r\n\r\n"), bytes.Repeat([]byte("0123456789abcdef0123456789abcdef\r\n"), 300)...)
	for _, side := range []struct {
		to    *float64
		mails int
		o     pop3d.Options
	}{
		{&with, 1000, pop3d.Options{}},
		{&without, 100, pop3d.Options{Without: []string{"PIPELINING"}}},
	} {
		drop := pop3d.NewMaildrop("far", "secret")
		for i := range side.mails {
			drop.Deliver(append(fmt.Appendf(nil, "Subject: %d\r\n", i), text...))
		}
		server := pop3d.New(side.o, drop)
		defer server.Close()
		address, err := server.Listen("127.0.0.1:0")
		if err != nil {
			return 0, 0, err
		}
		d := &directory{boxes: map[store.ID]*store.Box{}, password: "secret"}
		if err := d.add(filepath.Join(dir, fmt.Sprint("far", side.mails)), "far", address.String()); err != nil {
			return 0, 0, err
		}
		start := time.Now()
		n, err := d.drain(pop3fetch.Options{Dial: far(oneWay)})
		if err == nil && n != side.mails {
			err = fmt.Errorf("%d of %d mails came", n, side.mails)
		}
		if err != nil {
			return 0, 0, err
		}
		*side.to = float64(n) / time.Since(start).Seconds()
	}
	return with, without, nil
}

// far dials connections on which each octet takes a while each way.
func far(oneWay time.Duration) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		time.Sleep(2 * oneWay) // TCP's handshake
		up, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(err, up.Close())
		}
		defer l.Close()
		here, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return nil, errors.Join(err, up.Close())
		}
		there, err := l.Accept()
		if err != nil {
			return nil, errors.Join(err, up.Close(), here.Close())
		}
		go delay(there, up, oneWay)
		go delay(up, there, oneWay)
		return here, nil
	}
}

// delay copies what comes from one connection to another, each piece late.
func delay(from io.ReadCloser, to io.WriteCloser, wait time.Duration) {
	type piece struct {
		at   time.Time
		data []byte
	}
	pieces := make(chan piece, 10_000)
	go func() {
		for p := range pieces {
			time.Sleep(time.Until(p.at))
			if _, err := to.Write(p.data); err != nil {
				from.Close()
			}
		}
		to.Close()
	}()
	defer close(pieces)
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			pieces <- piece{time.Now().Add(wait), bytes.Clone(buf[:n])}
		}
		if err != nil {
			return
		}
	}
}
