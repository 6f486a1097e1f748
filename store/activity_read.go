package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// ActivityQuery says which rows Activity gives; what is zero does not narrow.
type ActivityQuery struct {
	Message string // a mail's id (EmailID) or its Message-ID
	Person  ID
	Device  ID
	Since   time.Time
	Limit   int // 0: activityLimit
}

// activityLimit is how many rows Activity gives unless it is told.
const activityLimit = 1000

// ActivityRow says who did what when to messages of a mailbox. One row may
// stand for several: then Count says how many, and MailID, MessageID and
// Subject are the first one's, or those of the mail that was asked for.
type ActivityRow struct {
	Time    time.Time
	Person  ID // "": the hub itself
	Device  ID
	Action  string // delivered, appended, imported, copied, moved, read, unread, answered, forwarded, flags, hidden, deleted, restored, …
	Account string // address of the account that delivered

	MailID    string
	MessageID string
	Subject   string
	Mailbox   string // its name then; where they were moved or copied to
	Source    string // the name then of the mailbox that they were moved or copied from
	UIDs      imap.UIDSet
	Count     int
}

// Activity gives rows of the activity, the latest first.
func (b *Box) Activity(ctx context.Context, q ActivityQuery) ([]ActivityRow, error) {
	r := activityReader{q: q}
	if r.q.Limit <= 0 {
		r.q.Limit = activityLimit
	}
	if q.Message != "" {
		var err error
		if r.trail, err = b.trailOf(ctx, q.Message); err != nil {
			return nil, fmt.Errorf("looking for message %.80s: %w", q.Message, indexError(err))
		}
	}
	// In pages, so that no read stays open for long.
	for before := int64(1<<63 - 1); before != 0; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if before, err = r.page(b.index.read, before); err != nil {
			return nil, fmt.Errorf("reading the activity: %w", indexError(err))
		}
	}
	return r.out, nil
}

// activityReader reads the activity backwards.
type activityReader struct {
	q     ActivityQuery
	trail *trail // nil: of all messages
	out   []ActivityRow
}

// activityPage is how many rows are read at a time.
const activityPage = 1024

// page reads the rows before one and gives the last that it read, 0 at the
// end.
func (r *activityReader) page(db *sql.DB, before int64) (last int64, err error) {
	rows, err := db.Query(`
		SELECT a.id, a.at, coalesce(p.actor, ''), coalesce(d.actor, ''), a.action, a.account, a.hash, coalesce(a.messageid, ''), a.subject,
			a.mailbox, a.place, a.uids, a.count, a.source, a.sourceplace, a.sourceuids
		FROM activity a LEFT JOIN actor p ON p.id=a.person LEFT JOIN actor d ON d.id=a.device
		WHERE a.id<? ORDER BY a.id DESC LIMIT ?`, before, activityPage)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var a ActivityRow
		var at int64
		var hash []byte
		var to, from trailRow
		if err := rows.Scan(&last, &at, &a.Person, &a.Device, &a.Action, &a.Account, &hash, &a.MessageID, &a.Subject,
			&a.Mailbox, &to.mailbox, &to.uids, &a.Count, &a.Source, &from.mailbox, &from.uids); err != nil {
			return 0, err
		}
		a.Time = time.UnixMilli(at).UTC()
		a.MailID = idEncoding.EncodeToString(hash)
		// The trail must see rows that others are to be passed over, too.
		if r.trail != nil && !r.trail.follow(&a, to, from) ||
			r.q.Person != "" && a.Person != r.q.Person || r.q.Device != "" && a.Device != r.q.Device || a.Time.Before(r.q.Since) {
			continue
		}
		for _, s := range parseSpans(to.uids) {
			a.UIDs = append(a.UIDs, imap.UIDRange{Start: imap.UID(s.lo), Stop: imap.UID(s.hi)})
		}
		if r.out = append(r.out, a); len(r.out) == r.q.Limit {
			return 0, nil
		}
	}
	if n < activityPage {
		last = 0
	}
	return last, rows.Err()
}

// trail is a mail's way through the mailboxes, followed backwards from where
// it is now: rows tell only of their first mail what it is.
type trail struct {
	ids       map[string]bool // mails' ids
	messageID string
	mails     map[spot]ActivityRow // where they are, as of the row last seen, with what describes them
}

// spot is a message: a mailbox's row and a UID.
type spot struct {
	mailbox int64
	uid     uint32
}

// trailRow is the messages of a row on one side.
type trailRow struct {
	mailbox int64
	uids    string
}

// trailOf begins the trail of the mails that a message id names.
func (b *Box) trailOf(ctx context.Context, message string) (*trail, error) {
	t := &trail{ids: map[string]bool{}, mails: map[spot]ActivityRow{}}
	where, arg := "e.messageid=?", any(nil)
	if hash, err := idEncoding.DecodeString(strings.ToLower(message)); err == nil && len(hash) == 32 {
		t.ids[strings.ToLower(message)] = true
		where, arg = "substr(m.hash, 1, 8)=substr(?1, 1, 8) AND m.hash=?1", hash
	} else {
		if !strings.HasPrefix(message, "<") {
			message = "<" + message + ">"
		}
		t.messageID, arg = message, message
	}
	rows, err := b.index.read.QueryContext(ctx, `
		SELECT n.place, n.uid, m.hash, coalesce(e.messageid, ''), e.subject
		FROM mail m JOIN mail_envelope e ON e.id=m.id
		JOIN (SELECT mail, mailbox AS place, uid FROM entry UNION ALL
			SELECT d.mail, x.place, d.uid FROM deleted d JOIN deletion x ON x.id=d.deletion) n ON n.mail=m.id
		WHERE `+where, arg)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var at spot
		var about ActivityRow
		var hash []byte
		if err := rows.Scan(&at.mailbox, &at.uid, &hash, &about.MessageID, &about.Subject); err != nil {
			return nil, err
		}
		about.MailID = idEncoding.EncodeToString(hash)
		t.ids[about.MailID] = true
		t.mails[at] = about
	}
	return t, rows.Err()
}

// follow reports whether a row concerns a mail of the trail; then the row
// describes it. It must see all rows, the latest first.
func (t *trail) follow(a *ActivityRow, to, from trailRow) bool {
	described := t.ids[a.MailID] || t.messageID != "" && a.MessageID == t.messageID
	found := described
	about := ActivityRow{MailID: a.MailID, MessageID: a.MessageID, Subject: a.Subject}
	uids, sources := parseSpans(to.uids), parseSpans(from.uids)
	if described && len(uids) > 0 {
		t.mails[spot{to.mailbox, uids[0].lo}] = about
	}
	if to.mailbox == 0 || len(uids) == 0 {
		return found
	}
	for at, mail := range t.mails {
		if at.mailbox != to.mailbox || !inSpans(uids, at.uid) {
			continue
		}
		if found = true; !described {
			a.MailID, a.MessageID, a.Subject = mail.MailID, mail.MessageID, mail.Subject
		}
		if before, ok := nth(sources, indexIn(uids, at.uid)); ok {
			t.mails[spot{from.mailbox, before}] = mail
		}
	}
	return found
}

// indexIn gives how many UIDs of runs, which hold uid, are below it.
func indexIn(runs []span, uid uint32) (n int) {
	for _, r := range runs {
		if uid <= r.hi {
			return n + int(uid-r.lo)
		}
		n += int(r.hi-r.lo) + 1
	}
	return n
}

// nth gives the UID of runs that n are below.
func nth(runs []span, n int) (uid uint32, ok bool) {
	for _, r := range runs {
		if size := int(r.hi-r.lo) + 1; n >= size {
			n -= size
			continue
		}
		return r.lo + uint32(n), true
	}
	return 0, false
}
