package wire

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-imap/v2"
)

// Classes of octets (RFC 3501 §9).
const (
	atomChar    uint8 = 1 << iota
	astringChar       // ATOM-CHAR and ']'
	listChar          // astringChar and wildcards
	digit
	nameChar   // what names of commands, FETCH items and search keys consist of
	tagChar    // astringChar but '+'
	base64Char // RFC 4648 §4
	textChar   // all but CR and LF
)

var classes = func() (c [256]uint8) {
	for b := range c {
		b := byte(b)
		if b != '\r' && b != '\n' {
			c[b] |= textChar
		}
		if b <= ' ' || b >= 0x7f {
			continue
		}
		if !strings.ContainsRune(`(){%*"\]`, rune(b)) {
			c[b] |= atomChar
		}
		if c[b]&atomChar != 0 || b == ']' {
			c[b] |= astringChar | listChar
			if b != '+' {
				c[b] |= tagChar
			}
		}
		if b == '%' || b == '*' {
			c[b] |= listChar
		}
		isDigit := b >= '0' && b <= '9'
		isAlpha := b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
		if isDigit {
			c[b] |= digit
		}
		if isDigit || isAlpha || strings.ContainsRune(".-_=", rune(b)) {
			c[b] |= nameChar
		}
		if isDigit || isAlpha || strings.ContainsRune("+/=", rune(b)) {
			c[b] |= base64Char
		}
	}
	return c
}()

// Tag takes a command's tag.
func (d *Decoder) Tag(s *string) bool { return d.token(tagChar, s) }

// Atom takes an atom.
func (d *Decoder) Atom(s *string) bool { return d.token(atomChar, s) }

// ExpectAtom wants an atom.
func (d *Decoder) ExpectAtom(s *string) bool { return d.Expect(d.Atom(s), "an atom") }

// Name takes the name of a command, an item or a key: letters, digits and
// ".-_=". It is given in upper case.
func (d *Decoder) Name(s *string) bool {
	if !d.token(nameChar, s) {
		return false
	}
	*s = strings.ToUpper(*s)
	return true
}

// ExpectName wants the name of a command, an item or a key.
func (d *Decoder) ExpectName(s *string) bool { return d.Expect(d.Name(s), "a word") }

// Base64 takes what base64 consists of; it is not decoded.
func (d *Decoder) Base64(s *string) bool { return d.token(base64Char, s) }

// Text takes the rest of the line, which may be empty.
func (d *Decoder) Text(s *string) bool {
	d.take(textChar)
	*s = string(d.tok)
	return d.err == nil
}

func (d *Decoder) token(class uint8, s *string) bool {
	if !d.take(class) {
		return false
	}
	*s = string(d.tok)
	return true
}

// Quoted takes a quoted string.
func (d *Decoder) Quoted(s *string) bool {
	if !d.Special('"') {
		return false
	}
	d.tok = d.tok[:0]
	for {
		b, ok := d.peek()
		if !ok {
			return false
		}
		switch b {
		case '\r', '\n', 0:
			d.cut = append(d.cut[:0], d.tok[max(0, len(d.tok)-maxAnnounced):]...)
			return d.Bad("A quoted string has no end.")
		case '"':
			d.skip()
			*s = string(d.tok)
			return d.err == nil
		case '\\':
			d.skip()
			if b, ok = d.peek(); !ok || b != '"' && b != '\\' {
				return d.Bad(`Only " and \ can be quoted by \.`)
			}
		}
		d.skip()
		d.tok = append(d.tok, b)
	}
}

// String takes a quoted string or a literal.
func (d *Decoder) String(s *string) bool { return d.Quoted(s) || d.keptLiteral(s) }

// ExpectString wants a quoted string or a literal.
func (d *Decoder) ExpectString(s *string) bool { return d.Expect(d.String(s), "a string") }

// AString takes an atom (in which ']' may stand) or a string.
func (d *Decoder) AString(s *string) bool { return d.token(astringChar, s) || d.String(s) }

// ExpectAString wants an atom or a string.
func (d *Decoder) ExpectAString(s *string) bool { return d.Expect(d.AString(s), "an atom or a string") }

// ExpectNString wants a string or NIL, for which ok becomes false.
func (d *Decoder) ExpectNString(s *string, ok *bool) bool {
	if *ok = d.String(s); *ok {
		return true
	}
	var nil_ string
	if d.token(atomChar, &nil_) {
		*s = ""
		if !strings.EqualFold(nil_, "NIL") {
			return d.Bad("Expected a string or NIL.")
		}
		return true
	}
	return d.Expect(false, "a string or NIL")
}

// Mailbox takes a mailbox name and gives it in UTF-8; INBOX is not folded.
func (d *Decoder) Mailbox(s *string) bool { return d.AString(s) && d.name(s) }

// ExpectMailbox wants a mailbox name.
func (d *Decoder) ExpectMailbox(s *string) bool { return d.Expect(d.Mailbox(s), "a mailbox name") }

// ListMailbox takes a LIST pattern, a mailbox name with wildcards, and gives
// it in UTF-8.
func (d *Decoder) ListMailbox(s *string) bool {
	return (d.token(listChar, s) || d.String(s)) && d.name(s)
}

// ExpectListMailbox wants a LIST pattern.
func (d *Decoder) ExpectListMailbox(s *string) bool {
	return d.Expect(d.ListMailbox(s), "a mailbox name or a pattern")
}

// name decodes a mailbox name as it was sent.
func (d *Decoder) name(s *string) bool {
	if d.UTF8 {
		if !utf8.ValidString(*s) {
			return d.Bad("The mailbox name is not valid UTF-8.")
		}
		return true
	}
	name, err := DecodeUTF7(*s)
	if err != nil {
		return d.Bad("The mailbox name is not valid modified UTF-7 (RFC 3501, section 5.1.3).")
	}
	*s = name
	return true
}

// systemFlags are flags in their usual spelling.
var systemFlags = map[string]imap.Flag{
	`\seen`: imap.FlagSeen, `\answered`: imap.FlagAnswered, `\flagged`: imap.FlagFlagged,
	`\deleted`: imap.FlagDeleted, `\draft`: imap.FlagDraft, `\recent`: `\Recent`,
}

// Flag takes a flag; those of RFC 3501 are given in their usual spelling.
func (d *Decoder) Flag(f *imap.Flag) bool {
	system := d.Special('\\')
	var s string
	if !d.token(atomChar, &s) {
		return system && d.Bad("Expected a flag.")
	}
	if system {
		s = `\` + s
		if known, ok := systemFlags[strings.ToLower(s)]; ok {
			s = string(known)
		}
	}
	*f = imap.Flag(s)
	return true
}

// FlagList takes flags in parentheses.
func (d *Decoder) FlagList(flags *[]imap.Flag) bool {
	*flags = nil
	return d.List(func() bool {
		var f imap.Flag
		if !d.Expect(d.Flag(&f), "a flag") {
			return false
		}
		*flags = append(*flags, f)
		return true
	})
}

// ExpectFlagList wants flags in parentheses.
func (d *Decoder) ExpectFlagList(flags *[]imap.Flag) bool {
	return d.Expect(d.FlagList(flags), "a list of flags")
}

// Layouts of dates (RFC 3501 §9). Days of one digit come with a space, with a
// zero or with nothing.
const (
	dateLayout     = "2-Jan-2006"
	dateTimeLayout = "_2-Jan-2006 15:04:05 -0700"
)

// Date takes a date without a time; it is given in UTC.
func (d *Decoder) Date(t *time.Time) bool {
	var s string
	if !d.Quoted(&s) && !d.token(atomChar, &s) {
		return false
	}
	got, err := time.Parse(dateLayout, strings.TrimLeft(s, " "))
	if err != nil {
		return d.Bad("Expected a date such as 1-Feb-2024.")
	}
	*t = got
	return true
}

// ExpectDate wants a date.
func (d *Decoder) ExpectDate(t *time.Time) bool { return d.Expect(d.Date(t), "a date") }

// DateTime takes a quoted date with time and zone.
func (d *Decoder) DateTime(t *time.Time) bool {
	var s string
	if !d.Quoted(&s) {
		return false
	}
	got, err := time.Parse(dateTimeLayout, s)
	if err != nil {
		if got, err = time.Parse("2-Jan-2006 15:04:05 -0700", strings.TrimLeft(s, " ")); err != nil {
			return d.Bad(`Expected a date and time such as " 1-Feb-2024 10:11:12 +0100".`)
		}
	}
	*t = got
	return true
}

// ExpectDateTime wants a quoted date with time and zone.
func (d *Decoder) ExpectDateTime(t *time.Time) bool {
	return d.Expect(d.DateTime(t), "a date and time")
}
