package hub

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"heimpost/store"
)

// Box is one tree of mailboxes.
type Box struct {
	ID        store.ID  `json:"id"`
	Name      string    `json:"name"`
	Title     string    `json:"title"`
	Person    string    `json:"person,omitempty"` // whose own box it is
	Addresses []string  `json:"addresses"`
	Seen      string    `json:"seen"`
	Retain    string    `json:"retain"`
	Protect   []string  `json:"protect"`
	Grants    []Grant   `json:"grants"`
	Created   time.Time `json:"created"`
}

// Grant is a person's access to a box that is not the own one.
type Grant struct {
	Person string `json:"person"`
	Rights string `json:"rights"` // rw or ro
}

// BoxAddParams are those of BoxAdd.
type BoxAddParams struct {
	Name      string   `json:"name"`
	Title     string   `json:"title"`
	Addresses []string `json:"addresses"`
	Seen      string   `json:"seen"`
	Retain    string   `json:"retain"`
}

// BoxSetParams change a box; nil leaves as it is.
type BoxSetParams struct {
	Name      string    `json:"name"`
	Title     *string   `json:"title,omitempty"`
	Seen      *string   `json:"seen,omitempty"`
	Retain    *string   `json:"retain,omitempty"`
	Addresses *[]string `json:"addresses,omitempty"`
	// Protect and Unprotect name mailboxes that keep their mails from now on,
	// or no longer.
	Protect   []string `json:"protect,omitempty"`
	Unprotect []string `json:"unprotect,omitempty"`
}

// GrantParams are those of BoxGrant and BoxRevoke.
type GrantParams struct {
	Box      string `json:"box"`
	Person   string `json:"person"`
	ReadOnly bool   `json:"read_only"`
}

var (
	// BoxAdd makes a box that is nobody's own.
	BoxAdd = newOp("box.add", (*Hub).boxAdd)
	// BoxSet changes a box.
	BoxSet = newOp("box.set", (*Hub).boxSet)
	// BoxList lists all boxes.
	BoxList = newOp("box.list", (*Hub).boxList)
	// BoxGrant gives a person access to a box, or changes it.
	BoxGrant = newOp("box.grant", (*Hub).boxGrant)
	// BoxRevoke takes a person's access away.
	BoxRevoke = newOp("box.revoke", (*Hub).boxRevoke)
	// BoxRemove puts a box's folder into DATA/removed.
	BoxRemove = newOp("box.remove", (*Hub).boxRemove)
)

const boxColumns = "b.id, b.name, b.title, coalesce(p.name, ''), b.seen, b.retain, b.protect, b.created FROM box b LEFT JOIN person p ON p.id=b.person"

func scanBox(row interface{ Scan(...any) error }, b *Box) error {
	var created int64
	var days int
	var protect string
	err := row.Scan(&b.ID, &b.Name, &b.Title, &b.Person, &b.Seen, &days, &protect, &created)
	b.Created, b.Retain, b.Addresses, b.Grants = msTime(created), formatDays(days, "0d"), []string{}, []Grant{}
	if err == nil {
		err = json.Unmarshal([]byte(protect), &b.Protect)
	}
	return err
}

// box finds a box by its name.
func (h *Hub) box(ctx context.Context, q querier, name string) (b Box, err error) {
	err = scanBox(q.QueryRowContext(ctx, "SELECT "+boxColumns+" WHERE b.name=?", foldLogin(name)), &b)
	if errors.Is(err, sql.ErrNoRows) {
		return b, notFound("there is no box %q (heimpost box list shows all)", name)
	}
	return b, dbError(err)
}

func (h *Hub) boxByID(ctx context.Context, q querier, id store.ID) (b Box, err error) {
	err = scanBox(q.QueryRowContext(ctx, "SELECT "+boxColumns+" WHERE b.id=?", id), &b)
	if errors.Is(err, sql.ErrNoRows) {
		return b, notFound("the box was removed")
	}
	return b, dbError(err)
}

func (h *Hub) boxAdd(ctx context.Context, p BoxAddParams) (made Box, err error) {
	name, err := CleanName(p.Name)
	if err != nil {
		return made, err
	}
	title, err := cleanText("a title", p.Title)
	if err != nil {
		return made, err
	}
	seen, err := cleanSeen(cmp.Or(p.Seen, "shared"))
	if err != nil {
		return made, err
	}
	retain, err := parseRetain(cmp.Or(p.Retain, "365d"))
	if err != nil {
		return made, err
	}
	addresses, err := cleanAddresses(p.Addresses)
	if err != nil {
		return made, err
	}
	id := store.NewID()
	err = h.tx(ctx, func(q *sql.Tx) error {
		if err := h.nameFree(ctx, q, name); err != nil {
			return err
		}
		if err := h.addressesFree(ctx, q, addresses); err != nil {
			return err
		}
		if err := h.createBoxFolder(name, id); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, "INSERT INTO box(id, name, title, seen, retain, created) VALUES(?, ?, ?, ?, ?, ?)",
			id, name, title, seen, retain, ms(h.now())); err != nil {
			return err
		}
		if err := h.addAddresses(ctx, q, id, addresses); err != nil {
			return err
		}
		made, err = h.boxByID(ctx, q, id)
		return err
	})
	if err != nil {
		return made, err
	}
	made.Addresses = addresses
	h.changed(func(*session) bool { return false })
	h.applyPolicy(ctx, id)
	return made, nil
}

func cleanSeen(s string) (string, error) {
	if s != "shared" && s != "private" {
		return "", invalid("%.40q does not say whose read marks they are: write shared or private", s)
	}
	return s, nil
}

// parseRetain reads how long deleted mail is kept; "0d" keeps nothing.
func parseRetain(s string) (int, error) { return parseDays(s, "0d") }

func cleanAddresses(in []string) ([]string, error) {
	out := []string{}
	for _, a := range in {
		a, err := CleanAddress(a)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out, nil
}

// addressesFree refuses addresses that another box has.
func (h *Hub) addressesFree(ctx context.Context, q querier, addresses []string) error {
	for _, a := range addresses {
		var box string
		err := q.QueryRowContext(ctx, "SELECT b.name FROM address a JOIN box b ON b.id=a.box WHERE a.address=?", a).Scan(&box)
		switch {
		case err == nil:
			return exists("%s is an address of the box %s already", a, box)
		case !errors.Is(err, sql.ErrNoRows):
			return dbError(err)
		}
	}
	return nil
}

// addAddresses gives a box addresses that no other has.
func (h *Hub) addAddresses(ctx context.Context, q querier, box store.ID, addresses []string) error {
	if err := h.addressesFree(ctx, q, addresses); err != nil {
		return err
	}
	for _, a := range addresses {
		if _, err := q.ExecContext(ctx, "INSERT INTO address(address, box) VALUES(?, ?)", a, box); err != nil {
			return err
		}
	}
	return nil
}

func (h *Hub) boxList(ctx context.Context, _ None) ([]Box, error) {
	boxes, err := collect(ctx, h.db, func(r *sql.Rows, b *Box) error { return scanBox(r, b) },
		"SELECT "+boxColumns+" ORDER BY b.name")
	if err != nil {
		return nil, err
	}
	at := map[store.ID]*Box{}
	for i := range boxes {
		at[boxes[i].ID] = &boxes[i]
	}
	type row struct {
		box       store.ID
		text, add string
	}
	scan := func(r *sql.Rows, to *row) error { return r.Scan(&to.box, &to.text, &to.add) }
	addresses, err := collect(ctx, h.db, scan, `
		SELECT box, address, '' FROM address
		UNION SELECT box, address, '' FROM account a WHERE NOT EXISTS (SELECT 1 FROM address o WHERE o.address=a.address) ORDER BY 2`)
	if err != nil {
		return nil, err
	}
	for _, a := range addresses {
		if b := at[a.box]; b != nil {
			b.Addresses = append(b.Addresses, a.text)
		}
	}
	grants, err := collect(ctx, h.db, scan,
		"SELECT a.box, p.name, iif(a.readonly, 'ro', 'rw') FROM access a JOIN person p ON p.id=a.person ORDER BY 2")
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		if b := at[g.box]; b != nil {
			b.Grants = append(b.Grants, Grant{g.text, g.add})
		}
	}
	return boxes, nil
}

// boxAndPerson finds both, and refuses a person at the own box.
func (h *Hub) boxAndPerson(ctx context.Context, p GrantParams) (b Box, who Person, err error) {
	if b, err = h.box(ctx, h.db, p.Box); err != nil {
		return b, who, err
	}
	if who, err = h.person(ctx, h.db, p.Person); err != nil {
		return b, who, err
	}
	if b.Person == who.Name {
		return b, who, newError("", "%s is the own box of %s, whose access cannot be changed", b.Name, who.Name)
	}
	return b, who, nil
}

func (h *Hub) boxGrant(ctx context.Context, p GrantParams) (none None, err error) {
	b, who, err := h.boxAndPerson(ctx, p)
	if err != nil {
		return none, err
	}
	err = h.tx(ctx, func(q *sql.Tx) error {
		_, err := q.ExecContext(ctx, "INSERT OR REPLACE INTO access(box, person, readonly) VALUES(?, ?, ?)", b.ID, who.ID, p.ReadOnly)
		return err
	})
	if err != nil {
		return none, err
	}
	// Views are made for good: whoever sees the box by the old right comes again.
	h.changed(func(s *session) bool { return s.access.person == who.ID && s.uses(b.ID) })
	h.applyPolicy(ctx, b.ID)
	return none, nil
}

func (h *Hub) boxRevoke(ctx context.Context, p GrantParams) (none None, err error) {
	b, who, err := h.boxAndPerson(ctx, p)
	if err != nil {
		return none, err
	}
	err = h.tx(ctx, func(q *sql.Tx) error {
		r, err := q.ExecContext(ctx, "DELETE FROM access WHERE box=? AND person=?", b.ID, who.ID)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err == nil && n == 0 {
			return notFound("%s has no access to the box %s", who.Name, b.Name)
		}
		return nil
	})
	if err != nil {
		return none, err
	}
	h.changed(func(s *session) bool { return s.access.person == who.ID && s.uses(b.ID) })
	devices, err := h.devicesOf(ctx, h.db, who.ID)
	if err != nil {
		return none, err
	}
	h.dropDevices(ctx, []store.ID{b.ID}, devices)
	h.applyPolicy(ctx, b.ID)
	return none, nil
}

func (h *Hub) boxSet(ctx context.Context, p BoxSetParams) (out Box, err error) {
	b, err := h.box(ctx, h.db, p.Name)
	if err != nil {
		return out, err
	}
	var names []string
	var values []any
	set := func(name string, value any) { names, values = append(names, name+"=?"), append(values, value) }
	if p.Title != nil {
		title, err := cleanText("a title", *p.Title)
		if err != nil {
			return out, err
		}
		set("title", title)
	}
	if p.Seen != nil {
		seen, err := cleanSeen(*p.Seen)
		if err != nil {
			return out, err
		}
		set("seen", seen)
	}
	if p.Retain != nil {
		days, err := parseRetain(*p.Retain)
		if err != nil {
			return out, err
		}
		set("retain", days)
	}
	if len(p.Protect)+len(p.Unprotect) > 0 {
		names, err := h.protected(ctx, b, p)
		if err != nil {
			return out, err
		}
		set("protect", names)
	}
	var addresses []string
	if p.Addresses != nil {
		if addresses, err = cleanAddresses(*p.Addresses); err != nil {
			return out, err
		}
	}
	if len(names) == 0 && p.Addresses == nil {
		return out, invalid("say what shall change")
	}
	err = h.tx(ctx, func(q *sql.Tx) error {
		if len(names) > 0 {
			if _, err := q.ExecContext(ctx, "UPDATE box SET "+strings.Join(names, ", ")+" WHERE id=?", append(values, b.ID)...); err != nil {
				return err
			}
		}
		if p.Addresses != nil {
			if _, err := q.ExecContext(ctx, "DELETE FROM address WHERE box=?", b.ID); err != nil {
				return err
			}
			if err := h.addAddresses(ctx, q, b.ID, addresses); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return out, err
	}
	h.changed(func(*session) bool { return false })
	h.applyPolicy(ctx, b.ID)
	all, err := h.boxList(ctx, None{})
	if err != nil {
		return out, err
	}
	for _, o := range all {
		if o.ID == b.ID {
			return o, nil
		}
	}
	return out, notFound("the box %s was just removed", b.Name)
}

// protected gives the names of protected mailboxes as p changes them, as
// hub.db keeps them.
func (h *Hub) protected(ctx context.Context, b Box, p BoxSetParams) (text string, err error) {
	names := append([]string{}, b.Protect...)
	err = h.withBox(ctx, b.ID, func(box *store.Box) error {
		byID := map[store.ID]string{} // the one spelling of each name
		for _, m := range box.View(store.ViewOptions{}).Mailboxes() {
			byID[m.ID] = m.Name
		}
		for _, name := range append(slices.Clone(p.Protect), p.Unprotect...) {
			id, err := box.MailboxID(name)
			if errors.Is(err, store.ErrNoMailbox) {
				return notFound("the box %s has no mailbox %q", b.Name, name)
			}
			if err != nil {
				return err
			}
			names = slices.DeleteFunc(names, func(n string) bool { return n == byID[id] })
			if slices.Contains(p.Protect, name) {
				names = append(names, byID[id])
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	slices.Sort(names)
	list, err := json.Marshal(names)
	return string(list), err
}

func (h *Hub) boxRemove(ctx context.Context, p NameParams) (out Removed, err error) {
	b, err := h.box(ctx, h.db, p.Name)
	if err != nil {
		return out, err
	}
	if b.Person != "" {
		return out, newError("", "%s is the own box of a person: heimpost person remove %s removes both", b.Name, b.Name)
	}
	return h.removeBox(ctx, b, func(*sql.Tx) error { return nil }, func(*session) bool { return false })
}

// removeBoxWait is how long removing a box waits for a session or a round
// that still uses it.
const removeBoxWait = 30 * time.Second

// removeBox ends who uses a box, puts its folder into DATA/removed and
// forgets it, with its accounts and whatever more forgets.
func (h *Hub) removeBox(ctx context.Context, b Box, more func(q *sql.Tx) error, ends func(*session) bool) (out Removed, err error) {
	h.changed(func(s *session) bool { return s.uses(b.ID) || ends(s) })
	wait, cancel := context.WithTimeout(ctx, removeBoxWait)
	defer cancel()
	done, err := h.boxes.retire(wait, b.ID)
	if err != nil {
		return out, err
	}
	defer done()
	if !h.o.Serve {
		// Another command may be at work in it.
		if err := h.lockedByNobody(ctx, b); err != nil {
			return out, err
		}
	}
	out.Accounts = []string{}
	err = h.tx(ctx, func(q *sql.Tx) error {
		// The name may be another box's by now.
		if err := h.boxStands(ctx, q, b.ID); err != nil {
			return err
		}
		// The folder goes first: if what follows fails, a second try finds it gone.
		var err error
		if out.Folder, err = h.setAside(b.Name, string(b.ID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if out.Accounts, err = collect(ctx, q, func(r *sql.Rows, a *string) error { return r.Scan(a) },
			"SELECT address FROM account WHERE box=? ORDER BY address", b.ID); err != nil {
			return err
		}
		if err := exec(ctx, q, []any{b.ID}, "DELETE FROM account WHERE box=?", "DELETE FROM access WHERE box=?",
			"DELETE FROM address WHERE box=?", "DELETE FROM box WHERE id=?"); err != nil {
			return err
		}
		return more(q)
	})
	if err != nil {
		return out, err
	}
	h.changed(func(s *session) bool { return s.uses(b.ID) || ends(s) })
	h.fetcher.Wake()
	return out, nil
}

// lockedByNobody waits until no other command has a box open. A box that
// cannot be opened for another reason nobody has.
func (h *Hub) lockedByNobody(ctx context.Context, b Box) error {
	box, err := h.boxes.openBox(ctx, b.ID)
	if err == nil {
		return box.Close()
	}
	if errors.Is(err, KindRunning) {
		return err
	}
	return nil
}
