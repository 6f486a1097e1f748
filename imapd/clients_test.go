package imapd

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"heimpost/peertest"
)

// run runs a program and gives what it printed.
func run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), peertest.Need(t, program), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
	return string(out)
}

func TestCurl(t *testing.T) {
	w := newWorld(t)
	mail := "From: a@example.org\r\nSubject: curl\r\n\r\nA line.\r\n.\r\nThe end.\r\n"
	w.deliverRaw("marko", "INBOX", mail)
	url := "imap://" + w.addr
	dir := t.TempDir()
	curl := func(args ...string) string {
		return run(t, dir, "curl", append([]string{"-sS", "--max-time", "20", "-u", "marko:secret"}, args...)...)
	}
	if got := curl(url + "/INBOX;UID=1"); got != mail {
		t.Errorf("fetched %q", got)
	}
	if got := curl(url); !strings.Contains(got, `* LIST (\HasNoChildren \Sent) "/" "Sent"`) {
		t.Errorf("listed %q", got)
	}
	file := filepath.Join(dir, "mail")
	if err := os.WriteFile(file, []byte(mail), 0o600); err != nil {
		t.Fatal(err)
	}
	curl("-T", file, url+"/Sent")
	if got := curl(url + "/Sent;UID=1"); got != mail {
		t.Errorf("uploaded %q", got)
	}
	if got := curl(url+"/INBOX", "-X", "SEARCH SUBJECT curl"); !strings.Contains(got, "* SEARCH 1\r\n") {
		t.Errorf("searched %q", got)
	}
}

const imaplibScript = `
import imaplib, sys, time
m = imaplib.IMAP4(sys.argv[1], int(sys.argv[2]))
m.login('marko', 'secret')
def ok(r):
    if r[0] != 'OK': raise SystemExit(repr(r))
    return r[1]
ok(m.create('Ablage')); ok(m.subscribe('Ablage'))
mail = b'Subject: lib\r\n\r\nHello \xff\r\n'
ok(m.append('Ablage', '(\\Seen)', imaplib.Time2Internaldate(time.time()), mail))
ok(m.select('Ablage'))
body = ok(m.fetch('1', '(FLAGS BODY.PEEK[])'))
if body[0][1] != mail: raise SystemExit(repr(body))
if ok(m.search(None, 'SUBJECT', '"lib"')) != [b'1']: raise SystemExit('search')
if ok(m.sort('REVERSE DATE', 'UTF-8', 'ALL')) != [b'1']: raise SystemExit('sort')
ok(m.store('1', '+FLAGS', '(\\Flagged a-keyword)'))
ok(m.copy('1', 'Trash'))
print(ok(m.namespace())[0].decode(), ok(m.status('Trash', '(MESSAGES)'))[0].decode())
ok(m.store('1', '+FLAGS', '(\\Deleted)'))
if ok(m.expunge()) != [b'1']: raise SystemExit('expunge')
ok(m.rename('Ablage', 'Trash/Ablage')); ok(m.noop()); ok(m.check()); ok(m.close())
print(b' '.join(ok(m.list('""', 'Trash/%'))).decode())
ok(m.delete('Trash/Ablage'))
m.logout()
`

func TestImaplib(t *testing.T) {
	w := newWorld(t)
	host, port, _ := net.SplitHostPort(w.addr)
	got := run(t, t.TempDir(), "python3", "-c", imaplibScript, host, port)
	want := `(("" "/")) NIL (("Shared/" "/")) "Trash" (MESSAGES 1)` + "\n" + `(\HasNoChildren) "/" "Trash/Ablage"` + "\n"
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// mbsyncPatterns are all mailboxes of one's own.
const mbsyncPatterns = "* !Shared*"

func TestMbsync(t *testing.T) {
	w := newWorld(t)
	w.deliver("marko", "INBOX", "one", "two", "three")
	dir := t.TempDir()
	mail := filepath.Join(dir, "mail")
	if err := os.Mkdir(mail, 0o700); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "rc")
	if err := os.WriteFile(config, peertest.MbsyncConfig(w.addr, "marko", mail, mbsyncPatterns), 0o600); err != nil {
		t.Fatal(err)
	}
	sync := func() string { return run(t, dir, "mbsync", "-V", "-c", config, "-a") }
	files := func(box string) (names []string) {
		for _, sub := range []string{"new", "cur"} {
			found, _ := filepath.Glob(filepath.Join(mail, box, sub, "*"))
			names = append(names, found...)
		}
		return names
	}
	sync()
	if got := files("INBOX"); len(got) != 3 {
		t.Fatalf("mbsync fetched %q", got)
	}
	// One message is written there, one is read there, one goes here.
	ours := "From: me@example.org\nSubject: from here\n\nHello.\n"
	if err := os.WriteFile(filepath.Join(mail, "Sent", "cur", "1.x:2,S"), []byte(ours), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := files("INBOX")[0]
	if err := os.Rename(seen, filepath.Join(mail, "INBOX", "cur", strings.TrimSuffix(filepath.Base(seen), ":2,")+":2,S")); err != nil {
		t.Fatal(err)
	}
	m, err := w.view("marko").Mailbox(ctx, "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	w.play(`
		C: 1 SELECT INBOX
		S* 1 OK …
		C: 2 UID STORE 3 +FLAGS.SILENT (\Deleted)
		S* 2 OK …
		C: 3 CLOSE
		S: 3 OK …
	`)
	sync()
	if got := w.mails("marko", "Sent"); len(got) != 1 || !strings.Contains(got[0], "Subject: from here\r\n") || !strings.HasSuffix(got[0], "\r\n\r\nHello.\r\n") || !strings.Contains(got[0], `\Seen`) {
		t.Errorf("Sent holds %q", got)
	}
	if got := files("INBOX"); len(got) != 2 {
		t.Errorf("the Maildir holds %q", got)
	}
	read := 0
	for _, e := range m.Snapshot().All() {
		read += int(e.Flags & 1)
	}
	if m.Snapshot().Len() != 2 || read != 1 {
		t.Errorf("%d messages, %d of them read", m.Snapshot().Len(), read)
	}
	before := m.Snapshot().HighestModSeq
	sync()
	if m.Snapshot().HighestModSeq != before {
		t.Error("mbsync found something to do the second time")
	}
}

func TestImapclient(t *testing.T) {
	w := newWorld(t)
	expunged := make(chan uint32, 10)
	options := &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{Expunge: func(seq uint32) { expunged <- seq }}}
	c, err := imapclient.DialInsecure(w.addr, options)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(c.Login("marko", "secret").Wait())
	check(c.Create("Büro", nil).Wait())
	list, err := c.List("", "B%", &imap.ListOptions{ReturnStatus: &imap.StatusOptions{NumMessages: true}}).Collect()
	check(err)
	if len(list) != 1 || list[0].Mailbox != "Büro" || list[0].Status == nil || *list[0].Status.NumMessages != 0 {
		t.Errorf("%+v", list)
	}
	mail := []byte("From: A <a@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello.\r\n")
	at := time.Date(2024, 2, 1, 10, 0, 0, 0, time.FixedZone("", 3600))
	put := c.Append("Büro", int64(len(mail)), &imap.AppendOptions{Flags: []imap.Flag{imap.FlagSeen}, Time: at})
	_, err = put.Write(mail)
	check(err)
	check(put.Close())
	appended, err := put.Wait()
	check(err)
	if appended.UID != 1 {
		t.Errorf("%+v", appended)
	}
	data, err := c.Select("Büro", nil).Wait()
	check(err)
	if data.NumMessages != 1 || data.UIDNext != 2 {
		t.Errorf("%+v", data)
	}
	section := &imap.FetchItemBodySection{Peek: true}
	got, err := c.Fetch(imap.SeqSetNum(1), &imap.FetchOptions{
		Envelope: true, Flags: true, InternalDate: true, RFC822Size: true, UID: true,
		BodyStructure: &imap.FetchItemBodyStructure{Extended: true}, BodySection: []*imap.FetchItemBodySection{section},
	}).Collect()
	check(err)
	if len(got) != 1 || got[0].Envelope.Subject != "Grüße" || !got[0].InternalDate.Equal(at) || got[0].RFC822Size != int64(len(mail)) ||
		!slices.Equal(got[0].Flags, []imap.Flag{`\Recent`, imap.FlagSeen}) || !bytes.Equal(got[0].FindBodySection(section), mail) || got[0].BodyStructure.MediaType() != "text/plain" {
		t.Errorf("%+v %+v", got[0], got[0].Envelope)
	}
	found, err := c.UIDSearch(&imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "Subject", Value: "grüße"}}}, nil).Wait()
	check(err)
	if !slices.Equal(found.AllUIDs(), []imap.UID{1}) {
		t.Errorf("%+v", found)
	}
	idle, err := c.Idle()
	check(err)
	w.play(`
		C: 1 SELECT "B&APw-ro"
		S* 1 OK …
		C: 2 MOVE 1 Trash
		S* 2 OK …
	`)
	select {
	case seq := <-expunged:
		if seq != 1 {
			t.Error(seq)
		}
	case <-time.After(patience):
		t.Fatal("the idling client was not told of the expunge")
	}
	check(idle.Close())
	check(idle.Wait())
	check(c.Unsubscribe("Büro").Wait())
	check(c.UnselectAndExpunge().Wait())
	check(c.Logout().Wait())
}
