package web

import (
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"heimpost/hub"
)

const (
	// linkLife is how long a new device's link opens its pages.
	linkLife = time.Hour
	maxLinks = 200
)

// link is a new device on its way: until it expires, its page can be opened
// again and on the device itself.
type link struct {
	token   string
	person  string
	kind    string // of device: a key of kinds
	device  hub.NewDevice
	login   string // what it logs in with
	address string // of a mail account, "" where there is none
	label   string // what its owner calls the mail
	ends    time.Time
}

// links are kept in memory: they hold passwords.
type links struct {
	mu  sync.Mutex
	now func() time.Time
	all map[string]*link
}

// add makes a link; the oldest one makes room.
func (l *links) add(n *link) {
	n.token, n.ends = strings.ToLower(rand.Text()), l.now().Add(linkLife)
	l.mu.Lock()
	defer l.mu.Unlock()
	var oldest *link
	for token, o := range l.all {
		if l.now().After(o.ends) {
			delete(l.all, token)
		} else if oldest == nil || o.ends.Before(oldest.ends) {
			oldest = o
		}
	}
	if len(l.all) >= maxLinks {
		delete(l.all, oldest.token)
	}
	l.all[n.token] = n
}

// get gives a link that has not expired.
func (l *links) get(token string) (*link, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, ok := l.all[token]
	if !ok || l.now().After(n.ends) {
		return nil, false
	}
	return n, true
}

// drop forgets the links of a device.
func (l *links) drop(person, device string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for token, n := range l.all {
		if n.person == person && n.device.Name == device {
			delete(l.all, token)
		}
	}
}
