package imapd

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"heimpost/store"
)

func TestList(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"Arbeit/Büro/Ablage", "Arbeit/A & B", "INBOX/unten", `we"ird`} {
		if _, err := w.view("marko").CreateMailbox(ctx, name, ""); err != nil {
			t.Fatal(err)
		}
	}
	w.play(`
		C: 1 LIST "" ""
		S: * LIST (\Noselect) "/" ""
		S: 1 OK Done.
		C: 2 list "" *
		S: * LIST (\HasChildren) "/" "INBOX"
		S: * LIST (\HasNoChildren) "/" "INBOX/unten"
		S: * LIST (\HasChildren) "/" "Arbeit"
		S: * LIST (\HasNoChildren) "/" "Arbeit/A &- B"
		S: * LIST (\HasChildren) "/" "Arbeit/B&APw-ro"
		S: * LIST (\HasNoChildren) "/" "Arbeit/B&APw-ro/Ablage"
		S: * LIST (\HasNoChildren \Archive) "/" "Archive"
		S: * LIST (\HasNoChildren \Drafts) "/" "Drafts"
		S: * LIST (\HasNoChildren \Junk) "/" "Junk"
		S: * LIST (\HasNoChildren \Sent) "/" "Sent"
		S: * LIST (\Noselect \HasChildren) "/" "Shared"
		S: * LIST (\Noselect \HasChildren) "/" "Shared/petra"
		S: * LIST (\HasNoChildren) "/" "Shared/petra/Archive"
		S: * LIST (\HasNoChildren) "/" "Shared/petra/Drafts"
		S: * LIST (\HasNoChildren) "/" "Shared/petra/INBOX"
		S: * LIST (\HasNoChildren) "/" "Shared/petra/Junk"
		S: * LIST (\HasNoChildren) "/" "Shared/petra/Sent"
		S: * LIST (\HasNoChildren) "/" "Shared/petra/Trash"
		S: * LIST (\HasNoChildren \Trash) "/" "Trash"
		S: * LIST (\HasNoChildren) "/" "we\"ird"
		S: 2 OK Done.
		C: 3 LIST "" "arbeit"
		S: 3 OK Done.
		C: 4 LIST "" "inb%"
		S: * LIST (\HasChildren) "/" "INBOX"
		S: 4 OK Done.
		C: 5 LIST Arbeit/ %
		S: * LIST (\HasNoChildren) "/" "Arbeit/A &- B"
		S: * LIST (\HasChildren) "/" "Arbeit/B&APw-ro"
		S: 5 OK Done.
		C: 6 LIST "" %/%/%
		S: * LIST (\HasNoChildren) "/" "Arbeit/B&APw-ro/Ablage"
		S: * LIST (\HasNoChildren) "/" "Shared/petra/Archive"
		S* 6 OK Done.
		C: 7 LIST "" "B&APw-ro"
		S: 7 OK Done.
		C: 8 LIST "" "*B&APw-ro*e"
		S: * LIST (\HasNoChildren) "/" "Arbeit/B&APw-ro/Ablage"
		S: 8 OK Done.
		C: 9 LIST "" "*&*"
		S: 9 BAD The mailbox name is not valid modified UTF-7 (RFC 3501, section 5.1.3).
		C: 10 LIST "" inbox
		S: * LIST (\HasChildren) "/" "INBOX"
		S: 10 OK Done.
		C: 11 LIST inBOX/ %
		S: * LIST (\HasNoChildren) "/" "INBOX/unten"
		S: 11 OK Done.
	`)
}

func TestListExtended(t *testing.T) {
	w := newWorld(t)
	w.play(`
		C: 1 CREATE Arbeit/Ablage
		S: 1 OK Done.
		C: 2 SUBSCRIBE Arbeit/Ablage
		S: 2 OK Done.
		C: 3 SUBSCRIBE Fort/damit
		S: 3 OK Done.
		C: 4 LIST (SUBSCRIBED) "" "*"
		S: * LIST (\HasNoChildren \Subscribed) "/" "INBOX"
		S: * LIST (\HasNoChildren \Subscribed) "/" "Arbeit/Ablage"
		S: * LIST (\HasNoChildren \Subscribed \Archive) "/" "Archive"
		S: * LIST (\HasNoChildren \Subscribed \Drafts) "/" "Drafts"
		S: * LIST (\NonExistent \Noselect \HasNoChildren \Subscribed) "/" "Fort/damit"
		S* * LIST (\HasNoChildren \Subscribed \Trash) "/" "Trash"
		S: 4 OK Done.
		C: 5 LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"
		S: * LIST (\HasNoChildren \Subscribed) "/" "INBOX"
		S: * LIST (\HasChildren) "/" "Arbeit" ("CHILDINFO" ("SUBSCRIBED"))
		S* * LIST (\NonExistent \Noselect \HasNoChildren) "/" "Fort" ("CHILDINFO" ("SUBSCRIBED"))
		S* * LIST (\NonExistent \Noselect \HasChildren) "/" "Shared" ("CHILDINFO" ("SUBSCRIBED"))
		S: * LIST (\HasNoChildren \Subscribed \Trash) "/" "Trash"
		S: 5 OK Done.
		C: 6 LIST (SPECIAL-USE) "" "*"
		S: * LIST (\HasNoChildren \Archive) "/" "Archive"
		S: * LIST (\HasNoChildren \Drafts) "/" "Drafts"
		S: * LIST (\HasNoChildren \Junk) "/" "Junk"
		S: * LIST (\HasNoChildren \Sent) "/" "Sent"
		S: * LIST (\HasNoChildren \Trash) "/" "Trash"
		S: 6 OK Done.
		C: 7 LIST "" ("INBOX" "Arbeit/%") RETURN (SUBSCRIBED CHILDREN)
		S: * LIST (\HasNoChildren \Subscribed) "/" "INBOX"
		S: * LIST (\HasNoChildren \Subscribed) "/" "Arbeit/Ablage"
		S: 7 OK Done.
		C: 8 LIST () "" "Arbeit" RETURN ()
		S: * LIST (\HasChildren) "/" "Arbeit"
		S: 8 OK Done.
		C: 9 LIST (RECURSIVEMATCH) "" "*"
		S: 9 BAD …
		C: 10 LIST (FOO) "" "*"
		S: 10 BAD There is no selection option FOO.
		C: 11 LIST "" "*" RETURN (FOO)
		S: 11 BAD There is no return option FOO.
		C: 12 LIST (SUBSCRIBED) "" ""
		S: 12 OK Done.
	`)
}

func TestLsub(t *testing.T) {
	newWorld(t).play(`
		C: 1 UNSUBSCRIBE Junk
		S: 1 OK Done.
		C: 2 SUBSCRIBE Fort/damit
		S: 2 OK Done.
		C: 3 LSUB "" *
		S: * LSUB (\HasNoChildren) "/" "INBOX"
		S: * LSUB (\HasNoChildren \Archive) "/" "Archive"
		S: * LSUB (\HasNoChildren \Drafts) "/" "Drafts"
		S: * LSUB (\HasNoChildren) "/" "Fort/damit"
		S: * LSUB (\HasNoChildren \Sent) "/" "Sent"
		S* * LSUB (\HasNoChildren \Trash) "/" "Trash"
		S: 3 OK Done.
		C: 4 LSUB "" %
		S* * LSUB (\Noselect) "/" "Fort"
		S* * LSUB (\Noselect) "/" "Shared"
		S: * LSUB (\HasNoChildren \Trash) "/" "Trash"
		S: 4 OK Done.
	`)
}

func TestXlist(t *testing.T) {
	newWorld(t).play(`
		C: 1 XLIST "" %
		S: * XLIST (\HasNoChildren \Inbox) "/" "INBOX"
		S: * XLIST (\HasNoChildren \Archive) "/" "Archive"
		S: * XLIST (\HasNoChildren \Drafts) "/" "Drafts"
		S: * XLIST (\HasNoChildren \Spam) "/" "Junk"
		S* 1 OK Done.
	`)
}

func TestNamespace(t *testing.T) {
	w := newWorld(t)
	w.play(`
		C: 1 NAMESPACE
		S: * NAMESPACE (("" "/")) NIL (("Shared/" "/"))
		S: 1 OK Done.
	`)
	w.logins["marko"].Shared = nil
	w.play(`
		C2: 1 NAMESPACE
		S2: * NAMESPACE (("" "/")) NIL NIL
		S2: 1 OK Done.
		C2: 2 SUBSCRIBE Shared/petra/INBOX
		S2: 2 OK Done.
	`)
}

func TestManyNames(t *testing.T) {
	w := newWorld(t)
	w.logins["marko"].Shared = func() []Shared {
		return []Shared{{Prefix: "Shared/a", View: w.all["petra"].View(store.ViewOptions{})}, {Prefix: "Shared/ab", View: w.all["petra"].View(store.ViewOptions{})}}
	}
	w.play(`
		C: 1 STATUS Shared/ab/INBOX (MESSAGES)
		S: * STATUS "Shared/ab/INBOX" (MESSAGES 0)
		S: 1 OK Done.
		C: 2 STATUS Shared/abc/INBOX (MESSAGES)
		S: 2 NO [NONEXISTENT] …
		C: 3 STATUS Shared (MESSAGES)
		S: 3 NO [CANNOT] …
	`)
}

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		pattern string
		yes, no []string
	}{
		{"*", []string{"", "a", "a/b"}, nil},
		{"%", []string{"", "a"}, []string{"a/b", "/"}},
		{"**%*", []string{"a/b"}, nil},
		{"%%", []string{"ab"}, []string{"a/b"}},
		{"a%c", []string{"ac", "abc"}, []string{"a/c", "a", "abcd"}},
		{"a*c", []string{"ac", "a/c", "acc"}, []string{"acd", "bac"}},
		{"%/b", []string{"a/b", "/b"}, []string{"b", "a/a/b"}},
		{"*/b", []string{"a/b", "a/a/b"}, []string{"b"}},
		{"inbox", []string{"INBOX"}, []string{"inbox", "INBOX/a"}},
		{"inb*", []string{"INBOX", "INBOX/a"}, []string{"in"}},
		{"*box", []string{"INBOX", "mybox"}, []string{"myBOX"}},
		{"", []string{""}, []string{"a"}},
		{strings.Repeat("a%", 80), []string{strings.Repeat("a", 80), strings.Repeat("ab", 80)}, []string{strings.Repeat("a", 79), strings.Repeat("b", 160)}},
		{strings.Repeat("x", 63) + "*y", []string{strings.Repeat("x", 63) + "y", strings.Repeat("x", 63) + "ay"}, []string{strings.Repeat("x", 62) + "y"}},
		{strings.Repeat("x", 64) + "%y", []string{strings.Repeat("x", 64) + "y"}, []string{strings.Repeat("x", 64) + "/y"}},
	} {
		p := newPattern(c.pattern)
		for _, s := range c.yes {
			if !p.match(s) {
				t.Errorf("%q does not match %q", c.pattern, s)
			}
		}
		for _, s := range c.no {
			if p.match(s) {
				t.Errorf("%q matches %q", c.pattern, s)
			}
		}
	}
}

// TestPatternRandom compares with regular expressions.
func TestPatternRandom(t *testing.T) {
	letters := []byte("ab/*%")
	random := func(alphabet []byte, n int) string {
		b := make([]byte, rand.IntN(n))
		for i := range b {
			b[i] = alphabet[rand.IntN(len(alphabet))]
		}
		return string(b)
	}
	for range 3000 {
		pattern := random(letters, 70+rand.IntN(70))
		if rand.IntN(2) == 0 {
			pattern = random(letters, 10)
		}
		re := regexp.MustCompile("^" + strings.NewReplacer("*", ".*", "%", "[^/]*").Replace(pattern) + "$")
		p := newPattern(pattern)
		for range 10 {
			name := random(letters[:3], 12)
			if rand.IntN(2) == 0 {
				name = strings.Map(func(r rune) rune {
					if r == '*' || r == '%' {
						return rune(letters[rand.IntN(3)])
					}
					return r
				}, pattern)
			}
			if got, want := p.match(name), re.MatchString(name); got != want {
				t.Fatalf("pattern %q, name %q: %v, want %v", pattern, name, got, want)
			}
		}
	}
}

// TestPatternIsLinear matches what takes others for ever.
func TestPatternIsLinear(t *testing.T) {
	p := newPattern(strings.Repeat("a*a%", maxPattern/4) + "b")
	name := strings.Repeat("a", 1000)
	for range 200 {
		if p.match(name) {
			t.Fatal("it matches")
		}
	}
}
