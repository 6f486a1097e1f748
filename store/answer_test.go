package store

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
)

func TestAnsweredBy(t *testing.T) {
	for _, c := range []struct{ header, answers, forwards string }{
		{"Subject: Re: x|In-Reply-To: <a@x>|References: <z@x> <b@x>", "<a@x>", ""},
		{"Subject: Re: x|References: <z@x>| <b@x>", "<b@x>", ""},
		{"Subject: x|In-Reply-To: Your message of Monday <a@x>", "<a@x>", ""},
		{"Subject: x", "", ""},
		{"Subject: WG: x|References: <z@x> <b@x>", "", "<b@x>"},
		{"Subject: Fwd: x|In-Reply-To: <a@x>|References: <a@x>", "<a@x>", ""}, // In-Reply-To decides
		{"Subject: Re: Fwd: x|References: <a@x>", "<a@x>", ""},
		{"Subject: Fwd: x|X-Forwarded-Message-Id: <a@x>|References: <a@x>", "", "<a@x>"},
		{"Subject: Fwd: x|X-Forwarded-Message-ID: <a@x>|\t<b@x>|In-Reply-To: <a@x>", "", "<a@x> <b@x>"},
		{"Subject: x|References: <" + strings.Repeat("a", 600) + "@x>", "", ""},
	} {
		answers, forwards := answeredBy([]byte(strings.ReplaceAll(c.header, "|", "\r\n") + "\r\n"))
		if a, f := strings.Join(answers, " "), strings.Join(forwards, " "); a != c.answers || f != c.forwards {
			t.Errorf("%s:\nanswers %q, forwards %q; want %q, %q", c.header, a, f, c.answers, c.forwards)
		}
	}
}

// reply appends a mail that answers another one.
func reply(t *testing.T, v *View, name, subject, answers string) imap.UID {
	t.Helper()
	in, err := v.NewIncoming()
	if err != nil {
		t.Fatal(err)
	}
	text := "From: m@example.org\r\nSubject: " + subject + "\r\nMessage-ID: <" + subject + "@example.org>\r\nIn-Reply-To: <" + answers + "@example.org>\r\n\r\nYes.\r\n"
	if _, err := io.WriteString(in, text); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Finish(); err != nil {
		t.Fatal(err)
	}
	done, err := v.Append(ctx, name, []*Incoming{in})
	if err != nil {
		t.Fatal(err)
	}
	return done.UIDs[0]
}

func names(t *testing.T, v *View, name string, uid imap.UID) string {
	t.Helper()
	s := open(t, v, name).Snapshot()
	i, found := s.Search(uid)
	if !found {
		t.Fatalf("%s has no message %d", name, uid)
	}
	return strings.Join(sorted(s.Keywords.Names(s.At(i).Flags)), " ")
}

func TestMarkAnswered(t *testing.T) {
	b := newBox(t)
	he := as(b, marko)
	appendMails(t, as(b, Actor{}), "INBOX", "a", "b")
	if _, err := open(t, he, "INBOX").Copy(ctx, imap.UIDSetNum(1), he, "Archive"); err != nil {
		t.Fatal(err)
	}
	reply(t, as(b, Actor{}), "Sent", "nobody", "b") // an import answers nothing
	reply(t, he, "INBOX", "elsewhere", "b")
	reply(t, he, "Sent", "Re: a", "a")

	// What is to be marked outlives the program.
	dir := b.disk.dir
	closeBox(t, b)
	b = reopen(t, dir)
	he, she := as(b, marko), as(b, petra)
	sent, err := b.Sent(ctx)
	if err != nil || len(sent) != 1 || sent[0].Actor != marko || !slices.Equal(sent[0].Answers, []string{"<a@example.org>"}) {
		t.Fatalf("%+v %v", sent, err)
	}
	before := open(t, she, "INBOX").Snapshot()
	for range 2 { // a crash may have it done twice
		if n, err := b.MarkAnswered(ctx, sent[0]); err != nil || n != 2 {
			t.Errorf("%d messages are marked, %v", n, err)
		}
	}
	if err := b.SentDone(ctx, sent[0]); err != nil {
		t.Fatal(err)
	}
	if sent, err := b.Sent(ctx); err != nil || len(sent) != 0 {
		t.Error(sent, err)
	}
	for _, v := range []*View{he, she} {
		if got := names(t, v, "INBOX", 1) + "," + names(t, v, "Archive", 1) + "," + names(t, v, "INBOX", 2); got != `\Answered,\Answered,` {
			t.Error(got)
		}
	}
	if now := open(t, she, "INBOX").Snapshot(); now.At(0).ModSeq <= before.HighestModSeq {
		t.Error("marked without a new mod-sequence")
	}
	rows, err := b.Activity(ctx, ActivityQuery{Message: "<a@example.org>", Person: marko.Person})
	answered := 0
	for _, r := range rows {
		if r.Action == "answered" {
			answered++
			if r.Subject != "a" || r.Device != marko.Device {
				t.Errorf("%+v", r)
			}
		}
	}
	if err != nil || answered != 1 {
		t.Errorf("%d rows say so, %v", answered, err)
	}
	if _, err := b.MarkAnswered(ctx, Sent{Actor: petra, Forwards: []string{"<b@example.org>", "<unknown@example.org>"}}); err != nil {
		t.Fatal(err)
	}
	if got := names(t, he, "INBOX", 2); got != "$Forwarded" {
		t.Error(got)
	}
}

// TestAnswering: a draft marks what it answers as long as it is a draft.
func TestAnswering(t *testing.T) {
	b := newBox(t)
	he, she := as(b, marko), as(b, petra)
	appendMails(t, as(b, Actor{}), "INBOX", "a")
	want := func(flags string) {
		t.Helper()
		if got := names(t, she, "INBOX", 1); got != flags {
			t.Errorf("flags %q, want %q", got, flags)
		}
	}
	drop := func(v *View, uid imap.UID) {
		t.Helper()
		flag(t, v, "Drafts", FlagsAdd, uid, imap.FlagDeleted)
		if _, err := open(t, v, "Drafts").Expunge(ctx, imap.UIDSetNum(uid)); err != nil {
			t.Fatal(err)
		}
	}
	first := reply(t, he, "Drafts", "d1", "a")
	want("$Answering")
	second := reply(t, he, "Drafts", "d2", "a") // saved again
	drop(he, first)
	want("$Answering")
	drop(he, second)
	want("") // dropped

	reply(t, he, "Drafts", "d3", "a")
	hers := reply(t, she, "Drafts", "d4", "a")
	if _, err := b.MarkAnswered(ctx, Sent{Actor: marko, Answers: []string{"<a@example.org>"}}); err != nil {
		t.Fatal(err)
	}
	want(`$Answering \Answered`) // she is still at it
	if _, err := open(t, she, "Drafts").Move(ctx, imap.UIDSetNum(hers), she, "Sent"); err != nil {
		t.Fatal(err)
	}
	want(`\Answered`)
	if sent, err := b.Sent(ctx); err != nil || len(sent) != 1 || sent[0].Actor != petra {
		t.Error(sent, err)
	}
	reply(t, she, "Drafts", "d5", "a")
	want(`$Answering \Answered`)
	if err := she.DeleteMailbox(ctx, "Drafts"); err != nil {
		t.Fatal(err)
	}
	want(`\Answered`)
}
