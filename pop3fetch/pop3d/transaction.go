package pop3d

import (
	"fmt"
	"strconv"
	"strings"
)

// transaction gives what a command of the TRANSACTION state comes to (RFC
// 1939 §5).
func (ss *session) transaction(c *Command) step {
	switch c.Verb {
	case "STAT":
		count, size := ss.count()
		return step{out: ok("%d %d", count, size)}
	case "RSET":
		return step{out: ok("nothing is marked any more"), do: func() { clear(ss.deleted) }}
	case "LIST", "UIDL":
		line := func(n int) string {
			m := ss.listing[n-1]
			if c.Verb == "UIDL" {
				return fmt.Sprintf("%d %s", n, m.UID)
			}
			return fmt.Sprintf("%d %d", n, m.Size)
		}
		if c.Arg == "" {
			return step{out: ss.list(line)}
		}
		n, is := ss.number(c.Arg)
		if !is {
			return no("there is no such message")
		}
		c.Mail = &ss.listing[n-1]
		return step{out: ok("%s", line(n))}
	}
	arg, lines, _ := strings.Cut(c.Arg, " ")
	n, is := ss.number(arg)
	if !is {
		return no("there is no such message")
	}
	m := &ss.listing[n-1]
	c.Mail = m
	if ss.drop.gone(m.ID) {
		return no("the message is gone")
	}
	switch c.Verb {
	case "DELE":
		return step{out: ok("marked"), do: func() {
			ss.deleted[n] = true
			ss.drop.change([]int{m.ID}, func(m *Mail) { m.Deletes++ })
		}}
	case "TOP":
		k, err := strconv.Atoi(lines)
		if err != nil || k < 0 {
			return no("how many lines?")
		}
		return step{out: append(ok("top follows"), Stuff(top(m.Bytes, k))...)}
	}
	body := m.Wire
	if body == nil {
		body = Stuff(m.Bytes)
	}
	return step{out: append(ok("%d octets", m.Size), body...), do: func() {
		ss.retr[n] = true
		ss.drop.change([]int{m.ID}, func(m *Mail) { m.Retrieved++ })
	}}
}

// count gives what STAT tells: marked messages are not counted.
func (ss *session) count() (count int, size int64) {
	for i, m := range ss.listing {
		if !ss.deleted[i+1] {
			count++
			size += m.Size
		}
	}
	return count, size
}

// list is a listing of all messages that are not marked.
func (ss *session) list(line func(n int) string) []byte {
	count, _ := ss.count()
	out := ok("%d messages", count)
	for n := 1; n <= len(ss.listing); n++ {
		if !ss.deleted[n] {
			out = append(out, line(n)+"\r\n"...)
		}
	}
	return append(out, ".\r\n"...)
}
