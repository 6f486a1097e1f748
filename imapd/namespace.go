package imapd

import (
	"sort"
	"strings"

	"github.com/emersion/go-imap/v2"

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
	for _, sh := range c.shared() {
		if rest, ok := strings.CutPrefix(name, sh.Prefix+string(delimiter)); ok {
			return place{view: sh.View, name: foldInbox(rest), prefix: sh.Prefix}, nil
		}
		if name == sh.Prefix || strings.HasPrefix(sh.Prefix, name+string(delimiter)) {
			return place{}, no(imap.ResponseCodeCannot, "%q is where shared boxes stand, not a mailbox.", name)
		}
		if top, _, _ := strings.Cut(sh.Prefix, string(delimiter)); strings.HasPrefix(name, top+string(delimiter)) {
			return place{}, no(imap.ResponseCodeNonExistent, "Nobody shares %q with you.", name)
		}
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

// listed is one line of LIST.
type listed struct {
	name       string // as the client knows it
	exists     bool   // false: a parent that is implied by its children, or only subscribed
	children   bool
	subscribed bool
	use        imap.MailboxAttr // of the login's own box only: two \Sent confuse clients
	place      place
}

// mailboxes lists all names that the login sees: its own box, INBOX first,
// then the shared ones, with the parents that names imply.
func (c *conn) mailboxes() []listed {
	var out []listed
	add := func(p place) {
		for _, m := range p.view.Mailboxes() {
			l := listed{name: p.full(m.Name), exists: true, subscribed: m.Subscribed, place: p}
			l.place.name = m.Name
			if p.prefix == "" {
				l.use = m.SpecialUse
			}
			out = append(out, l)
		}
	}
	add(place{view: c.login.Root})
	for _, sh := range c.shared() {
		add(place{view: sh.View, prefix: sh.Prefix})
	}
	return withParents(out)
}

// withParents adds the parents that names imply, tells which names have
// children, and sorts: INBOX, then its children, then the others.
func withParents(in []listed) []listed {
	at := make(map[string]int, len(in))
	out := in[:0:0]
	for _, l := range in {
		if _, dup := at[l.name]; !dup {
			at[l.name] = len(out)
			out = append(out, l)
		}
	}
	for i := 0; i < len(out); i++ { // grows while it runs: parents have parents
		cut := strings.LastIndexByte(out[i].name, delimiter)
		if cut <= 0 {
			continue
		}
		parent := out[i].name[:cut]
		j, ok := at[parent]
		if !ok {
			j = len(out)
			at[parent] = j
			out = append(out, listed{name: parent})
		}
		out[j].children = true
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

// isInbox reports whether name is INBOX or below it.
func isInbox(name string) bool {
	return name == inbox || strings.HasPrefix(name, inbox+string(delimiter))
}
