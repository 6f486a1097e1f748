package hub

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"heimpost/store"
)

// policy says what the persons and devices of a box have of their own.
func (h *Hub) policy(ctx context.Context, box store.ID) (p store.Policy, err error) {
	err = h.db.QueryRowContext(ctx, "SELECT seen='private' FROM box WHERE id=?", box).Scan(&p.PrivateSeen)
	if errors.Is(err, sql.ErrNoRows) {
		return p, notFound("the box was removed")
	}
	if err != nil {
		return p, dbError(err)
	}
	const people = "SELECT person FROM box WHERE id=?1 AND person IS NOT NULL UNION SELECT person FROM access WHERE box=?1"
	if p.Readers, err = collect(ctx, h.db, func(r *sql.Rows, id *store.ID) error { return r.Scan(id) }, people, box); err != nil {
		return p, err
	}
	type row struct {
		id store.ID
		store.DevicePolicy
	}
	rows, err := collect(ctx, h.db, func(r *sql.Rows, d *row) error { return r.Scan(&d.id, &d.Here, &d.Days) },
		"SELECT id, deletes='here', days FROM device WHERE (deletes='here' OR days>0) AND person IN ("+people+")", box)
	p.Devices = map[store.ID]store.DevicePolicy{}
	for _, d := range rows {
		p.Devices[d.id] = d.DevicePolicy
	}
	return p, err
}

// setPolicy brings an open box up to date with hub.db. Devices to which mail
// came back connect anew.
func (h *Hub) setPolicy(ctx context.Context, id store.ID, box *store.Box) error {
	// Reading and setting are one step: of two at once the newer counts.
	h.policies.Lock()
	defer h.policies.Unlock()
	info, err := h.boxByID(ctx, h.db, id)
	if err != nil {
		return err
	}
	if err := h.setKeeping(ctx, info, box); err != nil {
		return err
	}
	p, err := h.policy(ctx, id)
	if err != nil {
		return err
	}
	back, err := box.SetPolicy(ctx, p)
	if err != nil {
		return err
	}
	h.comeAgain(back)
	return nil
}

// comeAgain ends the connections of devices.
func (h *Hub) comeAgain(devices []store.ID) {
	if len(devices) == 0 {
		return
	}
	ends := map[store.ID]bool{}
	for _, d := range devices {
		ends[d] = true
	}
	h.changed(func(s *session) bool { return s.access.device != "" && ends[s.access.device] })
}

// inBoxes does something in boxes after hub.db has changed. What cannot be
// done in a box that is in trouble is told in the log: when `serve` opens it
// the next time, setPolicy catches up.
func (h *Hub) inBoxes(ctx context.Context, ids []store.ID, what string, fn func(id store.ID, box *store.Box) error) {
	for _, id := range ids {
		if err := h.withBox(ctx, id, func(box *store.Box) error { return fn(id, box) }); err != nil && ctx.Err() == nil {
			h.log.Error("a box could not be brought up to date", "what", what, "box", id, "error", err)
		}
	}
}

// applyPolicy brings boxes up to date with hub.db.
func (h *Hub) applyPolicy(ctx context.Context, boxes ...store.ID) {
	h.inBoxes(ctx, boxes, "read marks, devices", func(id store.ID, box *store.Box) error { return h.setPolicy(ctx, id, box) })
}

// boxesOf lists the boxes that a person has access to.
func (h *Hub) boxesOf(ctx context.Context, person store.ID) ([]store.ID, error) {
	return collect(ctx, h.db, func(r *sql.Rows, id *store.ID) error { return r.Scan(id) },
		"SELECT id FROM box WHERE person=?1 UNION SELECT box FROM access WHERE person=?1", person)
}

// devicesOf lists a person's devices.
func (h *Hub) devicesOf(ctx context.Context, q querier, person store.ID) ([]store.ID, error) {
	return collect(ctx, q, func(r *sql.Rows, id *store.ID) error { return r.Scan(id) }, "SELECT id FROM device WHERE person=?", person)
}

// dropDevices takes what devices have of their own out of boxes.
func (h *Hub) dropDevices(ctx context.Context, boxes, devices []store.ID) {
	h.inBoxes(ctx, boxes, "revoked devices", func(_ store.ID, box *store.Box) error {
		for _, d := range devices {
			if err := box.DropDevice(ctx, d); err != nil {
				return err
			}
		}
		return nil
	})
}

// slideEvery is how often it is looked whether a day has passed.
const slideEvery = time.Minute

// slideWindows moves the windows of devices when a day has passed.
func (h *Hub) slideWindows(ctx context.Context) error {
	tick := time.NewTicker(slideEvery)
	defer tick.Stop()
	day := h.now().UTC().Truncate(24 * time.Hour)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		today := h.now().UTC().Truncate(24 * time.Hour)
		if today.Equal(day) {
			continue
		}
		if err := h.boxes.each(func(_ store.ID, box *store.Box) error { return box.Slide(ctx) }); err != nil && ctx.Err() == nil {
			h.log.Error("the windows of devices cannot be moved", "error", err)
			continue // again in a minute
		}
		day = today
	}
}
