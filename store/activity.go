package store

import (
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

const (
	// activityRows is how many rows of activity are kept, activityAge how
	// long; activityEvery is how often it is looked whether there are more.
	activityRows  = 200_000
	activityAge   = 2 * 366 * 24 * time.Hour
	activityEvery = 256
	// activityUIDs bounds the text of a set of UIDs.
	activityUIDs = 4 << 10
)

// deed is what somebody did: a row of the activity.
type deed struct {
	who    Actor
	action string
	place  int64  // the mailbox's row
	name   string // its name
	uids   imap.UIDSet
	mail   int64 // row of the first one's mail; 0: none
	count  int

	// Where they were before, if they came from another mailbox; the n-th of
	// sourceUIDs became the n-th of uids.
	source     int64
	sourceName string
	sourceUIDs imap.UIDSet

	account string // that delivered
}

// record writes into the activity who did what to which messages.
func (t *tx) record(d deed) error {
	person, err := t.actor(d.who.Person)
	if err != nil {
		return err
	}
	device, err := t.actor(d.who.Device)
	if err != nil {
		return err
	}
	now := t.b.now()
	res, err := t.w.exec(`
		INSERT INTO activity(at, person, device, action, mailbox, place, uids, count, source, sourceplace, sourceuids, account, hash, subject, messageid)
		SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, m.hash, coalesce(e.subject, ''), e.messageid
		FROM (SELECT ? AS id) k LEFT JOIN mail m ON m.id=k.id LEFT JOIN mail_envelope e ON e.id=k.id`,
		now.UnixMilli(), person, device, d.action, d.name, d.place, activitySet(d.uids), d.count,
		d.sourceName, d.source, activitySet(d.sourceUIDs), d.account, d.mail)
	if err != nil {
		return err
	}
	id, err := res.LastInsertId()
	if err == nil && id%activityEvery == 0 {
		// The oldest ones are looked at, more than have come since the last time.
		err = t.exec("DELETE FROM activity WHERE id IN (SELECT id FROM activity ORDER BY id LIMIT ?) AND (id<=? OR at<?)",
			2*activityEvery, id-activityRows, now.Add(-activityAge).UnixMilli())
	}
	return err
}

// activitySet gives the text of a set of UIDs, which is cut where it is long.
func activitySet(uids imap.UIDSet) string {
	if len(uids) == 0 {
		return ""
	}
	set := uids.String()
	if len(set) > activityUIDs {
		set = set[:strings.LastIndexByte(set[:activityUIDs], ',')]
	}
	return set
}

// actor gives the small integer of a person or device; "" is 0.
func (t *tx) actor(id ID) (n int64, err error) {
	if id == "" {
		return 0, nil
	}
	if n, known := t.w.actors[id]; known {
		return n, nil
	}
	err = t.row("SELECT id FROM actor WHERE actor=?", id).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		err = t.row("INSERT INTO actor(actor) VALUES(?) RETURNING id", id).Scan(&n)
	}
	if err != nil {
		return 0, err
	}
	t.commit = append(t.commit, func() { t.w.actors[id] = n })
	return n, nil
}
