package web

import (
	"errors"
	"net/http"
	"net/url"

	"heimpost/hub"
)

type deviceOneView struct {
	hub.Device
	Owner   string // what people call the person
	Windows []option
	Error   string
}

// devicePath is the address of a device's page.
func devicePath(d hub.Device) string {
	return "/devices/one?" + url.Values{"person": {d.Person}, "device": {d.Name}}.Encode()
}

// devicePage shows a device and what can be changed of it.
func (s *Site) devicePage(w http.ResponseWriter, v *visit) error {
	q := v.r.URL.Query()
	d, err := s.deviceOf(v, q.Get("person"), q.Get("device"))
	if err != nil {
		return err
	}
	return s.device(w, v, http.StatusOK, d, "")
}

func (s *Site) device(w http.ResponseWriter, v *visit, status int, d hub.Device, trouble string) error {
	titles, err := s.titles(v)
	if err != nil {
		return err
	}
	out := deviceOneView{Device: d, Owner: titles[d.Person], Error: trouble, Windows: options(d.Window, []string{"all", "30d", "90d", "365d"}, func(w string) string { return s.texts.windowLabel(v.lang, w) })}
	return s.show(w, v, status, "device", page{Title: "device.one", Narrow: true, Data: out})
}

// deviceSet changes what a device's deletions mean, how much it sees, and which
// capabilities it is not told of.
func (s *Site) deviceSet(w http.ResponseWriter, v *visit) error {
	d, err := s.deviceOf(v, v.field("person"), v.field("device"))
	if err != nil {
		return err
	}
	deletes, window := v.field("deletes"), v.field("window")
	p := hub.DeviceAddParams{DeviceParams: hub.DeviceParams{Person: d.Person, Device: d.Name}, DeviceOptions: hub.DeviceOptions{Deletes: &deletes, Window: &window}}
	if without, changed := v.words("without", d.Without); changed {
		p.Without = &without
	}
	_, err = hub.Do(v.ctx(), s.h, hub.DeviceSet, p, nil)
	if errors.Is(err, hub.KindInvalid) {
		return s.device(w, v, http.StatusUnprocessableEntity, d, s.errorText(v, err))
	}
	if err != nil {
		return err
	}
	return s.back(w, v, devicePath(d), "saved")
}

// deviceShowAll brings back what was deleted on this device only.
func (s *Site) deviceShowAll(w http.ResponseWriter, v *visit) error {
	d, err := s.deviceOf(v, v.field("person"), v.field("device"))
	if err != nil {
		return err
	}
	if _, err := hub.Do(v.ctx(), s.h, hub.DeviceShowAll, hub.DeviceParams{Person: d.Person, Device: d.Name}, nil); err != nil {
		return err
	}
	return s.back(w, v, devicePath(d), "device.showall.done", d.Name)
}
