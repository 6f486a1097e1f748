package clientconf

import "encoding/xml"

// autoconfig is the root of Thunderbird's config-v1.1.xml.
type autoconfig struct {
	XMLName  xml.Name           `xml:"clientConfig"`
	Version  string             `xml:"version,attr"`
	Provider autoconfigProvider `xml:"emailProvider"`
}

type autoconfigProvider struct {
	ID        string             `xml:"id,attr"`
	Domain    string             `xml:"domain"`
	Name      string             `xml:"displayName"`
	ShortName string             `xml:"displayShortName"`
	Incoming  autoconfigServer   `xml:"incomingServer"`
	Outgoing  []autoconfigServer `xml:"outgoingServer"`
}

type autoconfigServer struct {
	Type           string `xml:"type,attr"`
	Host           string `xml:"hostname"`
	Port           int    `xml:"port"`
	Socket         string `xml:"socketType"`
	User           string `xml:"username"`
	Authentication string `xml:"authentication"`
}

func autoconfigOf(kind string, s Server) autoconfigServer {
	socket := "SSL"
	if s.StartTLS {
		socket = "STARTTLS"
	}
	return autoconfigServer{Type: kind, Host: s.Host, Port: s.Port, Socket: socket, User: s.User, Authentication: "password-cleartext"}
}

// Autoconfig gives the answer to config-v1.1.xml (text/xml), which
// Thunderbird, K-9, FairEmail and others ask for.
func Autoconfig(a Account) ([]byte, error) {
	c := autoconfig{Version: "1.1", Provider: autoconfigProvider{
		ID: domain(a.Address), Domain: domain(a.Address), Name: a.Name, ShortName: a.Name,
		Incoming: autoconfigOf("imap", a.IMAP),
	}}
	if a.SMTP != nil {
		c.Provider.Outgoing = []autoconfigServer{autoconfigOf("smtp", *a.SMTP)}
	}
	return document(c)
}

// document writes an XML document.
func document(v any) ([]byte, error) {
	b, err := xml.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	return append([]byte(xml.Header), append(b, '\n')...), nil
}
