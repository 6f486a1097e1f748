package web

import (
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"slices"
	"strings"

	"heimpost/hub"
	"heimpost/web/clientconf"
)

// kinds are the mail programs that a new device can be, in the order of the
// page; each has the texts device.kind.K and device.steps.K.N.
var kinds = []string{"outlook", "thunderbird", "iphone", "mac", "k9", "fairemail", "samsung", "gmail", "other"}

// onPhone are those whose owner holds the device in his hand, not this page.
var onPhone = []string{"iphone", "k9", "fairemail", "samsung", "gmail"}

type deviceForm struct {
	Kind, Name, Deletes, Window, Box string
	Kinds                            []string
	Boxes                            []ownBox
	Error                            string
}

func (s *Site) deviceForm(v *visit) (deviceForm, error) {
	boxes, err := s.boxesOf(v)
	return deviceForm{Kind: "thunderbird", Deletes: "everywhere", Window: "all", Kinds: kinds, Boxes: boxes}, err
}

func (s *Site) deviceNewPage(w http.ResponseWriter, v *visit) error {
	f, err := s.deviceForm(v)
	if err != nil {
		return err
	}
	return s.show(w, v, http.StatusOK, "device_new", page{Title: "device.title", Narrow: true, Data: f})
}

// deviceNewSave makes the device and its link.
func (s *Site) deviceNewSave(w http.ResponseWriter, v *visit) error {
	f, err := s.deviceForm(v)
	if err != nil {
		return err
	}
	f.Kind, f.Name, f.Deletes, f.Window, f.Box = v.field("kind"), strings.TrimSpace(v.field("name")), v.field("deletes"), v.field("window"), v.field("box")
	again := func(text string) error {
		f.Error = text
		return s.show(w, v, http.StatusUnprocessableEntity, "device_new", page{Title: "device.title", Narrow: true, Data: f})
	}
	if !slices.Contains(kinds, f.Kind) {
		f.Kind = "other"
	}
	if f.Name == "" {
		return again(s.texts.get(v.lang, "device.noname"))
	}
	n := &link{person: v.person.Name, kind: f.Kind, login: v.person.Name, label: v.person.Label()}
	for _, b := range f.Boxes {
		if b.Name == f.Box && b.Person == "" {
			n.login, n.label = b.Name, b.Title
			if len(b.Addresses) > 0 {
				n.address = b.Addresses[0]
			}
		}
	}
	accounts, err := s.accountsOf(v)
	if err != nil {
		return err
	}
	for _, a := range accounts {
		if a.Box == n.login && n.address == "" {
			n.address = a.Address
		}
	}
	n.device, err = hub.Do(v.ctx(), s.h, hub.DeviceAdd, hub.DeviceAddParams{
		DeviceParams:  hub.DeviceParams{Person: v.person.Name, Device: f.Name},
		DeviceOptions: hub.DeviceOptions{Deletes: &f.Deletes, Window: &f.Window}}, nil)
	if errors.Is(err, hub.KindExists) {
		return again(s.texts.get(v.lang, "device.exists", f.Name))
	}
	if errors.Is(err, hub.KindInvalid) {
		return again(s.errorText(v, err))
	}
	if err != nil {
		return err
	}
	s.links.add(n)
	http.Redirect(w, v.r, "/devices/ready/"+n.token, http.StatusSeeOther)
	return nil
}

// deviceView is what the pages of a new device show.
type deviceView struct {
	Kind, Name, Label string
	Login, Password   string
	Host              string
	Port              int
	Address           string
	Steps             []string
	Phone             bool // it is a phone or tablet
	PhoneURL          string
	QR                template.HTML
	Profile           string // path of the profile
	HasCA             bool
	Words             string // the authority's fingerprint as words
	Fingerprint       string
	HTTPS             string   // where the phone goes on
	Systems           []string // whose way of trusting is told: keys trust.S
	Alone             bool     // other devices cannot reach the hub yet
	Admin             bool
	Link              string // token of this device's link
	Device            hub.Device
}

func (s *Site) deviceView(v *visit, n *link) deviceView {
	der, _ := s.r.Certs.CA()
	host := s.hostFor(v.r)
	out := deviceView{Kind: n.kind, Name: n.device.Name, Label: n.label, Login: n.login, Password: n.device.Password,
		Host: host, Port: s.imapPort(), Address: n.address, Phone: slices.Contains(onPhone, n.kind),
		Admin: v.person.Admin, Link: n.token, Profile: "/phone/" + n.token + "/heimpost.mobileconfig", HasCA: der != nil, Fingerprint: s.r.Certs.Fingerprint(),
		Alone: hub.OnlyHere(s.r.Mail()), HTTPS: s.httpsURL(host) + "/phone/" + n.token}
	if der != nil {
		out.Words = fingerprintWords(der)
	}
	for i := 1; ; i++ {
		key := fmt.Sprintf("device.steps.%s.%d", n.kind, i)
		text, ok := s.texts[v.lang][key]
		if !ok {
			break
		}
		text = strings.NewReplacer("{host}", out.Host, "{port}", fmt.Sprint(out.Port), "{login}", out.Login, "{address}", out.Address).Replace(text)
		out.Steps = append(out.Steps, text)
	}
	return out
}

// deviceReadyPage shows how the new device is set up, and when it was here
// first.
func (s *Site) deviceReadyPage(w http.ResponseWriter, v *visit) error {
	n, ok := s.links.get(v.r.PathValue("link"))
	if !ok || n.person != v.person.Name {
		return errNotFound
	}
	out := s.deviceView(v, n)
	devices, err := hub.Do(v.ctx(), s.h, hub.DeviceList, hub.NameParams{Name: n.person}, nil)
	if err != nil {
		return err
	}
	for _, d := range devices {
		if d.ID == n.device.ID {
			out.Device = d
		}
	}
	if pages := s.r.Pages(); len(pages) > 0 && !hub.OnlyHere(pages) {
		// Over plain HTTP first: the phone does not trust the authority yet.
		out.PhoneURL = s.plainURL(out.Host) + "/phone/" + n.token
		svg, err := clientconf.QR(out.PhoneURL, s.texts.get(v.lang, "device.qr"))
		if err != nil {
			return err
		}
		out.QR = template.HTML(svg) // made by clientconf of our own text
	}
	return s.show(w, v, http.StatusOK, "device_ready", page{Title: "ready.title", Live: v.r.URL.Path, Data: out})
}

// plainURL gives the address of the unencrypted pages under a host's name.
func (s *Site) plainURL(host string) string {
	_, port, err := net.SplitHostPort(s.r.Web)
	if err != nil || port == "80" {
		return "http://" + host
	}
	return "http://" + net.JoinHostPort(host, port)
}

// deviceRevoke ends a device's password and its connections.
func (s *Site) deviceRevoke(w http.ResponseWriter, v *visit) error {
	p := hub.DeviceParams{Person: v.field("person"), Device: v.field("device")}
	if p.Person != v.person.Name && !v.person.Admin {
		return errForbidden
	}
	if v.field("sure") != "yes" {
		return s.show(w, v, http.StatusOK, "device_revoke", page{Title: "revoke.title", Narrow: true, Data: p})
	}
	if _, err := hub.Do(v.ctx(), s.h, hub.DeviceRevoke, p, nil); err != nil {
		return err
	}
	s.links.drop(p.Person, p.Device)
	v.say("revoke.done", p.Device)
	http.Redirect(w, v.r, "/", http.StatusSeeOther)
	return nil
}
