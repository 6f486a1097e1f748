package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/message"
)

// A copy that arrives in \Sent says which mail was answered. That mail may lie
// in any box that the sender may write to, so the copy's transaction only
// notes what is to be marked; the hub marks it in all of those boxes
// (MarkAnswered), then takes the note away. A crash in between leaves the note.
//
// A draft that answers a mail of the same box marks it with $Answering, in the
// draft's own transaction, until it is replaced, sent or dropped.

// FlagAnswering is the keyword of a mail that somebody is answering.
const FlagAnswering imap.Flag = "$Answering"

// Sent is a copy in \Sent whose mails are to be marked.
type Sent struct {
	Actor    Actor
	Answers  []string // Message-IDs with angle brackets
	Forwards []string
	ID       int64 // unique in its box
}

// maxAnswered bounds how many mails one mail can answer.
const maxAnswered = 20

// forwardSubject is how subjects of forwarded mails begin.
var forwardSubject = regexp.MustCompile(`(?i)^\s*(fwd?|wg|tr|rv|vb)\s*:`)

// answeredBy tells which mails a mail with this header answers and forwards.
// A forward says so by X-Forwarded-Message-Id (Thunderbird, K-9), or by its
// subject where it has References and no In-Reply-To. Else In-Reply-To
// decides, else the last reference.
func answeredBy(header []byte) (answers, forwards []string) {
	var scan message.Scanner
	scan.Write(header)
	scan.Write(crlf)
	m := scan.Finish()
	for _, f := range fieldValues(header, "x-forwarded-message-id") {
		forwards = append(forwards, messageIDs.FindAllString(f, maxAnswered)...)
	}
	last := m.References[max(0, len(m.References)-1):]
	switch {
	case len(m.InReplyTo) > 0:
		answers = m.InReplyTo
	case len(forwards) > 0:
	case forwardSubject.MatchString(m.Subject):
		forwards = last
	default:
		answers = last
	}
	forwards = usable(forwards)
	answers = usable(answers)
	return slices.DeleteFunc(answers, func(id string) bool { return slices.Contains(forwards, id) }), forwards
}

var messageIDs = regexp.MustCompile(`<[^<>\s]+>`)

// usable gives those Message-IDs that the index may hold, each once.
func usable(ids []string) (out []string) {
	for _, id := range ids {
		if len(id) <= maxMessageID && !slices.Contains(out, id) && len(out) < maxAnswered {
			out = append(out, id)
		}
	}
	return out
}

// fieldValues gives the values of a header's fields of this name, unfolded.
func fieldValues(header []byte, name string) (out []string) {
	unfolded := unfold.Replace(string(header))
	for line := range strings.SplitSeq(unfolded, "\r\n") {
		if field, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(field), name) {
			out = append(out, value)
		}
	}
	return out
}

var unfold = strings.NewReplacer("\r\n ", " ", "\r\n\t", " ")

// arrived looks at messages that are new in a mailbox: what do they answer?
func (t *tx) arrived(m *mailbox, use imap.MailboxAttr, entries []Entry, who Actor) error {
	if who.Person == "" || use != imap.MailboxAttrSent && use != imap.MailboxAttrDrafts {
		return nil
	}
	person, err := t.actor(who.Person)
	if err != nil {
		return err
	}
	device, err := t.actor(who.Device)
	if err != nil {
		return err
	}
	for _, e := range entries {
		var header []byte
		err := t.row("SELECT header FROM mail_header WHERE id=?", e.mail).Scan(&header)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		answers, forwards := answeredBy(header)
		if use == imap.MailboxAttrDrafts {
			err = t.drafted(m, e.UID, person, answers)
		} else if len(answers)+len(forwards) > 0 {
			err = t.exec("INSERT INTO sent(person, device, answers, forwards) VALUES(?, ?, ?, ?)", person, device, jsonText(answers), jsonText(forwards))
			t.events = append(t.events, Event{Kind: "sent", Mailbox: m.id, MailboxName: t.state(m).name, Actor: who})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func jsonText(list []string) string {
	if list == nil {
		return "[]"
	}
	b, _ := json.Marshal(list) // strings always can be
	return string(b)
}

// drafted notes a draft that answers mails, and marks them.
func (t *tx) drafted(m *mailbox, uid imap.UID, person int64, answers []string) error {
	for _, id := range answers {
		if err := t.exec("INSERT OR REPLACE INTO answering(mailbox, uid, messageid, person) VALUES(?, ?, ?, ?)",
			m.row, uint32(uid), id, person); err != nil {
			return err
		}
		if _, err := t.mark(id, FlagsAdd, FlagAnswering, Actor{}); err != nil {
			return err
		}
	}
	return nil
}

// undrafted forgets drafts that have left a mailbox, and takes the marks that
// no other draft keeps. They are picked by a condition on table answering.
func (t *tx) undrafted(where string, args ...any) error {
	ids, err := t.texts("DELETE FROM answering WHERE "+where+" RETURNING messageid", args...)
	if err != nil {
		return err
	}
	for _, id := range ids {
		var still bool
		if err := t.row("SELECT EXISTS(SELECT 1 FROM answering WHERE messageid=?)", id).Scan(&still); err != nil {
			return err
		}
		if still {
			continue
		}
		if _, err := t.mark(id, FlagsRemove, FlagAnswering, Actor{}); err != nil {
			return err
		}
	}
	return nil
}

// texts gives the first column of a statement's rows.
func (t *tx) texts(query string, args ...any) (out []string, err error) {
	rows, err := t.w.conn.QueryContext(context.Background(), query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// marked is a message that mark found.
type marked struct {
	m    *mailbox
	name string
	uid  imap.UID
	mail int64
}

// mark changes a common flag of all messages with a Message-ID, wherever they
// lie, and gives them. A mailbox whose keywords are all in use is passed over.
func (t *tx) mark(messageID string, op FlagsOp, flag imap.Flag, who Actor) (found []marked, err error) {
	rows, err := t.w.conn.QueryContext(context.Background(), `
		SELECT e.mailbox, e.uid, e.mail FROM mail_envelope v JOIN entry e ON e.mail=v.id
		WHERE v.messageid=? ORDER BY e.mailbox, e.uid`, messageID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	byRow := map[int64]named{}
	for _, n := range t.folders().list {
		byRow[n.row] = n
	}
	for rows.Next() {
		var row int64
		var f marked
		if err := rows.Scan(&row, &f.uid, &f.mail); err != nil {
			return nil, err
		}
		if n, ok := byRow[row]; ok {
			f.m, f.name = n.mailbox, n.name
			found = append(found, f)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	rows.Close() // the statements below need the connection
	for i := 0; i < len(found); {
		var uids imap.UIDSet
		m := found[i].m
		for ; i < len(found) && found[i].m == m; i++ {
			uids.AddNum(found[i].uid)
		}
		if err := t.markIn(m, uids, op, flag, who); err != nil && !errors.Is(err, ErrKeywordLimit) {
			return nil, err
		}
	}
	return found, nil
}

// markIn changes a common flag of messages of a mailbox.
func (t *tx) markIn(m *mailbox, uids imap.UIDSet, op FlagsOp, flag imap.Flag, who Actor) error {
	s, err := t.loaded(m)
	if err != nil {
		return err
	}
	bits, err := t.bits(m, &s, []imap.Flag{flag}, op == FlagsAdd)
	if err != nil {
		return err
	}
	at := slices.DeleteFunc(s.snap.find(uids), func(i int) bool {
		f := s.snap.At(i).Flags
		return op.Apply(f, bits) == f
	})
	if len(at) == 0 {
		return nil
	}
	if err := t.giveModSeq(m, &s); err != nil {
		return err
	}
	if err := t.commonFlags(m, &s, at, op, bits, 0, s.modSeq); err != nil {
		return err
	}
	t.set(m, s)
	entries := s.snap.entries(at)
	t.logFlags(m, entries, s.keywords)
	t.events = append(t.events, Event{Kind: "flags", Mailbox: m.id, MailboxName: s.name, Actor: who, UIDs: setOf(spans(entries))})
	return nil
}

// Sent gives the copies in \Sent whose mails are still to be marked, the
// oldest first.
func (b *Box) Sent(ctx context.Context) ([]Sent, error) {
	rows, err := b.index.read.QueryContext(ctx, `
		SELECT s.id, coalesce(p.actor, ''), coalesce(d.actor, ''), s.answers, s.forwards
		FROM sent s LEFT JOIN actor p ON p.id=s.person LEFT JOIN actor d ON d.id=s.device ORDER BY s.id LIMIT 1000`)
	if err != nil {
		return nil, indexError(err)
	}
	defer rows.Close()
	var out []Sent
	for rows.Next() {
		var s Sent
		var answers, forwards []byte
		if err := rows.Scan(&s.ID, &s.Actor.Person, &s.Actor.Device, &answers, &forwards); err != nil {
			return nil, indexError(err)
		}
		if err := errors.Join(json.Unmarshal(answers, &s.Answers), json.Unmarshal(forwards, &s.Forwards)); err != nil {
			return nil, fmt.Errorf("the index is damaged: %w", err)
		}
		out = append(out, s)
	}
	return out, indexError(rows.Err())
}

// SentDone says that the mails of a copy in \Sent are marked in all boxes.
func (b *Box) SentDone(ctx context.Context, s Sent) error {
	return b.writer.do(ctx, &request{run: func(t *tx) error { return t.exec("DELETE FROM sent WHERE id=?", s.ID) }})
}

// answeredAgain is how long after a deed the same one by the same person is
// not written down again: clients that set \Answered themselves append the
// copy in the same moment.
const answeredAgain = 10 * time.Minute

// MarkAnswered marks the mails that somebody has answered or forwarded, for
// everybody. It gives how many messages of the box they are.
func (b *Box) MarkAnswered(ctx context.Context, s Sent) (n int, err error) {
	err = b.writer.do(ctx, &request{run: func(t *tx) error {
		n = 0
		for _, id := range s.Answers {
			k, err := t.markSent(id, imap.FlagAnswered, "answered", s.Actor)
			if err != nil {
				return err
			}
			n += k
			// What he has sent he is not writing any more.
			person, err := t.actor(s.Actor.Person)
			if err != nil {
				return err
			}
			if err := t.undrafted("messageid=? AND person=?", id, person); err != nil {
				return err
			}
		}
		for _, id := range s.Forwards {
			k, err := t.markSent(id, imap.FlagForwarded, "forwarded", s.Actor)
			if err != nil {
				return err
			}
			n += k
		}
		return nil
	}})
	return n, err
}

func (t *tx) markSent(id string, flag imap.Flag, action string, who Actor) (int, error) {
	found, err := t.mark(id, FlagsAdd, flag, who)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	person, err := t.actor(who.Person)
	if err != nil {
		return 0, err
	}
	var known bool
	if err := t.row("SELECT EXISTS(SELECT 1 FROM (SELECT * FROM activity ORDER BY id DESC LIMIT 200) WHERE action=? AND messageid=? AND person=? AND at>?)",
		action, id, person, t.b.now().Add(-answeredAgain).UnixMilli()).Scan(&known); err != nil || known {
		return len(found), err
	}
	f := found[0]
	return len(found), t.record(deed{who: who, action: action, place: f.m.row, name: f.name, uids: imap.UIDSetNum(f.uid), mail: f.mail, count: 1})
}
