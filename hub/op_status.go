package hub

import (
	"context"
	"time"

	"heimpost/store"
)

// Status is how the hub is.
type Status struct {
	Version       string         `json:"version"`
	Serving       bool           `json:"serving"`
	Accounts      []Account      `json:"accounts"`
	Boxes         []BoxStatus    `json:"boxes"`
	Devices       []DeviceStatus `json:"devices"`
	Connections   int            `json:"connections"`
	DiskFree      int64          `json:"disk_free"`
	SearchPending int            `json:"search_pending"`
	LastBackup    *LastBackup    `json:"last_backup,omitempty"`
}

// BoxStatus is how much a box holds.
type BoxStatus struct {
	Name     string `json:"name"`
	Messages int    `json:"messages"`
	Bytes    int64  `json:"bytes"`
	Error    string `json:"error,omitempty"`
	ErrorDE  string `json:"error_de,omitempty"`
}

// DeviceStatus is when a device was here last, and with which program.
type DeviceStatus struct {
	Person   string     `json:"person"`
	Name     string     `json:"name"`
	Client   string     `json:"client"`
	LastSeen *time.Time `json:"last_seen"`
}

// GetStatus tells how the hub is.
var GetStatus = newOp("status", (*Hub).status)

func (h *Hub) status(ctx context.Context, _ None) (out Status, err error) {
	out = Status{Version: h.o.Version, Serving: h.o.Serve, Connections: h.connections(), Boxes: []BoxStatus{}, Devices: []DeviceStatus{}}
	if out.Accounts, err = h.accountList(ctx, None{}); err != nil {
		return out, err
	}
	boxes, err := h.boxList(ctx, None{})
	if err != nil {
		return out, err
	}
	for _, b := range boxes {
		s := BoxStatus{Name: b.Name}
		// A box that is in trouble does not hide the others.
		if err := h.withBox(ctx, b.ID, func(box *store.Box) (err error) {
			if s.Messages, s.Bytes, err = box.Stats(ctx); err != nil {
				return err
			}
			pending, err := box.SearchPending(ctx)
			out.SearchPending += pending
			return err
		}); err != nil {
			s.Error, s.ErrorDE = err.Error(), German(err)
		}
		out.Boxes = append(out.Boxes, s)
	}
	devices, err := h.deviceList(ctx, NameParams{})
	if err != nil {
		return out, err
	}
	for _, d := range devices {
		out.Devices = append(out.Devices, DeviceStatus{d.Person, d.Name, d.Client, timeOrNull(d.LastSeen)})
	}
	if out.LastBackup, err = h.lastBackupMade(ctx); err != nil {
		return out, err
	}
	out.DiskFree, err = diskFree(h.dir)
	return out, err
}

// withBox does something with an open box.
func (h *Hub) withBox(ctx context.Context, id store.ID, fn func(*store.Box) error) error {
	box, release, err := h.boxes.use(ctx, id)
	if err != nil {
		return err
	}
	defer release()
	return fn(box)
}
