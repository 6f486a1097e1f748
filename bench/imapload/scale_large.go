package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// timed gives the milliseconds that a command takes.
func timed(c *client, format string, args ...any) (float64, error) {
	return median(1, func() error { _, err := c.do(format, args...); return err })
}

// highestModSeq reads HIGHESTMODSEQ.
func highestModSeq(c *client, mailbox string) (string, error) {
	if err := c.send("STATUS " + mailbox + " (HIGHESTMODSEQ)\r\n"); err != nil {
		return "", err
	}
	if _, err := c.response(); err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(c.line), "HIGHESTMODSEQ ")
	modSeq, _, ok := strings.Cut(rest, ")")
	if !ok {
		return "", fmt.Errorf("no HIGHESTMODSEQ in %q", c.line)
	}
	_, err := c.finish("STATUS")
	return modSeq, err
}

func largeMailbox(s *scale) ([]figure, error) {
	h, err := s.hub("large")
	if err != nil {
		return nil, err
	}
	if err := seedIndex(h, "marko", s.messages); err != nil {
		return nil, err
	}
	if err := h.run(); err != nil {
		return nil, err
	}
	defer h.stop()
	c, err := login(h, false)
	if err != nil {
		return nil, err
	}
	defer c.close()
	first, err := timed(c, "SELECT INBOX")
	if err != nil {
		return nil, err
	}
	var again []float64
	var sessions []*client
	defer func() {
		for _, c := range sessions {
			c.close()
		}
	}()
	for range 20 {
		o, err := login(h, false)
		if err != nil {
			return nil, err
		}
		sessions = append(sessions, o)
		ms, err := timed(o, "SELECT INBOX")
		if err != nil {
			return nil, err
		}
		again = append(again, ms)
	}
	slices.Sort(again)
	if _, err := c.do("ENABLE CONDSTORE"); err != nil {
		return nil, err
	}
	modSeq, err := highestModSeq(c, "Drafts")
	if err == nil {
		modSeq, err = highestModSeq(c, "INBOX")
	}
	if err != nil {
		return nil, err
	}
	since, err := median(51, func() error {
		a, err := c.do("UID FETCH 1:* (FLAGS) (CHANGEDSINCE %s)", modSeq)
		if err == nil && a.fetches > 0 {
			err = fmt.Errorf("%d messages changed", a.fetches)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	h.stop()
	one, many, err := memoryOfMessages(filepath.Join(h.data, "boxes", "marko"), 21)
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("%d messages: ", s.messages)
	return []figure{
		{what + "SELECT, the first", first, "ms", 500, true, "", ""},
		{what + "SELECT, median of 20 more", again[10], "ms", 5, true, "", ""},
		{what + "CHANGEDSINCE, nothing new", since, "ms", 1, true, "", ""},
		{"memory of a message, one session", one / float64(s.messages), "B", 32, true, "of the heap, after a collection", ""},
		{"memory of a message, 21 sessions", many / float64(s.messages), "B", 32, true, "", ""},
	}, nil
}

// overlay compares a box with private \Seen, on a device that hides mail, with
// a plain one of as many messages.
func overlay(s *scale) ([]figure, error) {
	const n = 100_000
	h, err := newHeimpost(filepath.Join(s.dir, "overlay"), s.program, "")
	if err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"box", "add", "buero", "--seen", "private"},
		{"box", "grant", "buero", "marko"},
		{"box", "add", "plain"},
		{"box", "grant", "plain", "marko"},
	} {
		if _, err := h.command(args...); err != nil {
			return nil, err
		}
	}
	out, err := h.command("device", "add", "marko", "phone", "--deletes", "here")
	if err != nil {
		return nil, err
	}
	_, password, ok := strings.Cut(strings.TrimSpace(out), "password: ")
	if !ok {
		return nil, fmt.Errorf("device add printed %q", out)
	}
	password, _, _ = strings.Cut(password, "\n")
	if err := h.run(); err != nil {
		return nil, err
	}
	view := func(user, password string) (*client, error) {
		v := *h
		v.user, v.password = user, password
		return login(&v, false)
	}
	for _, user := range []string{"buero", "plain"} { // opens the boxes
		c, err := view(user, h.password)
		if err != nil {
			return nil, err
		}
		c.close()
	}
	if err := seedBoxes(h, "buero", "plain"); err != nil {
		return nil, err
	}
	h.stop()
	for _, box := range []string{"buero", "plain"} {
		if err := seedIndex(h, box, n); err != nil {
			return nil, err
		}
	}
	if err := h.run(); err != nil {
		return nil, err
	}
	defer h.stop()
	phone, err := view("buero", `"`+password+`"`)
	if err != nil {
		return nil, err
	}
	defer phone.close()
	plain, err := view("plain", h.password)
	if err != nil {
		return nil, err
	}
	defer plain.close()
	for _, c := range []*client{phone, plain} {
		if _, err := c.do("SELECT INBOX"); err != nil {
			return nil, err
		}
	}
	var read, gone []string
	for uid := 4; uid <= n; uid += 40 {
		read = append(read, fmt.Sprint(uid))
	}
	for uid := 7; uid <= n; uid += 50 {
		gone = append(gone, fmt.Sprint(uid))
	}
	for _, cmd := range []string{
		"UID STORE " + strings.Join(read, ",") + ` +FLAGS.SILENT (\Seen)`,
		"UID STORE " + strings.Join(gone, ",") + ` +FLAGS.SILENT (\Deleted)`,
		"EXPUNGE",
	} {
		if _, err := phone.do("%s", cmd); err != nil {
			return nil, err
		}
	}
	var figures []figure
	for _, sc := range []struct {
		name, cmd string
		n         int
	}{{"SELECT", "SELECT INBOX", 51}, {"UID FETCH 1:* (FLAGS)", "UID FETCH 1:* (FLAGS)", 11}, {"SEARCH UNSEEN", "SEARCH UNSEEN", 31}} {
		var times [2][]float64
		for range sc.n { // by turns, so that the machine's moods meet both
			for i, c := range []*client{phone, plain} {
				ms, err := timed(c, "%s", sc.cmd)
				if err != nil {
					return nil, err
				}
				times[i] = append(times[i], ms)
			}
		}
		mid := func(t []float64) float64 { return slices.Sorted(slices.Values(t))[len(t)/2] }
		a, b := mid(times[0]), mid(times[1])
		figures = append(figures, figure{fmt.Sprintf("%d messages with an overlay: %s", n, sc.name), a / b, "x", 1.3, true,
			fmt.Sprintf("%.2f ms, plain %.2f ms", a, b), ""})
	}
	return figures, nil
}

// manyBoxes gives how long serve takes until it is ready.
func manyBoxes(s *scale) ([]figure, error) {
	h, err := newHeimpost(filepath.Join(s.dir, "boxes"), s.program, "")
	if err != nil {
		return nil, err
	}
	if err := h.run(); err != nil {
		return nil, err
	}
	var names []string
	for i := range s.boxes {
		name := fmt.Sprintf("box%02d", i)
		for _, args := range [][]string{{"box", "add", name}, {"box", "grant", name, "marko"}} {
			if _, err := h.command(args...); err != nil {
				h.stop()
				return nil, err
			}
		}
		names = append(names, name)
	}
	c, err := login(h, false)
	if err != nil {
		h.stop()
		return nil, err
	}
	_, err = c.do(`LIST "" "*"`) // opens all boxes
	c.close()
	if err == nil {
		err = seedBoxes(h, names...)
	}
	h.stop()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := seedIndex(h, name, s.messages/s.boxes); err != nil {
			return nil, err
		}
	}
	var times []float64
	for range 5 {
		start := time.Now()
		if h.cmd, err = h.start(); err != nil {
			return nil, err
		}
		times = append(times, float64(time.Since(start))/1e6)
		h.stop()
	}
	slices.Sort(times)
	return []figure{{fmt.Sprintf("serve is ready: %d boxes, %d messages in all", s.boxes, s.messages), times[2], "ms", 1000, true, "", ""}}, nil
}
