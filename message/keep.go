package message

// keeper gathers Message.Header: all fields of a modest header, of a big one
// those that clients list and search.
type keeper struct {
	buf    []byte
	fields []keptField
	left   bool // something was left out
	over   bool // even what clients want is too much
}

type keptField struct {
	length int
	wanted bool
}

const (
	modestHeader = 16 << 10
	wantedHeader = 64 << 10
)

func (k *keeper) add(h *header) {
	if h.full {
		k.drop()
		return
	}
	n := fieldName(h.field)
	if n == 0 {
		return
	}
	f := keptField{len(h.field), Kept(string(h.field[:n]))}
	switch {
	case k.over:
		return
	case f.wanted && h.cut:
		k.drop()
		return
	case !k.left && len(k.buf)+f.length+2 > modestHeader:
		k.left = true
		k.filter()
	}
	if k.left && !f.wanted {
		return
	}
	if len(k.buf)+f.length+2 > wantedHeader {
		k.drop()
		return
	}
	k.buf = append(k.buf, h.field...)
	if k.buf[len(k.buf)-1] != '\n' { // the mail ended here
		k.buf = append(k.buf, "\r\n"...)
		f.length += 2
	}
	k.fields = append(k.fields, f)
}

// filter takes out what clients rarely ask for.
func (k *keeper) filter() {
	var fields []keptField
	in, out := 0, 0
	for _, f := range k.fields {
		if f.wanted {
			out += copy(k.buf[out:], k.buf[in:in+f.length])
			fields = append(fields, f)
		}
		in += f.length
	}
	k.buf, k.fields = k.buf[:out], fields
}

// drop gives up: a field that is there must not seem to be missing.
func (k *keeper) drop() { *k = keeper{left: true, over: true} }

// Kept reports whether Message.Header has all the mail's fields of that name
// also where HeaderComplete is false, as long as it is not empty.
func Kept(name string) bool { return keptNames[lowerName([]byte(name))] }

var keptNames = func() map[string]bool {
	m := map[string]bool{}
	for _, name := range []string{
		"from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date",
		"message-id", "in-reply-to", "references", "newsgroups", "followup-to",
		"content-type", "content-transfer-encoding", "mime-version",
		"priority", "x-priority", "x-msmail-priority", "importance", "sensitivity",
		"list-id", "list-post", "list-help", "list-archive", "list-unsubscribe",
		"list-unsubscribe-post", "list-subscribe", "list-owner",
		"disposition-notification-to", "return-receipt-to", "return-path", "delivered-to",
		"auto-submitted", "precedence", "x-mailer", "user-agent",
		"x-spam-flag", "x-spam-status", "x-spam-level",
	} {
		m[name] = true
	}
	return m
}()
