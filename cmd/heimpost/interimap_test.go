package main

import (
	"crypto/sha256"
	"fmt"
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
	"heimpost/pop3fetch/pop3d/mailgen"
)

// side is one login that InterIMAP keeps in step with another one.
type side struct {
	t *testing.T
	c *imapclient.Client
}

func (s side) append(mailbox string, mail []byte, flags ...imap.Flag) {
	s.t.Helper()
	a := s.c.Append(mailbox, int64(len(mail)), &imap.AppendOptions{Flags: flags, Time: time.Unix(1_700_000_000, 0)})
	if _, err := a.Write(mail); err != nil {
		s.t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		s.t.Fatal(err)
	}
	if _, err := a.Wait(); err != nil {
		s.t.Fatal(err)
	}
}

// change adds flags to the message at a place of a mailbox; with \Deleted it
// is expunged.
func (s side) change(mailbox string, place uint32, flags ...imap.Flag) {
	s.t.Helper()
	if _, err := s.c.Select(mailbox, nil).Wait(); err != nil {
		s.t.Fatal(err)
	}
	if err := s.c.Store(imap.SeqSetNum(place), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: flags, Silent: true}, nil).Close(); err != nil {
		s.t.Fatal(err)
	}
	if slices.Contains(flags, imap.FlagDeleted) {
		if err := s.c.Expunge().Close(); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.c.Unselect().Wait(); err != nil {
		s.t.Fatal(err)
	}
}

// holds describes all mails, in no order, and where the next change of each
// mailbox would be counted.
func (s side) holds() (mails, marks []string) {
	s.t.Helper()
	boxes, err := s.c.List("", "*", &imap.ListOptions{ReturnStatus: &imap.StatusOptions{UIDNext: true, HighestModSeq: true}}).Collect()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, box := range boxes {
		if box.Status == nil {
			continue
		}
		marks = append(marks, fmt.Sprint(box.Mailbox, " ", box.Status.UIDNext, " ", box.Status.HighestModSeq))
		if _, err := s.c.Select(box.Mailbox, &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
			s.t.Fatal(err)
		}
		section := &imap.FetchItemBodySection{Peek: true}
		found, err := s.c.Fetch(imap.UIDSet{{Start: 1}}, &imap.FetchOptions{Flags: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{section}}).Collect()
		if err != nil {
			s.t.Fatal(err)
		}
		for _, m := range found {
			flags := slices.DeleteFunc(m.Flags, func(f imap.Flag) bool { return f == `\Recent` })
			slices.Sort(flags)
			mails = append(mails, fmt.Sprintf("%s %x %v %v", box.Mailbox, sha256.Sum256(m.FindBodySection(section)), flags, m.InternalDate.Unix()))
		}
		mails = append(mails, box.Mailbox)
		if err := s.c.Unselect().Wait(); err != nil {
			s.t.Fatal(err)
		}
	}
	slices.Sort(mails)
	return mails, marks
}

// TestInterIMAP keeps the boxes of two persons in step by CONDSTORE and
// QRESYNC, compressed: both hold the same after each run, and a run after
// which nobody did anything changes nothing.
func TestInterIMAP(t *testing.T) {
	program := peertest.Need(t, "interimap")
	w := worldIn(t, filepath.Join(peertest.MemDir(t), "data"))
	w.runIn("secret\n", "person", "add", "marko", "--password-stdin")
	w.runIn("secret\n", "person", "add", "petra", "--password-stdin")
	s := w.serve()
	marko, petra := side{t, s.login("marko", "secret", nil)}, side{t, s.login("petra", "secret", nil)}

	dir := t.TempDir()
	host, port, _ := net.SplitHostPort(s.imap)
	config := "database = " + filepath.Join(dir, "state.db") + "\n"
	for section, name := range map[string]string{"local": "marko", "remote": "petra"} {
		config += fmt.Sprintf("[%s]\ntype = imap\nhost = %s\nport = %s\nSTARTTLS = NO\nauth = PLAIN\nusername = %s\npassword = secret\ncompress = YES\n", section, host, port, name)
	}
	rc := filepath.Join(dir, "config")
	if err := os.WriteFile(rc, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	sync := func() {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, "--config="+rc)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir)
		if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "WARNING") {
			t.Fatalf("interimap: %v\n%s", err, out)
		}
		mine, _ := marko.holds()
		if hers, _ := petra.holds(); !slices.Equal(mine, hers) {
			t.Fatalf("marko holds\n%s\npetra\n%s", strings.Join(mine, "\n"), strings.Join(hers, "\n"))
		}
	}
	nothing := func() {
		t.Helper()
		_, mine := marko.holds()
		_, hers := petra.holds()
		sync()
		if _, now := marko.holds(); !slices.Equal(mine, now) {
			t.Errorf("nothing was to be done, but marko has %q instead of %q", now, mine)
		}
		if _, now := petra.holds(); !slices.Equal(hers, now) {
			t.Errorf("nothing was to be done, but petra has %q instead of %q", now, hers)
		}
	}

	for i := range 40 {
		marko.append("INBOX", mailgen.Realistic(5, i))
	}
	for _, mail := range mailgen.Special() {
		if len(mail) > 0 {
			petra.append("INBOX", mail, imap.FlagSeen)
		}
	}
	// Not in another one: InterIMAP makes mailboxes in no order, and a parent is
	// there when its child is made.
	if err := petra.c.Create("Büro 2026", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	petra.append("Büro 2026", mailgen.Small(5, 1), imap.FlagFlagged, "$label1")
	sync()
	nothing()

	marko.change("INBOX", 3, imap.FlagAnswered, "$Work")
	marko.change("INBOX", 7, imap.FlagDeleted)
	marko.append("Büro 2026", mailgen.Small(5, 2))
	petra.change("INBOX", 5, imap.FlagSeen)
	petra.change("INBOX", 9, imap.FlagDeleted)
	petra.append("Sent", mailgen.Small(5, 3), imap.FlagSeen)
	sync()
	nothing()
	s.stop()
	w.verify()
}
