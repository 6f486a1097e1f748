package exchange

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"heimpost/store"
)

// A server that says what no server should is left soon and takes no memory
// worth speaking of.
func TestIMAPHostileServer(t *testing.T) {
	const known = "* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 10 BODY[HEADER.FIELDS (Message-ID)] {0}\r\n)\r\n"
	for _, c := range []struct{ name, command, answer, want string }{
		{"endless list", "LIST", strings.Repeat("* LIST () \"/\" x\r\n", maxFolders+1) + "* LIST () \"/\" {1000000}\r\n", "more than 10000 mailboxes"},
		{"a long line", "LIST", "* OK " + strings.Repeat("x", maxAnswer) + "\r\n", "more than was asked"},
		{"a long name", "LIST", fmt.Sprintf("* LIST () \"/\" {%d}\r\n%[2]s\r\n", maxAnswer, strings.Repeat("x", maxAnswer)), "more than was asked"},
		{"at the login", "LOGIN", "* OK " + strings.Repeat("x", maxAnswer) + "\r\n", "more than was asked"},
		{"a set of all UIDs", "UID SEARCH", "* ESEARCH  UID ALL 1:4294967295\r\n", "INBOX: the server finds more mails"},
		{"the last UIDs", "UID SEARCH", "* ESEARCH  UID ALL 4294967294:4294967295\r\n", "it may have been deleted"},
		{"a header without end", "HEADER", "* 1 FETCH (UID 1 BODY[HEADER.FIELDS (Message-ID)] {9223372036854775807}\r\n" + strings.Repeat("x", maxAnswer), "more than was asked"},
		{"a mail without end", "BODY.PEEK[]", "* 1 FETCH (UID 1 BODY[] {9223372036854775807}\r\n" + strings.Repeat("x", most+maxAnswer), "message 1: the server sends"},
		{"a mail that is too big", "BODY.PEEK[]", fmt.Sprintf("* 1 FETCH (UID 1 BODY[] {%d}\r\n%s)\r\n", 2*maxAnswer, strings.Repeat("x", 2*maxAnswer)), "it is larger than this hub accepts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answers := map[string]string{
				"LIST": "* LIST () \"/\" INBOX\r\n", "EXAMINE": "* 3 EXISTS\r\n", "UID SEARCH": "* SEARCH 1\r\n", "HEADER": known,
			}
			answers[c.command] = c.answer
			source := cutServer(t, func(command string) (string, bool) {
				for part, answer := range answers {
					if strings.Contains(command, part) {
						return answer, false
					}
				}
				return "", false
			})
			r, _, err := importIMAP(t, newBox(t), source, IMAPOptions{Password: "x"}, ImportOptions{})
			for _, m := range r.Mailboxes {
				for _, f := range m.Failures {
					err = errors.Join(err, fmt.Errorf("%s: %s", f.Where, f.Why))
				}
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%.500v, want %q", err, c.want)
			}
		})
	}
}

// Nothing counts but what was asked for.
func TestIMAPUnaskedMail(t *testing.T) {
	source := cutServer(t, func(command string) (string, bool) {
		if strings.HasPrefix(command, "UID FETCH") {
			return "* 1 FETCH (UID 1 BODY[HEADER.FIELDS (Message-ID)] {0}\r\n UID 77)\r\n* 2 FETCH (UID 2 FLAGS ())\r\n", false
		}
		return "", false
	})
	src, err := OpenIMAP(ctx, source, IMAPOptions{Password: "x"})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	got, err := src.(*imapSource).known(Folder{name: "INBOX"}, []imap.UID{1, 2})
	if err != nil || len(got) != 1 || got[2] == nil {
		t.Errorf("%v, %v", got, err)
	}
}

// An error of the box within a mail that the server is still sending ends the
// import.
func TestIMAPBoxFails(t *testing.T) {
	source := cutServer(t, func(command string) (string, bool) {
		switch {
		case strings.HasPrefix(command, "UID FETCH"):
			return fmt.Sprintf("* 1 FETCH (UID 1 BODY[] {%d}\r\n%s", most, letter("a")), false
		}
		return "", false
	})
	src, err := OpenIMAP(ctx, source, IMAPOptions{Password: "x"})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	s := src.(*imapSource)
	err = s.bodies(ctx, imap.UIDSetNum(1), 1, map[imap.UID]*Mail{1: {}}, map[imap.UID]bool{}, func(m *Mail) error {
		r, _ := m.Open()
		r.Read(make([]byte, 1))
		return store.ErrNoSpace
	})
	if !errors.Is(err, store.ErrNoSpace) {
		t.Error(err)
	}
}
