package message

import "strings"

// describe files what a part's header says of it, in doubt what RFC 2045 §5.2
// and §6.1 say. digest: the part stands in a multipart/digest. leaf: it may
// hold no parts.
func (n *node) describe(h *header, digest, leaf bool) {
	n.Type, n.Subtype = "text", "plain"
	if digest {
		n.Type, n.Subtype = "message", "rfc822"
	}
	kind, rest := cutToken(h.contentType.s)
	params := parseParams(rest)
	if t, sub, ok := strings.Cut(kind, "/"); ok && isToken(t) && isToken(sub) {
		n.Type, n.Subtype = lower(t), lower(sub)
	}
	if leaf && (n.Type == "multipart" || n.isMail()) {
		n.Type, n.Subtype = "application", "octet-stream"
	}
	n.Encoding = "7bit"
	if e, _ := cutToken(h.encoding.s); isToken(e) {
		n.Encoding = lower(e)
	}
	if n.Type == "text" {
		n.Charset = strings.Clone(clip(params.get("charset"), 64))
	}

	disposition, rest := cutToken(h.disposition.s)
	var dispParams parameters
	if isToken(disposition) {
		disposition = lower(disposition)
		dispParams = parseParams(rest)
	} else {
		disposition = ""
	}
	// What is not known is an attachment (RFC 2183 §2.8).
	n.Attachment = disposition != "" && disposition != "inline"
	if n.FileName = dispParams.decoded("filename"); n.FileName == "" {
		n.FileName = params.decoded("name")
	}
	n.FileName = strings.Clone(clip(n.FileName, 1024))

	if n.Type == "multipart" {
		n.boundary = boundary(params.get("boundary"))
		n.digest = n.Subtype == "digest"
	}
	n.wire(h, params, disposition, dispParams)
	if n.mail {
		n.envelope = h.appendEnvelope(nil)
	}
}

// boundary gives what delimiters begin with; "" where that cannot be.
func boundary(b string) string {
	b = strings.TrimRight(b, " \t")
	if len(b) > maxBoundary {
		return ""
	}
	return strings.Clone(b)
}

// lower gives a copy that does not hold the header it stood in.
func lower(s string) string { return strings.Clone(strings.ToLower(s)) }

// isToken: RFC 2045 §5.1, of a length that names have.
func isToken(s string) bool {
	if s == "" || len(s) > 127 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 127 || strings.IndexByte(`()<>@,;:\"/[]?=`, c) >= 0 {
			return false
		}
	}
	return true
}

// clip cuts s to at most n octets, at a rune's border.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
