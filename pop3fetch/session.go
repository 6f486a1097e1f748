package pop3fetch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/emersion/go-imap/v2"

	mail "heimpost/message"
	"heimpost/store"
)

// session drains an account once, from after the login to QUIT.
type session struct {
	a       Account
	o       FetchOptions
	l       Limits
	c       *client
	box     *store.Box
	mailbox store.ID
	state   *State
	result  *Result
	log     *slog.Logger
	now     func() time.Time
	byHand  bool

	list     *listing
	book     *book
	messages []*message
	failed   failures
	here     map[*store.UIDL]bool // rows whose message is in the listing

	missing *missing // mails whose messages were renumbered
	rebuilt bool     // the box's index was made anew from its files

	maxMessages, asked   int   // of this session's RETRs; 0: no limit
	maxBytes, askedBytes int64 // likewise, as listed

	expired bool // the access token ended within the session

	recent bool // Gmail is read through "recent:"
	full   bool // nothing more may be retrieved today
	begun  bool // of what may be retrieved today, something was

	toDelete  []*message    // durable and compared: DELE may be sent
	sent      []*store.UIDL // rows whose DELE was answered with +OK
	stored    int           // new mails
	base      int           // mails that earlier sessions of this round stored
	total     int           // to be retrieved
	settled   int           // messages that this session learned something lasting of
	confirmed bool          // QUIT was
	limited   bool          // a limit of the provider ended it early
	careful   bool          // one message at a time: a batch broke before
	inBatch   bool          // an error came while a batch was retrieved
}

// errDisagree: the maildrop's counts disagree.
var errDisagree = errors.New("the provider contradicts itself: it counts its messages differently each time it is asked")

// maxDisagreed is after how many sessions in a row whose counts disagree what
// is listed without doubt is fetched.
const maxDisagreed = 3

// broke notes which message broke the session. After two sessions in a row
// that broke without getting anywhere, messages come one by one, and the one
// that breaks the session then is left alone for a while.
func (s *session) broke(m *message, err error) {
	if errorIs[*sinkError](err) {
		return
	}
	s.inBatch = true
	if s.careful {
		s.fail(m, err.Error(), true)
		s.settled++
	}
}

// flags gives those of a new mail: a first drain may take old mail as read.
func (s *session) flags(m *mail.Message) []imap.Flag {
	if s.a.SeenBefore <= 0 || s.state.Drained {
		return nil
	}
	at := m.Date
	if len(m.Received) > 0 {
		at = m.Received[0]
	}
	if at.IsZero() || s.now().Sub(at) < s.a.SeenBefore {
		return nil
	}
	return []imap.Flag{imap.FlagSeen}
}

// drain runs the session. On any error the connection is closed without QUIT.
func (s *session) drain(ctx context.Context) (err error) {
	defer func() {
		s.c.close()
		s.tell()
	}()
	if s.list, err = s.c.list(s.state.HadUIDL); err != nil {
		return err
	}
	s.state.HadUIDL = s.state.HadUIDL || s.list.numbered && s.list.count > 0
	s.state.ServerCount, s.state.ServerSize = s.list.count, s.list.size
	s.result.Listed = s.list.count
	if s.result.Removes = s.c.caps.removes(); s.result.Removes && !s.state.Removes && !s.o.DryRun {
		s.state.Removes = true
		s.log.Warn("this provider deletes fetched mail by itself, whatever is to be kept there (EXPIRE 0)", "account", s.a.Address)
	}
	disagree := s.disagreement()
	if disagree != nil && s.state.Disagreed < maxDisagreed {
		return errors.Join(disagree, s.quit(ctx))
	}
	rows, err := s.box.UIDLs(ctx, s.a.Address)
	if err != nil {
		return &sinkError{err}
	}
	if s.rebuilt, err = s.box.Rebuilt(ctx); err != nil {
		return &sinkError{err}
	}
	s.book = newBook(s.a.Address, rows)
	s.messages = s.book.match(s.list)
	s.here = make(map[*store.UIDL]bool, len(s.messages))
	for _, m := range s.messages {
		if m.row != nil {
			s.here[m.row] = true
		}
	}
	s.failed = rememberFailed(s.state.Failed, s.messages, s.list.complete)
	if s.o.DryRun {
		s.count()
		return s.quit(ctx)
	}
	if err := s.work(ctx); err != nil {
		return err
	}
	return errors.Join(disagree, s.quit(ctx))
}

// work retrieves, stores and deletes.
func (s *session) work(ctx context.Context) error {
	if s.list.complete {
		gone := s.book.absent(s.messages)
		if err := s.recognise(ctx, gone); err != nil {
			return err
		}
		// What comes back after this is compared before it is believed.
		if err := s.write(ctx, gone); err != nil {
			return err
		}
	}
	if err := s.compare(ctx, s.doubtful()); err != nil {
		return err
	}
	want := s.wanted()
	if s.full && len(want) > 0 {
		want, s.limited = nil, true
	}
	s.tellKeep(want)
	s.total = len(want)
	s.progress()
	if err := s.transfer(ctx, want); err != nil {
		return err
	}
	if !s.list.complete {
		return nil // what cannot be counted is not deleted
	}
	due := s.due()
	if err := s.compare(ctx, due); err != nil {
		return err
	}
	if err := s.transfer(ctx, s.uncompared(due)); err != nil {
		return err
	}
	for _, m := range due {
		if m.sure && !m.fetched {
			s.toDelete = append(s.toDelete, m)
		}
	}
	if len(s.toDelete) > 0 {
		if err := s.c.prove(); err != nil {
			return err
		}
	}
	return s.transfer(ctx, nil)
}

// quit ends the session properly. Until it is answered, every DELE is in
// doubt.
func (s *session) quit(ctx context.Context) error {
	sent := make([]store.UIDL, 0, len(s.sent))
	for _, r := range s.sent {
		r.State = store.UIDLDeleteSent
		sent = append(sent, *r)
	}
	if err := s.write(ctx, sent); err != nil {
		return err
	}
	if err := s.c.quit(); err != nil {
		if len(s.sent) == 0 && s.stored == 0 && !errorIs[stepError](err) {
			return nil // nothing depended on it
		}
		return fmt.Errorf("QUIT was not confirmed: %w", err)
	}
	s.result.Deleted += len(s.sent)
	s.confirmed = true
	if s.book == nil || !s.list.complete || s.o.DryRun {
		return nil
	}
	var gone []store.UIDL
	for _, r := range s.book.rows {
		if r.Absent && r.State == store.UIDLDeleteSent {
			r.State = store.UIDLGone
			gone = append(gone, *r)
		}
	}
	return s.write(ctx, gone)
}

// write makes rows durable.
func (s *session) write(ctx context.Context, rows []store.UIDL) error {
	if err := s.box.SetUIDLs(ctx, rows); err != nil {
		return &sinkError{err}
	}
	return nil
}

// disagreement counts sessions whose listing contradicts itself.
func (s *session) disagreement() error {
	if s.list.complete {
		s.state.Disagreed = 0
		return nil
	}
	s.state.Disagreed++
	return errDisagree
}

// doubtful gives the messages whose UID is known but which may be another mail.
func (s *session) doubtful() []*message {
	var out []*message
	for _, m := range s.messages {
		if m.doubtful && s.mayTry(m) {
			out = append(out, m)
		}
	}
	return out
}

// recheck is how often messages without a usable UID, which are recognised by
// their size, are compared by content.
const recheck = 24 * time.Hour

// wanted gives the messages to be retrieved: the new ones, then those that
// failed before. One that broke a session comes last, when there is nothing
// else to be done in this one, or if it has waited for that a day.
func (s *session) wanted() []*message {
	now := s.now()
	all := now.Sub(s.state.UnnumberedAt) >= recheck
	var fresh, again, breaking []*message
	for _, m := range s.messages {
		switch known := m.row != nil || m.sure; {
		case known && !(m.uid == "" && all), !s.mayTry(m):
		case s.failed[keyOf(m)] == nil:
			fresh = append(fresh, m)
		case s.failed[keyOf(m)].Breaks:
			breaking = append(breaking, m)
		default:
			again = append(again, m)
		}
		if m.uid == "" && all {
			s.state.UnnumberedAt = now
		}
	}
	want := append(fresh, again...)
	if len(breaking) == 0 {
		return want
	}
	if waited := now.Sub(s.failed[keyOf(breaking[0])].Next) >= lastRetry; waited || len(want) == 0 && len(s.due()) == 0 {
		want = append(want, breaking[0])
	}
	return want
}

// due gives the stored messages that the policy deletes now and that this
// session has not retrieved itself.
func (s *session) due() []*message {
	var out []*message
	for _, m := range s.messages {
		if m.row != nil && !m.fetched && s.isDue(m) {
			out = append(out, m)
		}
	}
	return out
}

// mayTry reports whether a message may be retrieved or compared now. What
// failed before waits, except when somebody asks by hand and it does not break
// the session.
func (s *session) mayTry(m *message) bool {
	if m.size > s.l.Message {
		s.fail(m, tooBig(s.l.Message), false)
		return false
	}
	f := s.failed[keyOf(m)]
	return f == nil || s.byHand && !f.Breaks || !s.now().Before(f.Next)
}

// fail notes that a message could not be retrieved, and why; breaks says that
// it broke the session.
func (s *session) fail(m *message, reason string, breaks bool) {
	s.failed.add(m, reason, breaks, s.now())
}

// tellKeep tells the log, before a keep rule deletes the first mail at the
// provider, that it does.
func (s *session) tellKeep(want []*message) {
	rule, n := s.a.Keep.String(), len(s.due())
	for _, m := range want {
		if m.row == nil && s.a.Keep == KeepNever {
			n++
		}
	}
	if n > 0 && s.list.complete && s.state.Told != rule {
		s.log.Info("from now on mail that is stored here is deleted at the provider, as the account's keep rule says",
			"account", s.a.Address, "keep", rule, "now", n)
		s.state.Told = rule
	}
}

// isDue reports whether the policy wants a stored message deleted.
func (s *session) isDue(m *message) bool { return s.a.Keep.due(m.row.FirstAt, s.now()) }

// uncompared gives those that only their content can tell.
func (s *session) uncompared(due []*message) []*message {
	var out []*message
	for _, m := range due {
		if !m.sure && s.mayTry(m) {
			out = append(out, m)
		}
	}
	return out
}

// count is what a dry run tells.
func (s *session) count() {
	for _, m := range s.messages {
		switch {
		case m.row != nil:
			if s.list.complete && s.isDue(m) {
				s.result.WouldDelete++
			}
		case s.mayTry(m):
			s.result.WouldRetrieve++
			s.result.WouldBytes += m.size
			if s.list.complete && s.a.Keep == KeepNever {
				s.result.WouldDelete++
			}
		}
	}
}

// tell writes what is known of the maildrop into the state.
func (s *session) tell() {
	if s.messages == nil {
		return
	}
	s.state.Waiting, s.state.PendingDeletions, s.state.untried = 0, 0, 0
	removed := make(map[*store.UIDL]bool, len(s.sent))
	for _, r := range s.sent {
		removed[r] = s.confirmed
	}
	for _, m := range s.messages {
		switch {
		case m.row == nil:
			s.state.Waiting++
			if s.failed[keyOf(m)] == nil {
				s.state.untried++
			}
			continue
		case removed[m.row]:
			s.state.ServerCount--
			s.state.ServerSize -= m.size
		case m.row.State == store.UIDLDeleteSent || s.isDue(m):
			s.state.PendingDeletions++
		}
		if !m.doubtful && !s.isDue(m) {
			// Stored, and no longer to be compared before a DELE.
			delete(s.failed, keyOf(m))
		}
	}
	s.state.ServerSize = max(s.state.ServerSize, 0) // LIST and STAT need not agree on sizes
	s.state.More = !s.o.DryRun && s.limited && s.settled > 0 || !s.o.DryRun && lists(s.a) == onceOnly && !s.recent && s.stored > 0
	s.state.DayBytes += s.askedBytes
	s.state.Failed = s.failed.list()
	s.state.Unretrievable = len(s.state.Failed)
	s.result.Failed = len(s.state.Failed)
}

func (s *session) progress() {
	if s.o.Progress != nil {
		s.o.Progress(Progress{Account: s.a.Address, Retrieved: s.result.Retrieved, Total: s.base + s.total, Bytes: s.result.Bytes})
	}
}
