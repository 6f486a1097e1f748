package exchange

import (
	"crypto/tls"
	"fmt"
	"net"
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

// dovecotLogin logs in at a private Dovecot.
func dovecotLogin(t *testing.T, d *peertest.Dovecot) *imapclient.Client {
	t.Helper()
	conn, err := net.Dial("tcp", d.IMAP)
	if err != nil {
		t.Fatal(err)
	}
	c := imapclient.New(conn, nil)
	t.Cleanup(func() { c.Close() })
	if err := c.Login("marko", d.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

// dovecotMails tells all mails that a Dovecot serves, in short.
func dovecotMails(t *testing.T, c *imapclient.Client) []string {
	t.Helper()
	list, err := c.List("", "*", nil).Collect()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range list {
		if slices.Contains(l.Attrs, imap.MailboxAttrNoSelect) {
			continue
		}
		sel, err := c.Select(l.Mailbox, &imap.SelectOptions{ReadOnly: true}).Wait()
		if err != nil {
			t.Fatal(err)
		}
		if sel.NumMessages == 0 {
			continue
		}
		section := &imap.FetchItemBodySection{Peek: true}
		var all imap.SeqSet
		all.AddRange(1, 0)
		mails, err := c.Fetch(all, &imap.FetchOptions{Flags: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{section}}).Collect()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mails {
			out = append(out, inShort(l.Mailbox, string(m.FindBodySection(section)), m.InternalDate, m.Flags))
		}
	}
	slices.Sort(out)
	return out
}

// realistic gives mails as they come, none too large for a test's box.
func realistic(n int) (out []string) {
	for i := 0; len(out) < n; i++ {
		if mail := mailgen.Realistic(5, i); len(mail) < most/2 {
			out = append(out, string(mail))
		}
	}
	return out
}

func inShort(mailbox, text string, date time.Time, flags []imap.Flag) string {
	var names []string
	for _, f := range flags {
		if name := strings.ToLower(string(f)); name != `\recent` {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return fmt.Sprintf("%s %x %d %s", mailbox, hashOf(text), date.Unix(), strings.Join(names, " "))
}

// A real Dovecot serves an exported Maildir: the same mails in the same
// mailboxes, with dates, marks and keywords.
func TestDovecotServesExport(t *testing.T) {
	d := peertest.NewDovecot(t, peertest.DovecotConfig{Dir: peertest.MemDir(t)})
	b := newBox(t)
	flags := [][]imap.Flag{{imap.FlagSeen}, {imap.FlagFlagged, "$Label1"}, {imap.FlagAnswered, imap.FlagDraft, "urgent"}, nil}
	for i, mail := range realistic(12) {
		put(t, b, []string{"INBOX", "Sent", "Work/Café & Co"}[i%3], mail, time.Unix(1_600_000_000+int64(i)*86_400, 0), flags[i%4]...)
	}
	put(t, b, "INBOX", letter("odd")+"a\r\r\nb\rc\r\nno end", time.Unix(1_500_000_000, 0))
	dir := d.Maildir("marko")
	exportTo(t, b, dir, ExportOptions{Format: FormatMaildir})
	if out, err := exec.Command("chown", "-R", "--reference", filepath.Dir(dir), dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	var want []string
	for name, mails := range contents(t, b) {
		for _, h := range mails {
			var f []imap.Flag
			for w := range strings.FieldsSeq(h.Flags) {
				f = append(f, imap.Flag(w))
			}
			want = append(want, inShort(name, h.Text, h.Date, f))
		}
	}
	slices.Sort(want)
	if got := dovecotMails(t, dovecotLogin(t, d)); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// And what Dovecot has done to the Maildir meanwhile changes nothing: each
	// mail is there already.
	r := importFrom(t, b, dir, ImportOptions{})
	if n := r.Count(); n.Found != 13 || n.Already != 13 {
		t.Errorf("%s", summary(r))
	}
}

// tlsTrusting trusts a private Dovecot.
func tlsTrusting(d *peertest.Dovecot) *tls.Config { return &tls.Config{RootCAs: d.Roots} }
