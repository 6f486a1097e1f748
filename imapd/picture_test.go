package imapd

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/store"
)

// failer is what a picture reports to: a test or a rapid check.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// picture is a client that knows only what the server told it, and that holds
// every response against the protocol's rules.
type picture struct {
	t    failer
	w    *world
	name string

	nc      net.Conn
	in      *bufio.Reader
	tag     int
	qresync bool
	bye     bool

	mailbox  string         // selected; "" if none
	mbox     *store.Mailbox // the same
	readOnly bool
	msgs     []seen
	flags    []string // announced by FLAGS
	highest  uint64   // HIGHESTMODSEQ as it was told last
	validity uint32

	// Of the command that runs:
	command    string
	noExpunges bool
	log        []string // what was said last
	search     []uint32
}

// seen is a message as the client knows it.
type seen struct {
	uid   imap.UID // 0: not known
	known bool     // flags is
	flags string   // sorted, without \Recent
}

// newPicture connects and logs in as marko.
func newPicture(t failer, w *world, name string, qresync bool) *picture {
	t.Helper()
	nc, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatalf("%v", err)
	}
	p := &picture{t: t, w: w, name: name, nc: nc, in: bufio.NewReader(nc), qresync: qresync}
	p.read() // the greeting
	p.ok("LOGIN marko secret")
	if qresync {
		p.ok("ENABLE QRESYNC")
	}
	return p
}

func (p *picture) close() { p.nc.Close() }

func (p *picture) failf(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("%s: %s\n%s\nafter:\n  %s", p.name, p.command, fmt.Sprintf(format, args...), strings.Join(p.log[max(0, len(p.log)-40):], "\n  "))
}

// read reads a response with its literals; "" at the end of the connection.
func (p *picture) read() string {
	p.t.Helper()
	p.nc.SetDeadline(time.Now().Add(patience))
	var all strings.Builder
	for {
		line, err := p.in.ReadString('\n')
		if err != nil {
			if p.bye {
				return ""
			}
			p.failf("the connection broke: %v", err)
		}
		all.WriteString(line)
		m := literalAtEnd.FindStringSubmatch(line)
		if m == nil {
			return strings.TrimSuffix(all.String(), "\r\n")
		}
		n, _ := strconv.Atoi(m[1])
		if _, err := io.CopyN(&all, p.in, int64(n)); err != nil {
			p.failf("in a literal: %v", err)
		}
	}
}

// ok runs a command that must be answered with OK.
func (p *picture) ok(command string) string {
	p.t.Helper()
	got := p.run(command)
	if !strings.HasPrefix(got, "OK") && !p.bye {
		p.failf("%s", got)
	}
	return got
}

// run runs a command and gives the tagged answer without its tag. BAD is
// always a mistake.
func (p *picture) run(command string) string {
	p.t.Helper()
	p.send(command)
	return p.finish()
}

func (p *picture) send(command string) {
	p.tag++
	p.command, p.search = command, nil
	p.log = append(p.log, "> "+command)
	verb, _, _ := strings.Cut(command, " ")
	p.noExpunges = slices.Contains([]string{"FETCH", "STORE", "SEARCH", "SORT", "THREAD"}, verb)
	fmt.Fprintf(p.nc, "t%d %s\r\n", p.tag, command)
}

// finish reads up to the tagged answer.
func (p *picture) finish() string {
	p.t.Helper()
	for {
		line := p.read()
		if p.bye && line == "" {
			return ""
		}
		p.log = append(p.log, line)
		if rest, ok := strings.CutPrefix(line, fmt.Sprintf("t%d ", p.tag)); ok {
			if strings.HasPrefix(rest, "BAD") {
				p.failf("%s", rest)
			}
			p.code(rest)
			return rest
		}
		p.take(line)
	}
}

var (
	numbered1   = regexp.MustCompile(`^\* (\d+) (EXISTS|RECENT|EXPUNGE|FETCH)(.*)`)
	uidItem     = regexp.MustCompile(`[( ]UID (\d+)`)
	flagsItem   = regexp.MustCompile(`[( ]FLAGS \(([^)]*)\)`)
	highestCode = regexp.MustCompile(`\[HIGHESTMODSEQ (\d+)\]`)
	validity1   = regexp.MustCompile(`\[UIDVALIDITY (\d+)\]`)
)

// code takes response codes.
func (p *picture) code(line string) {
	if m := highestCode.FindStringSubmatch(line); m != nil {
		n, _ := strconv.ParseUint(m[1], 10, 64)
		if n < p.highest {
			p.failf("HIGHESTMODSEQ falls from %d to %d", p.highest, n)
		}
		p.highest = n
	}
	if m := validity1.FindStringSubmatch(line); m != nil {
		n, _ := strconv.ParseUint(m[1], 10, 32)
		p.validity = uint32(n)
	}
}

// take holds an untagged response against the rules and learns from it.
func (p *picture) take(line string) {
	p.t.Helper()
	if m := numbered1.FindStringSubmatch(line); m != nil {
		n, _ := strconv.Atoi(m[1])
		switch m[2] {
		case "EXISTS":
			if n < len(p.msgs) {
				p.failf("EXISTS falls from %d to %d", len(p.msgs), n)
			}
			p.msgs = append(p.msgs, make([]seen, n-len(p.msgs))...)
		case "RECENT":
			if n > len(p.msgs) {
				p.failf("%d are recent of %d", n, len(p.msgs))
			}
		case "EXPUNGE":
			switch {
			case p.noExpunges:
				p.failf("EXPUNGE is not allowed here")
			case p.qresync:
				p.failf("EXPUNGE after ENABLE QRESYNC")
			case n < 1 || n > len(p.msgs):
				p.failf("EXPUNGE %d of %d", n, len(p.msgs))
			}
			p.msgs = slices.Delete(p.msgs, n-1, n)
		case "FETCH":
			if n < 1 || n > len(p.msgs) {
				p.failf("FETCH %d of %d", n, len(p.msgs))
			}
			p.fetched(n-1, m[3])
		}
		return
	}
	if set, ok := strings.CutPrefix(line, "* VANISHED "); ok {
		set, earlier := strings.CutPrefix(set, "(EARLIER) ")
		if p.noExpunges || !p.qresync {
			p.failf("VANISHED is not allowed here")
		}
		p.vanished(set, earlier)
		return
	}
	if list, ok := strings.CutPrefix(line, "* FLAGS ("); ok {
		p.flags = strings.Fields(strings.TrimSuffix(list, ")"))
		return
	}
	if list, ok := strings.CutPrefix(line, "* SEARCH"); ok {
		if n := strings.Index(list, " ("); n >= 0 {
			list = list[:n]
		}
		for _, f := range strings.Fields(list) {
			n, _ := strconv.ParseUint(f, 10, 32)
			p.search = append(p.search, uint32(n))
		}
		return
	}
	if strings.HasPrefix(line, "* BYE ") {
		p.bye = true
		return
	}
	p.code(line)
}

// fetched learns from a FETCH response.
func (p *picture) fetched(i int, rest string) {
	p.t.Helper()
	head, _, _ := strings.Cut(rest, "\r\n")
	m := &p.msgs[i]
	if u := uidItem.FindStringSubmatch(head); u != nil {
		n, _ := strconv.ParseUint(u[1], 10, 32)
		uid := imap.UID(n)
		if m.uid != 0 && m.uid != uid {
			p.failf("message %d has UID %d, was %d", i+1, uid, m.uid)
		}
		m.uid = uid
		for j := range p.msgs {
			if o := p.msgs[j].uid; o != 0 && (j < i && o >= uid || j > i && o <= uid) {
				p.failf("UIDs do not ascend: %d at %d, %d at %d", uid, i+1, o, j+1)
			}
		}
	} else if p.qresync && !strings.HasPrefix(p.command, "FETCH") {
		p.failf("a FETCH response without UID after ENABLE QRESYNC")
	}
	if f := flagsItem.FindStringSubmatch(head); f != nil {
		m.known, m.flags = true, flagText(strings.Fields(f[1]))
		for _, flag := range strings.Fields(m.flags) {
			if !slices.ContainsFunc(p.flags, func(k string) bool { return strings.EqualFold(k, flag) }) {
				p.failf("%s was not announced", flag)
			}
		}
	}
}

// flagText brings flags into the form in which they are compared.
func flagText(flags []string) string {
	flags = slices.DeleteFunc(slices.Clone(flags), func(f string) bool { return f == `\Recent` })
	slices.Sort(flags)
	return strings.Join(slices.Compact(flags), " ")
}

// vanished learns from VANISHED.
func (p *picture) vanished(set string, earlier bool) {
	p.t.Helper()
	for _, r := range strings.Split(set, ",") {
		a, b, isRange := strings.Cut(r, ":")
		lo, err1 := strconv.ParseUint(a, 10, 32)
		hi := lo
		var err2 error
		if isRange {
			hi, err2 = strconv.ParseUint(b, 10, 32)
		}
		if err1 != nil || err2 != nil || lo > hi {
			p.failf("VANISHED %s", set)
		}
		for uid := imap.UID(lo); uid <= imap.UID(hi); uid++ {
			// One whose UID the client has not asked for stands somewhere
			// between its neighbours.
			i := 0
			for j, m := range p.msgs {
				if m.uid != 0 && m.uid < uid {
					i = j + 1
				}
			}
			if i < len(p.msgs) && (p.msgs[i].uid == uid || p.msgs[i].uid == 0 && !earlier) {
				p.msgs = slices.Delete(p.msgs, i, i+1)
			} else if !earlier {
				p.failf("VANISHED %s names what was not there", r)
			}
		}
	}
}

// learn asks for what EXISTS has announced.
func (p *picture) learn() {
	p.t.Helper()
	i := slices.IndexFunc(p.msgs, func(m seen) bool { return m.uid == 0 || !m.known })
	if i >= 0 {
		p.run(fmt.Sprintf("FETCH %d:%d (UID FLAGS)", i+1, len(p.msgs)))
	}
}

// select1 selects a mailbox, or leaves the client without one.
func (p *picture) select1(name string, examine bool) {
	p.t.Helper()
	p.mailbox, p.msgs, p.highest = "", nil, 0
	verb := "SELECT "
	if examine {
		verb = "EXAMINE "
	}
	got := p.run(verb + name)
	if !strings.HasPrefix(got, "OK") {
		return
	}
	p.mailbox, p.readOnly = name, examine
	p.open()
	p.learn()
}

// open finds the selected mailbox in the store, where it may have another name
// by now; p.mbox is nil if it was deleted.
func (p *picture) open() {
	p.t.Helper()
	p.mbox = nil
	v := p.w.view("marko")
	for _, info := range v.Mailboxes() {
		if info.UIDValidity != p.validity {
			continue
		}
		if m, err := v.Mailbox(ctx, info.Name); err == nil && m.UIDValidity() == p.validity {
			p.mbox = m
		}
	}
}

// isGone reports whether the selected mailbox was deleted.
func (p *picture) isGone() bool { return p.mbox == nil || p.mbox.Snapshot().Gone }

// check compares the picture with the store, which nobody changes meanwhile.
// Where expunges could not be told, messages may be left that are gone.
func (p *picture) check() {
	p.t.Helper()
	if p.mailbox == "" || p.bye {
		return
	}
	if p.mbox == nil {
		p.open()
	}
	if p.isGone() {
		if p.take(p.read()); !p.bye {
			p.failf("there is no BYE")
		}
		return
	}
	snap := p.mbox.Snapshot()
	i := 0
	for j, m := range p.msgs {
		_, there := snap.Search(m.uid)
		if m.uid != 0 && !there {
			if p.noExpunges {
				continue // a ghost
			}
			p.failf("message %d, UID %d, is gone", j+1, m.uid)
		}
		if i >= snap.Len() {
			if p.noExpunges && m.uid == 0 {
				continue
			}
			p.failf("message %d, UID %d: the store has only %d", j+1, m.uid, snap.Len())
		}
		e := snap.At(i)
		if m.uid == 0 && p.noExpunges && slices.ContainsFunc(p.msgs[j+1:], func(o seen) bool { return o.uid == e.UID }) {
			continue // a ghost of which even the UID is not known
		}
		i++
		if m.uid != 0 && m.uid != e.UID {
			p.failf("message %d has UID %d, in the store %d", j+1, m.uid, e.UID)
		}
		if want := names(snap, e); m.known && m.flags != want {
			p.failf("message %d, UID %d, has %q, in the store %q", j+1, m.uid, m.flags, want)
		}
	}
	if i != snap.Len() {
		p.failf("the client knows of %d messages, the store of %d", i, snap.Len())
	}
}

// names gives a message's flags as pictures compare them.
func names(snap *store.Snapshot, e store.Entry) string {
	var out []string
	for _, f := range snap.Keywords.Names(e.Flags) {
		out = append(out, string(f))
	}
	return flagText(out)
}
