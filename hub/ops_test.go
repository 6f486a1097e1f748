package hub

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"heimpost/store"
)

func TestPersons(t *testing.T) {
	h := newHub(t)
	household(t, h)
	list := must(t, h, PersonList, None{})
	if len(list) != 2 || list[0].Name != "marko" || !list[0].Admin || !list[0].Password || list[1].Admin || list[0].Label() != "Marko M" || list[1].Label() != "petra" {
		t.Errorf("%+v", list)
	}
	if made := must(t, h, PersonAdd, PersonAddParams{Name: "Oma", Admin: true}); made.Name != "oma" || !made.Admin || made.Password {
		t.Errorf("%+v", made)
	}
	fails(t, h, PersonAdd, PersonAddParams{Name: "MARKO"}, KindExists, "there is a person marko already")
	fails(t, h, PersonAdd, PersonAddParams{Name: "buero"}, KindExists, "there is a box buero already")
	fails(t, h, BoxAdd, BoxAddParams{Name: "petra"}, KindExists, "there is a person petra already")
	fails(t, h, PersonAdd, PersonAddParams{Name: "Jürgen"}, KindInvalid, "How about juergen?")
	fails(t, h, PersonAdd, PersonAddParams{Name: "x", Title: "a\nb"}, KindInvalid, "title")
	fails(t, h, PersonPassword, PersonPasswordParams{"nobody", "x"}, KindNotFound, `no person "nobody"`)
	fails(t, h, PersonPassword, PersonPasswordParams{"marko", ""}, KindInvalid, "empty")

	device(t, h, "petra", "phone")
	gone := must(t, h, PersonRemove, NameParams{"petra"})
	if _, err := os.Stat(filepath.Join(gone.Folder, "box.json")); err != nil || !strings.HasPrefix(gone.Folder, h.removedDir()) {
		t.Errorf("%+v %v", gone, err)
	}
	if _, err := os.Stat(h.boxDir("petra")); !os.IsNotExist(err) {
		t.Error(err)
	}
	fails(t, h, PersonRemove, NameParams{"petra"}, KindNotFound, "no person")
	for _, table := range []string{"device", "access WHERE person NOT IN (SELECT id FROM person)"} {
		var n int
		if err := h.db.QueryRow("SELECT count(*) FROM " + table).Scan(&n); n != 0 || err != nil {
			t.Errorf("%s: %d rows are left, %v", table, n, err)
		}
	}
	// The name is free again, the id is not.
	again := must(t, h, PersonAdd, PersonAddParams{Name: "petra"})
	if again.ID == list[1].ID {
		t.Error("an id was given twice")
	}
}

func TestDevices(t *testing.T) {
	h := newHub(t)
	household(t, h)
	here, window, without := "here", "90d", []string{"compress=deflate", "IDLE"}
	must(t, h, DeviceAdd, DeviceAddParams{DeviceParams{"marko", "Marko's phone"}, DeviceOptions{&here, &window, &without}})
	device(t, h, "Marko", "PC")
	device(t, h, "petra", "PC")
	list := must(t, h, DeviceList, NameParams{"marko"})
	if len(list) != 2 || list[0].Name != "Marko's phone" || list[0].Deletes != "here" || list[0].Window != "90d" || !reflect.DeepEqual(list[0].Without, []string{"COMPRESS=DEFLATE", "IDLE"}) ||
		list[1].Deletes != "everywhere" || list[1].Window != "all" || len(list[1].Without) != 0 {
		t.Errorf("%+v", list)
	}
	if all := must(t, h, DeviceList, NameParams{}); len(all) != 3 {
		t.Errorf("%+v", all)
	}
	add := func(person, name string, o DeviceOptions) DeviceAddParams {
		return DeviceAddParams{DeviceParams{person, name}, o}
	}
	fails(t, h, DeviceAdd, add("marko", "PC", DeviceOptions{}), KindExists, `marko has a device "PC" already`)
	fails(t, h, DeviceAdd, add("nobody", "PC", DeviceOptions{}), KindNotFound, "no person")
	fails(t, h, DeviceAdd, add("marko", " ", DeviceOptions{}), KindInvalid, "empty")
	fails(t, h, DeviceAdd, add("marko", "a\tb", DeviceOptions{}), KindInvalid, "control")
	bad := "90"
	fails(t, h, DeviceAdd, add("marko", "x", DeviceOptions{Window: &bad}), KindInvalid, "90d")
	fails(t, h, DeviceAdd, add("marko", "x", DeviceOptions{Deletes: &bad}), KindInvalid, "everywhere or here")
	fails(t, h, DeviceAdd, add("marko", "x", DeviceOptions{Without: &[]string{"A B"}}), KindInvalid, "capability")
	must(t, h, DeviceRevoke, DeviceParams{"marko", "PC"})
	fails(t, h, DeviceRevoke, DeviceParams{"marko", "PC"}, KindNotFound, `marko has no device "PC"`)
}

func TestBoxes(t *testing.T) {
	h := newHub(t)
	household(t, h)
	list := must(t, h, BoxList, None{})
	if len(list) != 4 || list[0].Name != "buero" || !reflect.DeepEqual(list[0].Addresses, []string{"buero@firma.example"}) ||
		!reflect.DeepEqual(list[0].Grants, []Grant{{"marko", "rw"}, {"petra", "rw"}}) || !reflect.DeepEqual(list[1].Grants, []Grant{{"petra", "ro"}}) ||
		list[2].Person != "marko" || list[0].Seen != "shared" || list[0].Retain != "365d" {
		t.Errorf("%+v", list)
	}
	fails(t, h, BoxAdd, BoxAddParams{Name: "x", Addresses: []string{"buero@firma.example"}}, KindExists, "address of the box buero")
	fails(t, h, BoxAdd, BoxAddParams{Name: "x", Addresses: []string{"nothing"}}, KindInvalid, "not a mail address")
	fails(t, h, BoxAdd, BoxAddParams{Name: "x", Seen: "mine"}, KindInvalid, "shared or private")
	fails(t, h, BoxAdd, BoxAddParams{Name: "x", Retain: "long"}, KindInvalid, "days")
	fails(t, h, BoxGrant, GrantParams{Box: "marko", Person: "marko"}, "", "own box")
	fails(t, h, BoxGrant, GrantParams{Box: "nothing", Person: "marko"}, KindNotFound, "no box")
	fails(t, h, BoxRevoke, GrantParams{Box: "familie", Person: "marko"}, KindNotFound, "no access")
	fails(t, h, BoxRemove, NameParams{"marko"}, "", "person remove")
	if _, err := os.Stat(filepath.Join(h.boxesDir(), "x")); !os.IsNotExist(err) {
		t.Error("a box that was refused left a folder")
	}
	gone := must(t, h, BoxRemove, NameParams{"buero"})
	if _, err := os.Stat(filepath.Join(gone.Folder, "index.db")); err != nil {
		t.Error(err)
	}
	if list := must(t, h, BoxList, None{}); len(list) != 3 {
		t.Errorf("%+v", list)
	}
	must(t, h, BoxAdd, BoxAddParams{Name: "buero", Addresses: []string{"buero@firma.example"}})

	// A folder of the same name that belongs to no box is set aside.
	if err := os.MkdirAll(filepath.Join(h.boxDir("alt"), "mail"), 0o700); err != nil {
		t.Fatal(err)
	}
	must(t, h, BoxAdd, BoxAddParams{Name: "alt"})
	if aside, _ := filepath.Glob(filepath.Join(h.removedDir(), "alt-*-unknown", "mail")); len(aside) != 1 {
		t.Error("the folder that was there is not in removed/")
	}
}

// A box whose folder is gone can be removed all the same.
func TestRemoveBoxWithoutFolder(t *testing.T) {
	h := openHub(t, filepath.Join(t.TempDir(), "data"), Options{}) // which keeps no box open
	must(t, h, BoxAdd, BoxAddParams{Name: "buero"})
	if err := os.RemoveAll(h.boxDir("buero")); err != nil {
		t.Fatal(err)
	}
	if s := must(t, h, GetStatus, None{}); len(s.Boxes) != 1 || !strings.Contains(s.Boxes[0].Error, "missing") {
		t.Errorf("%+v", s.Boxes)
	}
	if r := must(t, h, BoxRemove, NameParams{"buero"}); r.Folder != "" {
		t.Errorf("%+v", r)
	}
}

func TestAccounts(t *testing.T) {
	h := newHub(t)
	household(t, h)
	p := func(s string) *string { return &s }
	port := 1110
	a := must(t, h, AccountAdd, AccountSetParams{Address: "Marko@GMX.de", Box: p("marko"), Password: p("pw")})
	if a.Address != "marko@gmx.de" || a.Host != "pop.gmx.net" || a.Port != 995 || a.TLS != "implicit" || a.User != "marko@gmx.de" ||
		a.Keep != "14d" || a.Every != "15m" || a.Mailbox != "INBOX" || a.Box != "marko" || a.Provider != "GMX" || len(a.Hints) == 0 {
		t.Errorf("%+v", a)
	}
	own, err := h.account(ctx, h.db, "marko@gmx.de")
	if err != nil || own.MinInterval == 0 {
		t.Errorf("%+v %v", own, err)
	}
	b := must(t, h, AccountAdd, AccountSetParams{Address: "b@local.example", Box: p("buero"), Host: p("127.0.0.1"), Port: &port, TLS: p("none"), User: p("b"),
		Keep: p("never"), Every: p("90s"), Mailbox: p("Rechnungen/2026"), Password: p("geheim")})
	if b.Mailbox != "Rechnungen/2026" || b.Keep != "never" || b.Every != "90s" || b.Port != 1110 {
		t.Errorf("%+v", b)
	}
	for _, c := range []struct {
		p    AccountSetParams
		kind Kind
		text string
	}{
		{AccountSetParams{Address: "x@unknown.example", Box: p("marko"), Password: p("x")}, KindInvalid, "--host"},
		{AccountSetParams{Address: "x@icloud.com", Box: p("marko"), Password: p("x")}, "", "POP3"},
		{AccountSetParams{Address: "marko@gmx.de", Box: p("marko"), Password: p("x")}, KindExists, "already"},
		{AccountSetParams{Address: "x@gmx.de", Box: p("nothing"), Password: p("x")}, KindNotFound, "no box"},
		{AccountSetParams{Address: "x@gmx.de", Box: p("marko"), Password: p("")}, KindInvalid, "empty"},
		{AccountSetParams{Address: "x@y.example", Box: p("marko"), Host: p("pop.y.example"), TLS: p("none"), Password: p("x")}, KindInvalid, "TLS"},
		{AccountSetParams{Address: "x@y.example", Box: p("marko"), Host: p("pop.y.example\r\nX"), Password: p("x")}, KindInvalid, "host"},
		{AccountSetParams{Address: "x@gmx.de", Box: p("marko"), Keep: p("14"), Password: p("x")}, KindInvalid, "14d"},
		{AccountSetParams{Address: "x@gmx.de", Box: p("marko"), Every: p("often"), Password: p("x")}, KindInvalid, "15m"},
		{AccountSetParams{Address: "x@gmx.de", Box: p("marko"), Mailbox: p("a//b"), Password: p("x")}, KindInvalid, "name"},
	} {
		fails(t, h, AccountAdd, c.p, c.kind, c.text)
	}
	// Nothing in clear on the disk.
	files, _ := filepath.Glob(filepath.Join(h.dir, "hub.db*"))
	for _, f := range files {
		if text, err := os.ReadFile(f); err != nil || strings.Contains(string(text), "geheim") {
			t.Errorf("%s holds a password in clear (%v)", f, err)
		}
	}
	d := directory{h}
	all, err := d.Accounts(ctx)
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	if pw, err := d.Password(ctx, all[0]); pw != "geheim" || err != nil {
		t.Error(pw, err)
	}

	// The rows of mails at the provider go along into another box.
	if err := h.withBox(ctx, all[0].Box, func(box *store.Box) error {
		return box.SetUIDLs(ctx, []store.UIDL{{Address: "b@local.example", UID: "1", State: store.UIDLStored, Size: 7}})
	}); err != nil {
		t.Fatal(err)
	}
	set := must(t, h, AccountSet, AccountSetParams{Address: "b@local.example", Box: p("marko"), Keep: p("always"), Password: p("neu")})
	if set.Box != "marko" || set.Mailbox != "Rechnungen/2026" || set.Keep != "always" || set.Host != "127.0.0.1" {
		t.Errorf("%+v", set)
	}
	all, _ = d.Accounts(ctx)
	if pw, err := d.Password(ctx, all[0]); pw != "neu" || err != nil {
		t.Error(pw, err)
	}
	if err := h.withBox(ctx, all[0].Box, func(box *store.Box) error {
		rows, err := box.UIDLs(ctx, "b@local.example")
		if len(rows) != 1 || rows[0].Size != 7 {
			t.Errorf("rows in the new box: %v", rows)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	must(t, h, AccountSet, AccountSetParams{Address: "marko@gmx.de", Host: p("pop.other.example")})
	if own, _ = h.account(ctx, h.db, "marko@gmx.de"); own.MinInterval != 0 {
		t.Error("another host obeys the preset's floor")
	}
	must(t, h, AccountRemove, AccountParams{"marko@gmx.de"})
	fails(t, h, AccountRemove, AccountParams{"marko@gmx.de"}, KindNotFound, "no account")
	if r := must(t, h, PersonRemove, NameParams{"marko"}); !reflect.DeepEqual(r.Accounts, []string{"b@local.example"}) {
		t.Errorf("%+v", r)
	}
}

// A domain of one's own lies at a provider that its mail servers tell.
func TestAccountOfOwnDomain(t *testing.T) {
	h := openHub(t, filepath.Join(t.TempDir(), "data"), Options{Serve: true, LookupMX: func(_ context.Context, domain string) ([]string, error) {
		if domain != "firma.example" {
			t.Errorf("asked for %s", domain)
		}
		return []string{"mx00.ionos.de."}, nil
	}})
	must(t, h, BoxAdd, BoxAddParams{Name: "buero"})
	box, password := "buero", "x"
	if a := must(t, h, AccountAdd, AccountSetParams{Address: "info@firma.example", Box: &box, Password: &password}); a.Provider != "IONOS" || a.Host == "" {
		t.Errorf("%+v", a)
	}
}

// The keys that others read.
func TestAccountKeys(t *testing.T) {
	text, err := json.Marshal(AddedAccount{Account: Account{Address: "a@b"}, Provider: "P"})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"address", "box", "mailbox", "host", "keep", "every", "last_success", "next_check", "waiting", "pending_deletions", "unretrievable", "error", "provider"} {
		if _, has := got[key]; !has {
			t.Errorf("no key %s in %s", key, text)
		}
	}
}
