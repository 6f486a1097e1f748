package imapd

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"heimpost/store"
)

// TestRevokedAtAnyTime: who lost his access is gone within three seconds, also
// in the middle of a command, and nothing of that command is kept.
func TestRevokedAtAnyTime(t *testing.T) {
	w := newWorld(t)
	w.deliverRaw("marko", "INBOX", "Subject: big\r\n\r\n"+strings.Repeat(strings.Repeat("x", 76)+"\r\n", 150_000))
	w.play(`
		C: 1 APPEND INBOX {100}
		S: + OK
		C: Subject: half of a mail
		C2: 1 SELECT INBOX
		S2* 1 OK …
		C2: 2 FETCH 1 BODY[]
		C3: \r\c
		C4: 1 NOO\c
		Cpetra: 1 NOOP
		Spetra: 1 OK Done.
	`)
	close(w.revoke["marko"])
	start := time.Now()
	w.gone(1)
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	w.play("Cpetra: 2 NOOP\nSpetra: 2 OK Done.")
	if got := w.mails("marko", "INBOX"); len(got) != 1 {
		t.Errorf("INBOX holds %d mails", len(got))
	}
}

// TestNothingOfALiteralRuns: whatever is wrong with a line, a literal that
// comes without being asked for is read over or ends the connection.
func TestNothingOfALiteralRuns(t *testing.T) {
	w := newWorld(t)
	const evil = "evil CREATE Evil\r\n"
	for n := 65_480; n < 65_540; n++ { // about the limit of a line
		if testing.Short() && n < 65_520 {
			continue
		}
		w.noEvil("1 RENAME " + strings.Repeat("x", n) + fmt.Sprintf(" {%d+}\r\n%s\r\n", len(evil), evil))
	}
	for _, line := range []string{
		"1 IDLE\r\n2 APPEND INBOX",
		"1 IDLE\r\n2 APPEND INBOX ",
		"1 IDLE\r\nDONE",
		"1 AUTHENTICATE PLAIN\r\n",
		"1 STATUS INBOX \"abc",
		"1 STATUS INBOX \x00",
		"1 APPEND INBOX (\\Seen) {3}{",
	} {
		w.noEvil(line + fmt.Sprintf("{%d+}\r\n%s\r\n", len(evil), evil))
	}
}

// noEvil sends what must not run a command with the tag "evil".
func (w *world) noEvil(in string) {
	w.t.Helper()
	c := w.connect()
	defer c.nc.Close()
	fmt.Fprintf(c.out, "0 LOGIN marko secret\r\n%s9 LOGOUT\r\n", in)
	got, err := io.ReadAll(c.in)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		w.t.Fatal(err)
	}
	if strings.Contains(string(got), "evil ") {
		w.t.Errorf("%.120q… ran:\n%s", in[max(0, len(in)-120):], got)
	}
}

// TestVanishedOnce: what is gone, but still numbered for the client, is told by
// VANISHED without EARLIER alone (RFC 7162 §3.2.10).
func TestVanishedOnce(t *testing.T) {
	w := newWorld(t)
	w.deliver("marko", "INBOX", "one", "two", "three", "four")
	w.play(`
		C2: 1 SELECT INBOX
		S2* 1 OK …
		C2: 2 STORE 1 +FLAGS.SILENT (\Deleted)
		S2: 2 OK …
		C2: 3 EXPUNGE
		S2: * 1 EXPUNGE
		S2: 3 OK …
		C: 1 ENABLE QRESYNC
		S* 1 OK …
		C: 2 SELECT INBOX
		S* 2 OK …
		C2: 4 STORE 2 +FLAGS.SILENT (\Deleted)
		S2: 4 OK …
		C2: 5 EXPUNGE
		S2: * 2 EXPUNGE
		S2: 5 OK …
		C: 3 FETCH 1 UID
		S: * 1 FETCH (UID 2)
		S: 3 OK …
		C: 4 UID FETCH 1:* (UID) (CHANGEDSINCE 1 VANISHED)
		S: * VANISHED (EARLIER) 1
		S: * 1 FETCH (UID 2 MODSEQ (2))
		S: * 3 FETCH (UID 4 MODSEQ (2))
		S: * VANISHED 3
		S: 4 OK …
	`)
}

// TestSetNamesManyTimes: naming what is gone again and again costs nothing.
func TestSetNamesManyTimes(t *testing.T) {
	s := &session{told: &store.Snapshot{}}
	for uid := range imap.UID(100_000) {
		s.ghosts = append(s.ghosts, store.Entry{UID: 2*uid + 1})
	}
	var seqs imap.SeqSet
	var uids imap.UIDSet
	for range 16_000 {
		seqs = append(seqs, imap.SeqRange{Start: 1})
		uids = append(uids, imap.UIDRange{Start: 1})
	}
	for _, set := range []imap.NumSet{seqs, uids} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		n, err := s.resolve(set)
		runtime.ReadMemStats(&after)
		if err != nil || len(n.spans) != 0 || len(n.ghosts) != 100_000 {
			t.Errorf("%T: %v, %d ghosts, %v", set, n.spans, len(n.ghosts), err)
		}
		if size := after.TotalAlloc - before.TotalAlloc; size > 64<<20 {
			t.Errorf("%T takes %d MiB", set, size>>20)
		}
	}
}

// TestHeadersAreBounded: one response holds no more of the headers than has
// room in memory.
func TestHeadersAreBounded(t *testing.T) {
	w := newWorld(t)
	field := "X: " + strings.Repeat(strings.Repeat("x", 70)+"\r\n ", 20_000) + "x\r\n"
	w.deliverRaw("marko", "INBOX", "Content-Type: message/rfc822\r\n\r\n"+field+"\r\nHello\r\n")
	w.play("C: 1 SELECT INBOX\nS* 1 OK …")
	w.play("C: 2 FETCH 1 (" + strings.Repeat("BODY.PEEK[1.HEADER.FIELDS (X)] ", 50) + ")\nS: 2 NO [LIMIT] …")
	w.play("C: 3 FETCH 1 BODY.PEEK[1.HEADER.FIELDS (X)]<0.6>\nS: * 1 FETCH (BODY[1.HEADER.FIELDS (X)]<0> {6}\nS: X: xxx)\nS: 3 OK …")
}
