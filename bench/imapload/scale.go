package main

import (
	"bytes"
	"compress/flate"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	_ "github.com/mattn/go-sqlite3"
)

// This file measures Heimpost by itself: a mailbox of a million messages, a
// thousand connections, boxes that fill up.

// figure is one line of that table.
type figure struct {
	Name   string  `json:"figure"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Target float64 `json:"target"`
	AtMost bool    `json:"at_most"` // else at least
	Note   string  `json:"note,omitempty"`
	Error  string  `json:"error,omitempty"`
}

func (f figure) met() bool {
	return f.Error == "" && (f.AtMost && f.Value <= f.Target || !f.AtMost && f.Value >= f.Target)
}

func (f figure) print() {
	if f.Error != "" {
		fmt.Printf("%-52s %s\n", f.Name, f.Error)
		return
	}
	sign, missed := ">=", ""
	if f.AtMost {
		sign = "<="
	}
	if !f.met() {
		missed = "  missed"
	}
	fmt.Printf("%-52s %9.2f %-5s %s %.6g%s  %s\n", f.Name, f.Value, f.Unit, sign, f.Target, missed, f.Note)
}

// scale are the sizes that are measured.
type scale struct {
	program  string
	dir      string
	messages int // of the large mailbox
	boxes    int // that share as many
	idle     int // connections
	fill     int // mails of a box that fills up
}

// measurement makes one figure or several that belong together.
type measurement struct {
	name string
	run  func(*scale) ([]figure, error)
}

var measurements = []measurement{
	{"large mailbox", largeMailbox},
	{"overlay", overlay},
	{"boxes", manyBoxes},
	{"idle", idleConnections},
	{"share", fairShare},
	{"append", fillByAppend},
	{"rebuild", fillByRebuild},
}

func runScale(s scale, only string, asJSON bool) error {
	pick, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp(s.dir, "hpscale"); err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	s.program = filepath.Join(s.dir, "heimpost")
	if err := build(s.program); err != nil {
		return err
	}
	var all []figure
	missed := 0
	for _, m := range measurements {
		if !pick.MatchString(m.name) {
			continue
		}
		figures, err := m.run(&s)
		if err != nil {
			figures = append(figures, figure{Name: m.name, Error: err.Error()})
		}
		for _, f := range figures {
			if all = append(all, f); !f.met() {
				missed++
			}
			if !asJSON {
				f.print()
			}
		}
	}
	if asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	fmt.Printf("\n%d of %d targets reached\n", len(all)-missed, len(all))
	return nil
}

// hub makes a data folder with the person marko and lets serve make what it
// makes at its first start.
func (s *scale) hub(name string) (*server, error) {
	h, err := newHeimpost(filepath.Join(s.dir, name), s.program, "")
	if err != nil {
		return nil, err
	}
	if err := h.run(); err != nil {
		return nil, err
	}
	defer h.stop()
	c, err := login(h, false) // opens the box
	if err != nil {
		return nil, err
	}
	defer c.close()
	return h, seedBoxes(h, "marko")
}

// seedBoxes waits until the full text of boxes has its file.
func seedBoxes(h *server, names ...string) error {
	for _, name := range names {
		path := filepath.Join(h.data, "boxes", name, "search.db")
		for until := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
			if db, err := sql.Open("sqlite3", fileURL(path)+"?mode=ro"); err == nil {
				err = db.QueryRow("SELECT count(*) FROM doc").Scan(new(int))
				db.Close()
				if err == nil {
					break
				}
			}
			if time.Now().After(until) {
				return fmt.Errorf("box %s has no full text", name)
			}
		}
	}
	return nil
}

func fileURL(path string) string {
	return "file://" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()
}

// seedIndex writes n messages straight into a box's index, every fourth of
// them unread. Their files are missing: only what the index knows can be read.
func seedIndex(h *server, box string, n int) error {
	dir := filepath.Join(h.data, "boxes", box)
	db, err := sql.Open("sqlite3", fileURL(filepath.Join(dir, "index.db")))
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	series := fmt.Sprintf("WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM k WHERE i<%d) ", n)
	for _, stmt := range []string{
		"ATTACH '" + strings.ReplaceAll(filepath.Join(dir, "search.db"), "'", "''") + "' AS text",
		"PRAGMA synchronous=OFF",
		"BEGIN",
		series + "INSERT INTO mail(id, refs, date, zone, size, hash) SELECT i, 1, 1400000000+i*300, 60, 5000, randomblob(32) FROM k",
		series + `INSERT INTO mail_envelope(id, envelope, subject, messageid) SELECT i,
			CAST('("Mon, 2 Jan 2006 15:04:05 +0100" "Angebot ' || i || '" (("Petra Lang" NIL "petra" "example.org")) NIL NIL (("Marko" NIL "marko" "example.org")) NIL NIL NIL "<' || i || '@example.org>")' AS BLOB),
			'Angebot ' || i, '<' || i || '@example.org>' FROM k`,
		series + "INSERT INTO entry(mailbox, uid, flags, modseq, mail, saved) SELECT (SELECT id FROM mailbox WHERE name='INBOX'), i, i%4<>0, 2, i, 1700000000 FROM k",
		fmt.Sprintf("UPDATE mailbox SET uidnext=%d, modseq=2 WHERE name='INBOX'", n+1),
		"INSERT INTO text.doc(id, hash, state) SELECT id, substr(hash, 1, 8), 0 FROM mail",
		"COMMIT",
	} {
		if _, err := db.Exec(stmt); err != nil {
			return fmt.Errorf("%.40s: %w", stmt, err)
		}
	}
	return nil
}

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

// idleConnections gives what many connections cost that idle in a mailbox.
func idleConnections(s *scale) ([]figure, error) {
	h, err := s.hub("idle")
	if err != nil {
		return nil, err
	}
	if err := h.run(); err != nil {
		return nil, err
	}
	defer h.stop()
	var figures []figure
	for _, compress := range []bool{false, true} {
		before, err := h.pss()
		if err != nil {
			return nil, err
		}
		conns, err := idling(h, s.idle, compress)
		if err == nil {
			h.settle()
			var after int64
			if after, err = h.pss(); err == nil {
				name := fmt.Sprintf("%d idling TLS connections", s.idle)
				if compress {
					name += " with COMPRESS"
				}
				figures = append(figures, figure{name, float64(after) / 1024, "MiB", 64, true,
					fmt.Sprintf("the whole process; %.1f KiB a connection", float64(after-before)/float64(s.idle)), ""})
			}
		}
		for _, c := range conns {
			c.close()
		}
		if err != nil {
			return figures, err
		}
		if err := h.restart(); err != nil {
			return figures, err
		}
	}
	return figures, nil
}

func idling(h *server, n int, compress bool) (conns []*client, err error) {
	for range n {
		c, err := login(h, true)
		if err != nil {
			return conns, err
		}
		conns = append(conns, c)
		if _, err := c.do("SELECT INBOX"); err != nil {
			return conns, err
		}
		if compress {
			if err := c.compress(); err != nil {
				return conns, err
			}
		}
		if err := c.send("IDLE\r\n"); err != nil {
			return conns, err
		}
		if err := c.await("+ "); err != nil {
			return conns, err
		}
		c.free()
		c.nc = keepRaw(c.nc)
	}
	return conns, nil
}

// deflated is a connection with COMPRESS=DEFLATE (RFC 4978).
type deflated struct {
	net.Conn
	r io.Reader
	w *flate.Writer
}

func (d *deflated) Read(p []byte) (int, error) { return d.r.Read(p) }

func (d *deflated) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	if err == nil {
		err = d.w.Flush()
	}
	return n, err
}

func (c *client) compress() error {
	if _, err := c.do("COMPRESS DEFLATE"); err != nil {
		return err
	}
	w, err := flate.NewWriter(c.nc, flate.BestSpeed)
	if err != nil {
		return err
	}
	c.nc = &deflated{c.nc, flate.NewReader(c.nc), w}
	c.r.Reset(c.nc)
	return nil
}

// keepRaw lets go of a compressor, which is large, on this program's side.
func keepRaw(nc net.Conn) net.Conn {
	if d, is := nc.(*deflated); is {
		return d.Conn
	}
	return nc
}

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

// tenths gives how fast the last tenth of something was beside the first, from
// the times when each tenth was reached.
func tenths(what string, n int, at []time.Time) ([]figure, error) {
	if len(at) != 11 {
		return nil, fmt.Errorf("%s: %d tenths were seen", what, len(at)-1)
	}
	first, last := at[1].Sub(at[0]).Seconds(), at[10].Sub(at[9]).Seconds()
	rate := float64(n) / 10
	return []figure{{fmt.Sprintf("%s of %d: last tenth beside the first", what, n), first / last, "x", 0.8, false,
		fmt.Sprintf("%.0f/s, then %.0f/s", rate/first, rate/last), ""}}, nil
}

// fillByAppend appends over four connections.
func fillByAppend(s *scale) ([]figure, error) {
	h, err := s.hub("fill")
	if err != nil {
		return nil, err
	}
	if err := h.run(); err != nil {
		return nil, err
	}
	defer h.stop()
	const workers = 4
	at := []time.Time{time.Now()}
	var mu sync.Mutex
	done := 0
	_, err = each(s.fill, workers, func() (func(i int) error, func(), error) {
		c, err := login(h, false)
		if err != nil {
			return nil, nil, err
		}
		return func(i int) error {
			mail := append(fmt.Appendf(nil, "Message-ID: <%d@example.org>\r\n", i), smallMail(2<<10)...)
			if err := c.append("INBOX", mail); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if done++; done%(s.fill/10) == 0 {
				at = append(at, time.Now())
			}
			return nil
		}, c.close, nil
	})
	if err != nil {
		return nil, err
	}
	return tenths("APPEND over 4 connections", s.fill, at)
}

// each runs n calls over workers, each with what begin gives it.
func each(n, workers int, begin func() (f func(i int) error, end func(), err error)) (float64, error) {
	fs := make([]func(int) error, workers)
	for w := range workers {
		f, end, err := begin()
		if err != nil {
			return 0, err
		}
		defer end()
		fs[w] = f
	}
	return rate(n, workers, func(w, i int) error { return fs[w](i) })
}

// fillByRebuild makes the index of the box that fillByAppend filled anew.
func fillByRebuild(s *scale) ([]figure, error) {
	dir := filepath.Join(s.dir, "fill")
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("rebuild measures the box that append fills")
	}
	at, err := rebuildTenths(filepath.Join(dir, "boxes", "marko"))
	if err != nil {
		return nil, err
	}
	return tenths("rebuild", s.fill, at)
}

// command runs heimpost on the server's data.
func (s *server) command(args ...string) (string, error) {
	cmd := exec.Command(s.program, append([]string{"--data", s.data}, args...)...)
	var errText bytes.Buffer
	cmd.Stderr = &errText
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("heimpost %s: %w: %s", strings.Join(args, " "), err, errText.String())
	}
	return string(out), nil
}
