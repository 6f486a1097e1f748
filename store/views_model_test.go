package store

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
)

// The model of views: three persons with two devices each work on one box.
// The oracle is what the design says, message by message, without ranges,
// snapshots or mod-sequences. A client of each device knows only what a mail
// client can know: what it was told while it was connected, and what QRESYNC
// tells it when it comes back.

// oracle is a box in the plainest terms.
type oracle struct {
	private bool
	readers map[ID]bool
	rules   map[ID]DevicePolicy
	cutoff  map[ID]int64 // of a device's window; 0: none
	boxes   map[string][]*oracleMsg
	next    map[string]imap.UID
}

type oracleMsg struct {
	uid    imap.UID
	mail   int // which mail it is a copy of
	date   int64
	common map[string]bool // flags that all see, \Seen: anybody has read it
	unread map[ID]bool     // persons who have not read it though somebody has
	scope  ID              // the device for which alone it exists
	own    map[ID]bool     // devices that have set a \Deleted of their own
	gone   map[ID]why      // devices that do not see it
}

func (o *oracle) privateIn(box string) bool { return o.private && box != "Sent" }

// flags gives a message's flags as somebody sees them.
func (o *oracle) flags(m *oracleMsg, box string, who Actor) string {
	f := maps.Clone(m.common)
	if o.privateIn(box) && o.readers[who.Person] && m.unread[who.Person] {
		delete(f, `\Seen`)
	}
	if o.rules[who.Device].Here {
		delete(f, `\Deleted`)
		if m.own[who.Device] {
			f[`\Deleted`] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(f)), " ")
}

func (o *oracle) sees(m *oracleMsg, who Actor) bool {
	return (m.scope == "" || m.scope == who.Device) && m.gone[who.Device] == shownAgain
}

// view gives a mailbox as somebody sees it.
func (o *oracle) view(box string, who Actor) map[imap.UID]string {
	out := map[imap.UID]string{}
	for _, m := range o.boxes[box] {
		if o.sees(m, who) {
			out[m.uid] = o.flags(m, box, who)
		}
	}
	return out
}

// seen gives the messages of a set that somebody sees.
func (o *oracle) seen(box string, set imap.UIDSet, who Actor) (out []*oracleMsg) {
	for _, m := range o.boxes[box] {
		if o.sees(m, who) && set.Contains(m.uid) {
			out = append(out, m)
		}
	}
	return out
}

// set gives a message a flag, or takes it.
func (o *oracle) set(m *oracleMsg, box string, who Actor, flag string, on bool) {
	switch {
	case flag == `\Deleted` && o.rules[who.Device].Here:
		m.own[who.Device] = on
	case flag == `\Seen` && o.privateIn(box) && o.readers[who.Person]:
		if on == (m.common[flag] && !m.unread[who.Person]) {
			return
		}
		others := false // has anybody else read it?
		for r := range o.readers {
			if r == who.Person {
				continue
			}
			if !m.common[flag] {
				m.unread[r] = true
			}
			others = others || !m.unread[r]
		}
		m.unread[who.Person] = !on
		m.common[flag] = true
		if !on && !others {
			delete(m.common, flag)
			clear(m.unread)
		}
	case on:
		m.common[flag] = true
	default:
		delete(m.common, flag)
	}
}

func (o *oracle) add(box string, m oracleMsg) *oracleMsg {
	m.uid = o.next[box]
	o.next[box]++
	m.gone = map[ID]why{}
	for d, cut := range o.cutoff {
		if cut != 0 && m.date < cut {
			m.gone[d] = beyondWindow
		}
	}
	if m.own == nil {
		m.own = map[ID]bool{}
	}
	if m.unread == nil {
		m.unread = map[ID]bool{}
	}
	o.boxes[box] = append(o.boxes[box], &m)
	return &m
}

// copy makes copies for everybody or for one device.
func (o *oracle) copy(from, to string, msgs []*oracleMsg, scope ID) {
	scopes := make([]ID, len(msgs))
	for i, m := range msgs {
		if scopes[i] = scope; scope == "" && m.scope != "" {
			for _, all := range o.boxes { // does anybody else have it?
				for _, other := range all {
					if other.mail == m.mail && other.scope == "" {
						scopes[i] = m.scope
					}
				}
			}
		}
	}
	for i, m := range msgs {
		c := oracleMsg{mail: m.mail, date: m.date, common: maps.Clone(m.common), scope: scopes[i]}
		if o.privateIn(from) && o.privateIn(to) {
			c.unread = map[ID]bool{}
			for r := range o.readers {
				c.unread[r] = m.unread[r]
			}
		}
		o.add(to, c)
	}
}

func (o *oracle) remove(box string, msgs []*oracleMsg) {
	o.boxes[box] = slices.DeleteFunc(o.boxes[box], func(m *oracleMsg) bool { return slices.Contains(msgs, m) })
}

// discard takes messages out of somebody's view.
func (o *oracle) discard(box string, msgs []*oracleMsg, who Actor) {
	for _, m := range msgs {
		if o.rules[who.Device].Here && m.scope != who.Device {
			m.gone[who.Device] = hiddenHere
			delete(m.own, who.Device)
			continue
		}
		o.remove(box, []*oracleMsg{m})
	}
}

// policy puts a policy in force and gives to which devices something returns.
func (o *oracle) policy(p Policy, now time.Time, both bool) (back []ID) {
	readers := map[ID]bool{}
	for _, r := range p.Readers {
		readers[r] = true
	}
	for _, box := range o.boxes {
		for _, m := range box {
			for person := range m.unread {
				// Who has lost access, and all when it is switched off, have
				// read what anybody has.
				if !p.PrivateSeen || o.private && o.readers[person] && !readers[person] {
					delete(m.unread, person)
				}
			}
			for d := range m.own {
				if o.rules[d].Here != p.Devices[d].Here {
					delete(m.own, d)
				}
			}
		}
	}
	o.private, o.readers, o.rules = p.PrivateSeen, readers, p.Devices
	for d, rule := range p.Devices {
		cut := int64(0)
		if rule.Days > 0 {
			cut = now.Truncate(24*time.Hour).AddDate(0, 0, -rule.Days).Unix()
		}
		if !both && cut < o.cutoff[d] {
			continue
		}
		o.cutoff[d] = cut
		came := false
		for _, box := range o.boxes {
			for _, m := range box {
				switch {
				case cut != 0 && m.date < cut && m.gone[d] == shownAgain:
					m.gone[d] = beyondWindow
				case m.gone[d] == beyondWindow && (cut == 0 || m.date >= cut):
					m.gone[d] = shownAgain
					came = true
				}
			}
		}
		if came {
			back = append(back, d)
		}
	}
	return back
}

// modelClient is a mail client on one device: what it was told of a mailbox.
type modelClient struct {
	who  Actor
	box  string
	last *Snapshot // while it is connected

	known   map[imap.UID]string
	modSeqs map[imap.UID]uint64
	highest uint64 // as it was told when it was last in step
}

var modelBoxes = []string{"INBOX", "Archive", "Trash", "Sent"}

// viewsRun is one schedule.
type viewsRun struct {
	t       *testing.T
	seed    uint64
	rand    *rand.Rand
	dir     string
	b       *Box
	o       *oracle
	now     time.Time
	clients []*modelClient
	policy  Policy
	mails   int
	log     []string
}

func (r *viewsRun) fail(format string, args ...any) {
	r.t.Helper()
	r.t.Fatalf("seed %d: %s\nafter:\n%s", r.seed, fmt.Sprintf(format, args...), strings.Join(r.log, "\n"))
}

func (r *viewsRun) did(format string, args ...any) {
	r.log = append(r.log, fmt.Sprintf(format, args...))
}

func (r *viewsRun) must(err error) {
	r.t.Helper()
	if err != nil {
		r.fail("%v", err)
	}
}

func oneOf[T any](r *viewsRun, list []T) T { return list[r.rand.IntN(len(list))] }

// actor draws somebody who has access.
func (r *viewsRun) actor() Actor {
	for {
		if who := oneOf(r, modelActors); r.o.readers[who.Person] {
			return who
		}
	}
}

// set draws some UIDs of a mailbox.
func (r *viewsRun) set(box string) imap.UIDSet {
	var set imap.UIDSet
	for range 1 + r.rand.IntN(2) {
		lo := 1 + imap.UID(r.rand.IntN(int(r.o.next[box])))
		set.AddRange(lo, lo+imap.UID(r.rand.IntN(3)))
	}
	return set
}

func (r *viewsRun) flagSet() (flags []imap.Flag) {
	for _, f := range []imap.Flag{imap.FlagSeen, imap.FlagDeleted, imap.FlagFlagged} {
		if r.rand.IntN(2) == 0 {
			flags = append(flags, f)
		}
	}
	return flags
}

func (r *viewsRun) open(box string, who Actor) *Mailbox {
	r.t.Helper()
	m, err := as(r.b, who).Mailbox(ctx, box)
	r.must(err)
	return m
}

var modelActors = func() (all []Actor) {
	for _, p := range []string{"marko", "petra", "tomas"} {
		for _, d := range []string{"phone", "pc"} {
			all = append(all, Actor{Person: ID(p), Device: ID(p + "-" + d)})
		}
	}
	return all
}()

func (r *viewsRun) append() {
	box, who := oneOf(r, modelBoxes), r.actor()
	if r.rand.IntN(3) == 0 {
		who = Actor{} // the fetcher
	}
	flags := r.flagSet()
	days := r.rand.IntN(40)
	in := incoming(r.t, r.b, fmt.Sprint("m", r.mails), flags...)
	in.Date = r.now.AddDate(0, 0, -days)
	r.did("%s appends to %s, %d days old, %v", who.Device, box, days, flags)
	_, err := as(r.b, who).Append(ctx, box, []*Incoming{in})
	r.must(err)
	m := r.o.add(box, oracleMsg{mail: r.mails, date: in.Date.Unix(), common: map[string]bool{}})
	r.mails++
	for _, f := range flags {
		switch {
		case f == imap.FlagSeen && who.Person == "":
			m.common[`\Seen`] = true
		case f == imap.FlagSeen && r.o.privateIn(box):
			m.common[`\Seen`] = true
			for p := range r.o.readers {
				m.unread[p] = p != who.Person
			}
		default:
			r.o.set(m, box, who, string(f), true)
		}
	}
}

func (r *viewsRun) flags() {
	box, who := oneOf(r, modelBoxes), r.actor()
	c := FlagsChange{UIDs: r.set(box), Op: FlagsOp(r.rand.IntN(3)), Flags: r.flagSet()}
	m := r.open(box, who)
	if r.rand.IntN(3) == 0 {
		since := m.Snapshot().HighestModSeq - min(m.Snapshot().HighestModSeq, uint64(r.rand.IntN(6)))
		c.UnchangedSince = &since
	}
	r.did("%s stores %v %d %v in %s", who.Device, c.UIDs, c.Op, c.Flags, box)
	before := m.Snapshot()
	done, err := m.StoreFlags(ctx, c)
	r.must(err)
	var modified imap.UIDSet
	for _, msg := range r.o.seen(box, c.UIDs, who) {
		if i, _ := before.Search(msg.uid); c.UnchangedSince != nil && before.At(i).ModSeq > *c.UnchangedSince {
			modified.AddNum(msg.uid)
			continue
		}
		for _, f := range []imap.Flag{imap.FlagSeen, imap.FlagDeleted, imap.FlagFlagged} {
			if has := slices.Contains(c.Flags, f); c.Op == FlagsSet || has {
				r.o.set(msg, box, who, string(f), has && c.Op != FlagsRemove)
			}
		}
	}
	if done.Modified.String() != modified.String() {
		r.fail("modified %v, want %v", done.Modified, modified)
	}
}

func (r *viewsRun) expunge() {
	box, who := oneOf(r, modelBoxes), r.actor()
	var set imap.UIDSet
	if r.rand.IntN(2) == 0 {
		set = r.set(box)
	}
	r.did("%s expunges %v in %s", who.Device, set, box)
	gone, err := r.open(box, who).Expunge(ctx, set)
	r.must(err)
	within := set
	if set == nil {
		within = imap.UIDSet{{Start: 1, Stop: 1 << 31}}
	}
	var want imap.UIDSet
	var msgs []*oracleMsg
	for _, m := range r.o.seen(box, within, who) {
		if strings.Contains(r.o.flags(m, box, who), "Deleted") {
			want.AddNum(m.uid)
			msgs = append(msgs, m)
		}
	}
	r.o.discard(box, msgs, who)
	if gone.String() != want.String() {
		r.fail("expunged %v, want %v", gone, want)
	}
}

func (r *viewsRun) transfer() {
	from, to, who, move := oneOf(r, modelBoxes), oneOf(r, modelBoxes), r.actor(), r.rand.IntN(2) == 0
	if r.rand.IntN(2) == 0 {
		to = "Trash"
	}
	set := r.set(from)
	r.did("%s moves (%v) %v from %s to %s", who.Device, move, set, from, to)
	m := r.open(from, who)
	do := m.Copy
	if move {
		do = m.Move
	}
	first := r.o.next[to]
	done, err := do(ctx, set, as(r.b, who), to)
	r.must(err)
	msgs := r.o.seen(from, set, who)
	scope := ID("")
	if to == "Trash" && r.o.rules[who.Device].Here {
		scope = who.Device
	}
	for i, msg := range msgs {
		if i >= len(done.Source) || done.Source[i] != msg.uid || done.Dest[i] != first+imap.UID(i) {
			r.fail("COPYUID %v", done)
		}
	}
	switch {
	case !move:
		r.o.copy(from, to, msgs, scope)
	case scope != "" && from != "Trash":
		r.o.copy(from, to, msgs, scope)
		r.o.discard(from, msgs, who)
	default:
		r.o.copy(from, to, msgs, "")
		r.o.remove(from, msgs)
	}
}

// fails makes changes that are undone.
func (r *viewsRun) fails() {
	box, who := oneOf(r, modelBoxes), r.actor()
	set := r.set(box)
	undone := errors.New("undone")
	r.did("%s fails to delete %v in %s", who.Device, set, box)
	err := r.b.writer.do(ctx, &request{run: func(t *tx) error {
		m, err := t.mailbox(box)
		if err != nil {
			return err
		}
		if _, err := t.storeFlags(m, FlagsChange{UIDs: set, Op: FlagsAdd, Flags: []imap.Flag{imap.FlagSeen, imap.FlagDeleted}}, who); err != nil {
			return err
		}
		if err := t.setPrivate(Policy{PrivateSeen: !r.policy.PrivateSeen}); err != nil {
			return err
		}
		_, seen, l, err := t.look(m, who)
		if err != nil {
			return err
		}
		if err := t.discard(m, l, seen.entries(seen.find(set)), who); err != nil {
			return err
		}
		return undone
	}})
	if !errors.Is(err, undone) {
		r.fail("%v", err)
	}
}

func (r *viewsRun) newPolicy() {
	p := Policy{PrivateSeen: r.rand.IntN(3) > 0, Devices: map[ID]DevicePolicy{}}
	if r.rand.IntN(2) == 0 {
		p.PrivateSeen = r.policy.PrivateSeen
	}
	for _, a := range modelActors {
		if strings.HasSuffix(string(a.Device), "pc") || r.rand.IntN(8) > 0 {
			if !slices.Contains(p.Readers, a.Person) {
				p.Readers = append(p.Readers, a.Person)
			}
		}
		rule := r.policy.Devices[a.Device]
		if r.rand.IntN(3) == 0 {
			rule = DevicePolicy{Here: r.rand.IntN(2) == 0, Days: oneOf(r, []int{0, 0, 10, 25})}
		}
		p.Devices[a.Device] = rule
	}
	if r.rand.IntN(6) == 0 {
		p.Readers = p.Readers[1:] // the first one loses access
	}
	r.did("policy %+v", p)
	back, err := r.b.SetPolicy(ctx, p)
	r.must(err)
	want := r.o.policy(p, r.now, true)
	slices.Sort(back)
	slices.Sort(want)
	if !slices.Equal(back, want) {
		r.fail("came back to %v, want %v", back, want)
	}
	r.policy = p
	r.bye(back...)
	for _, c := range r.clients {
		if !r.o.readers[c.who.Person] {
			c.last = nil
		}
	}
}

func (r *viewsRun) day() {
	r.now = r.now.AddDate(0, 0, 1+r.rand.IntN(4))
	if r.rand.IntN(8) == 0 {
		r.now = r.now.AddDate(0, 0, -6) // somebody set the clock
	}
	r.did("it is %s", r.now.Format(time.DateOnly))
	r.must(r.b.Slide(ctx))
	r.o.policy(r.policy, r.now, false)
}

func (r *viewsRun) showAll() {
	d := r.actor().Device
	r.did("show all on %s", d)
	back, err := r.b.ShowAll(ctx, d)
	r.must(err)
	want := false
	for _, box := range r.o.boxes {
		for _, m := range box {
			switch {
			case m.gone[d] != hiddenHere:
			case r.o.cutoff[d] != 0 && m.date < r.o.cutoff[d]:
				m.gone[d] = beyondWindow
			default:
				m.gone[d] = shownAgain
				want = true
			}
		}
	}
	if back != want {
		r.fail("came back: %v, want %v", back, want)
	}
	if back {
		r.bye(d)
	}
}

// drop revokes a device, which is then given anew.
func (r *viewsRun) drop() {
	d := oneOf(r, modelActors).Device
	r.did("drop %s", d)
	r.must(r.b.DropDevice(ctx, d))
	for name, box := range r.o.boxes {
		var own []*oracleMsg
		for _, m := range box {
			if m.scope == d {
				own = append(own, m)
			}
			delete(m.gone, d)
			delete(m.own, d)
		}
		r.o.remove(name, own)
	}
	delete(r.policy.Devices, d)
	delete(r.o.rules, d)
	delete(r.o.cutoff, d)
	for _, c := range r.clients {
		if c.who.Device == d {
			*c = modelClient{who: c.who, box: c.box} // a new telephone
		}
	}
}

// bye ends the connections of devices.
func (r *viewsRun) bye(devices ...ID) {
	for _, c := range r.clients {
		if slices.Contains(devices, c.who.Device) {
			c.last = nil
		}
	}
}

func (r *viewsRun) reopen() {
	r.did("reopen")
	if r.rand.IntN(4) > 0 {
		r.must(r.b.Close())
	} else {
		closeBox(r.t, r.b)
	}
	r.openBox()
	for _, c := range r.clients {
		c.last = nil
	}
}

func (r *viewsRun) openBox() {
	b, err := OpenBox(ctx, r.dir, Options{Now: func() time.Time { return r.now }})
	r.must(err)
	r.b = b
}

// sync brings a client in step, as IMAP would, and compares.
func (r *viewsRun) sync(c *modelClient) {
	r.t.Helper()
	if !r.o.readers[c.who.Person] {
		c.last = nil
		return
	}
	r.did("%s looks at %s", c.who.Device, c.box)
	st, err := as(r.b, c.who).Status(ctx, c.box, false) // perhaps before the mailbox is loaded
	r.must(err)
	m := r.open(c.box, c.who)
	now := m.Snapshot()
	switch {
	case c.known == nil: // it is new
		c.known, c.modSeqs = map[imap.UID]string{}, map[imap.UID]uint64{}
		for _, e := range now.All() {
			r.told(c, now, e)
		}
	case c.last != nil:
		Diff(c.last, now, func(ch Change) bool {
			if ch.New.UID == 0 {
				delete(c.known, ch.Old.UID)
				return true
			}
			if ch.Old.UID == 0 && ch.New.UID < c.last.UIDNext {
				r.fail("%s: message %d appeared in a running session", c.who.Device, ch.New.UID)
			}
			if ch.New.ModSeq <= ch.Old.ModSeq || ch.New.ModSeq <= c.last.HighestModSeq {
				r.fail("%s: message %d changed from %+v to %+v, known up to %d", c.who.Device, ch.New.UID, ch.Old, ch.New, c.last.HighestModSeq)
			}
			r.told(c, now, ch.New)
			return true
		})
	default: // QRESYNC
		gone, err := m.Vanished(ctx, c.highest)
		r.must(err)
		for uid := range c.known {
			if gone.Contains(uid) {
				delete(c.known, uid)
			}
		}
		for _, e := range now.All() {
			if gone.Contains(e.UID) {
				r.fail("%s: message %d is there and has vanished since %d", c.who.Device, e.UID, c.highest)
			}
			if e.ModSeq > c.highest {
				r.told(c, now, e)
			}
		}
	}
	c.highest = now.HighestModSeq
	c.last = now
	if r.rand.IntN(2) == 0 {
		c.last = nil // and leaves
	}
	want := r.o.view(c.box, c.who)
	if !maps.Equal(c.known, want) {
		r.fail("%s thinks that %s holds\n%v, want\n%v", c.who.Device, c.box, c.known, want)
	}
	unseen := 0
	for _, f := range want {
		if !strings.Contains(f, "Seen") {
			unseen++
		}
	}
	if st.Messages != len(want) || st.Unseen != unseen || now.Len() != len(want) || now.UIDNext != r.o.next[c.box] {
		r.fail("%s: STATUS %+v of %v", c.who.Device, st, want)
	}
}

// told is FETCH (UID FLAGS MODSEQ).
func (r *viewsRun) told(c *modelClient, s *Snapshot, e Entry) {
	r.t.Helper()
	if e.ModSeq < c.modSeqs[e.UID] || e.ModSeq > s.HighestModSeq {
		r.fail("%s: message %d has the mod-sequence %d after %d, at most %d", c.who.Device, e.UID, e.ModSeq, c.modSeqs[e.UID], s.HighestModSeq)
	}
	flags := sorted(s.Keywords.Names(e.Flags))
	c.known[e.UID], c.modSeqs[e.UID] = strings.Join(flags, " "), e.ModSeq
}

func (r *viewsRun) step() {
	switch n := r.rand.IntN(100); {
	case n < 16:
		r.append()
	case n < 40:
		r.flags()
	case n < 48:
		r.expunge()
	case n < 60:
		r.transfer()
	case n < 63:
		r.fails()
	case n < 68:
		r.newPolicy()
	case n < 72:
		r.day()
	case n < 74:
		r.showAll()
	case n < 75:
		r.drop()
	case n < 76:
		r.reopen()
	default:
		r.sync(oneOf(r, r.clients))
	}
}

// viewsTemplate makes a new box that each schedule gets a copy of.
func viewsTemplate(t *testing.T, root string) string {
	dir := filepath.Join(root, "template")
	if err := CreateBox(dir, NewID(), Options{}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// runViews runs the schedule of a seed.
func runViews(t *testing.T, template string, seed uint64, steps int) {
	dir, err := os.MkdirTemp(filepath.Dir(template), "run")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	r := &viewsRun{
		t: t, seed: seed, rand: rand.New(rand.NewPCG(seed, 0)), dir: filepath.Join(dir, "box"),
		now: time.Date(2026, 6, 1, 15, 0, 0, 0, time.UTC),
		o: &oracle{readers: map[ID]bool{}, rules: map[ID]DevicePolicy{}, cutoff: map[ID]int64{},
			boxes: map[string][]*oracleMsg{}, next: map[string]imap.UID{}},
	}
	if err := os.CopyFS(r.dir, os.DirFS(template)); err != nil {
		t.Fatal(err)
	}
	for _, box := range modelBoxes {
		r.o.next[box] = 1
		for _, a := range modelActors {
			r.clients = append(r.clients, &modelClient{who: a, box: box})
		}
	}
	r.openBox()
	defer func() {
		if seed%8 == 0 {
			closeBox(t, r.b)
		} else {
			r.must(r.b.Close())
		}
	}()
	r.newPolicy()
	for range steps {
		r.step()
	}
	for _, c := range r.clients {
		r.sync(c)
	}
}

// viewsFailedOnce are seeds of schedules that once failed, with what they found.
var viewsFailedOnce = map[string]uint64{
	"show-all brings back what is older than the window": 1795616084561138295,
}

// TestViewsFollowModel runs many schedules; HEIMPOST_SOAK runs more, and
// HEIMPOST_SEED one alone.
func TestViewsFollowModel(t *testing.T) {
	template := viewsTemplate(t, memDir(t))
	schedules, first := uint64(1000), uint64(1)
	if os.Getenv("HEIMPOST_SOAK") != "" {
		schedules, first = 12_000, uint64(time.Now().UnixNano())
	}
	if testing.Short() {
		schedules = 60
	}
	if v := os.Getenv("HEIMPOST_SEED"); v != "" {
		var err error
		if first, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatal(err)
		}
		schedules = 1
	} else {
		for what, seed := range viewsFailedOnce {
			if runViews(t, template, seed, 45); t.Failed() {
				t.Fatalf("%s: seed %d", what, seed)
			}
		}
	}
	for seed := first; seed < first+schedules; seed++ {
		runViews(t, template, seed, 45)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d schedules, seeds from %d on", schedules, first)
}
