package pop3fetch

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"

	"heimpost/pop3fetch/pop3d"
	"heimpost/store/faultfs"
)

// fault is what goes wrong in a round.
type fault struct {
	name string
	// cut and cutIn end each connection after some octets.
	cut, cutIn *int64
	// on changes commands; done reports that it came to pass.
	on   func(c *pop3d.Command) (done bool)
	once bool // on the first connection only
}

// script is the provider's script for a connection.
func (w *world) script(conn int) pop3d.Script {
	w.mu.Lock()
	f := w.fault
	w.mu.Unlock()
	s := pop3d.Script{}
	first := true
	if f != nil {
		w.mu.Lock()
		first = !f.once || w.injected["connection "+f.name] == 0
		w.injected["connection "+f.name]++
		w.mu.Unlock()
	}
	if f != nil && first {
		s.Cut, s.CutIn, s.OnCut = f.cut, f.cutIn, func() { w.count(f.name) }
	}
	s.On = func(c *pop3d.Command) {
		if w.fs.Crashed() {
			c.Vanish() // nobody is there any more who could have said it
			return
		}
		if f != nil && f.on != nil && first && f.on(c) {
			w.count(f.name)
		}
	}
	return s
}

func (w *world) count(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.injected[name]++
}

// anyFault picks what goes wrong in the next round and puts it into force.
func (w *world) anyFault() *fault {
	if w.r.IntN(3) == 0 {
		return w.diskFault()
	}
	held := len(w.drop.Held())
	at := w.r.IntN(12 + 3*held) // which command
	n := 0
	nth := func(do func(c *pop3d.Command)) func(c *pop3d.Command) bool {
		return func(c *pop3d.Command) bool {
			n++
			if n-1 != at {
				return false
			}
			do(c)
			return true
		}
	}
	verb := func(v string, do func(c *pop3d.Command)) func(c *pop3d.Command) bool {
		return func(c *pop3d.Command) bool {
			if c.Verb != v {
				return false
			}
			do(c)
			return true
		}
	}
	once := w.r.IntN(2) == 0
	switch w.r.IntN(12) {
	case 0, 1:
		return &fault{name: "cut", cut: new(int64(w.r.IntN(600 + 900*held))), once: once}
	case 2:
		return &fault{name: "cut of commands", cutIn: new(int64(w.r.IntN(100 + 20*held))), once: once}
	case 3:
		return &fault{name: "command vanishes", on: nth((*pop3d.Command).Vanish), once: true}
	case 4:
		return &fault{name: "reply lost", on: nth((*pop3d.Command).Lose), once: true}
	case 5:
		why := []string{"-ERR", "-ERR no", "-ERR [SYS/TEMP] later", "-ERR [SYS/PERM] never", "-ERR [AUTH] wrong password"}[w.r.IntN(5)]
		return &fault{name: "command refused", on: nth(func(c *pop3d.Command) { c.Reply(why) })}
	case 6:
		odd := []string{"", "+ERR", "+okay", "ok", "+OK\r\n+OK", "+OK\r\n.\r\n+OK", "+OK\r\n", strings.Repeat("+OK ", 400), "+OK \x00", "- ERR"}[w.r.IntN(10)]
		return &fault{name: "odd reply", on: nth(func(c *pop3d.Command) {
			switch c.Verb {
			case "RETR", "TOP":
				odd = strings.ReplaceAll(odd, ".", "x") // an empty mail would be nothing odd
				fallthrough
			case "CAPA", "LIST", "UIDL":
				c.Close = true // nobody shall wait for the rest
			}
			c.Reply(odd)
		})}
	case 7:
		quit := []func(*pop3d.Command){
			(*pop3d.Command).Vanish,
			(*pop3d.Command).Lose,
			func(c *pop3d.Command) { c.Reply("-ERR some deleted messages not removed") },
			func(c *pop3d.Command) { c.Out = []byte("-ERR some deleted messages not removed\r\n") },
			func(c *pop3d.Command) { c.Out, c.Ignore, c.Close = []byte("+OK bye\r\n"), true, true },
		}[w.r.IntN(5)]
		return &fault{name: "QUIT", on: verb("QUIT", quit)}
	case 8:
		return w.countFault()
	case 9:
		if held == 0 {
			return nil
		}
		id := w.drop.Held()[w.r.IntN(held)].ID
		return &fault{name: "poison", on: func(c *pop3d.Command) bool {
			if c.Verb != "RETR" || c.Mail == nil || c.Mail.ID != id {
				return false
			}
			c.Reply("-ERR [SYS/TEMP] cannot read it")
			return true
		}}
	case 10:
		return &fault{name: "DELE refused", on: verb("DELE", func(c *pop3d.Command) {
			if c.Mail != nil && c.Mail.ID%2 == 0 {
				c.Reply("-ERR not now")
			}
		})}
	}
	text := []string{"-ERR authentication failed", "-ERR [AUTH] no", "-ERR [SYS/TEMP] down"}[w.r.IntN(3)]
	return &fault{name: "login refused", on: func(c *pop3d.Command) bool {
		if c.Verb != "PASS" && c.Verb != "AUTH" {
			return false
		}
		c.Reply(text)
		return true
	}}
}

// countFault lets STAT, LIST and UIDL contradict each other.
func (w *world) countFault() *fault {
	kind, line := w.r.IntN(6), 1+w.r.IntN(4)
	drop := func(c *pop3d.Command) {
		lines := bytes.SplitAfter(c.Out, []byte("\r\n"))
		if line < len(lines)-2 {
			c.Out = slices.Concat(slices.Concat(lines[:line]...), slices.Concat(lines[line+1:]...))
		}
	}
	return &fault{name: "counts", on: func(c *pop3d.Command) bool {
		if c.Arg != "" {
			return false
		}
		switch {
		case kind == 0 && (c.Verb == "STAT" || c.Verb == "LIST" || c.Verb == "UIDL"):
			// All agree that nothing is there.
			c.Out = []byte("+OK 0 0\r\n")
			if c.Verb != "STAT" {
				c.Out = []byte("+OK\r\n.\r\n")
			}
		case kind == 1 && c.Verb == "STAT":
			c.Out = []byte("+OK 1 100\r\n")
		case kind == 2 && c.Verb == "LIST", kind == 3 && c.Verb == "UIDL":
			drop(c)
		case kind == 4 && c.Verb == "UIDL":
			c.Out = bytes.Replace(c.Out, []byte("\r\n2 "), []byte("\r\n1 "), 1)
		case kind == 5 && c.Verb == "UIDL":
			c.Reply("-ERR not now")
		default:
			return false
		}
		return true
	}}
}

// changing are the calls that can fail for want of space or by a bad disk.
var changing = []string{"create", "append", "write", "sync", "rename", "link", "mkdir", "syncdir", "syncall"}

// diskFault makes calls of the file system or statements of the index fail,
// or ends the process at one of them.
func (w *world) diskFault() *fault {
	at, n := 1+w.r.IntN(40+60*w.r.IntN(4)), 0
	f := &fault{name: []string{"disk full", "disk error", "SQLite error", "killed", "power cut"}[w.r.IntN(5)]}
	times := 1
	if w.r.IntN(3) == 0 {
		times = 1 << 20
	}
	err := error(syscall.EIO)
	if f.name == "disk full" {
		err = syscall.ENOSPC
	}
	var mu sync.Mutex // calls come from several goroutines
	w.fs.Before(func(c faultfs.Call) error {
		mu.Lock()
		defer mu.Unlock()
		switch f.name {
		case "killed", "power cut":
			n++
			if n == at {
				w.count(f.name)
				w.fs.Crash(f.name == "power cut")
			}
			return nil
		case "SQLite error":
			// ROLLBACK does not fail; what fails ends the transaction.
			if c.Op != "sql" || strings.HasPrefix(c.Name, "ROLLBACK") || strings.HasPrefix(c.Name, "RELEASE") || strings.HasPrefix(c.Name, "PRAGMA") {
				return nil
			}
			n += 3 // there are fewer of them
		default:
			if !slices.Contains(changing, c.Op) {
				return nil
			}
			n++
		}
		if n >= at && times > 0 {
			times--
			w.count(f.name)
			return fmt.Errorf("%s: %w", f.name, err)
		}
		return nil
	})
	return f
}
