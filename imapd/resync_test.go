package imapd

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-imap/v2"
)

// cache is what a client keeps of a mailbox while it is away.
type cache struct {
	validity uint32
	modSeq   uint64
	flags    map[imap.UID]string
}

// keep remembers the picture, if all of it is known: the mod-sequence of one
// that is not would hide what is missing.
func (k *cache) keep(p *picture) {
	flags := make(map[imap.UID]string, len(p.msgs))
	for _, m := range p.msgs {
		if m.uid == 0 || !m.known {
			return
		}
		flags[m.uid] = m.flags
	}
	k.validity, k.modSeq, k.flags = p.validity, p.highest, flags
}

var uidFetch = regexp.MustCompile(`^\* (\d+) FETCH \(UID (\d+) FLAGS \(([^)]*)\)`)

// resync brings the cache up to date with a SELECT, or with a FETCH after it,
// and then holds it against the store.
func (k *cache) resync(t *testing.T, p *picture, r *rand.Rand) {
	t.Helper()
	p.mailbox, p.msgs, p.highest, p.log = "INBOX", nil, 0, nil
	since := k.modSeq
	switch known := slices.Sorted(maps.Keys(k.flags)); {
	case k.validity == 0:
		p.ok("SELECT INBOX")
		p.ok("UID FETCH 1:* FLAGS")
	case r.IntN(3) == 0:
		p.ok("SELECT INBOX")
		p.ok(fmt.Sprintf("UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d VANISHED)", max(since, 1)))
	case r.IntN(2) == 0 && len(known) > 0:
		var set imap.UIDSet
		set.AddNum(known...)
		p.ok(fmt.Sprintf("SELECT INBOX (QRESYNC (%d %d %s))", k.validity, since, set))
		p.ok(fmt.Sprintf("UID FETCH %d:* FLAGS", known[len(known)-1]+1))
	default:
		p.ok(fmt.Sprintf("SELECT INBOX (QRESYNC (%d %d))", k.validity, since))
	}
	if k.validity != 0 && k.validity != p.validity {
		p.failf("UIDVALIDITY was %d", k.validity)
	}
	k.validity, k.modSeq = p.validity, p.highest
	if k.flags == nil {
		k.flags = map[imap.UID]string{}
	}
	for _, line := range p.log {
		if set, ok := strings.CutPrefix(line, "* VANISHED (EARLIER) "); ok {
			for _, part := range strings.Split(set, ",") {
				a, b, isRange := strings.Cut(part, ":")
				if !isRange {
					b = a
				}
				lo, _ := strconv.Atoi(a)
				hi, _ := strconv.Atoi(b)
				for uid := lo; uid <= hi; uid++ {
					delete(k.flags, imap.UID(uid))
				}
			}
		}
		if m := uidFetch.FindStringSubmatch(line); m != nil {
			uid, _ := strconv.Atoi(m[2])
			k.flags[imap.UID(uid)] = flagText(strings.Fields(m[3]))
		}
	}
	p.open()
	snap := p.mbox.Snapshot()
	want := map[imap.UID]string{}
	for _, e := range snap.All() {
		want[e.UID] = names(snap, e)
	}
	if !maps.Equal(k.flags, want) {
		p.failf("after mod-sequence %d the client has %v,\nthe store %v", since, k.flags, want)
	}
	// The picture goes on from the cache: numbers are places in the order of UIDs.
	uids := slices.Sorted(maps.Keys(k.flags))
	if len(uids) != len(p.msgs) {
		p.failf("EXISTS said %d, there are %d", len(p.msgs), len(uids))
	}
	for i, uid := range uids {
		if p.msgs[i].uid != 0 && p.msgs[i].uid != uid {
			p.failf("message %d is UID %d, not %d", i+1, p.msgs[i].uid, uid)
		}
		p.msgs[i] = seen{uid: uid, known: true, flags: k.flags[uid]}
	}
}

// A client that loses its connection at random, whatever it was doing, and
// resynchronises has exactly the server's state (RFC 7162).
func TestResyncModel(t *testing.T) {
	r := rand.New(rand.NewPCG(stressSeed(t), 2))
	w := newWorld(t)
	n := 0
	other := &actor{picture: newPicture(t, w, "other", false), r: r, mailboxes: []string{"INBOX", "INBOX", "Work", "Play"}, n: &n, lock: &sync.Mutex{}}
	mine := &actor{r: r, mailboxes: []string{"INBOX"}, n: &n, lock: other.lock}
	var k cache
	act := func(a *actor) {
		for {
			a.step()
			if !a.bye {
				return
			}
			a.close()
			a.picture = newPicture(t, w, a.name, a.qresync)
		}
	}
	for range stressSteps(120) {
		for range r.IntN(10) {
			act(other)
		}
		mine.picture = newPicture(t, w, "mine", true)
		k.resync(t, mine.picture, r)
		for range r.IntN(6) {
			if r.IntN(2) == 0 {
				act(other)
			} else if mine.step2(); mine.mailbox != "INBOX" {
				break
			} else if !mine.noExpunges {
				k.keep(mine.picture)
			}
		}
		mine.close()
	}
	other.close()
}

// step2 does something in the mailbox, without leaving it.
func (a *actor) step2() {
	switch a.r.IntN(5) {
	case 0:
		a.run("NOOP")
	case 1:
		text := a.mail()
		a.run(fmt.Sprintf("APPEND INBOX {%d+}\r\n%s", len(text), text))
	case 2:
		a.run("EXPUNGE")
	default:
		if len(a.msgs) == 0 {
			a.run("CHECK")
			break
		}
		uid := a.r.IntN(2) == 0
		prefix := ""
		if uid {
			prefix = "UID "
		}
		if a.r.IntN(4) == 0 {
			set, _ := a.set(uid)
			a.run(prefix + "MOVE " + set + " Archive")
		} else {
			a.store(prefix, uid)
		}
	}
	if a.r.IntN(3) > 0 { // else it goes away before it has asked
		a.learn2()
	}
}
