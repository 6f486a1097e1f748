package pop3fetch

import (
	"fmt"
	"strings"
	"time"

	"heimpost/store"
)

// outcome is what a schedule came to.
type outcome struct {
	seed                 uint64
	rounds               int
	injected             map[string]int
	delivered            int
	lost, twice, changed int    // mails
	wrong                string // what else is wrong; "": nothing
	log                  []string
	retrieved            int
}

func (o *outcome) failed() bool { return o.lost+o.twice+o.changed > 0 || o.wrong != "" }

func (o *outcome) String() string {
	return fmt.Sprintf("seed %d: %d lost, %d twice, %d changed; %s\n  %s", o.seed, o.lost, o.twice, o.changed, o.wrong, strings.Join(o.log, "\n  "))
}

// schedule runs one world to its end.
func schedule(in string, seed uint64) (o *outcome) {
	o = &outcome{seed: seed}
	w, err := newWorld(in, seed)
	if err != nil {
		o.wrong = err.Error()
		return o
	}
	defer w.end()
	defer func() {
		if p := recover(); p != nil {
			text, is := p.(failure)
			if !is {
				panic(p)
			}
			o.wrong = string(text)
		}
		o.rounds, o.injected, o.delivered, o.log = w.rounds, w.injected, len(w.want), w.log
		for _, m := range w.drop.All() {
			o.retrieved += m.Retrieved
		}
	}()
	for range 2 + w.r.IntN(5) {
		w.deliver()
		w.round(w.anyFault())
		w.safe()
		w.meddle()
	}
	w.deliver()
	w.settle()
	w.judge(o)
	return o
}

// round runs a round in which a fault is in force, and starts the process
// again if it ended.
func (w *world) round(f *fault) {
	w.mu.Lock()
	w.fault = f
	w.mu.Unlock()
	name := "nothing"
	if f != nil {
		name = f.name
		w.mu.Lock()
		delete(w.injected, "connection "+name)
		w.mu.Unlock()
	}
	w.mu.Lock()
	before := w.injected[name]
	w.mu.Unlock()
	res, err := w.f.Round(ctx, w.hub.account.Address, FetchOptions{})
	w.rounds++
	w.fs.Before(nil)
	crashed := w.fs.Crashed()
	w.logf("round with %s: %d retrieved, %d deleted, crashed %v, %v", name, res.Retrieved, res.Deleted, crashed, err)
	w.mu.Lock()
	w.fault = nil
	came := w.injected[name] > before
	w.mu.Unlock()
	if crashed || came && w.r.IntN(3) == 0 {
		w.reopen()
	}
}

// safe checks what must hold at any time: what a QUIT has removed at the
// provider is stored, and what is stored is one of the provider's mails, once.
func (w *world) safe() {
	stored := w.stored()
	ids := map[[32]byte]int{}
	for id, x := range w.want {
		ids[x.hash] = id
		if stored[x.hash] > 0 && !x.seen {
			x.seen = true
			w.want[id] = x
		}
	}
	for hash, n := range stored {
		id, is := ids[hash]
		switch {
		case !is:
			w.failf("a stored mail is none of the provider's")
		case n > 1:
			w.failf("mail %d is stored %d times", id, n)
		case w.want[id].expunged:
			w.failf("mail %d was deleted here and has come back", id)
		}
	}
	for _, m := range w.drop.Removed() {
		if x := w.want[m.ID]; stored[x.hash] == 0 && !x.expunged && !x.optional && m.Deletes > 0 {
			w.failf("mail %d was deleted at the provider and is not stored", m.ID)
		}
	}
}

// maxQuiet is how many rounds without a fault bring everything in order:
// counts that disagreed and messages that failed are forgiven in the meantime.
const maxQuiet = 8

// settle runs rounds in which nothing goes wrong until nothing is left to do.
func (w *world) settle() {
	for n := 1; ; n++ {
		// Messages without a usable UID are compared anew after a day, and
		// what once broke a session is tried when nothing else is to be done.
		w.advance([]time.Duration{25 * time.Hour, time.Hour}[n%2])
		res, err := w.f.Round(ctx, w.hub.account.Address, FetchOptions{})
		w.rounds++
		w.logf("quiet round %s: %d listed, %d retrieved, %d deleted, %v", w.clock().Format("Jan 2 15:04"), res.Listed, res.Retrieved, res.Deleted, err)
		w.safe()
		if err == nil && res.Retrieved == 0 && res.Deleted == 0 && res.Failed == 0 {
			return
		}
		if n == maxQuiet+len(w.drop.Held()) {
			w.failf("after %d rounds without faults it is not at rest: %v, failed %+v", n, err, w.hub.state.Failed)
		}
	}
}

// judge compares the box with all that was ever delivered.
func (w *world) judge(o *outcome) {
	stored := w.stored()
	for id, x := range w.want {
		switch n := stored[x.hash]; {
		case n > 1:
			o.twice++
		case x.expunged && n > 0:
			w.failf("mail %d was deleted here and has come back", id)
		case n == 0 && !x.expunged && !x.optional:
			w.logf("lost: %d", id)
			o.lost++
		}
		delete(stored, x.hash)
	}
	o.changed = len(stored)
	held := len(w.drop.Held())
	switch keep := w.hub.account.Keep; {
	case keep == KeepNever && held > 0 && !w.drop.Gmail:
		w.failf("%d mails stay at the provider, though none shall be kept", held)
	case w.drop.Gmail && w.drop.InUse():
		w.failf("the maildrop is still in use")
	}
	r, err := w.box.Verify(ctx, store.VerifyOptions{Content: true})
	if err != nil {
		w.failf("verify: %v", err)
	}
	for _, p := range r.Problems {
		w.failf("verify: %s %s: %s", p.Mailbox, p.File, p.Text)
	}
}
