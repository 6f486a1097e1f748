package imapd

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-imap/v2"

	"heimpost/imapd/wire"
	"heimpost/store"
)

// Bounds of a search: what a client may ask for is bounded by the length of
// its command; these keep the work for each octet small.
const (
	maxSearchDepth = 50
	maxSearchKeys  = 2000
)

// searchParser takes search keys (RFC 3501 §6.4.4 and what came later).
type searchParser struct {
	*conn
	d       *wire.Decoder
	keys    int
	depth   int
	modSeq  bool   // MODSEQ was among the keys
	fuzzy   bool   // FUZZY was among the keys
	numbers bool   // sequence numbers or "$" were among the keys
	first   string // a word that was taken already
	charset string
}

// searchWords are the keys that stand alone.
var searchWords = map[string]func() key{
	"ALL":        func() key { return allKey{} },
	"ANSWERED":   func() key { return flagKey(imap.FlagAnswered) },
	"DELETED":    func() key { return flagKey(imap.FlagDeleted) },
	"DRAFT":      func() key { return flagKey(imap.FlagDraft) },
	"FLAGGED":    func() key { return flagKey(imap.FlagFlagged) },
	"SEEN":       func() key { return flagKey(imap.FlagSeen) },
	"RECENT":     func() key { return flagKey(`\Recent`) },
	"UNANSWERED": func() key { return noneOf(flagKey(imap.FlagAnswered)) },
	"UNDELETED":  func() key { return noneOf(flagKey(imap.FlagDeleted)) },
	"UNDRAFT":    func() key { return noneOf(flagKey(imap.FlagDraft)) },
	"UNFLAGGED":  func() key { return noneOf(flagKey(imap.FlagFlagged)) },
	"UNSEEN":     func() key { return noneOf(flagKey(imap.FlagSeen)) },
	"OLD":        func() key { return noneOf(flagKey(`\Recent`)) },
	"NEW":        func() key { return allOf(flagKey(`\Recent`), noneOf(flagKey(imap.FlagSeen))) },
	// RFC 8514 §4.3: the store knows of each message when it came.
	"SAVEDATESUPPORTED": func() key { return allKey{} },
}

// searchDates are the keys with a date.
var searchDates = map[string]func(day) key{
	"BEFORE":      func(d day) key { return dateKey(func(m day) bool { return m < d }) },
	"ON":          func(d day) key { return dateKey(func(m day) bool { return m == d }) },
	"SINCE":       func(d day) key { return dateKey(func(m day) bool { return m >= d }) },
	"SENTBEFORE":  func(d day) key { return sentKey(func(m day) bool { return m < d }) },
	"SENTON":      func(d day) key { return sentKey(func(m day) bool { return m == d }) },
	"SENTSINCE":   func(d day) key { return sentKey(func(m day) bool { return m >= d }) },
	"SAVEDBEFORE": func(d day) key { return savedKey(func(m day) bool { return m < d }) },
	"SAVEDON":     func(d day) key { return savedKey(func(m day) bool { return m == d }) },
	"SAVEDSINCE":  func(d day) key { return savedKey(func(m day) bool { return m >= d }) },
}

// searchTexts are the keys with a text.
var searchTexts = map[string]func(text string) key{
	"BCC":     func(text string) key { return headerKey("Bcc", text) },
	"CC":      func(text string) key { return headerKey("Cc", text) },
	"FROM":    func(text string) key { return headerKey("From", text) },
	"SUBJECT": func(text string) key { return headerKey("Subject", text) },
	"TO":      func(text string) key { return headerKey("To", text) },
	"BODY":    func(text string) key { return textKey{store.TextQuery{Text: text, Body: true}} },
	"TEXT":    func(text string) key { return textKey{store.TextQuery{Text: text, Header: true, Body: true}} },
	"EMAILID": emailIDKey,
	// RFC 8474 §5.2: no message has a THREADID here.
	"THREADID": func(string) key { return never },
}

// searchSizes are the keys with a number.
var searchNumbers = map[string]func(n int64) key{
	"LARGER":  func(n int64) key { return sizeKey(func(size int64) bool { return size > n }) },
	"SMALLER": func(n int64) key { return sizeKey(func(size int64) bool { return size < n }) },
	"YOUNGER": youngerKey,
	"OLDER":   olderKey,
}

// program takes result options and CHARSET, if they are there, and all keys.
func (p *searchParser) program(r *searchReturn, k *key) bool {
	if !p.mayCount() {
		return false
	}
	first := p.first
	if first == "" {
		p.word(&first)
	}
	if first == "RETURN" {
		if !p.results(r) {
			return false
		}
		p.word(&first)
	}
	if first == "CHARSET" {
		if p.enabled["UTF8=ACCEPT"] { // RFC 6855 §3
			return p.d.Bad("After ENABLE UTF8=ACCEPT there is no CHARSET.")
		}
		if !p.d.ExpectSP() || !p.d.ExpectAString(&p.charset) || !p.d.ExpectSP() {
			return false
		}
		first = ""
	}
	return p.list(first, k)
}

// mayCount refuses commands with sequence numbers once the client has enabled
// UIDONLY (RFC 9586 §3).
func (p *searchParser) mayCount() bool {
	return p.cmd.uid || !p.enabled["UIDONLY"] || p.d.Fail(errUIDRequired)
}

// options takes result options, if they are there.
func (p *searchParser) options(r *searchReturn) bool {
	var first string
	if p.word(&first); first == "" {
		return true
	}
	return p.d.Expect(first == "RETURN", "RETURN") && p.results(r)
}

// results takes what stands behind RETURN.
func (p *searchParser) results(r *searchReturn) bool {
	r.given = true
	return p.d.ExpectSP() && p.d.ExpectList(func() bool { return r.option(p.d) }) && p.d.ExpectSP()
}

// word takes a word; "" where there is none.
func (p *searchParser) word(s *string) {
	if *s = ""; p.d.Peek() >= 'A' {
		p.d.Name(s)
	}
}

// list takes keys up to the end of the line or of a list; first is the name of
// the first one where it was taken already.
func (p *searchParser) list(first string, k *key) bool {
	var all []key
	for {
		var one key
		if first != "" {
			if !p.named(first, &one) {
				return false
			}
			first = ""
		} else if !p.key(&one) {
			return false
		}
		all = append(all, one)
		if !p.d.SP() {
			break
		}
		if b := p.d.Peek(); b == '\r' || b == '\n' || b == ')' { // a stray space
			break
		}
	}
	*k = allOf(all...)
	return p.d.Err() == nil
}

// key takes one key.
func (p *searchParser) key(k *key) bool {
	d := p.d
	if p.keys++; p.keys > maxSearchKeys {
		return d.Bad("This is too much for one search.")
	}
	if p.depth++; p.depth > maxSearchDepth {
		return d.Bad("The search keys are nested too deeply.")
	}
	defer func() { p.depth-- }()
	switch b := d.Peek(); {
	case b == '(':
		return d.Special('(') && p.list("", k) && d.ExpectSpecial(')')
	case b == '*' || b >= '0' && b <= '9':
		if p.enabled["UIDONLY"] {
			return d.Fail(errUIDRequired)
		}
		p.numbers = true
		return p.set(false, k)
	case b == '$':
		p.numbers = true
		return p.set(true, k)
	}
	var name string
	if !d.Expect(d.Name(&name), "a search key") {
		return false
	}
	return p.named(name, k)
}

func (p *searchParser) set(uid bool, k *key) bool {
	var set imap.NumSet
	if !p.d.ExpectNumSet(uid, &set) {
		return false
	}
	if imap.IsSearchRes(set) {
		p.numbers = true
		set = p.saved()
	}
	*k = setKey{set}
	return true
}

// saved gives the result that "$" stands for (RFC 5182).
func (p *searchParser) saved() imap.UIDSet {
	if p.sel == nil {
		return nil
	}
	return p.sel.saved
}

// named takes what follows a key's name.
func (p *searchParser) named(name string, k *key) bool {
	d := p.d
	if word, ok := searchWords[name]; ok {
		*k = word()
		return true
	}
	if !d.ExpectSP() {
		return false
	}
	if with, ok := searchDates[name]; ok {
		var t time.Time
		ok := d.ExpectDate(&t)
		*k = with(dayOf(t))
		return ok
	}
	if with, ok := searchTexts[name]; ok {
		var text string
		ok := p.text(&text)
		*k = with(text)
		return ok
	}
	if with, ok := searchNumbers[name]; ok {
		var n uint64
		ok := d.ExpectNumber64(&n)
		*k = with(int64(n))
		return ok
	}
	switch name {
	case "UID":
		return p.set(true, k)
	case "NOT":
		var sub key
		ok := p.key(&sub)
		if ok {
			*k = noneOf(sub)
		}
		return ok
	case "OR":
		var a, b key
		if !p.key(&a) || !d.ExpectSP() || !p.key(&b) {
			return false
		}
		*k = anyOf(a, b)
		return true
	case "FUZZY": // RFC 6203: every search takes words as people mean them
		p.fuzzy = true
		return p.key(k)
	case "KEYWORD", "UNKEYWORD":
		var f string
		ok := d.ExpectAtom(&f)
		if *k = flagKey(imap.Flag(f)); name == "UNKEYWORD" {
			*k = noneOf(*k)
		}
		return ok
	case "HEADER":
		var field, text string
		ok := d.ExpectAString(&field) && d.ExpectSP() && p.text(&text)
		*k = headerKey(strings.TrimSuffix(field, ":"), text)
		return ok
	case "MODSEQ":
		return p.modSeqArgs(k)
	}
	return d.Bad("There is no search key " + name + ".")
}

// text takes a text to be searched for.
func (p *searchParser) text(s *string) bool {
	if !p.d.ExpectAString(s) {
		return false
	}
	if !utf8.ValidString(*s) {
		*s = strings.ToValidUTF8(*s, "\ufffd")
	}
	return true
}

// modSeqArgs takes what stands behind MODSEQ: a mod-sequence, before which may
// stand the name and type of a flag's entry. One mod-sequence serves all of a
// message here, so they change nothing (RFC 7162 §3.1.5).
func (p *searchParser) modSeqArgs(k *key) bool {
	d := p.d
	p.modSeq = true
	var entry, kind string
	if d.Peek() == '"' && !(d.ExpectString(&entry) && d.ExpectSP() && d.ExpectName(&kind) && d.ExpectSP()) {
		return false
	}
	var n uint64
	ok := d.ExpectNumber64(&n)
	*k = modSeqKey(n)
	return ok
}

// knownCharset reports whether a search may be in this charset: text is taken
// as UTF-8, of which US-ASCII is a part.
func knownCharset(name string) bool {
	switch strings.ToUpper(name) {
	case "", "UTF-8", "UTF8", "US-ASCII", "ASCII":
		return true
	}
	return false
}

// errCharset answers a search in another charset (RFC 3501 §6.4.4).
func errCharset(name string) error {
	return no("BADCHARSET (US-ASCII UTF-8)", "The charset %.40q is not known.", name)
}

// errUIDRequired answers what uses sequence numbers after the client has said
// that it uses none (RFC 9586 §3).
var errUIDRequired = &imap.Error{
	Type: imap.StatusResponseTypeBad, Code: "UIDREQUIRED", Text: "After ENABLE UIDONLY there are no sequence numbers.",
}
