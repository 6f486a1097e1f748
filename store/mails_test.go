package store

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
)

// TestMailsFields: what was gathered in blocks is what was stored, whatever
// octets it holds.
func TestMailsFields(t *testing.T) {
	b := newBox(t)
	v := as(b, Actor{})
	var want [][]byte
	for i := range 2*mailsBlock + 3 {
		in, err := b.NewIncoming()
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("Subject: n%d, 12,\r\nX-Odd: \x00\xff\xfe,%d,\r\nFrom: <%d@example.org>\r\n\r\n%s", i, i, i, strings.Repeat("x\r\n", i%7))
		if _, err := in.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		msg, err := in.Finish()
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, msg.Header, msg.Envelope, msg.BodyStructure)
		in.Date = someDay.AddDate(-i/5, 0, i) // beyond 1970
		if _, err := v.Append(ctx, "INBOX", []*Incoming{in}); err != nil {
			t.Fatal(err)
		}
	}
	m := open(t, v, "INBOX")
	check := func(entries []Entry) {
		t.Helper()
		n := 0
		err := m.Mails(ctx, entries, FieldHeader|FieldEnvelope|FieldStructure|FieldParts|FieldSaved, func(e Entry, mail *Mail) error {
			n++
			i := int(e.UID) - 1
			if !bytes.Equal(mail.Header, want[3*i]) || !bytes.Equal(mail.Envelope, want[3*i+1]) || !bytes.Equal(mail.BodyStructure, want[3*i+2]) {
				t.Errorf("message %d: %q %q %q", e.UID, mail.Header, mail.Envelope, mail.BodyStructure)
			}
			if date := someDay.AddDate(-i/5, 0, i); !mail.Date.Equal(date) || mail.Date.Format("-0700") != date.Format("-0700") {
				t.Errorf("message %d: %v, want %v", e.UID, mail.Date, date)
			}
			if !mail.HeaderComplete || mail.UID != e.UID || mail.Saved.IsZero() {
				t.Errorf("message %d: %+v", e.UID, mail)
			}
			_, err := mail.Parts()
			return err
		})
		if err != nil || n != len(entries) {
			t.Errorf("%d of %d: %v", n, len(entries), err)
		}
	}
	all := m.Snapshot().entries(m.Snapshot().find(imap.UIDSet{{Start: 1, Stop: 10000}}))
	check(all)
	check([]Entry{all[0], all[300], all[500]}) // far apart
	check(all[5:6])
}

// BenchmarkMails reads what a list, structures and headers of a mailbox need:
// for the first time, and again.
func BenchmarkMails(b *testing.B) {
	box := newBox(b)
	v := as(box, Actor{})
	const n = 5000
	for range n / 50 {
		var mails []*Incoming
		for i := range 50 {
			in, err := box.NewIncoming()
			if err != nil {
				b.Fatal(err)
			}
			fmt.Fprintf(in, "Return-Path: <a@example.org>\r\nReceived: from a by b;\r\n\tMon, 2 Jan 2006 15:04:05 +0100\r\nFrom: Petra Lang <petra@example.org>\r\nTo: info@example.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= %d\r\nDate: Mon, 2 Jan 2006 15:04:05 +0100\r\nMessage-ID: <%d@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHallo\r\n", i, i)
			if _, err := in.Finish(); err != nil {
				b.Fatal(err)
			}
			mails = append(mails, in)
		}
		if _, err := v.Append(ctx, "INBOX", mails); err != nil {
			b.Fatal(err)
		}
	}
	m, err := v.Mailbox(ctx, "INBOX")
	if err != nil {
		b.Fatal(err)
	}
	var all []Entry
	for _, e := range m.Snapshot().All() {
		all = append(all, e)
	}
	for _, c := range []struct {
		name string
		f    Fields
		cold bool
	}{
		{"dates", 0, false}, {"envelope", FieldEnvelope, false}, {"structure", FieldStructure, false}, {"header", FieldHeader, false},
		{"structure first", FieldStructure, true}, {"header first", FieldHeader, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if c.cold {
					coldMails.close(box.index)
				}
				if err := m.Mails(ctx, all, c.f, func(Entry, *Mail) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/mail")
		})
	}
}
