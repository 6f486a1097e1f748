package imapd

import (
	"slices"
	"sort"
	"strings"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
	"heimpost/store"
)

// delimiter separates the levels of mailbox names everywhere.
const delimiter = '/'

// inbox is the name that is compared without case (RFC 3501 §5.1).
const inbox = "INBOX"

// place is where a mailbox name of the client leads.
type place struct {
	view   *store.View
	name   string // in the view
	prefix string // of the shared box, "" for the login's own
}

// full gives the name by which the client knows a mailbox of the place's box.
func (p place) full(name string) string {
	if p.prefix == "" {
		return name
	}
	return p.prefix + string(delimiter) + name
}

// shared gives the boxes beside the login's own.
func (c *conn) shared() []Shared {
	if c.login.Shared == nil {
		return nil
	}
	return c.login.Shared()
}

// locate finds the box that a name belongs to. The prefixes of shared boxes,
// and their parents ("Shared"), are no mailboxes of any view: for them it
// answers with an error.
func (c *conn) locate(name string) (place, error) {
	name = foldInbox(name)
	var err error
	for _, sh := range c.shared() {
		if rest, ok := strings.CutPrefix(name, sh.Prefix+string(delimiter)); ok {
			return place{view: sh.View, name: foldInbox(rest), prefix: sh.Prefix}, nil
		}
		if name == sh.Prefix || strings.HasPrefix(sh.Prefix, name+string(delimiter)) {
			err = no(imap.ResponseCodeCannot, "%q is where shared boxes stand, not a mailbox.", name)
		} else if top, _, _ := strings.Cut(sh.Prefix, string(delimiter)); strings.HasPrefix(name, top+string(delimiter)) && err == nil {
			err = no(imap.ResponseCodeNonExistent, "Nobody shares %q with you.", name)
		}
	}
	if err != nil {
		return place{}, err
	}
	return place{view: c.login.Root, name: name}, nil
}

// foldInbox gives INBOX, also as the first level of a name, its canonical
// form in capitals.
func foldInbox(name string) string {
	if len(name) >= len(inbox) && strings.EqualFold(name[:len(inbox)], inbox) &&
		(len(name) == len(inbox) || name[len(inbox)] == delimiter) {
		return inbox + name[len(inbox):]
	}
	return name
}

// listed is a name that LIST may tell of.
type listed struct {
	name       string   // as the client knows it
	id         store.ID // if exists
	exists     bool     // it is a mailbox
	implied    bool     // it is none, but has mailboxes below it
	children   bool     // there are mailboxes below it
	subscribed bool
	use        imap.MailboxAttr // of the login's own box only: two \Sent confuse clients
	place      place            // its name is set if exists
}

// mailboxes lists all names that the login sees, ordered, INBOX first: its
// own box and the shared ones, what is subscribed but does not exist, and all
// parents of these.
func (c *conn) mailboxes() []listed {
	var out []listed
	at := map[string]int{}
	add := func(l listed) {
		if _, dup := at[l.name]; !dup {
			at[l.name] = len(out)
			out = append(out, l)
		}
	}
	box := func(p place) {
		for _, m := range p.view.Mailboxes() {
			l := listed{name: p.full(m.Name), id: m.ID, exists: true, subscribed: m.Subscribed, place: p}
			l.place.name = m.Name
			if p.prefix == "" {
				l.use = m.SpecialUse
			}
			add(l)
		}
		for _, name := range p.view.Subscriptions() {
			add(listed{name: p.full(name), subscribed: true, place: p})
		}
	}
	box(place{view: c.login.Root})
	for _, sh := range c.shared() {
		box(place{view: sh.View, prefix: sh.Prefix})
	}
	for i := range len(out) {
		mailbox := out[i].exists
		for p, ok := parentOf(out[i].name); ok; p, ok = parentOf(p) {
			add(listed{name: p})
			if j := at[p]; mailbox {
				out[j].children, out[j].implied = true, !out[j].exists
			}
		}
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i].name, out[j].name
		if ai, bi := isInbox(a), isInbox(b); ai != bi {
			return ai
		}
		return a < b
	})
	return out
}

// parentOf gives the name one level up.
func parentOf(name string) (parent string, ok bool) {
	cut := strings.LastIndexByte(name, delimiter)
	if cut <= 0 {
		return "", false
	}
	return name[:cut], true
}

// isInbox reports whether name is INBOX or below it.
func isInbox(name string) bool {
	return name == inbox || strings.HasPrefix(name, inbox+string(delimiter))
}

// cmdNamespace: RFC 2342. Shared boxes stand in the shared namespace.
func (c *conn) cmdNamespace(d *wire.Decoder) error {
	if !d.ExpectCRLF() {
		return d.Err()
	}
	c.out.Raw(`* NAMESPACE (("" "/")) NIL `)
	var tops []string
	for _, sh := range c.shared() {
		if top, _, below := strings.Cut(sh.Prefix, string(delimiter)); below && !slices.Contains(tops, top) {
			tops = append(tops, top)
		}
	}
	if len(tops) == 0 {
		c.out.Raw("NIL")
	} else {
		c.out.Special('(')
		for _, top := range tops {
			c.out.Special('(').Mailbox(top + string(delimiter)).Raw(` "/")`)
		}
		c.out.Special(')')
	}
	c.out.CRLF()
	return nil
}
