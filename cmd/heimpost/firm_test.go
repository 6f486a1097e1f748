package main

import (
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"heimpost/pop3fetch/pop3d"
)

// The craft firm: office and site share a box. He answers from his own
// account; the office sees at once that it is answered, and with which device.
func TestTheCraftFirm(t *testing.T) {
	drop := pop3d.NewMaildrop("info@firma.example", "pw")
	drop.Deliver(mail("roof"))
	drop.Deliver(mail("window"))
	w := newWorld(t)
	w.runIn("a\n", "person", "add", "anna", "--password-stdin")
	w.runIn("b\n", "person", "add", "bernd", "--password-stdin")
	w.run("box", "add", "buero", "--title", "Büro")
	w.run("box", "grant", "buero", "anna")
	w.run("box", "grant", "buero", "bernd")
	w.runIn("pw\n", "account", "add", "info@firma.example", "--box", "buero", "--host", "127.0.0.1",
		"--port", provider(t, pop3d.Options{}, drop), "--tls", "none", "--password-stdin")
	w.run("fetch")
	s := w.serve()

	heard := make(chan imap.UID, 100)
	office := s.login("info@firma.example", w.devicePassword("anna", "office PC"), &imapclient.Options{
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{Fetch: func(m *imapclient.FetchMessageData) {
			if b, err := m.Collect(); err == nil {
				for _, f := range b.Flags {
					if f == imap.FlagAnswered {
						heard <- imap.UID(b.SeqNum)
					}
				}
			}
		}},
	})
	if _, err := office.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	idle, err := office.Idle()
	if err != nil {
		t.Fatal(err)
	}

	// His mail program stores the sent copy in his own box.
	site := s.login("bernd", w.devicePassword("bernd", "site phone"), nil)
	copyOf := []byte("From: info@firma.example\r\nTo: a@example.org\r\nSubject: Re: roof\r\nMessage-ID: <answer@firma.example>\r\n" +
		"In-Reply-To: <roof@example.org>\r\nReferences: <roof@example.org>\r\n\r\nOn Monday.\r\n")
	a := site.Append("Sent", int64(len(copyOf)), &imap.AppendOptions{Flags: []imap.Flag{imap.FlagSeen}})
	a.Write(copyOf)
	a.Close()
	if _, err := a.Wait(); err != nil {
		t.Fatal(err)
	}
	select { // while the office waits in IDLE
	case <-heard:
	case <-time.After(30 * time.Second):
		t.Fatal("the office does not hear that the mail was answered")
	}
	if err := idle.Close(); err != nil {
		t.Fatal(err)
	}
	if err := idle.Wait(); err != nil {
		t.Fatal(err)
	}
	want(t, "answered, in the office", search(t, office, "INBOX", &imap.SearchCriteria{Flag: []imap.Flag{imap.FlagAnswered}}), "roof")
	var rows []done
	w.json(&rows, "activity", "buero", "--message", "<roof@example.org>", "--person", "bernd")
	if len(rows) != 1 || rows[0].Action != "answered" || rows[0].Device != "site phone" || rows[0].Subject != "roof" {
		t.Errorf("%+v", rows)
	}
	s.stop()
	w.verify()
}
