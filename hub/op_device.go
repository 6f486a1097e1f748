package hub

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"heimpost/store"
)

// Device is a named password of a person.
type Device struct {
	ID       store.ID  `json:"id"`
	Person   string    `json:"person"`
	Name     string    `json:"name"`
	Client   string    `json:"client"` // what it said of itself last
	LastSeen time.Time `json:"last_seen,omitzero"`
	Deletes  string    `json:"deletes"` // everywhere or here
	Window   string    `json:"window"`  // all or days such as 90d
	Without  []string  `json:"without"`
	Created  time.Time `json:"created"`
}

// DeviceParams name a device.
type DeviceParams struct {
	Person string `json:"person"`
	Device string `json:"device"`
}

// DeviceOptions change what a device does and sees; nil leaves as it is.
type DeviceOptions struct {
	Deletes *string   `json:"deletes,omitempty"`
	Window  *string   `json:"window,omitempty"`
	Without *[]string `json:"without,omitempty"`
}

// DeviceAddParams are those of DeviceAdd.
type DeviceAddParams struct {
	DeviceParams
	DeviceOptions
}

// NewDevice is a device with its password, which is shown this once.
type NewDevice struct {
	Device
	Password string `json:"password"`
}

var (
	// DeviceAdd makes a device with a generated password.
	DeviceAdd = newOp("device.add", (*Hub).deviceAdd)
	// DeviceList lists the devices of a person, or all.
	DeviceList = newOp("device.list", (*Hub).deviceList)
	// DeviceSet changes what a device does and sees.
	DeviceSet = newOp("device.set", (*Hub).deviceSet)
	// DeviceShowAll brings back what a device has hidden by deleting.
	DeviceShowAll = newOp("device.show-all", (*Hub).deviceShowAll)
	// DeviceRevoke ends a device's password and its connections.
	DeviceRevoke = newOp("device.revoke", (*Hub).deviceRevoke)
)

const deviceColumns = "d.id, p.name, d.name, d.client, d.seen, d.deletes, d.days, d.without, d.created"

func scanDevice(row interface{ Scan(...any) error }, d *Device) error {
	var seen, created int64
	var days int
	var without string
	err := row.Scan(&d.ID, &d.Person, &d.Name, &d.Client, &seen, &d.Deletes, &days, &without, &created)
	d.LastSeen, d.Created, d.Window = msTime(seen), msTime(created), formatDays(days, "all")
	if err == nil {
		err = json.Unmarshal([]byte(without), &d.Without)
	}
	return err
}

// device finds a person's device by its name, in any case.
func (h *Hub) device(ctx context.Context, q querier, p DeviceParams) (who Person, d Device, err error) {
	if who, err = h.person(ctx, q, p.Person); err != nil {
		return who, d, err
	}
	name, err := cleanText("a device's name", p.Device)
	if err != nil {
		return who, d, err
	}
	err = scanDevice(q.QueryRowContext(ctx, "SELECT "+deviceColumns+` FROM device d JOIN person p ON p.id=d.person
		WHERE d.person=? AND d.name=?`, who.ID, name), &d)
	if errors.Is(err, sql.ErrNoRows) {
		return who, d, notFound("%s has no device %q (heimpost device list %s shows all)", who.Name, name, who.Name)
	}
	return who, d, dbError(err)
}

func (h *Hub) deviceAdd(ctx context.Context, p DeviceAddParams) (made NewDevice, err error) {
	name, err := cleanText("a device's name", p.Device)
	if err != nil {
		return made, err
	}
	if name == "" {
		return made, invalid("the device's name is empty")
	}
	set, err := p.DeviceOptions.columns()
	if err != nil {
		return made, err
	}
	id := store.NewID()
	password, hash := newDevicePassword()
	err = h.tx(ctx, func(q *sql.Tx) error {
		who, _, err := h.device(ctx, q, DeviceParams{p.Person, name})
		if err == nil {
			return exists("%s has a device %q already: take another name, or revoke the old one with heimpost device revoke", who.Name, name)
		}
		if who.ID == "" || !errors.Is(err, KindNotFound) {
			return err
		}
		if _, err := q.ExecContext(ctx, "INSERT INTO device(id, person, name, password, created) VALUES(?, ?, ?, ?, ?)",
			id, who.ID, name, hash, ms(h.now())); err != nil {
			return err
		}
		if err := set.update(ctx, q, id); err != nil {
			return err
		}
		_, made.Device, err = h.device(ctx, q, DeviceParams{p.Person, name})
		return err
	})
	if err != nil {
		return made, err
	}
	made.Password = password
	h.changed(func(*session) bool { return false })
	if made.Deletes != "everywhere" || made.Window != "all" {
		if err := h.deviceRules(ctx, p.Person); err != nil {
			return made, err
		}
	}
	return made, h.relabel(ctx)
}

func (h *Hub) deviceList(ctx context.Context, p NameParams) ([]Device, error) {
	name := ""
	if p.Name != "" {
		who, err := h.person(ctx, h.db, p.Name)
		if err != nil {
			return nil, err
		}
		name = who.Name
	}
	if err := h.flushSeen(ctx); err != nil { // on a full disk all can be seen that was written before
		h.log.Error("what devices were here cannot be written down", "error", err)
	}
	return collect(ctx, h.db, func(r *sql.Rows, d *Device) error { return scanDevice(r, d) },
		"SELECT "+deviceColumns+" FROM device d JOIN person p ON p.id=d.person WHERE ?1='' OR p.name=?1 ORDER BY p.name, d.name", name)
}

func (h *Hub) deviceRevoke(ctx context.Context, p DeviceParams) (none None, err error) {
	who, d, err := h.device(ctx, h.db, p)
	if err != nil {
		return none, err
	}
	if err := h.tx(ctx, func(q *sql.Tx) error {
		_, err := q.ExecContext(ctx, "DELETE FROM device WHERE id=?", d.ID)
		return err
	}); err != nil {
		return none, err
	}
	h.changed(func(s *session) bool { return s.access.device == d.ID })
	boxes, err := h.boxesOf(ctx, who.ID)
	if err != nil {
		return none, err
	}
	h.dropDevices(ctx, boxes, []store.ID{d.ID})
	return none, nil
}

func (h *Hub) deviceSet(ctx context.Context, p DeviceAddParams) (out Device, err error) {
	set, err := p.DeviceOptions.columns()
	if err != nil {
		return out, err
	}
	if len(set.names) == 0 {
		return out, invalid("say what shall change: --deletes, --window or --without")
	}
	err = h.tx(ctx, func(q *sql.Tx) error {
		_, d, err := h.device(ctx, q, p.DeviceParams)
		if err != nil {
			return err
		}
		if err := set.update(ctx, q, d.ID); err != nil {
			return err
		}
		_, out, err = h.device(ctx, q, p.DeviceParams)
		return err
	})
	if err != nil {
		return out, err
	}
	// Capabilities are told at the login: its client has to come again.
	h.changed(func(s *session) bool { return p.Without != nil && s.access.device == out.ID })
	return out, h.deviceRules(ctx, p.Person)
}

// deviceRules brings the boxes of a person up to date.
func (h *Hub) deviceRules(ctx context.Context, person string) error {
	who, err := h.person(ctx, h.db, person)
	if err != nil {
		return err
	}
	boxes, err := h.boxesOf(ctx, who.ID)
	if err != nil {
		return err
	}
	h.applyPolicy(ctx, boxes...)
	return nil
}

func (h *Hub) deviceShowAll(ctx context.Context, p DeviceParams) (none None, err error) {
	who, d, err := h.device(ctx, h.db, p)
	if err != nil {
		return none, err
	}
	boxes, err := h.boxesOf(ctx, who.ID)
	if err != nil {
		return none, err
	}
	var errs []error
	for _, id := range boxes {
		errs = append(errs, h.withBox(ctx, id, func(box *store.Box) error {
			back, err := box.ShowAll(ctx, d.ID)
			if back {
				h.comeAgain([]store.ID{d.ID})
			}
			return err
		}))
	}
	return none, errors.Join(errs...)
}

// deviceColumnsSet are checked values of device columns.
type deviceColumnsSet struct {
	names  []string
	values []any
}

var capabilityName = regexp.MustCompile(`^[A-Z0-9][A-Z0-9=+_.-]{0,40}$`)

// columns checks the options.
func (o DeviceOptions) columns() (set deviceColumnsSet, err error) {
	if o.Deletes != nil {
		if *o.Deletes != "everywhere" && *o.Deletes != "here" {
			return set, invalid("%q does not say what deleting on the device does: write everywhere or here", *o.Deletes)
		}
		set.add("deletes", *o.Deletes)
	}
	if o.Window != nil {
		days, err := parseDays(*o.Window, "all")
		if err != nil {
			return set, err
		}
		set.add("days", days)
	}
	if o.Without != nil {
		names := []string{}
		for _, n := range *o.Without {
			n = strings.ToUpper(strings.TrimSpace(n))
			if n == "" {
				continue // takes all back
			}
			if !capabilityName.MatchString(n) || len(names) >= 50 {
				return set, invalid("%.60q is not the name of a capability such as COMPRESS=DEFLATE", n)
			}
			names = append(names, n)
		}
		text, err := json.Marshal(names)
		if err != nil {
			return set, err
		}
		set.add("without", string(text))
	}
	return set, nil
}

func (s *deviceColumnsSet) add(name string, value any) {
	s.names, s.values = append(s.names, name+"=?"), append(s.values, value)
}

func (s *deviceColumnsSet) update(ctx context.Context, q querier, id store.ID) error {
	if len(s.names) == 0 {
		return nil
	}
	_, err := q.ExecContext(ctx, "UPDATE device SET "+strings.Join(s.names, ", ")+" WHERE id=?", append(s.values, id)...)
	return err
}

// maxDays is the longest time that is counted in days: a hundred years.
const maxDays = 36500

// parseDays reads days such as "90d"; none stands for 0.
func parseDays(s, none string) (int, error) {
	if s == none {
		return 0, nil
	}
	n, err := strconv.Atoi(strings.TrimSuffix(s, "d"))
	if err != nil || !strings.HasSuffix(s, "d") || n < 1 || n > maxDays {
		return 0, invalid("%.40q is not a time: write %s or days such as 90d", s, none)
	}
	return n, nil
}

func formatDays(n int, none string) string {
	if n == 0 {
		return none
	}
	return strconv.Itoa(n) + "d"
}
