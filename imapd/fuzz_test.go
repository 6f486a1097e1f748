package imapd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"heimpost/store"
)

// script is a peer that has sent all it will ever send, and notes the answer.
type script struct {
	in  *strings.Reader
	out bytes.Buffer
}

func (s *script) Read(p []byte) (int, error)  { return s.in.Read(p) }
func (s *script) Write(p []byte) (int, error) { return s.out.Write(p) }
func (s *script) Close() error                { return nil }
func (s *script) LocalAddr() net.Addr         { return &net.TCPAddr{} }
func (s *script) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:1"))
}
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// beginnings bring a connection into its states.
var beginnings = []string{
	"",
	"l LOGIN marko secret\r\n",
	"l LOGIN marko secret\r\ne ENABLE QRESYNC\r\ns SELECT INBOX\r\n",
	"l LOGIN marko secret\r\ns EXAMINE INBOX\r\ni IDLE\r\n",
	"l LOGIN marko secret\r\ne ENABLE IMAP4rev2 UTF8=ACCEPT UIDONLY\r\ns SELECT INBOX\r\n",
}

// fuzzMails are what INBOX holds at the start.
var fuzzMails = []string{
	"From: a@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello.\r\n",
	"From: b@example.org\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nOne.\r\n--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nTwo.\r\n--x--\r\n",
	"",
	"\r\n\x00\xff",
}

// newFuzzServer makes a server without listeners. Whatever was done to the
// box is undone when its mailbox has changed too much: reset makes it anew.
func newFuzzServer(t testing.TB) (srv *Server, reset func()) {
	dir := memDir(t)
	var box *store.Box
	var mu sync.Mutex
	who := store.Actor{Person: "markoaaaaaaaaaaa", Device: "phoneaaaaaaaaaaa"}
	n := 0
	reset = func() {
		mu.Lock()
		defer mu.Unlock()
		if box != nil {
			box.Close()
			os.RemoveAll(dir + fmt.Sprint("/", n))
		}
		n++
		name := dir + fmt.Sprint("/", n)
		if err := store.CreateBox(name, store.NewID(), store.Options{}); err != nil {
			t.Fatal(err)
		}
		var err error
		if box, err = store.OpenBox(ctx, name, store.Options{}); err != nil {
			t.Fatal(err)
		}
		v := box.View(store.ViewOptions{Actor: who})
		for _, text := range fuzzMails {
			in, err := v.NewIncoming()
			if err == nil {
				_, err = io.WriteString(in, text)
			}
			if err == nil {
				_, err = in.Finish()
			}
			if err == nil {
				_, err = v.Append(ctx, "INBOX", []*store.Incoming{in})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Cleanup(func() { box.Close() })
	w := &world{t: t, logins: map[string]*Login{}}
	srv = NewServer(Config{
		Capabilities: "full", MaxMessage: 1 << 16, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Login: func(cx context.Context, name, password string, remote netip.Addr) (*Login, error) {
			mu.Lock()
			w.logins["marko"] = &Login{Person: "marko", Actor: who, Root: box.View(store.ViewOptions{Actor: who})}
			mu.Unlock()
			return w.login(cx, name, password, remote)
		},
	})
	return srv, reset
}

// checkAnswer looks whether an answer can be read: lines that begin as
// responses do, and literals of the length that was announced.
func checkAnswer(t *testing.T, out []byte) {
	t.Helper()
	rest := out
	for start := true; len(rest) > 0; {
		line, after, ok := bytes.Cut(rest, []byte("\r\n"))
		if !ok {
			t.Fatalf("a response has no end: %q\nall: %q", rest, out)
		}
		if start {
			tag, _, ok := bytes.Cut(line, []byte(" "))
			if !ok || len(tag) == 0 || bytes.ContainsAny(tag, "(){%\"\\") {
				t.Fatalf("no response: %q\nall: %q", line, out)
			}
		}
		rest, start = after, true
		if i := bytes.LastIndexByte(line, '{'); i >= 0 && bytes.HasSuffix(line, []byte("}")) {
			var size int
			if _, err := fmt.Sscanf(string(line[i:]), "{%d}", &size); err == nil {
				if size > len(rest) {
					t.Fatalf("a literal is too short: %q\nall: %q", rest, out)
				}
				rest, start = rest[size:], false
			}
		}
	}
}

// FuzzConnection sends anything to a connection in each of its states.
func FuzzConnection(f *testing.F) {
	for state := range beginnings {
		for _, in := range []string{
			"1 CAPABILITY\r\n2 NOOP\r\n3 ID (\"name\" \"x\")\r\n4 LOGOUT\r\n",
			"1 AUTHENTICATE PLAIN\r\nAG1hcmtvAHNlY3JldA==\r\n2 LIST \"\" \"*\"\r\n",
			"1 LOGIN {5+}\r\nmarko {6}\r\nsecret\r\n",
			"1 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (\"%\" \"*x\") RETURN (STATUS (MESSAGES UIDNEXT SIZE MAILBOXID))\r\n2 LSUB \"\" %\r\n3 NAMESPACE\r\n",
			"1 APPEND INBOX (\\Seen a) \" 1-Feb-2024 10:11:12 +0130\" {5+}\r\nA: b\n {3+}\r\nabc\r\n2 FETCH 1:* ALL\r\n",
			"DONE\r\n1 CREATE a/b (USE (\\Junk))\r\n2 RENAME a c\r\n3 DELETE c/b\r\n4 SUBSCRIBE x\r\n5 UNSUBSCRIBE x\r\n",
			"1 FETCH 1:* (UID FLAGS ENVELOPE BODYSTRUCTURE BODY.PEEK[1.2.HEADER.FIELDS (From)]<0.5> BINARY.SIZE[1] MODSEQ EMAILID)\r\n",
			"1 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)\r\n2 UID STORE 1:2 (UNCHANGEDSINCE 9) +FLAGS.SILENT (\\Deleted x)\r\n3 UID EXPUNGE 1:3\r\n",
			"1 SEARCH RETURN (MIN MAX COUNT SAVE) CHARSET UTF-8 OR (NOT FROM a) BODY {3+}\r\nabc\r\n2 FETCH $ UID\r\n3 SORT (REVERSE DATE) UTF-8 ALL\r\n4 THREAD REFERENCES UTF-8 ALL\r\n",
			"1 COPY 1:2 Trash\r\n2 MOVE 1 Sent\r\n3 CLOSE\r\n4 SELECT INBOX (QRESYNC (1 2 1:3 (1 1)))\r\n5 EXPUNGE\r\n6 UNSELECT\r\n",
			"1 STATUS INBOX (MESSAGES HIGHESTMODSEQ)\r\n2 ENABLE CONDSTORE\r\n3 IDLE\r\nDONE\r\n4 CHECK\r\n",
			"1 NOTIFY SET STATUS (SELECTED (MessageNew (UID FLAGS) MessageExpunge FlagChange)) (SUBTREE (a b) (MailboxName SubscriptionChange)) (PERSONAL (MessageNew MessageExpunge))\r\n2 CREATE a/c\r\n3 APPEND INBOX {5+}\r\nA: b\n\r\n4 NOTIFY NONE\r\n",
			"1 SETMETADATA INBOX (/private/a \"x\" /shared/b ~{2+}\r\n\x00\x01)\r\n2 GETMETADATA (DEPTH infinity MAXSIZE 5) INBOX (/private /shared)\r\n3 LIST \"\" % RETURN (METADATA (/private/a) MYRIGHTS)\r\n",
			"1 REPLACE 1 INBOX (\\Seen) {5+}\r\nA: b\n\r\n2 APPEND INBOX CATENATE (TEXT {3+}\r\nA:  URL \"/INBOX/;UID=1/;SECTION=1\")\r\n3 APPEND INBOX UTF8 (~{3+}\r\nabc)\r\n",
			"1 GETQUOTAROOT INBOX\r\n2 GETQUOTA \"\"\r\n3 MYRIGHTS INBOX\r\n4 GETACL INBOX\r\n5 LISTRIGHTS INBOX x\r\n6 UNAUTHENTICATE\r\n7 LOGIN marko secret\r\n8 XLIST \"\" *\r\n",
			"1 X {10+}\r\n1 LOGOUT\r\n\r\n\r\n\n2 NOOP {5}\r\n3 NOOP \"\r\n",
		} {
			f.Add(byte(state), in)
		}
	}
	srv, reset := newFuzzServer(f)
	reset()
	count := 0
	f.Fuzz(func(t *testing.T, state byte, in string) {
		if count++; count%200 == 0 {
			reset()
		}
		peer := &script{in: strings.NewReader(beginnings[int(state)%len(beginnings)] + in)}
		c := newConn(srv, peer, false)
		panicked := false
		c.onPanic = func(any) { panicked = true }
		c.serve()
		if panicked {
			t.Errorf("panic; the answer: %q", peer.out.String())
		}
		checkAnswer(t, peer.out.Bytes())
	})
}
