package exchange

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/emersion/go-imap/v2"

	"heimpost/store"
)

// useNames are the names under which mail programs and providers keep mail of
// a special use, in English and German.
var useNames = func() map[string]imap.MailboxAttr {
	out := map[string]imap.MailboxAttr{}
	for use, names := range map[imap.MailboxAttr]string{
		imap.MailboxAttrSent:    "sent,sent messages,sent items,sent mail,sent-mail,gesendet,gesendete objekte,gesendete elemente,gesendete nachrichten",
		imap.MailboxAttrDrafts:  "drafts,draft,entwürfe,entwurf",
		imap.MailboxAttrTrash:   "trash,deleted messages,deleted items,bin,papierkorb,gelöscht,gelöschte objekte,gelöschte elemente",
		imap.MailboxAttrJunk:    "junk,spam,junk e-mail,junk email,junk-e-mail,bulk mail,spamverdacht,unerwünscht",
		imap.MailboxAttrArchive: "archive,archives,archiv",
	} {
		for name := range strings.SplitSeq(names, ",") {
			out[name] = use
		}
	}
	return out
}()

// isInbox reports whether a name at the top means INBOX.
func isInbox(name string) bool {
	switch strings.ToLower(name) {
	case "inbox", "posteingang":
		return true
	}
	return false
}

// place says which mailbox a folder's mails go into, and the special use it
// has if it is to be made.
func place(v *store.View, f Folder, base, under string) (name string, use imap.MailboxAttr) {
	path := make([]string, 0, len(f.Path)+1)
	for _, level := range f.Path {
		path = append(path, cleanLevel(level))
	}
	if under != "" {
		if len(path) == 1 && isInbox(path[0]) {
			path = nil
		}
		return shortName(append(strings.Split(strings.Trim(under, "/"), "/"), path...)), ""
	}
	if len(path) == 0 {
		if base == "" {
			return inbox, ""
		}
		path = append(path, cleanLevel(base))
	}
	if isInbox(path[0]) {
		path[0] = inbox
		return shortName(path), ""
	}
	if f.Use == "" {
		f.Use = useNames[strings.ToLower(path[0])]
		if len(path) > 1 { // such as Archives/2024
			if has := withUse(v, f.Use); has != "" {
				path[0] = has
			}
			return shortName(path), ""
		}
	}
	if f.Use == "" {
		return shortName(path), ""
	}
	if has := withUse(v, f.Use); has != "" {
		return has, ""
	}
	return shortName(path), f.Use
}

// withUse gives the box's mailbox of a special use, "" for none.
func withUse(v *store.View, use imap.MailboxAttr) string {
	for _, m := range v.Mailboxes() {
		if use != "" && m.SpecialUse == use {
			return m.Name
		}
	}
	return ""
}

const inbox = "INBOX"

const (
	maxLevel  = 200  // octets of one level of a name
	maxName   = 1000 // of a whole one: the store's limit
	maxLevels = 32   // likewise
)

// cleanLevel makes a level of a mailbox's name of any text.
func cleanLevel(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '/':
			return '_'
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = cutText(strings.TrimSpace(s), maxLevel)
	if s == "" {
		return "_"
	}
	return s
}

// shortName puts levels together, without the last ones where there are too
// many. What is first may be several.
func shortName(path []string) string {
	name := strings.Join(path, "/")
	for len(name) > maxName || strings.Count(name, "/") >= maxLevels {
		i := strings.LastIndexByte(name, '/')
		if i < 0 {
			break
		}
		name = name[:i]
	}
	return name
}

// cutText cuts a text to at most n octets, between characters.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// usableFlags gives the flags that a mail can have in the box: those that are
// no flags are left out.
func usableFlags(flags []imap.Flag) (out []imap.Flag) {
	has := map[string]bool{}
	for _, f := range flags {
		name := string(f)
		if _, system := store.SystemFlag(f); !system && !usableKeyword(name) || has[strings.ToLower(name)] {
			continue
		}
		has[strings.ToLower(name)] = true
		out = append(out, f)
	}
	return out
}

// usableKeyword reports whether a name is an atom of bearable length (RFC 3501
// flag-keyword).
func usableKeyword(name string) bool {
	if name == "" || len(name) > 255 {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`(){%*"\]`, c) >= 0 {
			return false
		}
	}
	return true
}

// keywordRoom says which keywords a mailbox still takes.
type keywordRoom struct {
	known   map[string]bool
	dropped int
}

func newKeywordRoom(words store.Keywords) *keywordRoom {
	k := &keywordRoom{known: map[string]bool{}}
	for _, w := range words {
		if w != "" {
			k.known[strings.ToLower(w)] = true
		}
	}
	return k
}

// take gives those flags for which there is room.
func (k *keywordRoom) take(flags []imap.Flag) (out []imap.Flag) {
	for _, f := range usableFlags(flags) {
		if _, system := store.SystemFlag(f); !system {
			name := strings.ToLower(string(f))
			if !k.known[name] && len(k.known) >= store.MaxKeywords {
				k.dropped++
				continue
			}
			k.known[name] = true
		}
		out = append(out, f)
	}
	return out
}

// note says what could not be kept.
func (k *keywordRoom) note(mailbox string) string {
	return fmt.Sprintf("%s has room for %d keywords: %d marks of mails were left out", mailbox, store.MaxKeywords, k.dropped)
}
