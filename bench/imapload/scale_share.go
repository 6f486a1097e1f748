package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
)

// fairShare measures a client that lists a page of 100 mails again and again,
// alone and beside 20 that list everything without a rest.
func fairShare(s *scale) ([]figure, error) {
	h, err := s.hub("share")
	if err != nil {
		return nil, err
	}
	if err := seedIndex(h, "marko", 20_000); err != nil {
		return nil, err
	}
	if err := h.run(); err != nil {
		return nil, err
	}
	defer h.stop()
	const busy = 20
	me, err := login(h, false)
	if err != nil {
		return nil, err
	}
	defer me.close()
	if _, err := me.do("SELECT INBOX"); err != nil {
		return nil, err
	}
	page := func() (float64, error) {
		return median(101, func() error {
			_, err := me.do("FETCH 19901:20000 (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)")
			return err
		})
	}
	alone, err := page()
	if err != nil {
		return nil, err
	}
	// The busy ones have a process of their own, so that they and the one that
	// is measured share the machine but not a scheduler.
	load := exec.Command(os.Args[0], "-busy", fmt.Sprint(busy), "-at", h.addr, "-password", h.password)
	load.Stderr = os.Stderr
	ready, err := load.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := load.Start(); err != nil {
		return nil, err
	}
	_, err = io.ReadFull(ready, make([]byte, 1))
	var beside float64
	if err == nil {
		beside, err = page()
	}
	load.Process.Kill()
	load.Wait() // it was killed
	if err != nil {
		return nil, err
	}
	share := max(1, float64(busy+1)/float64(runtime.NumCPU()))
	return []figure{{"a page of 100 beside 20 busy clients, times slower", beside / alone, "x", share, true,
		fmt.Sprintf("%.2f ms, alone %.2f ms; the share of %d processors is 1/%.3g", beside, alone, runtime.NumCPU(), share), ""}}, nil
}

// beBusy lists everything over n connections until it is killed; when all are
// at work it says so by an octet on standard output.
func beBusy(n int, addr, password string) error {
	h := &server{addr: addr, user: "marko", password: password}
	errs := make(chan error, n)
	var atWork sync.WaitGroup
	for range n {
		atWork.Add(1)
		go func() {
			c, err := login(h, false)
			if err == nil {
				_, err = c.do("SELECT INBOX")
			}
			atWork.Done()
			for err == nil {
				_, err = c.do("FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)")
			}
			errs <- err
		}()
	}
	atWork.Wait()
	fmt.Print(".")
	return <-errs
}
