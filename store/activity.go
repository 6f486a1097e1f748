package store

import (
	"database/sql"
	"errors"
	"strings"

	"github.com/emersion/go-imap/v2"
)

const (
	// activityRows is how many rows of activity are kept, activityEvery how
	// often it is looked whether there are more.
	activityRows  = 200_000
	activityEvery = 256
	// activityUIDs bounds the text of a set of UIDs.
	activityUIDs = 16 << 10
)

// record writes into the activity who did what to which messages; mail is the
// row of the first one's mail, 0 if there is none.
func (t *tx) record(who Actor, action, mailbox string, uids imap.UIDSet, mail int64, count int) error {
	person, err := t.actor(who.Person)
	if err != nil {
		return err
	}
	device, err := t.actor(who.Device)
	if err != nil {
		return err
	}
	set := ""
	if len(uids) > 0 {
		set = uids.String()
	}
	if len(set) > activityUIDs {
		set = set[:strings.LastIndexByte(set[:activityUIDs], ',')]
	}
	res, err := t.w.exec(`
		INSERT INTO activity(at, person, device, action, mailbox, uids, count, hash, subject, messageid)
		SELECT ?, ?, ?, ?, ?, ?, ?, m.hash, coalesce(e.subject, ''), e.messageid
		FROM (SELECT ? AS id) k LEFT JOIN mail m ON m.id=k.id LEFT JOIN mail_envelope e ON e.id=k.id`,
		t.b.now().UnixMilli(), person, device, action, mailbox, set, count, mail)
	if err != nil {
		return err
	}
	id, err := res.LastInsertId()
	if err == nil && id%activityEvery == 0 {
		err = t.exec("DELETE FROM activity WHERE id<=?", id-activityRows)
	}
	return err
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
