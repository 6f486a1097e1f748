package pop3fetch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"heimpost/peertest"
)

// Cyrus enforces minutes between two logins. It announces them, so no login
// comes too early; one that does all the same is no wrong password.
func TestRealServersCyrusMinPoll(t *testing.T) {
	r := newRealRig(t, "cyrus-pop3d", peertest.POP3Options{LoginDelay: 1})
	r.deliver(mailText("one"))
	r.Round(ctx, "marko@example.org", FetchOptions{}) // of the floor it learns now
	before := r.count()
	c, err := connect(ctx, &r.o, r.accounts[0])
	if err != nil {
		t.Fatal(err)
	}
	err = c.login(r.User, secret{password: r.POP3.Password})
	c.close()
	if err == nil || explain(r.accounts[0], err).class != classDelay {
		t.Errorf("a login too early: %v", err)
	}
	if st := r.state(0); st.LoginDelay != time.Minute || r.accounts[0].allowed(&st).Before(r.c.now()) {
		t.Errorf("%+v", st)
	}
	if n := r.count(); before != 1 || n != 1 {
		t.Errorf("%d, then %d stored", before, n)
	}
	if err := r.Restart(peertest.POP3Options{}); err != nil {
		t.Fatal(err)
	}
	r.at()
	r.deliver(mailText("two"))
	r.round(1, 0, 2)
	exercised.add(t, "cyrus-pop3d", "popminpoll 1: obeyed as announced; a login too early is no wrong password")
}

// Mailutils enforces seconds between two logins. A round by hand that comes too
// early waits for them.
func TestRealServersMailutilsLoginDelay(t *testing.T) {
	r := newRealRig(t, "mailutils-pop3d", peertest.POP3Options{LoginDelay: 3})
	r.deliver(mailText("one"))
	r.round(1, 0, 1)
	r.deliver(mailText("two"))
	r.round(1, 0, 2) // our clock says that it may, the server's does not
	exercised.add(t, "mailutils-pop3d", "LOGIN-DELAY 3: a round too early is refused, waits and succeeds")
}

// Mailutils deletes what was retrieved (EXPIRE 0). The account keeps all, and
// still nothing is lost or comes twice.
func TestRealServersMailutilsExpire(t *testing.T) {
	r := newRealRig(t, "mailutils-pop3d", peertest.POP3Options{ExpireRead: true})
	r.change(0, func(a *Account) { a.Keep = KeepAlways })
	r.deliver(mailText("one"), mailText("two"))
	r.round(2, 0, 0)
	r.deliver(mailText("three"))
	r.round(1, 0, 0)
	if n := r.count(); n != 3 {
		t.Errorf("%d stored", n)
	}
	exercised.add(t, "mailutils-pop3d", "EXPIRE 0: what it deletes after RETR is stored")
}

// popa3d's UIDs are a digest of some fields of the header: mails that have none
// of them share one UID.
func TestRealServersPopa3dTwins(t *testing.T) {
	r := newRealRig(t, "popa3d", peertest.POP3Options{})
	const n = 5
	for i := range n {
		r.deliver(fmt.Appendf(nil, "Subject: %d\r\n\r\nmail %d%s\r\n", i, i, strings.Repeat("x", i)))
	}
	for range 2 {
		r.c.advance(25 * time.Hour)
		if _, err := r.Round(ctx, "marko@example.org", FetchOptions{}); err != nil {
			t.Fatal(err)
		}
		if got := len(r.bytes()); got != n {
			t.Errorf("%d mails stored of %d that share a UID", got, n)
		}
	}
	r.change(0, func(a *Account) { a.Keep = KeepNever })
	for range 3 {
		r.c.advance(25 * time.Hour)
		if _, err := r.Round(ctx, "marko@example.org", FetchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	held, err := r.Held()
	if got := len(r.bytes()); got != n || held != 0 || err != nil {
		t.Errorf("%d mails stored of %d that share a UID, %d left, %v", got, n, held, err)
	}
	exercised.add(t, "popa3d", "five mails with one UID: each comes once")
}

// solid-pop3d refuses the whole maildrop for one mail that it takes for
// damaged. That is said with its words, and it heals.
func TestRealServersSolidRefuses(t *testing.T) {
	r := newRealRig(t, "solid-pop3d", peertest.POP3Options{})
	r.deliver(mailText("one"))
	r.round(1, 0, 1)
	r.deliver(append(mailText("damaged"), "no end"...))
	r.c.advance(time.Hour)
	if _, err := r.Round(ctx, "marko@example.org", FetchOptions{}); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged mail: %v", err)
	}
	r.deliver(mailText("two")) // nothing is lost meanwhile
	if n := r.count(); n != 1 {
		t.Errorf("%d stored", n)
	}
	exercised.add(t, "solid-pop3d", "it refuses a maildrop with a damaged mail: said in its words, nothing lost")
}

// courier-pop wraps a mail with an 8-bit header into an explanation, anew at
// each RETR, unless it is told that UTF8 is welcome.
func TestRealServersCourierUTF8(t *testing.T) {
	r := newRealRig(t, "courier-pop", peertest.POP3Options{})
	mail := []byte("From: a@example.org\r\nSubject: Gr\xfc\xdfe, Gr\u00fc\u00dfe\r\nMessage-ID: <8bit@example.org>\r\n\r\nHallo.\r\n")
	r.deliver(mail, mailText("other"))
	r.round(2, 0, 2)
	found := false
	for _, b := range r.bytes() {
		found = found || string(b) == string(mail)
	}
	if !found {
		t.Errorf("the mail was changed: %q", r.bytes())
	}
	r.c.advance(15 * 24 * time.Hour)
	r.round(0, 2, 0)
	exercised.add(t, "courier-pop", "UTF8: a mail with an 8-bit header comes as it is")
}
