package hub

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"heimpost/store"
)

// Person is a human with a login name.
type Person struct {
	ID       store.ID  `json:"id"`
	Name     string    `json:"name"`
	Title    string    `json:"title"`
	Admin    bool      `json:"admin"`
	Password bool      `json:"password"` // there is one: else devices only
	Devices  int       `json:"devices"`
	Created  time.Time `json:"created"`
}

// Label is what people see.
func (p Person) Label() string {
	if p.Title != "" {
		return p.Title
	}
	return p.Name
}

// PersonAddParams are those of PersonAdd. Without a password only devices
// can log in.
type PersonAddParams struct {
	Name     string `json:"name"`
	Title    string `json:"title"`
	Admin    bool   `json:"admin"`
	Password string `json:"password"`
}

// NameParams name one person or box.
type NameParams struct {
	Name string `json:"name"`
}

// PersonPasswordParams are those of PersonPassword.
type PersonPasswordParams struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// Removed tells where something was put that was removed, and what went with
// it.
type Removed struct {
	Folder   string   `json:"folder"`
	Accounts []string `json:"accounts"`
}

var (
	// PersonAdd makes a person and that person's own box. The first person
	// is administrator.
	PersonAdd = newOp("person.add", (*Hub).personAdd)
	// PersonList lists all persons.
	PersonList = newOp("person.list", (*Hub).personList)
	// PersonRemove removes a person with devices and own box.
	PersonRemove = newOp("person.remove", (*Hub).personRemove)
	// PersonPassword sets a person's password; "" takes it away.
	PersonPassword = newOp("person.password", (*Hub).personPassword)
)

const personColumns = `p.id, p.name, p.title, p.admin, p.password!='', p.created,
	(SELECT count(*) FROM device d WHERE d.person=p.id)`

func scanPerson(row interface{ Scan(...any) error }, p *Person) error {
	var created int64
	err := row.Scan(&p.ID, &p.Name, &p.Title, &p.Admin, &p.Password, &created, &p.Devices)
	p.Created = msTime(created)
	return err
}

// person finds a person by login name.
func (h *Hub) person(ctx context.Context, q querier, name string) (p Person, err error) {
	err = scanPerson(q.QueryRowContext(ctx, "SELECT "+personColumns+" FROM person p WHERE p.name=?", foldLogin(name)), &p)
	if errors.Is(err, sql.ErrNoRows) {
		return p, notFound("there is no person %q (heimpost person list shows all)", name)
	}
	return p, dbError(err)
}

func (h *Hub) personAdd(ctx context.Context, p PersonAddParams) (made Person, err error) {
	name, err := CleanName(p.Name)
	if err != nil {
		return made, err
	}
	title, err := cleanText("a title", p.Title)
	if err != nil {
		return made, err
	}
	stored := ""
	if p.Password != "" {
		if stored, err = h.hasher.hash(ctx, p.Password); err != nil {
			return made, err
		}
	}
	box := store.NewID()
	made = Person{ID: store.NewID(), Name: name, Title: title, Admin: p.Admin, Password: stored != "", Created: h.now().UTC()}
	err = h.tx(ctx, func(q *sql.Tx) error {
		if err := h.nameFree(ctx, q, name); err != nil {
			return err
		}
		var others int
		if err := q.QueryRowContext(ctx, "SELECT count(*) FROM person").Scan(&others); err != nil {
			return err
		}
		made.Admin = made.Admin || others == 0
		if err := h.createBoxFolder(name, box); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, "INSERT INTO person(id, name, title, admin, password, created) VALUES(?, ?, ?, ?, ?, ?)",
			made.ID, name, title, made.Admin, stored, ms(made.Created)); err != nil {
			return err
		}
		_, err := q.ExecContext(ctx, "INSERT INTO box(id, name, title, person, created) VALUES(?, ?, ?, ?, ?)",
			box, name, title, made.ID, ms(made.Created))
		return err
	})
	if err != nil {
		return made, err
	}
	h.changed(func(*session) bool { return false })
	return made, h.relabel(ctx)
}

// nameFree refuses a name that a person or a box has.
func (h *Hub) nameFree(ctx context.Context, q querier, name string) error {
	var person, box bool
	if err := q.QueryRowContext(ctx, "SELECT EXISTS(SELECT 1 FROM person WHERE name=?1), EXISTS(SELECT 1 FROM box WHERE name=?1)", name).Scan(&person, &box); err != nil {
		return dbError(err)
	}
	switch {
	case person:
		return exists("there is a person %s already, and persons and boxes share their names: take another one", name)
	case box:
		return exists("there is a box %s already, and persons and boxes share their names: take another one", name)
	}
	return nil
}

func (h *Hub) personList(ctx context.Context, _ None) ([]Person, error) {
	return collect(ctx, h.db, func(r *sql.Rows, p *Person) error { return scanPerson(r, p) },
		"SELECT "+personColumns+" FROM person p ORDER BY p.name")
}

func (h *Hub) personPassword(ctx context.Context, p PersonPasswordParams) (none None, err error) {
	who, err := h.person(ctx, h.db, p.Name)
	if err != nil {
		return none, err
	}
	stored, err := h.hasher.hash(ctx, p.Password)
	if err != nil {
		return none, err
	}
	if err := h.tx(ctx, func(q *sql.Tx) error {
		_, err := q.ExecContext(ctx, "UPDATE person SET password=? WHERE id=?", stored, who.ID)
		return err
	}); err != nil {
		return none, err
	}
	// Devices have passwords of their own and go on.
	h.changed(func(s *session) bool { return s.access.person == who.ID && s.access.device == "" })
	return none, nil
}

func (h *Hub) personRemove(ctx context.Context, p NameParams) (out Removed, err error) {
	who, err := h.person(ctx, h.db, p.Name)
	if err != nil {
		return out, err
	}
	box, err := h.box(ctx, h.db, who.Name)
	if err != nil {
		return out, err
	}
	boxes, err := h.boxesOf(ctx, who.ID)
	if err != nil {
		return out, err
	}
	devices, err := h.devicesOf(ctx, h.db, who.ID)
	if err != nil {
		return out, err
	}
	out, err = h.removeBox(ctx, box, func(q *sql.Tx) error {
		return exec(ctx, q, []any{who.ID},
			"DELETE FROM device WHERE person=?", "DELETE FROM access WHERE person=?", "DELETE FROM person WHERE id=?")
	}, func(s *session) bool { return s.access.person == who.ID })
	if err != nil {
		return out, err
	}
	boxes = slices.DeleteFunc(boxes, func(id store.ID) bool { return id == box.ID })
	h.dropDevices(ctx, boxes, devices)
	h.applyPolicy(ctx, boxes...)
	return out, nil
}

// createBoxFolder makes a new box's folder. A folder that stands in its place
// belongs to no box that the hub knows of and is set aside: so it runs within
// the transaction that makes the box known, which is hub.db's only one.
func (h *Hub) createBoxFolder(name string, id store.ID) error {
	if _, err := os.Lstat(h.boxDir(name)); err == nil {
		if _, err := h.setAside(name, "unknown"); err != nil {
			return err
		}
	}
	if err := store.CreateBox(h.boxDir(name), id, h.storeOptions()); err != nil {
		return because("making the box %s: %v", name, err)
	}
	return store.OSFS.SyncDir(h.boxesDir())
}

// setAside moves a box's folder into DATA/removed.
func (h *Hub) setAside(name string, what string) (to string, err error) {
	if err := os.MkdirAll(h.removedDir(), 0o700); err != nil {
		return "", err
	}
	to = filepath.Join(h.removedDir(), name+"-"+h.now().UTC().Format("20060102T150405Z")+"-"+what)
	if err := os.Rename(h.boxDir(name), to); err != nil {
		return "", because("moving the folder of box %s away: %v", name, err)
	}
	return to, errors.Join(store.OSFS.SyncDir(h.removedDir()), store.OSFS.SyncDir(h.boxesDir()))
}
