package pop3fetch

import (
	"context"
	"fmt"
	"strings"
	"time"

	"heimpost/store"
)

// transfer retrieves messages and deletes stored ones, in batches. A batch is
// retrieved, the connection proven to be in step (NOOP), the batch made
// durable, and only then its DELEs are sent, between the RETRs of the next
// batch, which goes on while the store syncs.
type transfer struct {
	s      *session
	window int // commands that may be unanswered
	most   int // messages of a batch
	want   []*message
	asked  []command // sent, not yet answered, in order
	batch  batch
	last   *message // the last one that was answered
	verb   string   // the last command that was answered
	proven bool     // NOOP was answered after the batch's last message
	room   int      // messages that the batch may still ask for
	left   int64    // octets likewise
	commit chan error
	saving batch // what commit makes durable
}

// command is one that was sent and not yet answered.
type command struct {
	verb string // RETR, DELE, or NOOP behind the last RETR of a batch
	m    *message
}

// batch is what is made durable together.
type batch struct {
	mails []*store.Incoming // new ones, each with its row
	rows  []store.UIDL      // of known ones
	items []item
	bytes int64
}

type item struct {
	m      *message
	row    *store.UIDL
	new    bool
	reason string // why it could not be retrieved; "" where it was
}

// window is how many commands may be unanswered where the provider announces
// pipelining: few enough that neither side's buffers fill up with them.
const window = 50

// transfer retrieves and stores messages and sends the DELEs that are due for
// them, and those of s.toDelete. It ends with nothing left unanswered.
func (s *session) transfer(ctx context.Context, want []*message) (err error) {
	t := &transfer{s: s, window: 1, most: s.l.BatchMessages, want: want}
	if s.c.pipelines() && !s.careful {
		t.window = window
	}
	if s.careful {
		t.most = 1
	}
	t.open()
	defer func() {
		if t.commit != nil {
			// It may have become durable; whether it did is in the box.
			if saved := <-t.commit; saved == nil {
				t.saved()
			}
		}
		abort(t.batch.mails)
	}()
	for {
		if err := t.poll(); err != nil {
			return err
		}
		if err := t.ask(); err != nil {
			return err
		}
		switch {
		case len(t.asked) > 0:
			err = t.answer()
		case t.proven:
			err = t.seal(ctx)
		case t.commit != nil:
			err = t.wait()
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// open begins a batch.
func (t *transfer) open() {
	t.batch, t.proven, t.room, t.left = batch{}, false, t.most, t.s.l.BatchBytes
}

// ask sends commands as long as the window has room for them. Nothing follows
// a batch's NOOP until it is answered: whatever comes in behind its answer was
// not asked for.
func (t *transfer) ask() error {
	s := t.s
	for len(t.asked) < t.window && !t.proven {
		last := len(t.asked) - 1
		switch {
		case last >= 0 && t.asked[last].verb == "NOOP":
			return nil
		case len(s.toDelete) > 0:
			m := s.toDelete[0]
			s.toDelete = s.toDelete[1:]
			if err := t.send("DELE", m); err != nil {
				return err
			}
		case len(t.want) > 0 && t.fits(t.want[0]):
			m := t.want[0]
			t.want = t.want[1:]
			t.room--
			t.left -= m.size
			s.asked++
			s.askedBytes += m.size
			if err := t.send("RETR", m); err != nil {
				return err
			}
		case t.room < t.most:
			if err := t.send("NOOP", nil); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

// fits reports whether a message may still go into this batch and session. One
// always may, else a large one would never come.
func (t *transfer) fits(m *message) bool {
	s := t.s
	over := time.Until(s.c.g.until) < s.l.Session/10 || s.maxMessages > 0 && s.asked >= s.maxMessages || s.maxBytes > 0 && s.askedBytes+m.size > s.maxBytes
	if over && (s.asked > 0 || s.begun) {
		s.limited = true
		return false
	}
	return t.room == t.most || t.room > 0 && m.size <= t.left
}

func (t *transfer) send(verb string, m *message) error {
	if len(t.asked) == 0 && !t.s.c.g.quiet() {
		err := t.s.c.g.outOfStep("it sent more than was asked for")
		if t.verb == "RETR" {
			t.s.broke(t.last, err)
		}
		return err
	}
	t.asked = append(t.asked, command{verb, m})
	if m == nil {
		return t.s.c.send("%s", verb)
	}
	return t.s.c.send("%s %d", verb, m.n)
}

// answer takes the reply to the oldest unanswered command.
func (t *transfer) answer() error {
	s, q := t.s, t.asked[0]
	t.asked, t.verb = t.asked[1:], q.verb
	_, err := s.c.reply(q.verb)
	r, no := refused(err)
	switch {
	case q.verb == "NOOP":
		if err = s.c.inStep(err); err != nil {
			s.broke(t.last, err)
			return err
		}
		t.proven = true
		return nil
	case no && q.verb == "RETR":
		if tokenExpired(r) {
			return err
		}
		// This message's trouble alone, if the batch proves to be in step.
		t.batch.items = append(t.batch.items, item{m: q.m, reason: r.Error()})
		t.last = q.m
		return nil
	case no:
		return nil // still there: the next session asks again
	case err == nil && q.verb == "DELE":
		s.sent = append(s.sent, q.m.row)
		return nil
	case err == nil:
		err = t.retrieve(q.m)
	}
	if q.verb == "RETR" {
		if t.last = q.m; err != nil {
			s.broke(q.m, err)
		}
	}
	return err
}

// tokenExpired reports whether an access token ended within a session, as
// Microsoft says it.
func tokenExpired(r *refusal) bool { return strings.Contains(r.text, "AccessTokenExpired") }

// retrieve takes the body of a message.
func (t *transfer) retrieve(m *message) error {
	s := t.s
	// A mail that begins like a reply is taken only where messages come one by
	// one, and where its listed size does not say that the line is none of it.
	again, err := s.c.g.replyAgain()
	if err != nil {
		return err
	}
	if again > 0 && !s.careful {
		return s.c.g.outOfStep("a reply that was not asked for, or a mail that begins like one")
	}
	in, err := s.box.NewIncoming()
	if err != nil {
		return &sinkError{err}
	}
	fits, err := s.c.g.body(in, s.l.Message)
	if err != nil || !fits {
		in.Abort()
		if err == nil {
			t.batch.items = append(t.batch.items, item{m: m, reason: tooBig(s.l.Message)})
		}
		return err
	}
	msg, err := in.Finish()
	if err != nil {
		in.Abort()
		return &sinkError{err}
	}
	if again > 0 && msg.Size-again == m.size {
		in.Abort()
		return s.c.g.outOfStep("a reply that was not asked for")
	}
	m.fetched = true
	before := m.row
	v, err := s.judge(m, in.Hash(), msg.Header)
	if err != nil {
		in.Abort()
		return &sinkError{err}
	}
	if before != nil && before != v.row && s.list.complete {
		// The UID now stands for another mail, or the provider changes what it
		// sends so much that nobody can tell. Its new row counts from here on.
		before.Absent = true
		t.batch.rows = append(t.batch.rows, *before)
	}
	if v.deliver {
		row := *v.row
		in.UIDL = &row
		in.Flags = s.flags(msg)
		t.batch.mails = append(t.batch.mails, in)
	} else {
		in.Abort()
		t.batch.rows = append(t.batch.rows, *v.row)
	}
	t.batch.items = append(t.batch.items, item{m: m, row: v.row, new: v.deliver})
	t.batch.bytes += msg.Size
	return nil
}

// judge decides what a retrieved message is.
func (s *session) judge(m *message, hash [32]byte, header []byte) (v verdict, err error) {
	now := s.now()
	switch {
	case len(s.book.hashes[hash]) == 0 && s.sameMail(m, header):
		// The provider changes something with each RETR; its UID is right.
		s.book.seen(m.row, m.size, now)
		v.row = m.row
	case len(s.book.hashes[hash]) == 0 && s.missing != nil && m.row == nil && !m.doubtful:
		// Renumbered, and something was written into the header.
		if r := s.missing.take(fieldsOf(header), m.size); r != nil {
			v.row = s.book.add(m.uid, m.size, r.Hash, r.FirstAt, now)
		}
	case s.rebuilt && m.row == nil && !m.doubtful:
		// It may be one whose row was lost. Of two copies that are listed each
		// takes one that was found, so that none is missing and none too many.
		n, err := s.box.Unclaimed(context.Background(), hash, s.a.Address)
		if err != nil {
			return v, err
		}
		if n > len(s.book.hashes[hash]) {
			v.row = s.book.add(m.uid, m.size, hash, now, now)
		}
	}
	if v.row == nil {
		v = s.book.judge(m, hash, now, func(r *store.UIDL) bool { return s.here[r] })
	}
	if m.row != nil && m.row != v.row {
		delete(s.here, m.row)
	}
	s.here[v.row] = true
	return v, nil
}

// seal makes the batch, which is proven to be in step, durable in the
// background, once the batch before it is.
func (t *transfer) seal(ctx context.Context) error {
	for t.commit != nil {
		if err := t.wait(); err != nil {
			return err
		}
	}
	b, done := t.batch, make(chan error, 1)
	t.saving, t.commit = b, done
	t.open()
	s := t.s
	go func() {
		_, err := s.box.Deliver(ctx, s.mailbox, b.mails)
		if err == nil {
			err = s.box.SetUIDLs(ctx, b.rows)
		}
		done <- err
	}()
	return nil
}

// poll looks whether the batch that is being saved is durable.
func (t *transfer) poll() error {
	select {
	case err := <-t.commit:
		return t.committed(err)
	default:
		return nil
	}
}

// wait waits for that, and lets the provider know that we are still there.
func (t *transfer) wait() error {
	tick := time.NewTimer(keepAlive)
	defer tick.Stop()
	for {
		select {
		case err := <-t.commit:
			return t.committed(err)
		case <-tick.C:
			if err := t.s.c.prove(); err != nil {
				return err
			}
			tick.Reset(keepAlive)
		}
	}
}

func (t *transfer) committed(err error) error {
	t.commit = nil
	if err != nil {
		return &sinkError{fmt.Errorf("storing mail: %w", err)}
	}
	t.saved()
	return nil
}

// saved notes that a batch is durable: from now on its messages may be
// deleted at the provider.
func (t *transfer) saved() {
	s := t.s
	for _, it := range t.saving.items {
		if it.reason != "" {
			s.fail(it.m, it.reason, false)
			continue
		}
		it.m.row, it.m.sure, it.m.doubtful = it.row, true, false
		delete(s.failed, keyOf(it.m))
		s.settled++
		if it.new {
			s.stored++
			s.result.Retrieved++
		}
		if s.list.complete && s.isDue(it.m) {
			s.toDelete = append(s.toDelete, it.m)
		}
	}
	for _, in := range t.saving.mails {
		s.result.Bytes += in.UIDL.Size
	}
	t.saving = batch{}
	s.progress()
}

func abort(mails []*store.Incoming) {
	for _, in := range mails {
		in.Abort()
	}
}
