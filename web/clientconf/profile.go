package clientconf

import (
	"crypto/sha256"
	"fmt"

	"howett.net/plist"
)

// Profile gives Apple's configuration profile
// (application/x-apple-aspen-config) with the account and, where ca is not
// nil, the authority (DER) to trust. id is a stable name of the device: a
// profile that is installed again replaces the one before.
func Profile(a Account, ca []byte, id string) ([]byte, error) {
	root := "heimpost." + id
	mail := map[string]any{
		"PayloadType":                            "com.apple.mail.managed",
		"PayloadVersion":                         1,
		"PayloadIdentifier":                      root + ".mail",
		"PayloadUUID":                            uuid(root + ".mail"),
		"PayloadDisplayName":                     a.Name,
		"EmailAccountType":                       "EmailTypeIMAP",
		"EmailAccountDescription":                a.Name,
		"EmailAccountName":                       a.Person,
		"EmailAddress":                           a.Address,
		"IncomingMailServerAuthentication":       "EmailAuthPassword",
		"IncomingMailServerHostName":             a.IMAP.Host,
		"IncomingMailServerPortNumber":           a.IMAP.Port,
		"IncomingMailServerUseSSL":               true,
		"IncomingMailServerUsername":             a.IMAP.User,
		"OutgoingPasswordSameAsIncomingPassword": false,
	}
	// Apple demands an outgoing server; without a known one the account could
	// not be installed, so the provider's usual name is offered.
	out := Server{Host: "smtp." + domain(a.Address), Port: 465, User: a.Address}
	if a.SMTP != nil {
		out = *a.SMTP
	}
	mail["OutgoingMailServerAuthentication"] = "EmailAuthPassword"
	mail["OutgoingMailServerHostName"] = out.Host
	mail["OutgoingMailServerPortNumber"] = out.Port
	mail["OutgoingMailServerUseSSL"] = true
	mail["OutgoingMailServerUsername"] = out.User
	content := []any{mail}
	if ca != nil {
		content = append([]any{map[string]any{
			"PayloadType":                "com.apple.security.root",
			"PayloadVersion":             1,
			"PayloadIdentifier":          root + ".ca",
			"PayloadUUID":                uuid(root + ".ca"),
			"PayloadDisplayName":         "Heimpost CA",
			"PayloadCertificateFileName": "heimpost-ca.crt",
			"PayloadContent":             ca,
		}}, content...)
	}
	return plist.MarshalIndent(map[string]any{
		"PayloadType":        "Configuration",
		"PayloadVersion":     1,
		"PayloadIdentifier":  root,
		"PayloadUUID":        uuid(root),
		"PayloadDisplayName": a.Name,
		"PayloadContent":     content,
	}, plist.XMLFormat, "\t")
}

// uuid makes the UUID that belongs to a name (RFC 9562 §5.8).
func uuid(name string) string {
	b := sha256.Sum256([]byte(name))
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
