package message

import "time"

// Message is what one pass over a mail found.
type Message struct {
	Root *Part
	Size int64

	Envelope      []byte // RFC 3501 envelope, ready for the wire
	BodyStructure []byte // RFC 3501 body with extension data, ready for the wire

	// Header holds the header fields that clients list and search, each as in
	// the mail with its CRLF, in the mail's order; no blank line at its end.
	// HeaderComplete: no field of the mail was left out.
	// Of a big header those are here that Kept names, or none at all.
	Header         []byte
	HeaderComplete bool

	Subject    string   // decoded (RFC 2047), one line
	From       string   // the first sender, decoded: "Name <address>" or the address
	MessageID  string   // with angle brackets, "" where there is none
	InReplyTo  []string // Message-IDs with angle brackets
	References []string // likewise, oldest first; bounded

	Date     time.Time   // of the Date field; zero where it is missing or unreadable
	Received []time.Time // of the Received fields that could be read, topmost first; bounded
}

// Part is a node of the MIME tree. Offsets count from the mail's first octet.
// The header, its blank line included, is [Header, Body); the body is
// [Body, End).
type Part struct {
	Header, Body, End int64
	Lines             int64 // of the body

	Type, Subtype string // lower case; what RFC 2045 says in doubt
	Encoding      string // Content-Transfer-Encoding, lower case; "7bit" in doubt
	Charset       string // of text parts, as written, "" where not said
	FileName      string // decoded (RFC 2047, RFC 2231)
	Attachment    bool   // Content-Disposition says so

	// Children are a multipart's parts. Of a message/rfc822 the only child is
	// the embedded mail's root, whose Header is the parent's Body.
	Children []*Part
}

// IsMultipart reports whether the part's children are numbered 1, 2, ….
func (p *Part) IsMultipart() bool { return p.Type == "multipart" && len(p.Children) > 0 }

// IsMessage reports whether the part holds another mail.
func (p *Part) IsMessage() bool {
	return p.Type == "message" && (p.Subtype == "rfc822" || p.Subtype == "global") && len(p.Children) == 1
}

// Find gives the part that an IMAP section's numbers name (RFC 3501 §6.4.5);
// nil where there is none. No numbers: the mail itself.
//
// A mail that is no multipart has one part, 1, which is its body: the part
// given is then that mail's root. Numbers after a message/rfc822 count in the
// embedded mail. So the header of the part that is given is, of an embedded
// mail's part 1, that mail's.
func (p *Part) Find(numbers []int) *Part {
	mail := true // the next number counts in p as in a mail
	for _, n := range numbers {
		if !mail && p.IsMessage() {
			p, mail = p.Children[0], true
		}
		switch {
		case p.IsMultipart():
			if n < 1 || n > len(p.Children) {
				return nil
			}
			p = p.Children[n-1]
		case !mail || n != 1:
			return nil
		}
		mail = false
	}
	return p
}
