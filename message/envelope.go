package message

// Bounds of the lists of addresses.
const (
	maxAddresses = 4096
	maxSenders   = 64
)

// appendEnvelope appends the ENVELOPE of a mail with this header (RFC 3501
// §7.4.2). Sender and Reply-To are From where they name nobody; the words of
// RFC 2047 stay as they are.
func (h *header) appendEnvelope(b []byte) []byte {
	from := appendAddresses(nil, h.from.s, maxSenders, []byte("NIL"))
	b = append(b, '(')
	b = appendNString(b, h.date)
	b = append(b, ' ')
	b = appendNString(b, h.subject)
	b = append(b, ' ')
	b = append(b, from...)
	b = append(b, ' ')
	b = appendAddresses(b, h.sender.s, maxSenders, from)
	b = append(b, ' ')
	b = appendAddresses(b, h.replyTo.s, maxSenders, from)
	for _, v := range []value{h.to, h.cc, h.bcc} {
		b = append(b, ' ')
		b = appendAddresses(b, v.s, maxAddresses, []byte("NIL"))
	}
	b = append(b, ' ')
	b = appendNString(b, h.inReplyTo)
	b = append(b, ' ')
	b = appendNString(b, h.messageID)
	return append(b, ')')
}

func appendAddresses(b []byte, v string, most int, none []byte) []byte {
	list := parseAddresses(v, most)
	if len(list) == 0 {
		return append(b, none...)
	}
	b = append(b, '(')
	for _, a := range list {
		b = append(b, '(')
		b = appendNonEmpty(b, a.name)
		b = append(b, ' ')
		b = appendNonEmpty(b, a.route)
		b = append(b, ' ')
		switch a.kind {
		case groupStart:
			b = appendString(b, a.mailbox)
			b = append(b, " NIL"...)
		case groupEnd:
			b = append(b, "NIL NIL"...)
		default:
			// NIL would mean a group; Dovecot's words for what is missing.
			b = appendString(b, or(a.mailbox, "MISSING_MAILBOX"))
			b = append(b, ' ')
			b = appendString(b, or(a.host, "MISSING_DOMAIN"))
		}
		b = append(b, ')')
	}
	return append(b, ')')
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// firstSender gives the first address of a list for people.
func firstSender(list []address) string {
	for _, a := range list {
		if a.kind != single {
			continue
		}
		addr := a.mailbox
		if a.host != "" {
			addr += "@" + a.host
		}
		name := DecodeHeader(a.name)
		switch addr = DecodeHeader(addr); {
		case name == "":
			return addr
		case addr == "":
			return name
		}
		return name + " <" + addr + ">"
	}
	return ""
}
