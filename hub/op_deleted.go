package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"heimpost/store"
)

// DeletedParams say which deleted mails DeletedList gives; what is empty does
// not narrow.
type DeletedParams struct {
	Box     string    `json:"box"`
	Text    string    `json:"text,omitempty"`
	From    string    `json:"from,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Mailbox string    `json:"mailbox,omitempty"`
	Limit   int       `json:"limit,omitempty"`
}

// DeletedMail is a mail that can be restored.
type DeletedMail struct {
	ID        int64     `json:"id"` // what DeletedRestore and DeletedPurge take
	MailID    string    `json:"mail_id"`
	MessageID string    `json:"message_id"`
	Subject   string    `json:"subject"`
	From      string    `json:"from"`
	Date      time.Time `json:"date"`
	Mailbox   string    `json:"mailbox"`
	DeletedAt time.Time `json:"deleted_at"`
	Person    string    `json:"person"`
	Device    string    `json:"device"`
	Size      int64     `json:"size"`
}

// DeletedIDs name deleted mails of a box. By is the person who acts; "": the
// hub itself.
type DeletedIDs struct {
	Box string  `json:"box"`
	IDs []int64 `json:"ids"`
	By  string  `json:"by,omitempty"`
}

// DeletedDone says what became of the mails that were named.
type DeletedDone struct {
	Done    int     `json:"done"`
	Missing []int64 `json:"missing"` // there are no such deleted mails
}

var (
	// DeletedList lists what can be restored, latest deleted first.
	DeletedList = newOp("deleted.list", (*Hub).deletedList)
	// DeletedRestore puts deleted mails back where they were.
	DeletedRestore = newOp("deleted.restore", (*Hub).deletedRestore)
	// DeletedPurge removes deleted mails for good.
	DeletedPurge = newOp("deleted.purge", (*Hub).deletedPurge)
)

func (h *Hub) deletedList(ctx context.Context, p DeletedParams) ([]DeletedMail, error) {
	b, err := h.box(ctx, h.db, p.Box)
	if err != nil {
		return nil, err
	}
	names, err := h.actorNames(ctx)
	if err != nil {
		return nil, err
	}
	out := []DeletedMail{}
	err = h.withBox(ctx, b.ID, func(box *store.Box) error {
		name := names.of(box)
		mails, err := box.Deleted(ctx, store.DeletedQuery{Text: p.Text, From: p.From, Since: p.Since, Mailbox: p.Mailbox, Limit: p.Limit})
		for _, m := range mails {
			out = append(out, deletedMail(m, name))
		}
		return err
	})
	return out, err
}

// deletedMail gives a deleted mail as others see it.
func deletedMail(m store.DeletedMail, name func(store.ID) string) DeletedMail {
	return DeletedMail{ID: m.ID, MailID: m.MailID, MessageID: m.MessageID, Subject: m.Subject, From: m.From, Date: m.Date,
		Mailbox: m.Mailbox, DeletedAt: m.DeletedAt, Person: name(m.Person), Device: name(m.Device), Size: m.Size}
}

func (h *Hub) deletedRestore(ctx context.Context, p DeletedIDs) (DeletedDone, error) {
	return h.deletedDo(ctx, p, (*store.Box).Restore)
}

func (h *Hub) deletedPurge(ctx context.Context, p DeletedIDs) (DeletedDone, error) {
	return h.deletedDo(ctx, p, (*store.Box).Purge)
}

func (h *Hub) deletedDo(ctx context.Context, p DeletedIDs, do func(*store.Box, context.Context, store.Actor, []int64) ([]int64, error)) (out DeletedDone, err error) {
	out.Missing = []int64{}
	b, err := h.box(ctx, h.db, p.Box)
	if err != nil {
		return out, err
	}
	var who store.Actor
	if p.By != "" {
		person, err := h.person(ctx, h.db, p.By)
		if err != nil {
			return out, err
		}
		who.Person = person.ID
	}
	ids := map[int64]bool{}
	for _, id := range p.IDs {
		ids[id] = true
	}
	err = h.withBox(ctx, b.ID, func(box *store.Box) error {
		missing, err := do(box, ctx, who, p.IDs)
		out.Missing = append(out.Missing, missing...)
		return err
	})
	out.Done = len(ids) - len(out.Missing)
	if err == nil && out.Done == 0 && len(ids) > 0 {
		err = notFound("the box %s has no deleted mail %s (heimpost deleted list %s shows all)", b.Name,
			strings.Trim(fmt.Sprint(out.Missing), "[]"), b.Name)
	}
	return out, err
}

// setKeeping brings a box's retention and its protected mailboxes up to date
// with hub.db.
func (h *Hub) setKeeping(ctx context.Context, info Box, box *store.Box) error {
	if err := setRetain(ctx, info, box); err != nil {
		return err
	}
	there := []string{}
	for _, name := range info.Protect {
		if _, err := box.MailboxID(name); err != nil {
			h.log.Warn("a protected mailbox is missing", "box", info.Name, "mailbox", name)
			continue
		}
		there = append(there, name)
	}
	return box.SetProtected(ctx, there)
}

// setRetain brings a box's retention alone up to date.
func setRetain(ctx context.Context, info Box, box *store.Box) error {
	days, err := parseRetain(info.Retain)
	if err != nil {
		return err
	}
	want := time.Duration(days) * 24 * time.Hour
	if have, err := box.Retain(ctx); err != nil || have != want {
		return errors.Join(err, box.SetRetain(ctx, want))
	}
	return nil
}
