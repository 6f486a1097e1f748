package pop3fetch

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"heimpost/peertest"
	"heimpost/store"
)

// dovecotRig drains a user of a real Dovecot.
type dovecotRig struct {
	*hub
	*Fetcher
	d *peertest.Dovecot
	c *clock
}

func newDovecotRig(t *testing.T, config peertest.DovecotConfig, mode TLSMode) *dovecotRig {
	t.Helper()
	d := peertest.NewDovecot(t, config)
	h := &hub{t: t, box: newBox(t), password: map[store.ID]string{}, states: map[store.ID]State{}}
	address := map[TLSMode]string{TLSNone: d.POP3, TLSStart: d.POP3, TLSImplicit: d.POP3S}[mode]
	a := Account{ID: store.NewID(), Address: "anna@example.org", Host: "127.0.0.1", TLS: mode, User: "anna", Keep: KeepNever}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Sscan(port, &a.Port)
	h.accounts, h.password[a.ID] = []Account{a}, d.Password
	c := &clock{time.Now()}
	return &dovecotRig{h, New(h, Options{Log: quiet, Roots: d.Roots, Now: c.now}), d, c}
}

func (r *dovecotRig) deliver(mails ...[]byte) {
	r.t.Helper()
	for _, m := range mails {
		if err := r.d.Deliver("anna", m); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *dovecotRig) fetch() Result {
	r.t.Helper()
	res, err := r.Round(ctx, "anna@example.org", FetchOptions{})
	if err != nil {
		r.t.Fatalf("%v\n%s", err, r.d.Log())
	}
	return res
}

func (r *dovecotRig) held() int {
	r.t.Helper()
	n, err := r.d.Held("anna")
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// oddMails are mails that real providers hold.
func oddMails() (out [][]byte) {
	for i := range 60 {
		out = append(out, mailText(fmt.Sprint("plain", i)))
	}
	body := func(s string) []byte { return append(mailText(fmt.Sprint("odd", len(out))), s...) }
	for _, s := range []string{
		".\r\n..\r\n...\r\n", "lf only\n.\nmore\n", strings.Repeat("x", 5000) + "\r\n", "nul \x00 byte\r\n",
		"no final newline", "\xff\xfe 8 bit\r\n", "\r\n\r\n\r\n", strings.Repeat(".\n", 1000),
	} {
		out = append(out, body(s))
	}
	out = append(out, []byte("Subject: gr\xfc\xdfe\r\nMessage-ID: <8bit@x>\r\n\r\nx\r\n"), []byte("\r\nno header\r\n"), []byte("x"))
	return append(out, append(body("big\r\n"), bytes.Repeat([]byte(strings.Repeat("0123456789", 7)+"\r\n"), 60_000)...))
}

// TestDovecot drains a real Dovecot over each kind of TLS.
func TestDovecot(t *testing.T) {
	for _, mode := range []TLSMode{TLSNone, TLSStart, TLSImplicit} {
		t.Run(string(mode), func(t *testing.T) {
			r := newDovecotRig(t, peertest.DovecotConfig{LockSession: mode == TLSStart}, mode)
			mails := oddMails()
			r.deliver(mails...)
			res := r.fetch()
			if res.Retrieved != len(mails) || res.Deleted != len(mails) || r.held() != 0 {
				t.Errorf("%+v, %d left", res, r.held())
			}
			want := map[[32]byte]bool{}
			for _, m := range mails {
				want[sha256.Sum256(normal(m))] = true
				// Dovecot ends the last line.
				want[sha256.Sum256(append(normal(m), "\r\n"...))] = true
			}
			got := map[[32]byte]bool{}
			for _, h := range r.stored() {
				if got[h] || !want[h] {
					t.Error("a mail was stored twice or changed")
				}
				got[h] = true
			}
			r.deliver(mailText("later"))
			if res := r.fetch(); res.Retrieved != 1 {
				t.Errorf("%+v", res)
			}
			exercised.add(t, "dovecot-pop3d", fmt.Sprintf("%d mails over %s", len(mails)+1, mode))
		})
	}
}

// TestDovecotKeeps: mail stays for 14 days, is compared by TOP and deleted.
// When Dovecot changes its UIDs in between, nothing is retrieved again.
func TestDovecotKeeps(t *testing.T) {
	r := newDovecotRig(t, peertest.DovecotConfig{}, TLSNone)
	r.change(0, func(a *Account) { a.Keep = 14 })
	mails := oddMails()
	r.deliver(mails...)
	if res := r.fetch(); res.Retrieved != len(mails) || res.Deleted != 0 {
		t.Errorf("%+v", res)
	}
	if res := r.fetch(); res.Retrieved != 0 {
		t.Errorf("%+v", res)
	}
	if err := r.d.Restart(func(c *peertest.DovecotConfig) { c.UIDLFormat = "%v.%u" }); err != nil {
		t.Fatal(err)
	}
	r.deliver(mailText("after the change"))
	if res := r.fetch(); res.Retrieved != 1 {
		t.Errorf("after new UIDs: %+v", res)
	}
	r.c.advance(13 * 24 * time.Hour)
	if res := r.fetch(); res.Deleted != 0 {
		t.Errorf("%+v", res)
	}
	r.c.advance(2 * 24 * time.Hour)
	if res := r.fetch(); res.Retrieved != 0 || res.Deleted != len(mails)+1 || r.held() != 0 {
		t.Errorf("when due: %+v, %d left", res, r.held())
	}
	if n := r.count(); n != len(mails)+1 {
		t.Errorf("%d stored", n)
	}
	exercised.add(t, "dovecot-pop3d", "keep 14d", "TOP compares before deletion", "pop3_uidl_format changes: nothing comes again")
}

// TestDovecotWords: what a real server's refusals are taken for.
func TestDovecotWords(t *testing.T) {
	r := newDovecotRig(t, peertest.DovecotConfig{LockSession: true}, TLSImplicit)
	a := r.accounts[0]
	rep, err := r.Test(ctx, a, r.d.Password)
	if err != nil || !strings.HasPrefix(rep.TLS, "TLS 1.") {
		t.Errorf("%+v %v", rep, err)
	}
	if _, err := r.Test(ctx, a, "wrong"); err == nil || explain(a, err).class != classRefused {
		t.Errorf("wrong password: %v", err)
	}
	a.Host = "localhost"
	r.o.Roots = nil
	if _, err := r.Test(ctx, a, r.d.Password); err == nil || explain(a, err).class != classTLS {
		t.Errorf("certificate: %v", err)
	}
}
