package store

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-imap/v2"
)

func verifyBox(t testing.TB, b *Box, o VerifyOptions) *VerifyReport {
	t.Helper()
	r, err := b.Verify(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestVerifyFinds damages a box in each way that Verify knows.
func TestVerifyFinds(t *testing.T) {
	for _, c := range []struct {
		name   string
		sql    string
		damage func(t *testing.T, b *Box, file string) error
		want   string
	}{
		{name: "nothing", sql: "SELECT 1"},
		{name: "file lost", want: "the file of a message is missing",
			damage: func(t *testing.T, b *Box, file string) error { return os.Remove(file) }},
		{name: "file torn", want: "wrong size",
			damage: func(t *testing.T, b *Box, file string) error { return os.Truncate(file, 3) }},
		{name: "file changed", want: "other bytes than were received",
			damage: func(t *testing.T, b *Box, file string) error {
				return os.WriteFile(file, []byte(strings.Replace(mailText("one"), "H", "h", 1)), 0o600)
			}},
		{name: "file nobody named", want: "no message has this file",
			damage: func(t *testing.T, b *Box, file string) error {
				return os.Link(file, filepath.Join(filepath.Dir(file), "9"+filepath.Base(file)[1:]))
			}},
		{name: "stranger beside mails", want: "this is no mail of this box",
			damage: func(t *testing.T, b *Box, file string) error {
				return os.WriteFile(filepath.Join(filepath.Dir(file), "x.eml"), nil, 0o600)
			}},
		{name: "stranger in a mailbox", want: "this is no mail of this box",
			damage: func(t *testing.T, b *Box, file string) error {
				return os.WriteFile(filepath.Join(filepath.Dir(file), "..", "x"), nil, 0o600)
			}},
		{name: "strange folder", want: "this belongs to no mailbox",
			damage: func(t *testing.T, b *Box, file string) error {
				return os.Mkdir(filepath.Join(b.disk.dir, "mail", "x"), 0o700)
			}},
		{name: "mailbox.json lost", want: "mailbox.json cannot be read",
			damage: func(t *testing.T, b *Box, file string) error {
				return os.Remove(filepath.Join(filepath.Dir(file), "..", mailboxFileName))
			}},
		{name: "marks too low", want: "the marks (1, 3) are below what was given",
			damage: func(t *testing.T, b *Box, file string) error {
				return open(t, b.View(ViewOptions{}), inbox).m.file.exact(1, 3)
			}},
		{name: "another name in mailbox.json", want: "mailbox.json does not say",
			damage: func(t *testing.T, b *Box, file string) error {
				return open(t, b.View(ViewOptions{}), inbox).m.file.rename("x")
			}},
		{name: "refs", sql: "UPDATE mail SET refs=7 WHERE id=1", want: "mail 1 counts 7 messages, there are 2"},
		{name: "mail lost", sql: "DELETE FROM mail WHERE id=1", want: "message 1 has no mail"},
		{name: "mail alone", sql: "INSERT INTO mail VALUES(99, 1, 0, 0, 0, zeroblob(32))", want: "mail 99 counts 1 messages, there are 0"},
		{name: "hash", sql: "UPDATE mail SET hash=zeroblob(31)", want: "no sound hash"},
		{name: "another hash", sql: "UPDATE mail SET hash=zeroblob(32) WHERE id=1", want: "no message has this file"},
		{name: "envelope lost", sql: "DELETE FROM mail_envelope WHERE id=1", want: "mail 1 has no envelope"},
		{name: "envelope alone", sql: "INSERT INTO mail_structure VALUES(99, '', '')", want: "of mail 99, which does not exist"},
		{name: "uidnext", sql: "UPDATE mailbox SET uidnext=2", want: "message 2 is above the last UID"},
		{name: "modseq", sql: "UPDATE entry SET modseq=99 WHERE uid=1", want: "has the mod-sequence 99"},
		{name: "flags", sql: "UPDATE entry SET flags=1<<20", want: "flags that no keyword stands for"},
		{name: "flags in memory", sql: "UPDATE entry SET flags=1, modseq=1 WHERE uid=1", want: "1 messages are in memory other"},
		{name: "counter", sql: "UPDATE mailbox SET uidnext=99", want: "more than in memory"},
		{name: "vanished", sql: "INSERT INTO vanished VALUES(1, 2, 1, 1)", want: "message 1 is there and has vanished"},
		{name: "vanished above", sql: "INSERT INTO vanished VALUES(1, 2, 10, 11)", want: "10:11 (mod-sequence 2) were never given"},
		{name: "mailbox lost", sql: "DELETE FROM mailbox WHERE name='Archive'", want: "which does not exist"},
		{name: "no INBOX", sql: "UPDATE mailbox SET name='x' WHERE id=1", want: "there is no INBOX"},
		{name: "keyword", sql: "INSERT INTO keyword VALUES(1, 55, 'x')", want: "at place 55 of 55"},
		{name: "keyword twice", sql: "INSERT INTO keyword VALUES(1, 5, 'work')", want: "is there twice"},
		{name: "uidvalidity", sql: "UPDATE mailbox SET uidvalidity=0", want: "UIDVALIDITY 0 was never given"},
		{name: "special use", sql: "UPDATE mailbox SET specialuse='\\Sent' WHERE name='Archive'", want: "two mailboxes have the special use"},
		{name: "uidl", sql: "UPDATE uidl SET hash=x'00'", want: "at the provider of a@b is not sound"},
		{name: "gc", sql: "INSERT INTO gc(id, mailbox, uids) SELECT 99, mailbox, '1' FROM mailbox WHERE id=1", want: "files of message 1 are to be removed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(memDir(t), "box")
			if err := CreateBox(dir, NewID(), Options{}); err != nil {
				t.Fatal(err)
			}
			b, err := OpenBox(ctx, dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			v := b.View(ViewOptions{Actor: marko})
			if _, err := v.Append(ctx, inbox, []*Incoming{incoming(t, b, "one", "Work"), incoming(t, b, "two")}); err != nil {
				t.Fatal(err)
			}
			m := open(t, v, inbox)
			if _, err := m.Copy(ctx, imap.UIDSetNum(1), v, "Archive"); err != nil {
				t.Fatal(err)
			}
			if err := b.SetUIDLs(ctx, []UIDL{{Address: "a@b", UID: "u", State: UIDLStored}}); err != nil {
				t.Fatal(err)
			}
			if c.sql != "" {
				err = b.writer.do(ctx, &request{plain: func() error { _, err := b.writer.exec(c.sql); return err }})
			} else {
				names, findErr := b.disk.find(m.ID(), []span{{1, 1}})
				if findErr != nil || len(names) != 1 {
					t.Fatal(names, findErr)
				}
				// The copy keeps its bytes: only one name's file is damaged.
				file := b.disk.path(names[0])
				err = os.WriteFile(file+"~", []byte(mailText("one")), 0o600)
				if err == nil {
					err = os.Rename(file+"~", file)
				}
				if err == nil {
					err = c.damage(t, b, file)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			r := verifyBox(t, b, VerifyOptions{Content: true})
			if c.want == "" {
				if len(r.Problems) != 0 || r.Messages != 3 || r.Mails != 2 || r.Bytes != int64(len(mailText("one")+mailText("two"))) {
					t.Errorf("%+v", r)
				}
				return
			}
			for _, p := range r.Problems {
				if strings.Contains(p.Text, c.want) {
					return
				}
			}
			t.Errorf("found %+v", r.Problems)
		})
	}
}

// TestVerifyWhileInUse: what changes meanwhile is no problem.
func TestVerifyWhileInUse(t *testing.T) {
	dir := filepath.Join(memDir(t), "box")
	if err := CreateBox(dir, NewID(), Options{}); err != nil {
		t.Fatal(err)
	}
	b := reopen(t, dir)
	var wait sync.WaitGroup
	stop := make(chan struct{})
	wait.Go(func() {
		v := b.View(ViewOptions{Actor: marko})
		m, _ := v.Mailbox(ctx, inbox)
		for {
			select {
			case <-stop:
				return
			default:
			}
			uids := appendMails(t, v, inbox, "a", "b", "c")
			if _, err := m.Move(ctx, imap.UIDSetNum(uids[0]), v, "Archive"); err != nil {
				t.Error(err)
			}
			if _, err := m.StoreFlags(ctx, FlagsChange{UIDs: imap.UIDSetNum(uids[1]), Op: FlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}); err != nil {
				t.Error(err)
			}
			if _, err := m.Expunge(ctx, nil); err != nil {
				t.Error(err)
			}
			if _, err := v.CreateMailbox(ctx, "new", ""); err != nil {
				t.Error(err)
			}
			if _, err := m.Move(ctx, imap.UIDSetNum(uids[2]), v, "new"); err != nil {
				t.Error(err)
			}
			if err := v.DeleteMailbox(ctx, "new"); err != nil {
				t.Error(err)
			}
		}
	})
	for range 40 {
		if r := verifyBox(t, b, VerifyOptions{Content: true}); len(r.Problems) > 0 {
			t.Errorf("%+v", r.Problems[0])
			break
		}
	}
	close(stop)
	wait.Wait()
}
