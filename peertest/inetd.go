package peertest

import (
	"net"
	"os/exec"
	"sync"
)

// inetd runs a program for each connection to a port of loopback, which is the
// program's standard input and output.
type inetd struct {
	l  net.Listener
	wg sync.WaitGroup

	mu      sync.Mutex
	ended   sync.Cond // a program has ended
	closed  bool
	running map[*exec.Cmd]bool
}

func startInetd(command func() *exec.Cmd) (*inetd, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &inetd{l: l, running: map[*exec.Cmd]bool{}}
	d.ended.L = &d.mu
	d.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d.serve(c.(*net.TCPConn), command())
		}
	})
	return d, nil
}

// serve gives a connection to a program and waits for its end elsewhere.
func (d *inetd) serve(c *net.TCPConn, cmd *exec.Cmd) {
	defer c.Close()
	f, err := c.File()
	if err != nil {
		return
	}
	defer f.Close()
	cmd.Stdin, cmd.Stdout = f, f
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || cmd.Start() != nil {
		return // the client sees the connection end
	}
	d.running[cmd] = true
	d.wg.Go(func() {
		cmd.Wait() // what went wrong was said over the connection
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.running, cmd)
		d.ended.Broadcast()
	})
}

func (d *inetd) address() string { return d.l.Addr().String() }

// idle returns when no connection is served: servers say goodbye before they
// remove what was deleted.
func (d *inetd) idle() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.running) > 0 {
		d.ended.Wait()
	}
}

// stop ends everything and returns when nothing runs any more.
func (d *inetd) stop() {
	d.l.Close()
	d.mu.Lock()
	d.closed = true
	for cmd := range d.running {
		endGroup(cmd)
	}
	d.mu.Unlock()
	d.wg.Wait()
}
