package store

import (
	"errors"
	"testing"

	"github.com/emersion/go-imap/v2"
)

// TestMailboxesOfWhoDeletesHere: a device that deletes only here takes no mail
// from the others by deleting the mailbox it lies in, nor by putting the
// mailbox into Trash; what loses nothing is allowed.
func TestMailboxesOfWhoDeletesHere(t *testing.T) {
	b := newBox(t)
	setPolicy(t, b, Policy{Devices: map[ID]DevicePolicy{phone.Device: {Here: true}}})
	small, big := as(b, phone), as(b, pc)
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, ErrDeletesHere) {
			t.Errorf("%s: %v, want a refusal", what, err)
		}
	}
	for _, name := range []string{"Work", "Work/Old", "Empty"} {
		if _, err := big.CreateMailbox(ctx, name, ""); err != nil && !errors.Is(err, ErrExists) {
			t.Fatal(err)
		}
	}
	appendMails(t, big, "INBOX", "letter")
	appendMails(t, big, "Work/Old", "one", "two")
	appendMails(t, big, "Archive", "three")

	refused("delete", small.DeleteMailbox(ctx, "Work/Old"))
	refused("delete one with a special use", small.DeleteMailbox(ctx, "Archive"))
	refused("rename into Trash", small.RenameMailbox(ctx, "Work/Old", "Trash/Old"))
	refused("rename its parent into Trash", small.RenameMailbox(ctx, "Work", "Trash/Work"))
	refused("rename INBOX into Trash", small.RenameMailbox(ctx, "INBOX", "Trash/Letters"))

	// Hidden here is not gone there.
	flag(t, small, "Work/Old", FlagsAdd, 1, imap.FlagDeleted)
	flag(t, small, "Work/Old", FlagsAdd, 2, imap.FlagDeleted)
	if _, err := open(t, small, "Work/Old").Expunge(ctx, nil); err != nil {
		t.Fatal(err)
	}
	wantSees(t, small, "Work/Old", "")
	refused("delete what looks empty", small.DeleteMailbox(ctx, "Work/Old"))
	wantSees(t, big, "Work/Old", "1 2")

	// Filing is common, also in Trash, and nothing is lost with what is empty.
	do(small.RenameMailbox(ctx, "Work/Old", "Older"))
	do(small.DeleteMailbox(ctx, "Work"))
	do(small.RenameMailbox(ctx, "Empty", "Trash/Empty"))
	do(small.DeleteMailbox(ctx, "Trash/Empty"))
	wantSees(t, big, "Older", "1 2")

	// Its own Trash may go; not with another's mails in it.
	if _, err := open(t, small, "INBOX").Move(ctx, imap.UIDSetNum(1), small, "Trash"); err != nil {
		t.Fatal(err)
	}
	do(small.DeleteMailbox(ctx, "Trash"))
	wantSees(t, big, "INBOX", "1")
	if _, err := small.CreateMailbox(ctx, "Trash", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, big, "INBOX").Move(ctx, imap.UIDSetNum(1), big, "Trash"); err != nil {
		t.Fatal(err)
	}
	do(big.RenameMailbox(ctx, "Older", "Trash/Older"))
	refused("delete Trash", small.DeleteMailbox(ctx, "Trash"))
	refused("delete below Trash", small.DeleteMailbox(ctx, "Trash/Older"))
	do(small.RenameMailbox(ctx, "Trash/Older", "Trash/Old")) // lay there before
	do(big.DeleteMailbox(ctx, "Trash/Old"))
	do(big.DeleteMailbox(ctx, "Trash"))
	verifyBox(t, b, VerifyOptions{})
}
