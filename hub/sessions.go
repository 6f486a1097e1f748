package hub

import (
	"context"
	"database/sql"
	"maps"
	"strings"
	"sync"
	"time"
	"unicode"

	"heimpost/imapd"
	"heimpost/store"
)

// access is what a name and a password give.
type access struct {
	generation             uint64 // of the rules it was found by
	person, device         store.ID
	personName, deviceName string
	box                    store.ID // the root
	readOnly               bool
	alone                  bool // the box itself was named: no others beside it
	without                map[string]bool
}

func (a access) actor() store.Actor { return store.Actor{Person: a.person, Device: a.device} }

// sessions are the logins that are in use, and what is to be written down of
// them.
type sessions struct {
	mu sync.Mutex
	// generation counts changes of who may do what.
	generation uint64
	all        map[*session]struct{}
	seen       map[store.ID]lastSeen // of devices, not yet in hub.db
}

type lastSeen struct {
	at     time.Time
	client string // "": as it was
}

// session is one login in use.
type session struct {
	h       *Hub
	access  access
	revoked chan struct{}

	// under sessions.mu:
	ended  bool // revoked is closed
	boxes  map[store.ID]func()
	shared []imapd.Shared
	at     uint64 // the generation that shared is right for
}

func (s *sessions) init() {
	s.generation = 1
	s.all, s.seen = map[*session]struct{}{}, map[store.ID]lastSeen{}
}

// now gives the present generation.
func (s *sessions) now() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.generation
}

// changed is called after each committed change of who may do what: what is
// remembered of logins is forgotten, and sessions that match end.
func (h *Hub) changed(ends func(*session) bool) {
	h.sessions.mu.Lock()
	defer h.sessions.mu.Unlock()
	h.sessions.generation++
	h.logins.forget()
	for s := range h.sessions.all {
		if !s.ended && ends(s) {
			s.ended = true
			close(s.revoked)
		}
	}
}

// uses reports whether the session sees a box.
func (s *session) uses(box store.ID) bool {
	_, has := s.boxes[box]
	return has
}

// begin opens what a login gives; ok is false where the rules have changed
// since they were read.
func (h *Hub) begin(ctx context.Context, a access) (l *imapd.Login, ok bool, err error) {
	box, release, err := h.boxes.use(ctx, a.box)
	if err != nil {
		return nil, false, err
	}
	s := &session{h: h, access: a, revoked: make(chan struct{}), boxes: map[store.ID]func(){a.box: release}}
	h.sessions.mu.Lock()
	if h.sessions.generation != a.generation {
		h.sessions.mu.Unlock()
		release()
		return nil, false, nil
	}
	h.sessions.all[s] = struct{}{}
	h.sessions.mu.Unlock()
	h.seen(a.device, "")

	l = &imapd.Login{
		Person: a.personName, Device: a.deviceName, Actor: a.actor(),
		Root:    box.View(store.ViewOptions{Actor: a.actor(), ReadOnly: a.readOnly}),
		Revoked: s.revoked, Without: a.without,
		Seen:  func(id map[string]string) { h.seen(a.device, clientName(id)) },
		Close: sync.OnceFunc(s.end),
	}
	if !a.alone {
		l.Shared = s.sharedBoxes
	}
	return l, true, nil
}

// end is called when the connection has ended.
func (s *session) end() {
	s.h.sessions.mu.Lock()
	delete(s.h.sessions.all, s)
	boxes := s.boxes
	s.boxes = nil
	s.h.sessions.mu.Unlock()
	s.h.seen(s.access.device, "")
	for _, release := range boxes {
		release()
	}
}

// openTimeout bounds how long a client waits for a shared box to open.
const openTimeout = 30 * time.Second

// sharedBoxes gives the boxes that the person has access to beside the own
// one. A box that cannot be opened is left out, and said so in the log.
func (s *session) sharedBoxes() []imapd.Shared {
	h := s.h
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	for {
		h.sessions.mu.Lock()
		generation, at, shared := h.sessions.generation, s.at, s.shared
		h.sessions.mu.Unlock()
		if at == generation {
			return shared
		}
		type row struct {
			id       store.ID
			name     string
			readOnly bool
		}
		rows, err := collect(ctx, h.db, func(r *sql.Rows, to *row) error { return r.Scan(&to.id, &to.name, &to.readOnly) },
			"SELECT b.id, b.name, a.readonly FROM access a JOIN box b ON b.id=a.box WHERE a.person=? AND b.id!=? ORDER BY b.name",
			s.access.person, s.access.box)
		if err != nil {
			h.log.Error("shared boxes cannot be read", "person", s.access.personName, "error", err)
			return shared
		}
		var views []imapd.Shared
		opened := map[store.ID]func(){}
		for _, r := range rows {
			box, release, err := h.boxes.use(ctx, r.id)
			if err != nil {
				h.log.Error("a shared box cannot be opened", "box", r.name, "person", s.access.personName, "error", err)
				continue
			}
			opened[r.id] = release
			views = append(views, imapd.Shared{Prefix: "Shared/" + r.name,
				View: box.View(store.ViewOptions{Actor: s.access.actor(), ReadOnly: r.readOnly})})
		}
		if s.keep(generation, views, opened) {
			return views
		}
	}
}

// keep remembers shared views, unless the rules have changed meanwhile; what
// need not be open is let go.
func (s *session) keep(generation uint64, views []imapd.Shared, opened map[store.ID]func()) bool {
	s.h.sessions.mu.Lock()
	kept := s.h.sessions.generation == generation && s.boxes != nil
	if kept {
		s.shared, s.at = views, generation
		for id, release := range opened {
			if _, has := s.boxes[id]; !has {
				s.boxes[id] = release
				delete(opened, id)
			}
		}
	}
	over := s.boxes == nil // the connection has ended
	s.h.sessions.mu.Unlock()
	for release := range maps.Values(opened) {
		release()
	}
	return kept || over
}

// seen notes that a device is there, and what it says of itself.
func (h *Hub) seen(device store.ID, client string) {
	if device == "" {
		return
	}
	h.sessions.mu.Lock()
	defer h.sessions.mu.Unlock()
	if client == "" {
		client = h.sessions.seen[device].client
	}
	h.sessions.seen[device] = lastSeen{h.now(), client}
}

// flushSeen writes down which devices were seen, those that are connected
// included.
func (h *Hub) flushSeen(ctx context.Context) error {
	h.sessions.mu.Lock()
	seen := h.sessions.seen
	h.sessions.seen = map[store.ID]lastSeen{}
	for s := range h.sessions.all {
		if d := s.access.device; d != "" {
			seen[d] = lastSeen{h.now(), seen[d].client}
		}
	}
	h.sessions.mu.Unlock()
	if len(seen) == 0 {
		return nil
	}
	err := h.tx(ctx, func(q *sql.Tx) error {
		for device, s := range seen {
			if _, err := q.ExecContext(ctx, "UPDATE device SET seen=?, client=iif(?2='', client, ?2) WHERE id=?3", ms(s.at), s.client, device); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return nil
	}
	// Another time; what was learned since is newer.
	h.sessions.mu.Lock()
	defer h.sessions.mu.Unlock()
	maps.Copy(seen, h.sessions.seen)
	h.sessions.seen = seen
	return err
}

// clientName makes one label of what a client says of itself (RFC 2971).
func clientName(id map[string]string) string {
	name, version, system := id["name"], id["version"], id["os"]
	if name == "" {
		name = id["vendor"]
	}
	if version != "" && name != "" {
		name += " " + version
	}
	if system != "" && name != "" {
		name += " (" + system + ")"
	}
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, name)
	if len(name) > 200 {
		name = strings.ToValidUTF8(name[:200], "")
	}
	return name
}
