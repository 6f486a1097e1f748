package clientconf

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	requestSchema  = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
	answerSchema   = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
	responseSchema = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
	// maxRequest bounds what Outlook may ask.
	maxRequest = 16 << 10
)

// ErrNotForUs is an Autodiscover request for something other than a mail
// program's settings (phones ask for ActiveSync's).
var ErrNotForUs = errors.New("this kind of configuration is not offered")

// AutodiscoverRequest reads the address out of Outlook's request (POX).
func AutodiscoverRequest(r io.Reader) (address string, err error) {
	var req struct {
		XMLName xml.Name `xml:"Autodiscover"`
		Request struct {
			Address string `xml:"EMailAddress"`
			Schema  string `xml:"AcceptableResponseSchema"`
		} `xml:"Request"`
	}
	if err := xml.NewDecoder(io.LimitReader(r, maxRequest)).Decode(&req); err != nil {
		return "", fmt.Errorf("this is no Autodiscover request: %w", err)
	}
	if ns := req.XMLName.Space; ns != "" && ns != requestSchema {
		return "", ErrNotForUs
	}
	if s := req.Request.Schema; s != "" && s != responseSchema {
		return "", ErrNotForUs
	}
	return CleanAddress(req.Request.Address)
}

type pox struct {
	XMLName  xml.Name    `xml:"Autodiscover"`
	NS       string      `xml:"xmlns,attr"`
	Response poxResponse `xml:"Response"`
}

type poxResponse struct {
	NS        string        `xml:"xmlns,attr"`
	Name      string        `xml:"User>DisplayName"`
	Type      string        `xml:"Account>AccountType"`
	Action    string        `xml:"Account>Action"`
	Protocols []poxProtocol `xml:"Account>Protocol"`
}

type poxProtocol struct {
	Type           string `xml:"Type"`
	Server         string `xml:"Server"`
	Port           int    `xml:"Port"`
	DomainRequired string `xml:"DomainRequired"`
	LoginName      string `xml:"LoginName"`
	SPA            string `xml:"SPA"`
	SSL            string `xml:"SSL"`
	Encryption     string `xml:"Encryption,omitempty"` // Outlook 2010 and later
	AuthRequired   string `xml:"AuthRequired"`
	UsePOPAuth     string `xml:"UsePOPAuth,omitempty"`
	SMTPLast       string `xml:"SMTPLast,omitempty"`
}

func poxOf(kind string, s Server) poxProtocol {
	p := poxProtocol{Type: kind, Server: s.Host, Port: s.Port, DomainRequired: "off", LoginName: s.User, SPA: "off", SSL: "on", AuthRequired: "on"}
	if s.StartTLS {
		p.Encryption = "TLS"
	}
	return p
}

// Autodiscover gives the answer to Outlook's request (POX, text/xml).
func Autodiscover(a Account) ([]byte, error) {
	r := pox{NS: answerSchema, Response: poxResponse{NS: responseSchema, Name: a.Person, Type: "email", Action: "settings",
		Protocols: []poxProtocol{poxOf("IMAP", a.IMAP)}}}
	if r.Response.Name == "" {
		r.Response.Name = a.Name
	}
	if a.SMTP != nil {
		p := poxOf("SMTP", *a.SMTP)
		p.UsePOPAuth, p.SMTPLast = "on", "off"
		r.Response.Protocols = append(r.Response.Protocols, p)
	}
	return document(r)
}

// AutodiscoverJSON gives the answer to autodiscover.json for a protocol's
// name, compared without case; url is where Autodiscover answers. ok is false
// for other protocols: the answer belongs to status 400 then.
func AutodiscoverJSON(protocol, url string) (body []byte, ok bool, err error) {
	if strings.EqualFold(protocol, "AutodiscoverV1") {
		body, err = json.Marshal(map[string]string{"Protocol": "AutodiscoverV1", "Url": url})
		return body, true, err
	}
	body, err = json.Marshal(map[string]string{
		"ErrorCode":    "InvalidProtocol",
		"ErrorMessage": fmt.Sprintf("The given protocol value '%.40s' is invalid. Supported values are 'AutodiscoverV1'", protocol),
	})
	return body, false, err
}
