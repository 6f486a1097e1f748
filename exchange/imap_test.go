package exchange

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/peertest"
	"heimpost/store"
)

// counted is a source that counts what is fetched in full.
type counted struct {
	Source
	n int
}

func (c *counted) Read(ctx context.Context, f Folder, want func(*Mail) bool, fn func(*Mail) error) error {
	return c.Source.Read(ctx, f, want, func(m *Mail) error {
		c.n++
		return fn(m)
	})
}

// importIMAP imports from an IMAP server and tells how many mails it fetched.
func importIMAP(t *testing.T, b *store.Box, source string, io IMAPOptions, o ImportOptions) (r Report, fetched int, err error) {
	t.Helper()
	src, err := OpenIMAP(ctx, source, io)
	if err != nil {
		return r, 0, err
	}
	defer src.Close()
	c := &counted{Source: src}
	o.MaxMessage = most
	err = Import(ctx, b.View(store.ViewOptions{}), c, o, &r)
	return r, c.n, err
}

// A real Dovecot's account comes over with mailboxes, dates, marks and bytes; a
// second time nothing is fetched.
func TestImportFromDovecot(t *testing.T) {
	d := peertest.NewDovecot(t, peertest.DovecotConfig{Dir: peertest.MemDir(t), Extra: "namespace inbox {\n  mailbox Versendet {\n    special_use = \\Sent\n    auto = create\n  }\n}"})
	c := dovecotLogin(t, d)
	mails := realistic(9)
	mails = append(mails, mails[8], letter("odd")+"no end", strings.ReplaceAll(letter("no id"), "Message-ID", "X-ID"), letter("big")+strings.Repeat("x\r\n", most/3))
	var want []string
	for i, mail := range mails {
		mailbox := []string{"INBOX", "Versendet", "Work/Café & Co", "Papierkorb"}[i%4]
		if i == 9 {
			mailbox = "INBOX" // with its equal: 8
		}
		if i >= 2 {
			c.Create(mailbox, nil).Wait() // may be there
		}
		date := time.Unix(1_600_000_000+int64(i/2)*86_400, 0)
		flags := [][]imap.Flag{{imap.FlagSeen}, {imap.FlagFlagged, "$Label1"}, nil}[i%3]
		a := c.Append(mailbox, int64(len(mail)), &imap.AppendOptions{Time: date, Flags: flags})
		a.Write([]byte(mail))
		if err := errors.Join(a.Close(), func() error { _, err := a.Wait(); return err }()); err != nil {
			t.Fatal(err)
		}
		if len(mail) < most {
			mailbox = map[string]string{"Versendet": "Sent", "Papierkorb": "Trash"}[mailbox]
			if mailbox == "" {
				mailbox = []string{"INBOX", "", "Work/Café & Co"}[i%4%3]
				if i == 9 {
					mailbox = "INBOX"
				}
			}
			want = append(want, mailbox)
		}
	}
	b := newBox(t)
	source := "imap://marko@" + d.IMAP
	dry, n, err := importIMAP(t, b, source, IMAPOptions{Password: d.Password}, ImportOptions{DryRun: true})
	if err != nil || n != 0 || dry.Count().Imported != len(want) || len(contents(t, b)) != 0 {
		t.Fatalf("dry run: %s, %d fetched, %v", summary(dry), n, err)
	}
	r, n, err := importIMAP(t, b, source, IMAPOptions{Password: d.Password}, ImportOptions{})
	if err != nil || n != len(want) || r.Count().Imported != len(want) || r.Count().Failed != 1 {
		t.Fatalf("%s, %d fetched, %v", summary(r), n, err)
	}
	all := contents(t, b)
	there := map[string]bool{}
	for name, list := range all {
		for _, h := range list {
			var f []imap.Flag
			for w := range strings.FieldsSeq(h.Flags) {
				f = append(f, imap.Flag(w))
			}
			there[inShort(name, h.Text, h.Date, f)] = true
		}
	}
	for _, line := range dovecotMails(t, c) {
		line = strings.NewReplacer("Versendet ", "Sent ", "Papierkorb ", "Trash ").Replace(line)
		if !there[line] && !strings.Contains(line, fmt.Sprintf("%x", hashOf(mails[len(mails)-1]))) {
			t.Errorf("%s is not there", line)
		}
	}
	r, n, err = importIMAP(t, b, "imaps://marko@"+d.IMAPS, IMAPOptions{Password: d.Password, TLS: tlsTrusting(d)}, ImportOptions{})
	if err != nil || n > 1 || r.Count().Imported != 0 || r.Count().Already != len(want) {
		t.Errorf("again: %s, %d fetched, %v", summary(r), n, err)
	}
	for source, want := range map[string]string{
		"imap://marko@" + d.IMAP:   "refuses user name or password",
		"imaps://marko@" + d.IMAPS: "TLS",
		"imap://marko@127.0.0.1:1": "refused",
	} {
		if _, _, err := importIMAP(t, b, source, IMAPOptions{Password: "wrong"}, ImportOptions{}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "wrong") {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
	}
}

func TestIMAPAddresses(t *testing.T) {
	for source, ok := range map[string]bool{
		"imaps://marko@gmx.de@imap.gmx.net": true, "imap://a%40b@host:143": true, "imaps://[::1]:993": false, "imaps://marko@[::1]:993": true,
		"imaps://host": false, "imaps://marko:secret@host": false, "imaps://marko@host/INBOX": false, "imaps://mar%ko:secret@host": false,
	} {
		err := CheckIMAP(source)
		if (err == nil) != ok || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// cutServer is an IMAP server that says what a script says.
func cutServer(t *testing.T, answer func(command string) (text string, cut bool)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(conn, "* OK [CAPABILITY IMAP4rev1] hello\r\n")
			lines := bufio.NewScanner(conn)
			for lines.Scan() {
				tag, command, _ := strings.Cut(lines.Text(), " ")
				text, cut := answer(command)
				fmt.Fprint(conn, text)
				if cut {
					break
				}
				fmt.Fprintf(conn, "%s OK done\r\n", tag)
			}
			conn.Close()
		}
	}()
	return "imap://marko@" + l.Addr().String()
}

// A connection that breaks within a mail leaves no half mail behind, and what
// had come whole is there; the next run brings the rest. A mail that the server
// lists and does not give is counted as failed.
func TestIMAPCutConnection(t *testing.T) {
	broken := true
	a, c := letter("a"), letter("c")
	source := cutServer(t, func(command string) (string, bool) {
		switch {
		case strings.HasPrefix(command, "LIST"):
			return "* LIST () \"/\" INBOX\r\n* LIST (\\Noselect) \"/\" x\r\n* LIST (\\All) \"/\" All\r\n", false
		case strings.HasPrefix(command, "STATUS"):
			return "* STATUS INBOX (MESSAGES 3)\r\n", false
		case strings.HasPrefix(command, "EXAMINE"):
			return "* 3 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n", false
		case strings.HasPrefix(command, "UID SEARCH"):
			return "* SEARCH 1 2 3\r\n", false
		case strings.HasPrefix(command, "UID FETCH") && strings.Contains(command, "HEADER"):
			var b bytes.Buffer
			for i, m := range []string{a, "", c} {
				id := ""
				if m != "" {
					id = fmt.Sprintf("Message-ID: <%c@example.org>\r\n\r\n", 'a'+i)
				}
				fmt.Fprintf(&b, "* %d FETCH (UID %d FLAGS (\\Seen \\Recent $ok) INTERNALDATE \"01-Mar-2024 10:00:00 +0100\" RFC822.SIZE %d BODY[HEADER.FIELDS (Message-ID)] {%d}\r\n%s)\r\n", i+1, i+1, len(m), len(id), id)
			}
			return b.String(), false
		case strings.HasPrefix(command, "UID FETCH"):
			text := ""
			if strings.Contains(command, "FETCH 1") {
				text += fmt.Sprintf("* 1 FETCH (UID 1 BODY[] {%d}\r\n%s)\r\n", len(a), a)
			}
			if strings.Contains(command, "3 (") {
				text += fmt.Sprintf("* 3 FETCH (UID 3 BODY[] {%d}\r\n%s", len(c), c[:20])
				if broken {
					return text, true
				}
				text += c[20:] + ")\r\n"
			}
			return text, false
		}
		return "", false
	})
	b := newBox(t)
	r, _, err := importIMAP(t, b, source, IMAPOptions{Password: "x"}, ImportOptions{})
	if err == nil || !strings.Contains(err.Error(), "broke") {
		t.Fatalf("%v %s", err, summary(r))
	}
	if got := contents(t, b)["INBOX"]; len(got) != 1 || got[0].Text != a {
		t.Fatalf("%q", got)
	}
	broken = false
	r, _, err = importIMAP(t, b, source, IMAPOptions{Password: "x"}, ImportOptions{})
	if err != nil || summary(r) != "INBOX 3=1+1+1, Archive 3=0+2+1" {
		t.Errorf("%v %s", err, summary(r))
	}
	if got := contents(t, b); len(got["INBOX"]) != 2 || got["INBOX"][1].Text != c || len(got["Archive"]) != 0 {
		t.Errorf("%v", tally(got))
	}
}
