package exchange

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// Programs that keep mail in mbox files remember its marks in header fields.
// Those that stand directly behind the From_ line belong to the file and not
// to the mail, like that line: there Thunderbird puts its own, and so does
// Export. They are taken off, so that a mail is, octet for octet, what came by
// POP3. Marks that stand among the mail's own fields are read and left there.

// marks is what an mbox file says of a mail.
type marks struct {
	flags []imap.Flag
	gone  bool // Thunderbird has deleted it, and not yet made the file shorter
	own   bool // Export wrote them
	cut   bool // its last line has no end
}

// containerFields are the fields that are not the mail's own if they come
// first.
var containerFields = []string{"Status", "X-Status", "X-Keywords", "X-Mozilla-Status", "X-Mozilla-Status2", "X-Mozilla-Keys",
	"X-Account-Key", "X-UIDL", "X-UID", "X-IMAPbase", "X-IMAP"}

// noLineEnd is the field by which Export says that a mail's last line has no
// end: in an mbox file it must have one.
const noLineEnd = "X-Heimpost-No-Line-End"

// ownFields are those that Export writes, in this order; what follows them is
// the mail, whatever it begins with.
var ownFields = []string{"Status", "X-Status", "X-Keywords"}

// readMarks reads the marks in a header and gives how many of its octets come
// before the mail.
func readMarks(header []byte) (m marks, skip int) {
	var first []string
	for line := range bytes.Lines(header) {
		name, value, ok := cutField(line)
		if !ok || !isOneOf(name, containerFields) {
			break
		}
		m.add(name, value)
		first = append(first, name)
		skip += len(line)
		if len(first) == len(ownFields) && sameFields(first, ownFields) {
			m.own = true
			rest := header[skip:]
			if line, _, _ := bytes.Cut(rest, []byte("\n")); bytes.HasPrefix(line, []byte(noLineEnd+":")) {
				_, value, _ := cutField(line)
				m.cut = value == "yes" // else it says that the next one is the mail's own
				skip += len(line) + 1
			}
			return m, min(skip, len(header))
		}
	}
	// Among a mail's own fields only those count that mbox programs write
	// there, not what a sender may have written: least of all "deleted".
	rest := header[skip:]
	if status := field(rest, "Status"); status != "" && strings.Trim(status, "RODUN") == "" {
		m.add("Status", status)
		m.add("X-Status", field(rest, "X-Status"))
		m.add("X-Keywords", field(rest, "X-Keywords"))
	}
	return m, skip
}

// cutField cuts a header's line in its name and value.
func cutField(line []byte) (name, value string, ok bool) {
	n, v, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(n) == 0 || n[0] == ' ' || n[0] == '\t' {
		return "", "", false
	}
	return string(n), strings.TrimSpace(string(v)), true
}

// field gives the value of a header's first field of a name.
func field(header []byte, name string) string {
	for line := range bytes.Lines(header) {
		if n, v, ok := cutField(line); ok && strings.EqualFold(n, name) {
			return v
		}
	}
	return ""
}

// unfolded gives a header whose fields have one line each.
func unfolded(header []byte) []byte {
	return []byte(strings.NewReplacer("\r\n ", " ", "\r\n\t", " ").Replace(string(header)))
}

func isOneOf(name string, list []string) bool {
	for _, n := range list {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

func sameFields(a, b []string) bool {
	for i := range b {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// add takes one field.
func (m *marks) add(name, value string) {
	switch strings.ToLower(name) {
	case "status":
		m.letters(value, map[rune]imap.Flag{'R': imap.FlagSeen, 'D': imap.FlagDeleted})
	case "x-status":
		m.letters(value, map[rune]imap.Flag{'A': imap.FlagAnswered, 'F': imap.FlagFlagged, 'D': imap.FlagDeleted, 'T': imap.FlagDraft})
	case "x-mozilla-status":
		n, err := strconv.ParseUint(value, 16, 32)
		if err != nil {
			return
		}
		for bit, flag := range map[uint64]imap.Flag{1: imap.FlagSeen, 2: imap.FlagAnswered, 4: imap.FlagFlagged, 0x1000: imap.FlagForwarded} {
			if n&bit != 0 {
				m.flags = append(m.flags, flag)
			}
		}
		m.gone = m.gone || n&8 != 0
	case "x-keywords", "x-mozilla-keys":
		for word := range strings.FieldsSeq(value) {
			m.flags = append(m.flags, imap.Flag(word))
		}
	}
}

func (m *marks) letters(value string, flags map[rune]imap.Flag) {
	for _, r := range value {
		if f, ok := flags[r]; ok {
			m.flags = append(m.flags, f)
		}
	}
}
