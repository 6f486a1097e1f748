package web

import (
	"html/template"
	"net/http"
	"slices"
	"time"

	"heimpost/hub"
)

// light is a traffic light: green, yellow or red.
type light string

const (
	green  light = "green"
	yellow light = "yellow"
	red    light = "red"
)

// accountView is an account as a page shows it.
type accountView struct {
	hub.Account
	Light   light
	Trouble string // in the visitor's language
	Fresh   bool   // it never had a round
	Later   bool   // its provider wants no visit before NextAllowed
}

func (s *Site) accountView(v *visit, a hub.Account) accountView {
	out := accountView{Account: a, Light: green, Trouble: a.Error, Fresh: a.LastTry.IsZero() && a.LastSuccess.IsZero(), Later: a.NextAllowed.After(s.now())}
	if v.lang == "de" && a.ErrorDE != "" {
		out.Trouble = a.ErrorDE
	}
	if a.SignIn {
		out.Trouble = s.texts.get(v.lang, "signin.needed")
	}
	switch {
	case a.Error != "" && s.now().Sub(a.LastSuccess) > 24*time.Hour:
		out.Light = red
	case a.Error != "" || a.Unretrievable > 0:
		out.Light = yellow
	}
	return out
}

type boxView struct {
	hub.BoxStatus
	Title string
	// Growth and Days are small pictures; "" where there is none to see.
	Growth, Days template.HTML
}

// shownPlots is for how many boxes there are pictures: the page stays small.
const shownPlots = 8

// plots draws how a box has grown and how much came each day.
func (s *Site) plots(v *visit, b *boxView) error {
	g, err := hub.Do(v.ctx(), s.h, hub.BoxGrowth, hub.NameParams{Name: b.Name}, nil)
	if err != nil {
		return err
	}
	var sizes, mails []int64
	sum := 0
	for _, m := range g.Months {
		sizes = append(sizes, m.Bytes)
	}
	for _, d := range g.Days {
		mails = append(mails, int64(d.Messages))
		sum += d.Messages
	}
	first, last := g.Months[0], g.Months[len(g.Months)-1]
	if b.Messages == 0 {
		return nil
	}
	b.Growth = plot(sizes, true, s.texts.get(v.lang, "plot.growth", bytesText(v.lang, first.Bytes), bytesText(v.lang, last.Bytes)))
	if sum == 0 {
		return nil
	}
	b.Days = plot(mails, false, s.texts.get(v.lang, "plot.days", countText(v.lang, int64(sum)), countText(v.lang, slices.Max(mails))))
	return nil
}

type statusView struct {
	Light       light
	Accounts    []accountView
	Devices     []hub.Device
	Titles      map[string]string // what people call persons and boxes
	Boxes       []boxView
	Connections int
	DiskFree    int64
	DiskLow     bool
	Pending     int // mails that wait for the search index
	CertEnds    time.Time
	CertSoon    bool
	CertError   string
	LastBackup  time.Time
	Admin       bool
}

const (
	// diskLow is when people should begin to make room.
	diskLow = 2 << 30
	// certSoon is when somebody has to do something: our own certificate is
	// renewed long before.
	certSoon = 14 * 24 * time.Hour
)

func (s *Site) statusPage(w http.ResponseWriter, v *visit) error {
	st, err := hub.Do(v.ctx(), s.h, hub.GetStatus, hub.None{}, nil)
	if err != nil {
		return err
	}
	boxes, err := s.boxesOf(v)
	if err != nil {
		return err
	}
	accounts, err := s.accountsOf(v)
	if err != nil {
		return err
	}
	out := statusView{Light: green, Connections: st.Connections, DiskFree: st.DiskFree, DiskLow: st.DiskFree < diskLow,
		Pending: st.SearchPending, CertEnds: s.r.Certs.NotAfter(), Admin: v.person.Admin}
	out.CertSoon = out.CertEnds.Sub(s.now()) < certSoon
	if err := s.r.Certs.Err(); err != nil {
		out.CertError = s.texts.get(v.lang, "status.cert.error", err)
	}
	if st.LastBackup != nil {
		out.LastBackup = st.LastBackup.Time
	}
	for _, a := range accounts {
		view := s.accountView(v, a)
		out.Accounts = append(out.Accounts, view)
		out.Light = worse(out.Light, view.Light)
	}
	for _, b := range st.Boxes {
		title, mine := "", false
		for _, own := range boxes {
			if own.Name == b.Name {
				title, mine = own.Title, true
			}
		}
		if mine || v.person.Admin {
			view := boxView{BoxStatus: b, Title: title}
			if b.Error != "" {
				out.Light = red
				if v.lang == "de" {
					view.Error = b.ErrorDE
				}
			} else if mine && len(out.Boxes) < shownPlots {
				if err := s.plots(v, &view); err != nil {
					return err
				}
			}
			out.Boxes = append(out.Boxes, view)
		}
	}
	if out.DiskLow || out.CertSoon || out.CertError != "" {
		out.Light = worse(out.Light, yellow)
	}
	if out.Titles, err = s.titles(v); err != nil {
		return err
	}
	who := v.person.Name
	if v.person.Admin {
		who = ""
	}
	if out.Devices, err = hub.Do(v.ctx(), s.h, hub.DeviceList, hub.NameParams{Name: who}, nil); err != nil {
		return err
	}
	return s.show(w, v, http.StatusOK, "status", page{Title: "status.title", Live: "/", Data: out})
}

// worse gives the light that is nearer to red.
func worse(a, b light) light {
	for _, l := range []light{red, yellow} {
		if a == l || b == l {
			return l
		}
	}
	return green
}
