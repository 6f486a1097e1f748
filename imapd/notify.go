package imapd

import (
	"slices"
	"strings"
	"sync"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
	"heimpost/store"
)

// notifyEvents are events that a client wants to hear of at any time (RFC
// 5465 §5).
type notifyEvents uint8

const (
	eventNew notifyEvents = 1 << iota
	eventExpunge
	eventFlags
	eventName
	eventSubscription
)

var notifyNames = map[string]notifyEvents{
	"MESSAGENEW": eventNew, "MESSAGEEXPUNGE": eventExpunge, "FLAGCHANGE": eventFlags,
	"MAILBOXNAME": eventName, "SUBSCRIPTIONCHANGE": eventSubscription,
}

// badEvents is the response code that lists the events there are.
const badEvents = "BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange)"

// notifyRule says which events of which mailboxes are wanted (RFC 5465 §6).
type notifyRule struct {
	scope  string // as in the command
	names  []string
	events notifyEvents
}

// Bounds of NOTIFY.
const (
	maxNotifyRules   = 100
	maxNotifyNames   = 1000
	maxNotifyPending = 1000
)

// notify is what a client has asked for with NOTIFY SET.
type notify struct {
	rules []notifyRule
	// of the selected mailbox
	selected  notifyEvents
	delayed   bool       // expunges wait for a command
	fetch     *fetchArgs // what to tell of new messages
	stop      []func()
	listed    []listed // as the client knows them
	mu        sync.Mutex
	pending   map[store.ID]notifyEvents // changed mailboxes
	names     bool                      // mailboxes came or went, or subscriptions changed
	overflown bool
}

// cmdNotify: RFC 5465.
func (c *conn) cmdNotify(d *wire.Decoder) error {
	var word string
	if !d.ExpectSP() || !d.ExpectName(&word) {
		return d.Err()
	}
	if c.offer("NOTIFY") == nil {
		return bad("There is no command NOTIFY.")
	}
	if word == "NONE" {
		if !d.ExpectCRLF() {
			return d.Err()
		}
		c.stopNotify()
		return nil
	}
	if !d.Expect(word == "SET", "SET or NONE") || !d.ExpectSP() {
		return d.Err()
	}
	status := false
	if d.Peek() != '(' {
		if !d.ExpectName(&word) || !d.Expect(word == "STATUS", "STATUS") || !d.ExpectSP() {
			return d.Err()
		}
		status = true
	}
	n := &notify{pending: map[store.ID]notifyEvents{}}
	for first := true; first || d.SP(); first = false {
		if !n.group(d) {
			return d.Err()
		}
	}
	if !d.ExpectCRLF() {
		return d.Err()
	}
	c.stopNotify()
	c.startNotify(n)
	if !status {
		return nil
	}
	for i := range n.listed {
		if m := &n.listed[i]; m.exists && n.wants(m)&(eventNew|eventFlags) != 0 && !c.isSelected(m) {
			if err := c.notifyStatus(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// group reads an event group.
func (n *notify) group(d *wire.Decoder) bool {
	var r notifyRule
	if len(n.rules) == maxNotifyRules {
		return d.Bad("There are too many event groups.")
	}
	if !d.ExpectSpecial('(') || !d.ExpectName(&r.scope) {
		return false
	}
	switch r.scope {
	case "SELECTED", "SELECTED-DELAYED", "INBOXES", "PERSONAL", "SUBSCRIBED":
	case "SUBTREE", "MAILBOXES":
		one := func() bool {
			var name string
			if !d.ExpectMailbox(&name) {
				return false
			}
			r.names = append(r.names, foldInbox(name))
			return len(r.names) <= maxNotifyNames || d.Bad("There are too many mailboxes.")
		}
		if !d.ExpectSP() || !d.List(one) && (d.Err() != nil || !one()) {
			return false
		}
	default:
		return d.Bad("There is no mailbox filter " + r.scope + ".")
	}
	if !d.ExpectSP() {
		return false
	}
	var none string
	selected := strings.HasPrefix(r.scope, "SELECTED")
	if d.Name(&none) {
		if !d.Expect(none == "NONE", "events or NONE") {
			return false
		}
	} else if !n.events(d, &r, selected) {
		return false
	}
	if !d.ExpectSpecial(')') {
		return false
	}
	if selected {
		n.selected, n.delayed = r.events, r.scope == "SELECTED-DELAYED"
	}
	n.rules = append(n.rules, r)
	return true
}

// events reads a list of events.
func (n *notify) events(d *wire.Decoder, r *notifyRule, selected bool) bool {
	last := notifyEvents(0)
	if !d.ExpectList(func() bool {
		if last == eventNew && d.Peek() == '(' {
			if !selected {
				return d.Bad("What to fetch is told of the selected mailbox only.")
			}
			n.fetch, last = &fetchArgs{}, 0
			return d.List(func() bool {
				fetchItem(d, n.fetch, false)
				return d.Err() == nil
			})
		}
		var name string
		if !d.ExpectName(&name) {
			return false
		}
		last = notifyNames[name]
		if last == 0 {
			return d.Fail(no(badEvents, "There is no event %s here.", name))
		}
		r.events |= last
		return true
	}) {
		return false
	}
	// RFC 5465 §5: these need each other.
	both := r.events & (eventNew | eventExpunge)
	switch {
	case both == eventNew, both == eventExpunge:
		return d.Bad("MessageNew and MessageExpunge go together.")
	case r.events&eventFlags != 0 && both == 0:
		return d.Bad("FlagChange goes with MessageNew and MessageExpunge.")
	case selected && r.events&(eventName|eventSubscription) != 0:
		return d.Bad("The selected mailbox has events of messages only.")
	}
	return true
}

// startNotify begins to listen.
func (c *conn) startNotify(n *notify) {
	if n.fetch != nil {
		for i := range n.fetch.sections { // telling of a mail is not reading it
			n.fetch.sections[i].peek = true
		}
		n.fetch.items |= itemUID
	}
	views := []*store.View{c.login.Root}
	for _, sh := range c.shared() {
		views = append(views, sh.View)
	}
	for _, v := range views {
		n.stop = append(n.stop, v.OnEvent(func(e store.Event) {
			if n.note(e) {
				c.stream.wake()
			}
		}))
	}
	n.listed = c.mailboxes()
	c.notify = n
}

// stopNotify ends what NOTIFY SET began.
func (c *conn) stopNotify() {
	if c.notify == nil {
		return
	}
	for _, stop := range c.notify.stop {
		stop()
	}
	c.notify = nil
}

// note remembers a change. It is called by the store, from any goroutine, and
// gives whether the connection has to be woken.
func (n *notify) note(e store.Event) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case e.Kind == "mailbox" || e.Kind == "subscription":
		n.names = true
		return true
	case e.Mailbox == "" || n.overflown:
		return false
	case len(n.pending) == maxNotifyPending && n.pending[e.Mailbox] == 0:
		n.overflown = true
		return true
	}
	what := eventNew | eventExpunge
	if e.Kind == "flags" {
		what = eventFlags
	}
	n.pending[e.Mailbox] |= what
	return true
}

// wants gives the events of a mailbox that is not selected that are wanted.
func (n *notify) wants(m *listed) (events notifyEvents) {
	for _, r := range n.rules {
		if r.matches(m) {
			events |= r.events
		}
	}
	return events
}

func (r *notifyRule) matches(m *listed) bool {
	switch r.scope {
	case "INBOXES":
		return m.name == inbox
	case "PERSONAL":
		return m.place.prefix == ""
	case "SUBSCRIBED":
		return m.subscribed
	case "MAILBOXES":
		return slices.Contains(r.names, m.name)
	case "SUBTREE":
		return slices.ContainsFunc(r.names, func(n string) bool {
			return m.name == n || strings.HasPrefix(m.name, n+string(delimiter))
		})
	}
	return false
}

// isSelected reports whether a mailbox is the selected one.
func (c *conn) isSelected(m *listed) bool { return c.sel != nil && c.sel.mbox.ID() == m.id }

// notifyStatus tells the counts of a mailbox that is not selected.
func (c *conn) notifyStatus(m *listed) error {
	s, err := m.place.view.Status(c.ctx, m.place.name, false)
	if err != nil {
		return err
	}
	c.out.Raw("* STATUS ").Mailbox(m.name).Raw(" (MESSAGES ").Number(uint64(s.Messages)).Raw(" UIDNEXT ").Number(uint64(s.UIDNext)).
		Raw(" UIDVALIDITY ").Number(uint64(s.UIDValidity)).Raw(" UNSEEN ").Number(uint64(s.Unseen))
	if c.modSeqs() {
		c.out.Raw(" HIGHESTMODSEQ ").Number(s.HighestModSeq)
	}
	c.out.Raw(")\r\n")
	return nil
}

// tellNotify tells what has happened, between commands and in IDLE.
func (c *conn) tellNotify() error {
	n := c.notify
	n.mu.Lock()
	pending, names, overflown := n.pending, n.names, n.overflown
	n.pending, n.names = map[store.ID]notifyEvents{}, false
	n.mu.Unlock()
	if overflown { // RFC 5465 §5.8
		c.stopNotify()
		c.out.Raw("* OK [NOTIFICATIONOVERFLOW] Too much happened at a time; ask again with NOTIFY.\r\n")
		return nil
	}
	if names {
		c.tellNames()
	}
	if c.sel != nil && pending[c.sel.mbox.ID()] != 0 && n.selected != 0 {
		if err := c.tellSelected(); err != nil {
			return err
		}
	}
	if len(pending) == 0 {
		return nil
	}
	for i := range n.listed {
		m := &n.listed[i]
		if what := pending[m.id]; !m.exists || what == 0 || n.wants(m)&what == 0 || c.isSelected(m) {
			continue
		}
		if err := c.notifyStatus(m); err != nil {
			return err
		}
	}
	return nil
}

// tellSelected tells of the selected mailbox, and of its new messages what the
// client wants to know of them.
func (c *conn) tellSelected() error {
	c.cmd = running{told: c.cmd.told}
	s, before := c.sel, c.sel.told.UIDNext
	if err := c.sync(!c.notify.delayed); err != nil || c.notify.fetch == nil {
		return err
	}
	from, _ := s.told.Search(before)
	var fresh spans
	if fresh.add(from, s.told.Len()); from == s.told.Len() {
		return nil
	}
	f := fetch{conn: c, fetchArgs: *c.notify.fetch}
	f.run(fresh)
	return f.err
}

// tellNames tells which names came, went or changed.
func (c *conn) tellNames() {
	n := c.notify
	now := c.mailboxes()
	was := map[store.ID]*listed{}
	subscribed := map[string]bool{}
	for i := range n.listed {
		if m := &n.listed[i]; m.exists {
			was[m.id] = m
		}
		subscribed[n.listed[i].name] = n.listed[i].subscribed
	}
	line := &listing{reply: "LIST", extended: true, subscribed: true}
	for i := range now {
		m := &now[i]
		old := was[m.id]
		if !m.exists {
			old = nil
		} else {
			delete(was, m.id)
		}
		events := n.wants(m)
		renamed := old != nil && old.name != m.name
		switch {
		case events&eventName != 0 && m.exists && (old == nil || renamed):
		case events&eventSubscription != 0 && subscribed[m.name] != m.subscribed:
		default:
			continue
		}
		c.listResponse(line, m, line.attributes(m, true))
		if renamed {
			c.out.Raw(` ("OLDNAME" (`).Mailbox(old.name).Raw("))")
		}
		c.out.CRLF()
	}
	for i := range n.listed { // in their order
		m := &n.listed[i]
		if was[m.id] == m && n.wants(m)&eventName != 0 {
			c.listResponse(line, m, []imap.MailboxAttr{imap.MailboxAttrNonExistent})
			c.out.CRLF()
		}
	}
	n.listed = now
}
