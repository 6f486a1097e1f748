package imapd

import (
	"fmt"
	"strings"
	"testing"
)

func TestReplace(t *testing.T) {
	w := newWorld(t)
	w.deliver("marko", "Drafts", "one", "two", "three")
	w.play(`
		C: 1 REPLACE 1 Drafts {5}
		S: 1 BAD Select a mailbox first.
		C: 2 SELECT Drafts
		S* 2 OK …
		C2: 1 SELECT Drafts
		S2* 1 OK …
		C: 3 REPLACE 2 Drafts (\Draft) {10+}
		C: A: n\r\n\r\n\r\n
		S: * OK [APPENDUID … 4] The new one is stored.
		S: * 2 EXPUNGE
		S: * 3 EXISTS
		S: * 3 RECENT
		S: 3 OK …
		C2: 2 NOOP
		S2: * 2 EXPUNGE
		S2: * 3 EXISTS
		S2* 2 OK Done.
		C: 4 UID REPLACE 4 Sent {10+}
		C: A: s\r\n\r\n\r\n
		S: * OK [APPENDUID … 1] …
		S: * 3 EXPUNGE
		S: 4 OK …
		# Nothing goes when nothing comes.
		C: 5 UID REPLACE 3 Nowhere {3}
		S: 5 NO [TRYCREATE] …
		C: 6 REPLACE 9 Drafts {3}
		S: 6 BAD There is no message 9; …
		C: 7 UID REPLACE 9 Drafts {3+}
		C: abc
		S: 7 NO [NONEXISTENT] …
		C: 8 REPLACE 1 Drafts {0+}
		C:
		S: 8 NO …
		C: 9 REPLACE 1 Drafts {999999999}
		S: 9 NO [TOOBIG] …
		C: 10 EXAMINE Drafts
		S* 10 OK …
		C: 11 REPLACE 1 Drafts {3}
		S: 11 NO …
	`)
	if got := w.mails("marko", "Drafts"); len(got) != 2 {
		t.Errorf("Drafts holds %q", got)
	}
}

func TestCatenate(t *testing.T) {
	w := newWorld(t)
	if _, err := w.view("marko").CreateMailbox(ctx, "Büro", ""); err != nil {
		t.Fatal(err)
	}
	w.deliverRaw("marko", "Büro", "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nOne\r\n--b\r\n\r\nTwo\r\n--b--\r\n")
	uv := ""
	if st, err := w.view("marko").Status(ctx, "Büro", false); err == nil {
		uv = fmt.Sprint(st.UIDValidity)
	}
	w.play(strings.ReplaceAll(`
		C: 1 APPEND INBOX (\Seen) CATENATE (TEXT {8}
		S: + OK
		C: A: b\r\n\r\n URL "/B%C3%BCro;UIDVALIDITY=UV/;UID=1/;SECTION=1" TEXT {3+}
		C: -!-)
		S: 1 OK [APPENDUID … 1] Stored.
		C: 2 APPEND INBOX CATENATE (URL "/B%C3%BCro/;uid=1")
		S: 2 OK [APPENDUID … 2] Stored.
		C: 3 APPEND INBOX CATENATE (URL "/B%C3%BCro;UIDVALIDITY=7/;UID=1" TEXT {9999+}
		C: `+strings.Repeat("9 LOGOUT\\r\\n", 1000)[:9999+1000*2-1]+`)
		S: 3 NO [BADURL /B%C3%BCro;UIDVALIDITY=7/;UID=1] There is nothing at this URL.
		C: 4 APPEND INBOX CATENATE (URL "/Nowhere/;UID=1")
		S: 4 NO [BADURL …
		C: 5 APPEND INBOX CATENATE (URL "imap://x/INBOX/;UID=1")
		S: 5 NO [BADURL …
		C: 6 APPEND INBOX CATENATE (URL "/INBOX/;UID=1/;SECTION=x\]")
		S: 6 BAD …
		C: 7 APPEND INBOX CATENATE ()
		S: 7 NO …
		C: 8 APPEND INBOX CATENATE (FOO {3+}\r\nabc)
		S: 8 BAD …
		C: 9 APPEND INBOX CATENATE (URL "/INBOX/;UID=1/;SECTION=HEADER.FIELDS%20(a)" TEXT {3+}\r\nabc)
		S: 9 OK …
		C: 10 APPEND INBOX CATENATE (TEXT {5+}\r\nA: b\n TEXT {999999999}
		S: 10 NO [TOOBIG] …
	`, "UV", uv))
	got := w.mails("marko", "INBOX")
	if len(got) != 3 || !strings.HasSuffix(got[0], " A: b\r\n\r\nOne-!-") || !strings.Contains(got[1], "--b--") || !strings.HasSuffix(got[2], " A: b\r\n\r\nabc") {
		t.Errorf("INBOX holds %q", got)
	}
}

func TestParseURL(t *testing.T) {
	for text, want := range map[string]string{
		"/INBOX/;UID=5": "INBOX 0 5 [] 0",
		"/a/b%2Fc;uidvalidity=7/;UID=5/;SECTION=1.2.MIME": "a/b/c 7 5 [1 2] 5",
		"/INBOX/;UID=5/;section=":                         "INBOX 0 5 [] 0",
		"/INBOX":                                          "", "INBOX/;UID=5": "", "/INBOX/;UID=0": "", "/INBOX/;UID=x": "", "/INBOX;X=1/;UID=1": "",
		"/%zz/;UID=1": "", "/INBOX/;UID=1/;SECTION=1]": "", "/INBOX/;UID=1/;SECTION=FOO": "", "/INBOX/;UID=1/;PARTIAL=1": "", "": "",
		"/INBOX/;UID=1/;SECTION=1/;SECTION=1": "",
	} {
		u, ok := parseURL(text)
		got := ""
		if ok {
			got = fmt.Sprintf("%s %d %d %v %d", u.mailbox, u.uidValidity, u.uid, u.section.numbers, u.section.portion)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzURL(f *testing.F) {
	f.Add("/INBOX;UIDVALIDITY=7/;UID=5/;SECTION=1.2.MIME")
	f.Add("/a%C3%BC/;UID=5/;SECTION=HEADER.FIELDS%20(a%20b)")
	f.Fuzz(func(t *testing.T, s string) {
		if u, ok := parseURL(s); ok && u.uid == 0 {
			t.Errorf("%q has no UID", s)
		}
		badURL(s)
	})
}

func TestUnauthenticate(t *testing.T) {
	newWorld(t, full).play(`
		C: 1 ENABLE UTF8=ACCEPT
		S: * ENABLED UTF8=ACCEPT
		S: 1 OK Done.
		C: 2 SELECT INBOX
		S* 2 OK …
		C: 3 UNAUTHENTICATE
		S: 3 OK Done.
		C: 4 SELECT INBOX
		S: 4 BAD Log in first.
		C: 5 CAPABILITY
		S: * CAPABILITY IMAP4rev1 IMAP4rev2 AUTH=PLAIN …
		S: 5 OK Done.
		C: 6 LOGIN petra secret
		S: 6 OK …
		C: 7 LIST "" "B\xc3\xbcro"
		S: 7 BAD …
	`)
	newWorld(t).play("C: 1 UNAUTHENTICATE\nS: 1 BAD There is no command UNAUTHENTICATE.")
}

func TestUTF8(t *testing.T) {
	w := newWorld(t, full)
	w.play(`
		C: 1 CREATE "B&APw-ro"
		S: 1 OK …
		C: 2 APPEND INBOX UTF8 (~{3+}\r\nabc)
		S: 2 OK …
		C: 3 ENABLE UTF8=ACCEPT
		S: * ENABLED UTF8=ACCEPT
		S: 3 OK Done.
		C: 4 LIST "" "B\xc3\xbc%"
		S: * LIST (\HasNoChildren) "/" "Büro"
		S: 4 OK Done.
		C: 5 CREATE "A & \xc3\xa4"
		S: 5 OK …
		C: 6 STATUS {6+}\r\nA & \xc3\xa4 (MESSAGES)
		S: * STATUS "A & ä" (MESSAGES 0)
		S: 6 OK Done.
		C: 7 CREATE "\xff"
		S: 7 BAD The mailbox name is not valid UTF-8.
		C: 8 APPEND "A & \xc3\xa4" UTF8 (~{17+}\r\nSubject: \xc3\xa4\r\n\r\n\r\n)
		S: 8 OK …
		C2: 1 LIST "" "A*"
		S2: * LIST (\HasNoChildren) "/" "A &- &AOQ-"
		S2* 1 OK Done.
	`)
	newWorld(t).play("C: 1 APPEND INBOX UTF8 (~{3+}\\r\\nabc)\nS: 1 BAD …")
}

func TestLiteral8(t *testing.T) {
	w := newWorld(t)
	w.play(`
		C: 1 APPEND INBOX ~{9}
		S: + OK
		C: A: b\r\n\r\n\0
		S: 1 OK …
		C: 2 APPEND INBOX ~{9+}\r\nA: c\r\n\r\n\0 ~{9+}\r\nA: d\r\n\r\n\0
		S: 2 OK [APPENDUID … 2:3] Stored.
	`)
	for _, got := range w.mails("marko", "INBOX") {
		if !strings.HasSuffix(got, "\r\n\r\n\x00") {
			t.Errorf("%q", got)
		}
	}
}
