package hub

import (
	"cmp"
	"context"
	"database/sql"
	"time"

	"heimpost/store"
)

// ActivityParams say which rows Activity gives; what is empty does not narrow.
type ActivityParams struct {
	Box     string    `json:"box"`
	Message string    `json:"message,omitempty"` // id or Message-ID
	Person  string    `json:"person,omitempty"`
	Device  string    `json:"device,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Limit   int       `json:"limit,omitempty"`
}

// Action says who did what to mails of a box.
type Action struct {
	Time      time.Time `json:"time"`
	Person    string    `json:"person"` // "": the hub itself
	Device    string    `json:"device"`
	Action    string    `json:"action"`
	Account   string    `json:"account,omitempty"` // that delivered
	ID        string    `json:"id"`
	MessageID string    `json:"message_id"`
	Subject   string    `json:"subject"`
	Mailbox   string    `json:"mailbox"`
	Source    string    `json:"source,omitempty"` // the mailbox they came from
	UIDs      string    `json:"uids,omitempty"`
	Count     int       `json:"count"`
}

// Activity tells what was done in a box, the latest first.
var Activity = newOp("activity", (*Hub).activity)

func (h *Hub) activity(ctx context.Context, p ActivityParams) (out []Action, err error) {
	b, err := h.box(ctx, h.db, p.Box)
	if err != nil {
		return nil, err
	}
	q := store.ActivityQuery{Message: p.Message, Since: p.Since, Limit: p.Limit}
	if p.Person != "" {
		who, err := h.person(ctx, h.db, p.Person)
		if err != nil {
			return nil, err
		}
		q.Person = who.ID
	}
	if p.Device != "" {
		if q.Device, err = h.deviceNamed(ctx, q.Person, p.Device); err != nil {
			return nil, err
		}
	}
	names, err := h.actorNames(ctx)
	if err != nil {
		return nil, err
	}
	out = []Action{}
	err = h.withBox(ctx, b.ID, func(box *store.Box) error {
		name := names.of(box)
		rows, err := box.Activity(ctx, q)
		for _, r := range rows {
			a := Action{Time: r.Time, Person: name(r.Person), Device: name(r.Device), Action: r.Action, Account: r.Account, ID: r.MailID,
				MessageID: r.MessageID, Subject: r.Subject, Mailbox: r.Mailbox, Source: r.Source, Count: r.Count}
			if len(r.UIDs) > 0 {
				a.UIDs = r.UIDs.String()
			}
			out = append(out, a)
		}
		return err
	})
	return out, err
}

// deviceNamed finds a device by its name, among those of a person if one is
// given.
func (h *Hub) deviceNamed(ctx context.Context, person store.ID, name string) (id store.ID, err error) {
	name, err = cleanText("a device's name", name)
	if err != nil {
		return "", err
	}
	ids, err := collect(ctx, h.db, func(r *sql.Rows, id *store.ID) error { return r.Scan(id) },
		"SELECT id FROM device WHERE name=?1 AND (?2='' OR person=?2)", name, person)
	switch {
	case err != nil:
		return "", err
	case len(ids) == 0:
		return "", notFound("there is no device %q (heimpost device list shows all)", name)
	case len(ids) > 1:
		return "", invalid("several people have a device %q: say whose with --person", name)
	}
	return ids[0], nil
}

// actorNames are the login names of persons and the names of devices.
type actorNames map[store.ID]string

// of gives names as a box tells them: it remembers those who were removed.
func (n actorNames) of(box *store.Box) func(id store.ID) string {
	gone := box.Names()
	return func(id store.ID) string {
		if name, known := n[id]; known {
			return name
		}
		return cmp.Or(gone[id], string(id))
	}
}

func (h *Hub) actorNames(ctx context.Context) (actorNames, error) {
	type row struct {
		id   store.ID
		name string
	}
	rows, err := collect(ctx, h.db, func(r *sql.Rows, to *row) error { return r.Scan(&to.id, &to.name) },
		"SELECT id, name FROM person UNION ALL SELECT id, name FROM device")
	names := actorNames{"": ""}
	for _, r := range rows {
		names[r.id] = r.name
	}
	return names, err
}
