package imapd

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// actor is a client that acts at random.
type actor struct {
	*picture
	r         *rand.Rand
	mailboxes []string
	n         *int // counts mails, so that each is another
	lock      sync.Locker
}

var stressFlags = []string{`\Seen`, `\Answered`, `\Flagged`, `\Deleted`, `\Draft`, "$Work", "$Label1", "later"}

// pick gives one of several.
func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// set gives a random set of messages, by number or by UID, and which of the
// picture's messages it names.
func (a *actor) set(uid bool) (string, []int) {
	n := len(a.msgs)
	var parts []string
	named := map[int]bool{}
	for range 1 + a.r.IntN(3) {
		i, j := a.r.IntN(n), a.r.IntN(n)
		if a.r.IntN(2) == 0 {
			j = i
		}
		lo, hi := min(i, j), max(i, j)
		if uid && (a.msgs[i].uid == 0 || a.msgs[j].uid == 0) {
			continue
		}
		for k := lo; k <= hi; k++ {
			named[k] = true
		}
		text := func(k int) string {
			if uid {
				return fmt.Sprint(a.msgs[k].uid)
			}
			if k == n-1 && a.r.IntN(2) == 0 {
				return "*"
			}
			return fmt.Sprint(k + 1)
		}
		if i == j {
			parts = append(parts, text(i))
		} else {
			parts = append(parts, text(i)+":"+text(j))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "1:*")
		for k := range n {
			named[k] = true
		}
	}
	var list []int
	for k := range n {
		if named[k] {
			list = append(list, k)
		}
	}
	return strings.Join(parts, ","), list
}

// mail gives the text of another mail.
func (a *actor) mail() string {
	a.lock.Lock()
	defer a.lock.Unlock()
	*a.n++
	return fmt.Sprintf("Subject: mail %d\r\n\r\nThis is mail %d.\r\n", *a.n, *a.n)
}

// crowd is how many messages of a mailbox are enough.
const crowd = 100

// step does something.
func (a *actor) step() {
	uid := a.r.IntN(2) == 0
	prefix := ""
	if uid {
		prefix = "UID "
	}
	if a.mailbox == "" || a.r.IntN(12) == 0 {
		if a.mailbox != "" && a.r.IntN(3) == 0 {
			a.ok(pick(a.r, "CLOSE", "UNSELECT"))
			a.mailbox, a.msgs = "", nil
		}
		a.select1(pick(a.r, a.mailboxes...), a.r.IntN(6) == 0)
		return
	}
	action := a.r.IntN(14)
	if len(a.msgs) == 0 && action > 3 && action < 12 {
		action = 0
	}
	switch action {
	case 0, 1, 2:
		text := a.mail()
		flags := ""
		if a.r.IntN(2) == 0 {
			flags = "(" + pick(a.r, stressFlags...) + ") "
		}
		a.run(fmt.Sprintf("APPEND %s %s{%d+}\r\n%s", pick(a.r, a.mailboxes...), flags, len(text), text))
	case 3:
		a.run(pick(a.r, "NOOP", "CHECK", "STATUS INBOX (MESSAGES UNSEEN)"))
	case 4, 5, 6:
		a.store(prefix, uid)
	case 7:
		set, _ := a.set(uid)
		command := pick(a.r, "COPY ", "COPY ", "MOVE ")
		if len(a.msgs) > crowd {
			command = "MOVE " // copies of copies would grow without bound
		}
		a.run(prefix + command + set + " " + pick(a.r, append(a.mailboxes, "Nowhere")...))
	case 8:
		if len(a.msgs) > 2*crowd {
			a.run("STORE 1:" + strconv.Itoa(crowd) + ` +FLAGS (\Deleted)`)
			if a.bye {
				return
			}
		}
		if set, _ := a.set(true); uid {
			a.run("UID EXPUNGE " + set)
		} else {
			a.run("EXPUNGE")
		}
	case 9:
		set, _ := a.set(uid)
		a.run(prefix + "FETCH " + set + " " + pick(a.r, "FLAGS", "(UID BODY[])", "(BODY.PEEK[TEXT] FLAGS)", "ALL", "(RFC822.TEXT MODSEQ)", "BODYSTRUCTURE"))
	case 10:
		a.find(prefix, uid)
	case 11:
		a.send("IDLE")
		line := a.read()
		for ; !strings.HasPrefix(line, "+ ") && !a.bye; line = a.read() {
			a.take(line)
		}
		fmt.Fprintf(a.nc, "DONE\r\n")
		a.finish()
	case 12:
		// Several commands in one packet, the second against the state that
		// the first leaves.
		a.send("NOOP")
		first := a.tag
		a.send("UID SEARCH ALL")
		a.tag = first
		a.noExpunges = false
		a.finish()
		a.tag++
		a.command = "UID SEARCH ALL"
		a.finish()
	case 13:
		a.folders()
	}
	if a.bye {
		return
	}
	a.learn2()
}

// learn2 asks for what is new without forgetting what the command before was
// allowed to tell.
func (a *actor) learn2() {
	was := a.noExpunges
	a.learn()
	a.noExpunges = a.noExpunges || was
}

// store changes flags; with .SILENT the client applies the change itself.
func (a *actor) store(prefix string, uid bool) {
	set, named := a.set(uid)
	op := pick(a.r, "+FLAGS", "-FLAGS", "FLAGS")
	var flags []string
	for range a.r.IntN(3) {
		flags = append(flags, pick(a.r, stressFlags...))
	}
	silent := ""
	if a.r.IntN(2) == 0 && !a.readOnly {
		silent = ".SILENT"
		for _, i := range named {
			m := &a.msgs[i]
			have := strings.Fields(m.flags)
			switch op {
			case "FLAGS":
				have = flags
			case "+FLAGS":
				have = append(have, flags...)
			case "-FLAGS":
				have = slices.DeleteFunc(have, func(f string) bool { return slices.Contains(flags, f) })
			}
			m.flags = flagText(have)
		}
	}
	a.run(prefix + "STORE " + set + " " + op + silent + " (" + strings.Join(flags, " ") + ")")
}

// find searches for a flag and holds the answer against the picture.
func (a *actor) find(prefix string, uid bool) {
	flag := pick(a.r, "SEEN", "ANSWERED", "FLAGGED", "DELETED", "DRAFT", "KEYWORD $Work")
	before := slices.Clone(a.msgs)
	a.run(prefix + "SEARCH " + flag)
	name := `\` + strings.ToUpper(flag[:1]) + strings.ToLower(flag[1:])
	if k, ok := strings.CutPrefix(flag, "KEYWORD "); ok {
		name = k
	}
	var want []uint32
	for i, m := range before {
		if slices.Contains(strings.Fields(m.flags), name) && m.known {
			if uid {
				want = append(want, uint32(m.uid))
			} else {
				want = append(want, uint32(i+1))
			}
		}
	}
	// The ghosts among them are not found.
	for _, n := range a.search {
		if !slices.Contains(want, n) && !slices.ContainsFunc(before, func(m seen) bool { return m.uid == 0 || !m.known }) {
			a.failf("%d was found, the client knows of %v", n, want)
		}
	}
}

// folders makes, renames and removes a mailbox.
func (a *actor) folders() {
	name := pick(a.r, a.mailboxes[2:]...)
	switch a.r.IntN(4) {
	case 0:
		if a.run("DELETE " + name); a.mailbox != "" && a.isGone() {
			a.bye = true // what is selected now is hard to say: begin anew
		}
	case 1:
		a.run("RENAME " + name + " " + pick(a.r, a.mailboxes[2:]...))
	default:
		a.run("CREATE " + name)
	}
}

// stressSeed gives the seed of a stress test: HEIMPOST_SEED, to see again what
// was printed, else another one each time.
func stressSeed(t *testing.T) uint64 {
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("HEIMPOST_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("HEIMPOST_SEED=%d", seed)
	return seed
}

// stressSteps gives how many steps a stress test takes: HEIMPOST_STEPS, many
// in a soak, few in a short test.
func stressSteps(def int) int {
	if n, err := strconv.Atoi(os.Getenv("HEIMPOST_STEPS")); err == nil {
		return n
	}
	switch {
	case os.Getenv("HEIMPOST_SOAK") != "":
		return 200 * def
	case testing.Short():
		return def / 3
	}
	return def
}

var stressMailboxes = []string{"INBOX", "Archive", "Work", "Play"}

// One client after the other acts on mailboxes that all share; after each step
// its picture is held against the store. The same seed gives the same steps.
func TestStressInTurn(t *testing.T) {
	r := rand.New(rand.NewPCG(stressSeed(t), 1))
	w := newWorld(t)
	n := 0
	var actors []*actor
	for i := range 6 {
		actors = append(actors, &actor{picture: newPicture(t, w, fmt.Sprint("client ", i), i%3 == 0),
			r: r, mailboxes: stressMailboxes, n: &n, lock: &sync.Mutex{}})
	}
	defer func() {
		for _, a := range actors {
			a.close()
		}
	}()
	for range stressSteps(1500) {
		i := r.IntN(len(actors))
		a := actors[i]
		if a.bye || a.r.IntN(40) == 0 {
			a.close()
			a.picture = newPicture(t, w, a.name, a.qresync)
		}
		a.step()
		a.check()
	}
	for _, a := range actors {
		a.settle()
	}
}

// settle hears all news and compares.
func (a *actor) settle() {
	a.run("NOOP")
	if a.bye {
		return
	}
	if a.learn(); a.mailbox != "" {
		a.run("NOOP")
		a.check()
	}
}

// stopper lets a goroutine that fails end by itself.
type stopper struct{ *testing.T }

func (s stopper) Fatalf(format string, args ...any) {
	s.Helper()
	s.Errorf(format, args...)
	runtime.Goexit()
}

// All clients act at a time; after each round, when all have come to rest,
// their pictures are held against the store.
func TestStressAtOnce(t *testing.T) {
	seed := stressSeed(t)
	w := newWorld(t)
	n := 0
	var lock sync.Mutex
	var actors []*actor
	for i := range 8 {
		actors = append(actors, &actor{picture: newPicture(stopper{t}, w, fmt.Sprint("client ", i), i%3 == 0),
			r: rand.New(rand.NewPCG(seed, uint64(i))), mailboxes: stressMailboxes, n: &n, lock: &lock})
	}
	defer func() {
		for _, a := range actors {
			a.close()
		}
	}()
	all := func(do func(*actor)) {
		var wg sync.WaitGroup
		for _, a := range actors {
			wg.Go(func() { do(a) })
		}
		wg.Wait()
		if t.Failed() {
			t.FailNow()
		}
	}
	const perRound = 25
	for range max(1, stressSteps(1500)/perRound/len(actors)) {
		all(func(a *actor) {
			for range perRound {
				if a.bye {
					a.close()
					a.picture = newPicture(a.t, w, a.name, a.qresync)
				}
				a.step()
			}
		})
		all((*actor).settle)
	}
}
