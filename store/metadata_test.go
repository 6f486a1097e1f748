package store

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/emersion/go-imap/v2"
)

func TestMetadata(t *testing.T) {
	b := newBox(t)
	mine, hers := b.View(ViewOptions{Actor: marko}), b.View(ViewOptions{Actor: petra, ReadOnly: true})
	set := func(v *View, name string, changes map[string][]byte) {
		t.Helper()
		if err := v.SetMetadata(ctx, name, changes); err != nil {
			t.Fatal(err)
		}
	}
	want := func(v *View, name string, want map[string][]byte) {
		t.Helper()
		if got, err := v.Metadata(ctx, name); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q %v, want %q", got, err, want)
		}
	}
	set(mine, "Sent", map[string][]byte{"/shared/comment": []byte("ours"), "/private/comment": []byte("mine"), "/private/x": {}})
	set(hers, "Sent", map[string][]byte{"/private/comment": []byte("hers")})
	set(mine, "", map[string][]byte{"/shared/comment": []byte("box")})
	want(mine, "Sent", map[string][]byte{"/shared/comment": []byte("ours"), "/private/comment": []byte("mine"), "/private/x": {}})
	want(hers, "Sent", map[string][]byte{"/shared/comment": []byte("ours"), "/private/comment": []byte("hers")})
	want(hers, "", map[string][]byte{"/shared/comment": []byte("box")})
	set(mine, "Sent", map[string][]byte{"/shared/comment": nil, "/private/comment": []byte("new")})
	want(hers, "Sent", map[string][]byte{"/private/comment": []byte("hers")})

	if err := hers.SetMetadata(ctx, "Sent", map[string][]byte{"/shared/comment": nil}); !errors.Is(err, ErrReadOnly) {
		t.Error(err)
	}
	if err := mine.SetMetadata(ctx, "Nowhere", map[string][]byte{"/private/a": nil}); !errors.Is(err, ErrNoMailbox) {
		t.Error(err)
	}
	many := map[string][]byte{}
	for i := range maxMetadata + 1 {
		many[fmt.Sprint("/private/", i)] = []byte("x")
	}
	if err := mine.SetMetadata(ctx, "INBOX", many); !errors.Is(err, ErrMetadataLimit) {
		t.Error(err)
	}
	want(mine, "INBOX", map[string][]byte{})

	if err := mine.RenameMailbox(ctx, "Sent", "Gone"); err != nil {
		t.Fatal(err)
	}
	want(hers, "Gone", map[string][]byte{"/private/comment": []byte("hers")})
	if err := mine.DeleteMailbox(ctx, "Gone"); err != nil {
		t.Fatal(err)
	}
	if _, err := mine.CreateMailbox(ctx, "Gone", ""); err != nil {
		t.Fatal(err)
	}
	want(hers, "Gone", map[string][]byte{})
}

func TestUsage(t *testing.T) {
	b := newBox(t)
	v := b.View(ViewOptions{Actor: marko})
	appendMails(t, v, "INBOX", "one", "two")
	size := int64(len(mailText("one")))
	if got, err := v.Usage(ctx); got != 2*size || err != nil {
		t.Error(got, err)
	}
	m := open(t, v, "INBOX")
	if _, err := m.StoreFlags(ctx, FlagsChange{UIDs: imap.UIDSetNum(2), Op: FlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}); err != nil {
		t.Fatal(err)
	}
	if got, err := v.DeletedSize(ctx, "INBOX"); got != size || err != nil {
		t.Error(got, err)
	}
}
