package peertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// process is a server's master process.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	out  bytes.Buffer  // readable when done
}

// startProcess runs a server until stop and waits until it greets at address.
func startProcess(greets string, program string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(program, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait() // how it ended is told by p.out
		close(p.done)
	}()
	if err := awaitGreeting(greets, p.done); err != nil {
		p.stop()
		return nil, fmt.Errorf("%s: %w: %s", program, err, p.out.Bytes())
	}
	return p, nil
}

var errEnded = errors.New("it ended at once")

// awaitGreeting waits until a server says something, at most half a minute.
func awaitGreeting(address string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			c.SetDeadline(time.Now().Add(20 * time.Second))
			_, err = c.Read(make([]byte, 1))
			c.Close()
			if err == nil {
				return nil
			}
		}
		last = err
		select {
		case <-tick.C:
		case <-ended:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("no greeting at %s: %w", address, last)
		}
	}
}

// stop ends the process and returns when it is gone.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(10*time.Second, func() { p.cmd.Process.Signal(os.Kill) })
	<-p.done
	kill.Stop()
}

// awaitSocket waits until a server listens on a Unix socket, at most half a
// minute.
func awaitSocket(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := net.Dial("unix", name)
		if err == nil {
			return c.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}
