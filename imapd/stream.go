package imapd

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"time"
)

// errWoken is what an interruptible Read returns after wake.
var errWoken = errors.New("woken")

// errTimeout is what Read and Write return when the peer took too long.
var errTimeout = errors.New("the client took too long")

// minRate is the slowest pace, in octets a second, at which a command and its
// literals may drip in after their first Timeouts.Command.
const minRate = 1 << 10

// longWrite is from how many octets on a flush is part of a long answer.
const longWrite = 16 << 10

// stream is the network side of a connection: deadlines for each kind of
// waiting, and a Read that can be woken from other goroutines.
type stream struct {
	nc    net.Conn // the TLS connection once there is one
	times *Timeouts
	// flush writes what is pending; called before a Read that may block.
	flush func() error

	// Owned by the connection's goroutine:
	loginBy  time.Time     // end of all patience with who has not logged in; zero after login
	restFrom time.Time     // when waiting for a command began
	inside   bool          // a command is arriving
	received int64         // octets of it
	waited   time.Duration // for it

	mu       sync.Mutex
	blocked  bool // a Read is waiting and may be woken
	woken    bool
	pausable bool // Read may be woken: between commands and in IDLE
}

// begin marks the arrival of a command's first octet: from now on the peer
// has to keep a pace. done marks that the whole command was read.
func (s *stream) begin() { s.inside, s.received, s.waited = true, 0, 0 }
func (s *stream) done()  { s.inside = false }

// rest marks that the peer may be silent from now on.
func (s *stream) rest() { s.restFrom = time.Now() }

// pause says whether a Read may be woken.
func (s *stream) pause(on bool) {
	s.mu.Lock()
	s.pausable = on
	s.mu.Unlock()
}

// wake makes the present pausable Read, or else the next one, return errWoken.
// Any goroutine may call it; it never blocks.
func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.woken = true
	if s.blocked {
		s.nc.SetReadDeadline(time.Unix(1, 0))
	}
}

// Read flushes, then reads, as long as the deadline in force allows it.
func (s *stream) Read(p []byte) (int, error) {
	if err := s.flush(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	if s.pausable && s.woken {
		s.woken = false
		s.mu.Unlock()
		return 0, errWoken
	}
	err := s.nc.SetReadDeadline(s.readBy())
	s.blocked = s.pausable
	s.mu.Unlock()
	if err != nil {
		return 0, err
	}

	since := time.Now()
	n, err := s.nc.Read(p)
	s.received += int64(n)
	s.waited += time.Since(since)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.blocked = false
	switch {
	case n > 0 || err == nil || !errors.Is(err, os.ErrDeadlineExceeded):
		return n, err
	case s.pausable && s.woken:
		s.woken = false
		return 0, errWoken
	}
	return 0, errTimeout
}

// readBy gives the deadline for reading.
func (s *stream) readBy() time.Time {
	by := s.restFrom.Add(s.times.Idle)
	if s.inside {
		// Only time that was spent waiting for the peer is counted.
		by = time.Now().Add(s.times.Command + time.Duration(s.received/minRate)*time.Second - s.waited)
	}
	return s.beforeLogin(by)
}

func (s *stream) beforeLogin(by time.Time) time.Time {
	if !s.loginBy.IsZero() && s.loginBy.Before(by) {
		return s.loginBy
	}
	return by
}

// Write sends one flush, with one deadline. Then others have their turn: who
// fetches a whole mailbox would else keep a processor for many times as long as
// a short command takes.
func (s *stream) Write(p []byte) (int, error) {
	if err := s.nc.SetWriteDeadline(s.beforeLogin(time.Now().Add(s.times.Write))); err != nil {
		return 0, err
	}
	n, err := s.nc.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errTimeout
	}
	if len(p) >= longWrite {
		runtime.Gosched()
	}
	return n, err
}
