package imapd

import (
	"testing"

	"heimpost/store"
)

func TestQuota(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.DiskFree = func() (int64, error) { return 10 << 20, nil } })
	w.deliver("marko", "INBOX", "one", "two")
	w.play(`
		C: 1 CAPABILITY
		S: * CAPABILITY …QUOTA QUOTA=RES-STORAGE…
		S: 1 OK Done.
		C: 2 GETQUOTAROOT INBOX
		S: * QUOTAROOT "INBOX" ""
		S: * QUOTA "" (STORAGE 1 10241)
		S: 2 OK Done.
		C: 3 GETQUOTA ""
		S: * QUOTA "" (STORAGE 1 10241)
		S: 3 OK Done.
		C: 4 GETQUOTAROOT Shared/petra/INBOX
		S: * QUOTAROOT "Shared/petra/INBOX" "Shared/petra"
		S: * QUOTA "Shared/petra" (STORAGE 0 10240)
		S: 4 OK Done.
		C: 5 GETQUOTA Shared/petra
		S: * QUOTA "Shared/petra" (STORAGE 0 10240)
		S: 5 OK Done.
		C: 6 GETQUOTA other
		S: 6 NO [NONEXISTENT] …
		C: 7 GETQUOTAROOT Nowhere
		S: 7 NO [NONEXISTENT] …
		C: 8 SETQUOTA "" (STORAGE 500)
		S: 8 NO [NOPERM] …
		C: 9 SELECT INBOX
		S* 9 OK …
		C: 10 STORE 1 +FLAGS.SILENT (\Deleted)
		S: 10 OK …
		C: 11 STATUS INBOX (DELETED DELETED-STORAGE)
		S: * STATUS "INBOX" (DELETED 1 DELETED-STORAGE 49)
		S: 11 OK Done.
	`)
	newWorld(t).play(`
		C: 1 GETQUOTA ""
		S: 1 NO …
		C: 2 STATUS INBOX (DELETED-STORAGE)
		S: 2 BAD …
	`)
}

func TestACL(t *testing.T) {
	newWorld(t).play(`
		C: 1 MYRIGHTS inbox
		S: * MYRIGHTS "INBOX" lrswikxteacd
		S: 1 OK Done.
		C: 2 GETACL INBOX
		S: * ACL "INBOX" "marko" lrswikxteacd
		S: 2 OK Done.
		C: 3 LISTRIGHTS INBOX marko
		S: * LISTRIGHTS "INBOX" "marko" "lrswikxteacd"
		S: 3 OK Done.
		C: 4 LISTRIGHTS INBOX petra
		S: * LISTRIGHTS "INBOX" "petra" "" lr swikxtecd
		S: 4 OK Done.
		C: 5 SETACL INBOX petra lr
		S: 5 NO [CANNOT] …
		C: 6 DELETEACL INBOX petra
		S: 6 NO [CANNOT] …
		C: 7 MYRIGHTS Nowhere
		S: 7 NO [NONEXISTENT] …
		C: 8 MYRIGHTS Shared/petra/INBOX
		S: * MYRIGHTS "Shared/petra/INBOX" lrswikxtecd
		S: 8 OK Done.
		C: 9 GETACL Shared/petra/INBOX
		S: 9 NO [NOPERM] …
		Cpetra: 1 MYRIGHTS Shared/marko/INBOX
		Spetra: * MYRIGHTS "Shared/marko/INBOX" lr
		Spetra: 1 OK Done.
	`)
}

// TestRightsOfProtected: what is refused is not told as a right.
func TestRightsOfProtected(t *testing.T) {
	w := newFirm(t, store.DevicePolicy{Here: true}, false)
	if err := w.box.SetProtected(ctx, []string{"INBOX", "Archive"}); err != nil {
		t.Fatal(err)
	}
	w.play(`
		C: 1 MYRIGHTS INBOX
		S: * MYRIGHTS "INBOX" lrswiktacd
		S: 1 OK Done.
		C: 2 GETACL INBOX
		S: * ACL "INBOX" "marko" lrswiktacd
		S: 2 OK Done.
		C: 3 LISTRIGHTS INBOX marko
		S: * LISTRIGHTS "INBOX" "marko" "lrswiktacd"
		S: 3 OK Done.
		C: 4 SELECT INBOX
		S* 4 OK …
		C: 5 STORE 1 +FLAGS.SILENT (\Deleted)
		S: 5 OK …
		C: 6 EXPUNGE
		S: 6 NO [NOPERM] …
		C: 7 RENAME Archive Old
		S: 7 NO [NOPERM] …
		C: 8 MYRIGHTS Trash
		S: * MYRIGHTS "Trash" lrswikxteacd
		S: 8 OK …

		# What goes for one device alone may be expunged.
		Cphone: 1 MYRIGHTS INBOX
		Sphone: * MYRIGHTS "INBOX" lrswikteacd
		Sphone: 1 OK Done.
		Cphone: 2 SELECT INBOX
		Sphone* 2 OK …
		Cphone: 3 STORE 1 +FLAGS.SILENT (\Deleted)
		Sphone: 3 OK …
		Cphone: 4 EXPUNGE
		Sphone: * 1 EXPUNGE
		Sphone: 4 OK …
	`)
}
