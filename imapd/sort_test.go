package imapd

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestBaseSubject(t *testing.T) {
	for _, c := range []struct {
		subject, base string
		reply         bool
	}{
		{"Hello", "Hello", false},
		{"  Hello \t World ", "Hello World", false},
		{"Re: Hello", "Hello", true},
		{"RE[2]: re: Fwd : FW: Hello", "Hello", true},
		{"[list] Re: [x] Hello", "Hello", true},
		{"[list] Hello", "Hello", false},
		{"[list]", "[list]", false},
		{"Hello (fwd) (FWD)", "Hello", true},
		{"[Fwd: Hello]", "Hello", true},
		{"[fwd: [list] Re: Hello (fwd)]", "Hello", true},
		{"Regarding", "Regarding", false},
		{"Re:", "", true},
		{"=?utf-8?q?Re=3A_Gr=C3=BC=C3=9Fe?=", "Grüße", true},
		{"", "", false},
		{"[unfinished Re: x", "[unfinished Re: x", false},
		{"Re: [a] [b] c", "c", true},
	} {
		base, reply := baseSubject(c.subject)
		if base != c.base || reply != c.reply {
			t.Errorf("%q: %q, %v", c.subject, base, reply)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`(Re: |\[x\] |Fwd:|\(fwd\)|\[fwd:|\]|a| )*`).Draw(t, "subject")
		base, _ := baseSubject(s)
		if again, _ := baseSubject(base); again != base {
			t.Fatalf("%q becomes %q, that becomes %q", s, base, again)
		}
	})
}

func TestReadEnvelope(t *testing.T) {
	e := readEnvelope([]byte(`("1 Jan" "sub\"ject" (("A \\ B" NIL "a" "x.org")("second" NIL "b" NIL)) NIL NIL ((NIL NIL "team" NIL)(NIL NIL "t" "y.org")(NIL NIL NIL NIL)) (({3}` + "\r\n" + `J)( NIL "j" "z.org")) NIL "<r@x>" "<m@x>")`))
	want := envelope{date: "1 Jan", subject: `sub"ject`, from: address{`A \ B`, "a", "x.org"}, to: address{"", "team", ""},
		cc: address{"J)(", "j", "z.org"}, inReplyTo: "<r@x>", messageID: "<m@x>"}
	if e != want {
		t.Errorf("got %+v", e)
	}
	for _, broken := range []string{"", "(", "((((", `("`, `({9}` + "\r\nx", "NIL", `("a" "b" (("c"`} {
		readEnvelope([]byte(broken))
	}
}

func TestSort(t *testing.T) {
	w := newWorld(t)
	mail := func(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n\r\nx\r\n" }
	w.deliverRaw("marko", "INBOX",
		mail("From: Zoe <anna@example.org>", "To: x@a", "Cc: k@a", "Subject: banana", "Date: 3 Jan 2024 10:00:00 +0000"),
		mail("From: =?utf-8?q?=C3=84da?= <zoe@example.org>", "To: Y <y@a>", "Cc: j@a", "Subject: Re: Apple", "Date: 3 Jan 2024 10:30:00 +0100"),
		mail("From: bob@example.org", "To: Z <w@a>", "Subject: [l] cherry, the largest one", "Date: 1 Jan 2025 00:00:00 +0000"),
		mail("Subject: apple", "Date: nonsense"),
	)
	for _, c := range []struct{ args, want string }{
		{"(ARRIVAL)", "1 2 3 4"},
		{"(REVERSE ARRIVAL)", "1 2 3 4"},
		{"(DATE)", "2 1 4 3"},
		{"(REVERSE DATE)", "3 4 1 2"},
		{"(SUBJECT)", "2 4 1 3"},
		{"(SUBJECT REVERSE DATE)", "4 2 1 3"},
		{"(REVERSE SUBJECT DATE)", "3 1 2 4"},
		{"(FROM)", "4 1 3 2"},
		{"(TO)", "4 3 1 2"},
		{"(CC)", "3 4 2 1"},
		{"(SIZE)", "4 1 3 2"},
		{"(DISPLAYFROM)", "4 3 1 2"},
		{"(DISPLAYTO)", "4 1 2 3"},
	} {
		w.play("C: a SELECT INBOX\nS* a OK …\nC: b SORT " + c.args + " UTF-8 ALL\nS: * SORT " + c.want + "\nS: b OK …\n")
		w.play("C: b UID SORT " + c.args + " us-ascii NOT UID 9\nS: * SORT " + c.want + "\nS: b OK …\n")
	}
	w.play(`
		C: a SORT (SUBJECT) UTF-8 2:3
		S: * SORT 2 3
		S: a OK …
		C: b SORT (SUBJECT) KOI8-R ALL
		S: b NO [BADCHARSET …
		C: c SORT () UTF-8 ALL
		S: c BAD …
		C: d SORT (REVERSE) UTF-8 ALL
		S: d BAD …
		C: e SORT (COLOUR) UTF-8 ALL
		S: e BAD …
		C: f SORT RETURN (MIN MAX COUNT ALL) (SUBJECT) UTF-8 ALL
		S: * ESEARCH (TAG "f") MIN 2 MAX 3 COUNT 4 ALL 2,4,1,3
		S: f OK …
		C: g UID SORT RETURN (PARTIAL 2:3 SAVE) (SUBJECT) UTF-8 ALL
		S: * ESEARCH (TAG "g") UID PARTIAL (2:3 4,1)
		S: g OK …
		C: h SORT (DATE) UTF-8 SUBJECT nothing
		S: * SORT
		S: h OK …
		C: i SORT (DATE) UTF-8 MODSEQ 1
		S: * SORT 2 1 4 3 (MODSEQ 2)
		S: i OK …
	`)
}

func TestThread(t *testing.T) {
	w := newWorld(t)
	mail := func(date, subject, id, refs string) string {
		s := "Date: " + date + " Jan 2024 10:00:00 +0000\r\nSubject: " + subject + "\r\n"
		if id != "" {
			s += "Message-ID: <" + id + ">\r\n"
		}
		if refs != "" {
			s += refs + "\r\n"
		}
		return s + "\r\nx\r\n"
	}
	w.deliverRaw("marko", "INBOX",
		mail("1", "one", "1@x", ""),
		mail("3", "Re: one", "2@x", "References: <1@x>"),
		mail("2", "Re: one", "3@x", "In-Reply-To: <1@x>"),
		mail("4", "Re: one", "4@x", "References: <1@x> <2@x>"),
		mail("5", "two", "5@x", "References: <gone@x>"),
		mail("6", "two b", "6@x", "References: <gone@x>"),
		mail("7", "three", "", ""),
		mail("8", "Re: three", "", ""),
		mail("9", "loop", "9@x", "References: <10@x>"),
		mail("10", "loop", "10@x", "References: <9@x>"),
		mail("11", "same id", "1@x", ""),
		mail("12", "one", "", ""),
	)
	w.play(`
		C: a SELECT INBOX
		S* a OK …
		C: b THREAD REFERENCES UTF-8 ALL
		S: * THREAD ((1 (3)(2 4))(12))((5)(6))(7 8)(10 9)(11)
		S: b OK …
		C: c UID THREAD REFERENCES UTF-8 2:4
		S: * THREAD ((3)(2 4))
		S: c OK …
		C: d THREAD ORDEREDSUBJECT UTF-8 ALL
		S: * THREAD (1 (3)(2)(4)(12))(5)(6)(7 8)(9 10)(11)
		S: d OK …
		C: e THREAD REFERENCES UTF-8 SUBJECT nothing
		S: * THREAD
		S: e OK …
		C: f THREAD REFS UTF-8 ALL
		S: f BAD …
		C: g THREAD REFERENCES X ALL
		S: g NO [BADCHARSET …
	`)
}

// Whatever mails refer to, each is in the answer once.
func TestThreadsHoldAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.SampledFrom([]string{"", "a", "b", "c", "d", "e", "f"})
		n := rapid.IntRange(0, 12).Draw(t, "messages")
		for _, arrange := range []func([]*thread) []*thread{orderedSubject, byReferences} {
			var all []*thread
			for i := range n {
				m := &thread{index: i, sent: int64(rapid.IntRange(0, 3).Draw(t, "sent")), id: id.Draw(t, "id"),
					subject: rapid.SampledFrom([]string{"", "s", "t"}).Draw(t, "subject"), reply: rapid.Bool().Draw(t, "reply")}
				for _, r := range rapid.SliceOfN(id, 0, 4).Draw(t, "references") {
					if r != "" {
						m.refs = append(m.refs, r)
					}
				}
				all = append(all, m)
			}
			var got []int
			var walk func(t *thread, depth int)
			walk = func(m *thread, depth int) {
				if depth > 100 {
					t.Fatal("there is a loop")
				}
				if m.index >= 0 {
					got = append(got, m.index)
				} else if depth > 0 || len(m.children) < 2 {
					t.Fatalf("a mail that is not there has no place: depth %d, %d children", depth, len(m.children))
				}
				for _, c := range m.children {
					walk(c, depth+1)
				}
			}
			for _, root := range arrange(all) {
				walk(root, 0)
			}
			slices.Sort(got)
			for i := range n {
				if len(got) != n || got[i] != i {
					t.Fatalf("messages %v of %d", got, n)
				}
			}
		}
	})
}
